# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person sees of whole runs on one host, with default settings and 80 columns, and what a workflow gets."""

from __future__ import annotations

import json
import re
import time

import pytest

USER = {"name": "recorder_tapi", "password": "Recorder-Secret-0002", "srtp": True, "devices": ["SEP001122334450", "SEP001122334451"]}
INSTANCE = {"host": "recorder01", "user": "recorder_tapi", "instance_id": "recorder01x1"}
WIDEST, LONGEST = 100, 60


@pytest.fixture(scope="module")
def site(make_site):
    found = make_site(hosts=["recorder01"], users=[USER], instances=[INSTANCE])
    found.controller.more = {"COLUMNS": "80"}
    return found


@pytest.fixture(scope="module")
def checked(site):
    return site.run("--check")


@pytest.fixture(scope="module")
def first(site, checked):
    return site.run()


@pytest.fixture(scope="module")
def second(site, first):
    return site.run()


def ours(run):
    """Lines that are not Ansible's own: its recap, and the path of a task file."""
    lines = run.output.split("PLAY RECAP")[0].splitlines()
    return [line for line in lines if not line.startswith("included: ")]


def shown(run):
    """Lines between the heading of the summary and its end."""
    return run.output.partition("Print the summary of the run] ")[2].partition("\n")[2].partition("ok: [")[0].strip().splitlines()


@pytest.mark.parametrize("name", ["checked", "first", "second"])
def test_a_run_fits_a_terminal(request, name):
    run = request.getfixturevalue(name)
    assert len(run.output.splitlines()) <= LONGEST, run.output
    assert max(map(len, ours(run))) <= WIDEST and max(map(len, shown(run))) <= 80


def test_a_check_says_what_would_change_on_the_cluster(checked):
    assert "would enrol" in shown(checked)[1]
    assert ("Would change on the cluster: 1 user created, 1 user given devices, 3 memberships of groups added, 1 CAPF profile armed."
            in checked.text), "what the first run changes"
    assert shown(checked)[-1] == "1 instance on 1 host: 1 would enrol. 1 would change."


def test_the_first_run_says_what_changed_on_the_cluster(first):
    assert "Changed on the cluster: 1 user created, 1 user given devices, 3 memberships of groups added, 1 CAPF profile armed." in first.text


def test_the_second_run_reads_healthy(second):
    today = time.strftime("%Y-%m-%d", time.gmtime())
    titles, row, totals = shown(second)
    assert titles.split() == ["HOST", "USER", "INSTANCE", "STATE", "EXPIRES"]
    assert row.split("  ")[3:4] == ["ok, verified %s" % today] and totals == "1 instance on 1 host: 1 ok. 0 changed."


@pytest.fixture
def with_stats(site, first):
    site.controller.more = {"COLUMNS": "80", "ANSIBLE_SHOW_CUSTOM_STATS": "1", "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
    yield site
    site.controller.more = {"COLUMNS": "80"}


def test_a_workflow_gets_kind_exit_totals_and_changes(with_stats):
    found = with_stats.run().statistic
    assert (found["kind"], found["exit"], found["totals"], found["failed"], found["cluster_changes"]) == ("site", 0, {"ok": 1}, [], {})


def test_a_workflow_gets_what_failed_where_and_why(with_stats):
    certificate = with_stats.store("recorder01x1") / "QBEClient.cer"
    before = certificate.read_bytes()
    certificate.unlink()
    with_stats.sim.faults.add("capf", "cut", times=None)
    try:
        found = with_stats.run(rc=2).statistic
    finally:
        with_stats.sim.faults.clear()
        certificate.write_bytes(before)
    assert (found["exit"], found["totals"]) == (2, {"failed": 1})
    (failed,) = found["failed"]
    assert (failed["instance_id"], failed["step"]) == ("recorder01x1", "enrol") and failed["cause"]


@pytest.mark.parametrize("playbook, kind", [("verify", "verify"), ("upgrade_certificates", "upgrade_certificates")])
def test_other_playbooks_end_in_the_same_way(with_stats, playbook, kind):
    run = with_stats.run(playbook=playbook)
    assert run.statistic["kind"] == kind and shown(run)[-1].startswith("1 instance on 1 host: ")


@pytest.mark.parametrize("playbook, totals, rc", [("drift", {"critical": 1, "warning": 1}, 2), ("diagnose", {"does not work": 1}, 0)])
def test_what_looks_tells_a_workflow_too(with_stats, playbook, totals, rc):
    """Without its key, the instance is no state that site left."""
    key = with_stats.store("recorder01x1") / "QBEClient.key.pem"
    key.rename(key.with_name("kept"))
    try:
        found = with_stats.run(playbook=playbook, rc=rc).statistic
    finally:
        key.with_name("kept").rename(key)
    assert (found["kind"], found["exit"], found["totals"]) == (playbook, rc, totals)
    assert len(found["failed"]) == sum(totals.values())
    assert all(one["instance_id"] == "recorder01x1" and one["cause"] and one["step"] for one in found["failed"])


def test_a_run_writes_the_report_that_drift_writes(site, first):
    site.settings["secure_tsp_run_report_folder"] = str(site.controller.folder / "of_run")
    run = site.run()
    del site.settings["secure_tsp_run_report_folder"]
    report = json.loads((site.controller.folder / "of_run" / "report.json").read_text())
    assert report["run"] == {"kind": "site", "check_mode": False, "exit_code": 0} and report["totals"]["healthy"] == 1
    assert "Report: %s/of_run/report.html" % site.controller.folder in run.text


def test_a_cure_can_be_pasted_with_the_inventory_of_the_run(site, first):
    (site.store("recorder01x1") / "QBEClient.key.pem").rename(site.store("recorder01x1") / "kept")
    run = site.run(playbook="drift", rc=2)
    (site.store("recorder01x1") / "kept").rename(site.store("recorder01x1") / "QBEClient.key.pem")
    assert "CRITICAL recorder01x1 on recorder01" in run.text
    words = " ".join(run.text.replace("\\ ", "").split())
    assert re.search(r"ansible-playbook -i inventory\d*\.yml voiceops\.secure_tsp\.\w+ .*--limit recorder01", words), words
    told = run.output.partition("CRITICAL")[2].partition("ok: [")[0].splitlines()
    # A path is never broken, so that it can be copied.
    assert max(len(line) for line in told if not line.strip().startswith("/")) <= 80


def test_what_nobody_holds_the_string_of_is_disarmed(site, first):
    site.sim.act("set_profile", instance_id="recorder01x1", operation="Install/Upgrade", status="Operation Pending",
                 operation_completion="2040:01:01:00:00")
    drift = site.run(playbook="drift", rc=2)
    assert "no run of this controller holds its authorization string. [profile_armed_by_nobody]" in drift.text
    assert site.run("--check", playbook="disarm").states == {"recorder01x1": "would be disarmed"}
    assert site.profile("recorder01x1").operation == "Install/Upgrade"
    run = site.run(playbook="disarm")
    assert run.states == {"recorder01x1": "disarmed"} and "Changed on the cluster: 1 CAPF profile disarmed." in run.text
    assert site.profile("recorder01x1").operation != "Install/Upgrade"
    again = site.run(playbook="disarm")
    assert again.states == {"recorder01x1": "not armed"} and again.count("changed") == 0
