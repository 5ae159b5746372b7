# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import collection_path
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _capf
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import (
    CapfRefused, FormatError, InputError, ProtocolError, SecureTspError,
)

FOLDER = collection_path.ROOT / "tests" / "vectors" / "capf"
SESSIONS = {
    session["name"]: [(message["direction"], bytes.fromhex(message["hex"])) for message in session["messages"]]
    for name in ("sessions.json", "jtapi-sessions.json")
    for session in json.loads((FOLDER / name).read_text(encoding="utf-8"))["sessions"]
}
MESSAGES = [pytest.param(octets, id="%s-%d" % (name, number))
            for name, session in SESSIONS.items() for number, (_direction, octets) in enumerate(session)]
SERVER, CLIENT = "s2c", "c2s"
SESSION = 0x2A
STRING = "4711471147"
SETTINGS = _capf.Settings("CTI-ctiInst01", STRING)
KEY = b"key" * 98
DER = b"certificate" * 60

# What Cisco's JTAPI says with its successes.
JTAPI_TEXTS = {
    _capf.AUTH_RESPONSE: "JTAPI successful response to Autherization request",
    _capf.KEY_GENERATE_RESPONSE: "Key generation successful",
    _capf.ENCRYPT_RESPONSE: "successfully encrypted datablock",
    _capf.STORE_CERTIFICATE_RESPONSE: "successfully stored the certificate",
}


def message(command, *elements, session=SESSION):
    return _capf.Message(command, session, elements).encode()


def end(reason, *more, session=SESSION):
    return message(_capf.END_SESSION, (_capf.REASON, bytes([reason])), *more, session=session)


HELLO = message(_capf.AUTH_REQUEST, (_capf.VERSION, b"\3"))
ASK_KEY = message(_capf.KEY_GENERATE_REQUEST, *_capf.key_elements("rsa", 2048, 1))
ASK_SIGNATURE = message(_capf.ENCRYPT_REQUEST, (_capf.SIGNED_DATA, b"data to sign"))
STORE = message(_capf.STORE_CERTIFICATE_REQUEST, (_capf.CERTIFICATE_TYPE, b"\1"),
                (_capf.CERTIFICATE, _capf.certificate_value(DER)))

# How an Enrolment comes into each of its states.
PATHS = {
    "await_auth_request": [],
    "await_request": [HELLO],
    "await_key": [HELLO, ASK_KEY],
    "await_certificate": [HELLO, ASK_KEY, "key"],
    "await_signature": [HELLO, ASK_KEY, "key", ASK_SIGNATURE],
    "await_storing": [HELLO, ASK_KEY, "key", STORE],
    "await_end": [HELLO, ASK_KEY, "key", STORE, "stored"],
    "ended": [HELLO, end(1)],
}


def brought_to(state, settings=SETTINGS):
    enrolment = _capf.Enrolment(settings, "capf.example.com:3804")
    for step in PATHS[state]:
        if step == "key":
            enrolment.provide_key(KEY)
        elif step == "stored":
            enrolment.certificate_stored()
        else:
            enrolment.receive(step)
        enrolment.output()
    assert enrolment.state == state
    return enrolment


def sent(enrolment):
    return [_capf.decode(octets) for octets in enrolment.output()]


# Octets


@pytest.mark.parametrize("octets", MESSAGES)
def test_messages_of_real_sessions_are_reproduced(octets):
    decoded = _capf.decode(octets)
    assert decoded.encode() == octets
    assert decoded.command_name in _capf.COMMAND_NAMES.values()
    assert all(tag in _capf.TAG_NAMES for tag, _value in decoded.elements)


def test_no_vector_was_overlooked():
    assert len(MESSAGES) == 187 and len(SESSIONS) == 31


@pytest.mark.parametrize("octets", MESSAGES)
def test_cut_messages_are_refused(octets):
    for size in range(len(octets)):
        with pytest.raises(FormatError):
            _capf.decode(octets[:size])
    with pytest.raises(FormatError):
        _capf.decode(octets + b"\0")


def lengths_of(octets):
    """Offsets of the octets that tell a length: of the message and of its elements."""
    offsets, position = [0, 6, 7], 8
    while position < len(octets):
        offsets += [position + 1, position + 2]
        position += 3 + int.from_bytes(octets[position + 1:position + 3], "big")
    return offsets


@pytest.mark.parametrize("octets", MESSAGES)
def test_flipped_lengths_give_a_message_or_a_typed_error(octets):
    decoded = refused = 0
    for offset in lengths_of(octets):
        for bit in range(8):
            broken = bytearray(octets)
            broken[offset] ^= 1 << bit
            try:
                again = _capf.decode(bytes(broken))
            except FormatError:
                refused += 1
            else:
                assert again.encode() == broken
                decoded += 1
    assert refused >= 24 and decoded + refused == 8 * len(lengths_of(octets))


elements = st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=300)), max_size=8).map(tuple)
messages = st.builds(_capf.Message, st.integers(0, 255), st.integers(0, 0xFFFFFFFF), elements)


@given(messages)
def test_any_message_survives_the_wire(original):
    assert _capf.decode(original.encode()) == original


@given(st.binary(max_size=200))
def test_any_octets_give_a_message_or_a_typed_error(octets):
    for candidate in (octets, b"\x55" + octets):
        try:
            assert _capf.decode(candidate).encode() == candidate
        except FormatError as error:
            assert error.what.startswith("CAPF message")


@given(st.lists(messages, max_size=5), st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_a_stream_may_be_cut_anywhere(originals, sizes):
    stream = b"".join(original.encode() for original in originals)
    reader, found, position, number = _capf.MessageReader(), [], 0, 0
    while position < len(stream):
        size = sizes[number % len(sizes)]
        found += reader.feed(stream[position:position + size])
        assert reader.pending <= 8 + _capf.MAX_PAYLOAD
        position, number = position + size, number + 1
    assert found == originals and reader.pending == 0


def test_broken_octets_do_not_swallow_the_message_before():
    reader = _capf.MessageReader()
    assert [m.command for m in reader.feed(HELLO + b"HTTP")] == [_capf.AUTH_REQUEST]
    for more in (b"", HELLO):
        with pytest.raises(FormatError, match="0x48 instead of 0x55"):
            reader.feed(more)


def test_wrong_protocol_id_shows_at_once():
    with pytest.raises(FormatError, match="0x16"):
        _capf.MessageReader().feed(b"\x16")


def test_payload_beyond_16_bits():
    with pytest.raises(FormatError):
        message(1, (9, bytes(0xFFFF)))


def test_numbers_of_commands_and_tags():
    assert {name: number for number, name in _capf.COMMAND_NAMES.items()} == {
        name: getattr(_capf, name) for name in _capf.COMMAND_NAMES.values()}
    assert {name: number for number, name in _capf.TAG_NAMES.items()} == {
        name: getattr(_capf, name) for name in _capf.TAG_NAMES.values()}
    assert (_capf.STATUS_RESPONSE, _capf.END_SESSION, _capf.SHA2_SIGNED_DATA, _capf.DEVICE_NAME) == (19, 15, 20, 13)


def test_repr_of_a_message_shows_no_values():
    shown = repr(_capf.decode(SESSIONS["jtapi14-install-rsa2048"][1][1]))
    assert shown == "<AUTH_RESPONSE session=0000002a VERSION[1] REASON[1] REASON_INFO[50] DEVICE_NAME[5] PASSWORD[5]>"
    assert repr(_capf.Message(99, 1, ((77, b"?"),))) == "<command 99 session=00000001 77[1]>"


# Elements


def test_worked_example_in_the_order_of_capfc():
    """EC P-256, version 3, session 2a; the same octets stand in example-enrol-ec-p256."""
    string, name = (_capf.text_value(text, "phone") for text in ("4711", "ctiInst01"))
    assert message(
        _capf.AUTH_RESPONSE, (_capf.REASON, b"\1"), (_capf.VERSION, b"\3"), (_capf.PASSWORD, string),
        (_capf.DEVICE_NAME, name)) == bytes.fromhex(
            "55020000002a001d 01000101 07000103 0b00053437313100 0d000a637469496e7374303100")
    assert message(_capf.KEY_GENERATE_REQUEST, *_capf.key_elements("ec", 256, 3)) == bytes.fromhex(
        "55030000002a0008 11000101 12000100")
    for name, octets in (("example-enrol-ec-p256", HELLO), ("example-delete-version2", end(1, session=0x102))):
        assert octets in [octets for _direction, octets in SESSIONS[name]]


@pytest.mark.parametrize("name, sizes", [
    ("jtapi14-install-rsa2048", [12, 85, 13, 335, 828, 50, 12]), ("example-delete-version2", [12, 35, 8, 12, 12]),
    ("jtapi14-delete", [12, 85, 8, 40, 12]), ("refused-wrong-string", [16, 47, 12])])
def test_sizes_as_published(name, sizes):
    assert [len(octets) for _direction, octets in SESSIONS[name]] == sizes


@pytest.mark.parametrize("size", [700, 979])
def test_certificate_wrapper_of_a_published_size(size):
    octets = message(_capf.STORE_CERTIFICATE_REQUEST, (_capf.CERTIFICATE_TYPE, b"\1"),
                     (_capf.CERTIFICATE, _capf.certificate_value(bytes(size))))
    assert octets[:20].hex() == {
        700: "55090000002a02c8" "03000101" "0402c1" "01" "02be" "0001",
        979: "55090000002a03df" "03000101" "0403d8" "01" "03d5" "0001"}[size]


@pytest.mark.parametrize("octets", [p for p in MESSAGES if p.values[0][1] == _capf.STORE_CERTIFICATE_REQUEST])
def test_certificates_of_real_sessions(octets):
    value = _capf.decode(octets).value(_capf.CERTIFICATE)
    [der] = _capf.certificates_of(value)
    assert der[0] == 0x30 and len(der) == 4 + int.from_bytes(der[2:4], "big")
    assert _capf.certificate_value(der) == value


@given(st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=4))
def test_certificates_round_trip(certificates):
    assert _capf.certificates_of(_capf.certificate_value(*certificates)) == certificates


def test_other_parts_of_a_certificate_element_are_skipped():
    value = b"\x09\0\2xy" + _capf.certificate_value(b"one") + b"\x02\0\0" + _capf.certificate_value(b"two")
    assert _capf.certificates_of(value) == [b"one", b"two"]


@pytest.mark.parametrize("value", [
    b"", b"\1", b"\1\0\1\0", b"\1\0\2\0\1", b"\1\0\7\0\1abc", b"\2\0\3abc", b"0\x82\1\0certificate"])
def test_certificate_elements_without_a_certificate(value):
    with pytest.raises(FormatError):
        _capf.certificates_of(value)


@pytest.mark.parametrize("kind, size", [
    ("rsa", 512), ("rsa", 1024), ("rsa", 2048), ("rsa", 4096), ("ec", 256), ("ec", 384), ("ec", 521)])
@pytest.mark.parametrize("version", [1, 2, 3])
def test_demanded_keys_round_trip(kind, size, version):
    made = _capf.key_elements(kind, size, version)
    assert _capf.key_of(_capf.Message(_capf.KEY_GENERATE_REQUEST, 1, made)) == (kind, size)
    assert len(made) == (2 if kind == "ec" or version == 3 else 1)


@pytest.mark.parametrize("made, expected", [
    ((), ("rsa", 1024)),
    (((_capf.KEY_TYPE, b"\0"),), ("rsa", 1024)),
    (((_capf.KEY_SIZE, b"\x08\0"), (_capf.KEY_TYPE, b"\1"), (_capf.CURVE, b"\1")), ("ec", 384)),
    (((_capf.CURVE, b"\2"), (_capf.KEY_TYPE, b"\1")), ("ec", 521)),
    (((_capf.KEY_SIZE, b"\0\0\x08\0"),), None), (((_capf.KEY_TYPE, b"\1"),), None),
    (((_capf.KEY_TYPE, b"\2"), (_capf.CURVE, b"\0")), None), (((_capf.KEY_TYPE, b"\1"), (_capf.CURVE, b"\3")), None),
    (((_capf.KEY_TYPE, b"\1"), (_capf.CURVE, b"")), None), (((_capf.KEY_TYPE, b"\0\0"),), None),
])
def test_demanded_keys_in_other_shapes(made, expected):
    request = _capf.Message(_capf.KEY_GENERATE_REQUEST, 1, made)
    if expected is None:
        with pytest.raises(FormatError):
            _capf.key_of(request)
    else:
        assert _capf.key_of(request) == expected


@given(st.text(st.characters(min_codepoint=1, exclude_categories=["Cs"]), max_size=50),
       st.sampled_from(["cti", "phone"]))
def test_texts_round_trip(text, dialect):
    octets = _capf.text_value(text, dialect)
    assert octets.endswith(b"\0") == (dialect == "phone")
    assert _capf.text_of(octets) == text


def test_texts_that_are_absent_empty_or_no_utf_8():
    assert [_capf.text_of(octets) for octets in (None, b"", b"\0", b"a\xff\0")] == ["", "", "", "a\ufffd"]


# Settings


@pytest.mark.parametrize("wrong", [
    {"dialect": "sccp"}, {"version": 0}, {"version": 4}, {"name": ""}, {"name": "a\0b"}, {"name": "x" * 256},
    {"string": "1\0"}, {"string": "9" * 256}, {"key_type": "dsa"}, {"key_type": "ec", "key_size": 2048},
    {"key_type": "ec", "key_size": 256, "version": 1}, {"key_type": "ec", "key_size": 256, "version": 2}])
def test_wrong_settings(wrong):
    with pytest.raises(InputError) as caught:
        _capf.Settings(**{"name": "CTI-a", "string": STRING, **wrong})
    assert STRING not in str(caught.value) and "99999" not in str(caught.value)


@pytest.mark.parametrize("given_settings, version", [
    ({}, 1), ({"version": 2}, 2), ({"key_type": "ec", "key_size": 256}, 3), ({"dialect": "phone"}, 3),
    ({"dialect": "phone", "version": 2}, 2)])
def test_version_of_settings(given_settings, version):
    assert _capf.Settings("CTI-a", STRING, **given_settings).version == version


def test_settings_hide_the_string():
    assert STRING not in repr(SETTINGS) and STRING not in str(SETTINGS)
    assert SETTINGS != _capf.Settings("CTI-ctiInst01", "another")


# Whole sessions, byte for byte


def replayed(session, settings):
    """What the client says to a recorded server, given the recorded key, signature and will to store."""
    enrolment, said = _capf.Enrolment(settings), []
    recorded = {_capf.decode(octets).command: _capf.decode(octets) for way, octets in session if way == CLIENT}
    for octets in [octets for way, octets in session if way == SERVER]:
        for event in enrolment.receive(octets):
            if event.name == "key_wanted":
                enrolment.provide_key(recorded[_capf.KEY_GENERATE_RESPONSE].value(_capf.PUBLIC_KEY))
            elif event.name == "signature_wanted":
                enrolment.provide_signature(recorded[_capf.ENCRYPT_RESPONSE].value(_capf.SIGNED_DATA))
            elif event.name == "certificate":
                enrolment.certificate_stored()
        said += enrolment.output()
    return enrolment, said


JTAPI_REPLAYS = {
    "jtapi14-install-rsa2048": {}, "jtapi15-install-rsa2048": {}, "jtapi11.5-install-rsa2048": {},
    "jtapi15-install-fips": {}, "jtapi14-install-rsa512": {"key_size": 512},
    "jtapi14-install-no-keysize": {"key_size": 1024}, "jtapi14-install-empty-string": {"string": ""},
    "jtapi14-encrypt-request": {"key_size": 1024}, "jtapi14-server-version-missing": {}, "jtapi14-auth-type-1": {},
}


@pytest.mark.parametrize("name, different", JTAPI_REPLAYS.items(), ids=JTAPI_REPLAYS)
def test_cti_dialect_is_jtapis(name, different):
    session = SESSIONS[name]
    settings = {"name": "CTI-5", "string": "12345", "key_size": 2048, "texts": JTAPI_TEXTS, **different}
    enrolment, said = replayed(session, _capf.Settings(**settings))
    assert said == [octets for way, octets in session if way == CLIENT]
    assert (enrolment.state, enrolment.stored) == ("ended", True)


def test_T10_a_server_that_is_still_at_it_is_answered_as_jtapi_does():
    session = SESSIONS["jtapi14-command-17"]
    enrolment, said = replayed(session, _capf.Settings("CTI-5", "12345", texts=JTAPI_TEXTS))
    assert said == [octets for way, octets in session if way == CLIENT]
    assert enrolment.state == "await_request"


@pytest.mark.parametrize("dialect", ["cti", "phone"])
@pytest.mark.parametrize("state", ["await_request", "await_key", "await_certificate", "await_signature", "await_storing", "await_end"])
def test_T10_command_17_changes_nothing_in_any_state(state, dialect):
    settings = _capf.Settings("CTI-ctiInst01", STRING, dialect=dialect, version=1)
    enrolment = brought_to(state, settings)
    progress = message(_capf.REQUEST_IN_PROGRESS)
    with_delay = message(_capf.REQUEST_IN_PROGRESS, (_capf.RETRY_DELAY, b"\0\5"))
    assert [enrolment.receive(octets) for octets in (progress, progress, with_delay)] == [[], [], []]
    assert [(one.command, one.session, one.elements) for one in sent(enrolment)] == [(_capf.STATUS_RESPONSE, SESSION, ())] * 3
    assert enrolment.state == state


def test_T10_the_certificate_comes_after_many_of_them():
    enrolment = brought_to("await_certificate")
    events = enrolment.receive(message(_capf.REQUEST_IN_PROGRESS) * 5 + STORE)
    assert [event.name for event in events] == ["certificate"] and len(sent(enrolment)) == 5
    enrolment.certificate_stored()
    assert [event.name for event in enrolment.receive(message(_capf.REQUEST_IN_PROGRESS) + end(1))] == ["finished"]
    assert enrolment.stored


def test_T10_a_request_asked_again_after_it_is_still_answered_once():
    enrolment = brought_to("await_certificate")
    enrolment.receive(ASK_SIGNATURE)
    enrolment.provide_signature(b"signed")
    assert len(sent(enrolment)) == 1
    assert enrolment.receive(message(_capf.REQUEST_IN_PROGRESS) + ASK_SIGNATURE) == []
    assert [one.command for one in sent(enrolment)] == [_capf.STATUS_RESPONSE]


def test_T10_before_the_session_has_a_number_it_has_no_place():
    with pytest.raises(ProtocolError, match="not allowed"):
        brought_to("await_auth_request").receive(message(_capf.REQUEST_IN_PROGRESS))


def test_cti_dialect_says_no_reason_info_by_itself():
    session = SESSIONS["jtapi14-install-rsa2048"]
    _enrolment, said = replayed(session, _capf.Settings("CTI-5", "12345"))
    recorded = [_capf.decode(octets) for way, octets in session if way == CLIENT]
    assert [_capf.decode(octets).elements for octets in said] == [
        tuple(e for e in m.elements if e[0] != _capf.REASON_INFO) for m in recorded]


@pytest.mark.parametrize("server", ["as captured", "without KEY_TYPE"])
def test_phone_dialect_is_jabbers(server):
    session = SESSIONS["install-version2-jabber"]
    if server == "without KEY_TYPE":  # as CUCM answers a client of version 2
        session = [(way, message(_capf.KEY_GENERATE_REQUEST, (_capf.KEY_SIZE, b"\x08\0"), session=1)
                    if octets[1] == _capf.KEY_GENERATE_REQUEST else octets) for way, octets in session]
    hello = _capf.decode(session[1][1])
    name = _capf.text_of(hello.value(_capf.DEVICE_NAME))
    enrolment, said = replayed(session, _capf.Settings(name, None, "phone", version=2))
    assert said == [octets for way, octets in session if way == CLIENT]
    assert enrolment.stored


@pytest.mark.parametrize("name", ["install-ec-p384", "example-enrol-ec-p256", "install-rsa2048"])
def test_phone_dialect_of_version_3_says_what_capfc_says_in_another_order(name):
    session = SESSIONS[name]
    recorded = [_capf.decode(octets) for way, octets in session if way == CLIENT
                and octets[1] != _capf.REQUEST_IN_PROGRESS]
    text = {tag: _capf.text_of(recorded[0].value(tag)) for tag in (_capf.DEVICE_NAME, _capf.PASSWORD)}
    key = {"install-ec-p384": ("ec", 384), "example-enrol-ec-p256": ("ec", 256), "install-rsa2048": ("rsa", 2048)}[name]
    enrolment, said = replayed(session, _capf.Settings(
        text[_capf.DEVICE_NAME], text[_capf.PASSWORD], "phone", key_type=key[0], key_size=key[1]))
    said = [_capf.decode(octets) for octets in said]
    assert [tag for tag, _octets in said[0].elements] == [7, 13, 11, 1]
    assert [(m.command, m.session, sorted(m.elements)) for m in said] == [
        (m.command, m.session, sorted(m.elements)) for m in recorded]
    assert enrolment.stored


def test_certificate_and_end_in_one_piece_as_jtapi_takes_them():
    session = SESSIONS["jtapi14-coalesced-9-15"]
    octets = [octets for way, octets in session if way == SERVER]
    for stored in (True, False):
        enrolment = _capf.Enrolment(_capf.Settings("CTI-5", "12345", key_size=1024))
        enrolment.receive(octets[0])
        enrolment.receive(octets[1])
        enrolment.provide_key(KEY)
        enrolment.output()
        certificate, finished = enrolment.receive(octets[2] + octets[3] + b"rubbish after the end")
        assert (certificate.name, finished.name) == ("certificate", "finished")
        assert finished.values["stored"] is False
        if stored:
            enrolment.certificate_stored()
        else:
            enrolment.certificate_rejected("not our key")
        assert finished.values == {"reason": 1, "stored": stored, "warning": None}
        assert enrolment.state == "ended" and enrolment.ended() == [] and enrolment.output() == []


# The state table


COMMANDS_TAKEN = {
    "await_auth_request": {_capf.AUTH_REQUEST, _capf.END_SESSION},
    "await_request": {_capf.KEY_GENERATE_REQUEST, _capf.END_SESSION, _capf.REQUEST_IN_PROGRESS},
    "await_key": {_capf.END_SESSION, _capf.REQUEST_IN_PROGRESS},
    "await_certificate": {
        _capf.ENCRYPT_REQUEST, _capf.STORE_CERTIFICATE_REQUEST, _capf.END_SESSION, _capf.REQUEST_IN_PROGRESS},
    "await_signature": {_capf.END_SESSION, _capf.REQUEST_IN_PROGRESS},
    "await_storing": {_capf.END_SESSION, _capf.REQUEST_IN_PROGRESS},
    "await_end": {_capf.END_SESSION, _capf.REQUEST_IN_PROGRESS},
}


@pytest.mark.parametrize("state, command", [
    (state, command) for state, taken in COMMANDS_TAKEN.items() for command in [*range(24), 99, 255]
    if command not in taken])
def test_commands_that_have_no_place(state, command):
    enrolment = brought_to(state)
    strange = message(command, (_capf.REASON_INFO, b"strange"))
    with pytest.raises(CapfRefused if command == _capf.RETRY_LATER else ProtocolError) as caught:
        enrolment.receive(strange)
    error = caught.value
    assert (error.facts["capf_command"], error.facts["capf_state"]) == (command, state)
    assert str(command) in error.what and error.where == "capf.example.com:3804" and error.cure.endswith(".")
    assert _capf.COMMAND_NAMES.get(command, "command") in error.what
    assert enrolment.output() == [] and enrolment.stored == (state == "await_end")
    with pytest.raises(type(error)):
        enrolment.receive(HELLO)
    with pytest.raises(type(error)):
        enrolment.ended()


@pytest.mark.parametrize("octets", [HELLO, ASK_KEY, ASK_SIGNATURE, STORE])
def test_a_request_that_is_sent_again_is_not_answered_again(octets):
    enrolment = _capf.Enrolment(SETTINGS)
    answered = []
    for step in [HELLO, ASK_KEY, "key", ASK_SIGNATURE, "signature", STORE, "stored"]:
        if isinstance(step, bytes):
            enrolment.receive(step)
            answered += enrolment.output()
            if step == octets:
                assert enrolment.receive(step) == [] and enrolment.output() == []
        else:
            {"key": lambda: enrolment.provide_key(KEY), "signature": lambda: enrolment.provide_signature(b"s" * 256),
             "stored": enrolment.certificate_stored}[step]()
            answered += enrolment.output()
            if octets in (ASK_KEY, ASK_SIGNATURE, STORE) and answered[-1][1] == octets[1] + 1:
                assert enrolment.receive(octets) == [] and enrolment.output() == []
    assert [octets[1] for octets in answered] == [2, 4, 6, 10]


@pytest.mark.parametrize("state", [state for state in PATHS if state not in ("await_auth_request", "ended")])
@pytest.mark.parametrize("octets", [ASK_KEY, STORE, end(1), end(7)], ids=["03", "09", "0F 1", "0F 7"])
def test_changed_session_id(state, octets):
    enrolment = brought_to(state)
    with pytest.raises(ProtocolError, match="session id from 0000002a to 0000002b"):
        enrolment.receive(octets[:2] + b"\0\0\0\x2b" + octets[6:])


def test_any_session_id():
    for session in (0, 0xFFFFFFFF):
        enrolment = _capf.Enrolment(SETTINGS)
        enrolment.receive(message(_capf.AUTH_REQUEST, session=session))
        assert [m.session for m in sent(enrolment)] == [enrolment.session] == [session]


@pytest.mark.parametrize("state", PATHS)
def test_peer_that_closes(state):
    enrolment = brought_to(state)
    if state == "ended":
        assert enrolment.ended() == []
    elif state == "await_end":
        [event] = enrolment.ended()
        assert event == ("finished", {"reason": None, "stored": True, "warning":
                                      "the CAPF server closed the connection without END_SESSION"})
        assert enrolment.ended() == []
    else:
        with pytest.raises(ProtocolError, match="closed the connection without END_SESSION") as caught:
            enrolment.ended()
        assert ("may have issued" in caught.value.cure) == enrolment.key_sent
        assert caught.value.facts == {"capf_reason": None, "capf_state": state, "capf_command":
                                      caught.value.facts["capf_command"]}


@pytest.mark.parametrize("state", [state for state in PATHS if state != "ended"])
def test_peer_that_closes_in_the_middle_of_a_message(state):
    enrolment = brought_to(state)
    assert enrolment.receive(end(1)[:9]) == []
    with pytest.raises(ProtocolError, match="in the middle of a message"):
        enrolment.ended()


@pytest.mark.parametrize("state", [state for state in PATHS if state != "ended"])
@pytest.mark.parametrize("octets", [b"HTTP/1.1 400", message(_capf.KEY_GENERATE_REQUEST)[:6] + b"\0\2\1\0"])
def test_octets_that_are_no_capf(state, octets):
    enrolment = brought_to(state)
    with pytest.raises(FormatError) as caught:
        enrolment.receive(octets)
    assert caught.value.where == "capf.example.com:3804" and caught.value.cure
    with pytest.raises(FormatError):
        enrolment.ended()


@pytest.mark.parametrize("bad", [b"HTTP", message(77), end(7), end(1, session=9)])
def test_an_error_never_hides_the_certificate(bad):
    enrolment = brought_to("await_certificate")
    assert [event.name for event in enrolment.receive(STORE + bad)] == ["certificate"]
    enrolment.certificate_stored()
    assert [m.command for m in sent(enrolment)] == [_capf.STORE_CERTIFICATE_RESPONSE]
    with pytest.raises(SecureTspError):
        enrolment.ended()
    assert enrolment.stored


@pytest.mark.parametrize("state", PATHS)
@pytest.mark.parametrize("answer, place", [
    (lambda e: e.provide_key(KEY), "await_key"), (lambda e: e.provide_signature(b"s"), "await_signature"),
    (lambda e: e.certificate_stored(), "await_storing"), (lambda e: e.certificate_rejected("x"), "await_storing")])
def test_answers_that_nobody_asked_for(state, answer, place):
    enrolment = brought_to(state)
    if state == place:
        answer(enrolment)
        assert len(enrolment.output()) == 1
    else:
        with pytest.raises(RuntimeError):
            answer(enrolment)


def test_what_was_handed_out():
    enrolment = _capf.Enrolment(SETTINGS)
    enrolment.receive(HELLO)
    assert not enrolment.string_sent
    assert [m.command for m in sent(enrolment)] == [_capf.AUTH_RESPONSE]
    assert enrolment.string_sent and enrolment.output() == []
    assert enrolment.receive(ASK_KEY) == [("key_wanted", {"type": "rsa", "size": 2048})]
    enrolment.provide_key(KEY)
    assert not enrolment.key_sent
    assert sent(enrolment)[0].elements == ((_capf.REASON, b"\1"), (_capf.PUBLIC_KEY, KEY))
    assert enrolment.key_sent and not enrolment.stored


# Versions


@pytest.mark.parametrize("dialect, version, offered, answered", [
    ("cti", None, 3, 1), ("cti", None, 0, 1), ("cti", 3, 3, 3), ("cti", 3, 2, 3), ("cti", None, None, 1),
    ("phone", None, 3, 3), ("phone", None, 2, 2), ("phone", 2, 3, 2), ("phone", 3, 255, 3), ("phone", 3, 0, 1),
    ("phone", 2, None, 2)])
def test_version_answered(dialect, version, offered, answered):
    enrolment = _capf.Enrolment(_capf.Settings("CTI-a", STRING, dialect, version))
    elements_ = () if offered is None else ((_capf.VERSION, bytes([offered])),)
    enrolment.receive(message(_capf.AUTH_REQUEST, (_capf.AUTH_TYPE, b"\0"), *elements_))
    assert sent(enrolment)[0].value(_capf.VERSION) == bytes([answered])
    assert (enrolment.server_version, enrolment.version) == (offered, answered)


@pytest.mark.parametrize("dialect", ["cti", "phone"])
def test_ec_keys_need_a_server_of_version_3(dialect):
    settings = _capf.Settings("CTI-a", STRING, dialect, key_type="ec", key_size=384)
    enrolment = _capf.Enrolment(settings)
    with pytest.raises(InputError, match="not used up"):
        enrolment.receive(message(_capf.AUTH_REQUEST, (_capf.VERSION, b"\2")))
    assert enrolment.output() == [] and not enrolment.string_sent


@pytest.mark.parametrize("dialect, string, tags", [
    ("cti", STRING, [7, 1, 13, 11]), ("cti", None, [7, 1, 13]), ("phone", STRING, [7, 13, 11, 1]),
    ("phone", None, [7, 13, 1])])
def test_order_of_the_auth_response(dialect, string, tags):
    enrolment = _capf.Enrolment(_capf.Settings("CTI-a", string, dialect))
    enrolment.receive(HELLO)
    [response] = sent(enrolment)
    assert [tag for tag, _octets in response.elements] == tags
    nul = b"\0" if dialect == "phone" else b""
    assert response.value(_capf.DEVICE_NAME) == b"CTI-a" + nul
    assert response.value(_capf.PASSWORD) == (None if string is None else STRING.encode() + nul)


# The key


@pytest.mark.parametrize("settings, asked", [
    ({}, _capf.key_elements("rsa", 4096, 1)), ({}, ()), ({}, _capf.key_elements("ec", 256, 3)),
    ({"key_type": "ec", "key_size": 384}, _capf.key_elements("ec", 256, 3)),
    ({"key_type": "ec", "key_size": 384}, _capf.key_elements("rsa", 2048, 3))])
def test_another_key_than_ours_stops_before_the_key_is_sent(settings, asked):
    enrolment = _capf.Enrolment(_capf.Settings("CTI-a", STRING, **settings))
    enrolment.receive(HELLO)
    enrolment.output()
    with pytest.raises(InputError) as caught:
        enrolment.receive(message(_capf.KEY_GENERATE_REQUEST, *asked))
    kind, size = _capf.key_of(_capf.Message(3, 1, asked))
    assert "asks for an %s key of %d bits" % (kind.upper(), size) in caught.value.what
    ours = enrolment.settings
    assert "settings here are %s of %d bits" % (ours.key_type.upper(), ours.key_size) in caught.value.what
    assert "not used up" in caught.value.what and caught.value.facts["wanted_key"] == {"type": kind, "size": size}
    assert enrolment.output() == [] and enrolment.string_sent and not enrolment.key_sent


# The signature


@pytest.mark.parametrize("data, fine", [(b"x", True), (b"x" * 245, True), (b"x" * 246, False), (b"", False)])
def test_size_of_the_data_to_sign(data, fine):
    enrolment = brought_to("await_certificate")
    request = message(_capf.ENCRYPT_REQUEST, (_capf.SIGNED_DATA, data))
    if fine:
        assert enrolment.receive(request) == [("signature_wanted", {"data": data})]
        enrolment.provide_signature(b"s" * 256)
        assert sent(enrolment)[0].elements == ((_capf.REASON, b"\1"), (_capf.SIGNED_DATA, b"s" * 256))
        assert enrolment.state == "await_certificate"
    else:
        with pytest.raises(ProtocolError):
            enrolment.receive(request)


def test_signature_is_given_once():
    enrolment = brought_to("await_signature")
    enrolment.provide_signature(b"s" * 256)
    with pytest.raises(ProtocolError, match="second signature"):
        enrolment.receive(message(_capf.ENCRYPT_REQUEST, (_capf.SIGNED_DATA, b"other data")))


def test_no_signature_with_an_ec_key():
    enrolment = _capf.Enrolment(_capf.Settings("CTI-a", STRING, key_type="ec", key_size=256))
    enrolment.receive(HELLO + message(_capf.KEY_GENERATE_REQUEST, *_capf.key_elements("ec", 256, 3)))
    enrolment.provide_key(KEY)
    with pytest.raises(ProtocolError, match="EC key"):
        enrolment.receive(ASK_SIGNATURE)


# The certificate


def test_further_certificates_are_handed_on():
    enrolment = brought_to("await_certificate")
    [event] = enrolment.receive(message(
        _capf.STORE_CERTIFICATE_REQUEST, (_capf.CERTIFICATE, _capf.certificate_value(b"own", b"issuer"))))
    assert event == ("certificate", {"der": b"own", "further": [b"issuer"]})


@pytest.mark.parametrize("elements_, error", [
    ((), ProtocolError), (((_capf.CERTIFICATE, b""),), FormatError),
    (((_capf.CERTIFICATE, b"0\x82\1\1"),), FormatError)])
def test_store_without_a_certificate(elements_, error):
    enrolment = brought_to("await_certificate")
    with pytest.raises(error):
        enrolment.receive(message(_capf.STORE_CERTIFICATE_REQUEST, *elements_))


@pytest.mark.parametrize("dialect, more", [("cti", ((_capf.REASON_INFO, b"not our key"),)), ("phone", ())])
@pytest.mark.parametrize("reason", [0, 1, 7, None])
def test_rejected_certificate(dialect, more, reason):
    enrolment = brought_to("await_storing", _capf.Settings("CTI-a", STRING, dialect))
    enrolment.certificate_rejected("not our key")
    assert sent(enrolment)[0].elements == ((_capf.REASON, b"\7"),) + more
    [event] = enrolment.ended() if reason is None else enrolment.receive(end(reason))
    assert event.values["reason"] == reason and not event.values["stored"] and not enrolment.stored


# The end


@pytest.mark.parametrize("reason", [0, 1])
def test_nothing_to_do(reason):
    enrolment = brought_to("await_request")
    assert enrolment.receive(end(reason)) == [("finished", {"reason": reason, "stored": False, "warning": None})]


@pytest.mark.parametrize("reason", [0, 1])
def test_good_end(reason):
    enrolment = brought_to("await_end")
    assert enrolment.receive(end(reason)) == [("finished", {"reason": reason, "stored": True, "warning": None})]
    assert enrolment.receive(end(7) + b"anything") == [] and enrolment.ended() == []


def test_what_comes_with_the_end_but_after_it_is_ignored():
    enrolment = brought_to("await_end")
    assert [event.name for event in enrolment.receive(end(1) + end(7) + STORE)] == ["finished"]
    assert enrolment.ended() == [] and enrolment.output() == []


@pytest.mark.parametrize("reason", [2, 5, 7, 9, 16, 255])
def test_refused(reason):
    enrolment = brought_to("await_request")
    with pytest.raises(CapfRefused) as caught:
        enrolment.receive(end(reason))
    error = caught.value
    assert error.code == error.facts["capf_reason"] == reason and str(reason) in error.what and error.cure
    assert ("authorization string wrong or expired, or nothing armed" in error.what) == (reason == 7)
    assert ("CTI-ctiInst01" in error.what and "name_template" in error.cure) == (reason == 9)


def test_refusals_of_real_sessions():
    for name, code in (("jtapi14-refused-7", 7), ("jtapi14-refused-9", 9)):
        with pytest.raises(CapfRefused) as caught:
            replayed(SESSIONS[name], _capf.Settings("CTI-5", "12345"))
        assert caught.value.code == code
    for name, error in (("jtapi14-retry-later", CapfRefused),
                        ("jtapi14-session-id-changed", ProtocolError), ("jtapi14-delete", ProtocolError)):
        with pytest.raises(error):
            replayed(SESSIONS[name], _capf.Settings("CTI-5", "12345"))


@pytest.mark.parametrize("state", ["await_auth_request", "await_key", "await_certificate", "await_signature"])
@pytest.mark.parametrize("reason", [0, 1, 7])
def test_end_before_the_certificate_is_a_failure(state, reason):
    enrolment = brought_to(state)
    with pytest.raises(CapfRefused) as caught:
        enrolment.receive(end(reason))
    assert caught.value.code == reason and "reason %d" % reason in caught.value.what
    assert ("may have issued" in caught.value.cure) == enrolment.key_sent


def test_end_with_a_failure_after_storing():
    with pytest.raises(CapfRefused, match="although its certificate was stored"):
        replayed(SESSIONS["jtapi14-end-7-after-store"], _capf.Settings("CTI-5", "12345"))


@pytest.mark.parametrize("state", ["await_request", "await_end"])
def test_end_without_a_reason(state):
    with pytest.raises(CapfRefused, match="without a reason") as caught:
        brought_to(state).receive(message(_capf.END_SESSION))
    assert caught.value.code is None


def test_end_with_a_broken_reason():
    with pytest.raises(FormatError):
        brought_to("await_request").receive(message(_capf.END_SESSION, (_capf.REASON, b"\0\1")))


def test_words_of_the_server_are_shown_without_the_string():
    words = ("no such string: %s\n\x1b[31m" % STRING).encode() + b"\xff" + b"x" * 500
    with pytest.raises(CapfRefused) as caught:
        brought_to("await_request").receive(end(5, (_capf.REASON_INFO, words)))
    shown = str(caught.value) + repr(caught.value) + repr(caught.value.facts)
    assert "its message: no such string: ***" in shown and STRING not in shown
    assert "\x1b" not in shown and "x" * 300 not in shown


# Fetch and delete


@pytest.mark.parametrize("request_, response", [
    (_capf.FETCH_CERTIFICATE_REQUEST, _capf.FETCH_CERTIFICATE_RESPONSE),
    (_capf.DELETE_CERTIFICATE_REQUEST, _capf.DELETE_CERTIFICATE_RESPONSE)])
def test_fetch_and_delete_find_nothing_in_the_phone_dialect(request_, response):
    enrolment = brought_to("await_request", _capf.Settings("SEP001122334455", None, "phone"))
    for kind in (b"\1", b"\2"):  # LSC, then MIC
        assert enrolment.receive(message(request_, (_capf.CERTIFICATE_TYPE, kind))) == []
        assert sent(enrolment) == [_capf.Message(response, SESSION, ((_capf.REASON, b"\7"),))]
    assert enrolment.receive(end(0)) == [("finished", {"reason": 0, "stored": False, "warning": None})]


@pytest.mark.parametrize("request_", [_capf.FETCH_CERTIFICATE_REQUEST, _capf.DELETE_CERTIFICATE_REQUEST])
def test_fetch_and_delete_are_not_for_what_was_just_stored(request_):
    enrolment = brought_to("await_end", _capf.Settings("SEP001122334455", None, "phone"))
    with pytest.raises(ProtocolError):
        enrolment.receive(message(request_))


# Whatever a server does


@given(st.lists(st.one_of(
    st.sampled_from([HELLO, ASK_KEY, ASK_SIGNATURE, STORE, end(0), end(1), end(7), message(16), message(11)]),
    messages.map(lambda m: _capf.Message(m.command % 24, SESSION, m.elements).encode())), max_size=9),
    st.sampled_from(["cti", "phone"]))
def test_any_server_gives_events_or_typed_errors(script, dialect):
    enrolment = _capf.Enrolment(_capf.Settings("CTI-a", STRING, dialect))
    said = []
    try:
        for octets in script:
            for event in enrolment.receive(octets):
                {"key_wanted": lambda: enrolment.provide_key(KEY),
                 "signature_wanted": lambda: enrolment.provide_signature(b"s" * 256),
                 "certificate": enrolment.certificate_stored, "finished": lambda: None}[event.name]()
            said += sent(enrolment)
        enrolment.ended()
    except SecureTspError as error:
        assert STRING not in str(error) + repr(error) + repr(error.facts)
    commands = [m.command for m in said]
    for once in (_capf.AUTH_RESPONSE, _capf.KEY_GENERATE_RESPONSE, _capf.ENCRYPT_RESPONSE):
        assert commands.count(once) <= 1
    assert enrolment.stored == (_capf.STORE_CERTIFICATE_RESPONSE in commands)
    assert enrolment.string_sent == (_capf.AUTH_RESPONSE in commands)
