# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _capf
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import FormatError, InputError
from hypothesis import given
from hypothesis import strategies as st

from fuzz import fuzz_capf, fuzz_enrolment, outcome, peak_of, repeatable

SESSIONS = fuzz_capf.vector_sessions()
MESSAGES = sorted({octets for messages in SESSIONS.values() for _direction, octets in messages})
CERTIFICATES = sorted({_capf.decode(octets).value(_capf.CERTIFICATE) or b"" for octets in MESSAGES} - {b""})
PLAYS = dict(fuzz_enrolment.seeds())
ENDS = ("value", *(error.__name__ for error in fuzz_enrolment.ERRORS))


def variants(tag, value):
    """Elements that may stand in place of one: other sizes, other octets, another tag, none, twice."""
    for other in (b"", value[:-1], value + b"\0", b"\xff" * len(value), bytes(len(value)), value[::-1], bytes(4000)):
        yield ((tag, other),)
    yield ((200, value),)
    yield ()
    yield ((tag, value), (tag, value))


def mutations(octets):
    """Every message with one element changed."""
    message = _capf.decode(octets)
    for place, (tag, value) in enumerate(message.elements):
        for elements in variants(tag, value):
            yield _capf.Message(message.command, message.session,
                                message.elements[:place] + elements + message.elements[place + 1:])


# Messages


def test_every_element_of_every_message_mutated():
    """The message keeps whatever elements it has; what they mean is a value or a FormatError."""
    for octets in MESSAGES:
        for mutated in mutations(octets):
            assert _capf.decode(mutated.encode()).elements == mutated.elements
            fuzz_capf.message(mutated.encode())


@pytest.mark.parametrize("octets", CERTIFICATES)
def test_every_truncation_and_every_length_of_a_certificate_element(octets):
    for size in range(len(octets)):
        assert fuzz_capf.check(b"\3" + octets[:size]) == "FormatError"
    for place in (0, 1, 2):
        for value in range(256):
            changed = octets[:place] + bytes([value]) + octets[place + 1:]
            assert fuzz_capf.check(b"\3" + changed) == ("value" if changed == octets else "FormatError")


@repeatable.examples
@given(st.lists(st.one_of(st.sampled_from(MESSAGES), st.binary(max_size=40)), max_size=5), st.integers(0, 255))
def test_a_stream_with_garbage_in_it_is_cut_alike_however_it_is_split(pieces, size):
    assert fuzz_capf.check(b"\1" + bytes([size]) + b"".join(pieces)) in ("value", "FormatError")


# Sessions


def server_side(name):
    return [octets for direction, octets in SESSIONS[name] if direction == "s2c"]


def play(name, messages, end=b""):
    """Outcome of a session in which the server sends these messages, with the settings of the vector's session."""
    raw = b"".join(bytes([fuzz_enrolment.RAW]) + len(octets).to_bytes(2, "big") + octets for octets in messages)
    return fuzz_enrolment.check(PLAYS[name][:2] + raw + end)


@pytest.mark.parametrize("name", SESSIONS)
def test_every_session_with_one_element_mutated(name):
    messages = server_side(name)
    for place, octets in enumerate(messages):
        for mutated in mutations(octets):
            assert play(name, messages[:place] + [mutated.encode()] + messages[place + 1:]) in ENDS


@pytest.mark.parametrize("name", SESSIONS)
def test_every_session_with_one_octet_damaged(name):
    """Every octet of small messages; of large ones the first 40, where the lengths are, and some of the certificate."""
    messages = server_side(name)
    for place, octets in enumerate(messages):
        for position in [*range(min(40, len(octets))), *range(40, len(octets), 97)]:
            for flip in (0x01, 0x80, 0xFF):
                damaged = octets[:position] + bytes([octets[position] ^ flip]) + octets[position + 1:]
                assert play(name, messages[:place] + [damaged] + messages[place + 1:]) in ENDS


@pytest.mark.parametrize("name", ["install-rsa2048", "jtapi14-install-rsa2048", "example-enrol-ec-p256"])
def test_every_session_cut_at_every_octet(name):
    """Only after STORE_CERTIFICATE_RESPONSE may the server close without a word."""
    messages, end = server_side(name), bytes([fuzz_enrolment.END])
    assert _capf.decode(messages[-2]).command == _capf.STORE_CERTIFICATE_REQUEST
    for place, octets in enumerate(messages):
        for size in range(len(octets)):
            result = play(name, messages[:place] + [octets[:size]], end)
            assert result == ("value" if (place, size) == (len(messages) - 1, 0) else "ProtocolError")
    assert play(name, messages, end) == "value"


@pytest.mark.parametrize("name", SESSIONS)
def test_every_session_with_messages_doubled_left_out_and_swapped(name):
    messages = server_side(name)
    for place in range(len(messages)):
        rest = messages[:place] + messages[place + 1:]
        for other in (rest, messages[:place] + messages[place:place + 1] + messages[place:], [messages[place]] + rest,
                      rest + [messages[place]], [b"".join(messages)]):
            for end in (b"", bytes([fuzz_enrolment.END])):
                assert play(name, other, end) in ENDS


@repeatable.examples
@given(st.text(), st.one_of(st.none(), st.text()), st.sampled_from(["cti", "phone"]))
def test_any_name_and_string_are_sent_or_refused(name, string, dialect):
    def hello():
        client = _capf.Enrolment(_capf.Settings(name, string, dialect))
        client.receive(server_side("install-rsa2048")[0])
        sent = _capf.decode(client.output()[0])
        assert _capf.text_of(sent.value(_capf.DEVICE_NAME)) == name
        assert _capf.text_of(sent.value(_capf.PASSWORD)) == (string or "")

    assert outcome(InputError, hello) in ("value", "InputError")


def test_half_a_character_is_refused_before_anything_is_sent():
    for name, string in (("CTI-\ud800", "4711"), ("CTI-x", "\udcff")):
        assert outcome(InputError, _capf.Settings, name, string) == "InputError"


# Memory


def feed(octets):
    reader = _capf.MessageReader()
    return outcome(FormatError, reader.feed, octets)


def test_announced_lengths_take_no_memory():
    assert peak_of(feed, b"\x55\x01\0\0\0\x2a\xff\xff" + bytes(100)) < 32 << 10
    assert peak_of(feed, b"\x55\x01\0\0\0\x2a\0\x03\x07\xff\xff") < 32 << 10
    assert peak_of(outcome, FormatError, _capf.certificates_of, b"\1\xff\xff\0\1") < 32 << 10


def test_the_largest_message_with_the_most_elements():
    """A hundred octets for one of the message."""
    octets = _capf.Message(1, 0, ((200, b""),) * (_capf.MAX_PAYLOAD // 3)).encode()
    assert peak_of(feed, octets) < 100 * len(octets)


def test_a_stream_that_never_ends_is_not_kept():
    def endless():
        client = _capf.Enrolment(_capf.Settings("CTI-x", "4711471147"))
        message = _capf.Message(_capf.AUTH_REQUEST, 1, ((200, bytes(60000)),)).encode()
        for _count in range(100):
            client.receive(message)
        assert len(client.output()) == 1

    assert peak_of(endless) < 1 << 20
