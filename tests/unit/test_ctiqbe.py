# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import collection_path
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _cti_errors, _ctiqbe
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import (
    CtiRefused, DeadlineExceeded, FormatError, ProtocolError,
)

FOLDER = collection_path.ROOT / "tests" / "vectors" / "ctiqbe"


def vector(name):
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


GOLDEN = vector("golden.json")["frames"]
TABLE = vector("messages.json")
JTAPI = [
    pytest.param(frame["direction"], bytes.fromhex(frame["hex"]), id="%s-%d" % (session["name"], number))
    for session in vector("jtapi-provider.json")["sessions"] for number, frame in enumerate(session["frames"])
]
FRAMES = [bytes.fromhex(case["hex"]) for case in GOLDEN] + [parameter.values[1] for parameter in JTAPI]


# The table


@pytest.mark.parametrize("expected", TABLE["messages"], ids=lambda message: message["name"])
def test_messages_are_those_of_the_published_table(expected):
    layout = _ctiqbe.BY_ID[expected["id"]]
    assert (layout.name, layout.direction, layout.fixed_size) == (
        expected["name"], expected["direction"], expected["fixed_size"])
    assert_same_fields(layout, expected["fields"])


@pytest.mark.parametrize("name", sorted(TABLE["structs"]))
def test_structs_are_those_of_the_published_table(name):
    layout = _ctiqbe.STRUCTS[name]
    assert layout.fixed_size == TABLE["structs"][name]["fixed_size"]
    assert_same_fields(layout, TABLE["structs"][name]["fields"])


def assert_same_fields(layout, expected):
    offset = 0
    for (name, kind), field in zip(layout.fields, expected):
        assert (offset, name, kind) == (field["offset"], field["name"], field["type"])
        offset += _ctiqbe._width(kind)
    assert len(layout.fields) == len(expected)


def test_no_message_or_struct_is_missing_or_invented():
    assert set(_ctiqbe.BY_ID) == {message["id"] for message in TABLE["messages"]}
    assert set(_ctiqbe.STRUCTS) == set(TABLE["structs"])


def test_error_names_are_those_of_the_published_table():
    published = {int(error["code"], 16): error["name"] for error in vector("errors.json")["errors"]}
    assert {code: entry[0] for code, entry in _cti_errors.ERRORS.items()} == published


def test_every_error_has_meaning_and_cure():
    assert all(meaning and not meaning.endswith(".") and cure.endswith(".")
               for _name, meaning, cure in _cti_errors.ERRORS.values())
    assert _cti_errors.describe(-1932787616)[:2] == ("0x8CCC0060", "DIRECTORY_LOGIN_FAILED")
    assert _cti_errors.describe(0x8CCC7777)[1] == "UNKNOWN"


# Octets


def given_values(layout, values):
    """JSON values as the codec has them: octets from hex, structures in depth."""
    result = {}
    for name, kind in layout.fields:
        value = values.get(name)
        if kind == "bytes" and value is not None:
            value = bytes.fromhex(value)
        elif kind.rstrip("[]") in _ctiqbe.STRUCTS and value is not None:
            struct = _ctiqbe.STRUCTS[kind.rstrip("[]")]
            value = [given_values(struct, v) for v in value] if kind.endswith("[]") else given_values(struct, value)
        result[name] = value
    return result


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case["name"])
def test_golden_frames_both_ways(case):
    layout = _ctiqbe.MESSAGES[case["message"]]
    octets, values = bytes.fromhex(case["hex"]), given_values(layout, case["values"])
    message = _ctiqbe.decode(octets)
    assert (message.id, message.name, message.version) == (case["id"], case["message"], int(case["version"], 16))
    assert message.values == values
    assert _ctiqbe.encode(case["message"], message.version, **values) == octets


@pytest.mark.parametrize("direction, octets", JTAPI)
def test_frames_of_jtapi_sessions(direction, octets):
    message = _ctiqbe.decode(octets)
    again = _ctiqbe.encode(message.name, message.version, **message.values)
    if direction == "c2s":
        assert again == octets
    else:
        assert _ctiqbe.decode(again).values == message.values


@pytest.mark.parametrize("octets", FRAMES)
def test_truncated_frames_are_refused(octets):
    for size in range(len(octets)):
        with pytest.raises(FormatError):
            _ctiqbe.decode(octets[:size])


@pytest.mark.parametrize("octets", [FRAMES[2], FRAMES[17], FRAMES[19], FRAMES[24], FRAMES[36]])
@pytest.mark.parametrize("change", [0x01, 0x80, 0xFF])
def test_flipped_octets_give_a_value_or_a_format_error(octets, change):
    for position in range(min(len(octets), 420)):
        damaged = bytearray(octets)
        damaged[position] ^= change
        value_or_format_error(bytes(damaged))


def value_or_format_error(octets):
    try:
        _ctiqbe.decode(octets)
    except FormatError:
        pass


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(_ctiqbe.BY_ID)), st.binary(max_size=200), st.binary(max_size=60))
def test_any_areas_give_a_value_or_a_format_error(number, fixed, variable):
    value_or_format_error(_ctiqbe.frame(number, fixed, variable))


def test_short_fixed_area_gives_defaults_and_longer_ones_are_ignored():
    short = _ctiqbe.decode(_ctiqbe.frame(126, bytes(8)))
    assert short["reason"] == 0 and short["clusterID"] is None and short["bMonitorCallParkDNs"] is False
    assert _ctiqbe.decode(_ctiqbe.frame(155, b"\x07\0\0\0" + bytes(20)))["reason"] == 7


def test_element_size_is_taken_from_the_wire():
    frame = _ctiqbe.decode(_ctiqbe.encode("GetLineInfoFetchResponse", info=[{"name": "1001"}, {"name": "1002"}]))
    assert [line["name"] for line in frame["info"]] == ["1001", "1002"]
    wide = b"".join(number.to_bytes(4, "little") for number in (1, 0, 60, 24, 2, 12, 0))
    elements = (b"".join(number.to_bytes(4, "little") for number in (84, 2, 7)) + b""
                + b"".join(number.to_bytes(4, "little") for number in (86, 2, 7)))
    frame = _ctiqbe.decode(_ctiqbe.frame(99, wide, elements + b"a\0b\0"))
    assert [line["name"] for line in frame["info"]] == ["a", "b"]


def test_unknown_id_is_kept():
    message = _ctiqbe.decode(_ctiqbe.frame(4711, b"\1\2\3"))
    assert (message.id, message.name) == (4711, None)


@pytest.mark.parametrize("value, read", [(-1, True), (0, False), (1, True), (2, None)])
def test_booleans(value, read):
    octets = bytearray(_ctiqbe.encode("ProviderOpenResponse"))
    octets[32 + 48:32 + 52] = value.to_bytes(4, "little", signed=True)
    if read is None:
        with pytest.raises(FormatError, match="boolean"):
            _ctiqbe.decode(octets)
    else:
        assert _ctiqbe.decode(octets)["fipsCompliant"] is read


@pytest.mark.parametrize("message, nul", [("ProviderOpenRequest", False), ("ProviderOpenCompletedEvent", True)])
def test_unicode_text_ends_with_nul_only_from_the_server(message, nul):
    field = "login" if message == "ProviderOpenRequest" else "loginUserName"
    octets = _ctiqbe.encode(message, **{field: "ab"})
    assert ("a\0b\0\0\0".encode("ascii") in octets) is nul
    assert _ctiqbe.decode(octets)[field] == "ab"


def test_references_that_multiply_the_frame_are_refused():
    text = b"x" * 100000
    count = 5000
    position = 32 + 28
    element = (position + count * 8).to_bytes(4, "little") + len(text).to_bytes(4, "little")
    words = (1, 0, position, count * 8 + len(text), count, 8, 0)
    fixed = b"".join(word.to_bytes(4, "little") for word in words)
    with pytest.raises(FormatError, match="overlap"):
        _ctiqbe.decode(_ctiqbe.frame(99, fixed, element * count + text))


def test_numbers_out_of_range():
    with pytest.raises(FormatError):
        _ctiqbe.encode("ProviderClosedEvent", reason=1 << 33)
    with pytest.raises(KeyError):
        _ctiqbe.encode("ProviderClosedEvent", cause=1)


# The stream


@pytest.mark.parametrize("size", [1, 2, 7, 31, 33, 100000])
def test_frames_come_out_of_any_splitting(size):
    stream = b"".join(FRAMES)
    reader, frames = _ctiqbe.FrameReader(), []
    for start in range(0, len(stream), size):
        reader.feed(stream[start:start + size])
        frames += reader.frames()
    assert frames == FRAMES and reader.pending == 0


@pytest.mark.parametrize("octets", [
    b"\xff\xff\xff\xff", b"\x17\0\0\0", (1 << 22).to_bytes(4, "little"), b"\x18\0\0\0\0\0\0\0\xdd\xdd\xff\xfe",
])
def test_impossible_frames_are_refused_at_once(octets):
    reader = _ctiqbe.FrameReader()
    reader.feed(octets)
    with pytest.raises(FormatError):
        list(reader.frames())


# The client of a provider


class Server:
    """Plays CTI Manager against a Provider, without sockets; C(heard) are the messages the client sent."""

    NONCE = "00112233-4455-6677-8899-aabbccddeeff"

    def __init__(self, version=_ctiqbe.VERSION):
        settings = _ctiqbe.Settings("cucm", "ctiuser", "test", 30, version)
        self.provider = _ctiqbe.Provider(settings, self.seal, "cucm:2749")
        self.seals = []
        self.heard = []
        self.provider.start(0)
        self.listen()

    def seal(self, nonce, certificate):
        self.seals.append((nonce, certificate))
        return b"password", b"key"

    def listen(self):
        octets = self.provider.output()
        reader = _ctiqbe.FrameReader()
        reader.feed(octets)
        new = [_ctiqbe.decode(frame) for frame in reader.frames()]
        self.heard += new
        return [message.name for message in new]

    def say(self, name, now=0, **values):
        return self.say_octets(_ctiqbe.encode(name, **values), now)

    def say_octets(self, octets, now=0):
        events = [event.name for event in self.provider.receive(octets, now)]
        self.listen()
        return events

    def init(self):
        return self.say("ProviderInitResponse", nonce=self.NONCE, certificate=b"certificate")

    def open(self, heartbeats=(30, 30)):
        self.init()
        beats = dict(clientHeartbeat=heartbeats[0], serverHeartbeat=heartbeats[1])
        events = self.say("ProviderOpenResponse", sequenceNumber=1, **beats)
        return events + self.say("ProviderOpenCompletedEvent", sequenceNumber=1, providerId=16777428, **beats)

    def list(self):
        self.provider.list_devices(0)
        self.listen()
        return self.heard[-1]["sequenceNumber"]


def test_opens_lists_and_closes():
    server = Server()
    assert server.heard[0].name == "ProviderInitRequest" and server.heard[0]["sequenceNumber"] == 0
    assert server.open() == ["accepted", "opened"]
    assert server.seals == [(server.NONCE, b"certificate")]
    request = server.heard[1]
    assert (request["login"], request["password"], request["encryptedKeyData"]) == ("ctiuser", b"password", b"key")
    assert request["sequenceNumber"] == 1 and request["filter"]["deviceRegistered"] is True
    number = server.list()
    server.say("ProviderGetAllDevicesAndLinesResponse", sequenceNumber=number)
    server.say("DeviceLineInfoEvent", requestId=number, deviceName="SEP1", eventContent=15, moreLines=True,
               lineInfo=[{"name": "1"}])
    server.say("DeviceLineInfoEvent", requestId=99, deviceName="SEP9", eventContent=15)
    server.say("DeviceLineInfoEvent", requestId=number, deviceName="SEP1", eventContent=8, lineInfo=[{"name": "2"}])
    assert server.say("ProviderGetAllDevicesAndLinesCompletedEvent", requestId=number) == ["listed"]
    (device,) = server.provider.devices
    assert device["name"] == "SEP1" and [line["number"] for line in device["lines"]] == ["1", "2"]
    server.provider.close(0)
    assert server.listen() == ["ProviderCloseRequest"]
    assert server.say("ProviderCloseResponse", sequenceNumber=3) == ["closed"]
    server.provider.ended()


def test_opens_with_the_server_frames_of_jtapi_sessions():
    for session in vector("jtapi-provider.json")["sessions"]:
        server = Server()
        for frame in session["frames"]:
            if frame["direction"] == "s2c":
                octets = bytes.fromhex(frame["hex"])
                if "refuse" in session["name"] and _ctiqbe.decode(octets).name == "ProviderOpenCompletedEvent":
                    with pytest.raises(CtiRefused, match="0x8CCC0060 DIRECTORY_LOGIN_FAILED"):
                        server.say_octets(octets)
                    break
                server.say_octets(octets)
        else:
            assert server.provider.state == "open"


def test_completed_event_may_come_first():
    server = Server()
    server.init()
    assert server.say("ProviderOpenCompletedEvent", sequenceNumber=1) == ["opened"]
    assert server.say("ProviderOpenResponse", sequenceNumber=1) == []
    assert server.provider.state == "open"


def test_answers_that_come_twice_change_nothing():
    server = Server()
    server.init()
    server.init()
    assert [message.name for message in server.heard] == ["ProviderInitRequest", "ProviderOpenRequest"]
    server.say("ProviderOpenCompletedEvent", sequenceNumber=1)
    assert server.say("ProviderOpenCompletedEvent", sequenceNumber=1, reason=0x8CCC0060) == []


@pytest.mark.parametrize("sequence", [1, 0, -1])
def test_failure_response_for_the_login(sequence):
    server = Server()
    server.init()
    with pytest.raises(CtiRefused) as caught:
        server.say("FailureResponse", sequenceNumber=sequence, result=0x8CCC0047, description="too\nmany")
    assert caught.value.code == 0x8CCC0047 and caught.value.facts["stage"] == "open"
    assert "its message: too many" in str(caught.value)


@pytest.mark.parametrize("reason, compromised", [(7, False), (9, True)])
@pytest.mark.parametrize("opened", [False, True])
def test_close_at_any_time(opened, reason, compromised):
    server = Server()
    if opened:
        server.open()
    with pytest.raises(CtiRefused) as caught:
        server.say("ProviderClosedEvent", reason=reason)
    assert caught.value.code is None and caught.value.facts["cti_close_reason"] == reason
    assert caught.value.facts["compromised"] is compromised


def test_heartbeats_after_silence_of_the_client():
    server = Server()
    assert server.provider.wake_at() is None
    server.open((4, 30))
    provider = server.provider
    assert provider.wake_at() == 4
    provider.elapsed(3.9)
    assert server.listen() == []
    provider.elapsed(4)
    assert server.listen() == ["Heartbeat"] and provider.wake_at() == 8
    server.say("Heartbeat", now=7)
    provider.elapsed(8)
    assert server.listen() == ["Heartbeat"]


def test_silence_of_the_server():
    server = Server()
    server.open((0, 30))
    assert server.provider.wake_at() == pytest.approx(60.6)
    server.provider.elapsed(60)
    with pytest.raises(DeadlineExceeded, match="heartbeat"):
        server.provider.elapsed(61)


@pytest.mark.parametrize("values", [
    {}, {"nonce": "x"}, {"certificate": b"x"}, {"nonce": "x" * 65, "certificate": b"x"},
    {"nonce": "\xe4", "certificate": b"x"}])
def test_unusable_nonce_or_certificate(values):
    server = Server()
    with pytest.raises(ProtocolError, match="nonce"):
        server.say("ProviderInitResponse", **values)
    assert not server.seals and not server.provider.login_sent


def test_a_client_in_place_of_a_server():
    with pytest.raises(ProtocolError, match="only clients send"):
        Server().say("ProviderInitRequest")


@pytest.mark.parametrize("octets, words", [(b"", "without an answer"), (b"\x30\0\0\0\0", "middle of a message")])
def test_stream_that_ends(octets, words):
    server = Server()
    server.say_octets(octets)
    with pytest.raises(ProtocolError, match=words):
        server.provider.ended()


def test_older_enumeration_step_by_step():
    server = Server()
    server.open()
    server.say("FailureResponse", sequenceNumber=server.list(), result=0x8CCC0051)

    def answer(name, **values):
        return server.say(name, sequenceNumber=server.heard[-1]["sequenceNumber"], **values)

    answer("ProviderGetDeviceInfoResponse", enumerationHandle=17)
    answer("GetDeviceInfoFetchResponse", info=[{"name": "SEP1", "type": 7}, {"name": "SEP2"}], more=True)
    answer("GetDeviceInfoFetchResponse", info=[{"name": "SEP3"}])
    answer("GetDeviceInfoCloseResponse")
    answer("DeviceGetLineInfoResponse", enumerationHandle=18)
    answer("GetLineInfoFetchResponse", info=[{"name": "1001"}])
    answer("GetLineInfoCloseResponse")
    answer("DeviceGetLineInfoResponse", result=0x8CCC0022)
    assert answer("DeviceGetLineInfoResponse", result=0x8CCC0022) == ["listed"]
    assert [(d["name"], d["status_code"], len(d["lines"])) for d in server.provider.devices] == [
        ("SEP1", 0, 1), ("SEP2", 0x8CCC0022, 0), ("SEP3", 0x8CCC0022, 0)]
    assert server.provider.enumeration == "stepwise"


def test_older_enumeration_that_never_ends():
    server = Server()
    server.open()
    server.say("FailureResponse", sequenceNumber=server.list(), result=0x8CCC0051)
    server.say("ProviderGetDeviceInfoResponse", sequenceNumber=3, enumerationHandle=17)
    with pytest.raises(ProtocolError, match="none"):
        server.say("GetDeviceInfoFetchResponse", sequenceNumber=4, info=[], more=True)


SERVER_FRAMES = [octets for octets in FRAMES if _ctiqbe.BY_ID[_ctiqbe.decode(octets).id].direction != "client->server"]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(SERVER_FRAMES), max_size=12), st.integers(0, 3000), st.integers(1, 255))
def test_any_server_ends_in_the_family_of_errors(frames, position, change):
    server, stream = Server(), bytearray(b"".join(frames))
    if position < len(stream):
        stream[position] ^= change
    try:
        server.say_octets(bytes(stream))
    except (FormatError, ProtocolError, CtiRefused):
        pass
    assert len(server.seals) <= 1
