# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificate upgrades: planned, then done in a canary batch and another one, of which CTI Manager does not take one.
Then what ends one early: the window, the canary batch, the limit of failures.

Larger fleets, and those that resist, are in tests/fleet.
"""

from __future__ import annotations

import datetime
import re
import time

import provisioned
import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _pki
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages import upgrade

INVALID_CERTIFICATE_USED = 0x8CCC00D8
DELAY = 12  # seconds that CAPF takes for the canary batch
LEFT = "left for the next run"
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
    site.sim.cluster.reset_counters()
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
    (found,) = [result["msg"] for result in run.results("Print the plan of the run")]
    return found


def test_check_mode_shows_the_plan_and_stops_there(site, checked):
    run, before, after = checked
    assert after == before and run.count("failures") == 0
    assert site.sim.cluster.write_count == 0
    assert not run.results("Renew and verify certificates")
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


# What ends an upgrade early


def fleet(make_site, count, hosts, **settings):
    """A provisioned fleet whose certificates expire soon."""
    names = ["recorder%02d" % number for number in range(1, hosts + 1)]
    site = make_site(hosts=names, users=[USER], instances=[
        {"host": names[number % hosts], "user": USER["name"], "instance_id": "%sx%d" % (names[number % hosts], number // hosts + 1)}
        for number in range(count)])
    provisioned.add_user(site.sim.cluster, USER)
    key = _pki.generate_key("rsa", 2048)
    for one in site.instances:
        site.sim.cluster.accounts.add_profile("application", USER["name"], one["instance_id"])
        store = provisioned.Store(str(site.store(one["instance_id"])))
        store.create()
        provisioned.keep_trust_list(store, site.sim.cluster.ctl_octets())
        provisioned.keep(store, *provisioned.issue(site.sim.cluster, one["instance_id"], days=30, key=key))
    site.settings.update(settings)
    return site


def test_no_batch_begins_that_could_not_end_before_the_window_closes(make_site):
    """The canary batch takes so long that the others, which are many, would not be done in time."""
    count = 31
    now = datetime.datetime.now(datetime.timezone.utc)
    site = fleet(make_site, count, 1, secure_tsp_batch_instances=count, secure_tsp_window={
        "start": (now - datetime.timedelta(hours=1)).strftime("%Y-%m-%d %H:%M:%S"),
        "end": (now + datetime.timedelta(seconds=DELAY * (count - 2))).strftime("%Y-%m-%d %H:%M:%S")})
    site.sim.faults.add("capf", "delay", "KEY_GENERATE_REQUEST", seconds=DELAY)
    run = site.run(playbook="upgrade_certificates")
    states = list(run.states.values())
    assert states.count("verified") == 1 and states.count(LEFT) == count - 1
    assert site.armed() == [] and site.sim.cluster.counters["capf issued"] == 1
    (why,) = set(run.remarks.values())
    assert "a batch of %d takes about" % (count - 1) in why and "as measured" in why
    assert "recorder01: 1 of %d done, 0 failed; " % count in run.text and "window closes" in run.text


def test_hosts_that_work_at_the_same_time_wait_for_the_canary_batch(make_site):
    site = fleet(make_site, 4, 2)
    site.sim.faults.add("capf", "delay", "AUTH_REQUEST", seconds=3)
    site.sim.faults.add("capf", "reason", "KEY_GENERATE_REQUEST", code=5)
    site.sim.cluster.reset_counters()
    run = site.run("-e", "secure_tsp_serial=100%", playbook="upgrade_certificates", rc=2)
    assert run.states == {**dict.fromkeys(("recorder01x2", "recorder02x1", "recorder02x2"), LEFT), "recorder01x1": "failed"}
    assert sum("An instance of the canary batch failed" in remark for remark in run.remarks.values()) == 3
    assert site.sim.cluster.counters["capf session"] == 1 and site.armed() == []
    again = site.run("-e", "secure_tsp_serial=100%", playbook="upgrade_certificates")
    assert set(again.states.values()) == {"verified"} and site.armed() == []


def test_failures_of_all_hosts_count_together(make_site):
    """Two hosts work at the same time, five instances at a time, and CAPF refuses everybody after the canary batch."""
    site = fleet(make_site, 24, 2, secure_tsp_batch_instances=10, secure_tsp_max_failures=6)
    site.sim.faults.add("capf", "reason", "KEY_GENERATE_REQUEST", code=5, after=1, times=None)
    run = site.run("-e", "secure_tsp_serial=100%", playbook="upgrade_certificates", rc=2)
    states = list(run.states.values())
    # Two batches are more than six; one that had begun by then fails, too.
    assert states.count("verified") == 1 and states.count("failed") in (10, 15)
    assert states.count(LEFT) == 24 - 1 - states.count("failed")
    assert any("failed, and at most 6 may fail, so no further batch begins." in remark for remark in run.remarks.values())
    assert site.armed() == []


def test_an_application_that_cannot_be_stopped_keeps_its_host_from_beginning(make_site, tmp_path):
    site = fleet(make_site, 2, 2)
    stop, start = tmp_path / "stop.yml", tmp_path / "start.yml"
    stop.write_text("- ansible.builtin.command: test {{ inventory_hostname }} = recorder02\n")
    start.write_text("- ansible.builtin.file: {path: '%s/{{ inventory_hostname }}', state: touch, mode: '0600'}\n" % tmp_path)
    site.settings.update(secure_tsp_stop_handler=str(stop), secure_tsp_start_handler=str(start))
    before = {name: site.lsc(name) for name in ("recorder01x1", "recorder02x1")}
    site.sim.cluster.reset_counters()
    run = site.run(playbook="upgrade_certificates", rc=2)
    assert run.states == {"recorder01x1": "failed", "recorder02x1": "verified"}
    assert "The work on this host was stopped: " in run.remarks["recorder01x1"]
    assert site.lsc("recorder01x1") == before["recorder01x1"] and site.lsc("recorder02x1") != before["recorder02x1"]
    assert site.sim.cluster.counters["capf issued"] == 1
    assert (tmp_path / "recorder01").exists() and (tmp_path / "recorder02").exists()


def test_a_canary_whose_application_cannot_be_stopped_keeps_nobody_waiting(make_site, tmp_path):
    """All hosts at a time: the others waited five minutes for a canary batch that could not come."""
    site = fleet(make_site, 2, 2)
    stop = tmp_path / "stop.yml"
    stop.write_text("- ansible.builtin.command: test {{ inventory_hostname }} = recorder02\n")
    site.settings["secure_tsp_stop_handler"] = str(stop)
    began = time.monotonic()
    run = site.run("-e", "secure_tsp_serial=100%", playbook="upgrade_certificates", rc=2)
    assert time.monotonic() - began < upgrade.PATIENCE / 2
    assert run.states == {"recorder01x1": "failed", "recorder02x1": LEFT}
    assert "The work on this host was stopped: " in run.remarks["recorder01x1"]
    assert "The canary batch did not start: The work on this host was stopped: " in run.remarks["recorder02x1"]
    assert site.armed() == []


def test_a_host_that_is_lost_while_its_application_is_stopped_ends_the_run_and_says_so(make_site, tmp_path):
    site = fleet(make_site, 2, 2)
    stop = tmp_path / "stop.yml"
    stop.write_text("""- name: Stop over a line that breaks
  ansible.builtin.ping:
  vars: {ansible_connection: ansible.builtin.ssh, ansible_host: 127.0.0.1, ansible_port: 1}
  when: inventory_hostname == 'recorder01'
""")
    site.settings["secure_tsp_stop_handler"] = str(stop)
    run = site.run(playbook="upgrade_certificates", rc=None)
    assert run.rc != 0 and site.armed() == []
    assert run.states.get("recorder01x1", "failed") == "failed", run.output
