# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""TLS connections to a cluster's web services: name lookup, connection, handshake and trust decision, within one deadline.

The TLS context is our own, because libraries and Python releases differ in what they refuse: Python 3.13 refuses
certificates that 3.8 accepts, and urllib3 1 accepts names that urllib3 2 refuses.
"""

from __future__ import annotations

import hashlib
import os
import re
import socket
import ssl

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _foreign, _lookup
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import (
    DeadlineExceeded,
    InputError,
    TransportError,
    TrustError,
)

# The choice of Python itself. Distributions build Python with the choice of OpenSSL, which has more.
CIPHERS = "ECDH+AESGCM:ECDH+CHACHA20:ECDH+AES:DHE+AES:!aNULL:!eNULL:!aDSS:!SHA1:!AESCCM"
LEGACY_CIPHERS = "DEFAULT:AES128-SHA:AES256-SHA:@SECLEVEL=0"
LEGACY_SERVER_CONNECT = getattr(ssl, "OP_LEGACY_SERVER_CONNECT", 0x4)
PARTIAL_CHAIN = getattr(ssl, "VERIFY_X509_PARTIAL_CHAIN", 0x80000)
STRICT = getattr(ssl, "VERIFY_X509_STRICT", 0x20)

# OpenSSL's codes of a verification that failed.
NOT_YET_VALID, EXPIRED = 9, 10
OTHER_NAME, OTHER_ADDRESS = 62, 64
TOO_WEAK = (66, 67, 68)  # the server's key, an authority's key, the digest of a signature

CURE_LEGACY = "Set tls_legacy to accept this until the web services of the cluster are updated."
# Words of OpenSSL's reasons, their meaning and the remedy.
TLS_REASONS = (
    ("wrong version number", "the port does not speak TLS", "Check that port %(port)d is the HTTPS port of CUCM (usually 8443)."),
    ("http request", "the port speaks HTTP without TLS", "Check that port %(port)d is the HTTPS port of CUCM (usually 8443)."),
    ("dh key too small", "its Diffie-Hellman key is too short for the rules of this host", CURE_LEGACY),
    ("key too small", "its key is too short for the rules of this host", CURE_LEGACY),
    ("md too weak", "the digest of its certificate's signature is too weak for the rules of this host", CURE_LEGACY),
    ("unsupported protocol", "it offers only outdated versions of TLS", CURE_LEGACY),
    ("protocol version", "it offers only other versions of TLS", CURE_LEGACY),
    ("no protocols available", "this host offers no version of TLS", "Check the crypto policy of this host. " + CURE_LEGACY),
    ("legacy renegotiation", "it cannot renegotiate safely", CURE_LEGACY),
    ("legacy sigalg", "it signs with an outdated algorithm", CURE_LEGACY),
    ("wrong signature type", "it signs with an algorithm that the rules of this host forbid", CURE_LEGACY),
    ("no cipher match", "this host has none of the requested cipher suites", "Check the crypto policy of this host."),
    ("no shared", "there is no common cipher suite", CURE_LEGACY),
    ("wrong cipher", "there is no common cipher suite", CURE_LEGACY),
    ("handshake failure", "there is no common cipher suite or version of TLS", CURE_LEGACY),
    ("insufficient security", "it requires stronger cipher suites than this host has", "Check the crypto policy of this host."),
    ("unrecognized name", "it does not know the name in hostname", "Use the name of the node in the cluster."),
    ("certificate required", "it requires a client certificate",
     "This is a proxy in front of the web services. Ask its administrator for a way past it."),
)
CURE_PORT = "Check that port %(port)d is the HTTPS port of CUCM (usually 8443), and check the log of Cisco Tomcat for this time."


class Broken(Exception):
    """Contains the error to raise if there is no retry. before_sending: the server cannot have received the request."""

    def __init__(self, error, before_sending=False):
        super().__init__(str(error))
        self.error = error
        self.before_sending = before_sending


class Moment:
    """When the current request must end, and how long the server may be silent until then."""

    def __init__(self, clock, silence):
        self._clock = clock
        self._silence = silence
        self._end = clock()
        self.seconds = 0

    def begin(self, seconds):
        self.seconds = seconds
        self._end = self._clock() + seconds

    def remaining(self, parts=1):
        """Seconds for the next step, of C(parts) steps that are left. Raises socket.timeout if no time is left."""
        left = self._end - self._clock()
        if left <= 0:
            raise socket.timeout("not finished in time")
        return min(left / parts, self._silence)

    @property
    def over(self):
        return self._clock() > self._end


class _TimedSocket(ssl.SSLSocket):
    """Each read and write ends at the deadline, however slowly the server sends. A plain timeout would restart with every octet."""

    def recv_into(self, *arguments, **options):
        self.settimeout(self.context.moment.remaining())
        return super().recv_into(*arguments, **options)

    def send(self, *arguments, **options):
        self.settimeout(self.context.moment.remaining())
        return super().send(*arguments, **options)


class Dialer:
    """Makes the connections of one login. authorities: PEM file with the authorities to trust if there is no ca_path."""

    def __init__(self, login, moment, authorities):
        self.login = login
        self._moment = moment
        self._authorities = authorities
        self._pin = _pin_of(login.server_fingerprint)
        self._context = None
        if not self._pin and login.validate_certs and login.ca_path:
            _check_readable(login.ca_path)

    def connect(self, where):
        """A TLS socket to a trusted server. Raises Broken, TransportError or TrustError; in that case nothing was sent."""
        if self._context is None:
            self._context = self._new_context()
        secured = self._secured(self._context, where)
        if self._pin and hashlib.sha256(secured.getpeercert(True) or b"").hexdigest() != self._pin:
            secured.close()
            raise TrustError(
                "the server's certificate is not the pinned one", where=where,
                cure="If the certificate was renewed, compare it with the server and update server_fingerprint.")
        return secured

    def _new_context(self, names=True):
        """names: whether the certificate must be for the host."""
        login = self.login
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.sslsocket_class = _TimedSocket
        context.moment = self._moment
        if login.tls_legacy:
            context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            context.set_ciphers(LEGACY_CIPHERS)
            context.options |= LEGACY_SERVER_CONNECT
        else:
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(CIPHERS)
        if self._pin or not login.validate_certs:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            return context
        context.check_hostname = names
        if ssl.HAS_NEVER_CHECK_COMMON_NAME:  # LibreSSL, with which Python on macOS is built, cannot turn it off
            context.hostname_checks_common_name = False
        context.verify_flags &= ~STRICT
        path = login.ca_path or self._authorities
        if login.ca_path:
            context.verify_flags |= PARTIAL_CHAIN  # trust the given certificates, whoever issued them
        try:
            context.load_verify_locations(**{"capath" if os.path.isdir(path) else "cafile": path})
        except (ssl.SSLError, OSError) as error:
            raise TrustError("ca_path contains no certificate in PEM format", where=path) from error
        return context

    def _secured(self, context, where):
        plain = self._plain(where)
        try:
            return context.wrap_socket(plain, server_hostname=self.login.hostname.partition("%")[0].rstrip("."))
        except ssl.SSLCertVerificationError as error:
            raise self._distrust(error, where, context.check_hostname) from error
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionError) as error:
            raise Broken(TransportError("the connection broke in the TLS handshake", where=where, cure="Run it again."), True) from error
        except socket.timeout as error:
            raise self._too_late(where) from error
        except (ssl.SSLError, ValueError, OSError) as error:
            raise self.no_session(error, where) from error
        finally:
            plain.close()  # if wrapping succeeded, the other object owns the socket

    def _plain(self, where):
        addresses = self._addresses(where)
        failure = None
        for number, (family, address) in enumerate(addresses):
            connecting = socket.socket(family, socket.SOCK_STREAM)
            try:
                connecting.settimeout(self._moment.remaining(len(addresses) - number))
                connecting.connect(address)
                connecting.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connecting.settimeout(self._moment.remaining())  # the handshake as a whole
                return connecting
            except OSError as error:
                connecting.close()
                failure = failure or error
        if isinstance(failure, socket.timeout):
            raise self._too_late(where) from failure
        refused = isinstance(failure, ConnectionRefusedError)
        raise Broken(TransportError(
            "the connection was refused" if refused else "no connection to the host", where=where,
            cure="Check hostname and port, and that Cisco Tomcat runs on the node." if refused
            else "Check hostname, port and the route to it."), True) from failure

    def _addresses(self, where):
        try:
            return _lookup.addresses(self.login.hostname, self.login.port, socket.SOCK_STREAM, self._moment.remaining())
        except socket.timeout as error:
            raise Broken(DeadlineExceeded(
                "the host name could not be resolved within %g seconds" % self._moment.seconds, where=where,
                cure="The name servers of this host do not respond. Check them, or use the address instead of the name."), True) from error
        except (OSError, ValueError) as error:
            raise Broken(TransportError(
                "the host name cannot be resolved", where=where,
                cure="Check hostname and the name servers of the host that runs the module."), True) from error

    def _too_late(self, where):
        return Broken(DeadlineExceeded(
            "no connection within %g seconds" % self._moment.seconds, where=where,
            cure="Check the host name and that no firewall drops TCP port %d." % self.login.port), True)

    def _distrust(self, error, where, named):
        code, reason = error.verify_code, error.verify_message
        if code in (OTHER_NAME, OTHER_ADDRESS):
            if named and self._names_nobody(where):
                return TrustError(
                    "only the subject of the server's certificate names a host", where=where,
                    cure="Pin it with server_fingerprint, or issue one with a subject alternative name.")
            return TrustError(
                "the server's certificate is for another host name", where=where,
                cure="Use the name in the certificate as hostname, or pin the certificate with server_fingerprint.")
        if code in TOO_WEAK:
            return TransportError(
                "the server's certificate is too weak for the rules of this host (%s)" % reason, where=where,
                cure="Renew it. " + CURE_LEGACY)
        if code in (EXPIRED, NOT_YET_VALID):
            return TrustError(
                "the server's certificate is not trusted (%s)" % reason, where=where,
                cure="Renew it on the cluster." if code == EXPIRED else "Compare the clocks of this host and of the cluster.")
        return TrustError(
            "the server's certificate is not trusted (%s)" % reason, where=where,
            cure="Set ca_path to a file with the certificate or that of its issuer, or pin it with server_fingerprint.")

    def _names_nobody(self, where):
        """Whether a certificate that is trusted except for its name has no alternative names. Nothing is sent to find out."""
        try:
            with self._secured(self._new_context(names=False), where) as secured:
                return not secured.getpeercert().get("subjectAltName")
        except (Broken, TransportError, TrustError, OSError):
            return False

    def no_session(self, error, where):
        """TransportError for a TLS failure that does not concern trust, with OpenSSL's reason."""
        reason = (getattr(error, "reason", None) or str(error)).lower().replace("_", " ")
        meaning, cure = next(((meaning, cure) for words, meaning, cure in TLS_REASONS if words in reason), ("", CURE_PORT))
        what = "no TLS session could be established (%s)" % reason
        return TransportError(
            "%s: %s" % (what, meaning) if meaning else what, where=where, cure=cure.replace("%(port)d", str(self.login.port)))


def _pin_of(fingerprint):
    """64 hexadecimal digits, or None."""
    if not fingerprint:
        return None
    digits = _foreign.hexadecimal(fingerprint)
    if not re.match(r"[0-9a-f]{64}\Z", digits):
        raise InputError("server_fingerprint is not a SHA-256 fingerprint",
                         cure="Set it to 64 hexadecimal digits, with or without colons.")
    return digits


def _check_readable(path):
    if not os.path.exists(path):
        raise InputError("ca_path does not exist on the host that runs the module", where=path)
    if not os.access(path, os.R_OK):
        raise InputError("ca_path cannot be read by the user that runs the module", where=path)
