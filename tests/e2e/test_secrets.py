# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No secret comes out of a run, however loud it is: not in output, logs, events, files, or arguments of processes."""

from __future__ import annotations

import contextlib
import itertools
import pathlib
import threading
import time

import pytest
from controller import descendants

GIVEN = "8273645190"
PASSPHRASE = "Passphrase-Secret-0009"
AXL = "Axl-Secret-0008"
HEADINGS = (b"-----BEGIN PRIVATE KEY", b"-----BEGIN ENCRYPTED PRIVATE KEY", b"-----BEGIN RSA PRIVATE KEY")


class Listener:
    """Session ids of CAPF, which learn the authorization strings of the profiles that are armed by then."""

    def __init__(self, site):
        self.strings = set()
        self._site = site
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def __next__(self):
        with self._lock:
            self.strings |= {one.string for one in self._site.sim.cluster.accounts.profiles() if one.string}
            return next(self._numbers)


class Loud:
    """A site that is run with all there is to say, while its processes are watched."""

    def __init__(self, site):
        self.site = site
        self.listener = site.sim.front("capf").sessions = Listener(site)
        self.arguments = set()
        self.keys = set()

    def run(self, *words, rc=0):
        playing = self.site.start("-vvvv", "--diff", *words)
        while playing.process.poll() is None:
            for pid in descendants(playing.process.pid):
                with contextlib.suppress(OSError):
                    self.arguments.add(pathlib.Path("/proc/%d/cmdline" % pid).read_bytes())
            time.sleep(0.05)
        run = playing.wait()
        assert run.rc == rc, run.output
        self.keys |= {path.read_bytes() for path in self.key_files()}
        return run

    def key_files(self):
        return list(self.site.controller.hosts.rglob("QBEClient.key.pem"))

    def secrets(self):
        """{name: octets}"""
        found = {"string %s" % string: string for string in self.listener.strings}
        found.update(("password of " + user["name"], user["password"]) for user in self.site.users)
        found.update(axl=AXL, passphrase=PASSPHRASE, given=GIVEN)
        secrets = {name: secret.encode() for name, secret in found.items()}
        for number, key in enumerate(sorted(self.keys)):
            # A line of base64 from the middle of each key.
            secrets["key %d" % number] = key.splitlines()[len(key.splitlines()) // 2]
        return secrets

    def places(self):
        """(where, octets) of everything that a run left, except the inventories and keys, where secrets belong."""
        controller = self.site.controller
        keys = set(self.key_files())
        for path in sorted(controller.folder.rglob("*")):
            if path.is_file() and path not in keys and not path.name.startswith("inventory") and \
                    controller.folder / "collections" not in path.parents:
                yield str(path.relative_to(controller.folder)), path.read_bytes()
        for arguments in self.arguments:
            yield "arguments of a process", arguments

    def leaks(self):
        secrets = {**self.secrets(), **{heading.decode(): heading for heading in HEADINGS}}
        return sorted({
            (name, where) for where, octets in self.places() for name, secret in secrets.items() if secret in octets
        })


@pytest.fixture(scope="module")
def loud(make_site):
    site = make_site(hosts=("recorder02", "recorder03"), password=AXL)
    site.instances = [one for one in site.instances if one["host"] != "recorder01"]
    site.instance("recorder02x2")["authorization_string"] = GIVEN
    site.settings["secure_tsp_key_passphrase"] = PASSPHRASE
    return Loud(site)


@pytest.fixture(scope="module")
def well(loud):
    return loud.run(), loud.leaks()


@pytest.fixture(scope="module")
def failing(loud, well):
    """CAPF refuses one host, CTI Manager refuses a user of the other."""
    site = loud.site
    for instance in site.instances:
        instance["force"] = True
    site.sim.faults.add(front="capf", kind="reason", operation="KEY_GENERATE_REQUEST", code=7)
    site.sim.faults.add(front="cti", kind="result", operation="ProviderOpenCompletedEvent", code=0x8CCC0060, times=None)
    run = loud.run(rc=2)
    site.sim.faults.clear()
    return run, loud.leaks()


@pytest.fixture(scope="module")
def failing_to_arm(loud, failing):
    """The task that holds all strings fails, and so does the one that makes a user."""
    site = loud.site
    site.sim.faults.add(front="axl", kind="fault", operation="updateApplicationUserCapfProfile", after=1, code=5003,
                        message="No")
    run = loud.run(rc=2)
    site.sim.faults.clear()
    site.sim.act("remove_user", user="dialer")
    site.sim.faults.add(front="axl", kind="fault", operation="addAppUser", code=5003, message="No")
    return [run, loud.run(rc=2)], loud.leaks()


def test_the_secrets_are_known(loud, well):
    """Else the others would prove nothing."""
    secrets = loud.secrets()
    assert GIVEN in loud.listener.strings and len(loud.listener.strings) >= 4 and len(loud.keys) >= 4
    assert all(len(secret) >= 10 for secret in secrets.values())
    inventories = b"".join(path.read_bytes() for path in loud.site.controller.folder.glob("inventory*"))
    assert all(secret in inventories for name, secret in secrets.items() if name.startswith("password of"))
    places = [where for where, _octets in loud.places()]
    assert {"ansible.log", "output2.txt", "events2.jsonl", "arguments of a process"} <= set(places)


def test_a_run_that_goes_well(well):
    run, leaks = well
    assert len(run.output) > 100000 and set(run.states.values()) == {"verified"}
    assert leaks == []


def test_a_run_that_fails(failing):
    run, leaks = failing
    assert "failed" in run.states.values()
    assert leaks == []


def test_runs_that_fail_while_they_write_secrets_to_the_cluster(failing_to_arm):
    runs, leaks = failing_to_arm
    assert all("fault" in run.output or "No (code 5003)" in run.output for run in runs)
    assert leaks == []


def test_keys_are_encrypted_and_private(loud, well):
    for path in loud.key_files():
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
