# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""All sockets of the client side: TFTP (tftpy), HTTP 6970, and TLS (pyOpenSSL) with peers that a trust list confirms.

One Deadline limits every operation, however slowly the peer sends. Works with pyOpenSSL 20 and later.
"""

from __future__ import annotations

import http.client
import io
import logging
import re
import socket
import struct
import time
import traceback

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _lookup, _pki
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import (
    CannotHere,
    DeadlineExceeded,
    FileMissing,
    FileRefused,
    MissingLibrary,
    ProtocolError,
    TransportError,
)

try:
    from tftpy.TftpContexts import TftpContextClientDownload
    from tftpy.TftpPacketTypes import TftpPacketDAT, TftpPacketERR
    from tftpy.TftpShared import TftpException, TftpTimeout
except ImportError:
    TFTPY_IMPORT_ERROR = traceback.format_exc()
    TftpContextClientDownload = object
else:
    TFTPY_IMPORT_ERROR = None
    # Its warnings would reach the module's standard error; what matters is raised as an error.
    logging.getLogger("tftpy").setLevel(logging.CRITICAL)

try:
    from OpenSSL import SSL, crypto
except ImportError:
    PYOPENSSL_IMPORT_ERROR = traceback.format_exc()
else:
    PYOPENSSL_IMPORT_ERROR = None

TFTP_RETRANSMIT = 1.5  # seconds of silence before a packet is sent again
TFTP_RETRIES = 5
UNKNOWN_TID, ILLEGAL_OPERATION, OPTION_REFUSED = 5, 4, 8
FILE_NOT_FOUND = 1
# Servers that are not Cisco's, and some releases, report it with error 0 ("not defined, see the text") or another one.
SAYS_NOT_FOUND = re.compile(r"not (be )?found|no such (file|object|entry)|(does|did) ?n[o']t exist|not exist|non-?existent|unknown file|"
                            r"cannot (find|locate)|can't find|missing file|file (is )?missing|ENOENT", re.IGNORECASE)
HTTP_BUSY = 503  # a proxy search in other clusters is still running
HTTP_TRIES = 3
HTTP_PAUSE = 0.6  # seconds between them, as phones wait

# The suites of TSP 15's guide with their ECDSA twins; AES128-SHA, which the session in tech note 213250 used, is last.
CIPHERS = (
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256:"
    "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:AES128-SHA"
)
LEGACY_CIPHERS = CIPHERS + ":AES256-SHA"
ANY_LEVEL = "@SECLEVEL=0"
# What a server may sign its handshake with. In TLS 1.3 this alone decides which of its certificates it shows.
SIGNATURES = {
    "rsa": "rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:rsa_pss_pss_sha256:rsa_pss_pss_sha384:rsa_pss_pss_sha512:"
           "RSA+SHA256:RSA+SHA384:RSA+SHA512",
    "ec": "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512",
}
LEGACY_SIGNATURES = {"rsa": ":RSA+SHA1", "ec": ":ECDSA+SHA1"}
SHORTEST_RSA = 2048  # bits, without legacy
WEAK_CIPHERS = ("AES128-SHA", "AES256-SHA")
PIECE = 65536
CURE_NO_CUCM = "This is not a file server of CUCM; check its address and port."
CURE_NO_LIST = "This is not a trust list of CUCM; check the file server's address."
CURE_CLOSED = "Check that this is the right port, and read the trace of its service for this time."
CURE_SHORT = "The server's key is too short for current rules: renew its certificate with a longer key, or set tls_legacy."
CURE_ONE_TYPE = (
    "Only certificates with %s keys were requested, because the trust list has no others for this service. If the server no longer has "
    "one, update the trust list on the publisher: utils ctl update CTLFile, then restart Cisco Tftp.")
CURE_LEVEL = (
    "The crypto policy or the OpenSSL of this host does not allow it. See the table of platforms in the security guide, or use another "
    "interpreter. Nothing was connected.")
CURE_SILENT_NAMES = "The name servers of this host do not answer: check /etc/resolv.conf, or give the address instead of the name."
CURE_BROKEN = "Check the network between this host and the server, then run again."


class Deadline:
    """A moment after which all waiting ends. clock returns seconds and is for tests."""

    def __init__(self, seconds, clock=time.monotonic):
        self.seconds = seconds
        self._clock = clock
        self._end = clock() + seconds

    def remaining(self, where=""):
        """Seconds left, always more than zero. Raises DeadlineExceeded when there are none."""
        left = self._end - self._clock()
        if left <= 0:
            raise self.exceeded(where)
        return left

    def exceeded(self, where=""):
        return DeadlineExceeded("not finished within %g seconds" % self.seconds, where=where,
                                cure="Check the network and the load of the server, or raise timeout.")


def place(host, port):
    return ("[%s]:%d" if ":" in host else "%s:%d") % (host, port)


def resolve(host, port, kind, deadline, where):
    """C((family, address)) of every address of a host, IPv4 first, as in Java and so in JTAPI."""
    try:
        found = _lookup.addresses(host, port, kind, deadline.remaining(where))
    except socket.timeout:
        raise DeadlineExceeded("the host name could not be resolved within %g seconds" % deadline.seconds, where=where,
                               cure=CURE_SILENT_NAMES) from None
    except (OSError, ValueError) as error:
        raise TransportError("the host name cannot be resolved: %s" % error, where=where,
                             cure="Check the spelling and the name service of this host.") from None
    return sorted(found, key=lambda item: item[0] != socket.AF_INET)


def address_of(host, deadline):
    """The IP address of a host name, as text."""
    return resolve(host, 0, socket.SOCK_STREAM, deadline, host)[0][1][0].split("%")[0]


def printable(octets, limit=200):
    """Text from the wire for a message: printable characters only."""
    text = octets.decode("utf-8", "replace") if isinstance(octets, bytes) else str(octets)
    return "".join(letter if letter.isprintable() else " " for letter in text[:limit]).strip()


# TFTP


class _Collector:
    """Collect the octets of a file up to a limit."""

    def __init__(self, limit, where):
        self.limit = limit
        self.where = where
        self.octets = bytearray()

    def write(self, octets):
        if len(self.octets) + len(octets) > self.limit:
            raise TransportError("the file is larger than %d octets" % self.limit, where=self.where,
                                 cure=CURE_NO_LIST)
        self.octets += octets


class _Download(TftpContextClientDownload):
    """tftpy's download, but bound to one address and TID, one deadline, and either IP version.

    Unchanged, tftpy accepts a DATA packet from any sender, supports only IPv4, starts its count of retries again
    with every packet and would wait forever for a slow server.
    """

    def __init__(self, family, address, name, output, deadline, source_address, where):
        self._peer = address[0]
        super().__init__(address[0], address[1], name, output, {}, None, TFTP_RETRANSMIT, TFTP_RETRIES)
        self.sock.close()
        self.sock = socket.socket(family, socket.SOCK_DGRAM)
        if source_address:
            self.sock.bind((source_address, 0))
        self._deadline = deadline
        self._where = where
        self.elsewhere = ""  # the address of a stranger that answered

    @property
    def host(self):
        return self._peer

    @host.setter
    def host(self, host):
        # tftpy would look the name up, for IPv4 only; this one is resolved already.
        self.address = host

    def cycle(self):
        """Wait for one packet of our peer and pass it to the state; strangers get ERROR 5 and change nothing."""
        silence_ends = time.monotonic() + TFTP_RETRANSMIT
        while True:
            wait = min(silence_ends - time.monotonic(), self._deadline.remaining(self._where))
            if wait <= 0:
                raise TftpTimeout("silence")
            self.sock.settimeout(wait)
            try:
                octets, sender = self.sock.recvfrom(PIECE)
            except socket.timeout:
                self._deadline.remaining(self._where)
                raise TftpTimeout("silence") from None
            except ConnectionError:
                continue
            if sender[0].split("%")[0] != self.address or (self.tidport and sender[1] != self.tidport):
                if sender[0].split("%")[0] != self.address:
                    self.elsewhere = sender[0].split("%")[0]
                self._refuse(sender, UNKNOWN_TID)
                continue
            if self._handle(octets, sender):
                return

    def _handle(self, octets, sender):
        """Whether the packet was the expected one. Raises for anything that ends the transfer."""
        opcode = octets[:2]
        if opcode == b"\0\x05" and len(octets) >= 4:
            raise self._server_error(octets)
        if opcode == b"\0\x06":
            self._refuse(sender, OPTION_REFUSED)
            raise ProtocolError("the TFTP server sent options that were not requested", where=self._where,
                                cure=CURE_NO_CUCM)
        if opcode != b"\0\x03" or len(octets) < 4:
            self._refuse(sender, ILLEGAL_OPERATION)
            raise ProtocolError("the TFTP server sent an unexpected packet (%s)" % octets[:4].hex(),
                                where=self._where, cure=CURE_NO_CUCM)
        packet = TftpPacketDAT()
        packet.buffer = octets
        packet.decode()
        ahead = (packet.blocknumber - self.next_block) % 65536
        if ahead:
            # An old block is acknowledged again only if it is the last one, because that ACK may be lost. Otherwise
            # every duplicate would double the traffic from then on. A block from ahead will be sent again.
            if ahead == 65535 and self.tidport:
                self.state.sendACK(packet.blocknumber)
            return False
        self.state = self.state.handle(packet, sender[0], sender[1])
        self.retry_count = 0
        return True

    def _server_error(self, octets):
        (code,) = struct.unpack("!H", octets[2:4])
        text = printable(octets[4:].split(b"\0")[0])
        if code == FILE_NOT_FOUND or SAYS_NOT_FOUND.search(text):
            return FileMissing("the TFTP server has no such file", where=self._where)
        return FileRefused("the TFTP server refused with error %d%s" % (code, " (%s)" % text if text else ""),
                           where=self._where, cure="Read the TFTP trace of the node.")

    def _refuse(self, sender, code):
        packet = TftpPacketERR()
        packet.errorcode = code
        try:
            self.sock.sendto(packet.encode().buffer, sender)
        except OSError:
            pass  # this affects only the stranger


def fetch_tftp(host, name, deadline, port=69, max_size=1 << 20, source_address=None):
    """A file from a TFTP server, as octets. No options are requested, as in JTAPI and phones.

    Raises FileMissing on ERROR 1 and on others whose text says the same, TransportError for other errors, silence and size, DeadlineExceeded, ProtocolError.
    """
    if TFTPY_IMPORT_ERROR is not None:
        raise MissingLibrary("tftpy", TFTPY_IMPORT_ERROR)
    where = "tftp://%s/%s" % (place(host, port), name)
    family, address = resolve(host, port, socket.SOCK_DGRAM, deadline, where)[0]
    collector = _Collector(max_size, where)
    try:
        download = _Download(family, address, name, collector, deadline, source_address, where)
    except OSError as error:
        raise TransportError("no UDP socket could be opened: %s" % error.strerror, where=where,
                             cure="Check source_address and the memory and limits of this host.") from None
    try:
        download.start()
    except TftpTimeout:
        raise TransportError(
            ("the TFTP server did not answer" if not collector.octets else "the TFTP server stopped answering") + (
                ", but an answer came from %s" % download.elsewhere if download.elsewhere else ""), where=where,
            cure="Check that the Cisco Tftp service runs there and that UDP %d and the ports above 1023 pass." % port,
        ) from None
    except (TftpException, struct.error) as error:
        raise ProtocolError("the TFTP transfer failed: %s" % printable(str(error)), where=where,
                            cure=CURE_NO_CUCM) from None
    except OSError as error:
        raise TransportError("the TFTP transfer failed: %s" % error.strerror, where=where, cure=CURE_BROKEN) from None
    finally:
        download.end()
    return bytes(collector.octets)


# HTTP


def fetch_http(host, name, deadline, port=6970, max_size=1 << 20, source_address=None):
    """A file from CUCM's HTTP file server, as octets. Errors are those of fetch_tftp, FileMissing for HTTP 404.

    A server that is still searching other clusters (503) is asked again a few times.
    """
    where = "http://%s/%s" % (place(host, port), name)
    for attempt in range(HTTP_TRIES):
        if attempt:
            time.sleep(min(HTTP_PAUSE, deadline.remaining(where)))
        status, octets = _http_get(host, port, name, deadline, max_size, source_address, where)
        if status != HTTP_BUSY:
            break
    if status in (404, 410):
        raise FileMissing("the file server has no such file", where=where)
    if status != 200:
        raise FileRefused("the file server answered HTTP %d" % status, where=where, cure="Read the TFTP trace of the node.")
    return octets


def _http_get(host, port, name, deadline, max_size, source_address, where):
    """C((status, body)) of one request on a connection of its own; the body is empty unless the status is 200."""
    with connect_plain(host, port, deadline, source_address) as channel:
        channel.where = where
        request = "GET /%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % (name, place(host, port))
        channel.send(request.encode("ascii"))
        try:
            response = http.client.HTTPResponse(_Incoming(channel), method="GET")
            response.begin()
            if response.status != 200:
                return response.status, b""
            octets = response.read(max_size + 1)
        except http.client.HTTPException as error:
            raise ProtocolError("the file server does not speak HTTP as CUCM does: %s" % (
                printable(str(error)) or type(error).__name__), where=where, cure=CURE_NO_CUCM) from None
        if len(octets) > max_size:
            raise TransportError("the file is larger than %d octets" % max_size, where=where, cure=CURE_NO_LIST)
        if response.length:
            raise TransportError("the connection broke before the file was complete", where=where, cure=CURE_BROKEN)
        return 200, octets


class _Incoming(io.RawIOBase):
    """What http.client takes for a socket: every read of it is bounded by the channel's deadline."""

    def __init__(self, channel):
        self._channel = channel
        self._pending = b""

    def makefile(self, _mode):
        return io.BufferedReader(self)

    def readable(self):
        return True

    def readinto(self, buffer):
        octets = self._pending or self._channel.receive()
        taken = octets[:len(buffer)]
        buffer[:len(taken)] = taken
        self._pending = octets[len(taken):]
        return len(taken)


# TCP and TLS


class PlainChannel:
    """Octets over TCP. C(facts) is empty, because it is not protected."""

    def __init__(self, connected, deadline, where):
        self._socket = connected
        self._deadline = deadline
        self.where = where
        self.facts = {}

    @property
    def local_address(self):
        return self._socket.getsockname()[:2]

    def send(self, octets, deadline=None):
        """Send all octets. Raises TransportError or DeadlineExceeded."""
        deadline = deadline or self._deadline
        try:
            self._socket.settimeout(deadline.remaining(self.where))
            self._socket.sendall(octets)
        except socket.timeout:
            raise deadline.exceeded(self.where) from None
        except OSError as error:
            raise self._broken(error) from None

    def receive(self, deadline=None):
        """Some octets; none at all once the peer has closed. Raises TransportError or DeadlineExceeded."""
        deadline = deadline or self._deadline
        try:
            self._socket.settimeout(deadline.remaining(self.where))
            return self._socket.recv(PIECE)
        except socket.timeout:
            raise deadline.exceeded(self.where) from None
        except ConnectionResetError:
            return b""
        except OSError as error:
            raise self._broken(error) from None

    def close(self):
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def _broken(self, error):
        return TransportError("the connection broke: %s" % (error.strerror or type(error).__name__), where=self.where,
                              cure=CURE_BROKEN)


class TlsChannel:
    """Octets over TLS on memory buffers, so that a time limit on the socket cannot upset pyOpenSSL.

    facts: C(version), C(cipher), C(weak_cipher), C(legacy) and C(certificate) (the peer's DER).
    """

    def __init__(self, plain, context, legacy, key_types=_pki.KEY_TYPES):
        self._plain = plain
        self._connection = SSL.Connection(context, None)
        self._connection.set_connect_state()
        self._ended = False
        self.where = plain.where
        self.legacy = legacy
        self.key_types = key_types
        self.facts = {}

    @property
    def local_address(self):
        return self._plain.local_address

    def handshake(self, accept, deadline=None):
        """Shake hands, then let accept(leaf DER, chain of DERs) raise TrustError before any octet of ours is sent."""
        self._run(self._connection.do_handshake, "the TLS handshake failed", deadline)
        chain = self.presented()
        if not chain:
            raise ProtocolError("the server presented no certificate", where=self.where, cure=CURE_CLOSED)
        cipher = self._connection.get_cipher_name()
        self.facts = {
            "version": self._connection.get_protocol_version_name(),
            "cipher": cipher,
            "weak_cipher": cipher in WEAK_CIPHERS,
            "legacy": self.legacy,
            "certificate": chain[0],
        }
        self._check_key(self._connection.get_peer_certificate().get_pubkey())
        accept(chain[0], chain[1:])

    def presented(self):
        """The server's certificate and those it sent along (DER), also where the handshake failed after them."""
        chain = self._connection.get_peer_cert_chain() or []
        return [crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate) for certificate in chain]

    def _check_key(self, key):
        """OpenSSL applies its security level only to certificates that it verifies itself."""
        if key.type() == crypto.TYPE_RSA and key.bits() < SHORTEST_RSA and not self.legacy:
            raise TransportError("the server's RSA key has only %d bits" % key.bits(), where=self.where, cure=CURE_SHORT)

    def send(self, octets, deadline=None):
        """Send all octets. One call is one TLS record up to 16 KiB, as CAPF servers expect of a message."""
        while octets:
            # pyOpenSSL sends one record and returns its size.
            sent = self._run(lambda: self._connection.send(octets), "the TLS connection broke", deadline)
            octets = octets[sent:]

    def receive(self, deadline=None):
        try:
            return self._run(lambda: self._connection.recv(PIECE), "the TLS connection broke", deadline)
        except _Closed:
            return b""

    def close(self):
        try:
            self._connection.shutdown()
            self._flush(None)
        except (SSL.Error, TransportError):
            pass  # the peer may be gone; nothing of ours depends on it
        self._plain.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def _run(self, step, failure, deadline):
        """Repeat a step of the TLS machine until it is done, moving octets between it and the socket."""
        while True:
            try:
                result = step()
            except SSL.WantReadError:
                self._flush(deadline)
                self._fill(failure, deadline)
            except SSL.ZeroReturnError:
                raise _Closed(where=self.where) from None
            except SSL.SysCallError:
                raise _Closed(where=self.where) from None
            except SSL.Error as error:
                # An alert that refuses us is sent before the failure is reported.
                self._flush(deadline, quietly=True)
                if self._ended and not _reasons(error):
                    raise _Closed(where=self.where) from None
                raise self._refused(failure, error) from None
            else:
                self._flush(deadline)
                return result

    def _flush(self, deadline, quietly=False):
        while True:
            try:
                octets = self._connection.bio_read(PIECE)
            except SSL.Error:
                return
            try:
                self._plain.send(octets, deadline)
            except TransportError:
                if not quietly:
                    raise
                return

    def _fill(self, failure, deadline):
        if self._ended:
            raise _Closed("%s: the server closed the connection" % failure, self.where)
        octets = self._plain.receive(deadline)
        if octets:
            self._connection.bio_write(octets)
        else:
            self._ended = True
            self._connection.bio_shutdown()

    def _refused(self, failure, error):
        reasons = _reasons(error)
        cure = next((text for words, text in ALERT_CURES if any(words in reason for reason in reasons)), CURE_CLOSED)
        if len(self.key_types) == 1 and any("handshake failure" in reason for reason in reasons):
            cure = "%s %s" % (cure, CURE_ONE_TYPE % next(iter(self.key_types)).upper())
        return TransportError("%s: %s" % (failure, ", ".join(reasons) or "no reason given"), where=self.where,
                              cure=cure, tls_alert=next((reason for reason in reasons if "alert" in reason), None))


class _Closed(TransportError):
    """The peer has closed the connection, politely or not."""

    def __init__(self, what="the server closed the connection", where=""):
        super().__init__(what, where, CURE_CLOSED)


ALERT_CURES = (
    ("certificate expired",
     "The client certificate has expired on the server's clock: renew it, and compare the clocks."),
    ("certificate unknown",
     "The server does not accept this client certificate: check that CAPF of this cluster issued it."),
    ("unknown ca",
     "The server does not know the issuer of the client certificate: the CAPF certificate may have been regenerated."),
    ("bad certificate", "The server does not accept this client certificate: renew it."),
    ("certificate required", "The server requires a client certificate: enrol this instance first."),
    ("handshake failure",
     "No common TLS version and cipher suite, or a refused certificate. Old servers need tls_legacy."),
    ("protocol version", "The server requires another TLS version. Old servers need tls_legacy."),
    ("unsupported protocol", "The server only offers an outdated TLS version, which needs tls_legacy."),
    ("no protocols available", "The server only offers an outdated TLS version, which needs tls_legacy."),
    ("wrong version number", "This port does not speak TLS: check the port."),
    ("too small", CURE_SHORT),
)


def _reasons(error):
    """The reasons in a pyOpenSSL error, only the least technical part; a missing close_notify does not count."""
    entries = error.args[0] if error.args and isinstance(error.args[0], (list, tuple)) else []
    reasons = [entry[2] for entry in entries if isinstance(entry, tuple) and len(entry) > 2]
    return [reason for reason in reasons if reason and "unexpected eof" not in reason]


def connect_plain(host, port, deadline, source_address=None):
    """A PlainChannel to a TCP port. Raises TransportError (no service, no name, no route) or DeadlineExceeded."""
    where = place(host, port)
    failure = None
    places = resolve(host, port, socket.SOCK_STREAM, deadline, where)
    for number, (family, address) in enumerate(places):
        connecting = socket.socket(family, socket.SOCK_STREAM)
        try:
            connecting.settimeout(deadline.remaining(where) / (len(places) - number))  # one that is silent leaves time for the next
            if source_address:
                connecting.bind((source_address, 0))
            connecting.connect(address)
            connecting.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return PlainChannel(connecting, deadline, where)
        except OSError as error:
            connecting.close()
            failure = failure or error
        except BaseException:
            connecting.close()
            raise
    raise _no_connection(failure, port, deadline, where) from None


def _no_connection(error, port, deadline, where):
    if isinstance(error, ConnectionRefusedError):
        return TransportError("no service listens on this port", where=where,
                              cure="Check that the service is activated and started on this node, and the port.")
    if isinstance(error, socket.timeout):
        return DeadlineExceeded(
            "no connection within %g seconds" % deadline.seconds, where=where,
            cure="Check that no firewall drops TCP port %d between this host and the server." % port)
    return TransportError("no connection: %s" % (error.strerror or error), where=where, cure=CURE_BROKEN)


def connect_tls(host, port, deadline, accept, client=None, legacy=False, source_address=None, key_types=_pki.KEY_TYPES):
    """A TlsChannel whose peer accept(leaf DER, chain) has accepted; nothing of ours was sent before.

    client: C((certificate DER, private key PEM, passphrase or None)) to present when asked for.
    legacy: also TLS 1.0 and 1.1, AES256-SHA and short keys.
    key_types: those of the certificates that may be accepted. A server that has several then presents one of these.
    Raises TransportError, DeadlineExceeded, CannotHere, or whatever accept raises.
    """
    return secure(connect_plain(host, port, deadline, source_address), accept, client, legacy, key_types=key_types)


def look(host, port, deadline, legacy=False, key_types=_pki.KEY_TYPES):
    """What a TLS server presents to a client that presents no certificate and sends nothing.

    Returns C((facts, chain of DERs, error)): facts as TlsChannel has them, empty if the handshake failed; error is the
    error of the handshake, else None. A server that requires a client certificate presents its own before it refuses.
    Raises TransportError or DeadlineExceeded where there is no connection.
    """
    with connect_plain(host, port, deadline) as plain, _tls_channel(plain, None, legacy, key_types) as channel:
        try:
            channel.handshake(lambda leaf, chain: None)
        except (ProtocolError, TransportError) as error:
            return {}, channel.presented(), error
        return channel.facts, channel.presented(), None


def secure(plain, accept, client=None, legacy=False, deadline=None, key_types=_pki.KEY_TYPES):
    """Start TLS on a PlainChannel, as connect_tls does; the plain channel is closed when that fails."""
    try:
        channel = _tls_channel(plain, client, legacy, key_types)
        channel.handshake(accept, deadline)
    except BaseException:
        plain.close()
        raise
    return channel


def _tls_channel(plain, client, legacy, key_types):
    if PYOPENSSL_IMPORT_ERROR is not None:
        raise MissingLibrary("pyOpenSSL", PYOPENSSL_IMPORT_ERROR)
    return TlsChannel(plain, _context(client, legacy, key_types, plain.where), legacy, key_types)


def _context(client, legacy, key_types, where):
    """The context; without the security level of the host's OpenSSL if that refuses our own certificate.

    Suites, signatures and the check of the key then refuse what the level would refuse. Raises CannotHere.
    """
    for any_level in (False, True):
        try:
            return _context_of_level(client, legacy, key_types, legacy or any_level)
        except SSL.Error as error:
            reasons = ", ".join(_reasons(error))
    raise CannotHere("this host cannot use TLS as the server and the certificate of this instance require%s" % (
        ": %s" % reasons if reasons else ""), where=where, cure=CURE_LEVEL)


def _context_of_level(client, legacy, key_types, any_level):
    # Limits by options: pyOpenSSL 20 has no set_min_proto_version.
    context = SSL.Context(getattr(SSL, "TLS_METHOD", SSL.SSLv23_METHOD))
    options = SSL.OP_NO_SSLv2 | SSL.OP_NO_SSLv3
    if not legacy:
        options |= SSL.OP_NO_TLSv1 | SSL.OP_NO_TLSv1_1
    if not _signatures(context, client, legacy, key_types, any_level):
        options |= getattr(SSL, "OP_NO_TLSv1_3", 0)
    context.set_options(options)
    suites = [suite for suite in (LEGACY_CIPHERS if legacy else CIPHERS).split(":") if (
        "ec" if "ECDSA" in suite else "rsa") in key_types]
    context.set_cipher_list(":".join(suites + [ANY_LEVEL] * any_level).encode("ascii"))
    # The caller verifies the certificate from its DER, not by a name or the system's authorities.
    context.set_verify(SSL.VERIFY_NONE, lambda *arguments: True)
    if client:
        _present(context, *client)
    return context


def _signatures(context, client, legacy, key_types, any_level):
    """Let servers sign only with keys of these types. Returns whether this works in TLS 1.3, in which no suite specifies the type.

    The same list specifies what a client may sign with, so a client with a key of another type uses TLS 1.2, where suites specify it.
    """
    wanted = [name for name in _pki.KEY_TYPES if name in key_types]
    everything = len(wanted) == len(_pki.KEY_TYPES)
    if everything and (legacy or not any_level):
        return True
    own = _pki.certificate_facts(client[0])["key_type"] if client else None
    foreign = own in _pki.KEY_TYPES and own not in wanted
    names = ":".join(SIGNATURES[name] + LEGACY_SIGNATURES[name] * bool(legacy) for name in wanted + [own] * foreign)
    setter = getattr(SSL._lib, "SSL_CTX_set1_sigalgs_list", None)  # pylint: disable=protected-access
    done = setter is not None and setter(context._context, names.encode("ascii")) == 1  # pylint: disable=protected-access
    if not done:
        SSL._lib.ERR_clear_error()  # pylint: disable=protected-access
    return everything or done and not foreign


def _present(context, certificate, key, passphrase):
    """Give the context the client's certificate (DER) and key (PEM). Raises FormatError when one cannot be read."""
    loaded = _pki.load_certificate(certificate), _pki.key_from_pem(key, passphrase)
    try:
        context.use_certificate(loaded[0])
        context.use_privatekey(loaded[1])
    except TypeError:
        # Before 24.3, pyOpenSSL accepts only its own objects, which are deprecated since then.
        secret = passphrase.encode("utf-8") if passphrase else None
        context.use_certificate(crypto.load_certificate(crypto.FILETYPE_ASN1, certificate))
        context.use_privatekey(crypto.load_privatekey(crypto.FILETYPE_PEM, key, secret))
