# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _cti_errors, _ctiqbe
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import FormatError, ProtocolError
from hypothesis import given
from hypothesis import strategies as st

from fuzz import Script, fuzz_ctiqbe, fuzz_provider, outcome, peak_of, repeatable

FRAMES = fuzz_ctiqbe.vector_frames()
# One frame of each message is enough to try what its layout allows.
ONE_EACH = {fuzz_ctiqbe.split(octets)[0]: name for name, octets in FRAMES.items()}
NOT_KNOWN = min(_cti_errors.NOT_KNOWN_TO_SERVER)
BORDERS = (0, 1, 2, 3, 4, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF8, 0xFFFFFFFF)


# Frames


@pytest.mark.parametrize("name", FRAMES)
def test_every_word_of_every_fixed_area_changed(name):
    """Numbers, booleans, offsets, sizes, counts and element sizes: everything there is a word."""
    number, fixed, variable = fuzz_ctiqbe.split(FRAMES[name])
    size = len(FRAMES[name])
    for place in range(0, len(fixed), 4):
        word = int.from_bytes(fixed[place:place + 4], "little")
        for value in {*BORDERS, word ^ 1, word ^ 0x80, word ^ 0xFF, word + 1, abs(word - 1), size, size - word}:
            changed = fixed[:place] + (value & 0xFFFFFFFF).to_bytes(4, "little") + fixed[place + 4:]
            octets = _ctiqbe.frame(number, changed, variable)
            assert outcome(FormatError, fuzz_ctiqbe.frame, octets) in ("value", "FormatError")


@pytest.mark.parametrize("name", sorted(ONE_EACH.values()))
def test_every_truncation_inside_the_areas(name):
    """With a header that fits, a shorter fixed area has defaults at its end, and a shorter variable area lost texts."""
    number, fixed, variable = fuzz_ctiqbe.split(FRAMES[name])
    for size in range(len(fixed)):
        octets = _ctiqbe.frame(number, fixed[:size], variable)
        assert outcome(FormatError, fuzz_ctiqbe.frame, octets) in ("value", "FormatError")
    for size in range(len(variable)):
        octets = _ctiqbe.frame(number, fixed, variable[:size])
        assert outcome(FormatError, fuzz_ctiqbe.frame, octets) in ("value", "FormatError")


@pytest.mark.parametrize("name", FRAMES)
def test_every_word_of_the_header_changed(name):
    octets = FRAMES[name]
    for place in range(0, _ctiqbe.HEADER_SIZE, 4):
        for value in BORDERS:
            changed = octets[:place] + value.to_bytes(4, "little") + octets[place + 4:]
            for kind in (b"\0", b"\1\x10"):
                assert fuzz_ctiqbe.check(kind + changed) in ("value", "FormatError")


def texts(codec):
    return st.text(st.characters(codec=codec), max_size=8).map(lambda text: text.rstrip("\0"))


VALUES = {
    "i32": st.integers(-1 << 31, (1 << 31) - 1),
    "bool": st.booleans(),
    "bytes": st.one_of(st.none(), st.binary(min_size=1, max_size=8)),
    "str": st.one_of(st.none(), texts("latin-1")),
    "ustr": st.one_of(st.none(), texts("utf-8")),
}


def values_of(layout):
    return st.fixed_dictionaries({name: value_of(kind) for name, kind in layout.fields})


def value_of(kind):
    if kind.endswith("[]"):
        return st.one_of(st.none(), st.lists(element_of(kind[:-2]), max_size=2))
    return st.one_of(st.none(), element_of(kind)) if kind in _ctiqbe.STRUCTS else VALUES[kind]


def element_of(kind):
    return values_of(_ctiqbe.STRUCTS[kind]) if kind in _ctiqbe.STRUCTS else VALUES[kind]


MESSAGES = {name: values_of(layout) for name, layout in _ctiqbe.MESSAGES.items()}


@repeatable.examples
@given(st.data(), st.sampled_from(sorted(MESSAGES)), st.integers(0, 0xFFFFFFFF))
def test_any_values_survive_the_wire(data, name, version):
    values = data.draw(MESSAGES[name])
    message = _ctiqbe.decode(_ctiqbe.encode(name, version, **values))
    assert (message.name, message.version, message.values) == (name, version, values)


@repeatable.examples
@given(st.integers(0, 0xFFFFFFFF), st.binary(max_size=80), st.binary(max_size=40))
def test_unknown_messages_are_kept_whatever_they_hold(number, fixed, variable):
    message = _ctiqbe.decode(_ctiqbe.frame(number | 1 << 16, fixed, variable))
    assert (message.id, message.name, message.values) == (number | 1 << 16, None, {})


@repeatable.examples
@given(st.lists(st.one_of(st.sampled_from(sorted(FRAMES.values())), st.binary(max_size=40)), max_size=5),
       st.integers(0, 255))
def test_a_stream_with_garbage_in_it_is_cut_alike_however_it_is_split(pieces, size):
    assert fuzz_ctiqbe.check(b"\1" + bytes([size]) + b"".join(pieces)) in ("value", "FormatError")


# Memory


def refused(octets):
    assert outcome(FormatError, _ctiqbe.decode, octets) == "FormatError"


@pytest.mark.parametrize("place", range(12, 28, 4))
def test_a_size_of_4_gib_takes_no_memory(place):
    """Offset, size, count and element size of the array in a GetLineInfoFetchResponse."""
    fixed = bytearray(_ctiqbe.encode("GetLineInfoFetchResponse", info=[{"name": "1"}])[32:60])
    fixed[place - 4:place] = b"\xff\xff\xff\xff"
    assert peak_of(refused, _ctiqbe.frame(99, bytes(fixed), bytes(400))) < 32 << 10


def test_a_frame_of_4_gib_is_refused_before_it_comes():
    def feed():
        reader = _ctiqbe.FrameReader()
        reader.feed(b"\xff\xff\xff\xff")
        assert outcome(FormatError, list, reader.frames()) == "FormatError"

    assert peak_of(feed) < 32 << 10


def test_an_announced_frame_takes_only_what_has_come():
    def feed():
        reader = _ctiqbe.FrameReader()
        reader.feed((_ctiqbe.MAX_FRAME - 8).to_bytes(4, "little") + bytes(4) + b"\xdd\xdd\xff\xff" + bytes(1000))
        assert list(reader.frames()) == [] and reader.pending == 1012

    assert peak_of(feed) < 32 << 10


def tiny_elements(count):
    """A GetLineInfoFetchResponse whose elements have 4 octets each, the fewest that are allowed."""
    words = (1, 0, 60, 4 * count, count, 4, 0)
    return _ctiqbe.frame(99, b"".join(word.to_bytes(4, "little") for word in words), bytes(4 * count))


def test_the_most_elements_of_one_array():
    assert peak_of(_ctiqbe.decode, tiny_elements(_ctiqbe.MAX_ELEMENTS)) < 32 << 20
    refused(tiny_elements(_ctiqbe.MAX_ELEMENTS + 1))


# The client of a provider


def listing(older=False):
    """A provider that waits for its list, and a function that answers its last request."""
    play = fuzz_provider.Play(Script(b"".join(octets for name, octets in fuzz_provider.seeds() if name == "open")))
    play.run()
    provider, heard = play.provider, []
    provider.list_devices(0)

    def answer(name, **values):
        reader = _ctiqbe.FrameReader()
        reader.feed(provider.output())
        heard.extend(_ctiqbe.decode(frame)["sequenceNumber"] for frame in reader.frames())
        field = _ctiqbe.MESSAGES[name].fields[0][0]  # sequenceNumber or requestId
        provider.receive(_ctiqbe.encode(name, **{field: heard[-1]}, **values), 0)

    if older:
        answer("FailureResponse", result=NOT_KNOWN)
        answer("ProviderGetDeviceInfoResponse", enumerationHandle=17)
    return provider, answer


LINES = [{"name": "1"}] * 50


@pytest.fixture
def few_lines(monkeypatch):
    """Reaching the real limit takes seconds."""
    monkeypatch.setattr(_ctiqbe, "MAX_LINES", 2000)


@pytest.mark.usefixtures("few_lines")
def test_devices_with_lines_that_never_end():
    _provider, answer = listing()
    with pytest.raises(ProtocolError, match="listed more than 2000 lines"):
        for count in range(50):
            answer("DeviceLineInfoEvent", deviceName="SEP1", eventContent=_ctiqbe.MORE_LINES, totalLines=count,
                   lineInfo=LINES)


@pytest.mark.usefixtures("few_lines")
def test_lines_that_never_end_step_by_step():
    _provider, answer = listing(older=True)
    answer("GetDeviceInfoFetchResponse", info=[{"name": "SEP1"}])
    answer("GetDeviceInfoCloseResponse")
    answer("DeviceGetLineInfoResponse", enumerationHandle=18)
    with pytest.raises(ProtocolError, match="listed more than 2000 lines"):
        for _count in range(50):
            answer("GetLineInfoFetchResponse", info=LINES, more=True)


def test_octets_that_never_end():
    provider, answer = listing()
    text = "x" * (_ctiqbe.MAX_FRAME - 1000)
    with pytest.raises(ProtocolError, match="listed more than 268435456 octets"):
        for _count in range(70):
            answer("DeviceLineInfoEvent", deviceName="SEP1", deviceInfoDynamic={"altScript": text})
    assert [device["name"] for device in provider._by_name.values()] == ["SEP1"]


def test_one_device_over_and_over_is_asked_for_its_lines_once():
    provider, answer = listing(older=True)
    for _count in range(5):
        answer("GetDeviceInfoFetchResponse", info=[{"name": "SEP1"}] * 50, more=True)
    answer("GetDeviceInfoFetchResponse", info=[{"name": "SEP1"}])
    answer("GetDeviceInfoCloseResponse")
    answer("DeviceGetLineInfoResponse", result=_ctiqbe.NO_MORE_DEVICES)
    assert provider.state == "open" and [device["name"] for device in provider.devices] == ["SEP1"]


@pytest.mark.parametrize(("older", "code"), [(False, NOT_KNOWN), (True, _ctiqbe.NO_MORE_DEVICES)])
def test_a_list_refused_after_close_neither_goes_on_nor_opens_the_provider_again(older, code):
    provider, answer = listing(older)
    number = max(provider._outstanding)
    provider.close(0)
    provider.output()
    assert provider.receive(_ctiqbe.encode("FailureResponse", sequenceNumber=number, result=code), 0) == []
    assert provider.state == "closing" and provider.output() == b""


INSTRUCTIONS = st.one_of(
    st.tuples(st.integers(0, len(fuzz_provider.ANSWERS) - 1), st.binary(max_size=12)).map(
        lambda pair: fuzz_provider.say(fuzz_provider.ANSWERS[pair[0]], *pair[1])),
    st.sampled_from([bytes([fuzz_provider.LIST]), bytes([fuzz_provider.CLOSE]), bytes([fuzz_provider.END])]),
    st.integers(0, 255).map(lambda seconds: bytes([fuzz_provider.WAIT, seconds])),
    st.binary(max_size=60).map(lambda octets: bytes([fuzz_provider.RAW, 0, len(octets)]) + octets),
)
BEGINNINGS = [octets for _name, octets in fuzz_provider.seeds()]


@repeatable.examples
@given(st.sampled_from([b"", *BEGINNINGS]), st.lists(INSTRUCTIONS, max_size=12))
def test_any_server_gives_events_or_typed_errors(beginning, instructions):
    assert fuzz_provider.check(beginning + b"".join(instructions)) in (
        "value", *(error.__name__ for error in fuzz_provider.ERRORS))
