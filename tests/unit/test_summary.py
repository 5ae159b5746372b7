# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table that a run ends with."""

from __future__ import annotations

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._outcome import failed, fresh
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._report import document
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._summary import exit_code, report, summary

HOSTS = ("lin1", "lin2")


def instance(number=1, **more):
    return {"cluster": "main", "host": "lin1", "user": "rec", "user_type": "application", "instance_id": "rec%d" % number,
            "store": "/s/rec%d" % number, "probe_of": None, **more}


def verified(number=1, **more):
    return dict(fresh(instance(number)), action="enrolled", changed=True, certificate_expires="2031-11-24T21:05:11Z", state="verified",
                verified_by="application (1 device, 2 lines)", **more)


def broken(message="its own message"):
    return failed(fresh(instance()), message)


def told(instances, *rows, **more):
    return summary(instances, list(rows), **dict(dict(hosts=HOSTS), **more))


def test_a_verified_instance_in_the_table():
    made = told([instance()], verified())
    assert made["lines"] == [
        "HOST  USER  INSTANCE  STATE     EXPIRES",
        "lin1  rec   rec1      verified  2031-11-24",
        "rec1 on lin1: verified by application (1 device, 2 lines)",
        "1 instance on 1 host: 1 verified. 1 changed.",
    ]
    assert made["totals"] == {"verified": 1}
    (one,) = made["rows"]
    assert (one["state"], one["message"], one["changed"], one["failed"]) == ("verified", "", True, False)


@pytest.mark.parametrize(("rows", "failures", "state", "message"), [
    ([], {}, "not reached", "the run did not get to this instance"),
    ([], {"lin1": "no Python"}, "failed", "no Python"),
    ([verified()], {"lin1": "the start handler failed"}, "failed", "the start handler failed"),
    ([verified()], {"lin2": "the start handler failed"}, "verified", ""),
    ([broken()], {"lin1": "the host's"}, "failed", "its own message"),
    ([broken()], {}, "failed", "its own message"),
    ([fresh(instance())], {}, "seen", ""),
])
def test_instances_that_did_not_come_to_the_end(rows, failures, state, message):
    made = told([instance()], *rows, failures=failures)
    (one,) = made["rows"]
    assert (one["state"], one["message"], one["failed"]) == (state, message, state not in ("seen", "verified"))
    assert any("rec1 on lin1: %s" % message == line for line in made["lines"]) is bool(message)


def test_a_message_is_told_once_for_all_it_is_about():
    made = told([instance(), instance(2, host="lin2"), instance(3, host="elsewhere")])
    assert made["lines"][-2:] == [
        "rec1 on lin1, rec2 on lin2: the run did not get to this instance",
        "2 instances on 2 hosts: 2 not reached. 0 changed."]


def test_several_clusters_in_the_table():
    lines = told([instance(), instance(cluster="lab")], verified(), several=True)["lines"]
    assert [line.split()[0] for line in lines[:3]] == ["CLUSTER", "lab", "main"]
    assert lines[3] == "lab/rec1 on lin1: the run did not get to this instance"


def test_the_same_id_on_two_clusters_is_told_apart():
    other = dict(verified(), cluster="lab", state="failed", failed=True, message="refused")
    made = told([instance(), instance(cluster="lab")], other, verified(), several=True)
    assert [(one["cluster"], one["state"]) for one in made["rows"]] == [("lab", "failed"), ("main", "verified")]


def test_check_mode_in_the_table():
    would = dict(fresh(instance()), state="would enrol", changed=True)
    made = told([instance()], would, check_mode=True)
    assert made["lines"][1].split() == ["lin1", "rec", "rec1", "would", "enrol", "-"]
    assert made["lines"][-1] == "1 instance on 1 host: 1 would enrol. 1 would change."


def test_an_empty_fleet():
    assert told([])["lines"][-1] == "0 instances on 0 hosts: nothing listed. 0 changed."


def test_a_row_shows_what_people_need_and_nothing_else():
    (one,) = told([instance()], verified(store="/s", certificate_fingerprint="ab"))["rows"]
    assert set(one) == {"cluster", "host", "user", "instance_id", "action", "certificate_expires", "verified_by", "state", "message", "changed",
                        "failed", "remarks", "proven"}


def test_what_needs_a_person_comes_first():
    rows = [verified(1, message=""), dict(verified(2), changed=False), dict(verified(3), state="enrolled, waiting for cutover", message="waiting"),
            failed(fresh(instance(4)), "refused")]
    made = told([instance(number) for number in range(1, 5)], *rows)
    assert [one["instance_id"] for one in made["rows"]] == ["rec4", "rec3", "rec1", "rec2"]
    assert [line.split()[2] for line in made["lines"][1:5]] == ["rec4", "rec3", "rec1", "rec2"]


def test_a_second_run_reads_healthy():
    before = dict(verified(), changed=False, action="none", state="ok", verified_by="offline")
    assert told([instance()], dict(before, proven="2026-11-28T19:06:59Z"))["lines"][1:] == [
        "lin1  rec   rec1      ok, verified 2026-11-28  2031-11-24", "1 instance on 1 host: 1 ok. 0 changed."]
    assert "ok, verified before" in told([instance()], before)["lines"][1]


def test_a_remark_about_many_names_a_few():
    made = told([instance(number) for number in range(12)])
    assert made["lines"][-2] == "12 instances (rec0 on lin1, rec1 on lin1 and 10 more): the run did not get to this instance"


def test_what_is_not_in_this_run_is_told():
    away = [(instance(number, host="lin9"), "its host is outside --limit") for number in range(2)]
    assert told([instance()], verified(), away=away)["lines"][-2] == "rec0 on lin9, rec1 on lin9: not in this run, its host is outside --limit"


def test_a_name_that_is_too_long_for_the_screen_stands_in_a_block():
    long = "recorder01.telephony.emea.example.com"
    made = told([instance(host=long, user="recorder_tapi_of_emea")], verified(host=long), hosts={long})
    assert made["lines"][:3] == [
        "INSTANCE  STATE     EXPIRES", "rec1      verified  2031-11-24", "    host %s, user recorder_tapi_of_emea" % long]


STEPS = [["main", "user", "rec", "rec", "create"], ["main", "group", "Standard CTI Enabled", "rec", "add_member"],
         ["main", "group", "Standard CTI Secure Connection", "rec", "add_member"], ["main", "profile", "rec1", "rec", "arm"],
         ["main", "devices", "rec", "rec", "set"]]


def test_what_changed_on_the_cluster_is_counted_once():
    made = told([instance()], verified(), changes=STEPS + STEPS)
    assert made["lines"][-2] == (
        "Changed on the cluster: 1 user created, 1 user given devices, 2 memberships of groups added, 1 CAPF profile armed.")
    assert made["cluster_changes"] == {"main": {
        "user": {"create": 1}, "group": {"add_member": 2}, "profile": {"arm": 1}, "devices": {"set": 1}}}


def test_in_check_mode_it_says_what_would():
    made = told([instance()], changes=STEPS[:1], check_mode=True, several=True)
    assert made["lines"][-2] == "Would change on cluster main: 1 user created."


@pytest.mark.parametrize(("rows", "failures", "unreachable", "code"), [
    ([verified()], {}, False, 0), ([broken()], {}, False, 2), ([verified()], {"main": "down"}, False, 2), ([broken()], {}, True, 4)])
def test_the_exit_code_of_the_run(rows, failures, unreachable, code):
    assert exit_code(rows, failures, unreachable) == code


def test_the_report_of_a_run():
    """What failed is a finding with its cure; what was not looked at is no doubt about an instance."""
    rows = told([instance(1), instance(2)], verified(2), failed(fresh(instance(1)), "refused"))["rows"]
    made = document("2026-11-28T00:00:00Z", "site", exit_code=2, **report(rows, {"main": {"hostname": "cucm"}}, {}))
    assert [(one["instance_id"], one["health"]) for one in made["instances"]] == [("rec1", "failed"), ("rec2", "healthy")]
    assert [(one["what"], one["command"].split()[-1]) for one in made["findings"]] == [
        ("refused", "secure_tsp_diagnose_instance=rec1")]
    assert made["clusters"][0]["read"] is True and made["run"] == {"kind": "site", "check_mode": False, "exit_code": 2}
