# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster's web port: AXL, RISPort70, Control Center and log collection over one HTTPS server."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import http.server
import os
import secrets
import socket
import ssl
import tempfile
import threading
import time

from simulator import log_collection, schema_check, serviceability, soap
from simulator.accounts import ClusterFault
from simulator.axl_operations import OPERATIONS
from simulator.connections import family_of
from simulator.database import AXL_READ, AXL_USER, AXL_WRITE, SERVICEABILITY

AXL_PATH = "/axl/"
COOKIE = "JSESSIONIDSSO"
XML = "text/xml;charset=utf-8"
HTML = "text/html;charset=utf-8"
_NAMESPACE = "http://www.cisco.com/AXL/API/"
_INVALID = 5003
_FRONTS = {
    serviceability.RIS_PATH: "ris", serviceability.CONTROL_CENTER_PATH: "controlcenter", log_collection.PATH: "logs",
}


@dataclasses.dataclass
class Response:
    status: int
    body: bytes
    content_type: str = XML
    headers: dict = dataclasses.field(default_factory=dict)


class Disconnect(Exception):
    """A fault asked for the connection to be cut."""


def _page(status, title):
    return Response(status, ("<html><head><title>%s</title></head><body><h1>HTTP Status %d - %s</h1></body></html>"
                             % (title, status, title)).encode(), HTML)


class Sessions:
    """JSESSIONIDSSO cookies: a session ends after idling, and then the server answers 404."""

    def __init__(self, features):
        self._features = features
        self._lock = threading.Lock()
        self._users = {}

    def open(self, user):
        identifier = secrets.token_hex(16).upper()
        with self._lock:
            self._users[identifier] = (user, time.monotonic())
        return identifier

    def user(self, identifier):
        """The user of a live session, which this use prolongs, or None."""
        now = time.monotonic()
        with self._lock:
            user, used = self._users.get(identifier, (None, 0))
            if user is None or now - used > self._features.session_idle_seconds:
                self._users.pop(identifier, None)
                return None
            self._users[identifier] = (user, now)
            return user

    def expire(self):
        """End all sessions."""
        with self._lock:
            self._users.clear()

    def __len__(self):
        with self._lock:
            return len(self._users)


class AxlServer:
    """Faults of front C(axl), C(ris), C(controlcenter) or C(logs), operation by operation:

    http(code[, body]) answers that status; fault(code, message) a SOAP fault; cut(when="before" or "after" applying);
    garbage([body]); truncate (half of the body); delay(seconds); expire (all sessions, so 404); unknown and swapped
    (elements of the answer); skew(seconds) of the Date header.
    """

    def __init__(self, cluster, faults, host="127.0.0.1", port=0):
        self.cluster = cluster
        self.faults = faults
        self.sessions = Sessions(cluster.features)
        self.rate = serviceability.RateLimit(cluster.features)
        self._address = (host, port)
        self._server = None
        self.port = port

    def start(self):
        self._server = _Server(self._address, self, _tls_context(self.cluster.certificates.web))
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self):
        if self._server is not None:
            self._server.shutdown()
            self._server.close_all()

    # one request

    def respond(self, path, headers, body):
        """The Response to one POST. Raises Disconnect when a fault cuts the connection."""
        front = "axl" if path == AXL_PATH else _FRONTS.get(path.partition("?")[0])
        if front is None:
            return _page(404, "Not Found")
        try:
            request = soap.parse(body)
        except soap.BadRequest as error:
            return Response(500, soap.fault("soapenv:Client", str(error)))
        operation = log_collection.operation_of(request) if front == "logs" else request.name
        self.cluster.count(operation if front == "axl" else "%s.%s" % (front, operation))
        rule = self.faults.match(front, operation)
        early = self._early_fault(rule, request)
        if early is not None:
            return early
        response = self._axl(request, headers) if front == "axl" else self._serviceability(front, request, headers)
        return _late_fault(rule, response)

    def _early_fault(self, rule, request):
        kind = rule.kind if rule else None
        if kind == "delay":
            self.faults.delay(rule["seconds"])
        elif kind == "cut" and rule.get("when", "before") == "before":
            raise Disconnect
        elif kind == "http":
            page = _page(rule["code"], rule.get("title", "Service Unavailable"))
            return dataclasses.replace(page, body=rule["body"].encode(), content_type="text/plain") \
                if rule.get("body") else page
        elif kind == "fault":
            return self._fault(rule["code"], rule.get("message", "injected fault"), request)
        elif kind == "expire":
            self.sessions.expire()
        return None

    def _fault(self, code, message, request):
        namespace = request.namespace or _NAMESPACE + "1.0"
        detail = (code, message, request.name)
        return Response(500, soap.fault(
            "soapenv:Server", message, detail, namespace, self.cluster.features.namespaced_axl_error))

    # accounts

    def _user(self, headers):
        """(user row, headers of the answer), or a Response that refuses."""
        cookies = dict(part.strip().partition("=")[::2] for part in (headers.get("Cookie") or "").split(";"))
        if COOKIE in cookies:
            user = self.sessions.user(cookies[COOKIE])
            if user is None:
                return _page(404, "Not Found")
            return user, {}
        name, password = _credentials(headers.get("Authorization") or "")
        accounts = self.cluster.accounts
        user = accounts.user("application", name) if name else None
        credential = accounts.credential(user["pkid"]) if user is not None else None
        if credential is None or not credential["password"] or credential["password"] != password:
            self.cluster.count("web.401")
            return self._unauthorised()
        cookie = "%s=%s; Path=/; Secure; HttpOnly" % (COOKIE, self.sessions.open(user))
        return user, {"Set-Cookie": cookie}

    @staticmethod
    def _unauthorised():
        page = _page(401, "Unauthorized")
        page.headers["WWW-Authenticate"] = 'Basic realm="Cisco Web Services Realm"'
        return page

    # AXL

    def _axl(self, request, headers):
        admitted = self._user(headers)
        if isinstance(admitted, Response):
            return admitted
        user, extra = admitted
        response = self._axl_as(user, request)
        response.headers.update(extra)
        return response

    def _axl_as(self, user, request):
        features = self.cluster.features
        version = request.namespace[len(_NAMESPACE):] if request.namespace.startswith(_NAMESPACE) else ""
        if version not in features.schemas and version != "1.0":
            text = "Incorrect axl version. Supported axl versions: %s" % ", ".join(features.schemas)
            return Response(599, text.encode(), "text/plain")
        roles = self.cluster.accounts.roles_of("application", user["pkid"])
        function, writes = OPERATIONS.get(request.name, (None, False))
        if AXL_WRITE not in roles:
            if not {AXL_USER, AXL_READ} <= roles:
                return _page(403, "Access to the requested resource has been denied")
            if writes:
                return self._unauthorised()
        wrong = schema_check.violation(request.element, features.schemas[0] if version == "1.0" else version)
        if wrong is not None:
            self.cluster.schema_violations.append((request.name, wrong))
            return self._fault(_INVALID, wrong, request)
        if function is None:
            return self._fault(-1, "The operation %s is not simulated" % request.name, request)
        try:
            return self._apply(function, writes, request)
        except ClusterFault as refused:
            return self._fault(refused.code, refused.message, request)

    def _apply(self, function, writes, request):
        cluster = self.cluster
        if writes:
            with cluster.writing():
                result = function(cluster, request)
            cluster.count_write()
        else:
            with cluster.lock:
                result = function(cluster, request)
        answer = soap.Answer(request.namespace, request.name + "Response", nil_on_root=cluster.features.nil_on_root)
        sequence = request.element.get("sequence")
        if sequence is not None:
            answer.root.set("sequence", sequence)
        for name, value in result.items():
            answer.add(answer.root, name, value)
        octets = answer.octets()
        if len(octets) > cluster.features.max_answer:
            raise _too_large(result, len(octets), cluster.features.max_answer)
        return Response(200, octets)

    # serviceability

    def _serviceability(self, front, request, headers):
        admitted = self._user(headers)
        if isinstance(admitted, Response):
            return admitted
        user, extra = admitted
        if not self.cluster.accounts.roles_of("application", user["pkid"]) & set(SERVICEABILITY):
            return _page(403, "Forbidden")
        host = (headers.get("Host") or "").rpartition(":")[0]
        if front == "logs":
            return self._logs(request, host, headers.get("SOAPAction") or "", extra)
        if request.name not in serviceability.OPERATIONS:
            return Response(500, soap.fault("soapenv:Client", "no such operation: " + request.name), headers=extra)
        if front == "ris" and self.rate.exceeded():
            text = "Exceeded allowed rate for Reatime information. Current allowed rate for realtime information is" \
                " %d requests per minute" % self.cluster.features.ris_per_minute
            return Response(500, soap.fault("Server.RateControl", text), headers=extra)
        return Response(200, serviceability.answer(self.cluster, request, host), headers=extra)

    def _logs(self, request, host, action, extra):
        try:
            octets, content_type = log_collection.answer(self.cluster, request, host, action)
        except log_collection.Refused as refused:
            return Response(500, soap.fault("soapenv:Server", str(refused)), headers=extra)
        return Response(200, octets, content_type, extra)


def _credentials(authorization):
    scheme, _blank, token = authorization.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        name, _colon, password = base64.b64decode(token).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return name, password


def _too_large(result, size, limit):
    rows = max((len(rows) for rows in result["return"].values()), default=1)
    fewer = max(rows * limit // size, 1)
    return ClusterFault(
        -1, "Query request too large. Total rows matched: %d rows. Suggestive Row Fetch: less than %d rows"
        % (rows, fewer))


def _late_fault(rule, response):
    kind = rule.kind if rule else None
    if kind == "cut":
        raise Disconnect
    if kind == "garbage":
        return dataclasses.replace(response, body=rule.get("body", "<not xml").encode())
    if kind == "truncate":
        response.headers["X-Truncate"] = "yes"
    if kind == "skew":
        response.headers["X-Skew"] = str(rule["seconds"])
    if kind in ("unknown", "swapped") and response.status == 200:
        return dataclasses.replace(response, body=_mangled(response.body, kind))
    return response


def _mangled(octets, kind):
    """An answer as a later release or a careless one might send it: still well-formed, not in schema order."""
    root = soap.etree.fromstring(octets)
    operation = root[0][0]
    for element in [one for one in operation.iter() if len(one)]:
        if kind == "swapped" and element is not operation:
            element[:] = reversed(element[:])
        elif kind == "unknown" and element is not operation and element.tag != "return":
            stranger = soap.etree.Element("unheardOf")
            stranger.text = "1"
            element.insert(0, stranger)
    return soap.etree.tostring(root, xml_declaration=True, encoding="UTF-8")


# HTTP


def _tls_context(identity):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    descriptor, path = tempfile.mkstemp()
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(identity.pem + identity.key_pem)
        context.load_cert_chain(path)
    finally:
        os.unlink(path)
    return context


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "Apache-Coyote/1.1"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 60

    def setup(self):
        self.request.settimeout(self.timeout)
        self.request = self.server.context.wrap_socket(self.request, server_side=True)
        self.server.track(self.request)
        super().setup()

    def finish(self):
        super().finish()
        self.server.forget(self.request)
        _close(self.request)  # the server would only close the socket inside the TLS one

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            self._send(self.server.owner.respond(self.path, self.headers, body))
        except Disconnect:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    def do_GET(self):
        self._send(_page(404 if self.path.rstrip("/") != "/axl" else 200, "AXL Web Service"))

    def _send(self, response):
        skew = float(response.headers.pop("X-Skew", 0)) + self.server.owner.cluster.clock_skew
        truncate = response.headers.pop("X-Truncate", None)
        self.send_response_only(response.status)
        self.send_header("Date", self.date_time_string(time.time() + skew))
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        self.wfile.write(response.body[:len(response.body) // 2] if truncate else response.body)
        if truncate:
            self.close_connection = True

    def log_message(self, *_arguments):
        pass


def _close(connection):
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # the other side was faster
    connection.close()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address, owner, context):
        self.owner = owner
        self.context = context
        self._connections = set()
        self._lock = threading.Lock()
        self.address_family = family_of(address[0])
        super().__init__(address, _Handler)

    def track(self, connection):
        with self._lock:
            self._connections.add(connection)

    def forget(self, connection):
        with self._lock:
            self._connections.discard(connection)

    def handle_error(self, _request, _client_address):
        """A client that breaks a handshake or a connection is no news."""

    def close_all(self):
        self.server_close()
        with self._lock:
            connections, self._connections = self._connections, set()
        for connection in connections:
            _close(connection)
