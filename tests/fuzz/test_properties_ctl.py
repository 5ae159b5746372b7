# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _ctl
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import FormatError
from hypothesis import given
from hypothesis import strategies as st

from fuzz import fuzz_ctl, outcome, peak_of, repeatable

FILES = {path.stem: path.read_bytes() for path in sorted(fuzz_ctl.FOLDER.iterdir())}
LISTS = {name: octets for name, octets in FILES.items() if name != "SEP001122334455.cnf.xml"}
WHOLE = {name: octets for name, octets in LISTS.items() if name != "CTLFile-truncated"}
SIGNED = FILES["SEP001122334455.cnf.xml"]


def heads(octets):
    """Offsets of all tags, of header and records, container heads and record lengths included."""
    position, header = 0, int.from_bytes(octets[8:10], "big")
    while position < len(octets):
        if position < header and octets[position] == _ctl.PADDING:
            position += 1
            continue
        yield position
        contained = position < header and octets[position] in _ctl.CONTAINERS
        position += 3 + (0 if contained else int.from_bytes(octets[position + 1:position + 3], "big"))


def test_the_walk_over_a_list_finds_every_field():
    found = _ctl.parse(WHOLE["CTLFile-v12"])
    fields = len(found.header.fields) + sum(1 + len(record.fields) for record in found.records)
    assert len(list(heads(found.octets))) == fields


# Lists with the same tags at the same places differ only in octets that a parser does not look at.
LAYOUTS = {tuple((head, octets[head]) for head in heads(octets)): name for name, octets in WHOLE.items()}


@pytest.mark.parametrize("name", sorted(set(LAYOUTS.values()) - {"CTLFile-stranger"}))  # cut in tests/unit
def test_every_truncation_of_every_layout(name):
    """A list cut between two records is a shorter list."""
    octets = WHOLE[name]
    boundaries, position = {}, _ctl.parse(octets).header.length
    for count, record in enumerate(_ctl.parse(octets).records):
        boundaries[position] = count
        position += len(record.encode())
    for size in range(len(octets)):
        if size in boundaries:
            assert len(_ctl.parse(octets[:size]).records) == boundaries[size]
        else:
            assert outcome(FormatError, _ctl.parse, octets[:size]) == "FormatError"


def test_every_truncation_of_a_signed_file():
    header, payload = _ctl.parse_signed_file(SIGNED)
    for size in range(header.length):
        assert outcome(FormatError, _ctl.parse_signed_file, SIGNED[:size]) == "FormatError"
    for size in range(header.length, len(SIGNED)):
        assert _ctl.parse_signed_file(SIGNED[:size])[1] == payload[:size - header.length]


@pytest.mark.parametrize("name", sorted(FILES))
def test_every_length_changed(name):
    """Bit by bit, and to what stands at a border; fuzz_ctl asserts what must hold of lists that can be read still."""
    kind, octets, outcomes = (b"\1" if name.startswith("SEP") else b"\0"), FILES[name], set()
    body = int.from_bytes(octets[8:10], "big") if name.startswith("SEP") else len(octets)
    for head in (position + 1 for position in heads(octets[:body]) if position + 3 <= body):
        length = int.from_bytes(octets[head:head + 2], "big")
        for value in {length ^ 1 << bit for bit in range(16)} | {0, 1, length - 1, length + 1, 0x7FFF, 0xFFFF}:
            changed = octets[:head] + (value & 0xFFFF).to_bytes(2, "big") + octets[head + 2:]
            outcomes.add(fuzz_ctl.check(kind + changed))
    assert "FormatError" in outcomes


def variants(tag, value):
    """Fields that may stand in place of one: other sizes, other octets, another tag, none, twice."""
    for other in (b"", value[:-1], value + b"\0", b"\xff" * len(value), bytes(len(value)), value[::-1], bytes(4000)):
        yield ((tag, other),)
    yield ((200, value),)
    yield ()
    yield ((tag, value), (tag, value))


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_every_field_of_every_record_mutated(name):
    """A record with other fields is kept as it is, or refused for its role."""
    octets = WHOLE[name]
    found = _ctl.parse(octets)
    start = octets[:found.header.length]
    for number, record in enumerate(found.records):
        for place, (tag, value) in enumerate(record.fields):
            for fields in variants(tag, value):
                other = _ctl.Record(record.fields[:place] + fields + record.fields[place + 1:])
                body = [each.encode() for each in found.records]
                body[number] = other.encode()
                result = outcome(FormatError, fuzz_ctl.trust_list, start + b"".join(body))
                role = other.value(_ctl.FUNCTION)
                assert result == ("value" if role is None or len(role) == 2 else "FormatError")


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_every_field_of_every_header_mutated(name):
    found = _ctl.parse(WHOLE[name])
    fields = list(found.header.fields)
    body = found.octets[found.header.length:]
    for place, (tag, value) in enumerate(fields):
        if value is None or tag in fuzz_ctl.COMPUTED:
            continue
        for other in variants(tag, value):
            mutated = fields[:place] + list(other) + fields[place + 1:]
            octets = _ctl.encode_header(mutated, len(found.signature)) + body
            result = outcome(FormatError, fuzz_ctl.trust_list, octets)
            if result == "value":
                kept = [field for field in _ctl.parse(octets).header.fields if field[0] not in fuzz_ctl.COMPUTED]
                assert kept == [field for field in mutated if field[0] not in fuzz_ctl.COMPUTED]
            if not other and tag in (_ctl.SERIAL_NUMBER, _ctl.CA_NAME, _ctl.DIGEST_ALGORITHM):
                assert result == "FormatError"


FIELDS = st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=40)), max_size=12)


@repeatable.examples
@given(st.lists(FIELDS.map(lambda fields: tuple(field for field in fields if field[0] != 1)), max_size=4))
def test_any_records_are_kept(records):
    octets = fuzz_ctl.build(fuzz_ctl.base_fields(), b"".join(_ctl.Record(fields).encode() for fields in records))
    wrong = any(len(_ctl.Record(fields).value(_ctl.FUNCTION) or b"..") != 2 for fields in records)
    if wrong:
        assert outcome(FormatError, _ctl.parse, octets) == "FormatError"
    else:
        assert [record.fields for record in _ctl.parse(octets).records] == records
        fuzz_ctl.trust_list(octets)


@repeatable.examples
@given(st.lists(st.tuples(st.integers(0, 255), st.integers(0, 255), st.binary(max_size=40)), max_size=8))
def test_any_header_fields_are_kept_or_refused(fields):
    script = b"".join(bytes([place, tag, len(value)]) + value for place, tag, value in fields)
    assert fuzz_ctl.check(b"\2" + script) in ("value", "FormatError")


@repeatable.examples
@given(st.sampled_from(sorted(FILES)), st.lists(st.tuples(st.integers(0, 9600), st.binary(max_size=4)), max_size=6))
def test_any_damage_gives_a_value_or_a_format_error(name, changes):
    octets = bytearray(FILES[name])
    for place, new in changes:
        octets[place:place + len(new)] = new
    for kind in (b"\0", b"\1"):
        assert fuzz_ctl.check(kind + bytes(octets)) in ("value", "FormatError")


# Memory


def refused(octets):
    assert outcome(FormatError, _ctl.parse, octets) == "FormatError"


def test_announced_lengths_take_no_memory():
    start = fuzz_ctl.build(fuzz_ctl.base_fields())
    for octets in (start + b"\1\0\2\xff\xff", start + b"\1\0\2\0\x08\x09\xff\xff", b"\1\0\2\1\2\2\0\2\xff\xff"):
        assert peak_of(refused, octets) < 32 << 10


@pytest.mark.parametrize("body", [
    pytest.param(b"\1\0\2\0\5", id="empty records"),
    pytest.param(b"\1\0\2\x03\xe9" + b"\2\0\0" * 332, id="empty fields"),
    pytest.param(b"\1\0\2\0\x08\x0a\0\0", id="odd addresses"),
])
def test_memory_of_the_worst_lists(body):
    """A hundred octets for one of the file: 100 MiB for a file of the largest size."""
    start = fuzz_ctl.build(fuzz_ctl.base_fields())
    count = (32 << 10) // len(body)
    found = []
    assert peak_of(lambda: found.append(_ctl.parse(start + count * body))) < 100 * (32 << 10)
    assert len(found[0].records) == count


def test_one_octet_more_than_the_largest_size_is_not_read():
    octets = fuzz_ctl.build(fuzz_ctl.base_fields())
    octets += bytes(_ctl.MAX_SIZE + 1 - len(octets))
    assert peak_of(refused, octets) < 32 << 10
