# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulator as a process: addresses, inventory, control port, end."""

from __future__ import annotations

import json
import os
import pathlib
import shlex
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import collection_path
import pytest
import requests
import yaml

TESTS = collection_path.ROOT / "tests"
FRONTS = ("--front", "axl", "--front", "tftp", "--front", "http")
SEED = """
devices:
  - {name: SEP001122334455, lines: [{number: "1001"}]}
end_users:
  - {name: jdoe, lastname: Doe, password: secret-of-jdoe, devices: [SEP001122334455]}
application_users:
  - {name: rec, password: secret-of-rec, groups: [Standard CTI Enabled]}
profiles:
  - {user: rec, instance_id: rec1, operation: Install/Upgrade, string: "4711471147"}
"""


class Running:
    """A simulator in another process."""

    def __init__(self, *words):
        environment = {**os.environ, "PYTHONPATH": str(TESTS), "SIMULATOR_PASSWORD": "secret-of-axl"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "simulator", *FRONTS, *words], stdout=subprocess.PIPE, env=environment, text=True)
        line = self.process.stdout.readline()
        self.addresses = json.loads(line) if line else None

    def ask(self, method, path, **body):
        request = urllib.request.Request(
            "http://127.0.0.1:%d/%s" % (self.addresses["control"], path), method=method,
            data=json.dumps(body).encode() if body else None)
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)

    def end(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(20)
        self.process.stdout.close()
        return code


@pytest.fixture
def running(tmp_path):
    seed = tmp_path / "seed.yml"
    seed.write_text(SEED)
    one = Running("--seed", str(seed), "--inventory", str(tmp_path / "inventory.yml"), "--release", "15")
    yield one
    one.end()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_tells_where_and_cleans_up(running, tmp_path, number):
    inventory = tmp_path / "inventory.yml"
    assert inventory.stat().st_mode & 0o777 == 0o600
    variables = yaml.safe_load(inventory.read_text())["all"]["vars"]
    main = variables["secure_tsp_clusters"]["main"]
    assert (main["hostname"], main["port"]) == ("127.0.0.1", running.addresses["axl"])
    assert main["tftp_port"] == running.addresses["tftp"]
    assert variables["simulator_control_port"] == running.addresses["control"]
    url = "https://%s:%d/axl/" % (main["hostname"], main["port"])
    session = requests.Session()
    session.trust_env = False
    answer = session.get(url, verify=main["ca_path"], timeout=10)
    assert answer.status_code == 200
    assert running.end(number) == 0
    assert not inventory.exists()
    assert not pathlib.Path(main["ca_path"]).exists()


def test_control_port_looks(running):
    assert running.ask("GET", "addresses")["axl"] == running.addresses["axl"]
    assert running.ask("GET", "counters") == {"operations": {}, "writes": 0}
    assert running.ask("GET", "schema-violations") == []
    snapshot = running.ask("GET", "snapshot")
    assert snapshot["release"] == "15"
    assert snapshot["profiles"]["rec1"]["status"] == "Operation Pending"
    assert snapshot["users"]["end:jdoe"]["devices"] == ["SEP001122334455"]
    everything = json.dumps(running.ask("GET", "state"))
    for secret in ("secret-of-jdoe", "secret-of-rec", "secret-of-axl", "4711471147"):
        assert secret not in everything


def test_control_port_acts(running):
    before = running.ask("GET", "state-hash")
    running.ask("POST", "actions", action="remove_group_member", group="Standard CTI Enabled", user="rec")
    assert running.ask("GET", "snapshot")["groups"]["Standard CTI Enabled"] == []
    assert running.ask("GET", "state-hash") != before
    running.ask("POST", "actions", action="add_group_member", group="Standard CTI Enabled", user="rec")
    assert running.ask("GET", "state-hash") == before
    with pytest.raises(urllib.error.HTTPError) as caught:
        running.ask("POST", "actions", action="set_password", user="nobody", password="x")
    assert caught.value.code == 400
    caught.value.close()


def test_control_port_keeps_fault_rules(running):
    rule = running.ask("POST", "faults", front="axl", operation="addUser", kind="http", code=503)
    assert running.ask("GET", "faults") == [rule]
    running.ask("DELETE", "faults/%d" % rule["number"])
    assert running.ask("GET", "faults") == []
    running.ask("POST", "faults", front="axl", kind="expire")
    running.ask("DELETE", "faults")
    assert running.ask("GET", "faults") == []


def test_several_at_once_and_ports_of_ones_choice(running):
    other = Running("--non-secure", "--feature", "sql=false", "--username", "someone")
    try:
        assert not set(other.addresses.values()) & set(running.addresses.values()) - {"127.0.0.1"}
        assert other.ask("GET", "snapshot")["mixed_mode"] is False
    finally:
        other.end()
    again = Running("--port", "axl=%d" % other.addresses["axl"])
    try:
        assert again.addresses["axl"] == other.addresses["axl"]
    finally:
        again.end()


def test_it_ends_with_its_parent():
    """A shell starts it, prints its process id, and is killed."""
    script = "%s -m simulator --exit-with-parent %s & echo $!; wait" % (shlex.quote(sys.executable), " ".join(FRONTS))
    shell = subprocess.Popen(
        ["/bin/sh", "-c", script], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(TESTS)}, text=True)
    lines = [shell.stdout.readline() for _line in range(2)]
    assert any("axl" in line for line in lines)
    shell.kill()
    shell.wait(10)
    assert shell.stdout.read() == ""  # the end of the pipe: nobody holds it open any more
    shell.stdout.close()


def test_nothing_stays_when_a_port_is_taken(running):
    other = Running("--port", "axl=%d" % running.addresses["axl"])
    assert other.addresses is None
    assert other.end() != 0


@pytest.mark.parametrize(("listen", "words", "reached"), [
    ("127.0.0.2", (), ["127.0.0.2"]), ("::1", (), ["::1"]), ("::", ("--node", "localhost"), ["::1", "127.0.0.1"])])
def test_it_listens_where_it_is_told(listen, words, reached):
    one = Running("--listen", listen, *words, "--front", "capf", "--front", "cti", "--front", "cti_tls")
    try:
        assert one.addresses["host"] == (words[-1] if words else listen)
        for address in reached:
            for front in ("axl", "http", "capf", "cti", "cti_tls"):
                socket.create_connection((address, one.addresses[front]), 5).close()
            with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.settimeout(5)
                client.sendto(b"\0\1CTLFile.tlv\0octet\0", (address, one.addresses["tftp"]))
                packet, server = client.recvfrom(1024)
                assert packet[:4] == b"\0\3\0\1" and server[0] == address and server[1] != one.addresses["tftp"]
        if listen != "::":
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.3", one.addresses["axl"]), 5)
    finally:
        one.end()


def test_all_addresses_need_the_name_that_clients_use(capfd):
    one = Running("--listen", "::")
    assert one.end() == 2 and "--node NAME" in capfd.readouterr().err
