# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Keys, certificates, signatures and the CTIQBE password: everything that needs the library cryptography.

Certificates travel as DER octets and keys as opaque objects between the other files. Works with
cryptography 3.4 and later.

Distributions disable algorithms in their libraries (SHA-1 in signatures, PKCS#1 v1.5, short keys, curves), while CUCM signs
as it always has. So RSA signatures are verified here with the public operation itself, which no policy affects; and what the
library of a host cannot do is reported as such (CannotHere), never as wrong data.
"""

from __future__ import annotations

import datetime
import functools
import hashlib
import secrets
import traceback
from dataclasses import dataclass

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _ctl, _foreign
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import (
    CannotHere,
    FormatError,
    InputError,
    MissingLibrary,
    TrustError,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._octets import digest as digest_of
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._subject_hash import subject_hash as hash_of_rdns

try:
    from cryptography import x509
    from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.backends import default_backend
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.padding import PKCS7
    from cryptography.hazmat.primitives.serialization import pkcs12
except ImportError:
    CRYPTOGRAPHY_IMPORT_ERROR = traceback.format_exc()
else:
    CRYPTOGRAPHY_IMPORT_ERROR = None

CURE_POLICY = (
    "See the table of platforms in the security guide for what to allow on this host, or use another interpreter or a newer cryptography.")
RSA_SIZES = (2048, 3072, 4096)
KEY_TYPES = ("rsa", "ec")
EC_SIZES = (256, 384, 521)


def require():
    """Raise MissingLibrary where cryptography cannot be imported; every entry point of this file calls it."""
    if CRYPTOGRAPHY_IMPORT_ERROR is not None:
        raise MissingLibrary("cryptography", CRYPTOGRAPHY_IMPORT_ERROR)


# Keys


def generate_key(kind, size):
    """A new private key: kind C(rsa) or C(ec), size in bits. Raises InputError for a size that CAPF does not support."""
    require()
    try:
        if kind == "rsa" and size in RSA_SIZES:
            return rsa.generate_private_key(public_exponent=65537, key_size=size, backend=default_backend())
        if kind == "ec" and size in EC_SIZES:
            curve = {256: ec.SECP256R1, 384: ec.SECP384R1, 521: ec.SECP521R1}[size]
            return ec.generate_private_key(curve(), default_backend())
    except (InternalError, UnsupportedAlgorithm, ValueError):
        raise CannotHere("this host cannot create a key of type %s with %d bits" % (kind, size),
                         cure="Its crypto policy or its library forbids it: choose another key, or allow it there.") from None
    raise InputError("a key of type %s with %s bits cannot be created" % (kind, size),
                     cure="Use rsa with 2048, 3072 or 4096, or ec with 256, 384 or 521 bits.")


def key_to_pem(key, passphrase=None):
    """PKCS#8 PEM octets, encrypted when there is a passphrase."""
    encryption = serialization.NoEncryption()
    if passphrase:
        encryption = serialization.BestAvailableEncryption(passphrase.encode("utf-8"))
    try:
        return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    except (InternalError, UnsupportedAlgorithm, ValueError):
        # FIPS providers require a longer salt or passphrase than the library gives them.
        raise CannotHere("this host cannot %s a private key" % ("encrypt" if passphrase else "write"), cure=(
            "Its crypto policy forbids how its library does it. %s%s" % (
                "Omit key_passphrase, or use a longer one. " * bool(passphrase), CURE_POLICY))) from None


def key_from_pem(octets, passphrase=None, where=""):
    """The private key in PEM octets. Raises FormatError without quoting any of them.

    The primes of an RSA key are not tested here, because that takes as long as creating a key; matches_key proves
    them with the certificate.
    """
    require()
    password = passphrase.encode("utf-8") if passphrase else None
    try:
        key = _load_key(octets, password)
        if isinstance(key, rsa.RSAPrivateKey) and not _fits_itself(key.private_numbers()):
            raise ValueError
        return key
    except TypeError:
        problem = "the key is encrypted and no passphrase was given" if not passphrase else \
            "a passphrase was given for a key that is not encrypted"
    except (InternalError, UnsupportedAlgorithm):
        raise CannotHere("this host cannot read the key: its library or crypto policy does not allow such keys, or such encryption",
                         where=where, cure="The key itself may be correct. %s" % CURE_POLICY) from None
    except ValueError:
        problem = "the key cannot be read%s" % (" with the passphrase given" if passphrase else "")
    raise FormatError(problem, where=where)


def _load_key(octets, password):
    try:
        return serialization.load_pem_private_key(
            octets, password, default_backend(), unsafe_skip_rsa_key_validation=True)
    except TypeError:
        # Either cryptography before 39, which does not know the parameter, or the passphrase, which is reported again.
        return serialization.load_pem_private_key(octets, password, default_backend())


def _fits_itself(numbers):
    """Whether the numbers of an RSA key belong together: everything that the library would check, except the primes.

    A signature does not show this: OpenSSL uses d if a prime is wrong, and the primes if d is.
    """
    public, p, q, d = numbers.public_numbers, numbers.p, numbers.q, numbers.d
    return (
        min(p, q) > 2 and p * q == public.n
        and public.e * d % (p - 1) == 1 and public.e * d % (q - 1) == 1
        and numbers.dmp1 == d % (p - 1) and numbers.dmq1 == d % (q - 1) and numbers.iqmp * q % p == 1)


def public_key_der(key):
    """SubjectPublicKeyInfo of a private or public key."""
    public = key.public_key() if hasattr(key, "public_key") else key
    return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def key_kind(key):
    """C(("rsa", bits)) or C(("ec", bits)) of a private or public key; another kind is named by its class."""
    public = key.public_key() if hasattr(key, "public_key") else key
    if isinstance(public, rsa.RSAPublicKey):
        return "rsa", public.key_size
    if isinstance(public, ec.EllipticCurvePublicKey):
        return "ec", public.curve.key_size
    return type(public).__name__.lower(), getattr(public, "key_size", 0)


def sign_raw_pkcs1(key, data):
    """RSA signature of the octets as they are: PKCS#1 v1.5 type 1 padding, no hash, no DigestInfo.

    CAPF's ENCRYPT_REQUEST requires this (observed with JTAPI 11.5 to 15). No release of the library signs raw octets of
    any length, hence the arithmetic. At most key size - 11 octets; raises FormatError for more, InputError for an EC
    key.
    """
    kind, bits = key_kind(key)
    if kind != "rsa":
        raise InputError("only an RSA key can sign CAPF's data block")
    size = (bits + 7) // 8
    if len(data) > size - 11:
        raise FormatError("%d octets to sign are too many for a key of %d bits" % (len(data), bits))
    block = b"\0\1" + b"\xff" * (size - 3 - len(data)) + b"\0" + data
    numbers = key.private_numbers()
    return pow(int.from_bytes(block, "big"), numbers.d, numbers.public_numbers.n).to_bytes(size, "big")


# Certificates


def load_certificate(octets, where=""):
    """The library's certificate object from DER or PEM octets. Raises FormatError."""
    require()
    try:
        if b"-----BEGIN CERTIFICATE-----" in octets:
            return x509.load_pem_x509_certificate(octets, default_backend())
        return x509.load_der_x509_certificate(octets, default_backend())
    except (InternalError, UnsupportedAlgorithm):
        raise CannotHere("this host cannot read the certificate", where=where, cure=CURE_POLICY) from None
    except ValueError:
        raise FormatError("this is not a readable X.509 certificate", where=where) from None


def public_key_of(certificate, where=""):
    """The public key of a certificate object. Raises CannotHere for a curve or a size that this host does not allow."""
    try:
        return certificate.public_key()
    except (InternalError, UnsupportedAlgorithm, ValueError):
        raise CannotHere("this host cannot use the key in the certificate of %s" % (
            certificate.subject.rfc4514_string() or "nobody"), where=where, verdict=CANNOT_VERIFY, cure=(
                "Its library or crypto policy does not support this curve or size. %s" % CURE_POLICY)) from None


def certificate_der(octets, where=""):
    """DER of a certificate given as DER or PEM."""
    return load_certificate(octets, where).public_bytes(serialization.Encoding.DER)


def certificate_pem(der):
    return load_certificate(der).public_bytes(serialization.Encoding.PEM)


def sha256(octets):
    return hashlib.sha256(octets).hexdigest()


def validity(certificate):
    """Aware begin and end of a certificate object, also where the library only knows naive UTC times."""
    if hasattr(certificate, "not_valid_after_utc"):
        return certificate.not_valid_before_utc, certificate.not_valid_after_utc
    utc = datetime.timezone.utc
    return certificate.not_valid_before.replace(tzinfo=utc), certificate.not_valid_after.replace(tzinfo=utc)


def expires(der):
    """Aware time at which the certificate ends."""
    return validity(load_certificate(der))[1]


def begins(der):
    """Aware time from which the certificate is valid."""
    return validity(load_certificate(der))[0]


def common_name(der):
    """The subject's first CN; an empty text without one."""
    names = load_certificate(der).subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return names[0].value if names else ""


def iso(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def certificate_facts(der):
    """What an operator wants to know about a certificate, as plain values; times as ISO 8601 in UTC."""
    return dict(_certificate_facts(der))


@functools.lru_cache(maxsize=64)  # an enrolment needs those of CAPF's certificate and of its own several times
def _certificate_facts(der):
    certificate = load_certificate(der)
    not_before, not_after = validity(certificate)
    try:
        kind, size = key_kind(public_key_of(certificate))
    except CannotHere:
        kind, size = UNKNOWN_KEY, 0
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        algorithm = None
    return {
        "subject": certificate.subject.rfc4514_string(),
        "issuer": certificate.issuer.rfc4514_string(),
        "common_name": common_name(der),
        "serial": "%x" % certificate.serial_number,
        "not_before": iso(not_before),
        "not_after": iso(not_after),
        "key_type": kind,
        "key_size": size,
        "signature_hash": algorithm.name if algorithm else "",
        "sha256_fingerprint": sha256(der),
    }


def subject_hash(der):
    """OpenSSL's subject hash, the stem of a certificate's file name."""
    names = [[(item.oid.dotted_string, item.value) for item in rdn] for rdn in load_certificate(der).subject.rdns]
    try:
        return hash_of_rdns(names)
    except ValueError:
        raise CannotHere("this host forbids SHA-1, by which certificate files are named", cure=CURE_POLICY) from None


def matches_key(der, key):
    """Whether the certificate is for this private key: it has its public key, and that verifies a signature of the key.

    For a key of key_from_pem this proves its primes, too: the modulus of the certificate has no other factors.
    """
    public_key = public_key_of(load_certificate(der))
    return public_key_der(public_key) == public_key_der(key) and _signs_for(key, public_key)


def _signs_for(key, public_key):
    octets = b"made and verified on the same host, and sent to nobody"
    try:
        if isinstance(key, rsa.RSAPrivateKey):
            signature = key.sign(octets, padding.PKCS1v15(), hashes.SHA256())
        elif isinstance(key, ec.EllipticCurvePrivateKey):
            signature = key.sign(octets, ec.ECDSA(hashes.SHA256()))
        else:
            return True  # no client has such a key; code that needs another one reports it
    except (InternalError, UnsupportedAlgorithm):
        if not isinstance(key, rsa.RSAPrivateKey):
            return True  # its public key is that of the certificate, and no more can be checked here
        signature = sign_raw_pkcs1(key, _digest_info("sha256", octets))
    except ValueError:
        return False
    return signature_fits(public_key, signature, octets, "sha256") is not False


# What a signature of PKCS#1 v1.5 holds before the digest (RFC 8017, section 9.2).
DIGEST_INFO = {
    "md5": "3020300c06082a864886f70d020505000410", "sha1": "3021300906052b0e03021a05000414",
    "sha224": "302d300d06096086480165030402040500041c", "sha256": "3031300d060960864801650304020105000420",
    "sha384": "3041300d060960864801650304020205000430", "sha512": "3051300d060960864801650304020305000440",
}
# Object identifiers of signatures that are PKCS#1 v1.5, by their digest; others are left to the library.
PKCS1 = {
    "1.2.840.113549.1.1.4": "md5", "1.2.840.113549.1.1.5": "sha1", "1.2.840.113549.1.1.14": "sha224",
    "1.2.840.113549.1.1.11": "sha256", "1.2.840.113549.1.1.12": "sha384", "1.2.840.113549.1.1.13": "sha512",
}
OF_EC = "1.2.840.10045."


def _digest_info(name, octets):
    """DigestInfo of RFC 8017, None where the host forbids the digest."""
    found = digest_of(name, octets)
    return None if found is None else bytes.fromhex(DIGEST_INFO[name]) + found


def signature_fits(public_key, signature, octets, name):
    """Whether a signature fits, None if this host cannot verify it. name: of the digest. RSA means PKCS#1 v1.5 here."""
    if isinstance(public_key, rsa.RSAPublicKey):
        return _rsa_signature_fits(public_key, signature, octets, name)
    algorithm = getattr(hashes, name.upper(), None)
    if not isinstance(public_key, ec.EllipticCurvePublicKey) or algorithm is None:
        return None
    try:
        public_key.verify(signature, octets, ec.ECDSA(algorithm()))
    except InvalidSignature:
        return False
    except (InternalError, UnsupportedAlgorithm, ValueError):
        return None
    return True


def _rsa_signature_fits(public_key, signature, octets, name):
    """The public operation, and the whole block compared with the expected one: nothing in it is parsed."""
    content = _digest_info(name, octets) if name in DIGEST_INFO else None
    if content is None:
        return None
    numbers = public_key.public_numbers()
    size = (numbers.n.bit_length() + 7) // 8
    opened = int.from_bytes(signature, "big")
    if len(signature) != size or opened >= numbers.n or size < len(content) + 11:
        return False
    block = b"\0\1" + b"\xff" * (size - 3 - len(content)) + b"\0" + content
    return pow(opened, numbers.e, numbers.n) == int.from_bytes(block, "big")


@functools.lru_cache(maxsize=64)  # asked when the certificate arrives, and again of the file that was written
def is_issued_by(der, issuer_der):
    """Whether issuer and signature of a certificate fit the other certificate; dates are not checked.

    None if the names fit but this host cannot verify the signature, which may be correct.
    """
    certificate, issuer = load_certificate(der), load_certificate(issuer_der)
    if certificate.issuer != issuer.subject:
        return False
    try:
        public_key = public_key_of(issuer)
        octets, name = certificate.tbs_certificate_bytes, PKCS1.get(certificate.signature_algorithm_oid.dotted_string)
        if isinstance(public_key, rsa.RSAPublicKey) and name is None:
            return _fits_by_library(certificate, public_key)
        algorithm = certificate.signature_hash_algorithm
    except (CannotHere, InternalError, UnsupportedAlgorithm, ValueError):
        return None
    return signature_fits(public_key, certificate.signature, octets, name or getattr(algorithm, "name", ""))


def _fits_by_library(certificate, public_key):
    """RSA signatures other than PKCS#1 v1.5, such as PSS, which cryptography knows since release 41."""
    if certificate.signature_algorithm_oid.dotted_string.startswith(OF_EC):
        return False
    parameters = getattr(certificate, "signature_algorithm_parameters", None)
    if not isinstance(parameters, padding.PSS):
        return None
    try:
        public_key.verify(certificate.signature, certificate.tbs_certificate_bytes, parameters, certificate.signature_hash_algorithm)
    except InvalidSignature:
        return False
    return True


def issued_by_any(der, issuers):
    """Whether one of these certificates issued it; None if none certainly did, and this host cannot verify one of them."""
    found = [is_issued_by(der, issuer) for issuer in issuers]
    return True if True in found else (None if None in found else False)


def is_authority(der):
    """Whether basicConstraints say that the certificate may issue others."""
    try:
        return load_certificate(der).extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False


def may_issue(der):
    """Whether the certificate has the extensions of an authority: basicConstraints CA, and keyCertSign if there is a keyUsage."""
    if not is_authority(der):
        return False
    try:
        return load_certificate(der).extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound:
        return True
    except ValueError:
        return False


def alternative_names(der):
    """The URIs and DNS names among the subject's alternative names; CAPF servers put the client's name there."""
    try:
        names = load_certificate(der).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    return names.get_values_for_type(x509.UniformResourceIdentifier) + names.get_values_for_type(x509.DNSName)


# Key stores

COMPATIBLE_ROUNDS = 50000


def key_store(key, der, alias, password, chain=(), compatible=False):
    """Octets of a PKCS#12 store with one key entry; different each time, because salts are random.

    chain: DER of further certificates. compatible: triple DES and SHA-1, for Java before 8u301, 11.0.12 and 16.
    Before release 38 cryptography writes all stores that way.
    """
    encryption = serialization.BestAvailableEncryption(password.encode("utf-8"))
    if compatible and hasattr(pkcs12, "PBES"):
        builder = serialization.PrivateFormat.PKCS12.encryption_builder()
        encryption = builder.kdf_rounds(COMPATIBLE_ROUNDS).key_cert_algorithm(
            pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC).hmac_hash(hashes.SHA1()).build(password.encode("utf-8"))
    return pkcs12.serialize_key_and_certificates(
        alias.encode("utf-8"), key, load_certificate(der), [load_certificate(other) for other in chain] or None, encryption)


@dataclass(frozen=True)
class StoredKey:
    """The key entry of a store: SubjectPublicKeyInfo, certificates as DER. alias: None if the library does not return it."""

    public_key: bytes
    certificate: bytes
    chain: tuple
    alias: str


def open_key_store(octets, password, where=""):
    """The StoredKey of a PKCS#12 store. Raises FormatError, also for a wrong password."""
    require()
    try:
        if hasattr(pkcs12, "load_pkcs12"):  # cryptography 36
            store = pkcs12.load_pkcs12(octets, password.encode("utf-8"))
            key, held, others = store.key, store.cert, [one.certificate for one in store.additional_certs]
            certificate = held.certificate if held is not None else None
            name = held.friendly_name if held is not None else None
        else:
            key, certificate, others = pkcs12.load_key_and_certificates(octets, password.encode("utf-8"), default_backend())
            name = None
    except (InternalError, UnsupportedAlgorithm):
        raise CannotHere("this host cannot open the key store: its crypto policy or library does not allow the encryption in it",
                         where=where, cure=CURE_POLICY) from None
    except (ValueError, TypeError):
        raise FormatError("this is not a PKCS#12 key store that the given password opens", where=where) from None
    if key is None or certificate is None:
        raise FormatError("the key store has no key with its certificate", where=where)
    return StoredKey(
        public_key_der(key), _der(certificate), tuple(_der(other) for other in others),
        name.decode("utf-8", "replace") if name is not None else None)


def _der(certificate):
    return certificate.public_bytes(serialization.Encoding.DER)


# Trust lists


def digests_of(der):
    """Digests of a certificate by the codes of a trust list, for records that hold a hash in its place."""
    return {
        code: {digest_of(name, der) for name in names} - {None} for code, names in _ctl.DIGESTS.items()
    }


def lists_certificate(trust_list, der, roles):
    """Whether the trust list has exactly this certificate, or its hash, under one of the roles."""
    if der in trust_list.certificates(*roles):
        return True
    digests = digests_of(der)
    return any(digest in digests.get(code, ()) for code, digest in trust_list.hashes(*roles))


def key_types(trust_list, roles):
    """The types of keys, C(rsa) and C(ec), that the list has under these roles; both if a record does not show its type."""
    found = set()
    for record in trust_list.of_role(*roles):
        if record.certificate:
            try:
                found.add(certificate_facts(record.certificate)["key_type"])
            except (CannotHere, FormatError, ValueError):
                found.add(UNKNOWN_KEY)
        elif record.certificate_hash:
            # RSA as PKCS#1, EC as the uncompressed point
            found.add({b"\x30": "rsa", b"\x04": "ec"}.get((record.public_key or b"")[:1], UNKNOWN_KEY))
    return found if found and found <= set(KEY_TYPES) else set(KEY_TYPES)


def verify_trust_list(trust_list, certificates):
    """C((der, "sha1")) of the first certificate whose key verifies the list and the digest that fitted, else None.

    A digest code that means two things is tried as both. Raises CannotHere if none fits and this host cannot work with one of
    them, or with the digest.
    """
    require()
    octets, doubts = trust_list.signed_octets(), []
    for der in certificates:
        try:
            public_key = public_key_of(load_certificate(der))
        except FormatError:
            continue
        except CannotHere as error:
            doubts.append(error.what)
            continue
        for name in _ctl.DIGESTS.get(trust_list.digest_code, ()):
            fits = signature_fits(public_key, trust_list.signature, octets, name)
            if fits:
                return der, name
            if fits is None:
                doubts.append("this host cannot verify a signature by %s with %s" % (key_kind(public_key)[0].upper(), name.upper()))
    if certificates and trust_list.digest_code not in _ctl.DIGESTS:
        doubts.append("this collection does not know the digest with code %d" % trust_list.digest_code)
    if doubts:
        raise CannotHere("the signature of the trust list cannot be verified: %s" % "; ".join(dict.fromkeys(doubts)),
                         verdict=CANNOT_VERIFY, cure="The trust list itself may be correct. %s" % CURE_POLICY)
    return None


def self_verified(trust_list):
    """C((signer's DER, digest)) when one of its own SAST certificates verifies the list, else None. Raises CannotHere.

    The header names the signer; every other SAST is tried too, because some files name it differently.
    """
    named = [record.certificate for record in trust_list.signers()]
    return verify_trust_list(trust_list, named + [der for der in trust_list.sast_certificates() if der not in named])


def certificates_of(trust_list):
    """C((files, facts, warnings)) of the distinct certificates of a list, in file order.

    files: PEM octets by OpenSSL's names, C(<subject hash>.0), C(.1) for another certificate of the same hash.
    facts: those of certificate_facts with C(file), C(roles) and C(hosts). One that cannot be read only causes a warning.
    """
    require()
    files, facts, warnings = {}, [], []
    for der in trust_list.certificates():
        holders = [record for record in trust_list.records if record.certificate == der]
        try:
            about, stem, pem = certificate_facts(der), subject_hash(der), certificate_pem(der)
        except (CannotHere, FormatError, ValueError, UnsupportedAlgorithm):
            warnings.append("the certificate of %s cannot be read (%s)" % (
                holders[0].subject or holders[0].dns_name, holders[0].role_name))
            continue
        name = "%s.%d" % (stem, sum(known.startswith(stem + ".") for known in files))
        files[name] = pem
        facts.append(dict(about, file=name, roles=_distinct(record.role_name for record in holders),
                          hosts=_distinct(record.dns_name for record in holders)))
    return files, facts, warnings


def _distinct(texts):
    return list(dict.fromkeys(text for text in texts if text))


def trust_list_facts(trust_list):
    """Those of _ctl.facts with C(signature), C(signer_certificate), C(certificates) and the C(digest) that fitted.

    Also gives warnings: C((facts, warnings)).
    """
    doubts = []
    try:
        found = self_verified(trust_list)
        signature = "valid" if found else "invalid"
    except CannotHere as error:
        found, signature = None, "unknown"
        doubts.append(error.what)
    _files, certificates, warnings = certificates_of(trust_list)
    warnings = doubts + warnings
    facts = dict(_ctl.facts(trust_list), signature=signature, certificates=certificates,
                 signer_certificate=sha256(found[0]) if found else "")
    if found:
        facts["digest"] = found[1]
    return facts, list(trust_list.warnings) + warnings + list(_contradictions(trust_list))


def _contradictions(trust_list):
    """Records whose key or signature is not that of their certificate. Clients ignore this, but CUCM creates no such records."""
    for number, record in enumerate(trust_list.records, 1):
        if not record.certificate:
            continue
        try:
            certificate = load_certificate(record.certificate)
            key = _key_as_listed(public_key_of(certificate))
        except (CannotHere, FormatError, ValueError, UnsupportedAlgorithm):
            continue
        if record.public_key and key and record.public_key != key:
            yield "record %d: its key is not that of its certificate" % number
        if record.signature and record.signature != certificate.signature:
            yield "record %d: its signature is not that of its certificate" % number


def _key_as_listed(public_key):
    """A key as a record holds it: RSA as PKCS#1, EC as the uncompressed point; None for another kind."""
    if isinstance(public_key, rsa.RSAPublicKey):
        return public_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        return public_key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    return None


CANNOT_VERIFY = "cannot_verify"
UNKNOWN_KEY = "unknown"
FINGERPRINTS = {32: "md5", 40: "sha1", 64: "sha256"}
UNTOUCHED = "The stored trust list is unchanged."


def fingerprint_of(octets, like):
    """Hexadecimal fingerprint of a file by the algorithm that the length of C(like) indicates (MD5, SHA-1, SHA-256).

    MD5 and SHA-1 are what C(show ctl) prints on CUCM. Raises InputError for another length or other characters.
    """
    digits = _foreign.hexadecimal(like)
    if len(digits) not in FINGERPRINTS or set(digits) - set("0123456789abcdef"):
        raise InputError("the fingerprint is neither MD5, SHA-1 nor SHA-256 in hexadecimal digits",
                         cure="Use the checksum that 'show ctl' prints on the publisher, or the file's SHA-256.")
    found = _ctl.hexdigest(FINGERPRINTS[len(digits)], octets)
    if found is None:
        raise InputError("this host forbids %s, so the fingerprint cannot be compared" % FINGERPRINTS[len(digits)],
                         cure="Give the SHA-1 that 'show ctl' prints, or the file's SHA-256.")
    return found, digits


@dataclass(frozen=True)
class Verdict:
    """Why a list may be stored: C(first_trust), C(confirmed), C(vouched), C(pinned), C(unchanged) or C(update).

    signer: its DER. digest: the name of the algorithm.
    """

    kind: str
    signer: bytes
    digest: str
    warnings: tuple = ()


def judge_trust_list(new, stored=None, fingerprint=None, reject_older=False, where=""):
    """Decide about a fetched trust list as Cisco's CTI clients do; raise TrustError if it must not be stored.

    A list must be signed by a SAST of its own, and have the pinned fingerprint if there is one. If nothing is stored, it
    is accepted (trust on first use, or pinned). Otherwise a SAST of the B(stored) list must have signed it, or it is
    pinned.
    The fact C(verdict) of the error is C(tampered), C(fingerprint_mismatch), C(stranger) or C(older), and C(cannot_verify) of
    the CannotHere that is raised if this host cannot verify the list.
    """
    warnings = list(new.warnings)
    same = stored is not None and stored.octets == new.octets
    try:
        own = self_verified(new)
    except CannotHere as error:
        # What a person pinned, or what was verified when it was stored, stays valid. The rest needs a host that can verify it.
        if not same and not fingerprint:
            raise _cannot(error, where) from None
        own = b"", ""
        warnings.append(error.what)
    if own is None:
        raise TrustError(
            "the trust list is not signed by a security token (SAST) of its own: it is damaged", where=where, verdict="tampered",
            cure="Fetch it again, and compare it with 'show ctl' on the publisher. %s" % UNTOUCHED)
    pinned = _pin_fits(new, fingerprint, where) if fingerprint else False
    if same:
        return Verdict("unchanged", own[0], own[1], tuple(warnings))
    if stored is None:
        return Verdict("pinned" if pinned else "first_trust", own[0], own[1], tuple(warnings))
    try:
        vouched = verify_trust_list(new, stored.sast_certificates())
    except CannotHere as error:
        if not pinned:
            raise _cannot(error, where) from None
        vouched = None
    if vouched is None and not pinned:
        raise TrustError(
            "the cluster's trust list is signed by none of the security tokens (SAST) of the stored one", where=where,
            cure="%s If the cluster's signer really changed, compare the checksum of 'show ctl' on the publisher and "
            "give it as fingerprint, or remove the stored trust list to trust the new one on first use." % UNTOUCHED,
            verdict="stranger")
    if vouched is None:
        warnings.append("the trust list is signed by none of the security tokens (SAST) of the stored one and was "
                        "accepted because of its fingerprint")
    if stored.timestamp and new.timestamp and new.timestamp < stored.timestamp:
        text = "the trust list is older than the stored one"
        if reject_older:
            raise TrustError(text, where=where, verdict="older", cure=UNTOUCHED +
                             " Allow an older list if the cluster was restored from a backup.")
        warnings.append(text + ", as after a restore from a backup")
    signer, digest = vouched or own
    return Verdict("update" if vouched else "pinned", signer, digest, tuple(warnings))


def _cannot(error, where):
    return CannotHere(error.what, where=where, verdict=CANNOT_VERIFY, cure=(
        "The trust list itself may be correct. Nothing was changed: the stored trust list is as before. Give the checksum that 'show ctl' "
        "prints as fingerprint, or: %s" % CURE_POLICY))


CONFIRMED, CONTRADICTED, UNKNOWN = "confirmed", "contradicted", "unknown"
CALLMANAGER_SERVICE, CAPF_SERVICE = "callmanager", "capf"


def compared_with_cluster(trust_list, certificates):
    """Compare a trust list that came by TFTP with the cluster's own certificates, which AXL returned over verified TLS.

    certificates: dicts of service and sha256_fingerprint, as cluster_info returns them. CONFIRMED: a certificate of CAPF and one of
    a CallManager in the list are among them. CONTRADICTED: AXL returned both kinds, and no certificate of the trust list is
    among them. UNKNOWN otherwise, because the table may be incomplete, or a certificate was regenerated and the trust list was
    not updated.
    """
    known = {}
    for one in certificates or ():
        service = (one.get("service") or "").lower()
        kind = next((name for name in (CALLMANAGER_SERVICE, CAPF_SERVICE) if service.startswith(name)), "other")
        known.setdefault(kind, set()).add(_plain_fingerprint(one.get("sha256_fingerprint")))
    if not known.get(CALLMANAGER_SERVICE) or not known.get(CAPF_SERVICE):
        return UNKNOWN
    listed = set(sha256(der) for der in trust_list.certificates())
    capf = set(sha256(der) for der in trust_list.capf_certificates())
    callmanagers = set(sha256(der) for der in trust_list.callmanager_certificates())
    if capf & known[CAPF_SERVICE] and callmanagers & known[CALLMANAGER_SERVICE]:
        return CONFIRMED
    return CONTRADICTED if listed and not listed & set().union(*known.values()) else UNKNOWN


def _plain_fingerprint(text):
    return (text or "").replace(":", "").lower()


def _pin_fits(trust_list, fingerprint, where):
    found, wanted = fingerprint_of(trust_list.octets, fingerprint)
    if found != wanted:
        raise TrustError("the trust list does not have the fingerprint that was given", where=where,
                         cure="It has %s. Compare with 'show ctl' on the publisher. %s" % (found, UNTOUCHED),
                         verdict="fingerprint_mismatch")
    return True


# The CTIQBE password


def encrypt_password(password, nonce, certificate, key_text, inside_tls=False):
    """C((password field, key blob)) of a ProviderOpenRequest.

    inside_tls: the field does not protect the password, TLS does. Then the protocol's padding is computed here if the
    host's policy does not allow it to the library; without TLS, such a host raises CannotHere.

    nonce and certificate (DER or PEM octets) are those of the ProviderInitResponse; key_text: 16 random ASCII
    characters. The password goes out as 16 zero octets (the IV) and AES-128-CBC with PKCS#7 of its UTF-8 octets; key
    and nonce go out under the certificate's RSA key. Seen in the vendor's client library and in a trace of a CTI Manager.
    """
    public_key = public_key_of(load_certificate(certificate, "certificate of the CTI Manager"))
    if not isinstance(public_key, rsa.RSAPublicKey):
        raise TrustError("the CTI Manager sent a certificate without an RSA key, so no password can be encrypted",
                         cure="Check which certificate the CTI Manager presents; CTIQBE needs an RSA one here.")
    key = key_text.encode("ascii")
    if len(key) != 16:
        raise InputError("the AES key of a CTIQBE password has 16 characters")
    content = key + nonce.encode("ascii")
    if len(content) > public_key.key_size // 8 - 11:
        raise TrustError("the RSA key that the CTI Manager sent is too short to encrypt a password key")
    try:
        blob = public_key.encrypt(content, padding.PKCS1v15())
    except (InternalError, UnsupportedAlgorithm, ValueError):
        if not inside_tls:
            raise CannotHere("the crypto policy of this host, such as FIPS mode, forbids the encryption that CTIQBE requires (RSA with "
                             "PKCS#1 v1.5)",
                             cure="Log in on the secure port, where TLS protects the password, or from another host.") from None
        blob = _encrypt_pkcs1(public_key.public_numbers(), content)
    return password_field(password, key), blob


def _encrypt_pkcs1(numbers, content):
    """RSAES-PKCS1-v1_5 of RFC 8017, section 7.2.1."""
    size = (numbers.n.bit_length() + 7) // 8
    filling = b"".join(secrets.choice(NOT_ZERO) for _number in range(size - 3 - len(content)))
    block = b"\0\2" + filling + b"\0" + content
    return pow(int.from_bytes(block, "big"), numbers.e, numbers.n).to_bytes(size, "big")


NOT_ZERO = [bytes([number]) for number in range(1, 256)]


def password_field(password, key):
    """16 zero octets and the encrypted password, for an AES key of 16 octets."""
    padder = PKCS7(128).padder()
    plain = padder.update(password.encode("utf-8")) + padder.finalize()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(bytes(16)), default_backend()).encryptor()
    return bytes(16) + encryptor.update(plain) + encryptor.finalize()
