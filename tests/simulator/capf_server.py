# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CAPF: issues certificates to clients with an armed profile, in the dialects of CTI clients and of phones.

It shares the collection's message codec, so it proves behaviour; bytes are proven by tests/vectors. What CUCM answers
to a wrong string is not known: here it is 7, as with nothing armed.
"""

from __future__ import annotations

import datetime
import hmac
import itertools
import ssl
import time

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _capf
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import FormatError
from simulator import pki
from simulator.accounts import BY_STRING
from simulator.connections import GARBAGE, ConnectionServer, Ended, finish, receive, server_context

# Cisco's JTAPI 11.5 to 15 has only AES128-SHA with RSA key exchange in common with a CUCM.
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:AES128-SHA:@SECLEVEL=0"
DHE_CIPHERS = CIPHERS.replace("AES128-SHA", "DHE-RSA-AES128-SHA:AES128-SHA")
VERSION = 3
PATIENCE = 60.0  # seconds of silence of a client
CERTIFICATE_FAULTS = ("other_key", "other_issuer", "other_name", "expired")

KEY_FAILED = "Upgrade Failed: Key Generation Failed/Timeout"
LSC_FAILED = "Upgrade Failed: Invalid LSC"
EC_IMPOSSIBLE = "No Support for EC only in CAPF version 3"


class CapfServer(ConnectionServer):
    """TCP 3804. A client certificate is not asked for, unless C(asks) says so.

    Switches: C(version) offered (None: no VERSION element); C(auth_type) in AUTH_REQUEST, which CUCM does not send;
    C(encrypt) octets for an ENCRYPT_REQUEST after the key; C(identity) another TLS certificate (pki.Identity);
    C(tls_versions) (lowest, highest); C(ciphers); C(sessions) gives the session ids; C(asks) for a client certificate
    (ssl.CERT_OPTIONAL or CERT_REQUIRED).
    Faults of front C(capf), by the name of the message about to be sent: C(delay) (seconds), C(silence), C(cut) (octets
    sent before), C(garbage), C(duplicate), C(split) (size of each TLS write), C(coalesce) (the certificate in one write
    with END_SESSION, without waiting for the answer), C(session) (id), C(retry_later), C(reason) (code, text:
    END_SESSION in its place), C(replace) (hex); STORE_CERTIFICATE_REQUEST also C(other_key), C(other_issuer),
    C(other_name), C(expired): another certificate than the one issued. Operation C(accept) as in ConnectionServer.
    Counted: connections, "capf session" (with an AUTH_RESPONSE), messages received by name, "capf issued",
    "capf refused TLS", and "capf end 7" and the like.
    """

    front = "capf"

    def __init__(self, cluster, faults, host="127.0.0.1", port=0):
        super().__init__(cluster, faults, host, port)
        self.version = VERSION
        self.auth_type = None
        self.encrypt = None
        self.identity = None
        self.twin = None
        self.tls_versions = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.MAXIMUM_SUPPORTED)
        self.ciphers = CIPHERS
        self.sessions = itertools.count(1)
        self.asks = None

    def talk(self, connected, client, number):
        identity = self.identity or self.cluster.certificates.capf
        ciphers = DHE_CIPHERS if self.ciphers == CIPHERS and self.cluster.features.dhe else self.ciphers
        context = server_context(identity, self.tls_versions, ciphers, self.twin)
        if self.asks is not None:
            context.load_verify_locations(cadata=self.cluster.certificates.capf.der)
            context.verify_mode = self.asks
        secured = self.secure(connected, context)
        if secured is not None:
            with secured:
                _Session(self, secured).run()


class _Refused(Exception):
    """END_SESSION with this reason."""

    def __init__(self, reason, text=""):
        super().__init__(reason, text)
        self.reason = reason
        self.text = text


class _Session:
    """One connection, told from top to bottom by C(_enrol)."""

    def __init__(self, server, connected):
        self._server = server
        self._cluster = server.cluster
        self._socket = connected
        self._number = next(server.sessions)
        self._reader = _capf.MessageReader()
        self._arrived = []
        self._held = b""

    def run(self):
        try:
            try:
                self._enrol()
            except FormatError:
                self._end(_capf.INVALID_ELEMENT)
            except _Refused as refusal:
                self._end(refusal.reason, refusal.text)
        except Ended:
            pass
        except OSError:
            return
        finish(self._socket)

    # the session

    def _enrol(self):
        self._ask_who()
        hello = self._next(_capf.AUTH_RESPONSE)
        self._cluster.count("capf session")
        version = min(VERSION, _capf.number_of(hello, _capf.VERSION) or 1)
        name = self._name(hello)
        profile = self._profile(name, hello)
        kind, size = self._key_demanded(profile, version)
        self._send(_capf.KEY_GENERATE_REQUEST, _capf.key_elements(kind, size, version))
        spki = self._public_key(profile, kind, size)
        if self._server.encrypt is not None and kind == "rsa":
            self._prove_possession(profile, spki)
        self._store(profile, spki, name)

    def _ask_who(self):
        elements = []
        if self._server.version is not None:
            elements.append((_capf.VERSION, _capf.number_value(self._server.version)))
        if self._server.auth_type is not None:
            elements.append((_capf.AUTH_TYPE, _capf.number_value(self._server.auth_type)))
        self._send(_capf.AUTH_REQUEST, elements)

    @staticmethod
    def _name(hello):
        name = hello.value(_capf.DEVICE_NAME)
        if name is None:
            raise _Refused(_capf.INVALID_ELEMENT)
        return _capf.text_of(name)

    def _profile(self, name, hello):
        """The armed profile whose string the client knows. A used string changes nothing, however often it comes."""
        profile = self._cluster.capf_session(name)
        if profile is None:
            raise _Refused(_capf.UNKNOWN_DEVICE)
        if not self._cluster.capf_open(profile):
            raise _Refused(self._cluster.features.capf_idle_reason)
        offered = _capf.text_of(hello.value(_capf.PASSWORD))
        if profile.mode == BY_STRING and not hmac.compare_digest(offered.encode(), profile.string.encode()):
            status = self._cluster.features.capf_wrong_string_status
            if status:
                self._cluster.capf_refuse(profile, status)
            raise _Refused(_capf.INVALID_ELEMENT)
        return profile

    def _key_demanded(self, profile, version):
        """C((kind, size)): EC is only for clients of version 3."""
        if profile.key_order.startswith("EC") and version >= _capf.VERSION_WITH_EC:
            return "ec", int(profile.ec_key_size)
        if profile.key_order == "EC Only":
            self._cluster.capf_refuse(profile, EC_IMPOSSIBLE)
            raise _Refused(_capf.INVALID_ELEMENT)
        return "rsa", int(profile.key_size)

    def _public_key(self, profile, kind, size):
        message = self._next(_capf.KEY_GENERATE_RESPONSE)
        spki = message.value(_capf.PUBLIC_KEY) or b""
        if _kind_of(spki) != (kind, size):
            self._cluster.capf_refuse(profile, KEY_FAILED)
            raise _Refused(_capf.INVALID_ELEMENT)
        return spki

    def _prove_possession(self, profile, spki):
        """PKCS#1 v1.5 type 1 over the octets as they are."""
        data = self._server.encrypt
        self._send(_capf.ENCRYPT_REQUEST, [(_capf.SIGNED_DATA, data)])
        signature = self._next(_capf.ENCRYPT_RESPONSE).value(_capf.SIGNED_DATA) or b""
        public_key = serialization.load_der_public_key(spki)
        numbers, size = public_key.public_numbers(), public_key.key_size // 8
        block = pow(int.from_bytes(signature, "big"), numbers.e, numbers.n).to_bytes(size, "big")
        if block != b"\0\1" + b"\xff" * (size - 3 - len(data)) + b"\0" + data:
            self._cluster.capf_refuse(profile, KEY_FAILED)
            raise _Refused(_capf.INVALID_ELEMENT)

    def _store(self, profile, spki, name):
        """The operation is done before the certificate is sent, as in the public servers."""
        der = self._issue(profile, spki, name)
        rule = self._rule(_capf.STORE_CERTIFICATE_REQUEST)
        if rule is not None and rule.kind in CERTIFICATE_FAULTS:
            der = self._forged(rule.kind, spki, name)
        sent = self._transmit(_capf.STORE_CERTIFICATE_REQUEST, [
            (_capf.CERTIFICATE_TYPE, _capf.number_value(_capf.LSC)),
            (_capf.CERTIFICATE, _capf.certificate_value(der))], rule)
        if sent:
            answer = self._next(_capf.STORE_CERTIFICATE_RESPONSE)
            if _capf.number_of(answer, _capf.REASON) != _capf.SUCCESS:
                self._cluster.capf_refuse(profile, LSC_FAILED)
                raise _Refused(_capf.INVALID_ELEMENT)
        self._end(_capf.SUCCESS)

    def _issue(self, profile, spki, name):
        with self._cluster.lock:
            now = self._cluster.capf_session(name)
            if now is None or not now.armed or now.string != profile.string:
                raise _Refused(_capf.INVALID_ELEMENT)  # another session was faster
            der = self._cluster.capf_issue(now, spki, name)
        self._cluster.count("capf issued")
        return der

    def _forged(self, kind, spki, name):
        """A certificate that a careful client must not store."""
        certificates = self._cluster.certificates
        authority = pki.vector("capf") if kind == "other_issuer" else certificates.capf
        if kind == "other_key":
            spki = certificates.web.key.public_key().public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        elif kind == "other_name":
            name = "CTI-somebodyelse"
        now = datetime.datetime.fromtimestamp(int(self._cluster.now()), datetime.timezone.utc)
        end = now - datetime.timedelta(hours=1) if kind == "expired" else now + datetime.timedelta(days=365)
        return pki.issue_lsc(authority, spki, name, min(now, end) - datetime.timedelta(days=1), end)

    # receiving

    def _next(self, command):
        """The next message, which must be this command in this session; REQUEST_IN_PROGRESS may come at any time."""
        while True:
            message = self._next_message()
            self._cluster.count(message.command_name)
            if message.session != self._number:
                raise _Refused(_capf.INVALID_ELEMENT)
            if message.command == command:
                return message
            if message.command != _capf.REQUEST_IN_PROGRESS:
                raise _Refused(_capf.INVALID_ELEMENT)

    def _next_message(self):
        since = time.monotonic()
        while not self._arrived:
            if self._server.stopping or time.monotonic() - since > PATIENCE:
                raise Ended
            self._arrived += self._reader.feed(receive(self._socket))
        return self._arrived.pop(0)

    # sending

    def _rule(self, command):
        return self._server.faults.match(self._server.front, _capf.COMMAND_NAMES[command])

    def _send(self, command, elements):
        self._transmit(command, elements, self._rule(command))

    def _end(self, reason, text=""):
        rule = self._rule(_capf.END_SESSION)
        if rule is not None and rule.kind == "reason":
            reason, text = rule["code"], rule.get("text", "")
        self._cluster.count("capf end %d" % reason)
        elements = [(_capf.REASON, _capf.number_value(reason))]
        if text:
            elements.append((_capf.REASON_INFO, text.encode()))
        self._transmit(_capf.END_SESSION, elements, rule)

    def _transmit(self, command, elements, rule):
        """Send one message with one TLS write; False when a fault holds it back to go with the next."""
        kind = rule.kind if rule else None
        session = self._number
        if kind == "delay":
            self._server.faults.delay(rule["seconds"])
        elif kind == "silence":
            return True
        elif kind == "reason" and command != _capf.END_SESSION:
            raise _Refused(rule["code"], rule.get("text", ""))
        elif kind == "retry_later":
            command, elements = _capf.RETRY_LATER, []
        elif kind == "session":
            session = rule["id"]
        octets = self._held + _octets(_capf.Message(command, session, tuple(elements)).encode(), rule)
        self._held = b""
        if kind == "coalesce":
            self._held = octets
            return False
        self._write(octets, rule)
        return True

    def _write(self, octets, rule):
        kind = rule.kind if rule else None
        self._socket.settimeout(10)
        if kind == "cut":
            self._socket.sendall(octets[:rule.get("octets", 0)])
            raise Ended
        size = rule.get("size", 1) if kind == "split" else len(octets)
        for start in range(0, len(octets), size):
            self._socket.sendall(octets[start:start + size])
        if kind == "duplicate":
            self._socket.sendall(octets)
        elif kind == "retry_later":
            raise Ended


def _octets(octets, rule):
    """What goes out in place of a message."""
    if rule is not None and rule.kind == "garbage":
        return GARBAGE
    if rule is not None and rule.kind == "replace":
        return bytes.fromhex(rule["hex"])
    return octets


def _kind_of(spki):
    """C((kind, size)) of a public key, or None where it cannot be read."""
    try:
        key = serialization.load_der_public_key(spki)
    except (ValueError, UnsupportedAlgorithm):
        return None
    if isinstance(key, rsa.RSAPublicKey):
        return "rsa", key.key_size
    return ("ec", key.curve.key_size) if isinstance(key, ec.EllipticCurvePublicKey) else None
