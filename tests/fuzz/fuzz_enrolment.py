# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The enrolling client against any CAPF server: an input is the settings, then instructions with their operands.

say: a message in this session or another one, its elements from the input; again: the last one once more; raw: octets
as they are; end: the server closes. Events are answered as the driver does it; the input decides whether a certificate
is taken.
"""

from __future__ import annotations

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _capf
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import (
    CapfRefused, FormatError, InputError, ProtocolError,
)

from fuzz import Script, fuzz_capf, outcome

ERRORS = (CapfRefused, FormatError, InputError, ProtocolError)
STRING = "4711471147"
SETTINGS = (
    dict(), dict(dialect="phone"), dict(key_type="ec", key_size=256),
    dict(dialect="phone", key_type="ec", key_size=384), dict(version=2),
    dict(texts={_capf.AUTH_RESPONSE: "Authentication passed"}),
)
STATES = ("await_auth_request", "await_request", "await_key", "await_certificate", "await_signature", "await_storing",
          "await_end", "ended")
ONCE = (_capf.AUTH_RESPONSE, _capf.KEY_GENERATE_RESPONSE, _capf.ENCRYPT_RESPONSE, _capf.STORE_CERTIFICATE_RESPONSE)
SAY, AGAIN, RAW, END = range(4)
SESSION = 0x2A


def check(octets):
    return outcome(ERRORS, Play(Script(octets)).run)


def say(command, *elements):
    body = b"".join(bytes([tag, len(value)]) + value for tag, value in elements)
    return bytes([SAY, command, 0, len(body)]) + body


def seeds():
    begin = say(_capf.AUTH_REQUEST, (_capf.VERSION, b"\3"))
    rsa = say(_capf.KEY_GENERATE_REQUEST, (_capf.KEY_SIZE, b"\x08\0"))
    ec = say(_capf.KEY_GENERATE_REQUEST, (_capf.KEY_TYPE, b"\1"), (_capf.CURVE, b"\0"))
    sign = say(_capf.ENCRYPT_REQUEST, (_capf.SIGNED_DATA, b"data"))
    store = say(_capf.STORE_CERTIFICATE_REQUEST, (_capf.CERTIFICATE, _capf.certificate_value(b"certificate")))
    end = say(_capf.END_SESSION, (_capf.REASON, b"\1"))
    refuse = say(_capf.END_SESSION, (_capf.REASON, b"\7"), (_capf.REASON_INFO, ("no " + STRING).encode()))
    yield "rsa", b"\0\0" + begin + rsa + store + end
    yield "rejected", b"\0\1" + begin + rsa + sign + store + end
    yield "ec", b"\2\0" + begin + ec + store + bytes([END])
    yield "refused", b"\0\0" + begin + refuse
    yield "phone", b"\1\0" + begin + say(_capf.FETCH_CERTIFICATE_REQUEST) + say(_capf.DELETE_CERTIFICATE_REQUEST) + end
    yield "again", b"\0\0" + begin + bytes([AGAIN]) + rsa + bytes([AGAIN]) + store + bytes([AGAIN]) + end
    for name, messages in fuzz_capf.vector_sessions().items():
        server = [octets for direction, octets in messages if direction == "s2c"]
        number = 0 if name.startswith("jtapi") else 2 if "ec-p256" in name else 1
        yield name, bytes([number, 0]) + b"".join(
            bytes([RAW]) + len(octets).to_bytes(2, "big") + octets for octets in server)


class Play:
    """One session and the driver of its client."""

    def __init__(self, script):
        self._script = script
        self.client = _capf.Enrolment(_capf.Settings("CTI-x", STRING, **script.choice(SETTINGS)), "capf:3804")
        self._rejects = bool(script.number() % 2)
        self._octets = b""
        self._stored = False
        self._finished = 0
        self._sent = []

    def run(self):
        try:
            while self._script.more:
                ended = self.client.state == "ended"
                self._step()
                self._send()
                assert self.client.state == "ended" if ended else self.client.state in STATES
        except ERRORS as error:
            assert STRING not in str(error) and STRING not in repr(error.facts)
            assert {"capf_reason", "capf_command", "capf_state"} <= set(error.facts)
            raise

    def _step(self):
        script, instruction = self._script, self._script.number() % 4
        if instruction == SAY:
            self._octets = self._message()
            self._receive(self._octets)
        elif instruction == AGAIN:
            self._receive(self._octets)
        elif instruction == RAW:
            self._receive(script.take(script.number(2)))
        else:
            self._answer(self.client.ended())
            assert self.client.state == "ended"

    def _message(self):
        command, other, body = self._script.number(), self._script.number() > 250, Script(self._script.short())
        elements = []
        while body.more:
            elements.append((body.number(), body.short()))
        return _capf.Message(command, SESSION + other, tuple(elements)).encode()

    def _receive(self, octets):
        ended = self.client.state == "ended"
        events = self.client.receive(octets)
        assert not (ended and events)
        self._answer(events)

    def _answer(self, events):
        for event in events:
            getattr(self, "_on_" + event.name)(**event.values)
        for event in events:
            assert event.name != "finished" or event.values["stored"] == self._stored == self.client.stored

    def _on_key_wanted(self, type, size):
        assert (type, size) == (self.client.settings.key_type, self.client.settings.key_size)
        self.client.provide_key(b"public key")

    def _on_signature_wanted(self, data):
        assert data
        self.client.provide_signature(b"signature")

    def _on_certificate(self, der, further):
        assert der and isinstance(further, list)
        if self._rejects:
            self.client.certificate_rejected("not ours")
        else:
            self._stored = True
            self.client.certificate_stored()

    def _on_finished(self, reason, stored, warning):
        self._finished += 1
        assert self._finished == 1 and stored in (True, False)

    def _send(self):
        for octets in self.client.output():
            message = _capf.decode(octets)
            self._sent.append(message.command)
            assert message.session == self.client.session
            assert (STRING.encode() in octets) == (message.command == _capf.AUTH_RESPONSE)
        assert all(self._sent.count(command) <= 1 for command in ONCE)
        assert self.client.string_sent == (_capf.AUTH_RESPONSE in self._sent)
        assert self.client.key_sent == (_capf.KEY_GENERATE_RESPONSE in self._sent)
