# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ends an upgrade early or keeps an instance from it: who is touched, what is told, and that the next run goes on."""

from __future__ import annotations

import datetime
import hashlib

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _pki
from e2e.test_interrupted import BeforeSessions

CAPF = "Cisco Certificate Authority Proxy Function"
LEFT = "left for the next run"


@pytest.fixture(scope="module")
def site(make_fleet):
    site = make_fleet(4, 2)
    site.settings["secure_tsp_batch_instances"] = 2
    return site


@pytest.fixture
def begin(site):
    """begin(settings): certificates as they were, and what the run is to heed."""
    settings = dict(site.settings)

    def prepared(**more):
        site.sim.cluster.reset_counters()
        site.settings.update(more)
        return certificates(site)

    yield prepared
    site.sim.faults.clear()
    site.settings = settings
    assert site.armed() == []


def certificates(site):
    return {one["instance_id"]: site.lsc(one["instance_id"]) for one in site.instances}


def upgrade(site, *words, rc=0):
    return site.run(*words, playbook="upgrade_certificates", rc=rc)


def expiring(site, days=30):
    """Further certificates of the instances expire soon: those of the tests before were renewed."""
    for one in site.instances:
        key = _pki.key_from_pem((site.store(one["instance_id"]) / "QBEClient.key.pem").read_bytes())
        site.sim.cluster.lsc_days = days
        der = site.sim.cluster.capf_issue(
            site.profile(one["instance_id"]), _pki.public_key_der(key), "CTI-" + one["instance_id"])
        (site.store(one["instance_id"]) / "QBEClient.cer").write_bytes(der)
    site.sim.cluster.lsc_days = None


def test_a_window_that_is_too_short_for_a_batch_arms_nothing_and_is_no_failure(site, begin):
    now = datetime.datetime.now(datetime.timezone.utc)
    times = {name: (now + datetime.timedelta(minutes=minutes)).strftime("%Y-%m-%d %H:%M")
             for name, minutes in (("start", -60), ("end", 9))}
    before = begin(secure_tsp_window=times, secure_tsp_capf_timeout=600)
    run = upgrade(site)
    assert set(run.states.values()) == {LEFT} and certificates(site) == before
    assert "a batch of 1 takes about 600 s at most, because none was measured yet" in next(iter(run.remarks.values()))
    assert site.sim.cluster.write_count == 0


def test_outside_the_window_nothing_happens(site, begin):
    begin(secure_tsp_window={"start": "2020-01-01 22:00", "end": "2020-01-02 04:00"})
    before = site.everything()
    run = upgrade(site, rc=2)
    assert "ignore_window" in run.text
    assert site.everything() == before


def test_a_canary_that_fails_keeps_the_others_from_beginning(site, begin):
    before = begin()
    site.sim.faults.add("capf", "reason", "KEY_GENERATE_REQUEST", code=5)
    run = upgrade(site, rc=2)
    assert sorted(run.states.values()) == ["failed"] + [LEFT] * 3 and certificates(site) == before
    assert sum("An instance of the canary batch failed" in remark for remark in run.remarks.values()) == 3
    assert site.sim.cluster.counters["capf session"] == 1


def test_too_many_failures_keep_the_rest_from_beginning(site, begin):
    begin(secure_tsp_max_failures=0)
    # After the canary batch the other instance of its host fails, and the other host does not begin.
    site.sim.faults.add("capf", "reason", "KEY_GENERATE_REQUEST", code=5, after=1, times=None)
    run = upgrade(site, rc=2)
    assert run.states == {"recorder01x1": "verified", "recorder01x2": "failed", "recorder02x1": LEFT, "recorder02x2": LEFT}
    assert sum("1 instance failed, and at most 0 may fail" in remark for remark in run.remarks.values()) == 2


def test_what_is_named_is_renewed_once(site, begin):
    before = begin(secure_tsp_upgrade_instances=["recorder01x1"], secure_tsp_renew_before_days=0)
    first = upgrade(site)
    begins = _pki.begins(site.lsc("recorder01x1"))
    after = certificates(site)
    assert {name for name in after if after[name] != before[name]} == {"recorder01x1"}
    assert first.states["recorder01x1"] == "verified" and set(first.states.values()) == {"verified", "up to date"}
    site.settings["secure_tsp_upgrade_issued_before"] = _pki.iso(begins)
    assert set(upgrade(site).states.values()) == {"up to date"} and certificates(site) == after


def test_a_service_that_goes_down_keeps_further_batches_from_beginning(site, begin):
    expiring(site)
    begin(secure_tsp_canary_instances=0)
    site.sim.front("capf").sessions = BeforeSessions(
        lambda: site.sim.act("set_service", name=CAPF, running=False))
    run = upgrade(site, rc=2)
    site.sim.act("set_service", name=CAPF, running=True)
    assert sorted(run.states.values()) == ["failed", "failed", "verified", "verified"]
    assert sum(CAPF in remark for remark in run.remarks.values()) == 2


def test_a_running_application_keeps_the_former_certificate_until_it_is_proven(site, begin):
    expiring(site)
    begin()
    numbers = [site.sim.act("open_application", user="recorder_tapi", address="127.0.0.1", port=50000 + number)
               for number in range(4)]
    run = upgrade(site)
    assert set(run.states.values()) == {"enrolled, not verified online"}
    assert all("still uses the previous certificate" in remark for remark in run.remarks.values())
    assert all((site.store(one["instance_id"]) / "previous" / "QBEClient.cer").exists() for one in site.instances)
    for number in numbers:
        site.sim.act("close_provider", number=number)


def test_the_next_run_proves_what_an_earlier_one_left_and_a_compromised_one_is_not_armed(site, begin):
    before = begin()
    site.sim.act("set_profile", instance_id="recorder02x2", compromised="t")
    run = upgrade(site, rc=2)
    assert certificates(site) == before and site.sim.cluster.counters["capf issued"] == 0
    assert run.states == {**dict.fromkeys(before, "verified"), "recorder02x2": "failed"}
    assert "needs a new instance_id" in run.remarks["recorder02x2"]
    again = upgrade(site, rc=2)
    assert again.states == {**dict.fromkeys(before, "up to date"), "recorder02x2": "failed"}
    assert certificates(site) == before and site.sim.cluster.counters["capf issued"] == 0


def test_a_rollback_puts_the_former_certificate_back(site, begin):
    site.sim.act("set_profile", instance_id="recorder02x2", compromised="f")
    before = begin(secure_tsp_rollback_instances=["recorder02x2"])
    former = (site.store("recorder02x2") / "previous" / "QBEClient.cer").read_bytes()
    run = site.run(playbook="rollback")
    assert "CUCM may no longer accept" in run.text
    assert certificates(site) == {**before, "recorder02x2": former}


@pytest.fixture
def regenerated(make_fleet):
    """The list was signed with the key of CallManager's certificate, and that was regenerated."""
    site = make_fleet(2, 1, itl_recovery_signs_ctl=False)
    site.sim.act("regenerate", certificate="callmanager")
    return site


def test_a_list_that_nobody_vouches_for_stops_its_instances_until_it_is_pinned(regenerated):
    site, before = regenerated, regenerated.everything()
    run = upgrade(site, rc=2)
    assert site.everything() == before and set(run.states.values()) == {"failed"}
    (remark,) = set(run.remarks.values())
    assert "can no longer verify" in remark and "ctl_fingerprint of cluster main" in remark and "state: absent" in remark
    site.cluster["ctl_fingerprint"] = hashlib.sha1(site.sim.cluster.ctl_octets()).hexdigest()
    assert set(upgrade(site).states.values()) == {"verified"}
