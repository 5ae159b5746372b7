# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""CTIQBE, the protocol of CTI Manager (TCP 2748, and 2749 inside TLS): frames, messages, and the client of a provider.

Every number is a 32-bit little-endian word and every offset counts from the first octet of its frame. Layouts are those
of Cisco's JTAPI client libraries 11.5 to 15, whose bytes are in the test vectors; the Windows TSP was never observed. A
reader stops where the received fixed area ends, ignores what it does not know, and takes the element size of arrays
from the wire.
"""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING, Any, List, NamedTuple, Optional, TypedDict

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _cti_errors
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import (
    CtiRefused,
    DeadlineExceeded,
    ProtocolError,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._octets import Reader, Writer

if TYPE_CHECKING:
    from typing import Callable, Iterable, Iterator, Mapping, Sequence

MAGIC = 0xFFFFDDDD
VERSION = 0x00110000  # JTAPI 12.5 to 15
OLDER_VERSION = 0x00100000  # JTAPI 11.5
HEADER_SIZE = 32
PREFIX_SIZE = 8  # not counted by the length field
MAX_FRAME = 4 << 20
MAX_ELEMENTS = 10000

TO_SERVER, TO_CLIENT, BOTH = "client->server", "server->client", "both"

_STRUCTS = {
    "ProviderEventFilter": """bool deviceRegistered, bool deviceUnregistered, bool directoryChangeNotify,
        bool deviceConfigChangeNotify, bool deviceEMLoginStatusChangeNotify,
        bool deviceMultiMediaCapabilityChangedNotify""",
    "ProviderCapabilitiesInfo": """bool controlAnyDevice, i32 maxNumberOfDevicesOpen, bool monitorParkDN,
        bool modifyCallingParty, bool allowCallMonitoring, bool allowCallRecording, bool canSupportIPv6,
        i32 providerCapabilityMask, bool canAutoPickup""",
    "DeviceInfo": """str name, i32 type, bool allowsRegistration, i32 deviceID, i32 locale, i32 protocol,
        bool isRestricted, str altScript, str devTypeName, i32 dndOption, i32 rollOverMode, bool isBIBEnabled,
        i32 ipAddressingMode, i32 supportsFeature, bool isVisitingDevice""",
    "DeviceInfoStatic": """i32 deviceType, str deviceTypeName, i32 deviceId, i32 protocol,
        i32 specialDeviceCapabilities, bool visitingDevice""",
    "DeviceInfoDynamic": """i32 locale, str altScript, i32 DNDOption, i32 ConfiguredIpAddrMode, bool EMLoginAllowed,
        bool deviceRestricted, i32 outboundCallRollOverMode, bool BIBEnabled""",
    "DeviceMultiMediaCapability": "i32 videoCapability, i32 telepresenceInfo, i32 screenCount",
    "DeviceRegistrationInfo": """i32 mediaTermination, i32 activeIpAddrMode, i32 ipV4Addr, bytes ipV6Addr,
        ustr unicodeLoginUserID, i32 encodingType, i32 CtiControllable, i32 deviceUserPolicy, i32 deviceAppPolicy,
        i32 deviceMultiMediaCapabilityBitMask, DeviceMultiMediaCapability deviceMultiMediaCapability,
        i32 huntLogStatus""",
    "LineIntercomSpeedDialInfo": "str number, str label, ustr unicodeLabel",
    "LineInfo": """str name, str displayName, i32 permanentLineID, i32 maxNumberOfCalls, i32 lineInstance,
        i32 busyTrigger, ustr unicodeDisplayName, str partition, bool isRestricted, i32 autoAnswerStatus, i32 dnType,
        LineIntercomSpeedDialInfo defaultIntercomTargetInfo, i32 recordType, str asciiLabel, ustr unicodeLabel,
        str vmPilotDN, str pickupGroupNumber, str pickupGroupPartition""",
    "RemoteDestinationInfo": "ustr remoteDestinationName, str remoteDestinationNumber, bool isActiveRD",
}

_REQUEST = "i32 sequenceNumber"
_RESPONSE = "i32 sequenceNumber, i32 result"
_COMPLETED = "i32 requestId, i32 result"

_MESSAGES = (
    (0, "FailureResponse", TO_CLIENT, _RESPONSE + ", str description"),
    (3, "ProviderOpenRequest", TO_SERVER, _REQUEST + """, str provider, str qbeClientVersion, ustr login,
        bytes password, ProviderEventFilter filter, str applicationID, i32 desiredServerHeartbeatTime, i32 requestTimer,
        i32 cmAssignedApplicationID, str pluginName, i32 applicationPriority, bool lightWeightOpen, str ssoticket,
        i32 authenticationType, bool requestOldDeviceLineFetch, bytes encryptedKeyData,
        bytes encryptedSingleSignOnData"""),
    (4, "ProviderOpenResponse", TO_CLIENT, _RESPONSE + """, str providerInfoString, i32 clientHeartbeat,
        i32 serverHeartbeat, i32 requestTimer, str pluginVersion, str pluginLocation, i32 providerId,
        bool fipsCompliant"""),
    (9, "ProviderCloseRequest", TO_SERVER, _REQUEST),
    (10, "ProviderCloseResponse", TO_CLIENT, _RESPONSE),
    (13, "ProviderGetDeviceInfoRequest", TO_SERVER, _REQUEST + ", i32 deviceGroup"),
    (14, "ProviderGetDeviceInfoResponse", TO_CLIENT, _RESPONSE + ", i32 enumerationHandle"),
    (24, "DeviceGetLineInfoRequest", TO_SERVER, _REQUEST + ", str deviceName"),
    (25, "DeviceGetLineInfoResponse", TO_CLIENT, _RESPONSE + ", i32 enumerationHandle"),
    (94, "GetDeviceInfoFetchRequest", TO_SERVER, _REQUEST + ", i32 enumerationHandle, i32 count"),
    (95, "GetDeviceInfoFetchResponse", TO_CLIENT, _RESPONSE + """, DeviceInfo[] info, bool more,
        i32[] deviceControlFlagBitMask"""),
    (96, "GetDeviceInfoCloseRequest", TO_SERVER, _REQUEST + ", i32 enumerationHandle"),
    (97, "GetDeviceInfoCloseResponse", TO_CLIENT, _RESPONSE),
    (98, "GetLineInfoFetchRequest", TO_SERVER, _REQUEST + ", i32 enumerationHandle, i32 count"),
    (99, "GetLineInfoFetchResponse", TO_CLIENT, _RESPONSE + ", LineInfo[] info, bool more"),
    (100, "GetLineInfoCloseRequest", TO_SERVER, _REQUEST + ", i32 enumerationHandle"),
    (101, "GetLineInfoCloseResponse", TO_CLIENT, _RESPONSE),
    (120, "Heartbeat", BOTH, ""),
    (126, "ProviderOpenCompletedEvent", TO_CLIENT, """i32 reason, i32 sequenceNumber, str providerInfoString,
        i32 clientHeartbeat, i32 serverHeartbeat, str failureDescription, bool bMonitorCallParkDNs, i32 providerId,
        i32 precedenceValue, bool canSupportIPv6, ustr loginUserName, i32 daysUntilPasswordExpiry,
        i32 totalControllableDevices, str clusterID"""),
    (127, "ProviderGetCapabilitiesRequest", TO_SERVER, _REQUEST),
    (128, "ProviderGetCapabilitiesResponse", TO_CLIENT, _RESPONSE + """,
        ProviderCapabilitiesInfo providerCapabilitiesInfo"""),
    (130, "GetSingleDeviceInfoRequest", TO_SERVER, _REQUEST + ", str deviceName"),
    (131, "GetSingleDeviceInfoResponse", TO_CLIENT, _RESPONSE + ", DeviceInfo info, i32 deviceControlFlagBitMask"),
    (155, "ProviderClosedEvent", TO_CLIENT, "i32 reason"),
    (279, "DeviceLineInfoEvent", TO_CLIENT, """i32 requestId, str deviceName, i32 deviceRegistrationStatus,
        i32 controlModeBitMap, i32 eventContent, i32 eventStatusCode, DeviceInfoStatic deviceInfoStatic,
        DeviceInfoDynamic deviceInfoDynamic, DeviceRegistrationInfo deviceRegistrationInfo, LineInfo[] lineInfo,
        i32 totalLines, bool moreLines, RemoteDestinationInfo[] remoteDestinationsInfo"""),
    (282, "ProviderGetAllDevicesAndLinesRequest", TO_SERVER, _REQUEST),
    (283, "ProviderGetAllDevicesAndLinesResponse", TO_CLIENT, _RESPONSE),
    (284, "ProviderGetAllDevicesAndLinesCompletedEvent", TO_CLIENT, _COMPLETED),
    (285, "ProviderGetSingleDeviceAndLinesRequest", TO_SERVER, _REQUEST + ", str deviceName"),
    (286, "ProviderGetSingleDeviceAndLinesResponse", TO_CLIENT, _RESPONSE),
    (287, "ProviderGetSingleDeviceAndLinesCompletedEvent", TO_CLIENT, _COMPLETED),
    (310, "ProviderInitRequest", TO_SERVER, _REQUEST + """, str provider, str qbeClientVersion, str applicationID,
        str pluginName"""),
    (311, "ProviderInitResponse", TO_CLIENT, _RESPONSE + """, str providerInfo, str pluginVersion, str pluginLocation,
        i32 providerID, str nonce, bytes certificate"""),
)

#: Octets of each type in a fixed area.
_WIDTHS = {"i32": 4, "bool": 4, "str": 8, "bytes": 8, "ustr": 16, "i32[]": 16}
_DEFAULTS = {"i32": 0, "bool": False}


def _width(kind: str) -> int:
    return _WIDTHS.get(kind) or (16 if kind.endswith("[]") else 12)


def _fields(text: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, kind) for kind, name in map(str.split, text.split(","))) if text else ()


class Layout:
    """Fields in order as C((name, type)) and the octets of their fixed area; a struct has no id and no direction."""

    def __init__(self, name: str, fields: str, number: int = -1, direction: str = "") -> None:
        self.name = name
        self.id = number
        self.direction = direction
        self.fields = _fields(fields)
        self.fixed_size = sum(_width(kind) for _name, kind in self.fields)


STRUCTS = {name: Layout(name, fields) for name, fields in _STRUCTS.items()}
MESSAGES = {name: Layout(name, fields, number, direction) for number, name, direction, fields in _MESSAGES}
BY_ID = {layout.id: layout for layout in MESSAGES.values()}


class Message:
    """One decoded frame: C(name) (None for an id not in the table), C(id), C(version), C(values) by field name."""

    def __init__(self, number: int, name: str | None, values: dict[str, Any], version: int = VERSION) -> None:
        self.id = number
        self.name = name
        self.values = values
        self.version = version

    def __getitem__(self, field: str) -> Any:
        return self.values[field]

    def __repr__(self) -> str:
        # Values may hold an encrypted password and its key.
        return "Message(%s)" % (self.name or self.id)


# Writing


def encode(name: str, version: int = VERSION, **values: Any) -> bytes:
    """One frame. Absent fields are 0, False or null; a struct is a dict, an array a list.

    Raises FormatError for a number out of range, and KeyError for a field that the message does not have.
    """
    layout = MESSAGES[name]
    unknown = set(values) - set(field for field, _kind in layout.fields)
    if unknown:
        raise KeyError(sorted(unknown)[0])
    with_nul = layout.direction == TO_CLIENT
    fixed, variable = _encode_area(layout, values, HEADER_SIZE + layout.fixed_size, with_nul)
    return frame(layout.id, fixed, variable, version)


def frame(number: int, fixed: bytes = b"", variable: bytes = b"", version: int = VERSION) -> bytes:
    """The octets of a frame around two areas."""
    writer = Writer("little")
    writer.u32(HEADER_SIZE - PREFIX_SIZE + len(fixed) + len(variable)).u32(0).u32(MAGIC).u32(version).u32(number)
    writer.u32(HEADER_SIZE).u32(len(fixed)).u32(len(variable))
    return writer.put(fixed).put(variable).octets()


def _encode_area(layout: Layout, values: Mapping[str, Any], position: int, with_nul: bool) -> tuple[bytes, bytes]:
    """C((fixed area, variable area)); position: where the variable area starts in the frame."""
    fixed, variable = Writer("little"), bytearray()
    for name, kind in layout.fields:
        value = values.get(name, _DEFAULTS.get(kind))
        if kind == "i32":
            fixed.u32(value & 0xFFFFFFFF) if -1 << 31 <= value < 1 << 32 else fixed.i32(value)
        elif kind == "bool":
            fixed.i32(-1 if value else 0)
        else:
            at = position + len(variable)
            data, counts = _encode_reference(kind, value, at, with_nul)
            fixed.u32(at).u32(len(data))
            for count in counts:
                fixed.u32(count)
            variable += data
    return fixed.octets(), bytes(variable)


def _encode_reference(kind: str, value: Any, at: int, with_nul: bool) -> tuple[bytes, tuple[int, ...]]:
    """C((octets, the words after offset and size)) of a value that lies in the variable area."""
    if kind == "bytes":
        return value or b"", ()
    if kind == "str":
        return (b"" if value is None else value.encode("latin-1", "replace") + b"\0"), ()
    if kind == "ustr":
        if value is None:
            return b"", (0, 0)
        data = (value + "\0" if with_nul else value).encode("utf-16-le", "replace")
        return data, (len(data) // 2, 2)
    if kind == "i32[]":
        data = b"".join(Writer("little").i32(number).octets() for number in value or ())
        return data, (len(value or ()), 0 if value is None else 4)
    if kind.endswith("[]"):
        struct = STRUCTS[kind[:-2]]
        return _encode_array(struct, value, at, with_nul), (len(value or ()), 0 if value is None else struct.fixed_size)
    if value is None:
        return b"", (0,)
    struct = STRUCTS[kind]
    fixed, variable = _encode_area(struct, value, at + struct.fixed_size, with_nul)
    return fixed + variable, (struct.fixed_size,)


def _encode_array(struct: Layout, elements: Sequence[Mapping[str, Any]] | None, at: int, with_nul: bool) -> bytes:
    position = at + struct.fixed_size * len(elements or ())
    fixed_areas, variable_areas = bytearray(), bytearray()
    for element in elements or ():
        fixed, variable = _encode_area(struct, element, position + len(variable_areas), with_nul)
        fixed_areas += fixed
        variable_areas += variable
    return bytes(fixed_areas + variable_areas)


# Reading


class _Decoder:
    """Values of one frame. References may lie anywhere in it; together they are at most twice as large as the frame."""

    def __init__(self, octets: bytes) -> None:
        self._whole = Reader(octets, "little", "CTIQBE frame")
        self._budget = 2 * len(octets)

    def header(self) -> tuple[int, int, Reader]:
        reader = self._whole
        length, _reserved, magic, version = reader.u32(), reader.u32(), reader.u32(), reader.u32()
        number, header, fixed, variable = reader.u32(), reader.u32(), reader.u32(), reader.u32()
        if magic != MAGIC:
            raise reader.fail("no CTIQBE magic", 8)
        if header < HEADER_SIZE:
            raise reader.fail("a header of %d octets" % header, 20)
        if not header + fixed + variable == length + PREFIX_SIZE == reader.end:
            raise reader.fail("sizes that contradict each other", 0)
        return number, version, self._whole.at(header, fixed)

    def area(self, layout: Layout, reader: Reader) -> dict[str, Any]:
        """Fields as far as the received area reaches; defaults for the rest."""
        values: dict[str, Any] = {}
        for name, kind in layout.fields:
            if reader.remaining < _width(kind):
                reader.take(reader.remaining)
                values[name] = _DEFAULTS.get(kind)
            elif kind == "i32":
                values[name] = reader.i32()
            elif kind == "bool":
                values[name] = self._boolean(reader)
            else:
                values[name] = self._reference(kind, reader)
        return values

    @staticmethod
    def _boolean(reader: Reader) -> bool:
        value = reader.i32()
        if value not in (-1, 0, 1):
            raise reader.fail("%d for a boolean" % value, reader.position - 4)
        return value != 0

    def _part(self, offset: int, size: int) -> Reader:
        self._budget -= size
        if self._budget < 0:
            raise self._whole.fail("references that overlap", offset)
        return self._whole.at(offset, size)

    def _reference(self, kind: str, reader: Reader) -> Any:
        offset, size = reader.u32(), reader.u32()
        if kind in ("str", "bytes"):
            data = self._part(offset, size).rest() if size else None
            return data if kind == "bytes" or data is None else data.rstrip(b"\0").decode("latin-1")
        if kind == "ustr":
            _count, element = reader.u32(), reader.u32()
            if not size:
                return "" if element else None
            return self._part(offset, size).rest().decode("utf-16-le", "replace").rstrip("\0")
        if kind.endswith("[]"):
            return self._array(kind[:-2], offset, size, reader.u32(), reader.u32())
        return self._struct(STRUCTS[kind], offset, size, reader.u32())

    def _struct(self, struct: Layout, offset: int, size: int, fixed: int) -> dict[str, Any] | None:
        if not size:
            return None
        if fixed > size:
            raise self._whole.fail("a structure larger than its octets", offset)
        self._whole.at(offset, size)
        return self.area(struct, self._part(offset, fixed))

    def _array(self, kind: str, offset: int, size: int, count: int, element: int) -> list[Any] | None:
        if not count:
            return [] if element else None
        if count > MAX_ELEMENTS or element < 4 or count * element > size:
            raise self._whole.fail("%d elements of %d octets in %d" % (count, element, size), offset)
        self._whole.at(offset, size)
        parts = [self._part(offset + index * element, element) for index in range(count)]
        return [part.i32() if kind == "i32" else self.area(STRUCTS[kind], part) for part in parts]


def decode(octets: bytes) -> Message:
    """The Message of one complete frame. Raises FormatError and nothing else, whatever the octets."""
    decoder = _Decoder(octets)
    number, version, fixed = decoder.header()
    layout = BY_ID.get(number)
    if layout is None:
        return Message(number, None, {}, version)
    return Message(number, layout.name, decoder.area(layout, fixed), version)


class FrameReader:
    """Cut a stream into frames, however it is split. No memory is allocated for a length that was only announced."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def pending(self) -> int:
        """Octets of an unfinished frame."""
        return len(self._buffer)

    def feed(self, octets: bytes) -> None:
        self._buffer += octets

    def frames(self) -> Iterator[bytes]:
        """The frames complete so far. Raises FormatError as soon as an impossible length or a wrong magic is seen."""
        while True:
            size = self._size()
            if size is None or len(self._buffer) < size:
                return
            octets = bytes(self._buffer[:size])
            del self._buffer[:size]
            yield octets

    def _size(self) -> int | None:
        if len(self._buffer) < 4:
            return None
        reader = Reader(bytes(self._buffer[:12]), "little", "CTIQBE stream")
        size = reader.u32() + PREFIX_SIZE
        if not HEADER_SIZE <= size <= MAX_FRAME:
            raise reader.fail("a frame of %d octets" % size, 0)
        if reader.end == 12 and int.from_bytes(reader.octets[8:12], "little") != MAGIC:
            raise reader.fail("no CTIQBE magic", 8)
        return size


# The client side of one provider

class Event(NamedTuple):
    name: str
    values: dict[str, Any]


class Settings(NamedTuple):
    host: str
    login: str
    application: str
    heartbeat: int
    version: int


class Line(TypedDict):
    number: str
    partition: str
    restricted: Optional[bool]
    display_name: str


class Device(TypedDict):
    """A value that the server did not send is None, such as C(registered) in a stepwise list."""

    name: str
    type: Optional[int]
    type_name: str
    protocol: Optional[str]
    registered: Optional[bool]
    restricted: Optional[bool]
    status_code: int
    lines: List[Line]


CLIENT_VERSION = "voiceops.secure_tsp"
PLUGIN = "CiscoJTAPI"
CONTROLLED_DEVICES = 1
FETCH_COUNT = 50
PROTOCOLS = {0: "none", 1: "SCCP", 2: "SIP", 3: "CTI remote device"}
REGISTERED = {1: True, 2: False}
MORE_LINES = 8
NO_MORE_DEVICES = 0x8CCC0012
COMPROMISED = 0x8CCC00D9
CLOSE_COMPROMISED = 9
MAX_NONCE = 64
MAX_DEVICES = 100000
MAX_LINES = 200000
MAX_LIST = 256 << 20  # octets of one list; a device with one line takes about 800

#: (state, message) -> method; anything else is skipped, as Cisco's own client does.
_STEPS: dict[tuple[str, str | None], str] = {
    ("init", "ProviderInitResponse"): "_initialised",
    ("opening", "ProviderOpenResponse"): "_accepted",
    ("opening", "ProviderOpenCompletedEvent"): "_completed",
    ("listing", "DeviceLineInfoEvent"): "_device_event",
    ("listing", "ProviderGetAllDevicesAndLinesCompletedEvent"): "_all_listed",
    ("listing", "ProviderGetDeviceInfoResponse"): "_devices_begun",
    ("listing", "GetDeviceInfoFetchResponse"): "_devices_fetched",
    ("listing", "GetDeviceInfoCloseResponse"): "_next_device",
    ("listing", "DeviceGetLineInfoResponse"): "_lines_begun",
    ("listing", "GetLineInfoFetchResponse"): "_lines_fetched",
    ("listing", "GetLineInfoCloseResponse"): "_next_device",
    ("closing", "ProviderCloseResponse"): "_closed",
}
_STAGES = {"init": "init", "opening": "open", "open": "open", "listing": "list", "closing": "close", "closed": "close"}


class Provider:
    """The client of one provider: open it, keep it alive, list devices and lines, close it. No I/O, no clock.

    The driver hands in received octets and the time (in seconds that only increase), sends what C(output()) returns,
    and calls again at C(wake_at()) at the latest. States: new, init, opening, open, listing, closing, closed.

    settings: Settings; C(host) as the user gave it, C(heartbeat) in seconds as requested from the server.
    seal: C(seal(nonce, certificate)) gives C((password field, key blob)); called once, when the server has sent both.
    where: host and port for messages.

    All methods raise CtiRefused when the server refuses; C(code) is the unsigned CTI code, or None where the server
    closed the provider for C(cti_close_reason). ProtocolError and FormatError mean that the server broke the
    protocol, DeadlineExceeded that it stopped answering. Do not log in again after any of them.
    """

    def __init__(self, settings: Settings, seal: Callable[[str, bytes], tuple[bytes, bytes]], where: str = "") -> None:
        self.settings = settings
        self.state = "new"
        self.login_sent = False
        self.devices: list[Device] = []
        self.enumeration: str | None = None  # all (one request) or stepwise
        self._seal = seal
        self._where = where
        self._reader = FrameReader()
        self._output = bytearray()
        self._outstanding: dict[int, str] = {}
        self._next_sequence = 0
        self._client_heartbeat = self._server_heartbeat = 0
        self._last_sent = self._last_received = 0.0
        self._by_name: dict[str, Device] = collections.OrderedDict()
        self._without_lines: collections.deque[str] = collections.deque()
        self._list_request: int | None = None
        self._handle: int | None = None
        self._current: Device  # of a list step by step
        self._last_device_event: dict[str, Any] | None = None
        self._list_octets = self._line_count = 0
        self._now = 0.0
        self._events: list[Event] = []

    @property
    def stage(self) -> str:
        """init, open, list or close."""
        return _STAGES.get(self.state, "init")

    # what the driver calls

    def start(self, now: float) -> None:
        self._now = self._last_received = now
        self.state = "init"
        self._request("ProviderInitRequest", provider=self.settings.host, qbeClientVersion=CLIENT_VERSION,
                      applicationID=self.settings.application, pluginName=PLUGIN)

    def list_devices(self, now: float) -> None:
        """Ask for all devices and lines; the event C(listed) means that C(devices) is complete."""
        self._now = now
        self.state = "listing"
        self.enumeration = "all"
        self._list_request = self._request("ProviderGetAllDevicesAndLinesRequest")

    def close(self, now: float) -> None:
        self._now = now
        self.state = "closing"
        self._request("ProviderCloseRequest")

    def output(self) -> bytes:
        """Octets to send now; they count as sent."""
        octets = bytes(self._output)
        self._output.clear()
        return octets

    def receive(self, octets: bytes, now: float) -> list[Event]:
        """Events of what has arrived: C(initialised), C(accepted), C(opened), C(listed), C(closed), in order."""
        self._now = self._last_received = now
        self._events = []
        if self.state == "listing":
            self._list_octets += len(octets)
            self._limit(self._list_octets, MAX_LIST, "octets")
        self._reader.feed(octets)
        for complete in self._reader.frames():
            self._take(decode(complete))
        return self._events

    def ended(self) -> None:
        """The server closed the stream. Raises ProtocolError unless the provider was closed before."""
        if self.state == "closed":
            return
        where_in = "in the middle of a message" if self._reader.pending else "without an answer"
        raise ProtocolError("CTI Manager closed the connection %s" % where_in, where=self._where, stage=self.stage,
                            cure="Check the service Cisco CTIManager on this node, and its trace for this time.")

    def wake_at(self) -> float | None:
        """The time at which C(elapsed) has something to do, or None."""
        moments = []
        if self._client_heartbeat > 0:
            moments.append(self._last_sent + self._client_heartbeat)
        if self._server_heartbeat > 0:
            moments.append(self._last_received + self.patience)
        return min(moments) if moments and self.state != "closed" else None

    @property
    def patience(self) -> float:
        """Seconds of silence after which the server counts as dead, as in Cisco's JTAPI."""
        return min(max(2.02 * self._server_heartbeat, 10), 500)

    def elapsed(self, now: float) -> None:
        """Time has passed: queue a heartbeat when one is due. Raises DeadlineExceeded when the server is dead."""
        self._now = now
        if self._server_heartbeat > 0 and now - self._last_received >= self.patience:
            raise DeadlineExceeded(
                "CTI Manager sent nothing for %d seconds although it promised a heartbeat every %d"
                % (now - self._last_received, self._server_heartbeat), where=self._where, stage=self.stage,
                cure="Check the network between this host and the node, and the load of CTI Manager.")
        if self._client_heartbeat > 0 and now - self._last_sent >= self._client_heartbeat:
            self._send("Heartbeat")

    # sending

    def _send(self, name: str, **values: Any) -> None:
        self._output += encode(name, self.settings.version, **values)
        self._last_sent = self._now

    def _request(self, name: str, **values: Any) -> int:
        sequence = self._next_sequence
        self._next_sequence += 1
        self._outstanding[sequence] = name
        self._send(name, sequenceNumber=sequence, **values)
        return sequence

    def _tell(self, name: str, **values: Any) -> None:
        self._events.append(Event(name, values))

    # receiving

    def _take(self, message: Message) -> None:
        name = message.name
        if self.state == "closed" or name is None or name == "Heartbeat":
            return
        layout = MESSAGES[name]
        if layout.direction == TO_SERVER:
            raise ProtocolError("the peer sent a %s, which only clients send" % name, where=self._where,
                                stage=self.stage, cure="Check that host and port are those of a CTI Manager.")
        if name == "ProviderClosedEvent":
            self._provider_closed(message["reason"])
        elif name == "FailureResponse":
            self._failed(message)
        elif "result" in message.values and "sequenceNumber" in message.values:
            self._answered(message)
        else:
            self._step(message)

    def _step(self, message: Message) -> None:
        method = _STEPS.get((self.state, message.name))
        if method:
            getattr(self, method)(message)

    def _answered(self, message: Message) -> None:
        """A response counts only where its request is outstanding, so a second copy changes nothing."""
        request = self._outstanding.get(message["sequenceNumber"])
        if request is None or MESSAGES[request].id + 1 != message.id:
            return
        del self._outstanding[message["sequenceNumber"]]
        if message["result"] == 0:
            self._step(message)
        else:
            self._refused(request, message["result"], "")

    def _failed(self, message: Message) -> None:
        if not self._outstanding:
            return
        sequence = message["sequenceNumber"]
        if sequence not in self._outstanding:
            sequence = max(self._outstanding)
        self._refused(self._outstanding.pop(sequence), message["result"], message["description"])

    def _refused(self, request: str, code: int, description: str | None) -> None:
        code = _cti_errors.unsigned(code)
        if self.state == "closing" and request != "ProviderCloseRequest":
            return
        if request == "ProviderGetAllDevicesAndLinesRequest" and code in _cti_errors.NOT_KNOWN_TO_SERVER:
            self.enumeration = "stepwise"
            self._list_request = None
            self._by_name.clear()
            self._request("ProviderGetDeviceInfoRequest", deviceGroup=CONTROLLED_DEVICES)
        elif request in ("ProviderGetDeviceInfoRequest", "GetDeviceInfoFetchRequest") and code == NO_MORE_DEVICES:
            self._next_device(None)
        elif request in ("DeviceGetLineInfoRequest", "GetLineInfoFetchRequest"):
            self._current["status_code"] = code
            self._next_device(None)
        else:
            raise self._refusal("CTI Manager refused %s" % _TITLES.get(request, request), code, description)

    def _refusal(self, what: str, code: int, description: str | None) -> CtiRefused:
        code = _cti_errors.unsigned(code)
        text, name, meaning, cure = _cti_errors.describe(code)
        said = _printable(description)
        return CtiRefused(
            "%s: %s (%s %s)%s" % (what, meaning, text, name, "; its message: %s" % said if said else ""), where=self._where,
            cure=cure, code=code, cti_code=text, cti_name=name, cti_close_reason=None, stage=self.stage,
            compromised=code == COMPROMISED)

    def _provider_closed(self, reason: int) -> None:
        if self.state == "closing":
            self._closed(None)
            return
        name, meaning, cure = _cti_errors.describe_close(reason)
        raise CtiRefused(
            "CTI Manager closed the provider: %s (close reason %d, %s)" % (meaning, reason, name), where=self._where,
            cure=cure, code=None, cti_code=None, cti_name=None, cti_close_reason=reason, stage=self.stage,
            compromised=reason == CLOSE_COMPROMISED)

    # opening

    def _initialised(self, message: Message) -> None:
        nonce, certificate = message["nonce"], message["certificate"]
        if not nonce or not certificate or len(nonce) > MAX_NONCE or any(not 32 <= ord(mark) < 127 for mark in nonce):
            raise ProtocolError("CTI Manager sent no usable nonce and certificate to protect the password with",
                                where=self._where, stage="init", cure="Releases before 11.5 are not supported.")
        password, key = self._seal(nonce, certificate)
        self._tell("initialised", version=message["providerInfo"])
        self.state = "opening"
        self.login_sent = True
        self._request(
            "ProviderOpenRequest", provider=self.settings.host, qbeClientVersion=CLIENT_VERSION,
            login=self.settings.login, password=password,
            filter=dict.fromkeys((field for field, _kind in STRUCTS["ProviderEventFilter"].fields), True),
            applicationID=self.settings.application, desiredServerHeartbeatTime=self.settings.heartbeat,
            pluginName=PLUGIN, applicationPriority=2, encryptedKeyData=key)

    def _accepted(self, message: Message) -> None:
        """Not success yet: the server checks the login now."""
        self._bind_heartbeats(message)
        self._tell("accepted")

    def _bind_heartbeats(self, message: Message) -> None:
        self._client_heartbeat, self._server_heartbeat = message["clientHeartbeat"], message["serverHeartbeat"]

    def _completed(self, message: Message) -> None:
        """The open is decided here; this event may overtake the ProviderOpenResponse."""
        if message["reason"]:
            raise self._refusal("CTI Manager refused to open the provider", message["reason"],
                                message["failureDescription"])
        self._bind_heartbeats(message)
        self.state = "open"
        number = message["providerId"] & 0xFFFFFFFF
        days = message["daysUntilPasswordExpiry"]
        self._tell(
            "opened", provider_id=number, node=number >> 24, connection=number & 0xFFFFFF,
            version=message["providerInfoString"] or "", cluster_id=message["clusterID"] or "",
            user=message["loginUserName"] or "", controllable_devices=message["totalControllableDevices"],
            password_days=None if days < 0 else days, client_heartbeat=message["clientHeartbeat"],
            server_heartbeat=message["serverHeartbeat"])

    # devices and lines in one request

    def _device_event(self, message: Message) -> None:
        if message["requestId"] != self._list_request or message.values == self._last_device_event:
            return  # a second copy adds no lines
        self._last_device_event = message.values
        name = message["deviceName"] or ""
        device = self._by_name.get(name)
        if device is None or message["eventContent"] != MORE_LINES:
            self._add_device(name, self._device(message))
        self._add_lines(name, message["lineInfo"])

    def _add_device(self, name: str, device: Device) -> None:
        self._by_name[name] = device
        self._limit(len(self._by_name), MAX_DEVICES, "devices")

    def _add_lines(self, name: str, lines: Iterable[Mapping[str, Any]] | None) -> None:
        found = [_line(line) for line in lines or ()]
        self._line_count += len(found)
        self._limit(self._line_count, MAX_LINES, "lines")
        self._by_name[name]["lines"] += found

    def _limit(self, count: int, limit: int, things: str) -> None:
        """Raise ProtocolError for a list that may never end: what was listed is kept in memory."""
        if count > limit:
            raise ProtocolError("CTI Manager listed more than %d %s" % (limit, things), where=self._where, stage="list")

    @staticmethod
    def _device(message: Message) -> Device:
        static = message["deviceInfoStatic"] or {}
        dynamic = message["deviceInfoDynamic"] or {}
        return {
            "name": message["deviceName"] or "", "type": static.get("deviceType"),
            "type_name": static.get("deviceTypeName") or "", "protocol": _protocol(static.get("protocol")),
            "registered": REGISTERED.get(message["deviceRegistrationStatus"]),
            "restricted": dynamic.get("deviceRestricted"),
            "status_code": _cti_errors.unsigned(message["eventStatusCode"]), "lines": [],
        }

    def _all_listed(self, message: Message) -> None:
        if message["requestId"] != self._list_request:
            return
        if message["result"]:
            raise self._refusal("CTI Manager did not finish the list of devices", message["result"], "")
        self._listed()

    def _listed(self) -> None:
        self.devices = list(self._by_name.values())
        self._list_request = None
        self.state = "open"
        self._tell("listed")

    # the older enumeration, step by step

    def _devices_begun(self, message: Message) -> None:
        self._handle = message["enumerationHandle"]
        self._request("GetDeviceInfoFetchRequest", enumerationHandle=self._handle, count=FETCH_COUNT)

    def _devices_fetched(self, message: Message) -> None:
        for info in message["info"] or ():
            name = info["name"] or ""
            if name not in self._by_name:
                self._without_lines.append(name)
            self._add_device(name, {
                "name": name, "type": info["type"], "type_name": info["devTypeName"] or "",
                "protocol": _protocol(info["protocol"]), "registered": None, "restricted": info["isRestricted"],
                "status_code": 0, "lines": [],
            })
        self._fetch_on(message, "GetDeviceInfo")

    def _fetch_on(self, message: Message, kind: str) -> None:
        if message["more"] and not message["info"]:
            raise ProtocolError("CTI Manager announced more entries but sent none", where=self._where, stage="list")
        if message["more"]:
            self._request(kind + "FetchRequest", enumerationHandle=self._handle, count=FETCH_COUNT)
        else:
            self._request(kind + "CloseRequest", enumerationHandle=self._handle)

    def _next_device(self, _message: Message | None) -> None:
        if not self._without_lines:
            self._listed()
            return
        self._request("DeviceGetLineInfoRequest", deviceName=self._without_lines[0])
        self._current = self._by_name[self._without_lines.popleft()]

    def _lines_begun(self, message: Message) -> None:
        self._handle = message["enumerationHandle"]
        self._request("GetLineInfoFetchRequest", enumerationHandle=self._handle, count=FETCH_COUNT)

    def _lines_fetched(self, message: Message) -> None:
        self._add_lines(self._current["name"], message["info"])
        self._fetch_on(message, "GetLineInfo")

    # closing

    def _closed(self, _message: Message | None) -> None:
        self.state = "closed"
        self._tell("closed")


_TITLES = {
    "ProviderInitRequest": "the connection",
    "ProviderOpenRequest": "to open the provider",
    "ProviderGetAllDevicesAndLinesRequest": "to list devices and lines",
    "ProviderGetDeviceInfoRequest": "to list devices",
    "ProviderCloseRequest": "to close the provider",
}


def _protocol(number: int | None) -> str | None:
    return None if number is None else PROTOCOLS.get(number, str(number))


def _line(info: Mapping[str, Any]) -> Line:
    return {
        "number": info["name"] or "", "partition": info["partition"] or "", "restricted": info["isRestricted"],
        "display_name": _printable(info["unicodeDisplayName"] or info["displayName"]),
    }


def _printable(text: str | None) -> str:
    return "".join(mark if mark.isprintable() else " " for mark in (text or "")[:200]).strip()
