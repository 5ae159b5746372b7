# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""CAPF, the protocol that issues certificates to CTI clients (TCP 3804 inside TLS): messages, and the enrolling client.

Framing, commands and element layouts are those of public CAPF implementations and of traces of Cisco products. The
C(cti) dialect is that of Cisco's JTAPI client libraries 11.5 to 15, whose bytes are in the test vectors; the Windows
TSP was never observed. The C(phone) dialect is that of desk phones and of Jabber. All integers are big-endian.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import (
    CapfRefused,
    FormatError,
    InputError,
    ProtocolError,
    SecureTspError,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._octets import Reader, Writer

if TYPE_CHECKING:
    from typing import Iterable, Tuple

    Element = Tuple[int, bytes]  # tag and octets

PORT = 3804
PROTOCOL = 0x55
HEADER_SIZE = 8
MAX_PAYLOAD = 0xFFFF

# Commands. For 7, 8 and 18 to 23, only the names are known.
AUTH_REQUEST, AUTH_RESPONSE, KEY_GENERATE_REQUEST, KEY_GENERATE_RESPONSE = 1, 2, 3, 4
ENCRYPT_REQUEST, ENCRYPT_RESPONSE, DECRYPT_REQUEST, DECRYPT_RESPONSE = 5, 6, 7, 8
STORE_CERTIFICATE_REQUEST, STORE_CERTIFICATE_RESPONSE = 9, 10
FETCH_CERTIFICATE_REQUEST, FETCH_CERTIFICATE_RESPONSE = 11, 12
DELETE_CERTIFICATE_REQUEST, DELETE_CERTIFICATE_RESPONSE = 13, 14
END_SESSION, RETRY_LATER, REQUEST_IN_PROGRESS, STATUS_REQUEST, STATUS_RESPONSE = 15, 16, 17, 18, 19
ABORT_REQUEST, ABORT_RESPONSE, SIGN_CERTIFICATE_REQUEST, SIGN_CERTIFICATE_RESPONSE = 20, 21, 22, 23
COMMAND_NAMES = dict(enumerate((
    "AUTH_REQUEST", "AUTH_RESPONSE", "KEY_GENERATE_REQUEST", "KEY_GENERATE_RESPONSE", "ENCRYPT_REQUEST",
    "ENCRYPT_RESPONSE", "DECRYPT_REQUEST", "DECRYPT_RESPONSE", "STORE_CERTIFICATE_REQUEST",
    "STORE_CERTIFICATE_RESPONSE", "FETCH_CERTIFICATE_REQUEST", "FETCH_CERTIFICATE_RESPONSE",
    "DELETE_CERTIFICATE_REQUEST", "DELETE_CERTIFICATE_RESPONSE", "END_SESSION", "RETRY_LATER", "REQUEST_IN_PROGRESS",
    "STATUS_REQUEST", "STATUS_RESPONSE", "ABORT_REQUEST", "ABORT_RESPONSE", "SIGN_CERTIFICATE_REQUEST",
    "SIGN_CERTIFICATE_RESPONSE",
), 1))

# Element tags. 14 and 15 are unknown; those above 15 belong to version 3.
REASON, REASON_INFO, CERTIFICATE_TYPE, CERTIFICATE, CERTIFICATE_ID, SIGNED_DATA, VERSION = 1, 2, 3, 4, 5, 6, 7
AUTH_TYPE, PUBLIC_KEY, KEY_SIZE, PASSWORD, RETRY_DELAY, DEVICE_NAME = 8, 9, 10, 11, 12, 13
SUDI_DATA, KEY_TYPE, CURVE, DIGEST_TYPE, SHA2_SIGNED_DATA = 16, 17, 18, 19, 20
TAG_NAMES = {
    REASON: "REASON", REASON_INFO: "REASON_INFO", CERTIFICATE_TYPE: "CERTIFICATE_TYPE", CERTIFICATE: "CERTIFICATE",
    CERTIFICATE_ID: "CERTIFICATE_ID", SIGNED_DATA: "SIGNED_DATA", VERSION: "VERSION", AUTH_TYPE: "AUTH_TYPE",
    PUBLIC_KEY: "PUBLIC_KEY", KEY_SIZE: "KEY_SIZE", PASSWORD: "PASSWORD", RETRY_DELAY: "RETRY_DELAY",
    DEVICE_NAME: "DEVICE_NAME", SUDI_DATA: "SUDI_DATA", KEY_TYPE: "KEY_TYPE", CURVE: "CURVE",
    DIGEST_TYPE: "DIGEST_TYPE", SHA2_SIGNED_DATA: "SHA2_SIGNED_DATA",
}

NO_ACTION, SUCCESS, INVALID_ELEMENT, UNKNOWN_DEVICE, WRONG_CERTIFICATE_TYPE = 0, 1, 7, 9, 16
REASON_NAMES = {
    NO_ACTION: "NO_ACTION", SUCCESS: "SUCCESS", INVALID_ELEMENT: "INVALID_ELEMENT", UNKNOWN_DEVICE: "UNKNOWN_DEVICE",
    WRONG_CERTIFICATE_TYPE: "WRONG_CERTIFICATE_TYPE",
}
LSC, MIC = 1, 2  # CERTIFICATE_TYPE
RSA, EC = 0, 1  # KEY_TYPE
SECP256R1, SECP384R1, SECP521R1 = 0, 1, 2  # CURVE
CURVE_SIZES = {SECP256R1: 256, SECP384R1: 384, SECP521R1: 521}
DEFAULT_KEY_SIZE = 1024  # what Cisco's JTAPI creates when the server names no size
VERSION_WITH_EC = 3
MAX_TEXT = 255  # octets of a name or string; the longest instance id has 128 characters


# Messages


@dataclass(frozen=True, repr=False)
class Message:
    """One message. C(elements) are (tag, octets) in the order of the wire; unknown and repeated tags are kept.

    Its repr shows sizes only, because an element may hold the authorization string.
    """

    command: int
    session: int
    elements: tuple[Element, ...] = ()

    def value(self, tag: int) -> bytes | None:
        """Octets of the first element with this tag, or None."""
        for number, octets in self.elements:
            if number == tag:
                return octets
        return None

    @property
    def command_name(self) -> str:
        return COMMAND_NAMES.get(self.command, "command %d" % self.command)

    def encode(self) -> bytes:
        """Octets of the whole message. Raises FormatError when they do not fit its 16-bit length."""
        payload = Writer()
        for tag, octets in self.elements:
            payload.u8(tag).u16(len(octets)).put(octets)
        return Writer().u8(PROTOCOL).u8(self.command).u32(self.session).u16(len(payload)).put(
            payload.octets()).octets()

    def __repr__(self) -> str:
        shown = ["%s[%d]" % (TAG_NAMES.get(tag, tag), len(octets)) for tag, octets in self.elements]
        return "<%s session=%08x %s>" % (self.command_name, self.session, " ".join(shown))


def _message_size(octets: bytes | bytearray) -> int | None:
    """Size of the message at the start of C(octets), or None when its header is not complete yet."""
    if octets and octets[0] != PROTOCOL:
        raise FormatError("CAPF message: it begins with 0x%02x instead of 0x55 at offset 0" % octets[0], offset=0)
    if len(octets) < HEADER_SIZE:
        return None
    return HEADER_SIZE + int.from_bytes(octets[6:HEADER_SIZE], "big")


def decode(octets: bytes) -> Message:
    """Message of exactly these octets. Raises FormatError where a length or the protocol id is wrong."""
    size = _message_size(octets)
    if size is None or size != len(octets):
        raise FormatError("CAPF message: %d octets, but its header promises %s" % (
            len(octets), "more" if size is None else size), offset=len(octets))
    reader = Reader(octets, "big", "CAPF message", start=1)
    command, session, _size = reader.u8(), reader.u32(), reader.u16()
    elements = []
    while reader.remaining:
        tag = reader.u8()
        elements.append((tag, reader.take(reader.u16())))
    return Message(command, session, tuple(elements))


class MessageReader:
    """Messages from a stream cut anywhere. It holds at most one incomplete message: 65543 octets."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._failure: FormatError | None = None

    @property
    def pending(self) -> int:
        """Octets of the message that is not complete yet."""
        return len(self._buffer)

    def feed(self, octets: bytes) -> list[Message]:
        """The messages that are complete now. Raises FormatError, but only after it has returned complete messages."""
        if self._failure is not None:
            raise self._failure
        self._buffer += octets
        messages = []
        try:
            size = _message_size(self._buffer)
            while size is not None and size <= len(self._buffer):
                complete = bytes(self._buffer[:size])
                del self._buffer[:size]
                messages.append(decode(complete))
                size = _message_size(self._buffer)
        except FormatError as error:
            self._failure = error
            self._buffer.clear()
            if not messages:
                raise
        return messages


# Elements


def number_value(number: int, width: int = 1) -> bytes:
    return Writer().put(number.to_bytes(width, "big")).octets()


def number_of(message: Message, tag: int, width: int = 1) -> int | None:
    """The number in an element, or None without that element. Raises FormatError at another width."""
    octets = message.value(tag)
    if octets is None:
        return None
    if len(octets) != width:
        raise FormatError("%s: %s has %d octets instead of %d" % (
            message.command_name, TAG_NAMES.get(tag, tag), len(octets), width))
    return int.from_bytes(octets, "big")


def text_value(text: str, dialect: str) -> bytes:
    """A name or string: UTF-8, in the phone dialect with a NUL that counts."""
    return text.encode("utf-8") + (b"\0" if dialect == "phone" else b"")


def text_of(octets: bytes | None) -> str:
    """The text of an element with or without its NUL; an empty text for None."""
    octets = octets or b""
    if octets.endswith(b"\0"):
        octets = octets[:-1]
    return octets.decode("utf-8", "replace")


def certificate_value(*certificates: bytes) -> bytes:
    """The CERTIFICATE element around DER certificates. The meaning of its 00 01 is unknown; CUCM sends it."""
    writer = Writer()
    for der in certificates:
        writer.u8(1).u16(len(der) + 2).u16(1).put(der)
    return writer.octets()


def certificates_of(octets: bytes) -> list[bytes]:
    """DER of all certificates in a CERTIFICATE element, at least one. Raises FormatError."""
    reader = Reader(octets, "big", "CERTIFICATE")
    certificates = []
    while reader.remaining:
        sub_tag = reader.u8()
        with reader.within(reader.u16()) as part:
            if sub_tag == 1:
                part.u16()
                certificates.append(part.rest())
            else:
                part.rest()
    if not certificates or not certificates[0]:
        raise reader.fail("no certificate")
    return certificates


def key_elements(kind: str, size: int, version: int) -> tuple[Element, ...]:
    """The elements of a KEY_GENERATE_REQUEST; only version 3 knows KEY_TYPE and CURVE."""
    if kind == "ec":
        curve = next(code for code, bits in CURVE_SIZES.items() if bits == size)
        return (KEY_TYPE, number_value(EC)), (CURVE, number_value(curve))
    with_type = ((KEY_TYPE, number_value(RSA)),) if version >= VERSION_WITH_EC else ()
    return ((KEY_SIZE, number_value(size, 2)),) + with_type


def key_of(message: Message) -> tuple[str, int]:
    """C((kind, size)) of a KEY_GENERATE_REQUEST: ("rsa", bits) or ("ec", bits). Raises FormatError."""
    kind = number_of(message, KEY_TYPE)
    if kind is None or kind == RSA:
        size = number_of(message, KEY_SIZE, 2)
        return "rsa", DEFAULT_KEY_SIZE if size is None else size
    curve = number_of(message, CURVE)
    if kind != EC or curve not in CURVE_SIZES:
        raise FormatError("%s: unknown key type %d with curve %s" % (message.command_name, kind, curve))
    return "ec", CURVE_SIZES[curve]


# The client


@dataclass(frozen=True)
class Settings:
    """The settings of a client.

    name: DEVICE_NAME as CAPF knows it, such as C(CTI-recorder01x1).
    string: the authorization string; None sends no PASSWORD element.
    dialect: C(cti) or C(phone).
    version: the protocol version to answer with, 1 to 3; C(phone) answers with the server's where that is lower.
        None is 1 for C(cti), 3 for C(phone) and for EC keys.
    key_type, key_size: C(rsa) with bits, or C(ec) with 256, 384 or 521, which needs version 3.
    texts: {command: REASON_INFO} for the responses of the C(cti) dialect; by default none is sent.

    Raises InputError.
    """

    name: str
    string: str | None = field(repr=False)
    dialect: str = "cti"
    version: int = None  # type: ignore[assignment]  # until __post_init__
    key_type: str = "rsa"
    key_size: int = 2048
    texts: dict[int, str] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if self.version is None:
            wanted = VERSION_WITH_EC if self.dialect == "phone" or self.key_type == "ec" else 1
            object.__setattr__(self, "version", wanted)
        if self.dialect not in ("cti", "phone"):
            raise InputError("the CAPF dialect is cti or phone, not %s" % self.dialect)
        if self.version not in (1, 2, 3):
            raise InputError("the CAPF version is 1, 2 or 3, not %s" % self.version)
        _check_text("the name for CAPF", self.name)
        if not self.name:
            raise InputError("the name for CAPF is empty")
        if self.string is not None:
            _check_text("the authorization string", self.string)
        if self.key_type == "ec":
            if self.key_size not in CURVE_SIZES.values():
                raise InputError("an EC key has 256, 384 or 521 bits, not %s" % self.key_size)
            if self.version < VERSION_WITH_EC:
                raise InputError("CAPF supports EC keys only from version 3", cure="Set the CAPF version to 3.")
        elif self.key_type != "rsa":
            raise InputError("the key type is rsa or ec, not %s" % self.key_type)


def _check_text(title: str, text: str) -> None:
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError:
        raise InputError("%s cannot be encoded in UTF-8" % title) from None
    if "\0" in text or size > MAX_TEXT:
        raise InputError("%s has more than %d octets or contains a NUL" % (title, MAX_TEXT))


class Event(NamedTuple):
    """name: C(key_wanted), C(signature_wanted), C(certificate) or C(finished)."""

    name: str
    values: dict[str, Any]


#: (state, command) -> method. Anything else ends the session with a ProtocolError.
_STEPS = {
    ("await_auth_request", AUTH_REQUEST): "_authenticate",
    ("await_request", KEY_GENERATE_REQUEST): "_key_asked",
    ("await_request", FETCH_CERTIFICATE_REQUEST): "_fetch_asked",
    ("await_request", DELETE_CERTIFICATE_REQUEST): "_delete_asked",
    ("await_certificate", ENCRYPT_REQUEST): "_signature_asked",
    ("await_certificate", STORE_CERTIFICATE_REQUEST): "_certificate_came",
    ("await_end", FETCH_CERTIFICATE_REQUEST): "_fetch_asked",
    ("await_end", DELETE_CERTIFICATE_REQUEST): "_delete_asked",
}

_REFUSALS = {
    INVALID_ELEMENT: (
        "CAPF refused (7): authorization string wrong or expired, or nothing armed",
        "Check the CAPF profile of this instance: it must show a pending Install/Upgrade, a deadline in the"
        " future and the authorization string that was used here. Arm it again with a new one."),
    UNKNOWN_DEVICE: (
        "CAPF refused (9): it has no profile for the name %(name)s",
        "Check the instance id and name_template here, and that the user has a CAPF profile with this instance id."),
}
_UNUSED = "the authorization string is not used up"
_MAYBE_ISSUED = ("CAPF may have issued a certificate anyway. The key is kept. Check the CAPF profile of this"
                 " instance, then run again.")


class Enrolment:
    """The client of one session: authenticate, send a public key, receive the certificate. No I/O, no randomness.

    The driver hands in received octets, sends each message of C(output()) with one TLS write, and answers the events:

    =================== =============================== ==================================================
    event               values                          answer
    =================== =============================== ==================================================
    key_wanted          type, size (those of settings)  provide_key(SubjectPublicKeyInfo as DER)
    signature_wanted    data                            provide_signature(raw PKCS#1 type 1 over the data)
    certificate         der, further (list of DER)      certificate_stored() or certificate_rejected(text)
    finished            reason, stored, warning         none: the session is over
    =================== =============================== ==================================================

    Answer each event before you read the next one: C(certificate_stored()) sets C(stored) of a C(finished)
    that came together with its certificate.

    States: await_auth_request, await_request (of the server, after our AUTH_RESPONSE), await_key, await_certificate,
    await_signature, await_storing, await_end, ended.

    CapfRefused: the server ended the session without what was asked for; C(code) is its reason, a number or None.
    ProtocolError and FormatError: it broke the protocol or asked for something unknown. InputError: it asks for another
    key, or does not support version 3; the authorization string is not used up. All carry C(capf_reason),
    C(capf_command) and C(capf_state).
    An error never hides an event: if events came before it, the next call raises it. After an error, C(stored) shows
    whether the certificate was stored; C(string_sent) and C(key_sent) show how far the session got.
    """

    def __init__(self, settings: Settings, where: str = "") -> None:
        self.settings = settings
        self.state = "await_auth_request"
        self.session: int | None = None
        self.server_version: int | None = None  # None: not sent
        self.version: int | None = None  # the one answered
        self.string_sent = False  # output() returned AUTH_RESPONSE
        self.key_sent = False  # output() returned KEY_GENERATE_RESPONSE
        self.stored = False
        self._where = where
        self._reader = MessageReader()
        self._output: list[Message] = []
        self._events: list[Event] = []
        self._failure: SecureTspError | None = None
        self._last: Message | None = None
        self._signed = False
        self._early_end: dict[str, Any] | None = None

    # what the driver calls

    def receive(self, octets: bytes) -> list[Event]:
        """Events of what has arrived, in order."""
        self._events = []
        self._raise_kept()
        try:
            for message in self._messages(octets):
                self._take(message)
        except SecureTspError as error:
            self._failure = error
            if not self._events:
                raise
        return self._events

    def output(self) -> list[bytes]:
        """Messages to send now, one TLS write each; they count as sent."""
        messages, self._output = self._output, []
        for message in messages:
            self.string_sent = self.string_sent or message.command == AUTH_RESPONSE
            self.key_sent = self.key_sent or message.command == KEY_GENERATE_RESPONSE
        return [message.encode() for message in messages]

    def provide_key(self, public_key: bytes) -> None:
        """The DER SubjectPublicKeyInfo of the key that C(key_wanted) asked for."""
        self._answering("await_key")
        self.state = "await_certificate"
        self._respond(KEY_GENERATE_RESPONSE, (PUBLIC_KEY, public_key))

    def provide_signature(self, signature: bytes) -> None:
        """The data of C(signature_wanted) with PKCS#1 v1.5 type 1 padding, no hash, through the new private key."""
        self._answering("await_signature")
        self.state = "await_certificate"
        self._respond(ENCRYPT_RESPONSE, (SIGNED_DATA, signature), always_reason=True)

    def certificate_stored(self) -> None:
        """The certificate is verified and on disk."""
        self._answering("await_storing")
        self.stored = True
        if self._early_end is not None:
            self._early_end["stored"] = True
            self.state = "ended"
            return
        self.state = "await_end"
        self._respond(STORE_CERTIFICATE_RESPONSE, always_reason=True)

    def certificate_rejected(self, text: str) -> None:
        """The certificate is not ours or cannot be read. C(text) (no secret) goes to the server in the cti dialect."""
        self._answering("await_storing")
        if self._early_end is not None:
            self.state = "ended"
            return
        self.state = "await_end"
        elements = [(REASON, number_value(INVALID_ELEMENT))]
        if self.settings.dialect == "cti":
            elements.append((REASON_INFO, text_value(_printable(text), "cti")))
        self._send(STORE_CERTIFICATE_RESPONSE, elements)

    def ended(self) -> list[Event]:
        """The peer closed the connection: a list with C(finished) if the session was complete, empty if it had already ended.

        Raises ProtocolError otherwise.
        """
        self._events = []
        if self.state == "ended":
            return self._events
        self._raise_kept()
        self._messages(b"")
        if self.state == "await_end" and not self._reader.pending:
            self._finish(None, "the CAPF server closed the connection without END_SESSION")
            return self._events
        in_what = "in the middle of a message" if self._reader.pending else "without END_SESSION"
        raise self._error(ProtocolError, "the CAPF server closed the connection %s" % in_what)

    # errors

    def _raise_kept(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _messages(self, octets: bytes) -> list[Message]:
        if self.state == "ended":
            return []
        try:
            return self._reader.feed(octets)
        except FormatError as error:
            raise self._error(FormatError, error.what, **error.facts) from None

    def _cure(self) -> str:
        if self.state == "await_auth_request":
            return "Check that host and port are those of the CAPF service."
        if self.key_sent:
            return _MAYBE_ISSUED
        return "Read the trace of the CAPF service for this time, then run again."

    def _error(self, kind: type[SecureTspError], what: str, cure: str | None = None, **facts: Any) -> SecureTspError:
        values = {"capf_reason": None, "capf_command": self._last.command if self._last else None}
        values.update(facts)
        return kind(what, where=self._where, cure=self._cure() if cure is None else cure, capf_state=self.state,
                    **values)

    def _answering(self, state: str) -> None:
        """A driver that answers without an event has a bug."""
        if self.state != state:
            raise RuntimeError("answer for %s in state %s" % (state, self.state))

    # sending

    def _send(self, command: int, elements: Iterable[Element]) -> None:
        if self.session is None:
            raise RuntimeError("command %d before the first message, which the server sends" % command)
        self._output.append(Message(command, self.session, tuple(elements)))

    def _respond(self, command: int, *elements: Element, always_reason: bool = False) -> None:
        """A response of success. Phones send REASON only where nothing else shows success."""
        cti = self.settings.dialect == "cti"
        head = [(REASON, number_value(SUCCESS))] if cti or always_reason else []
        self._send(command, head + self._text(command) + list(elements))

    def _text(self, command: int) -> list[Element]:
        text = (self.settings.texts or {}).get(command)
        if text is None or self.settings.dialect != "cti":
            return []
        return [(REASON_INFO, text_value(text, "cti"))]

    # receiving

    def _take(self, message: Message) -> None:
        if self.state == "ended" or self._early_end is not None:
            return
        if self.session is not None and message.session != self.session:
            self._last = message
            raise self._error(ProtocolError, "the CAPF server changed the session id from %08x to %08x in %s" % (
                self.session, message.session, message.command_name))
        if message.command == REQUEST_IN_PROGRESS and self.session is not None:
            # The server, or a CA behind it, is still working. JTAPI answers each of these with an empty message.
            self._send(STATUS_RESPONSE, ())
            return
        if message == self._last:
            return  # our answer to a resent request is already on its way; an authorization string or signature is sent only once
        self._last = message
        method = "_end" if message.command == END_SESSION else _STEPS.get((self.state, message.command))
        if method is None:
            raise self._unexpected(message)
        try:
            getattr(self, method)(message)
        except FormatError as error:
            raise self._error(FormatError, error.what, **error.facts) from None

    def _unexpected(self, message: Message) -> SecureTspError:
        """The error for a message that is not allowed here."""
        if message.command == RETRY_LATER:
            return self._error(
                CapfRefused, "CAPF asks the client to try again later (RETRY_LATER, command 16)", code="RETRY_LATER",
                cure="Run again later. Files and authorization string are unchanged." if not self.key_sent else None)
        known = message.command in COMMAND_NAMES
        title = "%s (command %d)" % (message.command_name, message.command) if known else message.command_name
        return self._error(ProtocolError, "the CAPF server sent %s, which is not allowed in state %s" % (
            title, self.state))

    def _authenticate(self, message: Message) -> None:
        self.session = message.session
        self.server_version = number_of(message, VERSION)
        self.version = self._answered_version()
        cti, name, string = self.settings.dialect == "cti", self.settings.name, self.settings.string
        version = (VERSION, number_value(self.version))
        reason = (REASON, number_value(SUCCESS))
        device = (DEVICE_NAME, text_value(name, self.settings.dialect))
        password = [] if string is None else [(PASSWORD, text_value(string, self.settings.dialect))]
        if cti:
            elements = [version, reason] + self._text(AUTH_RESPONSE) + [device] + password
        else:
            elements = [version, device] + password + [reason]
        self.state = "await_request"
        self._send(AUTH_RESPONSE, elements)

    def _answered_version(self) -> int:
        wanted, offered = self.settings.version, self.server_version
        if self.settings.key_type == "ec" and offered is not None and offered < VERSION_WITH_EC:
            raise self._error(
                InputError, "the CAPF server offers version %d, and EC keys need version 3; %s" % (offered, _UNUSED),
                cure="Use an RSA key on this cluster.")
        if self.settings.dialect == "cti" or offered is None:
            return wanted
        return max(1, min(wanted, offered))

    def _key_asked(self, message: Message) -> None:
        kind, size = key_of(message)
        ours = (self.settings.key_type, self.settings.key_size)
        if (kind, size) != ours:
            raise self._error(
                InputError, "CAPF asks for an %s key of %d bits, but the settings here are %s of %d bits; %s" % (
                    kind.upper(), size, ours[0].upper(), ours[1], _UNUSED),
                cure="Set key here and the key order and size of the CAPF profile to the same values.",
                wanted_key={"type": kind, "size": size})
        self.state = "await_key"
        self._tell("key_wanted", type=kind, size=size)

    def _signature_asked(self, message: Message) -> None:
        data = message.value(SIGNED_DATA)
        if not data or self._signed:
            raise self._error(ProtocolError, "the CAPF server asks for %s" % (
                "a second signature in one session" if data else "a signature over no data"))
        if self.settings.key_type != "rsa" or len(data) > self.settings.key_size // 8 - 11:
            raise self._error(ProtocolError, "the CAPF server asks for a signature over %d octets, which the %s key of"
                              " %d bits cannot sign" % (len(data), self.settings.key_type.upper(),
                                                        self.settings.key_size))
        self._signed = True
        self.state = "await_signature"
        self._tell("signature_wanted", data=data)

    def _certificate_came(self, message: Message) -> None:
        octets = message.value(CERTIFICATE)
        if octets is None:
            raise self._error(ProtocolError, "the CAPF server sent a STORE_CERTIFICATE_REQUEST without a certificate")
        certificates = certificates_of(octets)
        self.state = "await_storing"
        self._tell("certificate", der=certificates[0], further=certificates[1:])

    def _fetch_asked(self, message: Message) -> None:
        self._nothing_there(message, FETCH_CERTIFICATE_RESPONSE)

    def _delete_asked(self, message: Message) -> None:
        self._nothing_there(message, DELETE_CERTIFICATE_RESPONSE)

    def _nothing_there(self, message: Message, response: int) -> None:
        """A server can ask a phone for its certificate, or to delete it. This client neither sends nor deletes files."""
        if self.settings.dialect != "phone" or self.stored:
            raise self._unexpected(message)
        self.state = "await_end"
        self._send(response, [(REASON, number_value(INVALID_ELEMENT))])

    def _end(self, message: Message) -> None:
        reason = number_of(message, REASON)
        if self.state == "await_end" and (reason in (NO_ACTION, SUCCESS) or not self.stored):
            self._finish(reason)
        elif self.state == "await_request" and reason in (NO_ACTION, SUCCESS):
            self._finish(reason)
        elif self.state == "await_storing" and reason in (NO_ACTION, SUCCESS):
            self._early_end = {"reason": reason, "stored": False, "warning": None}
            self._events.append(Event("finished", self._early_end))
        else:
            raise self._refusal(reason, text_of(message.value(REASON_INFO)))

    def _refusal(self, reason: int | None, info: str) -> SecureTspError:
        number = "without a reason" if reason is None else ("reason %d %s" % (reason, REASON_NAMES.get(reason, "")))
        number, cure = number.strip(), None
        if self.state == "await_request" and reason in _REFUSALS:
            what, cure = _REFUSALS[reason]
            what = what % {"name": self.settings.name}
        elif self.state == "await_request":
            what = "CAPF refused (%s)" % number
        elif self.state == "await_auth_request":
            what = "CAPF ended the session before authentication (%s)" % number
        elif self.stored:
            what = "CAPF ended the session with a failure although its certificate was stored here (%s)" % number
        else:
            what = "CAPF ended the session without a certificate (%s)" % number
        said = self._said(info)
        if said:
            what += "; its message: " + said
        return self._error(CapfRefused, what, cure, code=reason, capf_reason=reason)

    def _said(self, info: str) -> str:
        """Text of the server for a message; the authorization string in it is masked."""
        if self.settings.string:
            info = info.replace(self.settings.string, "***")
        return _printable(info)

    def _finish(self, reason: int | None, warning: str | None = None) -> None:
        self.state = "ended"
        self._tell("finished", reason=reason, stored=self.stored, warning=warning)

    def _tell(self, name: str, **values: Any) -> None:
        self._events.append(Event(name, values))


def _printable(text: str) -> str:
    return "".join(mark if mark.isprintable() else " " for mark in text[:200]).strip()
