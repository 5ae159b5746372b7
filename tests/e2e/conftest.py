# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated cluster, a fleet on it, and a controller: real playbooks over real sockets onto real files."""

from __future__ import annotations

import copy
import hashlib
import itertools
import socket

import pytest
from controller import Controller
from simulator import Simulator

ENABLED = "Standard CTI Enabled"
SECURE = "Standard CTI Secure Connection"
SRTP = "Standard CTI Allow Reception of SRTP Key Material"

SEED = {
    "devices": [
        {"name": "SEP00112233445%d" % n, "lines": [{"number": "100%d" % n}]} for n in range(6)
    ],
    "end_users": [{"name": "jdoe", "lastname": "Doe", "password": "Jane-Secret-0001", "devices": ["SEP001122334455"]}],
}
HOSTS = ("recorder01", "recorder02", "recorder03")
USERS = (
    {"name": "recorder_tapi", "password": "Recorder-Secret-0002", "srtp": True,
     "devices": ["SEP001122334450", "SEP001122334451"]},
    {"name": "dialer", "password": "Dialer-Secret-0003", "devices": ["SEP001122334452"]},
    {"name": "jdoe", "type": "end", "password": "Jane-Secret-0001"},
)
INSTANCES = (
    {"host": "recorder01", "user": "recorder_tapi", "instance_id": "recorder01x1"},
    {"host": "recorder02", "user": "recorder_tapi", "instance_id": "recorder02x1"},
    {"host": "recorder03", "user": "recorder_tapi", "instance_id": "recorder03x1"},
    {"host": "recorder02", "user": "dialer", "instance_id": "recorder02x2"},
    {"host": "recorder03", "user": "jdoe", "instance_id": "recorder03x2"},
)


class Site:
    """One cluster and one fleet. C(users), C(instances), C(cluster) and C(settings) may be changed between runs."""

    def __init__(self, simulator, folder, hosts, users, instances):
        self.sim = simulator
        self.controller = Controller(folder)
        self.hosts = list(hosts)
        self.users = copy.deepcopy(list(users))
        self.instances = copy.deepcopy(list(instances))
        self.cluster = simulator.cluster_entry()
        self.settings = {}

    def inventory(self):
        store = {"store": self.controller.store(), "client_address": "127.0.0.1"}
        return self.controller.write_inventory(self.hosts, {
            "secure_tsp_clusters": {"main": self.cluster}, "secure_tsp_users": self.users,
            "secure_tsp_instances": [{**store, **instance} for instance in self.instances], **self.settings,
        })

    def start(self, *words, playbook="site"):
        return self.controller.start(playbook, self.inventory(), *words)

    def run(self, *words, playbook="site", rc=0):
        """Run a playbook to its end, which must be C(rc). None: any."""
        run = self.start(*words, playbook=playbook).wait()
        assert rc is None or run.rc == rc, run.output
        assert "Traceback (most recent call last)" not in run.output, run.output
        return run

    def user(self, name):
        return next(user for user in self.users if user["name"] == name)

    def instance(self, instance_id):
        return next(instance for instance in self.instances if instance["instance_id"] == instance_id)

    def store(self, instance_id):
        """Folder of an instance's files."""
        return self.controller.hosts / self.instance(instance_id)["host"] / instance_id

    def files(self, host=None):
        """{path: (mode, digest or None for a folder)} of everything on one host, or on all of them."""
        root = self.controller.hosts / (host or "")
        return {
            str(path.relative_to(self.controller.hosts)): (
                oct(path.stat().st_mode & 0o7777),
                hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None)
            for path in sorted(root.rglob("*"))
        }

    def everything(self):
        """Equal exactly when neither the cluster nor any host changed."""
        return self.sim.cluster.state_hash(), self.files()

    def everything_with_times(self):
        """The cluster's state, and path, mode, time of change and content of whatever is on a host."""
        hosts = {}
        for path in sorted(self.controller.hosts.rglob("*")):
            status = path.lstat()
            hosts[str(path)] = (status.st_mode, status.st_mtime_ns, status.st_ctime_ns, status.st_ino,
                                path.read_bytes() if path.is_file() else None)
        return self.sim.cluster.state_hash(), hosts

    def profile(self, instance_id):
        return self.sim.cluster.accounts.profile(instance_id)

    def statuses(self):
        """{instance id: (operation, status)} of all CAPF profiles."""
        return {
            profile.instance_id: (profile.operation, profile.status) for profile in self.sim.cluster.accounts.profiles()
        }

    def armed(self):
        return sorted(profile.instance_id for profile in self.sim.cluster.accounts.profiles() if profile.armed)

    def groups(self, user):
        return self.sim.cluster.snapshot()["users"][user]["groups"]

    def lsc(self, instance_id):
        """The certificate on the host (DER)."""
        return (self.store(instance_id) / "QBEClient.cer").read_bytes()


@pytest.fixture(scope="module")
def closed():
    """A port at which nobody listens, and nobody else can."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


@pytest.fixture(scope="module")
def make_site(tmp_path_factory):
    """make_site(hosts=..., users=..., instances=..., release=...): a fleet on a cluster of its own."""
    running, numbers = [], itertools.count(1)

    def make(hosts=HOSTS, users=USERS, instances=INSTANCES, seed=None, ris_per_minute=1000, **options):
        # CUCM's own limit, which the simulator has without this, would make one test wait for the requests of the others.
        simulator = Simulator(seed=SEED if seed is None else seed, ris_per_minute=ris_per_minute, **options)
        running.append(simulator.start())
        return Site(simulator, tmp_path_factory.mktemp("site") / str(next(numbers)), hosts, users, instances)

    yield make
    violations = [violation for simulator in running for violation in simulator.cluster.schema_violations]
    for simulator in running:
        simulator.stop()
    assert not violations
