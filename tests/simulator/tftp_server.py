# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster's file server: TFTP over UDP (RFC 1350, no options) and its HTTP twin of port 6970.

Written by hand on purpose: the collection's client uses tftpy, so this is a foreign peer to it.
"""

from __future__ import annotations

import base64
import contextlib
import http.server
import socket
import struct
import threading

from simulator.connections import family_of

BLOCK = 512
RRQ, DATA, ACK, ERROR = 1, 3, 4, 5
NOT_FOUND, ILLEGAL_OPERATION = 1, 4
RETRANSMIT_SECONDS = 0.3
TRIES = 5


def datagrams(host):
    """An unbound UDP socket for that address of ours; "::" stands for all addresses of both families."""
    made = socket.socket(family_of(host), socket.SOCK_DGRAM)
    if host == "::":
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    return made


def replaced_content(rule, content):
    """The octets to serve under a C(content), C(oversize) or C(truncate) fault. Text content is base64."""
    if rule is None:
        return content
    if rule.kind == "content":
        given = rule["content"]
        return base64.b64decode(given) if isinstance(given, str) else given
    if rule.kind == "oversize":
        return (content or b"").ljust(rule["size"], b"\0")
    if rule.kind == "truncate":
        return content[:rule["size"]]
    return content


class TftpServer:
    """One UDP port for requests, one socket and thread a transfer.

    Faults of front C(tftp) (operation: the file's name): error(code, text), silence, delay(seconds), content(content),
    oversize(size), truncate(size), endless(seconds), twice (two transfers answer one request), and at a C(block),
    counted from 1: lost, duplicate, reorder (the block before comes again), ahead (the block after comes first),
    overlook (its first ACK), apprentice (from there on each ACK brings a block, a repeated one as well), opcode,
    replace(hex), cut, and stray([address, hex]): before the block, a packet of somebody else, in its place by default.
    Counted: "tftp.RRQ", "tftp.DATA of an apprentice", and "tftp.ERROR 5" and the like that clients sent.
    """

    def __init__(self, cluster, faults, host="127.0.0.1", port=0):
        self._cluster = cluster
        self._faults = faults
        self._address = (host, port)
        self._socket = None
        self._stopping = threading.Event()
        self._threads = []
        self.port = port

    def start(self):
        self._socket = datagrams(self._address[0])
        self._socket.bind(self._address)
        self._socket.settimeout(0.05)
        self.port = self._socket.getsockname()[1]
        self._spawn(self._listen)

    def stop(self):
        self._stopping.set()
        for thread in list(self._threads):
            thread.join()
        if self._socket is not None:
            self._socket.close()

    def _spawn(self, target, *arguments):
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _listen(self):
        while not self._stopping.is_set():
            try:
                packet, client = self._socket.recvfrom(2048)
            except TimeoutError:
                continue
            self._spawn(self._answer, packet, client)

    def _answer(self, packet, client):
        with datagrams(self._address[0]) as transfer:
            transfer.bind((self._address[0], 0))
            transfer.settimeout(RETRANSMIT_SECONDS)
            name = _requested(packet)
            if name is None:
                transfer.sendto(_error(ILLEGAL_OPERATION, "only RRQ"), client)
                return
            self._cluster.count("tftp.RRQ")
            rule = self._faults.match("tftp", name)
            kind = rule.kind if rule else None
            if kind == "silence":
                return
            if kind == "error":
                transfer.sendto(_error(rule["code"], rule.get("text", "error")), client)
                return
            if kind == "delay":
                self._faults.delay(rule["seconds"])
            content = replaced_content(rule, self._cluster.file(name))
            if content is None:
                transfer.sendto(_error(NOT_FOUND, "File not found"), client)
                return
            if kind == "twice":
                begins = threading.Event()
                self._spawn(self._again, client, content, begins)
                begins.wait(RETRANSMIT_SECONDS)  # else the client could be finished before the other one begins
            _Transfer(transfer, client, content, rule, self._cluster, self._faults, self._stopping).run()

    def _again(self, client, content, begins):
        with datagrams(self._address[0]) as transfer:
            transfer.bind((self._address[0], 0))
            transfer.settimeout(RETRANSMIT_SECONDS)
            begins.set()
            _Transfer(transfer, client, content, None, self._cluster, self._faults, self._stopping).run()


class _Refused(Exception):
    """The client wants no more."""


class _Transfer:
    def __init__(self, transfer, client, content, rule, cluster, faults, stopping):
        self._socket = transfer
        self._client = client
        self._content = content
        self._rule = rule
        self._cluster = cluster
        self._faults = faults
        self._stopping = stopping

    def run(self):
        with contextlib.suppress(_Refused):
            self._run()

    def _run(self):
        endless = self._rule is not None and self._rule.kind == "endless"
        number = 0
        while not self._stopping.is_set():
            number += 1
            if endless:
                self._faults.delay(self._rule.get("seconds", 0))
                chunk = b"\0" * BLOCK
            else:
                chunk = self._chunk(number)
            if self._fault_at(number) == "apprentice":
                self._apprentice(number)
                return
            if not self._exchange(number, chunk) or (len(chunk) < BLOCK):
                return

    def _chunk(self, number):
        return self._content[(number - 1) * BLOCK:number * BLOCK]

    def _fault_at(self, number):
        return self._rule.kind if self._rule and self._rule.get("block") == number else None

    def _apprentice(self, number):
        """The Sorcerer's apprentice: one block goes out twice, and then every ACK that it provoked brings one more."""
        last = len(self._content) // BLOCK + 1
        for _copy in range(2):
            self._cluster.count("tftp.DATA of an apprentice")
            self._send(_data(number, self._chunk(number)))
        while not self._stopping.is_set():
            acknowledged = self._next_acknowledged()
            if acknowledged is None:
                return
            if acknowledged < last:
                self._cluster.count("tftp.DATA of an apprentice")
                self._send(_data(acknowledged + 1, self._chunk(acknowledged + 1)))

    def _exchange(self, number, chunk):
        """Send one block until it is acknowledged; False when the client is gone or the rule ends the transfer. Raises
        _Refused."""
        packet = _data(number, chunk)
        fault = self._fault_at(number)
        if fault == "cut":
            return False
        if fault == "opcode":
            packet = struct.pack(">HH", 9, number & 0xFFFF) + chunk
        if fault == "replace":
            packet = bytes.fromhex(self._rule["hex"])
        if fault == "stray":
            forged = self._rule.get("hex")
            self._send_from_elsewhere(bytes.fromhex(forged) if forged else _data(number, b"\xee" * len(chunk)))
        if fault == "ahead":
            self._send(_data(number + 1, self._chunk(number + 1)))
        for attempt in range(TRIES):
            if self._stopping.is_set():
                return False
            if not (fault == "lost" and attempt == 0):
                self._send(packet)
            if fault == "duplicate" and attempt == 0:
                self._send(packet)
            if fault == "reorder" and attempt == 0 and number > 1:
                self._send(_data(number - 1, self._chunk(number - 1)))
            if self._acknowledged(number & 0xFFFF) and not (fault == "overlook" and attempt == 0):
                return True
        return False

    def _send(self, packet):
        self._socket.sendto(packet, self._client)

    def _send_from_elsewhere(self, packet):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind((self._rule.get("address", "127.0.0.1"), 0))
            stranger.sendto(packet, self._client)

    def _acknowledged(self, number):
        """True for the ACK of C(number); an older ACK is passed over, as RFC 1123 demands. False: send again."""
        while True:
            acknowledged = self._next_acknowledged()
            if acknowledged in (number, None):
                return acknowledged is not None

    def _next_acknowledged(self):
        """The number in the next ACK, None when none comes in time. Raises _Refused."""
        while True:
            try:
                packet, sender = self._socket.recvfrom(2048)
            except (TimeoutError, ConnectionError):
                return None
            if sender != self._client or len(packet) < 4:
                continue
            opcode, number = struct.unpack(">HH", packet[:4])
            if opcode == ACK:
                return number
            if opcode == ERROR:
                self._cluster.count("tftp.ERROR %d" % number)
                raise _Refused


def _data(number, chunk):
    return struct.pack(">HH", DATA, number & 0xFFFF) + chunk


def _requested(packet):
    """File name of a read request, or None for anything else."""
    parts = packet[2:].split(b"\0")
    if packet[:2] != struct.pack(">H", RRQ) or len(parts) < 3:
        return None
    return parts[0].decode("ascii", "replace")


def _error(code, text):
    return struct.pack(">HH", ERROR, code) + text.encode() + b"\0"


class HttpFileServer:
    """Port 6970: GET of the same names. One request a connection.

    Faults of front C(http) (operation: the file's name): error(code), silence(seconds), delay(seconds),
    content(content), oversize(size), truncate(size), cut(size: octets of the body that are sent), endless.
    """

    def __init__(self, cluster, faults, host="127.0.0.1", port=0):
        self._cluster = cluster
        self._faults = faults
        self._address = (host, port)
        self._server = None
        self._stopping = threading.Event()
        self.port = port

    def start(self):
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 5

            def do_GET(self):
                owner.answer(self)

            def log_message(self, *_arguments):
                pass

        class Server(http.server.ThreadingHTTPServer):
            address_family = family_of(self._address[0])

        self._server = Server(self._address, Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self):
        self._stopping.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def answer(self, handler):
        name = handler.path.lstrip("/")
        self._cluster.count("http.GET")
        rule = self._faults.match("http", name)
        kind = rule.kind if rule else None
        handler.close_connection = True
        if kind in ("delay", "silence"):
            self._faults.delay(rule.get("seconds", 3600))
        if kind == "silence":
            return
        content = replaced_content(rule, self._cluster.file(name))
        if kind == "error" or content is None:
            self._head(handler, rule["code"] if kind == "error" else 404, 0)
            return
        self._head(handler, 200, (1 << 40) if kind == "endless" else len(content))
        try:
            handler.wfile.write(content[:rule["size"]] if kind == "cut" else content)
            while kind == "endless" and not self._stopping.is_set():
                handler.wfile.write(b"\0" * 4096)
                self._faults.delay(rule.get("seconds", 0))
        except OSError:
            pass  # the client has seen enough

    @staticmethod
    def _head(handler, status, size):
        handler.send_response_only(status)
        handler.send_header("Content-length", str(size))
        handler.send_header("Cache-Control", "no-store")
        handler.send_header("Content-type", "*/*")
        handler.end_headers()
