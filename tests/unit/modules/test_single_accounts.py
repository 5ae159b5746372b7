# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""application_user, end_user, access_control_group and capf_profile: the planner with a list of one."""

from __future__ import annotations

import json

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.modules import (
    access_control_group,
    application_user,
    capf_profile,
    end_user,
    fleet_accounts,
)
from simulator import Simulator

ENABLED = "Standard CTI Enabled"
SECURE = "Standard CTI Secure Connection"
SRTP = "Standard CTI Allow Reception of SRTP Key Material"
PASSWORD = "Recorder-Secret-0815"
NEEDED = {"needed": True, "reason": "missing"}
DEVICES = ["SEP001122334455", "SEP001122334456"]


def simulator():
    sim = Simulator(release="14", fronts=("axl",))
    sim.seed({
        "devices": [{"name": name} for name in DEVICES],
        "end_users": [{"name": "jdoe", "lastname": "Doe", "password": "Jane-Secret-1"}],
    })
    return sim


@pytest.fixture
def sim():
    with simulator() as running:
        yield running
        assert not running.cluster.schema_violations


def login(sim):
    return dict(
        hostname=sim.host, port=sim.axl_port, username=sim.username, password=sim.password, ca_path=sim.ca_path)


@pytest.fixture
def run(sim, run_module):
    return lambda module, **options: run_module(module, **dict(login(sim), **options))


def groups_of(sim, name, kind="application"):
    return sim.cluster.accounts.groups_of(kind, sim.cluster.accounts.user(kind, name)["pkid"])


def three_times(sim, run, module, **options):
    """Check, apply, apply again: predicted, done, nothing left. Returns the result of applying."""
    before = sim.cluster.state_hash()
    checked = run(module, check=True, diff=True, **options)
    assert checked.get("changed"), checked
    assert sim.cluster.state_hash() == before
    applied = run(module, diff=True, **options)
    assert applied["changed"] and applied["diff"] == checked["diff"]
    after = sim.cluster.state_hash()
    again = run(module, diff=True, **options)
    assert not again["changed"] and again["requests"]["write"] == 0
    assert sim.cluster.state_hash() == after
    assert PASSWORD not in json.dumps([checked, applied, again])
    return applied


RECORDER = dict(name="recorder_tapi", user_password=PASSWORD)


def test_an_application_user(sim, run):
    made = three_times(sim, run, application_user, devices=DEVICES[:1], **RECORDER)
    assert made["user"]["devices"] == DEVICES[:1] and made["user"]["groups"] == [ENABLED]
    more = three_times(
        sim, run, application_user, devices=DEVICES[1:], cti_groups=["Standard CTI Allow Call Recording"], **RECORDER)
    assert more["user"]["devices"] == DEVICES
    exact = three_times(sim, run, application_user, devices=DEVICES[1:], devices_mode="exact", **RECORDER)
    assert exact["user"]["devices"] == DEVICES[1:]
    secure = three_times(sim, run, application_user, secure_connection=True, srtp=True, **RECORDER)
    assert secure["user"]["secure"] and {SECURE, SRTP} <= set(groups_of(sim, "recorder_tapi"))
    three_times(sim, run, application_user, secure_connection=False, srtp=False, **RECORDER)
    assert groups_of(sim, "recorder_tapi") == ["Standard CTI Allow Call Recording", ENABLED]


def test_an_application_user_with_profiles_is_not_removed(sim, run):
    run(application_user, **RECORDER)
    run(capf_profile, user="recorder_tapi", instance_id="recorder01x1")
    refused = run(application_user, name="recorder_tapi", state="absent")
    assert refused["failed"] and "has the CAPF profiles recorder01x1" in refused["msg"]
    three_times(sim, run, capf_profile, user="recorder_tapi", instance_id="recorder01x1", state="absent")
    three_times(sim, run, application_user, name="recorder_tapi", state="absent")
    assert sim.cluster.accounts.user("application", "recorder_tapi") is None


def test_an_end_user(sim, run):
    made = three_times(sim, run, end_user, name="jdoe", devices=DEVICES)
    assert made["user"] == {
        "name": "jdoe", "type": "end", "exists": True, "groups": [ENABLED], "devices": DEVICES, "secure": False,
        "action": "update",
    }
    assert "end user ghost does not exist" in run(end_user, name="ghost")["msg"]
    run(application_user, **RECORDER)
    assert "exists as an application user" in run(end_user, name="recorder_tapi")["msg"]


@pytest.mark.parametrize("delta", [True, False])
def test_an_access_control_group(sim, run, delta):
    sim.cluster.features.standard_group_delta = delta
    run(application_user, **RECORDER)
    added = three_times(sim, run, access_control_group, name=SECURE, members=["recorder_tapi", "jdoe"])
    assert added["members"] == ["jdoe", "recorder_tapi"] and added["group_way"] == ("delta" if delta else "user")
    exact = three_times(sim, run, access_control_group, name=SECURE, members=["jdoe"], members_mode="exact")
    assert exact["removed"] == ["recorder_tapi"]
    three_times(sim, run, access_control_group, name=SECURE, members=["jdoe", "ghost"], members_mode="remove")
    assert SECURE not in groups_of(sim, "jdoe", "end") and ENABLED in groups_of(sim, "recorder_tapi")


def test_an_access_control_group_with_mistakes(run):
    missing = run(access_control_group, name="Nothing", members=["jdoe"])
    assert "there is no access control group Nothing" in missing["msg"]
    assert run(access_control_group, name=SECURE, members=["ghost"])["failed"]


@pytest.mark.parametrize("user, user_type", [("recorder_tapi", "application"), ("jdoe", "end")])
def test_a_capf_profile(sim, run, user, user_type):
    run(application_user, **RECORDER)
    who = dict(user=user, user_type=user_type, instance_id="host01x1")
    idle = three_times(sim, run, capf_profile, **who)
    assert idle["action"] == "create" and idle["string"] is None
    armed = run(capf_profile, needs_certificate=NEEDED, key={"type": "rsa", "size": 3072}, **who)
    profile = sim.cluster.accounts.profile("host01x1")
    assert (profile.operation, profile.string, profile.key_size) == ("Install/Upgrade", armed["string"], "3072")
    held = run(capf_profile, needs_certificate=NEEDED, string_held=True, **who)
    assert not held["changed"] and held["profile"]["state"] == "pending"
    rearmed = run(capf_profile, rearm=True, authorization_string="0123456789", **who)
    assert rearmed["changed"] and rearmed["string"] is None
    assert sim.cluster.accounts.profile("host01x1").string == "0123456789"
    three_times(sim, run, capf_profile, state="disarmed", **who)
    three_times(sim, run, capf_profile, state="absent", **who)


def test_a_capf_profile_of_nobody(run):
    refused = run(capf_profile, user="ghost", instance_id="host01x1")
    assert "application user ghost does not exist" in refused["msg"]


def test_a_deadline_left_to_the_cluster(sim, run):
    who = dict(user="jdoe", user_type="end", instance_id="host01x1")
    run(capf_profile, needs_certificate=NEEDED, operation_completes_hours=0, **who)
    assert sim.cluster.accounts.profile("host01x1").operation_completion == ""
    assert "not 0 to 720" in run(capf_profile, operation_completes_hours=721, **who)["msg"]


@pytest.mark.parametrize("module, options", [
    (end_user, dict(name="jdoe")), (access_control_group, dict(name=SECURE, members=["jdoe"])),
    (fleet_accounts, dict(users=[])),
])
def test_an_unverified_server_is_warned_about(sim, run, module, options):
    assert "warnings" not in run(module, **options)
    (warning,) = run(module, validate_certs=False, **options)["warnings"]
    assert "is not verified" in warning


# The same requests as fleet_accounts with a list of one

INSTANCE = {"host": "", "user": "jdoe", "user_type": "end", "instance_id": "host01x1"}
PAIRS = {
    "new application user": (
        application_user, dict(RECORDER, devices=DEVICES),
        dict(users=[{"name": "recorder_tapi", "password": PASSWORD, "devices": DEVICES}]),
    ),
    "changed end user": (
        end_user, dict(name="jdoe", devices=DEVICES, cti_groups=["Standard CTI Allow Call Recording"]),
        dict(users=[{"name": "jdoe", "type": "end", "devices": DEVICES,
                     "cti_groups": ["Standard CTI Allow Call Recording"]}]),
    ),
    "armed profile": (
        capf_profile, dict(user="jdoe", user_type="end", instance_id="host01x1", authorization_string="0123456789",
                           needs_certificate=NEEDED, operation_completes_hours=0),
        dict(stages=["profiles"], operation_completes_hours=0,
             instances=[dict(INSTANCE, authorization_string="0123456789", needs_certificate=NEEDED)]),
    ),
    "idle profile": (
        capf_profile, dict(user="jdoe", user_type="end", instance_id="host01x1"),
        dict(stages=["profiles"], instances=[INSTANCE]),
    ),
}


@pytest.mark.parametrize("pair", PAIRS)
def test_single_object_modules_send_what_fleet_accounts_sends(pair, run_module, monkeypatch):
    module, single, fleet = PAIRS[pair]
    sent = []
    for chosen, options in ((module, single), (fleet_accounts, fleet)):
        with simulator() as sim:
            bodies = recorded(sim, monkeypatch)
            result = run_module(chosen, **dict(login(sim), **options))
            assert result["changed"]
            sent.append(bodies)
    assert len(sent[0]) >= 5 and sent[0] == sent[1]


def recorded(sim, monkeypatch):
    """The bodies of all requests the cluster receives, as they come."""
    bodies = []
    server = sim.front("axl")
    respond = server.respond

    def recording(path, headers, body):
        bodies.append(body)
        return respond(path, headers, body)

    monkeypatch.setattr(server, "respond", recording)
    return bodies
