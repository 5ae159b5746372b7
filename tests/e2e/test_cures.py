# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who does what the pages of diagnose say, command by command, gets to an instance that works.

Nobody knows here which cure belongs to which fault: each round runs the commands as they are printed, and does by hand what the
page's next step says in words. The next round no longer shows what the former one showed first.
"""

from __future__ import annotations

import contextlib
import hashlib
import pathlib
import re
import select
import shlex
import socket
import socketserver
import subprocess
import sys
import threading
from typing import NamedTuple

import diagnosing
import provisioned
import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _pki
from diagnosing import part
from provisioned import SECURE

HOST, AWAY = "recorder01", "recorder09"
MOST_ROUNDS = 6
ON_PUBLISHER = " (on the publisher's command line)"
PLANTED = {
    "failed": diagnosing.failed_enrolment,
    "blocked": lambda site, store: provisioned.keep(store, *provisioned.issue(site.sim.cluster, "blocked", days=-1)),
    "untrusted": diagnosing.list_of_another_cluster,
    "mismatch": lambda site, store: provisioned.keep(store, _pki.generate_key("rsa", 2048), None),
    "insecure": lambda site, store: site.sim.act("remove_group_member", group=SECURE, user="u_insecure"),
    "compromised": lambda site, store: site.sim.act("set_profile", instance_id="compromised", compromised="t"),
    "refused": lambda site, store: site.sim.act("set_password", user="u_refused", password="Another-Secret-0001"),
    "away": lambda site, store: None,
}


class Page(NamedTuple):
    """The head of a page."""

    state: str
    step: str
    what: str
    fix: str
    command: str
    then: str


class Firewall:
    """A closed port. C(open) lets through what comes to it."""

    def __init__(self, target):
        class Through(socketserver.BaseRequestHandler):
            def handle(self):
                with contextlib.suppress(ConnectionError), socket.create_connection(target) as other:
                    ways = {self.request: other, other: self.request}
                    while True:
                        for source in select.select(list(ways), [], [])[0]:
                            octets = source.recv(65536)
                            if not octets:
                                return
                            ways[source].sendall(octets)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Through, bind_and_activate=False)
        self._server.daemon_threads = True
        self._server.server_bind()
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.port = self._server.server_address[1]

    def open(self):
        self._server.server_activate()
        self._thread.start()

    def close(self):
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()


class Night:
    """An administrator with a fleet in which each instance is broken in a way of its own, on a cluster in non-secure mode."""

    def __init__(self, site):
        self.site, self.cluster = site, site.sim.cluster
        self.firewall = Firewall(("127.0.0.1", site.cluster["capf_port"]))
        clusters = {**dict.fromkeys(PLANTED, "main"), "blocked": "edge"}
        hosts = {**dict.fromkeys(PLANTED, HOST), "away": AWAY}
        users = [{"name": "u_" + name, "password": "Diagnose-Secret-" + name, "cluster": clusters[name]} for name in PLANTED]
        instances = [{"host": hosts[name], "user": "u_" + name, "instance_id": name, "cluster": clusters[name]} for name in PLANTED]
        site.users, site.instances = users, instances
        site.settings["secure_tsp_clusters"] = {"main": site.cluster, "edge": {**site.cluster, "capf_port": self.firewall.port}}
        site.hosts = {HOST: None, AWAY: diagnosing.out_of_reach(site, AWAY)}
        for user, one in zip(users, instances):
            provisioned.add_user(self.cluster, user)
            PLANTED[one["instance_id"]](site, provisioned.add_instance(self.cluster, site.store(one["instance_id"]), one))
        site.sim.act("set_mixed_mode", mixed=False)
        self.done, self.ran, self.asked = [], [], []
        self.by_hand = {
            r"give the instance a new instance_id": lambda name: self.site.instance(name).update(instance_id=name + "x2"),
            r"pin it with ctl_fingerprint and provision again": self.pin,
            r"open the firewall between the two": lambda name: self.firewall.open(),
            r"password is wrong .* Correct them": lambda name: self.site.sim.act("set_password", user="u_" + name, password="Diagnose-Secret-" + name),
            r"Start the application": lambda name: self.cluster.list_application("u_" + name.replace("x2", ""), "127.0.0.1", 50000, instance_id=name),
        }
        self.on_publisher = {
            "show ctl": lambda: None,
            "utils ctl set-cluster mixed-mode": lambda: self.site.sim.act("set_mixed_mode", mixed=True),
        }

    def pin(self, name):
        shown = hashlib.sha256(self.cluster.ctl_octets()).hexdigest()
        self.site.settings["secure_tsp_clusters"]["main"]["ctl_fingerprint"] = shown
        self.site.run("--limit", self.site.instance(name)["host"], rc=None)

    def looked(self, number):
        """{instance: Page}."""
        pages = diagnosing.Diagnosing(self.site, folder="pages%d" % number, probe=True, trace_minutes=0).pages
        found = {}
        for name, page in pages.items():
            state, _colon, step = page.splitlines()[3].partition(": ")
            told = [part(page, label) if re.search(r"(?m)^  %s +" % label, page) else "" for label in ("What", "Next step", "Command", "Then")]
            found[name] = Page(state, step, *told)
        return found

    def follow(self, found):
        for name, page in found.items():
            for words, act in self.by_hand.items():
                if re.search(words, "%s %s" % (page.what, page.fix)):
                    act(name)
                    self.done.append((name, words))
        for command in dict.fromkeys(page.command for page in found.values() if page.command):
            self.type(command)
            self.ran.append(command)

    def type(self, command):
        """At the publisher, or at the controller with the inventory as it is by now. Returns the run of a playbook."""
        if command.endswith(ON_PUBLISHER):
            return self.on_publisher[command[:-len(ON_PUBLISHER)]]()
        program, option, inventory, *words = shlex.split(command)
        assert option == "-i" and (self.site.controller.folder / inventory).is_file()
        if program == "ansible-playbook":
            # Others may still be broken; whether this one is cured is seen by the next look.
            return self.site.run(*words[1:], playbook=words[0].rpartition(".")[2], rc=None)
        assert program == "ansible"
        self.asked.append((words[0], self.ad_hoc(words)))
        return None

    def ad_hoc(self, words):
        return subprocess.run(
            [sys.executable, pathlib.Path(sys.executable).with_name("ansible"), "-i", self.site.inventory(), *words],
            stdin=subprocess.DEVNULL, capture_output=True, cwd=self.site.controller.folder, env=self.site.controller.environment(),
            check=False).returncode


@pytest.fixture(scope="module")
def night(make_site):
    found = Night(make_site(hosts=[HOST], users=[], instances=[], seed={}))
    yield found
    found.firewall.close()


def test_following_the_pages_ends_with_instances_that_work(night):
    former = {}
    for number in range(MOST_ROUNDS):
        found = night.looked(number)
        for name, page in found.items():
            assert page.state == "WORKS" or name not in former or page[1:3] != former[name][1:3], (number, name, page)
        if all(page.state == "WORKS" for page in found.values()):
            break
        if number == 0:
            assert {page[:2] for page in found.values()} == {("DOES NOT WORK", "Cluster"), ("DOES NOT WORK", "Host")}
            again = night.type(found["insecure"].then)
            assert "DOES NOT WORK: Cluster" in again.output and "u_insecure" in again.output and "u_failed" not in again.output
        night.follow(found)
        if AWAY in night.site.hosts and (AWAY, 4) in night.asked:
            night.site.hosts[AWAY] = None  # what was in the host's way is gone
            assert night.ad_hoc([AWAY, "-m", "ansible.builtin.ping"]) == 0
        former = found
    assert {name: page.state for name, page in found.items()} == dict.fromkeys(found, "WORKS"), found
    assert len(found) == len(PLANTED) and "compromisedx2" in found
    # Nothing of what a person could be told was left out of the play.
    assert {words for _name, words in night.done} == set(night.by_hand)
    assert {command[:-len(ON_PUBLISHER)] for command in night.ran if command.endswith(ON_PUBLISHER)} == set(night.on_publisher)
