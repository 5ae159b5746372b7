# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trust lists and signed files.

The first octet of an input says what the others are: 0 a trust list, 1 a signed file, 2 fields put into a good header,
3 records put behind one (tag, size in one octet, value; a new record begins at tag 1).
"""

from __future__ import annotations

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _ctl
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import FormatError

from fuzz import VECTORS, Script, outcome, read_properties

FOLDER = VECTORS / "ctl" / "cucm"
SIGNATURE_SIZE = 128
# Tags that the codec computes, or that have no size.
COMPUTED = (_ctl.VERSION, _ctl.HEADER_LENGTH, _ctl.SIGNATURE, _ctl.PADDING)


def check(octets):
    kind = octets[0] if octets else 0
    return outcome(FormatError, (trust_list, signed_file, header, records)[kind % 4], octets[1:])


def seeds():
    for path in sorted(FOLDER.iterdir()):
        yield path.stem, (b"\1" if path.suffix == ".sgn" else b"\0") + path.read_bytes()
    yield "header-unknown-tag", b"\2" + b"\1\x63\6future"
    unknown, plain = b"\2\2h\0" + b"\4\2\0\x63" + b"\xc8\3new", b"\4\2\0\2" + b"\x0a\4\1\2\3\4"
    yield "records-unknown-tag", b"\3" + unknown + b"\1" + plain


def trust_list(octets):
    found = _ctl.parse(octets)
    assert found.octets == octets
    assert b"".join(record.encode() for record in found.records) == octets[found.header.length:]
    assert_signature_is_cut(octets, found.header)
    read_properties(found)
    for record in found.records:
        read_properties(record)
    assert set(found.sast_certificates()) <= set(found.certificates())
    assert all(record in found.records for record in found.signers())
    outcome(FormatError, rebuilt, found)


def rebuilt(found):
    """Odd headers may not be built again, but what is built reads as it was."""
    assert _ctl.parse(_ctl.rebuild(found)).records == found.records


def signed_file(octets):
    header_found, payload = _ctl.parse_signed_file(octets)
    assert payload == octets[header_found.length:]
    assert_signature_is_cut(octets, header_found)


def assert_signature_is_cut(octets, header_found):
    read_properties(header_found)
    start, size = header_found.signature_at
    assert octets[start] == _ctl.SIGNATURE and octets[start + 3:start + size] == header_found.signature
    assert len(_ctl.cut_signature(octets, header_found)) == len(octets) - size


def base_fields():
    return _ctl.header_fields(b"signer\0", b"\1", b"issuer\0", 1, SIGNATURE_SIZE, 1700000000)


def build(fields, body=b""):
    return _ctl.build(fields, body, lambda signed: bytes(SIGNATURE_SIZE), SIGNATURE_SIZE)


def header(octets):
    script, fields = Script(octets), base_fields()
    while script.more:
        place, tag, value = script.number() % (len(fields) + 1), script.number(), script.short()
        if tag not in COMPUTED:
            fields.insert(place, (tag, None if tag in _ctl.CONTAINERS else value))
    built = build(fields)
    kept = [field for field in _ctl.parse(built).header.fields if field[0] not in COMPUTED]
    assert kept == [field for field in fields if field[0] not in COMPUTED]


def records(octets):
    script, fields, expected = Script(octets), [], []
    while script.more:
        tag = script.number()
        if tag == _ctl.RECORD_LENGTH:
            expected.append(_ctl.Record(tuple(fields)))
            fields = []
        else:
            fields.append((tag, script.short()))
    expected.append(_ctl.Record(tuple(fields)))
    body = b"".join(record.encode() for record in expected)
    built = build(base_fields(), body)
    assert list(_ctl.parse(built).records) == expected
    trust_list(built)
