# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.modules import fleet_accounts
from simulator import Simulator

ENABLED = "Standard CTI Enabled"
SECURE = "Standard CTI Secure Connection"
SRTP = "Standard CTI Allow Reception of SRTP Key Material"
PASSWORD = "Recorder-Secret-0815"
NEEDED = {"needed": True, "reason": "missing"}
HEALTHY = {"needed": False, "reason": ""}

RECORDER = {"name": "recorder_tapi", "password": PASSWORD, "devices": ["SEP001122334455"], "srtp": True}
END_USER = {"name": "jdoe", "type": "end"}
FIRST = {"host": "recorder01", "user": "recorder_tapi", "instance_id": "recorder01x1"}
SECOND = {"host": "recorder02", "user": "recorder_tapi", "instance_id": "recorder02x1"}
DESK = {"host": "desk01", "user": "jdoe", "instance_id": "desk01x1"}


@pytest.fixture
def sim():
    with Simulator(release="14", fronts=("axl",)) as simulator:
        simulator.seed({
            "devices": [{"name": "SEP00112233445%d" % number} for number in range(5, 10)],
            "end_users": [{"name": "jdoe", "lastname": "Doe", "password": "Jane-Secret-1"}],
        })
        yield simulator
        assert not simulator.cluster.schema_violations


@pytest.fixture
def accounts(sim, run_module):
    """Run fleet_accounts on the simulated cluster."""

    def run(**options):
        options.setdefault("hostname", sim.host)
        return run_module(
            fleet_accounts, port=sim.axl_port, username=sim.username, password=sim.password, ca_path=sim.ca_path, **options
        )

    return run


def needing(*instances):
    return [dict(instance, needs_certificate=NEEDED) for instance in instances]


def valid(*instances):
    return [dict(instance, needs_certificate=HEALTHY, certificate_valid=True) for instance in instances]


def groups_of(sim, name, kind="application"):
    return sim.cluster.accounts.groups_of(kind, sim.cluster.accounts.user(kind, name)["pkid"])


def devices_of(sim, name, kind="application"):
    return sim.cluster.accounts.controlled_devices(kind, sim.cluster.accounts.user(kind, name)["pkid"])


def enrol(sim, *instance_ids):
    for instance_id in instance_ids:
        sim.cluster.accounts.set_profile(instance_id, operation="No Pending Operation", string="", status="Upgrade Success")


def actions(result):
    return [(row["object"], row["action"]) for row in result["plan"]]


def test_an_empty_cluster_gets_everything_and_the_second_run_nothing(sim, accounts):
    lists = dict(users=[RECORDER, END_USER], instances=needing(FIRST, SECOND, DESK))
    first = accounts(**lists)
    assert "failed" not in first, first["msg"]
    assert first["changed"] and first["armed"] == ["recorder01x1", "recorder02x1", "desk01x1"]
    assert set(first["strings"]) == {"recorder01x1", "recorder02x1", "desk01x1"}
    assert all(string.isdigit() and len(string) == 10 for string in first["strings"].values())
    assert first["requests"]["read"] == 6
    assert first["requests"]["by_operation"]["updateUserGroup"] == 1
    assert first["requests"]["write"] == 2 + 1 + 3
    assert first["read_way"] == "sql" and first["group_way"] == "delta"
    for instance_id, string in first["strings"].items():
        profile = sim.cluster.accounts.profile(instance_id)
        assert (profile.operation, profile.status, profile.string) == ("Install/Upgrade", "Operation Pending", string)
        assert (profile.key_size, profile.key_order) == ("2048", "RSA Only")
    credential = sim.cluster.accounts.credential(sim.cluster.accounts.user("application", "recorder_tapi")["pkid"])
    assert [credential[flag] for flag in ("cantchange", "mustchange", "doesnotexpire")] == ["t", "f", "t"]
    assert groups_of(sim, "recorder_tapi") == [ENABLED] and groups_of(sim, "jdoe", "end") == [ENABLED]
    assert devices_of(sim, "recorder_tapi") == ["SEP001122334455"]

    before = sim.cluster.state_hash()
    held = [dict(instance, string_held=True) for instance in lists["instances"]]
    second = accounts(users=lists["users"], instances=held)
    assert not second["changed"] and second["requests"]["write"] == 0 and second["strings"] == {}
    assert sim.cluster.state_hash() == before
