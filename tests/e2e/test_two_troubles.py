# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one cannot do stops nobody else: two troubles at a time, each of which is one instance's own. The others are finished in the same
run, and the next run, with the troubles gone, finishes everything.
"""

from __future__ import annotations

import itertools

import provisioned
import pytest
from simulator import Simulator, soap
from simulator.axl_server import Response

# Trouble: the host whose instance it is.
OWN = {"host down": "recorder01", "user missing": "recorder02", "profile reset": "recorder03", "cluster away": "recorder04"}
FINE = "recorder05"
KEPT = "ok"
HOSTS = (*OWN.values(), FINE)
AWAY = {"ansible_connection": "ansible.builtin.ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}


def cluster_of(host):
    return "apac" if host == OWN["cluster away"] else "main"


def user_of(host):
    return {"name": "tapi_" + host, "password": "Secret-of-%s" % host, "cluster": cluster_of(host)}


def instance_of(host):
    return {"host": host, "user": "tapi_" + host, "instance_id": host + "x1", "cluster": cluster_of(host)}


class World:
    """Two clusters and five hosts, each with a user of its own. That whose profile will be reset is provisioned."""

    def __init__(self, site, apac):
        self.site, self.main, self.apac = site, site.sim, apac
        self.web = self.main.front("axl")
        self.respond = self.web.respond
        site.settings["secure_tsp_clusters"] = {"main": self.main.cluster_entry(), "apac": apac.cluster_entry()}
        reset = OWN["profile reset"]
        provisioned.add_user(self.main.cluster, user_of(reset))
        provisioned.add_instance(self.main.cluster, site.store(reset + "x1"), instance_of(reset))

    def bring(self, trouble):
        if trouble == "host down":
            self.site.hosts = {host: AWAY if host == OWN[trouble] else {} for host in HOSTS}
        elif trouble == "user missing":
            self.web.respond = self.without_user
        elif trouble == "profile reset":
            self.main.act("set_profile", instance_id=OWN[trouble] + "x1", operation="No Pending Operation", status="None")
        else:
            self.apac.faults.add("axl", "http", code=500, times=None)

    def without_user(self, path, headers, body):
        """The cluster makes every user but one."""
        if b"addAppUser" in body and user_of(OWN["user missing"])["name"].encode() in body:
            return Response(500, soap.fault("soapenv:Server", "no more users of this kind"))
        return self.respond(path, headers, body)

    def end(self):
        self.site.hosts = list(HOSTS)
        self.web.respond = self.respond
        self.main.faults.clear()
        self.apac.faults.clear()


@pytest.fixture
def world(make_site):
    site = make_site(hosts=HOSTS, users=[user_of(host) for host in HOSTS], instances=[instance_of(host) for host in HOSTS])
    with Simulator(ris_per_minute=1000) as apac:
        yield World(site, apac)


PAIRS = list(itertools.combinations(OWN, 2))


@pytest.mark.parametrize("troubles", PAIRS, ids=" and ".join)
def test_who_is_concerned_fails_alone_and_the_others_are_finished(world, troubles):
    for trouble in troubles:
        world.bring(trouble)
    run = world.site.run(rc=None)
    states = {instance.removesuffix("x1"): row["STATE"] for instance, row in run.rows.items()}
    concerned = {OWN[trouble] for trouble in troubles}
    assert set(states) == set(HOSTS)
    # A profile that was reset leaves a good certificate where it is; drift finds it, and its command renews it (test_drift.py).
    helpless = concerned - {OWN["profile reset"]}
    good = dict.fromkeys(HOSTS, "verified") | {OWN["profile reset"]: KEPT}
    assert {host for host, state in states.items() if state != good[host]} == helpless, run.output
    assert all(any("%sx1 on %s" % (host, host) in line for line in run.summary) for host in helpless), "Each says why."
    assert run.rc != 0
    assert world.site.armed() == [] and not [one for one in world.apac.cluster.accounts.profiles() if one.armed]
    world.end()
    run = world.site.run()
    assert {instance.removesuffix("x1"): state for instance, state in run.states.items()} == {
        host: "verified" if host in helpless else KEPT for host in HOSTS}
    assert not [row for instance, row in run.rows.items() if row["STATE"] == KEPT and row["ACTION"] != "-"]
    if troubles == PAIRS[0]:  # what a third run finds does not depend on the troubles before
        assert world.site.run().count("changed") == 0
