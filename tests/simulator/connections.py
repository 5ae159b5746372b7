# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A TCP port whose connections each get a thread, in the clear or inside TLS."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import tempfile
import threading

TICK = 0.05  # seconds between looks at the clock
GONE = 2.0  # seconds given to a client to read the last words
HANDSHAKE = 10.0  # seconds for the TLS handshake
MAPPED = "::ffff:"
GARBAGE = bytes(range(256)) * 2
# The group ffdhe2048 of RFC 7919; JTAPI 15 takes no group without a name.
FFDHE2048 = b"""-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==
-----END DH PARAMETERS-----
"""


def family_of(host):
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def plain_address(client):
    """A client's (address, port); IPv4 as such where it came through a socket of both families."""
    address = client[0]
    return address[len(MAPPED):] if address.startswith(MAPPED) else address, client[1]


class Ended(Exception):
    """The connection is over."""


class ConnectionServer:
    """C(front) names its faults. Operation C(accept): C(delay) (seconds), C(silence) (seconds), C(cut) and C(garbage),
    before anything is said. A subclass has C(talk), which owns the connection until it returns.
    """

    front = None

    def __init__(self, cluster, faults, host="127.0.0.1", port=0):
        self.cluster = cluster
        self.faults = faults
        self.port = port
        self._address = (host, port)
        self._listener = None
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._threads = []
        self._connections = 0

    def start(self):
        self._listener = socket.create_server(
            self._address, family=family_of(self._address[0]), backlog=128, dualstack_ipv6=self._address[0] == "::")
        self._listener.settimeout(TICK)
        self.port = self._listener.getsockname()[1]
        self._spawn(self._listen)

    def stop(self):
        self._stopping.set()
        for thread in list(self._threads):
            thread.join()
        if self._listener is not None:
            self._listener.close()

    @property
    def stopping(self):
        return self._stopping.is_set()

    def _spawn(self, target, *arguments):
        with self._lock:
            self._threads = [thread for thread in self._threads if thread.is_alive()]
            thread = threading.Thread(target=target, args=arguments, daemon=True)
            self._threads.append(thread)
        thread.start()

    def _listen(self):
        while not self.stopping:
            try:
                connected, client = self._listener.accept()
            except TimeoutError:
                continue
            self._connections += 1
            self._spawn(self._serve, connected, plain_address(client), self._connections)

    def _serve(self, connected, client, number):
        with connected, contextlib.suppress(OSError):
            self.cluster.count(self.front + " connection")
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            rule = self.faults.match(self.front, "accept")
            if rule is not None:
                if rule.kind in ("delay", "silence"):
                    self.faults.delay(rule.get("seconds", 60))
                if rule.kind == "garbage":
                    connected.sendall(GARBAGE)
                    finish(connected)
                if rule.kind in ("silence", "cut", "garbage"):
                    return
            self.talk(connected, client, number)

    def talk(self, connected, client, number):
        raise NotImplementedError

    def secure(self, connected, context):
        """The TLS side, or None after an alert: no common version or suite, or a client that is not trusted."""
        secured = context.wrap_socket(connected, server_side=True, do_handshake_on_connect=False)
        secured.settimeout(TICK)
        for _tick in range(int(HANDSHAKE / TICK)):
            try:
                secured.do_handshake()
                return secured
            except TimeoutError:
                if self.stopping:
                    break
            except OSError:
                break
        self.cluster.count(self.front + " refused TLS")
        with socket.socket(fileno=secured.detach()) as plain:
            linger(plain)
        return None


def server_context(identity, versions, ciphers, twin=None):
    """A TLS server with that certificate, and with that of another kind of key beside it; versions: (lowest, highest)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.maximum_version = versions
    context.set_ciphers(ciphers)
    with tempfile.TemporaryDirectory(prefix="secure-tsp-simulator-") as folder:
        path = os.path.join(folder, "identity.pem")
        for one in filter(None, (identity, twin)):
            with open(path, "wb") as stream:
                stream.write(one.pem + b"".join(above.pem for above in one.chain) + one.key_pem)
            context.load_cert_chain(path)
        if "DHE-RSA" in ciphers:
            context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
            with open(path, "wb") as stream:
                stream.write(FFDHE2048)
            context.load_dh_params(path)
    return context


def receive(connected):
    """What has arrived, nothing when nothing came for a tick. Raises Ended when the client is gone."""
    connected.settimeout(TICK)
    try:
        octets = connected.recv(65536)
    except (TimeoutError, ssl.SSLWantReadError):
        return b""
    except ssl.SSLError:
        raise Ended from None
    if not octets:
        raise Ended
    return octets


def finish(connected):
    """Say goodbye in order: close_notify, then the end of the stream."""
    with contextlib.suppress(OSError):
        if isinstance(connected, ssl.SSLSocket):
            connected.settimeout(GONE)
            connected = connected.unwrap()
    linger(connected)
    with contextlib.suppress(OSError):
        connected.close()


def linger(connected):
    """Read what still comes, so that a reset does not overtake the last words."""
    with contextlib.suppress(OSError):
        connected.settimeout(GONE)
        connected.shutdown(socket.SHUT_WR)
        while connected.recv(4096):
            pass
