# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificate upgrades: planned, then done in a canary batch and another one, of which CTI Manager does not take one.

Larger fleets, and those that resist, are in tests/fleet.
"""

from __future__ import annotations

import datetime
import re

import provisioned
import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _pki

INVALID_CERTIFICATE_USED = 0x8CCC00D8
HOST = "recorder01"
USER = {"name": "recorder_tapi", "password": "Recorder-Secret-0002", "devices": ["SEP001122334450"]}
# Days that the certificate of each instance is valid.
FLEET = {"soon": 30, "formercapf": 1000, "later": 59, "spoilt": 10, "fine": 61}
DUE = ("soon", "formercapf", "later")


@pytest.fixture(scope="module")
def site(make_site):
    """The CAPF of the cluster was regenerated after the certificate of one instance was issued."""
    site = make_site(hosts=[HOST], users=[USER], instances=[
        {"host": HOST, "user": USER["name"], "instance_id": name} for name in FLEET])
    cluster, key = site.sim.cluster, _pki.generate_key("rsa", 2048)
    provisioned.add_user(cluster, USER)

    def hold(name):
        cluster.accounts.add_profile("application", USER["name"], name)
        store = provisioned.Store(str(site.store(name)))
        store.create()
        provisioned.keep_trust_list(store, cluster.ctl_octets())
        provisioned.keep(store, *provisioned.issue(cluster, name, days=FLEET[name], key=key))

    hold("formercapf")
    site.sim.act("regenerate", certificate="capf")
    for name in sorted(set(FLEET) - {"formercapf"}):
        hold(name)
    now = datetime.datetime.now(datetime.timezone.utc)
    site.settings.update({
        "secure_tsp_window": {name: (now + datetime.timedelta(hours=hours)).strftime("%Y-%m-%d %H:%M")
                              for name, hours in (("start", -1), ("end", 3))},
        "secure_tsp_compromised_instances": ["main/spoilt"],
    })
    return site


def certificates(site):
    return {name: site.lsc(name) for name in FLEET}


@pytest.fixture(scope="module")
def checked(site):
    before = site.everything()
    return site.run("--check", playbook="upgrade_certificates"), before, site.everything()


@pytest.fixture(scope="module")
def upgraded(site, checked):
    site.sim.cluster.reset_counters()
    before = certificates(site)
    site.sim.faults.add("cti", "result", "ProviderOpenCompletedEvent", code=INVALID_CERTIFICATE_USED, after=2)
    site.controller.callbacks.append("voiceops.secure_tsp.fleet_progress")
    run = site.run(playbook="upgrade_certificates", rc=2)
    site.sim.faults.clear()
    return run, before, certificates(site)


def plan(run):
    (found,) = [result["msg"] for result in run.results("Plan of the run")]
    return found


def test_check_mode_shows_the_plan_and_stops_there(site, checked):
    run, before, after = checked
    assert after == before and run.count("failures") == 0
    assert not run.results("Plan the CAPF profiles") and not run.results("Arm the CAPF profiles of the batch")
    assert run.states == {
        **dict.fromkeys(DUE, "would upgrade"), "spoilt": "needs a new instance_id", "fine": "up to date"}


def test_the_plan_names_each_instance_with_its_reason(checked):
    lines = plan(checked[0])
    reasons = {line.split()[2]: re.split(r"\s{2,}", line)[-1] for line in lines[1:4]}
    assert reasons["soon"].startswith("The certificate expires on ")
    assert reasons["later"].startswith("The certificate expires on ")
    assert reasons["formercapf"] == "The CAPF that issued it is not in the cluster's new trust list."
    assert "3 of 5 instances need a new certificate." in lines
    assert "Cluster main: a canary batch of 1, then a batch of 2." in lines
    assert "the window is open" in lines[-1]


def test_what_was_due_is_renewed_and_proven_and_nothing_else_is_touched(site, upgraded):
    run, before, after = upgraded
    renewed = {name for name in after if after[name] != before[name]}
    states = run.states
    assert renewed == {name for name in DUE if states[name] == "verified"} and len(renewed) == 2
    assert site.sim.cluster.counters["capf issued"] == 3 and site.armed() == []
    assert (states["spoilt"], states["fine"]) == ("needs a new instance_id", "up to date")


def test_what_cti_manager_does_not_take_is_put_back_and_told_plainly(site, upgraded):
    run, before, after = upgraded
    (name,) = [name for name, state in run.states.items() if state == "failed, former one restored"]
    assert after[name] == before[name] and run.rows[name]["ACTION"] == "restored"
    assert "INVALID_CERTIFICATE_USED" in run.remarks[name] and "CUCM may no longer accept them" in run.remarks[name]
    key = _pki.key_from_pem((site.store(name) / "QBEClient.key.pem").read_bytes())
    assert _pki.matches_key(after[name], key) and not list((site.store(name) / "previous").iterdir())


def test_the_trust_lists_are_brought_up_to_date_first(site, upgraded):
    assert all((site.store(name) / "ctl.tlv").read_bytes() == site.sim.cluster.ctl_octets() for name in FLEET)


def test_progress_is_told_in_plain_lines(upgraded):
    lines = re.findall(r"^PROGRESS main: (.*)$", upgraded[0].output, re.MULTILINE)
    # Not those in between, which depend on the time.
    lines = [line for line in lines if "batch" not in line or " begins" in line or " ended" in line]
    assert lines[0].startswith("canary batch 1 of 2 begins (1); 0 done, 0 failed, 3 left; window closes ")
    assert lines[1].startswith("batch 1 of 2 ended; 1 done, 0 failed, 2 left; ")
    assert lines[2].startswith("batch 2 of 2 begins (2); ")
    assert lines[-1].startswith("2 done, 1 failed, 0 left in ")
