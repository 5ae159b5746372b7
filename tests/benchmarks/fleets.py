# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fleets of a chosen size on a simulated cluster, for benchmarks and tests of what a run takes.

    with fleets.fleet(folder, hosts=2, each=5) as site:
        first, again = counting.counted(site), counting.counted(site)
        floor = counting.counted(site, playbook=fleets.FLOOR)
"""

from __future__ import annotations

import contextlib
import json
import pathlib
import sys

import provisioned
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _pki
from controller import ROOT
from e2e.conftest import Site
from simulator import Simulator

FLOOR = ROOT / "tests" / "benchmarks" / "floor.yml"
PLAIN = ROOT / "tests" / "benchmarks" / "plain.py"
PASSWORD = "Bench-Secret-0001"
FAR = 2  # instances of a host that is listed and not in play


def host_name(number):
    return "recorder%03d" % number


def device_name(number):
    return "SEP%012X" % number


class Fleet(Site):
    """One application user with one device for each host, which has so many instances.

    listed: instances of further hosts, which --limit keeps out.
    """

    def __init__(self, simulator, folder, hosts, each, listed=0):
        self.near = [host_name(number) for number in range(1, hosts + 1)]
        far = ["faraway%03d" % number for number in range(1, -(-listed // FAR) + 1)]
        names = self.near + far
        users = [{"name": "tapi_" + name, "password": PASSWORD, "devices": [device_name(number)]}
                 for number, name in enumerate(names)]
        instances = [{"host": name, "user": "tapi_" + name, "instance_id": "%sx%d" % (name, number + 1)}
                     for name in self.near for number in range(each)]
        instances += [{"host": far[number // FAR], "user": "tapi_" + far[number // FAR],
                       "instance_id": "%sx%d" % (far[number // FAR], number % FAR + 1)} for number in range(listed)]
        super().__init__(simulator, folder, names, users, instances)
        self.instances_near = self.instances[:hosts * each]
        self.settings["secure_tsp_report_folder"] = str(self.controller.folder / "report")  # or it is beside the playbook

    def inventory(self):
        store = {"store": self.controller.store(), "client_address": "127.0.0.1"}
        floor = {"floor_login": {key: self.cluster[key] for key in ("hostname", "port", "username", "password", "ca_path")},
                 "floor_tftp_port": self.cluster["tftp_port"], "floor_users": self.users, "floor_instances": self.instances}
        first = {}
        for one in self.instances:
            first.setdefault(one["host"], {
                "floor_path": str(self.store(one["instance_id"])), "floor_instance_id": one["instance_id"]})
        path = self.controller.write_inventory({name: first.get(name, {}) for name in self.hosts}, {
            "secure_tsp_clusters": {"main": self.cluster}, "secure_tsp_users": self.users,
            "secure_tsp_instances": [{**store, **instance} for instance in self.instances], **floor, **self.settings})
        return path

    def instance(self, instance_id):
        return self._by_id()[instance_id]

    def _by_id(self):
        if not hasattr(self, "_index"):
            self._index = {one["instance_id"]: one for one in self.instances}
        return self._index

    def provision(self, days=None):
        """As a run would leave it, but faster: one key for all, since it is the run after that is measured."""
        key, cluster = _pki.generate_key("rsa", 2048), self.sim.cluster
        for user in self.users:
            provisioned.add_user(cluster, user)
        near = {one["instance_id"] for one in self.instances_near}
        for one in self.instances:
            cluster.accounts.add_profile("application", one["user"], one["instance_id"])
            if one["instance_id"] not in near:
                cluster.accounts.set_profile(
                    one["instance_id"], operation="No Pending Operation", status="Upgrade Success", string="")
                continue
            store = provisioned.Store(str(self.store(one["instance_id"])))
            store.create()
            provisioned.keep_trust_list(store, cluster.ctl_octets())
            provisioned.keep(store, *provisioned.issue(cluster, one["instance_id"], days=days, key=key))

    def open_applications(self):
        """Every instance's application has its provider open, as drift expects it."""
        for number, one in enumerate(self.instances):
            self.sim.act("open_application", user=one["user"], address="127.0.0.1", port=20000 + number)

    # The peer

    def plain_job(self, renew=False):
        """Words of a command that fetches the same certificates in plain Python, into folders of its own."""
        path = self.controller.folder / "job.json"
        path.write_text(json.dumps({
            "cluster": self.cluster, "users": self.users, "renew": renew, "instances": [
                {**one, "folder": str(self.controller.folder / "plain" / one["instance_id"])} for one in self.instances]}))
        return [sys.executable, str(PLAIN), str(path)]


@contextlib.contextmanager
def fleet(folder, hosts, each, listed=0):
    """A Fleet on a cluster of its own."""
    count = hosts + -(-listed // FAR)
    seed = {"devices": [
        {"name": device_name(number), "lines": [{"number": str(10000 + number)}]} for number in range(count)]}
    with Simulator(seed=seed) as simulator:
        yield Fleet(simulator, pathlib.Path(folder), hosts, each, listed)
        assert not simulator.cluster.schema_violations, simulator.cluster.schema_violations[:3]
