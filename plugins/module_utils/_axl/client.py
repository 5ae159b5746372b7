# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""AXL and related services over one persistent HTTPS session. The only file that uses zeep, requests and lxml.

zeep builds the requests from our own table. This file sends them, handles HTTP statuses and faults, and reads responses,
because zeep hides status codes and fails on responses that are not in schema order.

HTTP statuses, the session cookie and the throttling rules are those of the AXL developer guide and FAQ.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import email.utils
import io
import logging
import random
import re
import socket
import ssl
import time
import traceback
import zlib
from typing import Optional

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _foreign
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._attachment import first_part
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._axl import connection, schema, values, wsdl
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._axl.values import CLEAR
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import (
    AxlError,
    DeadlineExceeded,
    FormatError,
    InputError,
    MissingLibrary,
    ProtocolError,
    SecureTspError,
    TransportError,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._options import NO_HOST, NOT_IN_XML, host_of

try:
    import requests
    import urllib3
    import zeep
    import zeep.xsd
    from lxml import etree
except ImportError:
    ZEEP_IMPORT_ERROR = traceback.format_exc()
    HTTPAdapter = Transport = object
else:
    ZEEP_IMPORT_ERROR = None
    from requests.adapters import HTTPAdapter
    from zeep.transports import Transport

__all__ = ["CLEAR", "AnswerTooLarge", "AxlClient", "ClusterLogin", "SoapClient", "WebSession", "login_from"]

AXL_PATH = "/axl/"
SESSION_COOKIE = "JSESSIONIDSSO"
OLDEST = "1.0"  # namespace in which every release responds to getCCMVersion

ANSWER_LIMIT = 9 * 1024 * 1024  # AXL limits one result to 8 MB; the rest is for the envelope
TRIES = 5  # for a request that the server asks to send later
TRIES_UNSAID = 3  # for a request after which it did not ask: an HTML page, or a broken connection
LONGEST_PAUSE = 30.0
PATIENCE = 300.0  # total seconds for all requests of a task to a server that is busy or does not respond
LEAST_SECONDS = 0.1
ROWS_PER_PAGE = 1000

SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?\Z")

NOT_FOUND = 5007
DUPLICATE = -239
FAULT_LIMIT = 65536  # octets of a response that are searched for a fault
MEMORY_FAULT = re.compile(rb"axl memory allocation|out ?of ?memory|insufficient memory|not enough memory", re.IGNORECASE)
# Statuses which mean that nothing was done and that a later request may succeed.
BUSY = {
    408: "the server waited too long for the request",
    429: "the server allows no more requests for now",
    502: "the web services behind the server do not respond",
    503: "the server is overloaded or throttles changes",
}
PERHAPS_MADE = "The change may or may not have been made. Run it again. It starts by reading the current state."

AXL_ROLES = (
    "Reading requires the roles Standard AXL API Users and Standard AXL Read Only API Access. "
    "Changing requires Standard AXL API Access."
)


class AnswerTooLarge(AxlError):
    """More rows than one response can contain. The numbers are None if the server did not report them."""

    def __init__(self, what, where="", cure="", code=None, total_rows=None, suggested_rows=None):
        super().__init__(what, where, cure, code=code)
        self.total_rows = total_rows
        self.suggested_rows = suggested_rows


class VersionRefused(AxlError):
    """HTTP 599: the server does not support the schema version. C(supported): the versions that it names."""

    def __init__(self, what, where="", cure="", supported=()):
        super().__init__(what, where, cure, code=599)
        self.supported = supported


@dataclasses.dataclass(frozen=True)
class ClusterLogin:
    """Address of a cluster's web services, the account to use, and what to trust. timeout is in seconds. Raises InputError."""

    hostname: str
    username: str
    password: str = dataclasses.field(repr=False)
    port: int = 8443
    validate_certs: bool = True
    ca_path: Optional[str] = None
    server_fingerprint: Optional[str] = None
    axl_version: Optional[str] = None
    timeout: float = 60
    tls_legacy: bool = False

    def __post_init__(self):
        try:
            object.__setattr__(self, "hostname", host_of(self.hostname))
        except ValueError:
            # Not shown, because it may contain a password.
            raise InputError("hostname %s" % NO_HOST, cure="Set it to the name or address of the node, such as "
                             "cucm-pub.example.com, without https://, port or path.") from None
        if not 1 <= self.port <= 65535:
            raise InputError("port is not from 1 to 65535")
        if not self.timeout > 0:
            raise InputError("timeout must be more than 0 seconds")
        if not self.username or ":" in self.username:
            raise InputError("username is empty or contains a colon, which HTTP logins do not allow")

    @property
    def address(self):
        host = "[%s]" % self.hostname if ":" in self.hostname else self.hostname
        return "%s:%d" % (host, self.port)

    @property
    def unverified(self):
        """Whether the password is sent to whichever server responds."""
        return not self.validate_certs and not self.server_fingerprint

    @property
    def warnings(self):
        """Warnings about this login."""
        found = []
        if self.unverified:
            found.append("The server's certificate is not verified, so the password is sent to whichever server responds.")
        if self.tls_legacy:
            found.append("tls_legacy allows outdated TLS versions and short keys for the web services.")
        return found

    def as_user(self, username, password):
        """The same server with another account, or the same account if username is empty."""
        return dataclasses.replace(self, username=username, password=password) if username else self

    def at(self, hostname):
        """Another node of the cluster with the same account."""
        return dataclasses.replace(self, hostname=hostname)


def login_from(params):
    """ClusterLogin from the options of the doc fragment C(cluster)."""
    return ClusterLogin(
        hostname=params["hostname"],
        port=params["port"],
        username=params["username"],
        password=params["password"],
        validate_certs=params["validate_certs"],
        ca_path=params.get("ca_path"),
        server_fingerprint=params.get("server_fingerprint"),
        axl_version=params.get("axl_version"),
        timeout=params["timeout"],
        tls_legacy=bool(params.get("tls_legacy")),
    )


class Patience:
    """Seconds that retries may take, shared by all sessions of a task with one cluster.

    lost: services for which retries did not help. Nothing is retried there until they respond.
    """

    def __init__(self, seconds=PATIENCE):
        self.left = seconds
        self.lost = set()


class Answer:
    """Status, octets and content type of one HTTP response. location: target of a redirect."""

    def __init__(self, status, octets, content_type, retry_after=None, location=None):
        self.status = status
        self.octets = octets
        self.content_type = content_type
        self.retry_after = retry_after
        self.location = location

    @property
    def text(self):
        return self.octets.decode("utf-8", "replace")

    @property
    def busy(self):
        """Whether the server did nothing and expects a later retry: throttled, restarting behind a proxy, or short of memory."""
        return self.status in BUSY or self.status in (200, 500) and self.is_soap and bool(MEMORY_FAULT.search(self.octets[:FAULT_LIMIT]))

    @property
    def broken(self):
        """Whether a server that starts, stops or fails sent an HTML page. It is not known whether it did anything."""
        return self.status >= 500 and self.status != 599 and self.status not in BUSY and not self.is_soap

    @property
    def forgets_session(self):
        """Whether this is how servers respond to the cookie of a session that they no longer know, for example with a login page."""
        return self.status in (401, 403, 404) or 300 <= self.status < 400 or self.status == 200 and self._is_page

    @property
    def is_soap(self):
        return b"Envelope" in self.octets[:2000].replace(b"\0", b"")

    @property
    def _is_page(self):
        return not self.is_soap and b"<html" in self.octets[:2000].lower()

    @property
    def page_title(self):
        """Title of an HTML page, to quote in a message."""
        found = re.search(r"<title[^>]*>([^<]{1,120})", self.text, re.IGNORECASE)
        return _foreign.printable(" ".join(found.group(1).split())) if found else ""


class _OwnConnections(HTTPAdapter):
    """Connections that C(dial()) makes after it has checked trust. urllib3's own TLS is not used."""

    def __init__(self, dial):
        self._dial = dial
        super().__init__()

    def init_poolmanager(self, connections, maxsize, block=False, **pool_kwargs):
        super().init_poolmanager(connections, maxsize, block=block, **pool_kwargs)
        dial = self._dial

        class Connection(urllib3.connection.HTTPSConnection):
            def connect(self):
                self.sock = dial()
                self.is_verified = True  # or the user disabled it; otherwise urllib3 warns

        class Pool(urllib3.connectionpool.HTTPSConnectionPool):
            ConnectionCls = Connection

        self.poolmanager.pool_classes_by_scheme = {"https": Pool}


class WebSession:
    """One persistent HTTPS session to one node for one account. Handles HTTP statuses, retries and cookies.

    After the first response, the session cookie replaces the credentials, so that the server does not accumulate
    sessions. Environment variables for proxies and CA bundles are ignored.

    All sessions of a task share one Patience. Failed attempts and the pauses after them use up its seconds. If retries of a request
    did not help, no other request is retried until the server responds to one.

    sleep, clock (Unix seconds), monotonic and jitter (0 to 1) can be replaced in tests.
    """

    def __init__(self, login, roles=AXL_ROLES, budget=None, sleep=None, clock=time.time,
                 monotonic=time.monotonic, jitter=random.random):
        if ZEEP_IMPORT_ERROR is not None:
            raise MissingLibrary("zeep", ZEEP_IMPORT_ERROR)
        self.login = login
        self.roles = roles
        self.clock_skew = None
        self._counts = {"read": 0, "write": 0}
        self._by_operation = {}
        self._sleep = sleep or time.sleep
        self._clock = clock
        self._monotonic = monotonic
        self._jitter = jitter
        self._patience = budget or Patience()
        self._ends = None
        self._answered = False
        self._logged_in = False
        _keep_bodies_out_of_logs()
        self._session = requests.Session()
        self._session.trust_env = False
        self._moment = connection.Moment(time.monotonic, login.timeout)
        self._dialer = connection.Dialer(login, self._moment, requests.certs.where())
        self._operation = ""
        self._session.mount("https://", _OwnConnections(lambda: self._dialer.connect(self.where(self._operation))))

    @property
    def requests(self):
        """Number of requests sent so far, including repeated ones: read, write and by_operation."""
        return dict(self._counts, by_operation=dict(self._by_operation))

    def close(self):
        self._session.close()

    @contextlib.contextmanager
    def within(self, seconds):
        """Limit the total time of the requests inside, including pauses."""
        before = self._ends
        self._ends = self._monotonic() + seconds
        try:
            yield
        finally:
            self._ends = before

    def could_do_without_legacy(self):
        """Whether a handshake without tls_legacy succeeds. Sends no request. False without tls_legacy, or if this is not known."""
        if not self.login.tls_legacy:
            return False
        self._moment.begin(self.login.timeout)
        dialer = connection.Dialer(dataclasses.replace(self.login, tls_legacy=False), self._moment, requests.certs.where())
        try:
            dialer.connect(self.where("TLS")).close()
        except (connection.Broken, SecureTspError, OSError):
            return False
        return True

    def post(self, path, body, headers, operation, writes=False, receive=None, seconds=None):
        """Send one request and return an Answer with a body that can be read, or with status 599.

        receive(content type): returns an object with C(feed) and C(finish) that takes the body of a response with status
        200 in pieces, so that it is never in memory as a whole. It is called for each attempt. seconds: time limit for the whole
        response, if it differs from the login's timeout.

        Raises AxlError for a final status, and TransportError, DeadlineExceeded or TrustError if there was no complete
        response. Retries with growing pauses while there is patience: any request if the server is busy; reads also after
        a broken connection or a page of a starting server; reads and writes that could not connect, if the server has responded
        before. A session that the server no longer knows is opened again once.
        """
        relogged = False
        attempt = 1
        while True:
            began = self._monotonic()
            try:
                answer, session_alone = self._once(path, body, headers, operation, writes, receive, seconds)
            except connection.Broken as broken:
                worth_it = self._answered if broken.before_sending else not writes
                if not worth_it or not self._paused(path, attempt, TRIES_UNSAID, began):
                    raise broken.error from broken
            else:
                forgotten = answer.forgets_session and session_alone or answer.status == 404 and session_alone is not None
                if forgotten and not relogged:
                    self._session.cookies.clear()
                    relogged = True
                    continue
                again = answer.busy or answer.broken and not writes
                if not again:
                    self._patience.lost.discard((self.login.address, path))
                if not again or not self._paused(path, attempt, TRIES if answer.busy else TRIES_UNSAID, began, answer.retry_after):
                    return self._judged(answer, operation, writes, attempt)
            attempt += 1

    def where(self, operation):
        return "%s at %s" % (operation, self.login.address)

    def _once(self, path, body, headers, operation, writes, receive, seconds):
        """C((answer, session_alone)). session_alone: whether a session cookie was sent without credentials; None without a cookie."""
        login = self.login
        seconds = seconds or login.timeout
        if self._ends is not None:
            seconds = max(min(seconds, self._ends - self._monotonic()), LEAST_SECONDS)
        request = requests.Request("POST", "https://%s%s" % (login.address, path), data=body, headers=dict(
            {"Accept": "text/xml", "Accept-Encoding": "identity"}, **headers
        ))
        started = self._monotonic()
        self._moment.begin(seconds)
        self._operation = operation
        try:
            prepared = self._session.prepare_request(request)
            cookie = prepared.headers.get("Cookie", "")
            session_alone = SESSION_COOKIE in cookie if "JSESSIONID" in cookie else None
            if not session_alone:
                prepared.headers["Authorization"] = self._credentials()
            self._count(operation, writes)
            response = self._session.send(
                prepared, verify=False, timeout=seconds, stream=True, allow_redirects=False, proxies={}
            )
            try:
                self._note_clock(response.headers.get("Date"))
                content_type = response.headers.get("Content-Type", "")
                receiver = receive(content_type) if receive and response.status_code == 200 else None
                # requests has consumed the body of a redirect, which is refused anyway.
                octets = b"" if response.is_redirect else self._body(response, started, seconds, operation, receiver)
            finally:
                response.close()
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise self._broken(error, operation, writes, seconds) from error
        self._answered = True
        if response.status_code in (200, 500):
            self._logged_in = True
        headers = response.headers
        if headers.get("Content-Encoding", "identity").lower() in ("gzip", "deflate"):
            octets = _inflated(octets)
        answer = Answer(response.status_code, octets, content_type, headers.get("Retry-After"), headers.get("Location"))
        return answer, session_alone

    def _credentials(self):
        pair = "%s:%s" % (self.login.username, self.login.password)
        return "Basic " + base64.b64encode(pair.encode("utf-8")).decode("ascii")

    def _count(self, operation, writes):
        self._counts["write" if writes else "read"] += 1
        self._by_operation[operation] = self._by_operation.get(operation, 0) + 1

    def _note_clock(self, date):
        server = moment_of(date)
        if server is not None:
            self.clock_skew = round(server - self._clock())

    def _body(self, response, started, seconds, operation, receiver):
        """The whole body, within the deadline and AXL's size limit; empty if a receiver takes it.

        read1 returns what has arrived. read would wait for a full chunk, however slowly the server sends it. urllib3 1
        does not have read1, but the standard library's response below it does.
        """
        read = getattr(response.raw, "read1", None) or response.raw._fp.read1
        octets = bytearray()
        length = 0
        take = octets.extend if receiver is None else receiver.feed
        while True:
            piece = read(65536)
            if not piece:
                break
            length += len(piece)
            take(piece)
            if len(octets) > ANSWER_LIMIT:
                raise AnswerTooLarge(
                    "the response is larger than the 8 MB that AXL allows", where=self.where(operation),
                    cure="Request fewer objects at a time.",
                )
            if self._monotonic() > started + seconds:
                raise self._too_slow(operation, seconds)
        expected = response.headers.get("Content-Length")
        if expected and re.match(r"[0-9]+\Z", expected) and length < int(expected):
            raise urllib3.exceptions.ProtocolError("%d of %s octets received" % (length, expected))
        response.raw.release_conn()
        if receiver is not None:
            receiver.finish()
        return bytes(octets)

    def _too_slow(self, operation, seconds):
        return DeadlineExceeded(
            "no complete response within %g seconds" % seconds,
            where=self.where(operation),
            cure="Run it again. It starts by reading the current state. Increase timeout if the cluster is slow.",
        )

    def _broken(self, error, operation, writes, seconds):
        """The error for a failure below HTTP after connecting."""
        reason = _innermost(error)
        if isinstance(reason, (socket.timeout, urllib3.exceptions.TimeoutError)) or self._moment.over:
            return self._too_slow(operation, min(seconds, self.login.timeout))
        if isinstance(reason, ssl.SSLError) and not isinstance(reason, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
            if "EOF" not in str(reason):
                return self._dialer.no_session(reason, self.where(operation))
        cure = "Run it again."
        if writes:
            cure = PERHAPS_MADE
        return connection.Broken(TransportError(
            "the connection broke before the response was complete", where=self.where(operation), cure=cure))

    def _paused(self, path, attempt, tries, began, retry_after=None):
        """Wait before the next attempt. Returns whether there is one."""
        patience, spent, service = self._patience, self._monotonic() - began, (self.login.address, path)
        left = patience.left - spent
        if self._ends is not None:
            left = min(left, self._ends - self._monotonic())
        seconds = 2.0 ** (attempt - 1) * (1 + self._jitter() / 2)
        seconds = min(max(seconds, self._asked_to_wait(retry_after)), LONGEST_PAUSE)
        if service in patience.lost or attempt >= tries or seconds > left:
            patience.left -= spent
            patience.lost.add(service)
            return False
        patience.left -= spent + seconds
        self._sleep(seconds)
        return True

    def _asked_to_wait(self, retry_after):
        """Seconds that the header Retry-After asks for, as a number or as a date."""
        text = (retry_after or "").strip()
        if SECONDS.match(text):
            return float(text)
        until = moment_of(text)
        return 0.0 if until is None else until - self._clock() - (self.clock_skew or 0)

    def _judged(self, answer, operation, writes, tries):
        where = self.where(operation)
        status = answer.status
        again = "" if tries == 1 else ", %d times in a row" % tries
        if status == 401:
            raise AxlError(
                "the server refused the login (HTTP 401)", where=where, cure=self._cure_401(writes), code=401
            )
        if status == 403:
            raise AxlError(
                "the user may not use this service (HTTP 403)", where=where,
                cure="%s The user is %s." % (self.roles, self.login.username), code=403,
            )
        if answer.is_soap and status not in BUSY and status != 599:
            return answer  # its fault is more specific than the status
        if status == 404:
            raise AxlError(
                "the service was not found (HTTP 404)", where=where,
                cure="Check that hostname is the publisher, and that its service Cisco AXL Web Service is activated. "
                "For RISPort70, Control Center and log collection, check that these services are running.", code=404,
            )
        if status in BUSY:
            raise AxlError(
                "%s (HTTP %d)%s" % (BUSY[status], status, again), where=where,
                cure="This request changed nothing. Run it again when the cluster is less busy.", code=status,
            )
        if status == 599:
            return answer
        if answer.broken:
            raise _no_soap(answer, where, again, PERHAPS_MADE if writes else "The server may be starting. Run it again later.")
        if status not in (200, 500):
            led = _led_to(answer.location) if 300 <= status < 400 else ""
            raise AxlError(
                "an unexpected response: HTTP %d%s%s" % (status, led, _quoted(answer.page_title)), where=where,
                cure="Check that hostname and port are those of CUCM's web services and not of a proxy.", code=status,
            )
        return answer

    def _cure_401(self, writes):
        wrong = "the user name or the password is wrong"
        read_only = "the user may read but not change; CUCM returns 401 in both cases"
        if writes and self._logged_in:
            causes = "The same login could read, so most likely %s (otherwise %s)." % (read_only, wrong)
        else:
            causes = "Either %s, or %s." % (wrong, read_only)
        return "%s The login was not retried, so that the account is not locked. %s" % (causes, self.roles)


def _inflated(octets):
    """The body that a proxy compressed although compression was not requested."""
    try:
        return zlib.decompressobj(32 + zlib.MAX_WBITS).decompress(octets, ANSWER_LIMIT)
    except zlib.error:
        return octets


def moment_of(date):
    """Unix seconds of an HTTP date, or None."""
    try:
        return email.utils.parsedate_to_datetime(date).timestamp() if date else None
    except (TypeError, ValueError, OverflowError):
        return None


def _innermost(error):
    """The error that shows what happened. requests and urllib3 wrap it in others."""
    while True:
        inner = getattr(error, "reason", None)
        if not isinstance(inner, Exception):
            inner = next((one for one in error.args if isinstance(one, Exception)), None)
        if inner is None:
            return error
        error = inner


def _led_to(location):
    """Target of a redirect, without parts that may be secret."""
    bare = re.sub(r"[?#;].*|//[^/@]*@", lambda found: "//" * found.group().startswith("//"), location or "", flags=re.DOTALL)
    return ", which redirects to %s" % _foreign.printable(bare[:200]) if bare else ""


def _quoted(title):
    return ", a page titled \"%s\"" % title if title else ""


def _keep_bodies_out_of_logs():
    """zeep logs whole envelopes at DEBUG, and these contain passwords and authorization strings."""
    for name in ("zeep", "urllib3", "requests"):
        logging.getLogger(name).setLevel(logging.WARNING)


class _Writer(Transport):
    """Takes the finished envelope from zeep and returns it instead of sending it."""

    def post_xml(self, address, envelope, headers):
        return etree.tostring(envelope, encoding="UTF-8", xml_declaration=True), headers


class SoapClient:
    """One SOAP service over a WebSession. Takes and returns plain Python values."""

    def __init__(self, session, path, service):
        self.session = session
        self.path = path
        self.service = service
        self._proxies = {}

    def call(self, operation, **given):
        """The result of an operation in the shape that its Reply specifies. Raises AxlError with the fault's code."""
        known = self.service.operations[operation]
        body, headers = self.envelope(known, given)
        answer = self.session.post(self.path, body, headers, operation, known.writes)
        secrets = values.secrets(known, given) + [self.session.login.password]
        where = self.session.where(operation)
        response = read_envelope(answer, where, secrets, known.writes)
        other = values.local_name(response).partition("Response")[0]
        if other != operation and other in self.service.operations:
            raise ProtocolError("the response is for %s" % other, where=where, cure=CURE_OF_ANSWERS)
        try:
            return values.decode(known, response, given.get("returnedTags"))
        except FormatError as error:
            raise ProtocolError(error.what, where=where, cure=CURE_OF_ANSWERS) from error

    def envelope(self, operation, given):
        """The request of an Operation, as octets and HTTP headers."""
        encoded = values.encode(operation, given, self.service.version, nil=zeep.xsd.Nil)
        return getattr(self._zeep(operation), operation.name)(**encoded)

    def _zeep(self, operation):
        """zeep with only this operation, which it loads much faster than a service with thirty."""
        if operation.name not in self._proxies:
            alone = self.service._replace(operations={operation.name: operation})
            client = zeep.Client(
                io.BytesIO(wsdl.describe(alone)),
                transport=_Writer(),
                settings=zeep.Settings(strict=True, raw_response=True),
            )
            self._proxies[operation.name] = client.create_service(
                wsdl.binding_name(alone), "https://cluster.invalid/")
        return self._proxies[operation.name]


class AxlClient:
    """AXL of one cluster, as a context manager. Nothing is sent before the first call.

    The schema version is negotiated, unless the login specifies it: the release is requested in the oldest
    namespace, and the versions that a server lists with HTTP 599 correct the choice.
    """

    def __init__(self, login, **session_options):
        self.session = WebSession(login, **session_options)
        self._version = None
        self._axl_version = login.axl_version and known_version(login.axl_version)
        self._soap = None
        if login.axl_version and self._axl_version is None:
            raise InputError(
                "axl_version %s is not one of %s" % (_foreign.printable(login.axl_version), ", ".join(schema.VERSIONS))
            )

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.session.close()

    @property
    def version(self):
        """The release as the server reports it, such as C(14.0.1.13900-155)."""
        if self._version is None:
            self._version = self._ask_version()
        return self._version

    @property
    def axl_version(self):
        """The schema version in use, such as C(12.5)."""
        if self._axl_version is None:
            self._axl_version = best_version(self.version, self.session.login.address)
        return self._axl_version

    @property
    def requests(self):
        return self.session.requests

    @property
    def clock_skew(self):
        """Seconds by which the server's clock is ahead of ours; None before the first response."""
        return self.session.clock_skew

    def call(self, operation, **given):
        """Call an AXL operation by its name, with fields by their AXL element names.

        Pass lists as lists, booleans as bool and references as names. None leaves a field out, and CLEAR empties it.
        Returns the object for a get, a list of objects for a list, and the uuid for a change. A list that is too
        long for one response is read in pages.
        """
        try:
            return self._call(operation, given)
        except AnswerTooLarge as too_large:
            pageable = any(field.element == "first" for field in schema.OPERATIONS[operation].fields)
            if not pageable or given.get("first") is not None:
                raise
            return self._pages(operation, given, too_large.suggested_rows or ROWS_PER_PAGE, too_large.total_rows)

    def sql(self, statement):
        """Rows of a query as dicts with column names in lower case; NULL and empty are None."""
        return self.call("executeSQLQuery", sql=statement)

    def _call(self, operation, given):
        if operation == "getCCMVersion":
            return self.version
        try:
            return self._service().call(operation, **given)
        except VersionRefused as refused:
            self._choose_another(refused)
            return self._service().call(operation, **given)

    def _pages(self, operation, given, rows, total):
        """All rows, in pages. A server may ignore skip and first, so a page may contain rows that are already known."""
        found = {}
        asked = 0
        while True:
            page = self._call(operation, dict(given, skip=asked, first=rows))
            asked += len(page)
            known = len(found)
            for row in page:
                found.setdefault(row.get("uuid") or repr(sorted(row.items(), key=repr)), row)
            if len(page) != rows or len(found) == known:
                break
        if len(page) >= rows and total is not None and len(found) < total:
            raise ProtocolError(
                "the server has %d rows but returns %d of them, whichever page is requested" % (total, len(found)),
                where=self.session.where(operation), cure=CURE_OF_ANSWERS)
        return list(found.values())

    def _service(self):
        if self._soap is None:
            self._soap = SoapClient(self.session, AXL_PATH, schema.axl(self.axl_version))
        return self._soap

    def _choose_another(self, refused):
        known = [version for version in refused.supported if version in schema.VERSIONS]
        if self.session.login.axl_version or not known or known[0] == self._axl_version:
            raise self._told(refused) from None
        self._axl_version = known[0]
        self._soap = None

    def _ask_version(self):
        """Without zeep, because the server accepts the oldest namespace only without SOAPAction."""
        try:
            return self._ask_version_in(OLDEST, {})
        except VersionRefused as refused:
            known = [version for version in refused.supported if version in schema.VERSIONS]
            if not known:
                raise self._told(refused) from None
            action = schema.axl(known[0]).soap_action % "getCCMVersion"
            version = self._ask_version_in(known[0], {"SOAPAction": '"%s"' % action})
            if self._axl_version is None:
                self._axl_version = known[0]
            return version

    def _told(self, refused):
        """The refusal with its remedy: another version if one was specified."""
        speaks = "It supports %s. " % (", ".join(refused.supported) or "others")
        if self.session.login.axl_version:
            cure = "Remove axl_version, so that the version is negotiated."
        else:
            cure = "This collection supports %s." % ", ".join(schema.VERSIONS)
        return VersionRefused(refused.what, refused.where, speaks + cure, refused.supported)

    def _ask_version_in(self, namespace, headers):
        name = "getCCMVersion"
        body = (
            '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
            '<axl:getCCMVersion xmlns:axl="http://www.cisco.com/AXL/API/%s"/>'
            "</soapenv:Body></soapenv:Envelope>" % namespace
        ).encode("ascii")
        headers = dict(headers, **{"Content-Type": "text/xml; charset=utf-8"})
        answer = self.session.post(AXL_PATH, body, headers, name)
        where = self.session.where(name)
        version = values.decode(schema.OPERATIONS[name], read_envelope(answer, where))
        if not version:
            raise ProtocolError("the response contains no version", where=where)
        return version


def known_version(text):
    """Our version that matches what a person wrote, such as C(14) or C(14.00), or None."""
    found = re.match(r"\s*([0-9]{1,4})(?:\.([0-9]{1,4}))?\s*\Z", text, re.ASCII)
    numbers = found and tuple(int(part) for part in found.groups() if part)
    return next((version for version in schema.VERSIONS if numbers in (schema.number(version), schema.number(version)[:1])), None)


def best_version(release, where=""):
    """The newest schema version that both we and a release such as C(14.0.1.13900-155) support."""
    found = re.match(r"([0-9]+)\.([0-9]+)", release)
    if not found:
        raise ProtocolError("the release %s cannot be read" % release, where=where)
    running = (int(found.group(1)), int(found.group(2)))
    known = [version for version in schema.VERSIONS if schema.number(version) <= running]
    if not known:
        raise AxlError(
            "CUCM %s is older than 11.5" % release, where=where, cure="This collection works with CUCM 11.5 to 15."
        )
    return known[-1]


VERSION_WORD = re.compile(r"(?<![0-9.])([0-9]{1,2})(?:\.([0-9]{1,2}|[xX*]))?(?![0-9]|\.[0-9])")


def supported_versions(text):
    """The versions that a refusal lists, newest first, once each. C(14.x) stands for all our versions of that major, or for itself."""
    text = re.sub(r"<[^>]*>|[0-9.]+ (is|are) (not |un)supported", " ", text)
    listed = re.split(r"support(?:ed|s)?\b(?! *\.)", text, flags=re.IGNORECASE)[1:]
    found = set()
    for major, minor in VERSION_WORD.findall(" ".join(listed) or text):
        if minor.isdigit():
            found.add("%d.%d" % (int(major), int(minor)))
        else:
            ours = [version for version in schema.VERSIONS if schema.number(version)[0] == int(major)]
            found.update(ours or ["%d.x" % int(major)])
    return tuple(sorted(found, key=lambda version: [int(part) if part.isdigit() else 99 for part in version.split(".")], reverse=True))


def read_envelope(answer, where, secrets=(), writes=False):
    """The response element of a SOAP response. writes: whether it was a change, which may have been made whatever the response is.

    Raises VersionRefused on HTTP 599, AxlError on a fault, and ProtocolError if the response is not SOAP.
    """
    if answer.status == 599:
        supported = supported_versions(answer.text)
        raise VersionRefused(
            "the server does not support this AXL schema version (HTTP 599)", where=where,
            cure="It supports %s." % (", ".join(supported) or "others"), supported=supported,
        )
    body = _soap_body(answer, where, PERHAPS_MADE if writes else "")
    response = next((child for child in body if values.local_name(child)), None)
    if response is None:
        raise ProtocolError("the SOAP response is empty", where=where, cure=PERHAPS_MADE if writes else CURE_OF_ANSWERS)
    if values.local_name(response) == "Fault":
        raise _fault(response, where, secrets)
    return response


def _soap_body(answer, where, more):
    try:
        octets = first_part(answer.octets, answer.content_type)
        root = _parsed(octets, answer.content_type)
    except (etree.XMLSyntaxError, FormatError, LookupError) as error:
        raise _no_soap(answer, where, more=more) from error
    body = values.find(root, "Body") if values.local_name(root) == "Envelope" else None
    if body is None or root.getroottree().docinfo.doctype:
        raise _no_soap(answer, where, more=more)
    return body


def _parsed(octets, content_type):
    """The root of a response, even if a proxy rewrote it or a description contains characters that XML does not allow.

    Such a character in the name of one object must not prevent all others from being read.
    """
    octets = octets.lstrip()
    encoding = None if octets.startswith((b"<?xml", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")) else _charset(content_type)
    try:
        return etree.fromstring(octets, _parser(encoding))
    except etree.XMLSyntaxError:
        text = octets.decode(encoding or "utf-8", "replace")
        text = re.sub(r"\A<\?xml[^>]*\?>", "", NOT_IN_XML.sub("\ufffd", CHARACTER_REFERENCE.sub(_referred, text)))
        return etree.fromstring(text.encode("utf-8"), _parser("utf-8"))


def _parser(encoding):
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True, encoding=encoding)


def _charset(content_type):
    found = re.search(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", content_type, re.IGNORECASE | re.ASCII)
    return found.group(1) if found else None


CHARACTER_REFERENCE = re.compile(r"&#(?:x([0-9A-Fa-f]{1,8})|([0-9]{1,10}));")


def _referred(found):
    """The reference as it is, unless it stands for a character that XML does not allow."""
    number = int(found.group(1), 16) if found.group(1) else int(found.group(2))
    return "\ufffd" if number > 0x10ffff or NOT_IN_XML.match(chr(number)) else found.group()


def _no_soap(answer, where, again="", more=""):
    html = b"<html" in answer.octets[:2000].lower()
    return ProtocolError(
        "the server sent %s instead of a SOAP response (HTTP %d)%s%s" % (
            "an HTML page" if html else "unreadable data", answer.status, _quoted(answer.page_title), again
        ),
        where=where,
        cure=("Check that hostname and port are those of CUCM's web services and that AXL is activated. " + more).strip(),
    )


def _fault(fault, where, secrets):
    """AxlError of a SOAP fault. Its detail has a namespace in some releases and none in others.

    The code or the words of a fault show what it means, because releases, services and proxies use different codes.
    """
    texts = {}
    for element in fault.iter():
        text = (element.text or "").strip() if isinstance(element.tag, str) else ""
        if text:
            texts.setdefault(values.local_name(element), text)
    words = texts.get("axlmessage") or texts.get("message") or texts.get("faultstring") or texts.get("Text") or "no reason given"
    message = words
    for secret in filter(None, secrets):
        message = _foreign.standing(secret).sub(_foreign.HIDDEN, message)
    message = _foreign.printable(" ".join(message.split()))
    code = _fault_code(texts)
    everything = " ".join(texts.values())
    if RATE.search(everything):
        code = RATE_CONTROL
    if TOO_LARGE.search(everything):
        total, suggested = TOTAL_ROWS.search(everything), SUGGESTED_ROWS.search(everything)
        return AnswerTooLarge(
            "more rows than one response can contain%s" % (": %s" % total.group(1) if total else ""), where=where,
            cure="Request fewer objects at a time.", code=code,
            total_rows=_rows(total), suggested_rows=max(_rows(suggested) - 1, 1) if suggested else None,
        )
    cure = next((cure for pattern, cure in CURES_OF_WORDS if pattern.search(" ".join(words.split()))), None)
    return AxlError(
        "the server refused: %s%s" % (message.rstrip("."), "" if code is None else " (code %s)" % code),
        where=where, cure=cure or CURES.get(code, CURE_OF_OTHERS), code=code,
    )


def _rows(found):
    return int(re.sub(r"[^0-9]", "", found.group(1))) if found else None


def _fault_code(texts):
    """A number if AXL returns one or its words show it, else the name of the fault without its prefix. SOAP 1.2 has the name in Value."""
    axl_code = texts.get("axlcode") or texts.get("code") or ""
    if re.match(r"-?[0-9]+\Z", axl_code) and int(axl_code) not in SAYING_NOTHING:
        return int(axl_code)
    for pattern, code in CODES_OF_WORDS:
        if any(pattern.search(text) for text in texts.values()):
            return code
    if re.match(r"-?[0-9]+\Z", axl_code):
        return int(axl_code)
    return axl_code or (texts.get("faultcode") or texts.get("Value") or "").rpartition(":")[2] or None


SAYING_NOTHING = (0, -1)  # codes that are sent for many different faults
# Older releases, and faults that a proxy shortened, have only the words.
CODES_OF_WORDS = tuple((re.compile(pattern, re.IGNORECASE), code) for pattern, code in (
    (r"item not valid.{0,200}\bnot found|the specified \S{1,60} was not found", NOT_FOUND),
    (r"duplicate value in a unique index|could not insert new row.{0,40}duplicate", DUPLICATE),
))
RATE_CONTROL = "Server.RateControl"
RATE = re.compile(r"exceeded\s+(the\s+)?(allowed|permitted|maximum)\s+rate|rate\s*(control|limit)|too\s+many\s+requests", re.IGNORECASE)
TOO_LARGE = re.compile(r"(query|request|result|response|answer)\s+(is\s+)?too\s+large", re.IGNORECASE)
TOTAL_ROWS = re.compile(r"rows\s+matched\W*([0-9][0-9.,]*)", re.IGNORECASE)
SUGGESTED_ROWS = re.compile(r"less\s+than\W*([0-9][0-9.,]*)", re.IGNORECASE)

CURE_OF_OTHERS = "Check the log of the service on that node for this time."
CURE_OF_ANSWERS = "Check that hostname is the publisher of CUCM 11.5 to 15, and check the log of the service for this time."
CURE_OF_LOAD = "Run it again. If it happens again, request fewer objects at a time."
# By the words of the fault, which are more specific than its code: -1 is sent for many different faults.
CURES_OF_WORDS = tuple((re.compile(pattern, re.IGNORECASE), cure) for pattern, cure in (
    (MEMORY_FAULT.pattern.decode("ascii"), CURE_OF_LOAD),
    (r"(database|publisher|server).{0,40}(read.?only|not (writ|updat)|locked|blocked)|read.?only (mode|database|server)|"
     r"publisher.{0,40}(down|unreachable|unavailable|not (reachable|available|accessible|running))|"
     r"can ?not (write to|update) the (database|publisher)|replicat|(upgrade|switch of versions) (is )?in progress",
     "The publisher accepts no changes now. Check its database replication, and whether an upgrade or switch of versions is in progress."),
    (r"\bldap\b|directory synchron", "The directory of the user determines this. Change it there."),
    (r"credential policy|trivial|password.{0,60}(policy|short|length|character|histor|previous|reuse|repeat|complex|weak|requirement)|"
     r"(policy|minimum|trivial|previous).{0,60}password",
     "Use a password that the credential policy of the user allows. See Cisco Unified CM Administration, Credential Policy."),
    (r"user rank", "The AXL user's rank is too low for this object. See User Rank in Cisco Unified CM Administration."),
    (r"not authori[sz]ed|permission|privilege", AXL_ROLES),
))
CURES = {
    NOT_FOUND: "An object named in the request does not exist on the cluster. Check the spelling.",
    5003: "The object does not exist, a mandatory field is missing, or the AXL user's rank is too low for it.",
    DUPLICATE: "An object with this name was created in the meantime. Run it again.",
    -201: "The release does not accept this query.",
    RATE_CONTROL: "Wait a minute. The cluster allows about 15 of these requests per minute.",
}
