# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An instance on its host, a simulated cluster that misbehaves on demand, and the steps of a run, module by module.

Every row of the tables below this folder asserts three things: what the operator is told, what is on disk and on the
cluster afterwards, and that the next run without the fault completes with no manual step.
"""

from __future__ import annotations

import itertools
import json
import stat
import time

import pytest
from simulator import Simulator
from unit.modules import conftest as of_modules

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _pki, _store
from ansible_collections.voiceops.secure_tsp.plugins.modules import (
    capf_certificate,
    capf_certificate_info,
    cti_provider_info,
    ctl_file,
    fleet_accounts,
)

# Fixtures of the modules' own tests.
run_module = of_modules.run_module
in_this_interpreter = of_modules.in_this_interpreter
in_other_interpreter = of_modules.in_other_interpreter

PASSWORD = "Recorder-Pässwort-4711"
ENABLED, SECURE = "Standard CTI Enabled", "Standard CTI Secure Connection"
DEVICES = [
    {"name": "SEP001122334455", "model": 684, "registered": True, "lines": [{"number": "1001"}, {"number": "1002"}]},
    {"name": "SEP001122334466", "registered": False, "lines": [{"number": str(2000 + number)} for number in range(7)]},
]
RENEW_BEFORE = 30  # days before its end that a certificate is renewed
PATIENCE = 10  # seconds for what happens at once unless something is broken


class Instance:
    """An instance of a user of its own: the steps of a run on it, what its folder holds and what the cluster knows of it.

    C(results) are those of all modules that ran, so that none of them can have told a secret.
    """

    def __init__(self, sim, run_module, folder, name):
        self.sim = sim
        self.folder = folder
        self.user = {"name": name, "password": PASSWORD, "devices": [device["name"] for device in DEVICES]}
        self.instance_id = name + "x1"
        self.results = []
        self.secrets = {PASSWORD, sim.password}
        self._run_module = run_module

    def run(self, module, **options):
        result = self._run_module(module, **options)
        self.results.append(result)
        return result

    # the steps of a run

    def accounts(self, *stages, **options):
        """fleet_accounts for this instance; options of the instance itself begin with C(instance_)."""
        described = {"host": "recorder01", "user": self.user["name"], "instance_id": self.instance_id}
        described.update({name[9:]: options.pop(name) for name in list(options) if name.startswith("instance_")})
        given = dict(
            hostname=self.sim.host, port=self.sim.axl_port, username=self.sim.username, password=self.sim.password,
            ca_path=self.sim.ca_path, users=[self.user], instances=[described], stages=list(stages))
        return self.run(fleet_accounts, **{**given, **options})

    def trust(self, **options):
        given = dict(path=str(self.folder), tftp_servers=[self.sim.host], tftp_port=self.sim.tftp_port,
                     capf_host=self.sim.host, timeout=10)
        return self.run(ctl_file, **{**given, **options})

    def look(self):
        return self.run(capf_certificate_info, path=str(self.folder), instance_id=self.instance_id,
                        renew_before_days=RENEW_BEFORE)

    def arm(self, **options):
        """Arm if the host needs a certificate. The string, or None."""
        armed = self.accounts("profiles", instance_needs_certificate=self.look()["needs_certificate"], **options)
        assert not armed.get("failed"), armed
        string = armed["strings"].get(self.instance_id)
        self.results.remove(armed)  # the one result that holds the string, which a play registers under no_log
        self.secrets.add(string or PASSWORD)
        return string

    def enrol(self, string, **options):
        given = dict(path=str(self.folder), instance_id=self.instance_id, renew_before_days=RENEW_BEFORE,
                     capf_host=self.sim.host, capf_port=self.sim.capf_port, authorization_string=string, timeout=10)
        given.update(options)
        return self.run(capf_certificate, **{name: value for name, value in given.items() if value is not None})

    def disarm(self):
        """What a run does in any case after it armed."""
        result = self.accounts("disarm")
        assert not result.get("failed"), result

    def provision(self, **options):
        """Arm, enrol and disarm, as the stage enrol does. The result of the enrolment."""
        result = self.enrol(self.arm(), force=True, **options)
        if result.get("failed"):
            self.disarm()
        return result

    def confirm(self):
        return self.enrol(None, state="confirmed", capf_host=None)

    def open(self, **options):
        given = dict(cti_managers=[self.sim.host], port=self.sim.cti_tls_port, path=str(self.folder),
                     user=self.user["name"], password=PASSWORD, timeout=10)
        given.update(options)
        return self.run(cti_provider_info, **{name: value for name, value in given.items() if value is not None})

    # what is there

    def hold(self, key, days=None):
        """Let the instance have a trust list and a certificate for this key, as earlier runs leave them."""
        cluster, self.sim.cluster.lsc_days = self.sim.cluster, days
        try:
            der = cluster.capf_issue(self.profile, _pki.public_key_der(key), "CTI-" + self.instance_id)
        finally:
            cluster.lsc_days = None
        store = _store.Store(str(self.folder))
        store.create()
        for name, octets in ((_store.TRUST_LIST, cluster.ctl_octets()), (_store.KEY, _pki.key_to_pem(key)),
                             (_store.CERTIFICATE, der)):
            store.write(name, octets)
        return der

    def files(self):
        """{path: (mode, octets or None for a folder)} of everything in the instance's folder, but its lock."""
        return {
            str(path.relative_to(self.folder.parent)): (
                oct(stat.S_IMODE(path.stat().st_mode)), path.read_bytes() if path.is_file() else None)
            for path in sorted([self.folder, *self.folder.rglob("*")] if self.folder.exists() else [])
            if path.name != ".lock"
        }

    @property
    def profile(self):
        return self.sim.cluster.accounts.profile(self.instance_id)

    def open_providers(self):
        """Those that the cluster still holds open, once it had the time to notice that the client has gone."""
        end = time.monotonic() + PATIENCE
        while True:
            found = [one for one in self.sim.cluster.providers() if one.status == "Open"
                     and one.user.name == self.user["name"]]
            if not found or time.monotonic() > end:
                return found
            time.sleep(0.01)

    def count(self, name):
        return self.sim.cluster.counters[name]

    def kept_secrets(self):
        """No result ever told a password or an authorization string, nor died of a bug."""
        told = json.dumps(self.results, ensure_ascii=False)
        return "Traceback" not in told and not any(secret in told for secret in self.secrets)


@pytest.fixture(scope="module")
def cluster():
    """A cluster for all tests of a file; each has a user of its own on it."""
    with Simulator(seed={"devices": DEVICES}) as simulator:
        yield simulator
        assert not simulator.cluster.schema_violations


@pytest.fixture(scope="session")
def key():
    """A key of 2048 bits that was made in an earlier run."""
    return _pki.generate_key("rsa", 2048)


@pytest.fixture(scope="session")
def numbers():
    return itertools.count(1)


@pytest.fixture
def make_instance(request, tmp_path, numbers):
    """make_instance(simulator): an instance of a new user. Nothing exists yet, neither on the cluster nor on disk."""
    made = []

    def make(sim):
        name = "recorder%d" % next(numbers)
        made.append(Instance(sim, request.getfixturevalue("run_module"), tmp_path / name, name))
        return made[-1]

    yield make
    for instance in made:
        assert instance.kept_secrets()


@pytest.fixture
def instance(cluster, make_instance):
    """An instance on the cluster of this file. Faults and counters are its own."""
    cluster.faults.clear()
    cluster.cluster.reset_counters()
    yield make_instance(cluster)
    cluster.faults.clear()


@pytest.fixture
def told():
    """told(result, place, *words): the module failed with one message of whole sentences that name the place, what
    happened and what to do about it."""

    def check(result, place, *words):
        assert result.get("failed"), result
        message = result["msg"]
        for part in (place, *words):
            assert part in message, message
        what, _place, cure = message.partition("(%s)" % place)
        assert what and cure.strip(" .") and message.endswith("."), "no cure: " + message
        assert "\n" not in message and "None" not in message, message

    return check
