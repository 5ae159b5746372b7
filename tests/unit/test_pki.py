# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import pathlib

import cryptography
import OpenSSL.crypto
import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _ctl, _pki, _subject_hash
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import FormatError, InputError, TrustError
from cryptography import x509
from cryptography.hazmat.backends import default_backend
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key
from simulator import pki as simulated

VECTORS = pathlib.Path(__file__).parent.parent / "vectors"
STORED = "CTLFile-v12"


def trust_list(name):
    return _ctl.parse((VECTORS / "ctl" / "cucm" / (name + ".tlv")).read_bytes())


def pem(name):
    return (VECTORS / "ctl" / "certs" / (name + ".pem")).read_bytes()


def der(name):
    return _pki.certificate_der(pem(name))


# name, digest that verifies it on first use (None: refused), verdict against the stored list (None: refused)
VERDICTS = [
    ("CTLFile-v12", "sha1", "unchanged"),
    ("CTLFile-v11.5", "sha1", "update"),
    ("CTLFile-sha512", "sha512", "update"),
    ("CTLFile-code4-sha512", "sha512", "update"),
    ("CTLFile-code3-sha384", "sha384", "update"),
    ("CTLFile-sha256", "sha256", "update"),
    ("CTLFile-update-later", "sha1", "update"),
    ("CTLFile-nonsecure", "sha1", "update"),
    ("CTLFile-ec-record", "sha1", "update"),
    ("CTLFile-capf-profile", "sha512", "update"),
    ("CTLFile-stranger", "sha1", None),
    ("CTLFile-tampered", None, None),
]


@pytest.mark.parametrize("name, digest, _update", VERDICTS)
def test_verdict_on_first_use(name, digest, _update):
    if digest is None:
        with pytest.raises(TrustError, match="damaged"):
            _pki.judge_trust_list(trust_list(name))
        return
    verdict = _pki.judge_trust_list(trust_list(name))
    assert (verdict.kind, verdict.digest) == ("first_trust", digest)


@pytest.mark.parametrize("name, _digest, update", VERDICTS)
def test_verdict_against_a_stored_list(name, _digest, update):
    if update is None:
        with pytest.raises(TrustError):
            _pki.judge_trust_list(trust_list(name), trust_list(STORED))
        return
    assert _pki.judge_trust_list(trust_list(name), trust_list(STORED)).kind == update


@pytest.mark.parametrize("name, digest", [("ITLFile-hashonly", "sha1"), ("ITLFile-v11", "sha512")])
def test_itl_files_verify_too(name, digest):
    assert _pki.judge_trust_list(trust_list(name)).digest == digest


def test_the_signer_is_named():
    assert _pki.judge_trust_list(trust_list("CTLFile-update-later"), trust_list(STORED)).signer == der("ccm1")
    assert _pki.judge_trust_list(trust_list(STORED)).signer == der("itlrecovery")


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256"])
def test_a_pinned_fingerprint_decides(algorithm):
    stranger = trust_list("CTLFile-stranger")
    fingerprint = hashlib.new(algorithm, stranger.octets).hexdigest().upper()
    assert _pki.judge_trust_list(stranger, fingerprint=fingerprint).kind == "pinned"
    assert _pki.judge_trust_list(stranger, trust_list(STORED), fingerprint).kind == "pinned"
    with pytest.raises(TrustError, match="fingerprint"):
        _pki.judge_trust_list(trust_list(STORED), fingerprint=fingerprint)
    with pytest.raises(InputError, match="MD5"):
        _pki.judge_trust_list(stranger, fingerprint="abc")


def test_a_pin_does_not_save_a_damaged_list():
    tampered = trust_list("CTLFile-tampered")
    with pytest.raises(TrustError, match="damaged"):
        _pki.judge_trust_list(tampered, fingerprint=hashlib.sha256(tampered.octets).hexdigest())


def test_an_older_list_is_taken_with_a_warning_or_refused_on_demand():
    later, earlier = trust_list("CTLFile-update-later"), trust_list("CTLFile-v12")
    assert "older than the stored one" in _pki.judge_trust_list(earlier, later).warnings[-1]
    with pytest.raises(TrustError, match="older than the stored one"):
        _pki.judge_trust_list(earlier, later, reject_older=True)


@pytest.mark.parametrize("new, options, verdict", [
    ("CTLFile-tampered", {}, "tampered"), ("CTLFile-stranger", {}, "stranger"),
    ("CTLFile-v11.5", dict(fingerprint="0" * 64), "fingerprint_mismatch"),
    ("CTLFile-v12", dict(fingerprint="0" * 64), "fingerprint_mismatch"),
])
def test_a_refusal_has_a_name(new, options, verdict):
    with pytest.raises(TrustError) as caught:
        _pki.judge_trust_list(trust_list(new), trust_list(STORED), **options)
    assert caught.value.facts == {"verdict": verdict} and "stored trust list is unchanged" in str(caught.value)


def test_a_pinned_stranger_is_told():
    stranger = trust_list("CTLFile-stranger")
    fingerprint = hashlib.sha256(stranger.octets).hexdigest()
    (warning,) = _pki.judge_trust_list(stranger, trust_list(STORED), fingerprint).warnings
    assert "none of the security tokens" in warning


def test_certificates_of_a_list_get_their_file_names():
    listed = trust_list("CTLFile-v12")
    files, facts, warnings = _pki.certificates_of(listed)
    assert list(files) == [_pki.subject_hash(der(name)) + ".0" for name in ("itlrecovery", "ccm1", "capf", "ccm2")]
    assert [_pki.certificate_der(pem) for pem in files.values()] == listed.certificates() and not warnings
    assert [(fact["file"], fact["roles"]) for fact in facts][1] == (list(files)[1], ["SAST", "CCM+TFTP"])
    assert facts[1]["hosts"] == ["lab1-pub"] and facts[1]["common_name"] == "lab1-pub"


def list_of(*certificates):
    records = [
        _ctl.Record(((_ctl.SUBJECT, b"CN=x\0"), (_ctl.FUNCTION, b"\0\1"), (_ctl.CERTIFICATE, octets)))
        for octets in certificates
    ]
    fields = _ctl.header_fields(b"CN=x\0", b"\1", b"CN=x\0", 1, 256, 0)
    body = b"".join(record.encode() for record in records)
    return _ctl.parse(_ctl.build(fields, body, lambda octets: bytes(256), 256))


def test_different_certificates_of_one_subject_are_numbered():
    twins = [simulated.server("twin").der for _count in range(2)]
    files, _facts, _warnings = _pki.certificates_of(list_of(twins[0], der("ccm1"), twins[1], twins[0]))
    stem, other = _pki.subject_hash(twins[0]), _pki.subject_hash(der("ccm1"))
    assert list(files) == [stem + ".0", other + ".0", stem + ".1"]
    assert _pki.certificate_der(files[stem + ".1"]) == twins[1]


def test_a_certificate_that_cannot_be_read_is_a_warning():
    files, facts, warnings = _pki.certificates_of(list_of(b"rubbish", der("ccm1")))
    assert len(files) == len(facts) == 1 and warnings == ["the certificate of CN=x cannot be read (CCM)"]


@pytest.mark.parametrize("name, digest", [(name, digest) for name, digest, _update in VERDICTS])
def test_facts_of_a_list(name, digest):
    facts, warnings = _pki.trust_list_facts(trust_list(name))
    assert facts["signature"] == ("valid" if digest else "invalid")
    assert not digest or facts["digest"] == digest
    assert bool(facts["signer_certificate"]) == bool(digest)
    listed = {record["certificate_sha256"] for record in facts["records"]} - {""}
    assert digest is None or listed == {fact["sha256_fingerprint"] for fact in facts["certificates"]}
    assert digest is None or not warnings
    json.dumps(facts)


def test_a_record_that_contradicts_its_certificate_is_told():
    listed = trust_list("CTLFile-ec-record")
    records = list(listed.records)
    for index in (2, 5):
        fields = [(tag, value[:-1] + b"\0" if tag in (_ctl.PUBLIC_KEY, _ctl.RECORD_SIGNATURE) else value)
                  for tag, value in records[index].fields]
        records[index] = _ctl.Record(tuple(fields))
    body = b"".join(record.encode() for record in records)
    fields = list(listed.header.fields)
    changed = _ctl.parse(_ctl.build(fields, body, lambda octets: bytes(256), 256))
    assert _pki.trust_list_facts(changed)[1] == [
        "record %d: its %s is not that of its certificate" % (number, part)
        for number in (3, 6) for part in ("key", "signature")]


def test_certificates_are_found_by_role_also_by_hash():
    listed = trust_list("CTLFile-capf-profile")
    assert _pki.lists_certificate(listed, der("capf-profile"), (_ctl.CAPF,))
    assert not _pki.lists_certificate(listed, der("capf-profile"), (_ctl.CCM, _ctl.CCM_TFTP))
    assert not _pki.lists_certificate(listed, der("capf"), (_ctl.CAPF,))
    assert _pki.lists_certificate(trust_list("ITLFile-hashonly"), der("capf"), (_ctl.CAPF,))
    assert not _pki.lists_certificate(trust_list("ITLFile-hashonly"), der("ccm1"), (_ctl.CAPF,))


@pytest.mark.parametrize("names", [
    [("1.2.840.113549.1.9.1", "cucm@example.com"), ("2.5.4.3", "cucm-pub")],  # parts of an identifier above 127
    [("2.5.4.10", "An organisation " * 3 + "x"), ("2.5.4.11", "u" * 64), ("2.5.4.3", "n" * 64)],
    [("0.9.2342.19200300.100.1.25", "d" * 200), ("2.5.4.3", "lab")],          # lengths that take two octets
    [("0.9.2342.19200300.100.1.25", "d" * 300), ("2.5.4.3", "lab")],          # and three
])
def test_the_hash_of_a_subject_is_openssls(names):
    subject = x509.Name([x509.NameAttribute(x509.ObjectIdentifier(oid), value) for oid, value in names])
    key = ec.generate_private_key(ec.SECP256R1())
    start = datetime.datetime(2026, 1, 1)
    certificate = x509.CertificateBuilder(
        subject, subject, key.public_key(), 1, start, start + datetime.timedelta(days=1)).sign(key, hashes.SHA256())
    expected = OpenSSL.crypto.X509.from_cryptography(certificate).subject_name_hash()
    assert _subject_hash.subject_hash([[name] for name in names]) == "%08x" % expected


OIDS = {"C": "2.5.4.6", "O": "2.5.4.10", "OU": "2.5.4.11", "CN": "2.5.4.3", "ST": "2.5.4.8", "L": "2.5.4.7"}


def test_subject_hashes_of_a_real_certificate_folder():
    for vector in json.loads((VECTORS / "subject_hash.json").read_text())["vectors"]:
        rdns = [[(OIDS[kind], value)] for kind, value in vector["rdns"]]
        assert _subject_hash.subject_hash(rdns) == vector["subject_hash"]


def test_subject_hash_of_a_certificate_ignores_case_and_blanks():
    assert _subject_hash.subject_hash([[("2.5.4.3", " A  b ")]]) == _subject_hash.subject_hash([[("2.5.4.3", "a B")]])
    assert _pki.subject_hash(der("itlrecovery")) == _subject_hash.subject_hash(
        [[(OIDS[kind], value)] for kind, value in (("C", "NZ"), ("O", "example"), ("OU", "lab"),
                                                   ("CN", "ITLRECOVERY_lab1-pub"),
                                                   ("ST", "Nowhere"), ("L", "Town"))])


@pytest.mark.parametrize("kind, size", [("rsa", 2048), ("rsa", 3072), ("ec", 256), ("ec", 384), ("ec", 521)])
def test_keys_are_made_written_and_read_again(kind, size):
    key = _pki.generate_key(kind, size)
    assert _pki.key_kind(key) == (kind, size)
    for passphrase in (None, "Correct horse 7"):
        octets = _pki.key_to_pem(key, passphrase)
        assert (b"ENCRYPTED" in octets) == bool(passphrase)
        assert _pki.public_key_der(_pki.key_from_pem(octets, passphrase)) == _pki.public_key_der(key)


@pytest.mark.parametrize("kind, size", [("rsa", 1024), ("rsa", 2047), ("ec", 255), ("dsa", 2048)])
def test_other_keys_are_refused(kind, size):
    with pytest.raises(InputError):
        _pki.generate_key(kind, size)


def test_a_key_that_cannot_be_read_is_not_quoted():
    secret = _pki.key_to_pem(_pki.generate_key("ec", 256), "Correct horse 7")
    for octets, passphrase in ((secret, None), (secret, "wrong horse 8"), (b"rubbish 4711", None),
                               (pem("ccm1"), "not encrypted")):
        with pytest.raises(FormatError) as caught:
            _pki.key_from_pem(octets, passphrase, where="QBEClient.key.pem")
        assert "QBEClient.key.pem" in str(caught.value)
        assert "horse" not in str(caught.value) and "4711" not in str(caught.value)


def element(tag, content):
    size = len(content)
    head = bytes([size]) if size < 128 else bytes([0x80 + (size.bit_length() + 7) // 8])
    return bytes([tag]) + head + (b"" if size < 128 else size.to_bytes((size.bit_length() + 7) // 8, "big")) + content


def written_by_hand(key, **changed):
    """PEM of an RSA key some of whose numbers are others. No library writes such a one."""
    numbers = key.private_numbers()
    public = numbers.public_numbers
    found = dict(version=0, n=public.n, e=public.e, d=numbers.d, p=numbers.p, q=numbers.q, dmp1=numbers.dmp1,
                 dmq1=numbers.dmq1, iqmp=numbers.iqmp)
    found.update((name, change(found[name])) for name, change in changed.items())
    integers = (element(2, value.to_bytes(value.bit_length() // 8 + 1, "big")) for value in found.values())
    octets = base64.encodebytes(element(0x30, b"".join(integers)))
    return b"-----BEGIN RSA PRIVATE KEY-----\n" + octets + b"-----END RSA PRIVATE KEY-----\n"


def test_a_key_written_by_hand_is_read():
    key = _pki.key_from_pem(pem("ccm1"))
    assert _pki.public_key_der(_pki.key_from_pem(written_by_hand(key))) == _pki.public_key_der(key)


@pytest.mark.parametrize("change", [lambda value: value + 2, lambda value: value ^ (1 << 500), lambda value: value - 1,
                                    lambda value: 1, lambda value: 0])
@pytest.mark.parametrize("name", ["n", "e", "d", "p", "q", "dmp1", "dmq1", "iqmp"])
def test_a_key_whose_numbers_do_not_fit_cannot_be_read(name, change):
    octets = written_by_hand(_pki.key_from_pem(pem("ccm1")), **{name: change})
    with pytest.raises(FormatError, match="cannot be read") as caught:
        _pki.key_from_pem(octets, where="QBEClient.key.pem")
    assert "QBEClient.key.pem" in str(caught.value)


@pytest.mark.parametrize("kind, size", [("rsa", 2048), ("ec", 256), ("ec", 384)])
def test_the_certificate_belongs_to_the_key_that_signs(kind, size):
    key, other = _pki.generate_key(kind, size), _pki.generate_key(kind, size)
    certificate = issued(key.public_key(), key)
    for passphrase in (None, "Correct horse 7"):
        assert _pki.matches_key(certificate, _pki.key_from_pem(_pki.key_to_pem(key, passphrase), passphrase))
        assert not _pki.matches_key(certificate, _pki.key_from_pem(_pki.key_to_pem(other, passphrase), passphrase))


def test_a_key_without_primes_proves_nothing():
    """Its numbers fit each other and the certificate has its public key, but it signs for nobody."""
    one, other = (_pki.generate_key("rsa", 2048).private_numbers() for _count in range(2))
    p, q, e = one.p * one.q, other.p, other.public_numbers.e  # p is no prime
    d = pow(e, -1, (p - 1) * (q - 1))
    changed = dict(n=p * q, p=p, q=q, d=d, dmp1=d % (p - 1), dmq1=d % (q - 1), iqmp=pow(q, -1, p))
    octets = written_by_hand(_pki.generate_key("rsa", 2048), **{
        name: lambda _value, found=found: found for name, found in changed.items()})
    certificate = issued(rsa.RSAPublicNumbers(e, p * q).public_key(default_backend()), _pki.generate_key("ec", 256))
    try:
        key = _pki.key_from_pem(octets)
    except FormatError:
        assert int(cryptography.__version__.split(".")[0]) < 39  # looks at the primes of every key
        return
    assert _pki.public_key_der(key) == _pki.public_key_der(_pki.load_certificate(certificate).public_key())
    assert not _pki.matches_key(certificate, key)


def issued(public_key, issuer):
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "CTI-recorder01x1")])
    begin = datetime.datetime(2026, 1, 1)
    return x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(public_key).serial_number(
        7).not_valid_before(begin).not_valid_after(begin + datetime.timedelta(days=1)).sign(
            issuer, hashes.SHA256(), default_backend()).public_bytes(Encoding.DER)


def test_the_issuer_is_recognised_by_name_and_signature():
    lsc = _pki.certificate_der((VECTORS / "capf" / "lsc-capf-profile.pem").read_bytes())
    assert _pki.is_issued_by(lsc, der("capf-profile"))
    assert not _pki.is_issued_by(lsc, der("capf")) and not _pki.is_issued_by(lsc, der("ccm1"))
    assert _pki.is_issued_by(der("capf-profile"), der("capf-profile"))
    assert _pki.is_authority(der("capf-profile")) and not _pki.is_authority(der("capf"))
    assert _pki.common_name(lsc) == "CTI-ctiInst01"
    key = _pki.key_from_pem((VECTORS / "capf" / "lsc-capf-profile.pem").read_bytes())
    assert _pki.matches_key(lsc, key) and not _pki.matches_key(der("ccm1"), key)


def test_certificate_facts_are_plain():
    facts = _pki.certificate_facts(der("ccmec"))
    assert (facts["key_type"], facts["key_size"], facts["common_name"]) == ("ec", 384, "lab1-pub-EC")
    assert facts["not_after"] == "2046-11-18T00:00:00Z" or facts["not_after"].startswith("2046-11-18T")
    json.dumps(facts)


def test_raw_signature_opens_to_the_data_as_it_was():
    key = _pki.key_from_pem(pem("ccm1"))
    data = bytes(range(20))
    numbers = key.public_key().public_numbers()
    block = pow(int.from_bytes(_pki.sign_raw_pkcs1(key, data), "big"), numbers.e, numbers.n).to_bytes(256, "big")
    assert block == b"\0\1" + b"\xff" * (256 - 3 - 20) + b"\0" + data
    assert _pki.sign_raw_pkcs1(key, b"x" * 245)
    with pytest.raises(FormatError):
        _pki.sign_raw_pkcs1(key, b"x" * 246)


def test_a_jtapi_client_signed_the_same_way():
    sessions = json.loads((VECTORS / "capf" / "jtapi-sessions.json").read_text())["sessions"]
    messages = next(s for s in sessions if s["name"] == "jtapi14-encrypt-request")["messages"]
    by_command = {bytes.fromhex(m["hex"])[1]: bytes.fromhex(m["hex"]) for m in messages}

    def element(message, tag):
        position = 8
        while position < len(message):
            size = int.from_bytes(message[position + 1:position + 3], "big")
            if message[position] == tag:
                return message[position + 3:position + 3 + size]
            position += 3 + size
        return None

    public = load_der_public_key(element(by_command[4], 9)).public_numbers()
    data, signature = element(by_command[5], 6), element(by_command[6], 6)
    opened = pow(int.from_bytes(signature, "big"), public.e, public.n).to_bytes(len(signature), "big")
    assert opened == b"\0\1" + b"\xff" * (len(signature) - 3 - len(data)) + b"\0" + data


def test_password_vectors():
    for case in json.loads((VECTORS / "ctiqbe" / "golden.json").read_text())["password"]:
        field = _pki.password_field(case["password"], case["key_text"].encode())
        assert field.hex() == case["password_field_hex"]
        field, blob = _pki.encrypt_password(case["password"], case["nonce"], pem("ccm1"), case["key_text"])
        plain = _pki.key_from_pem(pem("ccm1")).decrypt(blob, padding.PKCS1v15())
        assert (field.hex(), plain.hex()) == (case["password_field_hex"], case["key_blob_plaintext_hex"])


def test_a_certificate_without_rsa_cannot_take_a_password():
    with pytest.raises(TrustError, match="RSA"):
        _pki.encrypt_password("secret", "n" * 36, pem("ccmec"), "0123456789abcdef")


@pytest.mark.parametrize("name, roles, types", [
    ("CTLFile-v12", (_ctl.CCM, _ctl.CCM_TFTP), {"rsa"}),
    ("CTLFile-ec-record", (_ctl.CCM, _ctl.CCM_TFTP), {"rsa", "ec"}),
    ("CTLFile-ec-record", (_ctl.CAPF,), {"rsa"}),
    ("ITLFile-hashonly", (_ctl.CAPF,), {"rsa"}),
    ("CTLFile-nonsecure", (_ctl.CCM, _ctl.CCM_TFTP), {"rsa", "ec"}),
])
def test_t2_types_of_keys_by_role(name, roles, types):
    assert _pki.key_types(trust_list(name), roles) == types
