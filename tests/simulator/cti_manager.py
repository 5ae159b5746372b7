# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CTI Manager: CTIQBE over TCP (2748) and over TLS with a client certificate of CAPF (2749).

It answers as the published protocol facts say, with frames that Cisco's JTAPI clients accept. It shares the
collection's frame codec, so it proves behaviour; bytes are proven by tests/vectors.
"""

from __future__ import annotations

import contextlib
import secrets
import select
import socket
import ssl
import time
import uuid

from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _ctiqbe
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import FormatError
from simulator import cluster as rules
from simulator.connections import GARBAGE, TICK, ConnectionServer, Ended, finish, receive, server_context

FRONT = "cti"
INCOMPATIBLE_PROTOCOL_VERSION = 0x8CCC0050
UNRECOGNIZABLE_PDU = 0x8CCC0051
ILLEGAL_MESSAGE_FORMAT = 0x8CCC0052
INVALID_FILTER_SIZE = 0x8CCC0057
PROVIDER_NOT_OPEN = 0x8CCC0061
PROVIDER_ALREADY_OPEN = 0x8CCC0062
NOT_INITIALIZED = 0x8CCC0063
ILLEGAL_HANDLE = 0x8CCC0004
INVALID_DEVICE_NAME = 0x8CCC0022

CLOSE_HEARTBEAT, CLOSE_REQUESTED, CLOSE_OPEN_FAILURE = 1, 3, 4

# What the suites of CUCM and of its old clients have in common with each other.
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:AES128-SHA:AES256-SHA:@SECLEVEL=0"
NONCE_SIZE = 36


class CtiManager(ConnectionServer):
    """One port. C(tls): 2749's rules instead of 2748's.

    Switches: C(heartbeat) (client, server) in seconds, else what the client asks for; C(nonce) a fixed one;
    C(versions) accepted in headers;
    C(lines_per_event) and C(fetch_limit) how much one message carries; C(tls_versions) (lowest, highest); C(ciphers);
    C(identity) another TLS certificate (pki.Identity); C(twin) one with another kind of key beside it;
    C(asks) (for a client certificate); C(password_certificate)
    (DER) sent to protect the password with.
    Faults of front C(cti), by the name of the message about to be sent: C(delay) (seconds), C(silence), C(cut) (octets
    sent before), C(garbage), C(duplicate), C(split) (size), C(coalesce) and C(swap) (sent with, or after, the next),
    C(failure) (code) and C(result) (code) in its place, C(unknown) (an unknown id first), C(close) (reason: 155 in its
    place), C(replace) (hex); operation C(accept) as in ConnectionServer.
    """

    front = FRONT

    def __init__(self, cluster, faults, host="127.0.0.1", port=0, tls=False):
        super().__init__(cluster, faults, host, port)
        self.tls = tls
        self.heartbeat = None
        self.nonce = None
        self.versions = (_ctiqbe.VERSION, _ctiqbe.OLDER_VERSION)
        self.lines_per_event = 5
        self.fetch_limit = 20
        self.tls_versions = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.MAXIMUM_SUPPORTED)
        self.ciphers = CIPHERS
        self.identity = None
        self.twin = None
        self.asks = True
        self.password_certificate = None

    def talk(self, connected, client, number):
        secured = self.secure(connected, self._context()) if self.tls else connected
        if secured is not None:
            with secured:
                _Session(self, secured, client, number).run()

    def _context(self):
        """Made anew for each connection, because certificates may be regenerated at any time."""
        identity = self.identity or self.cluster.certificates.callmanager
        context = server_context(identity, self.tls_versions, self.ciphers, self.twin)
        if not self.asks:
            return context
        for authority in self.cluster.certificates.capf_trust:
            context.load_verify_locations(cadata=authority)
        context.verify_mode = ssl.CERT_REQUIRED
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        return context


class _Session:
    """One connection: reads frames, answers by state, keeps heartbeats. Only its own thread touches the socket."""

    def __init__(self, manager, connected, client, number):
        self._manager = manager
        self._cluster = manager.cluster
        self._socket = connected
        self._client = client
        self._number = number
        self._version = _ctiqbe.VERSION
        self._state = "connected"
        self._nonce = manager.nonce or str(uuid.uuid4())
        self._user = None
        self._provider = None
        self._drop_reason = None
        self._held = []
        self._handles = {}
        self._client_heartbeat = self._server_heartbeat = 0
        self._sent = self._received = time.monotonic()
        self._waker, self._wake = socket.socketpair()

    def run(self):
        reader = _ctiqbe.FrameReader()
        try:
            while True:
                reader.feed(self._next_octets())
                for octets in reader.frames():
                    self._take(octets)
        except FormatError:
            with contextlib.suppress(OSError, Ended):
                self._send("FailureResponse", result=ILLEGAL_MESSAGE_FORMAT, description="illegal message")
            self._finish()
        except Ended:
            self._finish()
        except OSError:
            pass
        finally:
            self._release_provider()
            self._waker.close()
            self._wake.close()

    def drop(self, reason):
        """Called by the cluster, from any thread: close this provider with a 155 of that reason."""
        self._drop_reason = reason
        with contextlib.suppress(OSError):
            self._waker.send(b"!")

    def _release_provider(self):
        """Before the client can know that its provider is closed: it may come back at once."""
        if self._provider is not None:
            self._cluster.close_provider(self._provider)
            self._provider = None

    def _finish(self):
        self._release_provider()
        finish(self._socket)

    # waiting

    def _next_octets(self):
        while True:
            if self._manager.stopping:
                raise Ended
            if self._drop_reason is not None:
                self._send("ProviderClosedEvent", reason=self._drop_reason)
                raise Ended
            self._keep_alive()
            pending = isinstance(self._socket, ssl.SSLSocket) and self._socket.pending()
            ready = [self._socket] if pending else select.select([self._socket, self._wake], [], [], TICK)[0]
            if self._socket in ready:
                octets = receive(self._socket)
                if octets:
                    self._received = time.monotonic()
                    return octets

    def _keep_alive(self):
        now = time.monotonic()
        if self._client_heartbeat and now - self._received > 2 * self._client_heartbeat + 1:
            self._send("ProviderClosedEvent", reason=CLOSE_HEARTBEAT)
            raise Ended
        if self._server_heartbeat and now - self._sent >= self._server_heartbeat:
            self._send("Heartbeat")

    # sending

    def _send(self, name, **values):
        """Send a message; False when a fault made it a refusal, after which nothing that it promised follows."""
        rule = self._manager.faults.match(FRONT, name)
        kind = rule.kind if rule else None
        if kind == "delay":
            self._manager.faults.delay(rule["seconds"])
        if kind == "silence":
            return True
        if kind == "result":
            values["reason" if name == "ProviderOpenCompletedEvent" else "result"] = rule["code"]
        if name == "ProviderClosedEvent" or kind == "close":
            self._release_provider()
        octets = self._octets(name, values, rule)
        if kind == "unknown":
            octets = _ctiqbe.frame(4711, b"\0" * 8, b"news", self._version) + octets
        elif kind == "duplicate":
            octets *= 2
        elif kind in ("coalesce", "swap"):
            self._held.append((kind, octets))
            return True
        before = b"".join(held for how, held in self._held if how == "coalesce")
        after = b"".join(held for how, held in self._held if how == "swap")
        self._held = []
        self._write(before + octets + after, rule)
        return kind not in ("failure", "result")

    def _octets(self, name, values, rule):
        kind = rule.kind if rule else None
        if kind == "failure":
            name, values = "FailureResponse", {
                "sequenceNumber": values.get("sequenceNumber", values.get("requestId", 0)), "result": rule["code"],
                "description": rule.get("text", "")}
        elif kind == "close":
            name, values = "ProviderClosedEvent", {"reason": rule["reason"]}
        elif kind == "garbage":
            return GARBAGE
        elif kind == "replace":
            return bytes.fromhex(rule["hex"])
        return _ctiqbe.encode(name, self._version, **values)

    def _write(self, octets, rule):
        kind = rule.kind if rule else None
        self._socket.settimeout(10)
        self._sent = time.monotonic()
        if kind == "cut":
            self._socket.sendall(octets[:rule.get("octets", 0)])
            raise Ended
        size = rule.get("size", 1) if kind == "split" else len(octets)
        for start in range(0, len(octets), size):
            self._socket.sendall(octets[start:start + size])
        if kind == "close":
            raise Ended

    # messages

    def _take(self, octets):
        message = _ctiqbe.decode(octets)
        self._version = message.version
        self._cluster.count(message.name or "unknown CTIQBE message")
        if message.name == "Heartbeat":
            return
        sequence = message.values.get("sequenceNumber", 0)
        handler = getattr(self, "_on_" + (message.name or ""), None)
        code = self._forbidden(message, handler)
        if code:
            self._send("FailureResponse", sequenceNumber=sequence, result=code, description="request refused")
        else:
            handler(message, sequence)

    def _forbidden(self, message, handler):
        if message.version not in self._manager.versions:
            return INCOMPATIBLE_PROTOCOL_VERSION
        if handler is None:
            return UNRECOGNIZABLE_PDU
        name = message.name
        if name == "ProviderInitRequest":
            return 0 if self._state == "connected" else PROVIDER_ALREADY_OPEN
        if name == "ProviderOpenRequest":
            return {"initialised": 0, "connected": NOT_INITIALIZED}.get(self._state, PROVIDER_ALREADY_OPEN)
        return 0 if self._state == "open" else PROVIDER_NOT_OPEN

    def _on_ProviderInitRequest(self, _message, sequence):
        self._state = "initialised"
        version = self._release()
        self._send("ProviderInitResponse", sequenceNumber=sequence, providerInfo=version, pluginVersion=version,
                   pluginLocation="", providerID=self._provider_id(), nonce=self._nonce,
                   certificate=self._manager.password_certificate or self._cluster.certificates.callmanager.der)

    def _release(self):
        return self._cluster.features.version.replace("(", "-").replace(")", "")

    def _provider_id(self):
        return (1 << 24) | self._number

    def _on_ProviderOpenRequest(self, message, sequence):
        if message["filter"] is None:
            self._send("FailureResponse", sequenceNumber=sequence, result=INVALID_FILTER_SIZE, description="filter")
            return
        wished = max(1, message["desiredServerHeartbeatTime"])
        heartbeats = self._manager.heartbeat or (wished, wished)
        version = self._release()
        accepted = self._send(
            "ProviderOpenResponse", sequenceNumber=sequence, providerInfoString=version, clientHeartbeat=heartbeats[0],
            serverHeartbeat=heartbeats[1], requestTimer=5, pluginVersion=version, pluginLocation="",
            providerId=self._provider_id(), fipsCompliant=False)
        if not accepted:
            return
        self._client_heartbeat, self._server_heartbeat = heartbeats
        code = self._open(message)
        devices = [] if code else self._cluster.devices_of(self._user)
        self._send("ProviderOpenCompletedEvent", sequenceNumber=sequence, reason=code, providerInfoString=version,
                   clientHeartbeat=heartbeats[0], serverHeartbeat=heartbeats[1],
                   failureDescription=_text(code) if code else None, providerId=self._provider_id(),
                   precedenceValue=96, loginUserName=message["login"], daysUntilPasswordExpiry=-1,
                   totalControllableDevices=len(devices), clusterID="StandAloneCluster")
        if code:
            duplicate = code == rules.DUPLICATE_CERTIFICATE_USED
            reason = rules.CLOSE_DUPLICATE_CERTIFICATE if duplicate else CLOSE_OPEN_FAILURE
            if code == rules.CERTIFICATE_COMPROMISED:
                reason = rules.CLOSE_COMPROMISED
            self._send("ProviderClosedEvent", reason=reason)
            raise Ended
        self._state = "open"

    def _open(self, message):
        """A CTI code, 0 for an open provider."""
        password = self._password(message)
        if password is None:
            return rules.LOGIN_FAILED
        code, self._user = self._cluster.cti_login(message["login"] or "", password)
        if code:
            return code
        instance = None
        if self._manager.tls:
            instance = self._cluster.cti_certificate(self._socket.getpeercert(binary_form=True) or b"")
        opened = self._cluster.open_provider(
            self._user, instance, self._client[0], self._client[1], self._manager.tls, self)
        if opened >= 0x80000000:
            return opened
        self._provider = opened
        return 0

    def _password(self, message):
        """The password, or None. Key and nonce have no fixed length: the key comes first, the nonce last."""
        field, blob = message["password"] or b"", message["encryptedKeyData"] or b""
        try:
            plain = self._cluster.certificates.callmanager.key.decrypt(blob, padding.PKCS1v15())
            if len(plain) < 16 + NONCE_SIZE or not secrets.compare_digest(plain[-NONCE_SIZE:], self._nonce.encode()):
                return None
            decryptor = Cipher(algorithms.AES(plain[:16]), modes.CBC(bytes(16))).decryptor()
            padded = decryptor.update(field[16:]) + decryptor.finalize()
            unpadder = PKCS7(128).unpadder()
            return (unpadder.update(padded) + unpadder.finalize()).decode("utf-8")
        except ValueError:
            return None

    def _on_ProviderGetCapabilitiesRequest(self, _message, sequence):
        self._send("ProviderGetCapabilitiesResponse", sequenceNumber=sequence,
                   providerCapabilitiesInfo={"maxNumberOfDevicesOpen": 100, "providerCapabilityMask": 3})

    def _on_ProviderCloseRequest(self, _message, sequence):
        self._release_provider()
        self._send("ProviderCloseResponse", sequenceNumber=sequence)
        raise Ended

    # devices and lines in one go

    def _on_ProviderGetAllDevicesAndLinesRequest(self, _message, sequence):
        if not self._send("ProviderGetAllDevicesAndLinesResponse", sequenceNumber=sequence):
            return
        for index, device in enumerate(self._cluster.devices_of(self._user), 1):
            self._send_device(sequence, index, device)
        self._send("ProviderGetAllDevicesAndLinesCompletedEvent", requestId=sequence)

    def _on_ProviderGetSingleDeviceAndLinesRequest(self, message, sequence):
        found = self._found(message["deviceName"])
        self._send("ProviderGetSingleDeviceAndLinesResponse", sequenceNumber=sequence,
                   result=0 if found else INVALID_DEVICE_NAME)
        if found:
            self._send_device(sequence, 1, found)
            self._send("ProviderGetSingleDeviceAndLinesCompletedEvent", requestId=sequence)

    def _found(self, name):
        return next((device for device in self._cluster.devices_of(self._user) if device["name"] == name), None)

    def _send_device(self, sequence, index, device):
        lines = [_line(number, line) for number, line in enumerate(device["lines"], 1)]
        size = self._manager.lines_per_event
        self._send("DeviceLineInfoEvent", requestId=sequence, lineInfo=lines[:size], totalLines=len(lines),
                   moreLines=len(lines) > size, **_device(index, device))
        for start in range(size, len(lines), size):
            self._send("DeviceLineInfoEvent", requestId=sequence, deviceName=device["name"], eventContent=8,
                       deviceRegistrationStatus=1 if device["registered"] else 2, lineInfo=lines[start:start + size],
                       totalLines=len(lines), moreLines=start + size < len(lines), remoteDestinationsInfo=[])

    # the older enumeration

    def _new_handle(self, entries):
        handle = len(self._handles) + 17
        self._handles[handle] = list(entries)
        return handle

    def _fetch(self, message):
        """C((entries, more)) of an enumeration, or None for an unknown handle."""
        entries = self._handles.get(message["enumerationHandle"])
        if entries is None:
            return None
        count = max(1, min(message["count"], self._manager.fetch_limit))
        part = entries[:count]
        del entries[:count]
        return part, bool(entries)

    def _send_fetched(self, name, message, sequence, **more_fields):
        fetched = self._fetch(message)
        if fetched is None:
            self._send(name, sequenceNumber=sequence, result=ILLEGAL_HANDLE, info=[])
            return
        info, more = fetched
        values = {field: value(info) for field, value in more_fields.items()}
        self._send(name, sequenceNumber=sequence, info=info, more=more, **values)

    def _on_ProviderGetDeviceInfoRequest(self, message, sequence):
        devices = self._cluster.devices_of(self._user) if message["deviceGroup"] == 1 else []
        handle = self._new_handle(_older_device(index, device) for index, device in enumerate(devices, 1))
        self._send("ProviderGetDeviceInfoResponse", sequenceNumber=sequence, enumerationHandle=handle)

    def _on_GetDeviceInfoFetchRequest(self, message, sequence):
        self._send_fetched("GetDeviceInfoFetchResponse", message, sequence,
                           deviceControlFlagBitMask=lambda info: [1] * len(info))

    def _on_GetDeviceInfoCloseRequest(self, message, sequence):
        self._end_enumeration("GetDeviceInfoCloseResponse", message, sequence)

    def _on_DeviceGetLineInfoRequest(self, message, sequence):
        found = self._found(message["deviceName"])
        handle = self._new_handle(_line(number, line) for number, line in enumerate(found["lines"], 1)) if found else 0
        self._send("DeviceGetLineInfoResponse", sequenceNumber=sequence, enumerationHandle=handle,
                   result=0 if found else INVALID_DEVICE_NAME)

    def _on_GetLineInfoFetchRequest(self, message, sequence):
        self._send_fetched("GetLineInfoFetchResponse", message, sequence)

    def _on_GetLineInfoCloseRequest(self, message, sequence):
        self._end_enumeration("GetLineInfoCloseResponse", message, sequence)

    def _end_enumeration(self, name, message, sequence):
        known = self._handles.pop(message["enumerationHandle"], None) is not None
        self._send(name, sequenceNumber=sequence, result=0 if known else ILLEGAL_HANDLE)


def _text(code):
    """What the failure events of a real server say: short, and not to be relied on."""
    return {rules.LOGIN_FAILED: "login failed", rules.LOGIN_NOT_ALLOWED: "directory login not allowed"}.get(
        code, "provider open failed")


def _device(index, device):
    """The static, dynamic and registration parts, filled as JTAPI needs them."""
    return {
        "deviceName": device["name"], "deviceRegistrationStatus": 1 if device["registered"] else 2,
        "controlModeBitMap": 1, "eventContent": 15,
        "deviceInfoStatic": {
            "deviceType": device["type"], "deviceTypeName": device["type_name"], "deviceId": index,
            "protocol": device["protocol"],
        },
        "deviceInfoDynamic": {"locale": 1, "deviceRestricted": device["restricted"]},
        "deviceRegistrationInfo": {
            "unicodeLoginUserID": "", "CtiControllable": 1,
            "deviceMultiMediaCapability": {},
        },
        "remoteDestinationsInfo": [],
    }


def _line(index, line):
    return {
        "name": line["number"], "displayName": "", "permanentLineID": index, "maxNumberOfCalls": 4,
        "lineInstance": index, "busyTrigger": 2, "unicodeDisplayName": "", "partition": line["partition"] or None,
        "isRestricted": line["restricted"], "defaultIntercomTargetInfo": {"unicodeLabel": ""}, "unicodeLabel": "",
    }


def _older_device(index, device):
    return {
        "name": device["name"], "type": device["type"], "allowsRegistration": False, "deviceID": index, "locale": 1,
        "protocol": device["protocol"], "isRestricted": device["restricted"], "devTypeName": device["type_name"],
    }
