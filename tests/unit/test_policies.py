# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the library, the crypto policy or the platform of a host cannot do is never told as wrong data (field report T1)."""

from __future__ import annotations

import datetime
import hashlib
import pathlib

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _ctl, _instance, _octets, _pki, _store, _trust_list
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import CannotHere, FormatError, TrustError
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._options import options_of
from cryptography import x509
from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from simulator import pki as simulated

VECTORS = pathlib.Path(__file__).parent.parent / "vectors" / "ctl"
REFUSALS = [UnsupportedAlgorithm("the policy says no"), ValueError("the policy says no"), InternalError("the policy says no", [])]
NOW = datetime.datetime(2026, 11, 28, tzinfo=datetime.timezone.utc)


def octets(name):
    return (VECTORS / "cucm" / (name + ".tlv")).read_bytes()


def trust_list(name):
    return _ctl.parse(octets(name))


def der(name):
    return _pki.certificate_der((VECTORS / "certs" / (name + ".pem")).read_bytes())


class Forbidding:
    """An RSA key of a library that does nothing with it but tell its numbers."""

    def __init__(self, key, error):
        self._key = key
        self._error = error

    def __getattr__(self, name):
        if name in ("verify", "encrypt", "sign", "recover_data_from_signature"):
            raise self._error
        found = getattr(self._key, name)
        if name == "public_key":
            return lambda: Forbidding(found(), self._error)
        return found


rsa.RSAPublicKey.register(Forbidding)


@pytest.fixture(params=REFUSALS, ids=lambda error: type(error).__name__)
def policy(request, monkeypatch):
    """The library refuses to verify and to encrypt with RSA."""
    right = _pki.public_key_of

    def public_key_of(certificate, where=""):
        key = right(certificate, where)
        return Forbidding(key, request.param) if isinstance(key, rsa.RSAPublicKey) else key

    monkeypatch.setattr(_pki, "public_key_of", public_key_of)


@pytest.fixture
def no_sha1(monkeypatch):
    """Not even a digest by SHA-1 is to be had."""
    monkeypatch.setattr(_octets, "hashlib", Hashlib("sha1", "md5"))


class Hashlib:
    def __init__(self, *forbidden):
        self._forbidden = forbidden

    def new(self, name, *arguments, **options):
        if name in self._forbidden:
            raise ValueError("[digital envelope routines] unsupported")
        return hashlib.new(name, *arguments, **options)


@pytest.mark.parametrize("name, digest", [
    ("CTLFile-v12", "sha1"), ("CTLFile-sha512", "sha512"), ("CTLFile-code3-sha384", "sha384"), ("CTLFile-capf-profile", "sha512")])
def test_t1_a_list_is_verified_without_the_reach_of_the_policy(policy, name, digest):
    assert _pki.judge_trust_list(trust_list(name)).digest == digest
    assert _pki.judge_trust_list(trust_list("CTLFile-update-later"), trust_list("CTLFile-v12")).kind == "update"


def test_t1_what_is_tampered_with_stays_refused_under_such_a_policy(policy):
    with pytest.raises(TrustError) as caught:
        _pki.judge_trust_list(trust_list("CTLFile-tampered"))
    assert caught.value.facts["verdict"] == "tampered"


def signed(algorithm, issuer_key, issuer_name="CAPF-0badcafe", pss=False):
    """DER of an LSC."""
    key = rsa.generate_private_key(65537, 2048)
    builder = x509.CertificateBuilder().subject_name(simulated.subject("CTI-rec1")).issuer_name(simulated.subject(issuer_name))
    builder = builder.public_key(key.public_key()).serial_number(7).not_valid_before(NOW).not_valid_after(NOW + datetime.timedelta(9))
    options = {"rsa_padding": padding.PSS(padding.MGF1(hashes.SHA256()), 32)} if pss else {}
    return builder.sign(issuer_key, algorithm, **options).public_bytes(serialization.Encoding.DER)


def by_sha1(certificate, key):
    """The same certificate as an old CAPF signs it. The library makes none by SHA-1, so its signature is made here."""
    sha256, sha1 = bytes.fromhex("2a864886f70d01010b"), bytes.fromhex("2a864886f70d010105")
    assert certificate.count(sha256) == 2
    octets_ = certificate.replace(sha256, sha1)
    loaded = _pki.load_certificate(octets_)
    signature = _pki.sign_raw_pkcs1(key, bytes.fromhex(_pki.DIGEST_INFO["sha1"]) + hashlib.sha1(loaded.tbs_certificate_bytes).digest())
    return octets_[:-len(signature)] + signature


@pytest.fixture(scope="module")
def authority():
    return simulated.capf_authority("CAPF-0badcafe")


def test_t1_the_issuer_is_recognised_under_such_a_policy(policy, authority):
    lsc = by_sha1(signed(hashes.SHA256(), authority.key), authority.key)
    assert _pki.certificate_facts(lsc)["signature_hash"] == "sha1"
    assert _pki.is_issued_by(lsc, authority.der) is True
    assert _pki.is_issued_by(lsc, simulated.capf_authority("CAPF-0badcafe").der) is False
    assert _pki.is_issued_by(signed(hashes.SHA256(), authority.key), authority.der) is True


def test_other_signatures_than_those_of_capf(authority):
    """RSA-PSS is verified where the library knows it, EC by the library, and a contradiction is one."""
    if hasattr(x509.Certificate, "signature_algorithm_parameters"):
        assert _pki.is_issued_by(signed(hashes.SHA256(), authority.key, pss=True), authority.der) is True
    twin = simulated.capf_authority("CAPF-0badcafe", key=ec.generate_private_key(ec.SECP384R1()))
    lsc = signed(hashes.SHA384(), twin.key)
    assert _pki.is_issued_by(lsc, twin.der) is True and _pki.is_issued_by(lsc, authority.der) is False


def test_a_signature_that_cannot_be_looked_at_is_no_wrong_issuer(monkeypatch, authority):
    """A curve that the host's library does not have."""
    twin = simulated.capf_authority("CAPF-0badcafe", key=ec.generate_private_key(ec.SECP521R1()))
    lsc = signed(hashes.SHA256(), twin.key)
    right = _pki.public_key_of

    def public_key_of(certificate, where=""):
        found = right(certificate, where)
        if isinstance(found, ec.EllipticCurvePublicKey):
            raise CannotHere("this host cannot use the key")
        return found

    monkeypatch.setattr(_pki, "public_key_of", public_key_of)
    assert _pki.is_issued_by(lsc, twin.der) is None
    assert _pki.issued_by_any(lsc, [authority.der, twin.der]) is None
    assert _pki.issued_by_any(lsc, [authority.der]) is False
    facts = _pki.certificate_facts(twin.der)
    assert (facts["key_type"], facts["key_size"]) == ("unknown", 0)


@pytest.mark.parametrize("stored", [False, True])
def test_t1_without_any_sha1_the_verdict_is_cannot_verify_and_the_store_stays(tmp_path, no_sha1, stored):
    store = tmp_path / "rec1"
    params = options_of(_trust_list.ARGUMENT_SPEC, path=str(store), tftp_servers=["x"], capf_host="x")
    if stored:
        store.mkdir(mode=0o700)
        (store / _store.TRUST_LIST).write_bytes(octets("CTLFile-v12"))
    before = sorted((path.name, path.read_bytes()) for path in store.glob("*"))
    with pytest.raises(CannotHere) as caught:
        _trust_list.Keeper(params, False).take(_trust_list.handed_over(octets("CTLFile-update-later")))
    assert caught.value.facts["verdict"] == "cannot_verify"
    assert "The trust list itself may be correct" in str(caught.value) and "SHA1" in str(caught.value)
    assert sorted((path.name, path.read_bytes()) for path in store.glob("*")) == before


def test_t1_the_same_list_stays_in_place_and_is_not_called_damaged(tmp_path, monkeypatch):
    store = tmp_path / "rec1"
    params = options_of(_trust_list.ARGUMENT_SPEC, path=str(store), tftp_servers=["x"], capf_host="x")
    offer = _trust_list.handed_over(octets("CTLFile-v12"))
    assert _trust_list.Keeper(params, False).take(offer)["verdict"] == "first_trust"
    real = _octets.digest
    monkeypatch.setattr(_pki, "digest_of", lambda name, data: None if name == "sha1" else real(name, data))
    result = _trust_list.Keeper(params, False).take(offer)
    assert (result["verdict"], result["changed"], result["ctl"]["signature"]) == ("unchanged", False, "unknown")
    pinned = dict(params, path=str(tmp_path / "rec2"), fingerprint=hashlib.sha256(offer.trust_list.octets).hexdigest())
    result = _trust_list.Keeper(pinned, False).take(offer)
    assert result["verdict"] == "pinned" and "cannot be verified" in " ".join(result["warnings"])


def test_a_digest_code_that_nobody_knows_is_not_called_damage():
    new = trust_list("CTLFile-v12")
    fields = [(tag, b"\x09" if tag == 8 else value) for tag, value in new.header.fields]
    other = _ctl.parse(_ctl.build(fields, b"".join(record.encode() for record in new.records), lambda data: bytes(256), 256))
    with pytest.raises(CannotHere, match="code 9") as caught:
        _pki.judge_trust_list(other)
    assert caught.value.facts["verdict"] == "cannot_verify"


@pytest.mark.parametrize("length", [36, 40])
def test_fips_the_password_goes_out_inside_tls_and_a_plain_login_says_why_not(policy, length):
    nonce = "n" * length
    field, blob = _pki.encrypt_password("secret", nonce, der("ccm1"), "0123456789abcdef", inside_tls=True)
    assert len(blob) == 256 and field[:16] == bytes(16)
    with pytest.raises(CannotHere, match="FIPS") as caught:
        _pki.encrypt_password("secret", nonce, der("ccm1"), "0123456789abcdef")
    assert "secret" not in str(caught.value).replace("secure", "")


def test_fips_what_is_encrypted_opens():
    key = rsa.generate_private_key(65537, 2048)
    blob = _pki._encrypt_pkcs1(key.public_key().public_numbers(), b"0123456789abcdef" + b"n" * 36)
    assert key.decrypt(blob, padding.PKCS1v15()) == b"0123456789abcdef" + b"n" * 36


@pytest.mark.parametrize("error", REFUSALS, ids=lambda error: type(error).__name__)
def test_fips_a_key_that_cannot_be_made(monkeypatch, error):
    def refuse(*_arguments, **_options):
        raise error

    monkeypatch.setattr(_pki.ec, "generate_private_key", refuse)
    with pytest.raises(CannotHere, match="cannot create a key"):
        _pki.generate_key("ec", 521)


@pytest.mark.parametrize("error", REFUSALS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(("passphrase", "what"), [("short", "cannot encrypt a private key.*Omit key_passphrase"), (None, "cannot write a private key")])
def test_fips_a_key_that_cannot_be_written(error, passphrase, what):
    """FIPS providers want more salt than older libraries give a passphrase."""
    class Key:
        def private_bytes(self, *_arguments):
            raise error

    with pytest.raises(CannotHere, match=what) as told:
        _pki.key_to_pem(Key(), passphrase)
    assert "short" not in str(told.value)


def test_a_key_that_the_policy_keeps_from_being_read_is_not_lost(tmp_path, monkeypatch):
    """It is not unreadable, for which a new one would be made."""
    key = _pki.generate_key("rsa", 2048)
    pem = _pki.key_to_pem(key)

    def refuse(*_arguments, **_options):
        raise UnsupportedAlgorithm("the policy says no")

    monkeypatch.setattr(_pki.serialization, "load_pem_private_key", refuse)
    with pytest.raises(CannotHere, match="The key itself may be correct"):
        _instance.Holding(_instance.Wish("CTI-rec1"), der("ccm1"), pem, None)
    with pytest.raises(CannotHere):
        _pki.key_from_pem(pem)


def test_a_key_store_that_fips_does_not_open(monkeypatch):
    def refuse(*_arguments, **_options):
        raise UnsupportedAlgorithm("PKCS12KDF")

    name = "load_pkcs12" if hasattr(_pki.pkcs12, "load_pkcs12") else "load_key_and_certificates"
    monkeypatch.setattr(_pki.pkcs12, name, refuse)
    with pytest.raises(CannotHere, match="crypto policy"):
        _pki.open_key_store(b"0", "password")
    monkeypatch.undo()
    with pytest.raises(FormatError):
        _pki.open_key_store(b"0", "password")


def test_digests_that_fips_forbids_are_asked_for_as_harmless(monkeypatch):
    asked = []

    class Strict:
        @staticmethod
        def new(name, data, usedforsecurity=True):
            asked.append(usedforsecurity)
            if usedforsecurity:
                raise ValueError("disabled for FIPS")
            return hashlib.new(name, data)

    monkeypatch.setattr(_octets, "hashlib", Strict)
    assert _ctl.hexdigest("md5", b"") == hashlib.md5(b"").hexdigest() and asked == [False]
    assert _pki.subject_hash(der("capf")) and _pki.lists_certificate(trust_list("ITLFile-hashonly"), der("capf"), (_ctl.CAPF,))
