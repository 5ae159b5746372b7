# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated CTI Manager, talked to with frames that Cisco's JTAPI clients sent and with ill-mannered ones."""

from __future__ import annotations

import json
import socket

import collection_path
import pytest
from simulator import Simulator

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _ctiqbe

SESSIONS = json.loads((collection_path.ROOT / "tests/vectors/ctiqbe/jtapi-provider.json").read_text())["sessions"]


@pytest.fixture
def sim():
    with Simulator(fronts=("cti", "cti_tls")) as simulator:
        simulator.seed({
            "devices": [{"name": "SEP001122334455", "lines": [{"number": "1001"}]}],
            "application_users": [{"name": "ctiuser", "password": "12345678", "groups": ["Standard CTI Enabled"],
                                   "devices": ["SEP001122334455"]}],
        })
        yield simulator


class Client:
    """Raw octets to the plain port."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 10)
        self.reader = _ctiqbe.FrameReader()
        self.messages = []

    def send(self, octets):
        self.socket.sendall(octets)

    def next(self):
        """The next message, or None at the end."""
        while not self.messages:
            octets = self.socket.recv(65536)
            if not octets:
                return None
            self.reader.feed(octets)
            self.messages += [_ctiqbe.decode(frame) for frame in self.reader.frames()]
        return self.messages.pop(0)


@pytest.fixture
def client(sim):
    made = Client(sim.cti_port)
    yield made
    made.socket.close()


@pytest.mark.parametrize("session", SESSIONS, ids=lambda session: session["name"])
def test_frames_of_jtapi_open_a_provider(sim, session):
    """The server's key is that of the recorded sessions, so the recorded password opens with the recorded nonce."""
    sim.front("cti").nonce = session["nonce"]
    if "refuse" in session["name"]:
        sim.act("set_password", user="ctiuser", password="another")
    client = Client(sim.cti_port)
    names = []
    for frame in session["frames"]:
        if frame["direction"] == "c2s":
            client.send(bytes.fromhex(frame["hex"]))
        else:
            expected, message = _ctiqbe.decode(bytes.fromhex(frame["hex"])), client.next()
            assert (message.name, message.version) == (expected.name, expected.version)
            for field in ("result", "reason", "sequenceNumber", "requestId"):
                assert message.values.get(field) == expected.values.get(field)
            names.append(message.name)
    assert client.next() is None and names[0] == "ProviderInitResponse"
    client.socket.close()


def test_device_events_carry_what_jtapi_needs(sim):
    sim.front("cti").nonce = SESSIONS[0]["nonce"]
    client = Client(sim.cti_port)
    sent = [bytes.fromhex(frame["hex"]) for frame in SESSIONS[0]["frames"] if frame["direction"] == "c2s"]
    for octets in sent[:4]:
        client.send(octets)
    event = [client.next() for _message in range(6)][5]
    assert event.name == "DeviceLineInfoEvent"
    assert event["deviceRegistrationInfo"]["deviceMultiMediaCapability"] is not None
    assert all(line["defaultIntercomTargetInfo"] for line in event["lineInfo"])


@pytest.mark.parametrize("name, code", [
    ("ProviderOpenRequest", 0x8CCC0063), ("ProviderCloseRequest", 0x8CCC0061),
    ("ProviderGetAllDevicesAndLinesRequest", 0x8CCC0061), ("ProviderCloseResponse", 0x8CCC0051)])
def test_requests_out_of_order(client, name, code):
    client.send(_ctiqbe.encode(name, sequenceNumber=5))
    answer = client.next()
    assert (answer.name, answer["sequenceNumber"], answer["result"] & 0xFFFFFFFF) == ("FailureResponse", 5, code)


def test_illegal_message_ends_the_connection(client):
    client.send(b"\xff" * 40)
    assert client.next()["result"] & 0xFFFFFFFF == 0x8CCC0052
    assert client.next() is None


def test_heartbeats_both_ways(sim):
    sim.front("cti").nonce, sim.front("cti").heartbeat = SESSIONS[0]["nonce"], (1, 1)
    client = Client(sim.cti_port)
    for frame in [f for f in SESSIONS[0]["frames"] if f["direction"] == "c2s"][:2]:
        client.send(bytes.fromhex(frame["hex"]))
    names = []
    while True:
        message = client.next()
        if message is None:
            break
        names.append(message.name)
        last = message
    assert names.count("Heartbeat") >= 2
    assert (last.name, last["reason"]) == ("ProviderClosedEvent", 1)
    assert [provider.status for provider in sim.cluster.providers()] == ["Closed"]


def test_provider_is_dropped_when_the_user_loses_the_right(sim):
    sim.front("cti").nonce = SESSIONS[0]["nonce"]
    client = Client(sim.cti_port)
    for frame in [f for f in SESSIONS[0]["frames"] if f["direction"] == "c2s"][:2]:
        client.send(bytes.fromhex(frame["hex"]))
    assert [client.next().name for _message in range(3)][-1] == "ProviderOpenCompletedEvent"
    # The event is sent after the provider is open, so it is listed by now.
    sim.act("remove_group_member", group="Standard CTI Enabled", user="ctiuser")
    message = client.next()
    assert (message.name, message["reason"]) == ("ProviderClosedEvent", 12)
    assert client.next() is None
