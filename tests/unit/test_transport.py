# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import pathlib
import socket
import ssl
import struct
import threading

import pytest
import scripted_names
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _pki, _transport
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import (
    CannotHere,
    DeadlineExceeded,
    FileMissing,
    FormatError,
    ProtocolError,
    TransportError,
    TrustError,
)

CERTIFICATES = pathlib.Path(__file__).parent.parent / "vectors" / "ctl" / "certs"
FILE = bytes(range(256)) * 5  # 1280 octets: blocks of 512, 512, 256


def data(block, octets):
    return struct.pack("!HH", 3, block) + octets


def blocks(octets):
    return [data(1 + start // 512, octets[start:start + 512]) for start in range(0, len(octets) + 1, 512)]


class ScriptedTftp:
    """A UDP server that answers each request by a script(server socket, client address, received packet, count)."""

    def __init__(self, script, family=socket.AF_INET, host="127.0.0.1"):
        self.listener = socket.socket(family, socket.SOCK_DGRAM)
        self.listener.bind((host, 0))
        self.transfer = socket.socket(family, socket.SOCK_DGRAM)
        self.transfer.bind((host, 0))
        self.stranger = socket.socket(family, socket.SOCK_DGRAM)
        self.stranger.bind((host, 0))
        self.stranger.settimeout(5)
        self.port = self.listener.getsockname()[1]
        self.received = []
        self.script = script
        self._stop = False
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        request, client = self.listener.recvfrom(2048)
        self.received.append(request)
        self.transfer.settimeout(0.1)
        self.script(self, client, request)
        while not self._stop:
            try:
                packet, client = self.transfer.recvfrom(2048)
            except socket.timeout:
                continue
            self.received.append(packet)
            self.script(self, client, packet)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exception):
        self._stop = True
        with contextlib.suppress(OSError):
            self.transfer.sendto(b"", ("127.0.0.1", self.port))
        self.thread.join(2)
        for item in (self.listener, self.transfer, self.stranger):
            item.close()

    def fetch(self, deadline=10, host="127.0.0.1", **options):
        return _transport.fetch_tftp(host, "CTLFile.tlv", _transport.Deadline(deadline), self.port, **options)


def next_block(packet):
    return 0 if packet[:2] == b"\0\1" else struct.unpack("!HH", packet[:4])[1]


def honest(server, client, packet, octets=FILE):
    index = next_block(packet)
    if packet[:2] in (b"\0\1", b"\0\4") and index < len(blocks(octets)):
        server.transfer.sendto(blocks(octets)[index], client)


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 1280, 8612])
def test_files_of_every_size_arrive_and_no_option_is_asked_for(size):
    octets = (FILE * 8)[:size]
    with ScriptedTftp(lambda *arguments: honest(*arguments, octets=octets)) as server:
        assert server.fetch() == octets
    assert server.received[0] == b"\0\1CTLFile.tlv\0octet\0"


def test_a_server_on_ipv6():
    with ScriptedTftp(honest, socket.AF_INET6, "::1") as server:
        assert server.fetch(host="::1") == FILE


def test_a_stranger_gets_error_5_and_changes_nothing():
    def script(server, client, packet):
        if next_block(packet) == 1:
            server.stranger.sendto(data(2, b"evil" * 128), client)
        honest(server, client, packet)

    with ScriptedTftp(script) as server:
        assert server.fetch() == FILE
        answer, _client = server.stranger.recvfrom(2048)
    assert answer[:4] == b"\0\5\0\5"


def test_another_address_than_the_servers_is_a_stranger_from_the_start():
    def script(server, client, packet):
        if packet[:2] == b"\0\1":
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
                other.bind(("127.0.0.2", 0))
                other.settimeout(5)
                other.sendto(data(1, b"evil"), client)
                script.answer = other.recvfrom(2048)[0]
        honest(server, client, packet)

    with ScriptedTftp(script) as server:
        assert server.fetch() == FILE
    assert script.answer[:4] == b"\0\5\0\5"


def test_an_answer_from_another_address_alone_is_named(monkeypatch):
    monkeypatch.setattr(_transport, "TFTP_RETRANSMIT", 0.1)

    def script(_server, client, _packet):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.2", 0))
            other.sendto(data(1, b"evil"), client)

    with ScriptedTftp(script) as server, pytest.raises(TransportError, match="did not answer, but an answer came from 127.0.0.2"):
        server.fetch()


def test_duplicates_and_blocks_from_ahead_do_no_harm_and_do_not_multiply():
    def script(server, client, packet):
        index = next_block(packet)
        if packet[:2] == b"\0\4" and index == 1:
            server.transfer.sendto(blocks(FILE)[2], client)  # too early
            server.transfer.sendto(blocks(FILE)[0], client)  # again
            server.transfer.sendto(blocks(FILE)[0], client)
        if packet[:2] == b"\0\1" or script.acknowledged < index:
            script.acknowledged = index
            honest(server, client, packet)

    script.acknowledged = 0
    with ScriptedTftp(script) as server:
        assert server.fetch() == FILE
    acknowledged = [next_block(packet) for packet in server.received if packet[:2] == b"\0\4"]
    assert acknowledged.count(2) <= 1 and acknowledged.count(1) <= 3


def test_a_lost_packet_is_asked_for_again():
    def script(server, client, packet):
        index = next_block(packet)
        if index == 1 and not script.lost:
            script.lost = True
            return
        honest(server, client, packet)

    script.lost = False
    with ScriptedTftp(script) as server:
        assert server.fetch() == FILE


@pytest.mark.parametrize("answer, kind, words", [
    (b"\0\5\0\1File not found\0", FileMissing, "no such file"),
    (b"\0\5\0\2Access violation\0", TransportError, r"error 2 \(Access violation\)"),
    (b"\0\5\0\0\x1b[31mred\x07alert\0", TransportError, r"error 0 \(\[31mred alert\)"),
    (b"\0\5\0\7", TransportError, "error 7"),
    (b"\0\6blksize\0001024\0", ProtocolError, "options"),
    (b"\0\4\0\1", ProtocolError, "unexpected packet"),
    (b"\0\3\0", ProtocolError, "unexpected packet"),
    (b"", ProtocolError, "unexpected packet"),
])
def test_whatever_else_a_server_says_is_a_typed_error(answer, kind, words):
    with ScriptedTftp(lambda server, client, packet: server.transfer.sendto(answer, client)) as server:
        with pytest.raises(kind, match=words) as caught:
            server.fetch()
    assert "tftp://127.0.0.1:%d/CTLFile.tlv" % server.port in str(caught.value)


@pytest.mark.parametrize("answer", [
    b"\0\5\0\0File not found\0", b"\0\5\0\0file NOT FOUND", b"\0\5\0\0No such file or directory\0", b"\0\5\0\2File does not exist\0",
    b"\0\5\0\0Cannot find file CTLFile.tlv\0", b"\0\5\0\4Unknown file\0", b"\0\5\0\0The file could not be found\0", b"\0\5\0\1\0", b"\0\5\0\1",
])
def test_T11_not_found_is_told_by_code_or_words(answer):
    with ScriptedTftp(lambda server, client, packet: server.transfer.sendto(answer, client)) as server:
        with pytest.raises(FileMissing):
            server.fetch()


@pytest.mark.parametrize("answer", [
    b"\0\5\0\0Server busy\0", b"\0\5\0\0\0", b"\0\5\0\2Access violation\0", b"\0\5\0\3Disk full\0", b"\0\5\0\0User not permitted\0",
])
def test_T11_what_does_not_say_so_is_no_missing_file(answer):
    with ScriptedTftp(lambda server, client, packet: server.transfer.sendto(answer, client)) as server:
        with pytest.raises(TransportError) as caught:
            server.fetch()
    assert not isinstance(caught.value, FileMissing)


def test_a_file_over_the_limit_is_cut_off():
    with ScriptedTftp(lambda server, client, packet: server.transfer.sendto(
            data(next_block(packet) + 1, bytes(512)), client)) as server:
        with pytest.raises(TransportError, match="larger than 2000"):
            server.fetch(max_size=2000)


def test_one_deadline_ends_a_transfer_that_trickles():
    def script(server, client, packet):
        threading.Event().wait(0.2)
        server.transfer.sendto(data(next_block(packet) + 1, bytes(512)), client)

    with ScriptedTftp(script) as server:
        with pytest.raises(DeadlineExceeded, match="1 seconds"):
            server.fetch(deadline=1)


class Flood:
    """Sends DATA packets to a client without a pause, from another address than the server's, until it is left."""

    def __init__(self, client):
        self._client = client
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind(("127.0.0.2", 0))
            while not self._stop.wait(0.005):
                stranger.sendto(data(1, b"evil"), self._client)

    def start(self):
        self._thread.start()

    def stop(self):
        self._stop.set()
        self._thread.join()


@pytest.mark.parametrize("first", [[], [data(1, bytes(512))]])
def test_one_deadline_ends_a_flood_of_strangers(first):
    floods = []

    def script(server, client, packet):
        if not floods:
            floods.append(Flood(client))
            floods[0].start()
            for answer in first:
                server.transfer.sendto(answer, client)

    with ScriptedTftp(script) as server:
        with pytest.raises(DeadlineExceeded, match="1 seconds"):
            server.fetch(deadline=1)
        floods[0].stop()


def test_a_flood_of_strangers_does_not_keep_a_packet_from_being_sent_again():
    floods = []

    def script(server, client, packet):
        index = next_block(packet)
        if index == 1 and not floods:
            floods.append(Flood(client))
            floods[0].start()
            return  # the next block is lost
        honest(server, client, packet)

    with ScriptedTftp(script) as server:
        assert server.fetch() == FILE
        floods[0].stop()


# TLS, with Python's own ssl as the peer


def identity(name):
    return str(CERTIFICATES / (name + ".pem"))


def der(name):
    return _pki.certificate_der((CERTIFICATES / (name + ".pem")).read_bytes())


class TlsServer:
    """One TLS connection on Python's ssl; handler(connection) speaks after the handshake."""

    def __init__(self, handler, name="ccm1", ciphers=None, minimum=None, maximum=None, client_ca=None):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(identity(name))
        if ciphers:
            self.context.set_ciphers(ciphers)
        if minimum:
            self.context.minimum_version = minimum
        if maximum:
            self.context.maximum_version = maximum
        if client_ca:
            self.context.verify_mode = ssl.CERT_REQUIRED
            self.context.load_verify_locations(cadata=ssl.DER_cert_to_PEM_cert(der(client_ca)))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.handler = handler
        self.got = b""
        self.error = None
        self.peer = None
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        raw, _address = self.listener.accept()
        raw.settimeout(5)
        try:
            with self.context.wrap_socket(raw, server_side=True) as connection:
                self.peer = connection.getpeercert(True)
                self.handler(self, connection)
        except OSError as error:
            self.error = error
        finally:
            raw.close()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exception):
        self.thread.join(6)
        self.listener.close()

    def connect(self, accept=lambda leaf, chain: None, deadline=5, **options):
        return _transport.connect_tls("127.0.0.1", self.port, _transport.Deadline(deadline), accept, **options)


def echo(server, connection):
    while True:
        octets = connection.recv(65536)
        server.got += octets
        if not octets:
            return
        connection.sendall(octets)


def until(channel, size):
    octets = b""
    while len(octets) < size:
        piece = channel.receive()
        assert piece
        octets += piece
    return octets


PARTIAL_CHAIN = getattr(ssl, "VERIFY_X509_PARTIAL_CHAIN", 0x80000)
V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


@pytest.mark.parametrize("options, version, cipher, weak", [
    (dict(), "TLSv1.3", "TLS_AES_256_GCM_SHA384", False),
    (dict(maximum=V12), "TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384", False),
    (dict(maximum=V12, ciphers="AES128-SHA"), "TLSv1.2", "AES128-SHA", True),
    (dict(maximum=V12, ciphers="ALL"), "TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384", False),
    (dict(maximum=V12, name="ccmec"), "TLSv1.2", "ECDHE-ECDSA-AES256-GCM-SHA384", False),
])
def test_octets_travel_both_ways_over_every_allowed_suite(options, version, cipher, weak):
    with TlsServer(echo, **options) as server, server.connect() as channel:
        channel.send(FILE * 30)
        assert until(channel, len(FILE) * 30) == FILE * 30
        facts = channel.facts
    assert (facts["version"], facts["cipher"], facts["weak_cipher"]) == (version, cipher, weak)
    assert facts["certificate"] == der(options.get("name", "ccm1")) and facts["legacy"] is False


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1 is deprecated")
def test_outdated_tls_only_on_demand():
    old = dict(ciphers="AES256-SHA:AES128-SHA:@SECLEVEL=0", minimum=ssl.TLSVersion.TLSv1, maximum=ssl.TLSVersion.TLSv1)
    with TlsServer(echo, **old) as server:
        with pytest.raises(TransportError, match="handshake failed") as caught:
            server.connect()
    assert "tls_legacy" in str(caught.value)
    with TlsServer(echo, **old) as server, server.connect(legacy=True) as channel:
        channel.send(b"hello")
        assert channel.receive() == b"hello"
        assert channel.facts["version"] == "TLSv1" and channel.facts["legacy"] and channel.facts["weak_cipher"]


def test_aes256_sha_only_on_demand():
    old = dict(ciphers="AES256-SHA", maximum=V12)
    with TlsServer(echo, **old) as server:
        with pytest.raises(TransportError, match="handshake failed"):
            server.connect()
    with TlsServer(echo, **old) as server, server.connect(legacy=True) as channel:
        assert channel.facts["cipher"] == "AES256-SHA"


def test_a_peer_that_is_not_accepted_gets_nothing():
    def refuse(leaf, chain):
        assert leaf == der("ccm1") and chain == []
        raise TrustError("not listed")

    with TlsServer(echo) as server:
        with pytest.raises(TrustError, match="not listed"):
            server.connect(refuse)
    assert server.got == b""


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("maximum", [V12, V13])
def test_a_client_certificate_is_presented_when_asked_for(maximum):
    lsc = (CERTIFICATES.parent.parent / "capf" / "lsc-capf-profile.pem").read_bytes()
    client = (_pki.certificate_der(lsc), lsc, None)
    with TlsServer(echo, maximum=maximum, client_ca="capf-profile") as server, server.connect(client=client) as channel:
        channel.send(b"hello")
        assert channel.receive() == b"hello"
    assert server.peer == client[0]


@pytest.mark.parametrize("wrong", ["certificate", "key", "passphrase"])
def test_a_client_certificate_that_cannot_be_read_is_said_without_its_secrets(wrong):
    certificate = b"rubbish" if wrong == "certificate" else der("ccm1")
    key = b"rubbish" if wrong == "key" else (CERTIFICATES / "ccm1.pem").read_bytes()
    passphrase = "Pass-4711" if wrong == "passphrase" else None
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(FormatError) as caught:
        _transport.connect_tls("127.0.0.1", listener.getsockname()[1], _transport.Deadline(5), lambda *a: None,
                               (certificate, key, passphrase))
    assert "Pass-4711" not in str(caught.value) and "rubbish" not in str(caught.value)


@pytest.mark.parametrize("maximum, stage", [(V12, "handshake"), (V13, "connection broke")])
def test_a_missing_client_certificate_is_named_by_its_alert(maximum, stage):
    with TlsServer(echo, maximum=maximum, client_ca="capf-profile") as server:
        with pytest.raises(TransportError) as caught:
            with server.connect() as channel:
                channel.receive()
    assert stage in caught.value.what and "alert" in caught.value.facts["tls_alert"] and caught.value.cure


def test_a_peer_without_close_notify_is_just_closed():
    with TlsServer(lambda server, connection: connection.sendall(b"last")) as server, server.connect() as channel:
        assert channel.receive() == b"last"
        assert channel.receive() == b""


def test_a_silent_peer_meets_the_deadline():
    with TlsServer(lambda server, connection: connection.recv(1)) as server:
        channel = server.connect()
        with pytest.raises(DeadlineExceeded, match="0.3 seconds"):
            channel.receive(_transport.Deadline(0.3))
        channel.close()


def test_a_port_that_does_not_speak_tls():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def answer():
            connection, _address = listener.accept()
            connection.recv(10)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            connection.close()

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        with pytest.raises(TransportError, match="handshake failed"):
            _transport.connect_tls("127.0.0.1", listener.getsockname()[1], _transport.Deadline(5), lambda *a: None)
        thread.join(5)


def test_a_peer_that_never_shakes_hands_meets_the_deadline():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with pytest.raises(DeadlineExceeded):
            _transport.connect_tls("127.0.0.1", listener.getsockname()[1], _transport.Deadline(0.3), lambda *a: None)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.mark.parametrize("host, words", [
    ("127.0.0.1", "no service listens"), ("no-such-host.invalid", "cannot be resolved")])
def test_no_connection_is_one_clear_sentence(host, words):
    with pytest.raises(TransportError, match=words) as caught:
        _transport.connect_plain(host, free_port(), _transport.Deadline(5))
    assert host in caught.value.where and caught.value.cure


@pytest.mark.parametrize("family, host, shown", [
    (socket.AF_INET, "127.0.0.1", "127.0.0.1:%d"), (socket.AF_INET6, "::1", "[::1]:%d")])
def test_both_versions_of_ip(family, host, shown):
    with socket.create_server((host, 0), family=family) as listener:
        port = listener.getsockname()[1]
        with _transport.connect_plain(host, port, _transport.Deadline(5), source_address=host) as channel:
            assert channel.where == shown % port and channel.local_address[0] == host


def test_a_name_with_addresses_of_both_versions_is_its_ipv4_address():
    assert _transport.address_of("localhost", _transport.Deadline(5)) == "127.0.0.1"
    assert _transport.address_of("::1", _transport.Deadline(5)) == "::1"


@pytest.mark.parametrize("ask", [
    lambda deadline: _transport.connect_plain("cucm.example.com", 2749, deadline),
    lambda deadline: _transport.fetch_tftp("cucm.example.com", "CTLFile.tlv", deadline),
    lambda deadline: _transport.fetch_http("cucm.example.com", "CTLFile.tlv", deadline),
    lambda deadline: _transport.address_of("cucm.example.com", deadline),
])
def test_A17_names_are_looked_up_within_the_deadline(monkeypatch, ask):
    with scripted_names.no_answer(monkeypatch) as done:
        with pytest.raises(DeadlineExceeded, match="resolved within 0.3 seconds.*name servers"):
            ask(_transport.Deadline(0.3))
        assert not done.is_set()


def test_A17_an_address_that_is_silent_leaves_time_for_the_next(monkeypatch):
    waited = scripted_names.first_is_silent(monkeypatch, sleep=lambda _seconds: None)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with _transport.connect_plain("cucm.example.com", listener.getsockname()[1], _transport.Deadline(30)):
            assert 14 < waited[0] <= 15


# What happens on the way between a TLS server and us


class Relay:
    """Carries octets between us and a TlsServer; what comes from the server can be held up.

    left: how many octets of the server pass (None: all). then: C(silence), C(close) or C(trickle), an octet at a time.
    """

    def __init__(self, server, left=None, then="silence"):
        self.server = server
        self.left = left
        self.then = then
        self.stop = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.threads = []

    def __enter__(self):
        self._spawn(self._accept)
        return self

    def __exit__(self, *exception):
        self.stop.set()
        for thread in self.threads:
            thread.join(6)
        self.listener.close()

    def connect(self, deadline=5, **options):
        port = self.listener.getsockname()[1]
        return _transport.connect_tls("127.0.0.1", port, _transport.Deadline(deadline), lambda *a: None, **options)

    def _spawn(self, target, *arguments):
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self.threads.append(thread)
        thread.start()

    def _accept(self):
        ours, _address = self.listener.accept()
        with ours, socket.create_connection(("127.0.0.1", self.server.port)) as theirs:
            self._spawn(self._up, ours, theirs)
            with contextlib.suppress(OSError):
                self._down(theirs, ours)
            for connection in (ours, theirs):  # closing alone says nothing while another thread reads
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    @staticmethod
    def _up(ours, theirs):
        with contextlib.suppress(OSError):
            while True:
                octets = ours.recv(65536)
                if not octets:
                    theirs.shutdown(socket.SHUT_WR)
                    return
                theirs.sendall(octets)

    def _down(self, theirs, ours):
        while not self.stop.is_set():
            octets = theirs.recv(65536)
            if not octets:
                return
            left = self.left  # once, since a test sets it at any time
            passing = octets if left is None else octets[:left]
            ours.sendall(passing)
            if left is None:
                continue
            self.left = left - len(passing)
            if self.left == 0 and len(passing) < len(octets):
                self._hold_up(ours, octets[len(passing):])
                return

    def _hold_up(self, ours, rest):
        if self.then == "silence":
            self.stop.wait()
        if self.then == "trickle":
            for octet in rest:
                if self.stop.wait(0.02):
                    return
                ours.sendall(bytes([octet]))


@pytest.mark.parametrize("maximum", [V12, V13])
@pytest.mark.parametrize("left", [0, 3, 60, 700])
@pytest.mark.parametrize("then", ["silence", "trickle"])
def test_one_deadline_ends_a_handshake_that_stops_or_trickles(maximum, left, then):
    with TlsServer(echo, maximum=maximum) as server, Relay(server, left, then) as relay:
        with pytest.raises(DeadlineExceeded, match="0.4 seconds"):
            relay.connect(deadline=0.4)
    assert server.got == b""


@pytest.mark.parametrize("maximum", [V12, V13])
@pytest.mark.parametrize("left", [0, 3, 60, 700])
def test_a_handshake_that_is_cut_off(maximum, left):
    with TlsServer(echo, maximum=maximum) as server, Relay(server, left, "close") as relay:
        with pytest.raises(TransportError, match="server closed the connection"):
            relay.connect()
    assert server.got == b""


@pytest.mark.parametrize("left", [0, 4, 5, 100])
@pytest.mark.parametrize("then", ["silence", "trickle"])
def test_one_deadline_ends_a_record_that_stops_or_trickles(left, then):
    with TlsServer(echo, maximum=V12) as server, Relay(server, then=then) as relay, relay.connect() as channel:
        relay.left = left
        channel.send(FILE)
        with pytest.raises(DeadlineExceeded, match="0.4 seconds"):
            channel.receive(_transport.Deadline(0.4))


@pytest.mark.parametrize("left", [0, 4, 5, 100])
def test_nothing_of_a_record_that_is_cut_off_arrives(left):
    with TlsServer(echo, maximum=V12) as server, Relay(server, then="close") as relay, relay.connect() as channel:
        relay.left = left
        channel.send(FILE)
        assert channel.receive() == b""


# HTTP 6970


class HttpServer:
    """Answers each connection with the next of its answers, the last one ever again. slow: an octet at a time."""

    def __init__(self, *answers, slow=False):
        self.answers = list(answers)
        self.slow = slow
        self.requests = []
        self.stop = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(0.1)
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self.stop.is_set():
            with contextlib.suppress(OSError):
                connection, _address = self.listener.accept()
                with connection:
                    self._serve(connection)

    def _serve(self, connection):
        connection.settimeout(5)
        self.requests.append(connection.recv(2048))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if not self.slow:
            connection.sendall(answer)
        for octet in answer if self.slow else b"":
            if self.stop.wait(0.02):
                return
            connection.sendall(bytes([octet]))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exception):
        self.stop.set()
        self.thread.join()
        self.listener.close()

    def fetch(self, deadline=10, **options):
        port = self.listener.getsockname()[1]
        return _transport.fetch_http("127.0.0.1", "CTLFile.tlv", _transport.Deadline(deadline), port, **options)


OK = b"HTTP/1.1 200 OK\r\nContent-length: 1280\r\nContent-type: */*\r\n\r\n" + FILE
BUSY = b"HTTP/1.1 503 Busy\r\nContent-length: 0\r\n\r\n"


@pytest.mark.parametrize("answer, kind, words", [
    (b"HTTP/1.1 404 Not Found\r\nContent-length: 0\r\n\r\n", FileMissing, "no such file"),
    (b"HTTP/1.1 500 Oops\r\nContent-length: 0\r\n\r\n", TransportError, "HTTP 500"),
    (b"HTTP/1.1 200 OK\r\nContent-length: 9\r\n\r\nabc", TransportError, "broke before"),
    (b"HTTP/1.1 200 OK\r\nContent-length: 3000000\r\n\r\n" + bytes(2000000), TransportError, "larger than"),
    (b"HTTP/1.1 200 OK\r\n\r\n" + bytes(2000000), TransportError, "larger than"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", ProtocolError, "not speak HTTP"),
    (b"rubbish\r\n\r\n", ProtocolError, "not speak HTTP"),
    (b"", ProtocolError, "not speak HTTP"),
])
def test_http_errors_are_typed(answer, kind, words):
    with HttpServer(answer) as server, pytest.raises(kind, match=words) as caught:
        server.fetch()
    assert caught.value.where.startswith("http://127.0.0.1:") and caught.value.where.endswith("/CTLFile.tlv")


def test_http_brings_the_file():
    with HttpServer(OK) as server:
        assert server.fetch() == FILE
    assert [request.split(b"\r\n")[0] for request in server.requests] == [b"GET /CTLFile.tlv HTTP/1.1"]


def test_a_busy_http_server_is_asked_again():
    with HttpServer(BUSY, OK) as server:
        assert server.fetch() == FILE
    assert len(server.requests) == 2


def test_an_http_server_that_stays_busy():
    with HttpServer(BUSY) as server, pytest.raises(TransportError, match="HTTP 503"):
        server.fetch()
    assert len(server.requests) == 3


def test_one_deadline_ends_an_http_answer_that_trickles():
    with HttpServer(OK, slow=True) as server, pytest.raises(DeadlineExceeded, match="0.4 seconds"):
        server.fetch(deadline=0.4)


# The trust list decides which certificate a server shows (field report T2).


@pytest.mark.parametrize("maximum", [V12, V13])
@pytest.mark.parametrize("wanted, shown", [({"rsa"}, "ccm1"), ({"ec"}, "ccmec"), ({"rsa", "ec"}, None)])
def test_t2_a_server_with_two_certificates_shows_the_one_of_the_trust_list(maximum, wanted, shown):
    with TlsServer(echo, maximum=maximum) as server:
        server.context.load_cert_chain(identity("ccmec"))
        with server.connect(key_types=wanted) as channel:
            channel.send(b"hello")
            assert channel.receive() == b"hello"
            assert channel.facts["certificate"] == der(shown) if shown else True
            assert channel.facts["version"] == {V12: "TLSv1.2", V13: "TLSv1.3"}[maximum]


@pytest.mark.parametrize("own", ["ccm1", "ccmec"])
@pytest.mark.parametrize("wanted, shown", [({"rsa"}, "ccm1"), ({"ec"}, "ccmec")])
@pytest.mark.parametrize("maximum", [V12, V13])
def test_t2_whatever_key_the_client_has_itself(maximum, wanted, shown, own):
    pem = (CERTIFICATES / (own + ".pem")).read_bytes()
    with TlsServer(echo, maximum=maximum, client_ca=own) as server:
        server.context.load_cert_chain(identity("ccmec"))
        server.context.verify_flags |= PARTIAL_CHAIN
        with server.connect(client=(der(own), pem, None), key_types=wanted) as channel:
            channel.send(b"hello")
            assert channel.receive() == b"hello"
            assert channel.facts["certificate"] == der(shown)
    assert server.peer == der(own)


@pytest.mark.parametrize("maximum", [V12, V13])
def test_t2_a_library_that_cannot_set_signatures_keeps_to_tls_1_2(monkeypatch, maximum):
    library = _transport.SSL._lib

    class Older:
        def __getattr__(self, name):
            if name == "SSL_CTX_set1_sigalgs_list":
                raise AttributeError(name)
            return getattr(library, name)

    monkeypatch.setattr(_transport.SSL, "_lib", Older())
    with TlsServer(echo, maximum=maximum) as server:
        server.context.load_cert_chain(identity("ccmec"))
        with server.connect(key_types={"rsa"}) as channel:
            assert (channel.facts["certificate"], channel.facts["version"]) == (der("ccm1"), "TLSv1.2")


@pytest.mark.parametrize("maximum", [V12, V13])
def test_t2_a_server_without_such_a_certificate_is_told_with_the_cure(maximum):
    with TlsServer(echo, name="ccmec", maximum=maximum) as server:
        with pytest.raises(TransportError, match="Only certificates with RSA keys.*utils ctl update CTLFile"):
            server.connect(key_types={"rsa"})


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1 is deprecated")
def test_t2_outdated_servers_too():
    old = dict(ciphers="AES256-SHA:@SECLEVEL=0", minimum=ssl.TLSVersion.TLSv1, maximum=ssl.TLSVersion.TLSv1)
    with TlsServer(echo, **old) as server, server.connect(legacy=True, key_types={"rsa"}) as channel:
        assert channel.facts["version"] == "TLSv1"


# What the OpenSSL of a host refuses is not the server's fault (kind of T1).


@pytest.mark.parametrize("maximum", [V12, V13])
def test_a_client_certificate_below_the_security_level_of_the_host_is_used_all_the_same(maximum):
    """1024 bits, which OpenSSL refuses at the level that distributions set."""
    pem = (CERTIFICATES / "old.pem").read_bytes()
    assert _pki.certificate_facts(der("old"))["key_size"] == 1024
    with TlsServer(echo, maximum=maximum, client_ca="old", ciphers="ALL:@SECLEVEL=0") as server:
        server.context.verify_flags |= PARTIAL_CHAIN
        with server.connect(client=(der("old"), pem, None)) as channel:
            channel.send(b"hello")
            assert channel.facts["certificate"] == der("ccm1")


def test_what_openssl_does_not_allow_at_all_is_told_as_that(monkeypatch):
    def refuse(*_arguments):
        raise _transport.SSL.Error([("SSL routines", "", "no cipher match")])

    monkeypatch.setattr(_transport.SSL.Context, "set_cipher_list", refuse)
    with TlsServer(echo) as server:
        with pytest.raises(CannotHere, match="no cipher match.*crypto policy"):
            server.connect()
