# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""AXL and its sister services over one kept HTTPS session: the only user of zeep, requests and lxml.

zeep builds the requests from our own table. Sending, the HTTP status, faults and the reading of answers are
ours, because zeep hides status codes and breaks on answers that are not in schema order.

HTTP statuses, the session cookie and the throttling rules are those of the AXL developer guide and FAQ.
"""

from __future__ import annotations

import base64
import dataclasses
import email.utils
import io
import logging
import os
import random
import re
import ssl
import time
import traceback
import warnings
from typing import Optional

from ansible_collections.voiceops.secure_tsp.plugins.module_utils._attachment import first_part
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._axl import schema, values, wsdl
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._axl.values import CLEAR
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import (
    AxlError,
    DeadlineExceeded,
    FormatError,
    InputError,
    MissingLibrary,
    ProtocolError,
    TransportError,
    TrustError,
)

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
OLDEST = "1.0"  # the namespace that every release answers getCCMVersion in

PARTIAL_CHAIN = 0x80000  # of OpenSSL, where Python does not name it (before 3.10)
NO_NAME = "subjectAltName fields were found"

ANSWER_LIMIT = 9 * 1024 * 1024  # AXL's own limit is 8 MB for one result, plus slack for the envelope
TRIES = 5
LONGEST_PAUSE = 30.0
ROWS_PER_PAGE = 1000

NOT_FOUND = 5007
MEMORY_FAULT = b"Maximum AXL Memory Allocation Consumed"

AXL_ROLES = (
    "Reading needs the roles Standard AXL API Users and Standard AXL Read Only API Access, "
    "changing needs Standard AXL API Access."
)


class AnswerTooLarge(AxlError):
    """More rows than one answer may carry. The numbers are None where the server did not give them."""

    def __init__(self, what, where="", cure="", code=None, total_rows=None, suggested_rows=None):
        super().__init__(what, where, cure, code=code)
        self.total_rows = total_rows
        self.suggested_rows = suggested_rows


class VersionRefused(AxlError):
    """HTTP 599: the server does not speak the schema version. C(supported) are those it names."""

    def __init__(self, what, where="", cure="", supported=()):
        super().__init__(what, where, cure, code=599)
        self.supported = supported


@dataclasses.dataclass(frozen=True)
class ClusterLogin:
    """Where a cluster's web services are, who calls them, and whom to trust. timeout is in seconds."""

    hostname: str
    username: str
    password: str = dataclasses.field(repr=False)
    port: int = 8443
    validate_certs: bool = True
    ca_path: Optional[str] = None
    server_fingerprint: Optional[str] = None
    axl_version: Optional[str] = None
    timeout: float = 60

    @property
    def address(self):
        host = "[%s]" % self.hostname if ":" in self.hostname else self.hostname
        return "%s:%d" % (host, self.port)

    @property
    def unverified(self):
        """True when the password goes to whoever answers."""
        return not self.validate_certs and not self.server_fingerprint

    def as_user(self, username, password):
        """The same place, another account; without a user name the same account."""
        return dataclasses.replace(self, username=username, password=password) if username else self

    def at(self, hostname):
        """Another node of the cluster, same account."""
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
    )


class Answer:
    """Status, octets and content type of one HTTP answer."""

    def __init__(self, status, octets, content_type, retry_after=None):
        self.status = status
        self.octets = octets
        self.content_type = content_type
        self.retry_after = retry_after

    @property
    def text(self):
        return self.octets.decode("utf-8", "replace")

    @property
    def busy(self):
        """The server did nothing and asks for patience: throttled, or short of memory."""
        return self.status == 503 or (self.status == 500 and MEMORY_FAULT in self.octets)

    @property
    def page_title(self):
        """What an HTML page says about itself, to be quoted in a message."""
        found = re.search(r"<title[^>]*>([^<]{1,120})", self.text, re.IGNORECASE)
        return " ".join(found.group(1).split()) if found else ""


def tls_context(ca_path=None, verify=True):
    """How servers are verified, the same on every release of Python.

    Since 3.13 Python refuses certificates that break RFC 5280 in form only, as CUCM's self-signed ones do. And what a person gives
    in ca_path is trusted as it is, be it an authority or the server's own certificate. The name is compared by urllib3, which
    says whether the certificate has one at all.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED if verify else ssl.CERT_NONE
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    if ca_path:
        context.verify_flags |= getattr(ssl, "VERIFY_X509_PARTIAL_CHAIN", PARTIAL_CHAIN)
    return context


class _VerifyingAdapter(HTTPAdapter):
    """Verifies by our own context, and the name by urllib3."""

    def __init__(self, ca_path, hostname):
        self._ca_path = ca_path
        self._hostname = hostname
        super().__init__()

    def init_poolmanager(self, connections, maxsize, block=False, **pool_kwargs):
        pool_kwargs.update(ssl_context=tls_context(self._ca_path), assert_hostname=self._hostname)
        return super().init_poolmanager(connections, maxsize, block=block, **pool_kwargs)


class _PinnedAdapter(HTTPAdapter):
    """Accepts exactly one certificate, by its SHA-256 fingerprint, before anything is sent."""

    def __init__(self, fingerprint):
        self._fingerprint = fingerprint
        super().__init__()

    def init_poolmanager(self, connections, maxsize, block=False, **pool_kwargs):
        pool_kwargs.update(assert_fingerprint=self._fingerprint, ssl_context=tls_context(verify=False))
        return super().init_poolmanager(connections, maxsize, block=block, **pool_kwargs)


class WebSession:
    """One kept HTTPS session to one node for one account, with everything HTTP has to say handled.

    After the first answer its session cookie replaces the credentials, so that the server does not pile
    up sessions. Environment variables for proxies and CA bundles are not looked at.

    sleep, clock (Unix seconds), monotonic and jitter (0 to 1) are there for tests.
    """

    def __init__(self, login, roles=AXL_ROLES, sleep=time.sleep, clock=time.time,
                 monotonic=time.monotonic, jitter=random.random):
        if ZEEP_IMPORT_ERROR is not None:
            raise MissingLibrary("zeep", ZEEP_IMPORT_ERROR)
        self.login = login
        self.roles = roles
        self.clock_skew = None
        self._counts = {"read": 0, "write": 0}
        self._by_operation = {}
        self._sleep = sleep
        self._clock = clock
        self._monotonic = monotonic
        self._jitter = jitter
        self._answered = False
        self._logged_in = False
        _keep_bodies_out_of_logs()
        self._session = requests.Session()
        self._session.trust_env = False
        self._verify = self._trust()

    @property
    def requests(self):
        """Requests sent so far, repeated ones too: read, write and by_operation."""
        return dict(self._counts, by_operation=dict(self._by_operation))

    def close(self):
        self._session.close()

    def post(self, path, body, headers, operation, writes=False, receive=None, seconds=None):
        """Send one request and return an Answer with a body worth reading, or status 599.

        receive(content type): gives an object with C(feed) and C(finish) that takes the body of an answer of status
        200 in pieces, so that nobody holds it whole; called anew for each try. seconds: for the whole answer, if it
        is not the login's timeout.

        Raises AxlError for a status that ends it, TransportError, DeadlineExceeded or TrustError when there
        was no whole answer. Tried again, with growing pauses: 503 and memory faults; broken connections of
        reads; failures to connect, reads and writes alike, once the server has answered before.
        """
        relogged = False
        attempt = 1
        while True:
            try:
                answer, with_cookie = self._once(path, body, headers, operation, writes, receive, seconds)
            except _Broken as broken:
                worth_it = self._answered if broken.before_sending else not writes
                if not worth_it or attempt == TRIES:
                    raise broken.error from broken
                self._pause(attempt)
            else:
                if answer.status == 404 and with_cookie and not relogged:
                    self._session.cookies.clear()
                    relogged = True
                    continue
                if not answer.busy or attempt == TRIES:
                    return self._judged(answer, operation, writes)
                self._pause(attempt, answer.retry_after)
            attempt += 1

    def where(self, operation):
        return "%s at %s" % (operation, self.login.address)

    def _trust(self):
        login = self.login
        if login.server_fingerprint:
            digits = login.server_fingerprint.replace(":", "").replace(" ", "").lower()
            if not re.match(r"[0-9a-f]{64}\Z", digits):
                raise InputError(
                    "server_fingerprint is not a SHA-256 fingerprint",
                    cure="Give 64 hexadecimal digits, with or without colons.",
                )
            self._session.mount("https://", _PinnedAdapter(digits))
            return False
        if not login.validate_certs:
            warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)
            return False
        if login.ca_path and not os.path.exists(login.ca_path):
            raise InputError("ca_path does not exist on the host that runs the module", where=login.ca_path)
        if login.ca_path and not os.access(login.ca_path, os.R_OK):
            raise InputError("ca_path cannot be read by the user that runs the module", where=login.ca_path)
        if hasattr(urllib3.exceptions, "SubjectAltNameWarning"):  # urllib3 1 would take the name in the CN with this warning
            warnings.simplefilter("error", urllib3.exceptions.SubjectAltNameWarning)
        self._session.mount("https://", _VerifyingAdapter(login.ca_path, login.hostname))
        return login.ca_path or True

    def _once(self, path, body, headers, operation, writes, receive, seconds):
        login = self.login
        seconds = seconds or login.timeout
        request = requests.Request("POST", "https://%s%s" % (login.address, path), data=body, headers=dict(
            {"Accept": "text/xml", "Accept-Encoding": "identity"}, **headers
        ))
        started = self._monotonic()
        try:
            prepared = self._session.prepare_request(request)
            with_cookie = SESSION_COOKIE in prepared.headers.get("Cookie", "")
            if not with_cookie:
                prepared.headers["Authorization"] = self._credentials()
            self._count(operation, writes)
            response = self._session.send(
                prepared, verify=self._verify, timeout=login.timeout, stream=True, allow_redirects=False, proxies={}
            )
            try:
                self._note_clock(response.headers.get("Date"))
                content_type = response.headers.get("Content-Type", "")
                receiver = receive(content_type) if receive and response.status_code == 200 else None
                # requests has consumed the body of a redirection, which is refused anyway.
                octets = b"" if response.is_redirect else self._body(response, started, seconds, operation, receiver)
            finally:
                response.close()
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, urllib3.exceptions.HTTPWarning, OSError) as error:
            raise self._broken(error, operation, writes) from error
        self._answered = True
        if response.status_code in (200, 500):
            self._logged_in = True
        answer = Answer(response.status_code, octets, content_type, response.headers.get("Retry-After"))
        return answer, with_cookie

    def _credentials(self):
        pair = "%s:%s" % (self.login.username, self.login.password)
        return "Basic " + base64.b64encode(pair.encode("utf-8")).decode("ascii")

    def _count(self, operation, writes):
        self._counts["write" if writes else "read"] += 1
        self._by_operation[operation] = self._by_operation.get(operation, 0) + 1

    def _note_clock(self, date):
        if not date:
            return
        try:
            server = email.utils.parsedate_to_datetime(date).timestamp()
        except (TypeError, ValueError):
            return
        self.clock_skew = round(server - self._clock())

    def _body(self, response, started, seconds, operation, receiver):
        """The whole body, within the deadline and the size that AXL allows itself; nothing if a receiver takes it.

        read1 gives what has arrived; read would wait for a full chunk, for as long as the server trickles. urllib3 1
        lacks it, the standard library's response below it does not.
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
                    "the answer is larger than the 8 MB that AXL allows", where=self.where(operation),
                    cure="Ask for fewer objects at a time.",
                )
            if self._monotonic() > started + seconds:
                raise self._too_slow(operation, seconds)
        expected = response.headers.get("Content-Length")
        if expected and expected.isdigit() and length < int(expected):
            raise urllib3.exceptions.ProtocolError("%d of %s octets received" % (length, expected))
        response.raw.release_conn()
        if receiver is not None:
            receiver.finish()
        return bytes(octets)

    def _too_slow(self, operation, seconds):
        return DeadlineExceeded(
            "no complete answer within %g seconds" % seconds,
            where=self.where(operation),
            cure="Run it again, it starts by reading what is there. Raise timeout if the cluster is slow.",
        )

    def _broken(self, error, operation, writes):
        """What went wrong below HTTP, and whether the request can have reached the server."""
        where = self.where(operation)
        reason = _innermost(error)
        if isinstance(error, urllib3.exceptions.HTTPWarning):
            return self._distrust(NO_NAME, where)
        if isinstance(error, (requests.exceptions.SSLError, urllib3.exceptions.SSLError)):
            # A connection cut in the middle of the handshake or later is not a matter of trust.
            if "EOF" not in str(reason):
                return self._distrust(str(reason), where)
        if isinstance(error, requests.exceptions.ConnectTimeout):
            return _Broken(
                DeadlineExceeded(
                    "no connection within %g seconds" % self.login.timeout,
                    where=where,
                    cure="Check the host name and that no firewall drops TCP port %d." % self.login.port,
                ),
                before_sending=True,
            )
        if isinstance(error, (requests.exceptions.ReadTimeout, urllib3.exceptions.ReadTimeoutError)):
            return self._too_slow(operation, self.login.timeout)
        if isinstance(reason, urllib3.exceptions.NewConnectionError):
            return _Broken(self._no_connection(str(reason), where), before_sending=True)
        if isinstance(error, requests.exceptions.InvalidURL):
            return InputError("hostname is not a host name or an address", where=self.login.hostname)
        cure = "Run it again."
        if writes:
            cure = "The change may or may not have been made. Run it again, it starts by reading what is there."
        return _Broken(TransportError("the connection broke before the answer was complete", where=where, cure=cure))

    def _no_connection(self, reason, where):
        lowered = reason.lower()
        if "resolve" in lowered or "name or service" in lowered or "getaddrinfo" in lowered:
            return TransportError(
                "the host name cannot be resolved", where=where,
                cure="Check hostname and the name servers of the host that runs the module.",
            )
        if "refused" in lowered:
            return TransportError(
                "the connection was refused", where=where,
                cure="Check hostname and port, and that Cisco Tomcat runs on the node.",
            )
        return TransportError(
            "no connection to the host", where=where, cure="Check hostname, port and the route to it."
        )

    def _distrust(self, reason, where):
        login = self.login
        if "ingerprint" in reason:
            return TrustError(
                "the server's certificate is not the pinned one", where=where,
                cure="If the certificate was renewed, compare it with the server and set server_fingerprint anew.",
            )
        if NO_NAME in reason:
            return TrustError(
                "the server's certificate names no host: it has no subjectAltName, and a name in its CN alone counts for nobody any more",
                where=where, cure="Pin the certificate with server_fingerprint (its SHA-256, as openssl x509 -noout -fingerprint -sha256 shows "
                "it), or renew it on CUCM, which puts the name there.",
            )
        if "match" in reason and "ostname" in reason or "IP address mismatch" in reason:
            return TrustError(
                "the server's certificate is for another host name", where=where,
                cure="Use the name in the certificate as hostname, or pin the certificate with server_fingerprint.",
            )
        if "certificate verify failed" in reason:
            return TrustError(
                "the server's certificate is not trusted%s" % _verify_reason(reason), where=where,
                cure="Put the certificate, or that of its issuer, into ca_path, or pin it with server_fingerprint.",
            )
        if "no certificate or crl found" in reason or "PEM lib" in reason:
            return TrustError("ca_path holds no certificate in PEM format", where=login.ca_path or where)
        return TransportError(
            "no TLS session could be made%s" % _tls_reason(reason), where=where,
            cure="Check that port %d is the HTTPS port of CUCM (8443 as a rule)." % login.port,
        )

    def _pause(self, attempt, retry_after=None):
        seconds = min(2.0 ** (attempt - 1) * (1 + self._jitter() / 2), LONGEST_PAUSE)
        if retry_after and retry_after.isdigit():
            seconds = min(max(seconds, float(retry_after)), LONGEST_PAUSE)
        self._sleep(seconds)

    def _judged(self, answer, operation, writes):
        where = self.where(operation)
        status = answer.status
        if status == 401:
            raise AxlError(
                "the server refused the login (HTTP 401)", where=where, cure=self._cure_401(writes), code=401
            )
        if status == 403:
            raise AxlError(
                "the user may not use this service (HTTP 403)", where=where,
                cure="%s The user is %s." % (self.roles, self.login.username), code=403,
            )
        if status == 404:
            raise AxlError(
                "the service was not found (HTTP 404)", where=where,
                cure="Check that hostname is the publisher, and that its service Cisco AXL Web Service is activated "
                "(for RISPort70, Control Center and log collection: that these run).", code=404,
            )
        if status == 503:
            raise AxlError(
                "the server is overloaded or throttles changes (HTTP 503), %d times in a row" % TRIES, where=where,
                cure="Nothing was changed by this request. Run it again when the cluster has caught up.", code=503,
            )
        if status == 599:
            return answer
        if status not in (200, 500):
            raise AxlError(
                "an unexpected answer: HTTP %d%s" % (status, _quoted(answer.page_title)), where=where,
                cure="Check that hostname and port are those of CUCM's web services and not of a proxy.", code=status,
            )
        return answer

    def _cure_401(self, writes):
        wrong = "the user name or the password is wrong"
        read_only = "the user may read but not change; CUCM answers 401 to both"
        if writes and self._logged_in:
            causes = "As the same login could read, most likely %s (otherwise %s)." % (read_only, wrong)
        else:
            causes = "Either %s, or %s." % (wrong, read_only)
        return "%s It was not tried again, so that the account is not locked. %s" % (causes, self.roles)


class _Broken(Exception):
    """Carries the error to raise when the request is not tried again."""

    def __init__(self, error, before_sending=False):
        super().__init__(str(error))
        self.error = error
        self.before_sending = before_sending


def _innermost(error):
    """requests and urllib3 wrap each other: the error that says what happened."""
    while True:
        inner = getattr(error, "reason", None)
        if not isinstance(inner, Exception):
            inner = error.args[0] if error.args and isinstance(error.args[0], Exception) else None
        if inner is None or isinstance(error, urllib3.exceptions.NewConnectionError):
            return error
        error = inner


def _verify_reason(reason):
    found = re.search(r"certificate verify failed: ([^(\[]+)", reason)
    return " (%s)" % found.group(1).strip() if found else ""


def _tls_reason(reason):
    found = re.search(r"\[SSL: ([A-Z0-9_]+)\]", reason)
    return " (%s)" % found.group(1).lower().replace("_", " ") if found else ""


def _quoted(title):
    return ", a page titled \"%s\"" % title if title else ""


def _keep_bodies_out_of_logs():
    """zeep logs whole envelopes at DEBUG, and these carry passwords and authorization strings."""
    for name in ("zeep", "urllib3", "requests"):
        logging.getLogger(name).setLevel(logging.WARNING)


class _Writer(Transport):
    """Takes the finished envelope from zeep and hands it back instead of sending it."""

    def post_xml(self, address, envelope, headers):
        return etree.tostring(envelope, encoding="UTF-8", xml_declaration=True), headers


class SoapClient:
    """One SOAP service over a WebSession: plain Python in, plain Python out."""

    def __init__(self, session, path, service):
        self.session = session
        self.path = path
        self.service = service
        self._proxies = {}

    def call(self, operation, **given):
        """The result of an operation in the shape its Reply says. Raises AxlError with the fault's code."""
        known = self.service.operations[operation]
        body, headers = self.envelope(known, given)
        answer = self.session.post(self.path, body, headers, operation, known.writes)
        secrets = values.secrets(known, given) + [self.session.login.password]
        response = read_envelope(answer, self.session.where(operation), secrets)
        return values.decode(known, response, given.get("returnedTags"))

    def envelope(self, operation, given):
        """The request of an Operation as octets with its HTTP headers."""
        encoded = values.encode(operation, given, self.service.version, nil=zeep.xsd.Nil)
        return getattr(self._zeep(operation), operation.name)(**encoded)

    def _zeep(self, operation):
        """zeep with this one operation, which it learns far faster than a service of thirty."""
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
    """AXL of one cluster; a context manager. Nothing is sent before the first call.

    The schema version is negotiated, unless the login names one: the release is asked for in the oldest
    namespace, and what a server lists with HTTP 599 corrects the choice.
    """

    def __init__(self, login, **session_options):
        self.session = WebSession(login, **session_options)
        self._version = None
        self._axl_version = login.axl_version
        self._soap = None
        if self._axl_version is not None and self._axl_version not in schema.VERSIONS:
            raise InputError(
                "axl_version %s is not one of %s" % (self._axl_version, ", ".join(schema.VERSIONS))
            )

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.session.close()

    @property
    def version(self):
        """The release as the server writes it, such as C(14.0.1.13900-155)."""
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
        """Seconds that the server's clock is ahead of ours; None before the first answer."""
        return self.session.clock_skew

    def call(self, operation, **given):
        """Call an AXL operation by its name, with fields by their AXL element names.

        Lists in lists, booleans as bool, references as names; None leaves a field out and CLEAR empties it.
        Result: the object of a get, a list of objects of a list, the uuid of a change. A list that is too
        long for one answer is fetched in pages.
        """
        try:
            return self._call(operation, given)
        except AnswerTooLarge as too_large:
            pageable = any(field.element == "first" for field in schema.OPERATIONS[operation].fields)
            if not pageable or given.get("first") is not None:
                raise
            return self._pages(operation, given, too_large.suggested_rows or ROWS_PER_PAGE)

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

    def _pages(self, operation, given, rows):
        found = []
        while True:
            page = self._call(operation, dict(given, skip=len(found), first=rows))
            found.extend(page)
            if len(page) < rows:
                return found

    def _service(self):
        if self._soap is None:
            self._soap = SoapClient(self.session, AXL_PATH, schema.axl(self.axl_version))
        return self._soap

    def _choose_another(self, refused):
        known = [version for version in schema.VERSIONS if version in refused.supported]
        if self.session.login.axl_version or not known or known[-1] == self._axl_version:
            raise refused
        self._axl_version = known[-1]
        self._soap = None

    def _ask_version(self):
        """Outside zeep, because SOAPAction must be missing for the server to accept the oldest namespace."""
        try:
            return self._ask_version_in(OLDEST, {})
        except VersionRefused as refused:
            known = [version for version in schema.VERSIONS if version in refused.supported]
            if not known:
                raise
            action = schema.axl(known[-1]).soap_action % "getCCMVersion"
            version = self._ask_version_in(known[-1], {"SOAPAction": '"%s"' % action})
            if self._axl_version is None:
                self._axl_version = known[-1]
            return version

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
            raise ProtocolError("the answer names no version", where=where)
        return version


def best_version(release, where=""):
    """The newest schema version that we and a release such as C(14.0.1.13900-155) have in common."""
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


def read_envelope(answer, where, secrets=()):
    """The response element of a SOAP answer.

    Raises VersionRefused on HTTP 599, AxlError on a fault, ProtocolError when it is no SOAP at all.
    """
    if answer.status == 599:
        supported = tuple(re.findall(r"[0-9]+\.[0-9]+", answer.text))
        raise VersionRefused(
            "the server does not speak this AXL schema version (HTTP 599)", where=where,
            cure="It speaks %s. Leave axl_version away to have it negotiated." % (", ".join(supported) or "others"),
            supported=supported,
        )
    body = _soap_body(answer, where)
    response = next((child for child in body if values.local_name(child)), None)
    if response is None:
        raise ProtocolError("the SOAP answer is empty", where=where)
    if values.local_name(response) == "Fault":
        raise _fault(response, where, secrets)
    return response


def _soap_body(answer, where):
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)
    try:
        root = etree.fromstring(first_part(answer.octets, answer.content_type), parser)
    except (etree.XMLSyntaxError, FormatError) as error:
        raise _no_soap(answer, where) from error
    body = values.find(root, "Body") if values.local_name(root) == "Envelope" else None
    if body is None or root.getroottree().docinfo.doctype:
        raise _no_soap(answer, where)
    return body


def _no_soap(answer, where):
    html = b"<html" in answer.octets[:2000].lower()
    return ProtocolError(
        "%s instead of a SOAP answer (HTTP %d)%s" % (
            "an HTML page came" if html else "something unreadable came", answer.status, _quoted(answer.page_title)
        ),
        where=where,
        cure="Check that hostname and port are those of CUCM's web services and that AXL is activated.",
    )


def _fault(fault, where, secrets):
    """AxlError of a SOAP fault. Its detail has a namespace in some releases and none in others."""
    texts = dict((values.local_name(child), (child.text or "").strip()) for child in fault)
    detail = dict(
        (values.local_name(element), (element.text or "").strip())
        for element in fault.iter()
        if values.local_name(element) in ("axlcode", "axlmessage", "request")
    )
    message = detail.get("axlmessage") or texts.get("faultstring") or "no reason given"
    for secret in secrets:
        if secret:
            message = message.replace(secret, "********")
    code = _fault_code(detail.get("axlcode"), texts.get("faultcode", ""))
    too_large = re.search(r"Total rows matched:\s*([0-9]+).*?less than\s*([0-9]+)", message, re.DOTALL)
    if too_large:
        return AnswerTooLarge(
            "more rows than one answer may carry: %s" % too_large.group(1), where=where,
            cure="Ask for fewer objects at a time.", code=code,
            total_rows=int(too_large.group(1)), suggested_rows=max(int(too_large.group(2)) - 1, 1),
        )
    return AxlError(
        "the server refused: %s%s" % (message.rstrip("."), "" if code is None else " (code %s)" % code),
        where=where, cure=CURES.get(code, CURE_OF_OTHERS), code=code,
    )


def _fault_code(axl_code, fault_code):
    if axl_code and re.match(r"-?[0-9]+\Z", axl_code):
        return int(axl_code)
    return axl_code or fault_code.rpartition(":")[2] or None


CURE_OF_OTHERS = "Look at the log of the service on that node of this time."
CURES = {
    5007: "An object named in the request does not exist on the cluster; check the spelling.",
    5003: "The object does not exist, a mandatory field is missing, or the AXL user's rank is too low for it.",
    -239: "An object of that name was made meanwhile. Run it again.",
    -201: "The release does not accept this query.",
    -1: "Run it again, with fewer objects at a time if it happens again.",
    "Server.RateControl": "Wait a minute; the cluster allows about 15 of these requests a minute.",
}
