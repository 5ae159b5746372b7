# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook diagnose against a fleet, its pages, and ways in which an instance is broken."""

from __future__ import annotations

import dataclasses
import re

import provisioned
from simulator import pki, trust_list


def out_of_reach(site, host):
    """Variables of a host that SSH does not reach."""
    ssh = site.controller.folder / "ssh"
    ssh.write_text("#!/bin/sh\necho 'ssh: connect to host %s port 22: No route to host' >&2\nexit 255\n" % host)
    ssh.chmod(0o755)
    return {"ansible_connection": "ssh", "ansible_ssh_executable": str(ssh)}


def list_of_another_cluster(site, store):
    """Its CAPF is the same, so that the certificate itself is fine; nobody vouches for the rest."""
    cluster = site.sim.cluster
    strangers = dataclasses.replace(cluster.certificates, callmanager=pki.server("stranger"),
                                    itlrecovery=pki.server("ITLRECOVERY_stranger"))
    provisioned.keep_trust_list(store, trust_list.build(strangers, cluster.features, cluster.nodes, 1700000000))
    store.remove("ctl.tlv.previous")


def failed_enrolment(site, store):
    store.remove_pair()
    site.sim.act("set_profile", instance_id="failed", status="Upgrade Failed: Invalid Authentication String")


class Diagnosing:
    """diagnose.yml against the fleet: the run, the pages, and what happened to the cluster and the hosts meanwhile."""

    def __init__(self, site, *words, folder="pages", **settings):
        self.folder = site.controller.folder / folder
        site.settings.update({"secure_tsp_diagnose_" + name: value for name, value in {"folder": str(self.folder), **settings}.items()})
        site.sim.act("reset_rate")
        site.sim.act("reset_counters")
        before = site.everything_with_times()
        self.run = site.run(*words, playbook="diagnose", rc=0)
        self.changes = [name for name, old, new in zip(("cluster", "hosts"), before, site.everything_with_times()) if old != new]
        self.writes = site.sim.cluster.write_count
        self.counters = dict(site.sim.cluster.counters)
        self.pages = {path.stem.partition("-")[2]: path.read_text() for path in self.folder.glob("*.txt")}
        self.lines = self.run.results("Write the diagnosis", status="ok")[-1]["msg"]


def part(page, label):
    """What stands behind a label of the page's head, its lines joined."""
    found = re.search(r"^  %s +(.*(?:\n {18}\S.*)*)" % label, page, re.MULTILINE)
    return " ".join(found.group(1).split())
