# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The kind of a trace, and what logs of Cisco JTAPI and traces of Tftp, CAPF and CTI Manager show about a secure start.

Pure. The shapes of JTAPI, Tftp and CTI Manager are those of lines in public tech notes. How CAPF prints a refusal is not
publicly known: the end of a session is recognised by the names of CAPF's messages, which TVS prints in the same way. Other
lines about an error are quoted without a cause.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _capf, _cti_errors
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._tsptrace import (
    CUT,
    FOUND_IN,
    MOST_QUOTES,
    TIMED_LINE,
    TROUBLE,
    WRAP,
    mask,
)

if TYPE_CHECKING:
    from typing import Any, Collection, Iterable, Iterator, Sequence

TSP, JTAPI, CTI_MANAGER, TFTP, CAPF, SDL, SDI, OTHER, UNTIMED = (
    "tsp", "jtapi", "cti_manager", "tftp", "capf", "sdl", "sdi", "other", "untimed")
#: What a file is, for people.
WORDS = {
    TSP: "a TSP trace", JTAPI: "a log of Cisco JTAPI", CTI_MANAGER: "an SDL trace of CTI Manager",
    TFTP: "an SDL trace of Cisco Tftp", CAPF: "a trace of CAPF", SDL: "an SDL trace of another service of the cluster",
    SDI: "a trace of another service of the cluster",
    OTHER: "a log of another program: no line has the format of a TSP, JTAPI or the cluster",
    UNTIMED: "no trace: no line begins with a time",
}
#: Kinds that are read for events of providers, trust lists and certificates.
READ = (JTAPI, CTI_MANAGER, TFTP, CAPF)

SDL_LINE = re.compile(FOUND_IN + r"(\d{4,12})\.\d{3}\s*\|\s?(?:\d{4}/\d\d/\d\d )?(\d\d:\d\d:\d\d\.\d{3})\s*\|\s?([A-Za-z][\w-]{0,20})\s*\|+(.*)$")
# The name of the month is in the language of Java, and an application may write its own heading before it.
JTAPI_MARK = re.compile(r"%(?:JTAPI|CTI)[A-Z_-]{0,30}-\d-\w{1,30}:?")
JTAPI_HEADING = 200  # characters before it, at most
JTAPI_CLOCK = re.compile(r"\b(\d\d:\d\d:\d\d)[.,](\d{3})\b")
ANY_TIME = re.compile(r"^.{0,40}?\b\d\d:\d\d:\d\d\b")
DEBUG = re.compile(r"^(?:-->|<--)?\s*debug\b")
SAMPLE = 400  # timed lines that are read to recognise the kind of a file
LONGEST = 4000  # characters of one message

MARKS = (
    (CTI_MANAGER, ("CTIHandler", "CtiManager", "CTIManager", "[CTI-", "CTIDbAccess", "CtiProvider", "CTIDeviceRegManager")),
    (TFTP, ("TFTPEngine", "TFTPServer", "CReqContext", "ServeFile", "ServeDynamicFile", "ServeStaticFile", "TFTPCache", "HTTPConnection")),
    (CAPF, ("CAPF_", "CAPF CORE", "capf_", "CAPFSession")),
)


def kind_of(physical_lines: Iterable[str]) -> str:
    """The kind of the lines."""
    families = dict.fromkeys((TSP, JTAPI, SDL, SDI), 0)
    marks = dict.fromkeys((name for name, _words in MARKS), 0)
    timed = seen = 0
    for line in physical_lines:
        family, text = _family(line)
        if family:
            families[family] += 1
            seen += 1
            for name, words in MARKS:
                marks[name] += any(word in text for word in words)
        elif not timed:
            timed = 1 if ANY_TIME.match(line) else 0
        if seen >= SAMPLE:
            break
    if not seen:
        return OTHER if timed else UNTIMED
    family = max(families, key=families.__getitem__)
    if family in (TSP, JTAPI):
        return family
    service = max(marks, key=marks.__getitem__)
    return service if marks[service] else family


def _family(line: str) -> tuple[str, str]:
    match = TIMED_LINE.match(line)
    if match:
        text = match.group(5)
        # CUCM's services that write no SDL traces print each line from a function called debug.
        return (SDI if DEBUG.match(text.strip()) else TSP), text
    match = SDL_LINE.match(line)
    if match:
        return SDL, match.group(4)
    found = _of_jtapi(line)
    return (JTAPI, found[1]) if found else ("", "")


def _of_jtapi(line: str) -> tuple[str, str] | None:
    """C((clock, text)) of a line of JTAPI, or None."""
    mark = JTAPI_MARK.search(line, 0, JTAPI_HEADING) if "%" in line[:JTAPI_HEADING] else None
    clock = JTAPI_CLOCK.search(line, 0, mark.start()) if mark else None
    return ("%s.%s" % clock.groups(), line[mark.end():]) if mark and clock else None


def clock_of(line: str) -> str:
    """C(HH:MM:SS.mmm) of a line that begins a message, or empty."""
    match = TIMED_LINE.match(line)
    if match:
        return "%s:%s:%s.%s" % match.groups()[:4]
    match = SDL_LINE.match(line)
    if match:
        return match.group(2)
    found = _of_jtapi(line)
    return found[0] if found else ""


# Messages


class Message(NamedTuple):
    """One message: number of its first physical line, clock, its SDL record, text with WRAP where it continues."""

    number: int
    clock: str
    record: str
    text: str


def messages(physical_lines: Iterable[str], kind: str) -> Iterator[Message]:
    """Physical lines -> Message objects; lines before the first one are dropped."""
    pending: Message | None = None
    parts: list[str] = []
    size = 0
    for number, line in enumerate(physical_lines, 1):
        line = line.rstrip("\r\n")
        found = _begin(line, kind)
        if found is None:
            if pending is not None and line.strip() and size < LONGEST:
                parts.append(line.strip())
                size += len(line) + 1
            continue
        if pending is not None:
            yield pending._replace(text=_shortened(parts))
        clock, record, text = found
        pending, parts, size = Message(number, clock, record, ""), [text.strip()], len(text)
    if pending is not None:
        yield pending._replace(text=_shortened(parts))


def _begin(line: str, kind: str) -> tuple[str, str, str] | None:
    """C((clock, record, text)) of a line that begins a message, or None."""
    if kind == JTAPI:
        found = _of_jtapi(line)
        return (found[0], "", found[1]) if found else None
    match = SDL_LINE.match(line)
    if match:
        return match.group(2), match.group(1), match.group(4)
    match = TIMED_LINE.match(line)
    return ("%s:%s:%s.%s" % match.groups()[:4], "", match.group(5)) if match else None


def _shortened(parts: Sequence[str]) -> str:
    """The parts as one text. If it is too long, the end is cut off with the last word, which may be half a secret."""
    text = WRAP.join(parts)
    return text if len(text) <= LONGEST else text[:LONGEST].rsplit(None, 1)[0] + CUT


# Events

PROVIDER_REQUESTED, PROVIDER_OPENED, PROVIDER_REFUSED, PROVIDER_CLOSED, CTL_REQUESTED, CTL_REFUSED, CAPF_REFUSED, TROUBLED = (
    "provider_requested", "provider_opened", "provider_refused", "provider_closed", "ctl_requested", "ctl_refused", "capf_refused",
    "trouble")
BAD = (PROVIDER_REFUSED, PROVIDER_CLOSED, CTL_REFUSED, CAPF_REFUSED)
OF_PROVIDER = (PROVIDER_REQUESTED, PROVIDER_OPENED, PROVIDER_REFUSED, PROVIDER_CLOSED)
HARMLESS_CLOSE = (3,)  # the application asked for it

#: Texts of JTAPI's exceptions: (text, event, meaning, cure). Seen with Cisco's own library.
JTAPI_TEXTS = (
    ("Couldn't verify Signature", CTL_REFUSED, "the signature of the trust list is wrong",
     "Fetch the trust list again, and compare it with 'show ctl' on the publisher."),
    ("Couldn't get certificate which signed CTL file", CTL_REFUSED,
     "the trust list is signed with a certificate that neither it nor the stored trust list contains",
     "Compare the trust list with 'show ctl' on the publisher; only if it is the cluster's, remove JtapiServerKeyStore-* in the "
     "folder of certificates, so that JTAPI trusts it again."),
    ("CTL File size is zero", CTL_REFUSED, "the trust list is empty", "Check TFTP, and run 'show ctl' on the publisher."),
    ("keystore password was incorrect", PROVIDER_REFUSED, "the password of the key store is not CertStorePassphrase",
     "Give the password of the key store as CertStorePassphrase in the provider string."),
    ("password was incorrect", PROVIDER_REFUSED, "the key store was opened without its password or with a wrong one",
     "Add ;CertStorePassphrase=<password of the key store> to the provider string."),
    ("MAC calculation failed", PROVIDER_REFUSED, "the key store was opened without its password or with a wrong one",
     "Add ;CertStorePassphrase=<password of the key store> to the provider string."),
    ("malformed sequence", PROVIDER_REFUSED, "this JTAPI does not support the format of the key store",
     "JTAPI 15 reads BCFKS key stores, earlier versions PKCS#12 and JKS. Deliver the key store in the other format."),
    ("(No such file or directory)", PROVIDER_REFUSED, "a key store is not where JTAPI looks for it",
     "Compare the path in the message with the folder: CertPath must end in a slash, and the store is called "
     "JtapiClientKeyStore-<user>-<instance>."),
    ("bad login or password", PROVIDER_REFUSED, "user name or password is wrong", _cti_errors.ERRORS[0x8CCC0060][2]),
    ("user is not authorized", PROVIDER_REFUSED, "this user may not log in to CTI", _cti_errors.ERRORS[0x8CCC005F][2]),
    # Java's own texts, which follow those of JTAPI.
    ("Connection refused", PROVIDER_REFUSED, "no service listens on that port of the node",
     "Check that Cisco CTIManager is activated and runs there, and the port: 2749 with InstanceID, 2748 without."),
    ("UnknownHostException", PROVIDER_REFUSED, "the name of the node cannot be resolved on this host",
     "Check the spelling in the provider string and the name service of this host, or give the address."),
    ("timed out", PROVIDER_REFUSED, "the node does not answer",
     "Check that no firewall drops TCP 2749 between this host and the node, and that the node is up."),
    ("No route to host", PROVIDER_REFUSED, "there is no route to the node", "Check the address, the route and the firewall of this host."),
    ("PKIX path", PROVIDER_REFUSED, "this host does not know the certificate that CTI Manager presents",
     "The trust list in the folder of certificates is out of date or from another cluster: fetch it again. If it does not change, run "
     "'utils ctl update CTLFile' on the publisher and restart Cisco Tftp."),
    ("certificate_unknown", PROVIDER_REFUSED, "CTI Manager does not accept the certificate of the application",
     "Check that CAPF of this cluster issued it, and that no newer one was issued for the instance."),
    ("bad_certificate", PROVIDER_REFUSED, "CTI Manager does not accept the certificate of the application", "Enrol a new one."),
    ("certificate_expired", PROVIDER_REFUSED, "the certificate of the application has expired", "Enrol a new one, and compare the clocks."),
    ("unknown_ca", PROVIDER_REFUSED, "CTI Manager does not know the issuer of the application's certificate",
     "The CAPF certificate may have been regenerated: enrol a new certificate."),
    ("handshake_failure", PROVIDER_REFUSED, "there is no common TLS version and cipher suite, or a certificate is refused",
     "Compare the suites of this Java with those of the enterprise parameter TLS Ciphers, and enrol a new certificate if they match."),
    ("protocol_version", PROVIDER_REFUSED, "there is no common version of TLS",
     "Compare the versions that this Java allows with those that the cluster allows (show tls min-version)."),
    ("Socket is closed", PROVIDER_REFUSED, "the TLS connection was not established",
     "Check TCP 2749 from this host, and whether the trust list in the folder of certificates holds CTI Manager's certificate."),
    ("Socket closed", PROVIDER_REFUSED, "the TLS connection was not established",
     "Check TCP 2749 from this host, and whether the trust list in the folder of certificates holds CTI Manager's certificate."),
)
#: Messages without these words are skipped: traces of a cluster are long.
QUICK = {
    JTAPI: ("ProviderOpen", "ProviderClosedEvent", "Unable to create provider", "Certificate update failed", "CTL"),
    CTI_MANAGER: ("ProviderOpen", "ProviderClosed"),
    TFTP: (".tlv", "File Not Found - 404", "returning 503"),
    CAPF: (),
}


@dataclass
class Event:
    """One thing that the trace shows. address: the client's; code: as the trace names it, an integer or None; text: the message,
    without secrets."""

    event: str
    kind: str
    line: int
    clock: str
    text: str
    user: str = ""
    address: str = ""
    device: str = ""
    file: str = ""
    code: int | None = None
    devices: int | None = None
    meaning: str = ""
    cure: str = ""

    @property
    def bad(self) -> bool:
        return self.event in BAD and not (self.event == PROVIDER_CLOSED and self.code in HARMLESS_CLOSE)

    @property
    def told(self) -> str:
        """A sentence without its full stop."""
        who = " of user %s" % self.user if self.user else ""
        code = ""
        if self.code is not None and self.event in BAD:
            code = " with 0x%08X" % self.code if self.code > 0xFF else " with reason %d" % self.code
        end = "%s%s" % (code, ": %s" % self.meaning if self.meaning else "")
        if self.event == PROVIDER_OPENED:
            devices = "" if self.devices is None else ", with %d device%s" % (self.devices, "" if self.devices == 1 else "s")
            return "the provider%s opened%s" % (who, devices)
        if self.event == CTL_REQUESTED:
            return "%s requested the trust list %s" % (self.address or "a client", self.file)
        if self.event == CTL_REFUSED:
            return "the trust list%s was refused%s" % ("%s%s" % (
                " " + self.file if self.file else "", " to %s" % self.address if self.address else ""), end)
        if self.event == CAPF_REFUSED:
            return "CAPF refused%s%s" % (" %s" % self.device if self.device else "", end)
        words = {PROVIDER_REQUESTED: "was requested", PROVIDER_REFUSED: "was refused", PROVIDER_CLOSED: "was closed"}
        return "the provider%s %s%s" % (who, words[self.event], end) if self.event in words else "a line reports an error"


_FIELD = r"(?:^|\n)\W{0,4}%s\s*=\s*([^\n]{0,200})"
_FIELDS = dict((name, re.compile(_FIELD % name)) for name in (
    "reason", "failureDescription", "unicodedisplayName", "totalControllableDevices"))
_NUMBER = re.compile(r"-?\d{1,12}\Z")
_JTAPI_CAPF = re.compile(r"Certificate update failed, reason=\s?(-?\d{1,5})")
_OPEN_REQUEST = re.compile(r"\bProviderOpenRequest \(.{0,400}?\blogin=(\S*)")
_LOGIN_ID = re.compile(r"\bLoginId=(\S+)")
_PROVIDER_ID = re.compile(r"\bprovider id ?= ?(\d{1,12})")
_ERROR_CODE = re.compile(r"\berror code ?= ?(-?\d{1,12}|0x[0-9A-Fa-f]{1,8})\b")
_REASON_CODE = re.compile(r"\bReason code\.?[:=] ?(-?\d{1,12})")
_CLOSE_REASON = re.compile(r"\breason ?= ?(\d{1,5})\b")
_ADDRESS = re.compile(r"\bIPAddress: ?([0-9A-Fa-f.:]{3,45})")
_LOGIN_USER = re.compile(r"\bLogin ?User ?Id[:=] ?(\S+)")
_DEVICES = re.compile(r"\bTotalControllableDevices ?= ?(\d{1,9})")
_READ_REQUEST = re.compile(r"isReadRequest\[[^\]~]{0,40}~(?:\d+~)?([0-9A-Fa-f.:]{3,45})~\d+\], ?\[([^\]]{1,200})\]")
_NAK = re.compile(r"sendNAK\[[^\]~]{0,40}~(?:\d+~)?([0-9A-Fa-f.:]{3,45})~\d+\], ?File\[([^\]]{1,200})\], ?Error\((\d{1,3})\)")
_HTTP_FILE = re.compile(r"Filename is : ?(\S{1,200})")
_TRUST_LIST = re.compile(r"CTL[\w-]{0,100}\.tlv\Z", re.I)
_CAPF_DEVICE = re.compile(r"\bdebug\s+\d{1,6}:([A-Za-z0-9_.-]{1,150}):")
_CAPF_END = re.compile(r"\bMsgType\s*:\s*CAPF_MSG_END_SESSION")
_CAPF_REASON = re.compile(r"\bReason(?: Code)?\s*[:=]\s*(?:CAPF_(?:REASON_)?)?(\d{1,3}|[A-Z][A-Z_]{2,40})\b", re.I)
_CAPF_NUMBERS = dict((name, number) for number, name in _capf.REASON_NAMES.items())
NO_ANSWER = ("The log ends before an answer. If it continues in another file, give that file too. Otherwise, read the trace of CTI "
             "Manager for this time, and check the route to the node.")
CAPF_CURE = (
    "Check instance id, authorization string and status of the CAPF profile. An authorization string is valid for one certificate.")


class Reader:
    """Read messages of one kind, in order of time, into events. Only the newest MOST_QUOTES of each sort are kept."""

    def __init__(self, secrets: Collection[str] = ()) -> None:
        self._secrets = secrets
        self.events: list[Event] = []
        self._user = ""
        self._users: dict[str, str] = {}  # by record and by provider id
        self._file = ""
        self._device = ""
        self._ending = False

    def read(self, physical_lines: Iterable[str], kind: str) -> list[Event]:
        quick = QUICK[kind]
        read = {JTAPI: self._jtapi, CTI_MANAGER: self._cti_manager, TFTP: self._tftp, CAPF: self._capf}[kind]
        self._user, self._users, self._file, self._device, self._ending = "", {}, "", "", False
        for message in messages(physical_lines, kind):
            if not quick or any(word in message.text for word in quick):
                read(message)
        return self.events

    def _add(self, event: str, message: Message, kind: str, **more: Any) -> None:
        for name in ("user", "device", "file"):
            if name in more:
                more[name] = mask(more[name], self._secrets)
        made = Event(event, kind, message.number, message.clock, mask(message.text, self._secrets)[:LONGEST], **more)
        last = self.events[-1] if self.events else None
        if last and made.event == last.event == PROVIDER_REFUSED and made.code == last.code and made.clock[:8] == last.clock[:8]:
            # CTI Manager reports a refusal twice: as the answer, and as an alarm with the address.
            last.address, last.user = last.address or made.address, last.user or made.user
            return
        self.events.append(made)
        same = [one for one in self.events if one.event == event]
        if len(same) > MOST_QUOTES:
            self.events.remove(same[0])

    # JTAPI

    def _jtapi(self, message: Message) -> None:
        text = message.text
        if "sending: " in text and "ProviderOpenRequest {" in text:
            self._user = _value(text, "unicodedisplayName")
            self._add(PROVIDER_REQUESTED, message, JTAPI, user=self._user, cure=NO_ANSWER)
        elif "received Event: " in text and "ProviderOpenCompletedEvent {" in text:
            self._completed(message, _number(_value(text, "reason")), _number(_value(text, "totalControllableDevices")))
        elif "received Event: " in text and "ProviderClosedEvent {" in text:
            self._closed(message, _number(_value(text, "reason")), JTAPI)
        else:
            self._jtapi_exception(message)

    def _completed(self, message: Message, code: int | None, devices: int | None) -> None:
        if code is None:
            return
        if code:
            _hex, _name, meaning, cure = _cti_errors.describe(code)
            told = _value(message.text, "failureDescription").strip("* ")
            self._add(PROVIDER_REFUSED, message, JTAPI, user=self._user, code=_cti_errors.unsigned(code),
                      meaning=_meaning(meaning, mask(told, self._secrets)), cure=cure)
        else:
            self._add(PROVIDER_OPENED, message, JTAPI, user=self._user, devices=devices)

    def _jtapi_exception(self, message: Message) -> None:
        match = _JTAPI_CAPF.search(message.text)
        if match:
            self._of_capf(message, int(match.group(1)), JTAPI)
            return
        for words, event, meaning, cure in JTAPI_TEXTS:
            if words in message.text and (event == CTL_REFUSED or "Unable to create provider" in message.text):
                self._add(event, message, JTAPI, user=self._user if event == PROVIDER_REFUSED else "", meaning=meaning, cure=cure)
                return
        if "Unable to create provider" in message.text:
            self._add(PROVIDER_REFUSED, message, JTAPI, user=self._user, cure="Read the line: JTAPI gives no code.")

    # CTI Manager

    def _cti_manager(self, message: Message) -> None:
        text = message.text
        match = _LOGIN_ID.search(text)
        if match:
            self._remember(message.record, match.group(1))
        match = _OPEN_REQUEST.search(text)
        if match:
            self._user = match.group(1)
            self._add(PROVIDER_REQUESTED, message, CTI_MANAGER, user=self._user)
            return
        provider = _PROVIDER_ID.search(text)
        if "ProviderOpenResponse" in text and provider:
            self._remember(provider.group(1), self._users.get(message.record, self._user))
        elif "ProviderOpenCompletedEvent" in text:
            user = self._users.get(provider.group(1), "") if provider else self._user
            code = _ERROR_CODE.search(text)
            if code and int(code.group(1), 0):
                self._refused(message, int(code.group(1), 0), user)
            else:
                devices = _DEVICES.search(text)
                self._add(PROVIDER_OPENED, message, CTI_MANAGER, user=user, devices=int(devices.group(1)) if devices else None)
        elif "CtiProviderOpenFailure" in text:
            code, login = _REASON_CODE.search(text), _LOGIN_USER.search(text)
            if code:
                self._refused(message, int(code.group(1)), login.group(1) if login else "")
        elif "CTI ProviderClosedEvent" in text:
            code = _CLOSE_REASON.search(text)
            if code:
                self._closed(message, int(code.group(1)), CTI_MANAGER, self._users.get(provider.group(1), "") if provider else "")

    def _remember(self, key: str, user: str) -> None:
        if len(self._users) > 10000:
            self._users.clear()
        self._users[key] = user

    def _refused(self, message: Message, code: int, user: str) -> None:
        _hex, _name, meaning, cure = _cti_errors.describe(code)
        told = message.text.partition("description=")[2].partition(" enableIpv6=")[0] if "description=" in message.text else ""
        address = _ADDRESS.search(message.text)
        self._add(PROVIDER_REFUSED, message, CTI_MANAGER, user=user, code=_cti_errors.unsigned(code),
                  address=address.group(1) if address else "", meaning=_meaning(meaning, mask(told[:200], self._secrets)), cure=cure)

    def _closed(self, message: Message, reason: int | None, kind: str, user: str = "") -> None:
        last = self.events[-1] if self.events else None
        if reason is None or (reason == 4 and last and last.event == PROVIDER_REFUSED):
            return  # the end of a refusal
        _name, meaning, cure = _cti_errors.describe_close(reason)
        self._add(PROVIDER_CLOSED, message, kind, user=user or (self._user if kind == JTAPI else ""), code=reason, meaning=meaning, cure=cure)

    # Tftp

    def _tftp(self, message: Message) -> None:
        text = message.text
        match = _READ_REQUEST.search(text)
        if match and _TRUST_LIST.match(match.group(2)):
            self._add(CTL_REQUESTED, message, TFTP, address=match.group(1), file=match.group(2))
            return
        match = _NAK.search(text)
        if match and _TRUST_LIST.match(match.group(2)):
            self._no_list(message, match.group(2), match.group(1))
            return
        match = _HTTP_FILE.search(text)
        if match:
            self._file = match.group(1) if _TRUST_LIST.match(match.group(1)) else ""
            if self._file:
                self._add(CTL_REQUESTED, message, TFTP, file=self._file)
        elif "File Not Found - 404" in text and self._file:
            self._no_list(message, self._file, "")
            self._file = ""
        elif "returning 503" in text:
            self._add(CTL_REFUSED, message, TFTP, meaning="Cisco Tftp serves the maximum number of clients",
                      cure="Restart Cisco Tftp on that node, or raise its Maximum Serving Count.")

    def _no_list(self, message: Message, name: str, address: str) -> None:
        self._add(CTL_REFUSED, message, TFTP, file=name, address=address, meaning="this node has no such file", cure=(
            "Check 'show ctl' on the publisher; after 'utils ctl update CTLFile' restart Cisco Tftp on every node."))

    # CAPF

    def _capf(self, message: Message) -> None:
        text = message.text
        match = _CAPF_DEVICE.search(text)
        if match:
            self._device = match.group(1)
        if "MsgType" in text:
            self._ending = bool(_CAPF_END.search(text))
        match = _CAPF_REASON.search(text)
        if match and self._ending:
            self._ending = False
            word = match.group(1).upper()
            reason = int(word) if word.isdigit() else _CAPF_NUMBERS.get(word)
            if reason is None:
                self._add(CAPF_REFUSED, message, CAPF, device=self._device, meaning="reason %s" % word, cure=CAPF_CURE)
            elif reason not in (_capf.NO_ACTION, _capf.SUCCESS):
                self._of_capf(message, reason, CAPF)
        elif TROUBLE.search(text):
            self._add(TROUBLED, message, CAPF, device=self._device)

    def _of_capf(self, message: Message, reason: int, kind: str) -> None:
        if reason == _capf.NO_ACTION and kind == JTAPI:
            self._add(CAPF_REFUSED, message, kind, code=reason, meaning="the session broke off before CAPF ended it", cure=(
                "Check TCP 3804, the CAPF service, and whether the trust list holds the certificate that CAPF presents."))
            return
        meaning = {
            _capf.INVALID_ELEMENT: "the authorization string is wrong, expired or already used, or nothing is armed",
            _capf.UNKNOWN_DEVICE: "no CAPF profile has this name", _capf.WRONG_CERTIFICATE_TYPE: "the kind of certificate is wrong",
        }.get(reason, "a reason that is not in our table")
        self._add(CAPF_REFUSED, message, kind, device=self._device if kind == CAPF else "", code=reason, meaning=meaning, cure=CAPF_CURE)


def _value(text: str, name: str) -> str:
    match = _FIELDS[name].search(text)
    return match.group(1).strip(" *") if match else ""


def _number(text: str) -> int | None:
    return int(text) if _NUMBER.match(text) else None


def _meaning(meaning: str, told: str) -> str:
    told = told.strip().rstrip(".")
    return "%s (%s)" % (meaning, told) if told else meaning


# Summaries


def last_word(events: Sequence[Event]) -> Event | None:
    """The event that decides: the last of a provider, else the last bad one, else the last one, or None."""
    of_provider = [one for one in events if one.event in OF_PROVIDER]
    if of_provider and of_provider[-1].event == PROVIDER_REQUESTED and of_provider[-1].kind == JTAPI:
        return of_provider[-1]  # the newest start decides, although no answer follows; a CTI Manager has many clients at any time
    decisive = [one for one in of_provider if one.event != PROVIDER_REQUESTED]
    bad = [one for one in events if one.bad]
    deciding = decisive or bad or events
    return deciding[-1] if deciding else None


def result_of(event: Event, name: str) -> dict[str, Any]:
    return dict(
        event=event.event, kind=event.kind, path=name, line=event.line, clock=event.clock, user=event.user, address=event.address,
        device=event.device, file=event.file, code=event.code, devices=event.devices, bad=event.bad, told=event.told,
        cure=event.cure, text=event.text)
