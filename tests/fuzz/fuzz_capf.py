# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CAPF messages and streams.

The first octet of an input says what the others are: 0 one message, 1 a stream (an octet with the size of its pieces,
then messages), 2 the elements of a message (command, then tag, size in one octet, value), 3 a CERTIFICATE element.
"""

from __future__ import annotations

import json

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _capf
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import FormatError

from fuzz import VECTORS, Script, outcome

FILES = ("sessions.json", "jtapi-sessions.json")


def check(octets):
    kind = octets[0] if octets else 0
    return outcome(FormatError, (message, stream, elements, certificate)[kind % 4], octets[1:])


def vector_sessions():
    """{name: [(direction, octets)]} of all sessions in the vectors."""
    found = {}
    for file in FILES:
        for session in json.loads((VECTORS / "capf" / file).read_text(encoding="utf-8"))["sessions"]:
            found[session["name"]] = [(item["direction"], bytes.fromhex(item["hex"])) for item in session["messages"]]
    return found


def seeds():
    for name, messages in vector_sessions().items():
        for number, (_direction, octets) in enumerate(messages):
            yield "%s-%d" % (name, number), b"\0" + octets
            value = _capf.decode(octets).value(_capf.CERTIFICATE)
            if value:
                yield "%s-%d-certificate" % (name, number), b"\3" + value
        yield name, b"\1\x29" + b"".join(octets for _direction, octets in messages)
    yield "unknown", b"\2\x63" + b"\xc8\3new" + b"\xc8\0" + b"\7\1\1"


def message(octets):
    found = _capf.decode(octets)
    assert found.encode() == octets
    assert repr(found).startswith("<%s session=" % found.command_name)
    for tag, value in found.elements:
        assert isinstance(_capf.text_of(value), str)
        for width in (1, 2):
            outcome(FormatError, _capf.number_of, found, tag, width)
    outcome(FormatError, key, found)
    outcome(FormatError, certificate, found.value(_capf.CERTIFICATE) or b"")


def key(found):
    kind, size = _capf.key_of(found)
    built = _capf.Message(_capf.KEY_GENERATE_REQUEST, 0, _capf.key_elements(kind, size, _capf.VERSION_WITH_EC))
    assert _capf.key_of(built) == (kind, size)


def certificate(octets):
    found = _capf.certificates_of(octets)
    assert found[0] and sum(map(len, found)) < len(octets)
    assert _capf.certificates_of(_capf.certificate_value(*found)) == found


def elements(octets):
    script, wanted = Script(octets), []
    command = script.number()
    while script.more:
        wanted.append((script.number(), script.short()))
    built = _capf.Message(command, 0x2A, tuple(wanted))
    assert _capf.decode(built.encode()) == built
    message(built.encode())


def stream(octets):
    """Splitting changes neither the messages nor the error; what is kept waiting is an unfinished message."""
    size, rest = octets[0] + 1 if octets else 1, octets[1:]
    whole, split_up = cut([rest]), cut(rest[start:start + size] for start in range(0, len(rest), size))
    assert whole[0] == split_up[0] and str(whole[1]) == str(split_up[1])
    if whole[1]:
        raise whole[1]


def cut(pieces):
    """C((messages, error or None))."""
    reader, messages = _capf.MessageReader(), []
    try:
        for piece in pieces:
            messages += reader.feed(piece)
        messages += reader.feed(b"")  # an error is told after the messages before it
    except FormatError as error:
        return messages, error
    assert reader.pending <= _capf.HEADER_SIZE + _capf.MAX_PAYLOAD
    return messages, None
