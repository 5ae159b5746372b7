# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys and certificates of the simulated cluster. Test use only: the default keys are published test vectors."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import ipaddress
import secrets

import collection_path
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VECTOR_CERTIFICATES = collection_path.ROOT / "tests" / "vectors" / "ctl" / "certs"
IPSEC_END_SYSTEM = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.5")
_KEY_PEM = (
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption(),
)


@dataclasses.dataclass(frozen=True)
class Identity:
    """A server certificate with its key; C(pem) and C(key_pem) are bytes. C(chain): identities presented with it."""

    der: bytes
    key: object = dataclasses.field(repr=False)
    chain: tuple = ()

    @functools.cached_property
    def certificate(self):
        return x509.load_der_x509_certificate(self.der)

    @property
    def pem(self):
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self):
        return self.key.private_bytes(*_KEY_PEM)

    @classmethod
    def from_pem(cls, octets):
        certificate = x509.load_pem_x509_certificate(octets)
        return cls(certificate.public_bytes(serialization.Encoding.DER), load_key(octets))


@functools.lru_cache(maxsize=64)
def load_key(pem):
    """A private key; loading one checks it, which takes long enough to remember it."""
    return serialization.load_pem_private_key(pem, None)


@functools.lru_cache(maxsize=None)
def vector(name):
    """The identity of tests/vectors/ctl/certs/<name>.pem."""
    return Identity.from_pem((VECTOR_CERTIFICATES / (name + ".pem")).read_bytes())


def new_key():
    return rsa.generate_private_key(65537, 2048)


def subject(common_name):
    return x509.Name([
        x509.NameAttribute(NameOID.COUNTRY_NAME, "NZ"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "example"),
        x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "lab"),
        x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        x509.NameAttribute(NameOID.STATE_OR_PROVINCE_NAME, "Nowhere"),
        x509.NameAttribute(NameOID.LOCALITY_NAME, "Town"),
    ])


def key_usage(*names):
    all_names = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )
    return x509.KeyUsage(**{name: name in names for name in all_names})


def _builder(name, issuer, public_key, start, end):
    return (
        x509.CertificateBuilder().subject_name(name).issuer_name(issuer).public_key(public_key)
        .serial_number(int.from_bytes(b"\x01" + secrets.token_bytes(15), "big"))
        .not_valid_before(start).not_valid_after(end)
    )


def _own_validity(days):
    """From a day ago; negative days: over already."""
    now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    end = now + datetime.timedelta(days=days)
    return min(now, end) - datetime.timedelta(days=1), end


def _identity(builder, key, issuer=None):
    certificate = builder.sign(issuer.key if issuer else key, hashes.SHA256())
    return Identity(certificate.public_bytes(serialization.Encoding.DER), key)


def capf_authority(common_name, key=None, issuer=None, path_length=0, days=20 * 365):
    """A CAPF certificate with the profile Cisco demands: CA, pathlen 0, digitalSignature and keyCertSign.

    issuer: the Identity that signs it; by default it signs itself. path_length None: an authority above others.
    """
    key = key or new_key()
    name = subject(common_name)
    builder = _builder(name, issuer.certificate.subject if issuer else name, key.public_key(), *_own_validity(days))
    builder = builder.add_extension(x509.BasicConstraints(True, path_length), True)
    builder = builder.add_extension(key_usage("digital_signature", "key_cert_sign"), True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    return _identity(builder, key, issuer)


def server(common_name, key=None, hosts=(), issuer=None, days=20 * 365):
    """A server certificate as CallManager, ITLRecovery and tomcat have it, signed by itself or an issuer."""
    key = key or new_key()
    name = subject(common_name)
    builder = _builder(name, issuer.certificate.subject if issuer else name, key.public_key(), *_own_validity(days))
    builder = builder.add_extension(
        key_usage("digital_signature", "key_encipherment", "data_encipherment", "key_cert_sign"), False)
    builder = builder.add_extension(
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), False)
    if hosts:
        builder = builder.add_extension(x509.SubjectAlternativeName([_general_name(host) for host in hosts]), False)
        builder = builder.add_extension(x509.BasicConstraints(True, 0), True)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    return _identity(builder, key, issuer)


def _general_name(host):
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def issue_lsc(authority, spki_der, name, not_before, not_after):
    """DER of a locally significant certificate for C(name), as CAPF issues it to a client."""
    public_key = serialization.load_der_public_key(spki_der)
    inherited = [a for a in authority.certificate.subject if a.oid != NameOID.COMMON_NAME]
    names = [x509.NameAttribute(NameOID.COMMON_NAME, name[:64])] + inherited
    builder = _builder(x509.Name(names), authority.certificate.subject, public_key, not_before, not_after)
    builder = builder.add_extension(x509.BasicConstraints(False, None), True)
    builder = builder.add_extension(key_usage("digital_signature", "key_encipherment"), True)
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH, IPSEC_END_SYSTEM]
    builder = builder.add_extension(x509.ExtendedKeyUsage(usages), False)
    builder = builder.add_extension(
        x509.SubjectAlternativeName([x509.UniformResourceIdentifier(name)]), False)
    certificate = builder.sign(authority.key, hashes.SHA256())
    return certificate.public_bytes(serialization.Encoding.DER)
