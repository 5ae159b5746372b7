# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CTIQBE frames and streams.

The first octet of an input says what the others are: 0 one frame, 1 a stream (an octet with the size of its pieces,
then frames), 2 the areas of a frame whose header is written around them (message number, size of the fixed area, both).
"""

from __future__ import annotations

import json

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _ctiqbe
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import FormatError

from fuzz import VECTORS, Script, outcome

FOLDER = VECTORS / "ctiqbe"


def check(octets):
    kind = octets[0] if octets else 0
    return outcome(FormatError, (frame, stream, areas)[kind % 3], octets[1:])


def vector_sessions():
    """{name: frames in both directions} of the sessions of Cisco's JTAPI."""
    sessions = json.loads((FOLDER / "jtapi-provider.json").read_text(encoding="utf-8"))["sessions"]
    return {session["name"]: [bytes.fromhex(case["hex"]) for case in session["frames"]] for session in sessions}


def vector_frames():
    """{name: octets} of every frame in the vectors."""
    golden = json.loads((FOLDER / "golden.json").read_text(encoding="utf-8"))["frames"]
    found = {case["name"]: bytes.fromhex(case["hex"]) for case in golden}
    for name, frames in vector_sessions().items():
        found.update(("%s-%d" % (name, number), octets) for number, octets in enumerate(frames))
    return found


def split(octets):
    """C((number, fixed area, variable area)) of a frame whose header has the usual size."""
    number = int.from_bytes(octets[16:20], "little")
    end = _ctiqbe.HEADER_SIZE + int.from_bytes(octets[24:28], "little")
    return number, octets[_ctiqbe.HEADER_SIZE:end], octets[end:]


def seeds():
    frames = vector_frames()
    for name, octets in frames.items():
        number, fixed, variable = split(octets)
        yield name, b"\0" + octets
        yield name + "-areas", b"\2" + number.to_bytes(2, "big") + len(fixed).to_bytes(2, "big") + fixed + variable
    yield "stream", b"\1\x29" + b"".join(list(frames.values())[:6])


def frame(octets):
    message = _ctiqbe.decode(octets)
    assert repr(message) == "Message(%s)" % (message.name or message.id)
    if message.name:
        again = _ctiqbe.decode(_ctiqbe.encode(message.name, message.version, **message.values))
        assert (again.id, again.version, again.values) == (message.id, message.version, message.values)
    else:
        assert message.id not in _ctiqbe.BY_ID and message.values == {}


def areas(octets):
    script = Script(octets)
    number, size = script.number(2), script.number(2)
    frame(_ctiqbe.frame(number, script.take(size), script.rest()))


def stream(octets):
    """Splitting changes neither the frames nor the error; what is kept waiting is an unfinished frame."""
    size, rest = octets[0] + 1 if octets else 1, octets[1:]
    whole, split_up = cut([rest]), cut(rest[start:start + size] for start in range(0, len(rest), size))
    assert whole[:2] == split_up[:2]
    if whole[1]:
        raise whole[2]


def cut(pieces):
    """C((frames, name of the error or an empty text, error))."""
    reader, frames = _ctiqbe.FrameReader(), []
    try:
        for piece in pieces:
            reader.feed(piece)
            for complete in reader.frames():
                frames.append(complete)
    except FormatError as error:
        return frames, str(error), error
    assert reader.pending < _ctiqbe.MAX_FRAME
    return frames, "", None
