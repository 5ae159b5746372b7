# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of one fleet, in order: checked, provisioned, left alone, drifted, renewed, verified, decommissioned."""

from __future__ import annotations

import re
import time

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _pki

ENABLED = "Standard CTI Enabled"
SECURE = "Standard CTI Secure Connection"
SRTP = "Standard CTI Allow Reception of SRTP Key Material"
ALL = ("recorder01x1", "recorder02x1", "recorder02x2", "recorder03x1", "recorder03x2")
LOST = "recorder02x1"
ENROLLED = ("enrolled", "renewed", "resumed")
SEEN = "ok"  # what a run says of certificates that an earlier run verified


@pytest.fixture(scope="module")
def site(make_site):
    return make_site()


@pytest.fixture(scope="module")
def checked(site):
    """Check mode on an empty fleet."""
    before = site.everything()
    return site.run("--check", "--diff"), before, site.everything()


@pytest.fixture(scope="module")
def first(site, checked):
    return site.run()


@pytest.fixture(scope="module")
def second(site, first):
    site.sim.cluster.reset_counters()
    before = site.everything()
    return site.run("--diff"), before, site.everything()


@pytest.fixture(scope="module")
def drifted(site, second):
    """Check mode after an administrator took a device from a user."""
    site.sim.act("set_devices", user="recorder_tapi", devices=["SEP001122334451"])
    before = site.everything()
    return site.run("--check", "--diff"), before, site.everything()


@pytest.fixture(scope="module")
def rearmed(site, drifted):
    """A host lost a key. Its profile still says Upgrade Success."""
    (site.store(LOST) / "QBEClient.key.pem").unlink()
    healthy = {instance_id: site.lsc(instance_id) for instance_id in ALL if instance_id != LOST}
    before = site.lsc(LOST)
    site.sim.cluster.reset_counters()
    return site.run("--diff"), healthy, before


@pytest.fixture(scope="module")
def verified(site, rearmed):
    site.sim.cluster.reset_counters()
    before = site.everything()
    return site.run(playbook="verify"), before, site.everything()


@pytest.fixture(scope="module")
def decommissioned(site, verified):
    """Two instances and the user of one are listed as absent."""
    site.instance("recorder03x2")["state"] = "absent"
    site.instance("recorder02x2")["state"] = "absent"
    site.user("dialer").update(state="absent", remove_user=True)
    before = site.files()
    return site.run(playbook="decommission"), before


def test_check_mode_of_the_whole_play_on_an_empty_fleet_changes_nothing(site, checked):
    run, before, after = checked
    assert after == before and site.files() == {}
    assert run.count("failures") == run.count("unreachable") == 0
    assert run.states == dict.fromkeys(ALL, "would enrol")
    assert not site.sim.cluster.providers()
    assert site.sim.cluster.write_count == 0


def test_check_mode_shows_what_would_be_made(checked):
    run, _before, _after = checked
    made = {name for _task, diff in run.diffs() if isinstance(diff["after"], dict) for name in diff["after"]}
    assert {"user recorder_tapi", "user dialer", "user jdoe"} <= made
    assert {"profile %s" % instance_id for instance_id in ALL} <= made


def test_everything_is_provisioned_and_proven(site, first):
    assert first.states == dict.fromkeys(ALL, "verified")
    for row in first.rows.values():
        assert row["ACTION"] == "enrolled" and row["VERIFIED BY"].startswith("application (")
    assert first.rows["recorder01x1"]["VERIFIED BY"] == "application (2 devices, 2 lines)"
    assert site.statuses() == dict.fromkeys(ALL, ("No Pending Operation", "Upgrade Success"))
    assert site.groups("application:recorder_tapi") == sorted([ENABLED, SECURE, SRTP])
    assert site.groups("application:dialer") == sorted([ENABLED, SECURE])
    assert site.groups("end:jdoe") == sorted([ENABLED, SECURE])


def test_every_instance_opened_one_provider_over_tls_and_closed_it(site, first):
    providers = site.sim.cluster.providers()
    assert {(p.instance_id, p.tls, p.status, p.reason) for p in providers} >= {
        (instance_id, True, "Closed", 0) for instance_id in ALL}


def test_files_of_an_instance(site, first):
    store = site.store("recorder01x1")
    names = {path.name for path in store.iterdir()}
    hashed = {name for name in names if name.endswith(".0")}
    assert names - hashed == {".lock", "ctl.tlv", "CallManager.cer", "QBEClient.key.pem", "QBEClient.cer", "proven"} and hashed
    assert store.stat().st_mode & 0o777 == 0o700
    assert (store / "QBEClient.key.pem").stat().st_mode & 0o777 == 0o600
    assert (store / "ctl.tlv").read_bytes() == site.sim.cluster.ctl_octets()
    assert (store / "CallManager.cer").read_bytes() == site.sim.cluster.certificates.callmanager.der


def test_the_second_run_changes_nothing(site, second):
    run, before, after = second
    assert {host: counts["changed"] for host, counts in run.hosts.items()} == dict.fromkeys(site.hosts, 0)
    assert run.count("failures") == 0 and run.diffs() == []
    assert site.sim.cluster.write_count == 0 and after == before
    assert run.states == dict.fromkeys(ALL, SEEN)
    today = time.strftime("%Y-", time.gmtime())
    assert len(re.findall(r"  ok, verified %s\d\d-\d\d  " % today, run.output)) == len(ALL) and run.remarks == {}


def test_a_drift_is_shown_exactly(drifted):
    run, before, after = drifted
    assert after == before and run.count("changed") == 1
    [(_task, diff)] = run.diffs()
    assert list(diff["before"]) == list(diff["after"]) == ["user recorder_tapi"]
    was, will = diff["before"]["user recorder_tapi"], diff["after"]["user recorder_tapi"]
    assert was["devices"] == ["SEP001122334451"]
    assert will == {**was, "devices": ["SEP001122334450", "SEP001122334451"]}


def test_a_host_that_lost_its_key_is_armed_again_and_healthy_ones_never(site, rearmed):
    run, healthy, before = rearmed
    assert {instance_id for instance_id, row in run.rows.items() if row["ACTION"] in ENROLLED} == {LOST}
    assert run.states == {**dict.fromkeys(ALL, SEEN), LOST: "verified"}
    assert site.lsc(LOST) != before
    assert {instance_id: site.lsc(instance_id) for instance_id in healthy} == healthy
    counters = site.sim.cluster.counters
    # One device came back, one profile was armed; nothing else was written.
    assert site.sim.cluster.write_count == 2
    assert counters["updateAppUser"] == 1 and counters["updateApplicationUserCapfProfile"] == 1


def test_key_and_certificate_belong_together(site, rearmed):
    for instance_id in ALL:
        key = _pki.key_from_pem((site.store(instance_id) / "QBEClient.key.pem").read_bytes())
        assert _pki.matches_key(site.lsc(instance_id), key)


def test_verify_opens_providers_and_changes_nothing(site, verified):
    run, before, after = verified
    assert run.count("changed") == 0 and after == before and site.sim.cluster.write_count == 0
    assert run.states == dict.fromkeys(ALL, "verified")
    assert all(row["VERIFIED BY"].startswith("application (") for row in run.rows.values())


def test_decommission_removes_only_what_is_listed_as_absent(site, decommissioned):
    run, before = decommissioned
    assert run.count("changed") > 0
    kept = {path: facts for path, facts in before.items() if "x2" not in path}
    assert site.files() == kept and len(kept) < len(before)
    assert site.statuses() == dict.fromkeys(
        ("recorder01x1", "recorder02x1", "recorder03x1"), ("No Pending Operation", "Upgrade Success"))
    users = site.sim.cluster.snapshot()["users"]
    assert "application:dialer" not in users and {"end:jdoe", "application:recorder_tapi"} <= set(users)


def test_decommissioning_again_changes_nothing(site, decommissioned):
    before = site.everything()
    assert site.run(playbook="decommission").count("changed") == 0
    assert site.everything() == before


def test_what_is_gone_from_the_lists_is_not_removed(site, decommissioned):
    site.instances = [one for one in site.instances if one["instance_id"] != "recorder03x1"]
    before = site.everything()
    run = site.run()
    assert run.count("changed") == 0 and site.everything() == before
    assert sorted(run.states) == ["recorder01x1", "recorder02x1"]
