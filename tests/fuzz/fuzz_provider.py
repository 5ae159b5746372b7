# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of a provider against any server: an input is a list of instructions, each with its own operands.

say: a server's message that answers the last request or another one, its fields from the input; raw: octets as they
are; flood: one message up to 255 times; list, close, wait, end: what the driver does.
"""

from __future__ import annotations

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _cti_errors, _ctiqbe
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import (
    CtiRefused, DeadlineExceeded, FormatError, ProtocolError,
)

from fuzz import Script, fuzz_ctiqbe, outcome

ERRORS = (CtiRefused, DeadlineExceeded, FormatError, ProtocolError)
STATES = ("init", "opening", "open", "listing", "closing", "closed")
ANSWERS = sorted(name for name, layout in _ctiqbe.MESSAGES.items() if layout.direction != _ctiqbe.TO_SERVER)
NUMBERS = (0, 1, 2, 8, 15, 30, -1, 9, 1 << 31, _ctiqbe.NO_MORE_DEVICES, _ctiqbe.COMPROMISED,
           *sorted(_cti_errors.NOT_KNOWN_TO_SERVER))
SAY, RAW, FLOOD, LIST, CLOSE, WAIT, END = range(7)


def check(octets):
    return outcome(ERRORS, Play(Script(octets)).run)


def say(name, *values):
    """The instruction for a message whose first fields are chosen by C(values), one octet each."""
    return bytes([SAY, ANSWERS.index(name), len(values), *values])


def seeds():
    opened = say("ProviderInitResponse") + say("ProviderOpenResponse") + say("ProviderOpenCompletedEvent")
    listed = bytes([LIST]) + say("ProviderGetAllDevicesAndLinesResponse") + say("DeviceLineInfoEvent") + say(
        "ProviderGetAllDevicesAndLinesCompletedEvent")
    yield "open", opened
    yield "list", opened + listed + bytes([CLOSE]) + say("ProviderCloseResponse") + bytes([END])
    yield "wait", opened + bytes([WAIT, 20, WAIT, 200])
    yield "older", opened + bytes([LIST]) + say("FailureResponse", 0, 12) + say("ProviderGetDeviceInfoResponse") + say(
        "GetDeviceInfoFetchResponse", 0, 0, 3) + say("GetDeviceInfoCloseResponse") + say("DeviceGetLineInfoResponse")
    for name, frames in fuzz_ctiqbe.vector_sessions().items():
        server = [octets for octets in frames if _ctiqbe.decode(octets).name in ANSWERS]
        yield name, b"".join(bytes([RAW]) + len(octets).to_bytes(2, "big") + octets for octets in server)


class Play:
    """One provider, and what a server may know of it: the requests that it heard."""

    def __init__(self, script):
        self._script = script
        self._now = 0
        self._seals = 0
        self._heard = []
        self._reader = _ctiqbe.FrameReader()
        settings = _ctiqbe.Settings("cucm", "user", "test", 30, _ctiqbe.VERSION)
        self.provider = _ctiqbe.Provider(settings, self._seal, "cucm:2749")

    def _seal(self, nonce, certificate):
        assert nonce and certificate
        self._seals += 1
        return b"password", b"key"

    def run(self):
        self.provider.start(0)
        self._listen()
        while self._script.more:
            closing = self.provider.state in ("closing", "closed")
            self._step()
            self._listen()
            self._assert_state(closing)

    def _step(self):
        script, provider, instruction = self._script, self.provider, self._script.number() % 7
        if instruction == SAY:
            self._receive(self._message())
        elif instruction == RAW:
            self._receive(script.take(script.number(2)))
        elif instruction == FLOOD:
            self._receive(self._message() * script.number())
        elif instruction == LIST and provider.state == "open":
            provider.list_devices(self._now)
        elif instruction == CLOSE and provider.state in ("open", "listing"):
            provider.close(self._now)
        elif instruction == WAIT:
            self._now += script.number()
            provider.elapsed(self._now)
        elif instruction == END:
            provider.ended()
            assert provider.state == "closed"

    def _receive(self, octets):
        for event in self.provider.receive(octets, self._now):
            assert event.name in ("initialised", "accepted", "opened", "listed", "closed")
            if event.name == "listed":
                assert_devices(self.provider.devices)

    def _message(self):
        """A message with the sequence number that is awaited, unless the input has another for it."""
        layout = _ctiqbe.MESSAGES[self._script.choice(ANSWERS)]
        fields = Script(self._script.short())
        values = {name: self._value(name, kind, fields) for name, kind in layout.fields}
        return _ctiqbe.encode(layout.name, **values)

    def _value(self, name, kind, fields):
        if name in ("sequenceNumber", "requestId"):
            return max(self._last_request() - fields.number(), 0)
        if kind == "i32":
            return NUMBERS[fields.number() % len(NUMBERS)]
        if kind == "bool":
            return bool(fields.number())
        if kind == "i32[]":
            return list(fields.short())
        if kind.endswith("[]"):
            struct = _ctiqbe.STRUCTS[kind[:-2]]
            return [self._struct(struct, fields) for _index in range(fields.number() % 8)]
        if kind in _ctiqbe.STRUCTS:
            return self._struct(_ctiqbe.STRUCTS[kind], fields)
        text = fields.short()
        if kind == "bytes":
            return text or b"certificate"
        return text.decode("latin-1") or "text"

    def _struct(self, layout, fields):
        return {name: self._value(name, kind, fields) for name, kind in layout.fields}

    def _last_request(self):
        return self._heard[-1]["sequenceNumber"] if self._heard else 0

    def _listen(self):
        self._reader.feed(self.provider.output())
        for octets in self._reader.frames():
            message = _ctiqbe.decode(octets)
            assert _ctiqbe.MESSAGES[message.name].direction != _ctiqbe.TO_CLIENT
            if message.name != "Heartbeat":
                self._heard.append(message)
        assert self._reader.pending == 0

    def _assert_state(self, was_closing):
        provider = self.provider
        assert provider.state in STATES and provider.stage in ("init", "open", "list", "close")
        assert not was_closing or provider.state in ("closing", "closed")
        logins = sum(message.name == "ProviderOpenRequest" for message in self._heard)
        assert logins == self._seals == int(provider.login_sent) <= 1
        assert len({message["sequenceNumber"] for message in self._heard}) == len(self._heard)
        wake = provider.wake_at()
        assert wake is None or wake > 0


def assert_devices(devices):
    for device in devices:
        assert isinstance(device["name"], str) and device["registered"] in (True, False, None)
        assert all(isinstance(line["number"], str) and line["display_name"].isprintable() for line in device["lines"])
