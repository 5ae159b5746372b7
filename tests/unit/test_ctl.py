# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import pathlib

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _ctl
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import FormatError, InputError

FOLDER = pathlib.Path(__file__).parent.parent / "vectors" / "ctl" / "cucm"
# name: (octets, header, roles, digest code)
LISTS = {
    "CTLFile-v12": (8612, 464, (0, 0, 2, 4, 2), 1),
    "CTLFile-v11.5": (8588, 440, (0, 0, 2, 4, 2), 1),
    "CTLFile-sha512": (8612, 464, (0, 0, 2, 4, 2), 3),
    "CTLFile-code4-sha512": (8608, 464, (0, 0, 2, 4, 2), 4),
    "CTLFile-code3-sha384": (8608, 464, (0, 0, 2, 4, 2), 3),
    "CTLFile-sha256": (8612, 464, (0, 0, 2, 4, 2), 2),
    "CTLFile-update-later": (6972, 440, (0, 0, 2, 4), 1),
    "CTLFile-nonsecure": (3302, 464, (0, 2, 4, 2), 1),
    "CTLFile-ec-record": (9577, 464, (0, 0, 2, 4, 2, 2), 1),
    "CTLFile-capf-profile": (8608, 464, (0, 0, 2, 4, 2), 3),
    "CTLFile-stranger": (2498, 312, (0, 2), 1),
    "CTLFile-tampered": (8612, 464, (0, 0, 2, 4, 2), 1),
    "ITLFile-hashonly": (6810, 464, (0, 0, 2, 4, 21), 1),
    "ITLFile-v11": (8620, 472, (0, 0, 2, 4, 2), None),
}


def octets_of(name):
    return (FOLDER / (name + ".tlv")).read_bytes()


@pytest.mark.parametrize("name", LISTS)
def test_every_list_reads_as_described_and_builds_again_byte_for_byte(name):
    octets = octets_of(name)
    size, header, roles, digest = LISTS[name]
    trust_list = _ctl.parse(octets)
    assert (len(octets), trust_list.header.length) == (size, header)
    assert tuple(record.role for record in trust_list.records) == roles
    assert digest is None or trust_list.digest_code == digest
    assert not trust_list.warnings
    assert _ctl.rebuild(trust_list) == octets


def test_the_header_names_signer_and_time():
    trust_list = _ctl.parse(octets_of("CTLFile-v12"))
    assert trust_list.signer_name == "CN=ITLRECOVERY_lab1-pub;OU=lab;O=example;L=Town;ST=Nowhere;C=NZ"
    assert trust_list.header.signer_serial.hex() == "4c950b5282053a7bc9da98dc43eb29"
    assert trust_list.timestamp == 1700000000 and trust_list.header.file_name == "CTLFile.tlv"
    assert [record.subject for record in trust_list.signers()] == [trust_list.signer_name]
    assert trust_list.header.signer_version is None
    assert _ctl.parse(octets_of("ITLFile-v11")).header.signer_version == (1, 1)


def test_records_tell_who_may_do_what():
    trust_list = _ctl.parse(octets_of("CTLFile-capf-profile"))
    assert trust_list.mixed_mode and trust_list.has_capf
    assert len(trust_list.certificates()) == 4  # one certificate stands under two roles
    assert len(trust_list.capf_certificates()) == 1 and len(trust_list.callmanager_certificates()) == 2
    assert not set(trust_list.capf_certificates()) & set(trust_list.callmanager_certificates())
    first = trust_list.records[0]
    assert (first.role_name, first.dns_name) == ("SAST", "lab1-pub") and first.ip_address.startswith("192.0.2.")


def test_a_cluster_that_is_not_secure_has_bare_callmanager_records():
    trust_list = _ctl.parse(octets_of("CTLFile-nonsecure"))
    assert not trust_list.mixed_mode and trust_list.has_capf and trust_list.sast_certificates()


def test_facts_are_plain_values():
    facts = _ctl.facts(_ctl.parse(octets_of("CTLFile-code3-sha384")))
    assert facts["digest"] == "sha512 or sha384" and facts["signature"] == "not checked"
    assert (facts["version"], facts["file_name"], facts["timestamp"]) == ("1.2", "CTLFile.tlv", "2023-11-14T23:13:20Z")
    assert facts["mixed_mode"] and facts["has_capf"]
    assert facts["sha1_fingerprint"] == hashlib.sha1(octets_of("CTLFile-code3-sha384")).hexdigest()
    assert [record["role"] for record in facts["records"]] == ["SAST", "SAST", "CCM+TFTP", "CAPF", "CCM+TFTP"]
    first = facts["records"][0]
    assert first["serial"] == facts["signer_serial"] and len(first["certificate_sha256"]) == 64


def test_facts_of_records_without_certificates():
    hashed = _ctl.facts(_ctl.parse(octets_of("ITLFile-hashonly")))["records"][3]
    assert (hashed["hash_algorithm"], len(hashed["certificate_hash"]), hashed["certificate_sha256"]) == ("sha1", 40, "")
    bare = _ctl.facts(_ctl.parse(octets_of("CTLFile-nonsecure")))["records"][1]
    assert bare["address"].startswith("192.0.2.")
    assert (bare["subject"], bare["serial"], bare["certificate_sha256"]) == ("", "", "")


def test_hash_only_records_are_told_apart():
    trust_list = _ctl.parse(octets_of("ITLFile-hashonly"))
    assert trust_list.capf_certificates() == [] and trust_list.has_capf
    ((algorithm, digest),) = trust_list.hashes(_ctl.CAPF)
    assert algorithm == 1 and len(digest) == 20


def test_a_signed_configuration_has_a_payload():
    header, payload = _ctl.parse_signed_file((FOLDER / "SEP001122334455.cnf.xml.sgn").read_bytes())
    assert header.version == (1, 0) and header.length == 456 and len(payload) == 48


# Lengths that Cisco's tech notes and a genuine file print: (name, serial, CA name, signature), HeaderLength.
@pytest.mark.parametrize("lengths, signature, header", [
    ((62, 16, 62), 128, 336), ((62, 16, 62), 256, 464), ((56, 10, 42), 128, 304), ((55, 8, 55), 128, 312),
    ((76, 10, 15), 128, 296),
])
def test_published_header_lengths(lengths, signature, header):
    name, serial, issuer = (b"x" * length for length in lengths)
    fields = _ctl.header_fields(name, serial, issuer, 1, signature, 0)
    built = _ctl.build(fields, b"", lambda octets: bytes(signature), signature)
    assert len(built) == header and _ctl.parse(built).header.length == header


def test_published_record_lengths():
    hash_only = _ctl.Record(((2, b"\0\0"), (3, bytes(61)), (4, b"\0\4"), (5, bytes(61)), (6, bytes(8)), (7, bytes(140)),
                             (8, bytes(128)), (11, bytes(20)), (12, b"\1")))
    assert len(hash_only.encode()) == 455
    bare = _ctl.Record(((2, b"10.48.47.153\0"), (4, b"\0\2"), (10, bytes(4))))
    assert len(bare.encode()) == 33


def test_unknown_tags_and_roles_are_kept():
    record = _ctl.Record(((2, b"h\0"), (4, b"\0\x63"), (200, b"new")))
    fields = _ctl.header_fields(b"s\0", b"\1", b"i\0", 1, 128, 7)
    fields.insert(1, (99, b"future"))
    octets = _ctl.build(fields, record.encode(), lambda octets: bytes(128), 128)
    trust_list = _ctl.parse(octets)
    assert trust_list.records[0].value(200) == b"new" and trust_list.records[0].role_name == "role 99"
    assert trust_list.header.value(99) == b"future"
    assert _ctl.rebuild(trust_list) == octets


def test_every_truncation_is_a_format_error():
    octets = octets_of("CTLFile-stranger")
    boundaries = set()
    position = _ctl.parse(octets).header.length
    for record in _ctl.parse(octets).records:
        boundaries.add(position)
        position += len(record.encode())
    for size in range(len(octets)):
        if size in boundaries:
            assert len(_ctl.parse(octets[:size]).records) < 2
        else:
            with pytest.raises(FormatError):
                _ctl.parse(octets[:size])


@pytest.mark.parametrize("name", ["CTLFile-stranger", "ITLFile-hashonly"])
def test_every_flipped_octet_is_a_value_or_a_format_error(name):
    octets = octets_of(name)
    for position in list(range(0, 700)) + list(range(700, len(octets), 7)):
        for flip in (0x01, 0x80, 0xFF):
            changed = bytearray(octets)
            changed[position] ^= flip
            try:
                _ctl.parse(bytes(changed))
            except FormatError:
                pass


@pytest.mark.parametrize("octets, words", [
    (b"", "empty"),
    (b"<html>not found</html>", "not a signed file"),
    (b"\1\0\2\1\2" + b"\3\0\2\0\x20" + bytes(32), "no header length"),
    (b"\1\0\2\1\2\2\0\2\xff\xff", "header of 65535"),
    (b"\1\0\2\1\2\2\0\2\0\x0a", "serial number"),
    (bytes(_ctl.MAX_SIZE + 1), "more than"),
])
def test_what_is_no_list_is_refused_with_words(octets, words):
    with pytest.raises(FormatError, match=words):
        _ctl.parse(octets)


@pytest.mark.parametrize("address, names", [
    ("10.1.2.3", ["CTLCAPF0A010203.tlv", "CTLCAPFA010203.tlv", "CTLFile.tlv"]),
    ("10.106.99.197", ["CTLCAPF0A6A63C5.tlv", "CTLCAPFA6A63C5.tlv", "CTLFile.tlv"]),
    ("127.0.0.3", ["CTLCAPF7F000003.tlv", "CTLFile.tlv"]),
    ("::1", ["CTLCAPF00000000000000000000000000000001.tlv", "CTLFile.tlv"]),
    ("fd00:db8::12", ["CTLCAPFFD000DB8000000000000000000000012.tlv", "CTLFile.tlv"]),
])
def test_file_names_for_a_capf_address(address, names):
    assert _ctl.ctl_file_names(address) == names


def test_a_host_name_gives_no_file_name():
    with pytest.raises(InputError):
        _ctl.ctl_file_names("cucm-pub.example.com")
