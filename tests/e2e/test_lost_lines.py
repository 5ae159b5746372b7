# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The line to a host breaks in the middle of a run: what was armed for it is disarmed, what was proven stays, others are finished, and
the summary says each. The line is a played ssh, which runs what it is given and breaks at the module of a given number.
"""

from __future__ import annotations

import shlex
import sys

import provisioned
import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _pki

USER = {"name": "recorder_tapi", "password": "Recorder-Secret-0002", "devices": ["SEP001122334450"]}
LOST, OTHER = "recorder01", "recorder02"
LINE = """import os, pathlib, subprocess, sys
folder = pathlib.Path(__file__).parent
command = sys.argv[-1]
with open(folder / "arguments", "a") as stream:
    stream.write(" ".join(sys.argv[1:-1]) + "\\n")
if "python" in command:
    with open(folder / "modules", "a") as stream:
        stream.write("x")
    if (folder / "modules").stat().st_size >= int((folder / "breaks_at").read_text()):
        sys.stderr.write("Connection to the host timed out")
        sys.exit(255)
sys.exit(subprocess.call(["/bin/sh", "-c", command]))
"""


class Lines:
    """A site whose first host is reached by the played ssh, and two instances on it."""

    def __init__(self, site):
        self.site, self.folder = site, site.controller.folder / "line"
        self.folder.mkdir()
        (self.folder / "line.py").write_text(LINE)
        program = self.folder / "ssh"
        # A path in a "#!" line may not hold spaces.
        program.write_text("#!/bin/sh\nexec %s %s \"$@\"\n" % (shlex.quote(sys.executable), shlex.quote(str(self.folder / "line.py"))))
        program.chmod(0o755)
        line = {"ansible_connection": "ansible.builtin.ssh", "ansible_ssh_executable": str(program), "ansible_host": "127.0.0.1"}
        site.hosts = {host: line if host == LOST else {} for host in site.hosts}

    def breaks_at(self, number):
        """The module of this number, counted from 1, is the first that does not get through."""
        (self.folder / "modules").write_text("")
        (self.folder / "breaks_at").write_text(str(number))


def instances(*hosts):
    return [{"host": host, "user": USER["name"], "instance_id": host + "x%d" % number}
            for host in hosts for number in ((1, 2) if host == LOST else (1,))]


@pytest.fixture
def lines(make_site):
    def make(*hosts):
        return Lines(make_site(hosts=hosts, users=[USER], instances=instances(*hosts)))

    return make


def test_ssh_notices_that_a_host_vanished(lines):
    """Field report S21: without keepalive the whole run waits until TCP gives up."""
    one = lines(LOST)
    one.breaks_at(1000)
    one.site.hosts[LOST]["ansible_ssh_args"] = "-C -o ServerAliveCountMax=9"
    one.site.run()
    calls = (one.folder / "arguments").read_text().splitlines()
    assert calls and all("-o ServerAliveInterval=15" in call for call in calls)
    assert all(call.index("ServerAliveCountMax=9") < call.index("ServerAliveCountMax=4") for call in calls), "the first one counts"


def test_the_only_host_of_a_run_is_lost_while_it_enrols(lines):
    """Field report S16: its profiles stayed armed for 38 hours, and there was no summary."""
    one = lines(LOST)
    one.breaks_at(2)
    run = one.site.run(rc=None)
    assert run.rc != 0 and one.site.armed() == []
    assert run.states == {LOST + "x1": "failed", LOST + "x2": "failed"}
    assert all("The connection to this host broke" in text for text in run.remarks.values())
    one.breaks_at(1000)
    assert set(one.site.run().states.values()) == {"verified"}


@pytest.mark.parametrize("number", [1, 3])
def test_a_host_that_is_lost_stops_no_other(lines, number):
    """At the first module, and at the proof."""
    one = lines(LOST, OTHER)
    one.site.instances = [dict(each, user="dialer") if each["host"] == OTHER else each for each in one.site.instances]
    one.site.users.append({"name": "dialer", "password": "Dialer-Secret-0003"})
    one.breaks_at(number)
    run = one.site.run(rc=None)
    assert run.rc != 0 and one.site.armed() == []
    assert run.states == {LOST + "x1": "failed", LOST + "x2": "failed", OTHER + "x1": "verified"}
    one.breaks_at(1000)
    after = one.site.run().states  # the other one was proven before, and that counts
    assert after == {LOST + "x1": "verified", LOST + "x2": "verified", OTHER + "x1": "ok"}


def test_what_was_proven_before_the_line_broke_stays_proven_and_is_no_failure(lines):
    """Field report S12: two instances counted as failed when one had."""
    one = lines(LOST)
    cluster = one.site.sim.cluster
    provisioned.add_user(cluster, USER)
    key = _pki.generate_key("rsa", 2048)
    for each in one.site.instances:
        cluster.accounts.add_profile("application", USER["name"], each["instance_id"])
        store = provisioned.Store(str(one.site.store(each["instance_id"])))
        store.create()
        provisioned.keep_trust_list(store, cluster.ctl_octets())
        provisioned.keep(store, *provisioned.issue(cluster, each["instance_id"], days=30, key=key))
    one.site.settings["secure_tsp_batch_instances"] = 1
    before = {each["instance_id"]: one.site.lsc(each["instance_id"]) for each in one.site.instances}
    one.breaks_at(3)
    run = one.site.run(playbook="upgrade_certificates", rc=None)
    assert run.rc != 0 and one.site.armed() == []
    changed = [name for name, content in before.items() if one.site.lsc(name) != content]
    assert len(changed) == 1
    [kept] = set(before) - set(changed)
    assert run.states == {changed[0]: "verified", kept: "failed"}
    assert "1 failed; 1 verified" in run.summary[-1]
    one.breaks_at(1000)
    assert "failed" not in one.site.run(playbook="upgrade_certificates").states.values()
    assert one.site.lsc(kept) != before[kept]
