# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated file server, judged with plain sockets and http.client alone."""

from __future__ import annotations

import http.client
import socket
import struct

import pytest
from simulator import Simulator

NAME = "CTLCAPF7F000001.tlv"


@pytest.fixture
def sim():
    with Simulator(fronts=("tftp", "http")) as one:
        yield one


class Reader:
    """A TFTP client that writes down every packet. It acknowledges what it is told to."""

    def __init__(self, port):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(5)
        self.server = ("127.0.0.1", port)

    def ask(self, name, opcode=1):
        packet = struct.pack(">H", opcode) + name.encode() + b"\0octet\0"
        self.socket.sendto(packet, self.server)

    def packet(self):
        """(opcode, number, payload, sender)"""
        octets, sender = self.socket.recvfrom(2048)
        opcode, number = struct.unpack(">HH", octets[:4])
        return opcode, number, octets[4:], sender

    def acknowledge(self, number, sender):
        self.socket.sendto(struct.pack(">HH", 4, number), sender)

    def whole(self, name):
        """Octets of the file and the numbers of all DATA packets as they came."""
        self.ask(name)
        content, numbers, expected = b"", [], 1
        while True:
            opcode, number, payload, sender = self.packet()
            assert opcode == 3
            numbers.append(number)
            if number == expected:
                content += payload
                expected += 1
            self.acknowledge(number, sender)
            if number == expected - 1 and len(payload) < 512:
                return content, numbers

    def refused(self, name):
        self.ask(name)
        opcode, code, text, _sender = self.packet()
        assert opcode == 5
        return code, text


@pytest.fixture
def reader(sim):
    one = Reader(sim.tftp_port)
    yield one
    one.socket.close()


def get(sim, name):
    connection = http.client.HTTPConnection("127.0.0.1", sim.http_port, timeout=5)
    connection.request("GET", "/" + name)
    response = connection.getresponse()
    try:
        return response.status, response.read(), response
    finally:
        connection.close()


@pytest.mark.parametrize("name", ["CTLFile.tlv", NAME, "CTLCAPFA6A63C5.tlv"])
def test_every_capf_name_is_the_trust_list(sim, reader, name):
    content = sim.cluster.ctl_octets()
    blocks = len(content) // 512 + 1
    assert reader.whole(name) == (content, list(range(1, blocks + 1)))
    assert get(sim, name)[:2] == (200, content)
    assert sim.cluster.counters == {"tftp.RRQ": 1, "http.GET": 1}


def test_other_names_are_not_found(sim, reader):
    assert reader.refused("ITLFile.tlv")[0] == 1
    assert reader.refused("CTLSEP001122334455.tlv")[0] == 1
    assert get(sim, "ITLFile.tlv")[0] == 404


def test_a_write_request_is_illegal(reader):
    reader.ask("CTLFile.tlv", opcode=2)
    assert reader.packet()[:2] == (5, 4)


def test_a_file_of_whole_blocks_ends_with_an_empty_one(sim, reader):
    sim.cluster.put_file("even.bin", b"\x01" * 1024)
    assert reader.whole("even.bin") == (b"\x01" * 1024, [1, 2, 3])


def test_a_removed_list_is_not_found(sim, reader):
    sim.act("put_file", name="CTLFile.tlv", content=None)
    assert reader.refused(NAME)[0] == 1


def test_a_lost_packet_is_sent_again(sim, reader):
    sim.faults.add(front="tftp", operation=NAME, kind="lost", block=2)
    content, numbers = reader.whole(NAME)
    assert content == sim.cluster.ctl_octets()
    assert numbers == list(range(1, len(content) // 512 + 2))
    assert sim.faults.statistics()[0]["applied"] == 1


@pytest.mark.parametrize("kind, start", [("duplicate", [1, 2, 2, 3]), ("reorder", [1, 2, 1, 3])])
def test_duplicated_and_reordered_packets(sim, reader, kind, start):
    sim.faults.add(front="tftp", kind=kind, block=2)
    content, numbers = reader.whole(NAME)
    assert content == sim.cluster.ctl_octets()
    assert numbers[:4] == start


def test_a_stranger_answers_first(sim, reader):
    sim.faults.add(front="tftp", kind="stray", block=2)
    reader.ask(NAME)
    _opcode, _number, _payload, server = reader.packet()
    reader.acknowledge(1, server)
    _opcode, number, payload, stranger = reader.packet()
    assert (number, set(payload)) == (2, {0xEE})
    assert stranger != server
    _opcode, number, payload, sender = reader.packet()
    assert (number, sender) == (2, server)
    assert payload == sim.cluster.ctl_octets()[512:1024]


def test_wrong_opcode_error_and_silence(sim, reader):
    sim.faults.add(front="tftp", kind="opcode", block=1)
    reader.ask(NAME)
    assert reader.packet()[0] == 9
    sim.faults.clear()
    other = Reader(sim.tftp_port)
    sim.faults.add(front="tftp", kind="error", code=2, text="Access violation")
    assert other.refused(NAME) == (2, b"Access violation\0")
    sim.faults.add(front="tftp", kind="silence")
    other.ask(NAME)
    other.socket.settimeout(0.5)
    with pytest.raises(TimeoutError):
        other.packet()
    other.socket.close()


def test_a_transfer_that_stops_and_one_that_never_does(sim, reader):
    sim.faults.add(front="tftp", kind="cut", block=2)
    reader.ask(NAME)
    _opcode, _number, _payload, server = reader.packet()
    reader.acknowledge(1, server)
    reader.socket.settimeout(0.5)
    with pytest.raises(TimeoutError):
        reader.packet()
    sim.faults.add(front="tftp", kind="endless")
    reader.ask(NAME)
    for expected in range(1, 101):
        _opcode, number, payload, server = reader.packet()
        assert (number, len(payload)) == (expected, 512)
        reader.acknowledge(number, server)


@pytest.mark.parametrize("front", ["tftp", "http"])
@pytest.mark.parametrize("fault, expected", [
    (dict(kind="content", content=b"another file"), lambda ctl: b"another file"),
    (dict(kind="content", content="YW5vdGhlciBmaWxl"), lambda ctl: b"another file"),
    (dict(kind="oversize", size=70000), lambda ctl: ctl.ljust(70000, b"\0")),
    (dict(kind="truncate", size=700), lambda ctl: ctl[:700]),
    (dict(kind="truncate", size=0), lambda ctl: b""),
])
def test_replaced_contents(sim, reader, front, fault, expected):
    sim.faults.add(front=front, **fault)
    content = reader.whole(NAME)[0] if front == "tftp" else get(sim, NAME)[1]
    assert content == expected(sim.cluster.ctl_octets())


def test_http_speaks_as_cucm(sim):
    _status, _content, response = get(sim, NAME)
    headers = {name.lower(): value for name, value in response.getheaders()}
    assert headers == {
        "content-length": str(len(sim.cluster.ctl_octets())), "cache-control": "no-store", "content-type": "*/*"}


def test_http_faults(sim):
    sim.faults.add(front="http", kind="error", code=503)
    assert get(sim, NAME)[0] == 503
    sim.faults.add(front="http", kind="cut", size=100)
    with pytest.raises(http.client.IncompleteRead) as caught:
        get(sim, NAME)
    assert caught.value.partial == sim.cluster.ctl_octets()[:100]


def test_stop_ends_transfers_that_nobody_finishes():
    sim = Simulator(fronts=("tftp", "http")).start()
    reader = Reader(sim.tftp_port)
    sim.faults.add(front="tftp", kind="delay", seconds=3600)
    reader.ask(NAME)
    sim.stop()
    reader.socket.close()
