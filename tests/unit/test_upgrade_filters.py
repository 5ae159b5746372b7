# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who gets a new certificate, in which batch, when a batch may begin, and how the instances stand afterwards."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.voiceops.secure_tsp.plugins.filter.enrolment_batches import enrolment_batches
from ansible_collections.voiceops.secure_tsp.plugins.filter.enrolment_progress import enrolment_progress
from ansible_collections.voiceops.secure_tsp.plugins.filter.instance_outcomes import instance_outcomes
from ansible_collections.voiceops.secure_tsp.plugins.filter.maintenance_window import maintenance_window
from ansible_collections.voiceops.secure_tsp.plugins.filter.restored_outcomes import restored_outcomes
from ansible_collections.voiceops.secure_tsp.plugins.filter.trust_failures import trust_failures
from ansible_collections.voiceops.secure_tsp.plugins.filter.upgrade_plan import upgrade_plan
from ansible_collections.voiceops.secure_tsp.plugins.filter.upgrade_results import upgrade_results
from ansible_collections.voiceops.secure_tsp.plugins.filter.verification_plan import verification_plan
from ansible_collections.voiceops.secure_tsp.plugins.filter.verification_results import verification_results

FORMER, NEWER = "CN=CAPF-1,O=example", "O=example,CN=CAPF-2"


def instance(instance_id="a1", host="lin1", cluster="main", **more):
    return {"cluster": cluster, "host": host, "user": "rec", "user_type": "application", "instance_id": instance_id,
            "store": "/s/%s" % instance_id, "probe_of": None, "force": False, "state": "present", **more}


def looked(one=None, reason="", unconfirmed=False, **certificate):
    """What capf_certificate_info says of an instance."""
    item = one or instance()
    facts = {"not_after": "2031-01-01T00:00:00Z", "not_before": "2026-01-01T00:00:00Z", "issuer": FORMER,
             "key_type": "rsa", "key_size": 2048, "sha256_fingerprint": "of " + item["instance_id"], **certificate}
    return {"item": item, "needs_certificate": {"needed": bool(reason), "reason": reason}, "unconfirmed": unconfirmed,
            "explanation": reason and "It is %s." % reason, "trust_list": {"exists": True},
            "certificate": None if reason == "missing" else facts}


def rows(*found):
    return instance_outcomes(found or [looked()])


def planned(*found, hosts=("lin1", "lin2"), **options):
    outcomes = rows(*found)
    return upgrade_plan([instance(row["instance_id"], row["host"]) for row in outcomes], outcomes, hosts, **options)


def decided(*found, **options):
    return [(row["upgrade"], row["needed"], row["reason"]) for row in planned(*found, **options)["rows"]]


# upgrade_plan


@pytest.mark.parametrize("reason", [
    "expired", "expiring", "wrong_issuer", "key_lost", "key_mismatch", "unreadable", "interrupted", "key_changed"])
def test_what_the_host_says_is_enough(reason):
    (row,) = planned(looked(reason=reason))["rows"]
    assert (row["upgrade"], row["needed"], row["reason"]) == ("due", True, reason)
    assert row["explanation"] == "It is %s." % reason


def test_a_good_certificate_is_left_alone():
    assert decided() == [("not_due", False, "")]


@pytest.mark.parametrize("key, weak", [
    (("rsa", 1024), True), (("rsa", 2047), True), (("rsa", 2048), False), (("ec", 224), True), (("ec", 256), False)])
def test_weak_keys(key, weak):
    found = decided(looked(key_type=key[0], key_size=key[1]))
    assert found == [("due", True, "weak_key") if weak else ("not_due", False, "")]


def test_one_certificate_on_two_instances():
    plan = planned(looked(sha256_fingerprint="x"), looked(instance("b1", "lin2"), sha256_fingerprint="x"),
                   looked(instance("c1")))
    assert [(row["upgrade"], row["explanation"]) for row in plan["rows"]] == [
        ("due", "The same certificate is used by b1 on lin2."), ("due", "The same certificate is used by a1 on lin1."),
        ("not_due", "")]


@pytest.mark.parametrize("named, issued_before, due", [
    (["a1"], None, True), (["main/a1"], "", True), (["lab/a1"], None, False), (["a2"], None, False),
    (["a1"], "2026-01-01T00:00:01Z", True), (["a1"], "2026-01-01T00:00:00Z", False), (["a1"], 1767225601, True),
    (["a1"], "1767225600", False),
])
def test_named_instances_and_those_that_got_theirs_already(named, issued_before, due):
    found = decided(named=named, issued_before=issued_before)
    assert found == [("due", True, "named") if due else ("not_due", False, "")]


def test_a_compromised_one_is_never_armed():
    (row,) = planned(looked(reason="expiring"), compromised=["a1"], named=["a1"])["rows"]
    assert (row["upgrade"], row["needed"], row["compromised"], row["failed"]) == ("compromised", False, True, False)
    assert "needs a new instance_id" in row["message"]


def test_one_without_a_certificate_is_not_provisioned_here():
    assert decided(looked(reason="missing")) == [("not_provisioned", False, "missing")]


def test_one_whose_proof_is_missing_is_only_verified():
    assert decided(looked(unconfirmed=True)) == [("proof", False, "")]
    assert decided(looked(unconfirmed=True, reason="interrupted")) == [("due", True, "interrupted")]


@pytest.mark.parametrize("message", ["no trust list", ""])
def test_one_that_could_not_be_looked_at(message):
    outcomes = instance_outcomes([looked()], skip={"main/a1": message}) if message else instance_outcomes(
        [{"item": instance(), "skipped": True}])
    (row,) = upgrade_plan([instance()], outcomes, ["lin1"])["rows"]
    assert (row["upgrade"], row["failed"]) == ("failed", True)
    assert row["message"] == (message or "The run did not get to this instance.")


@pytest.mark.parametrize("subjects, due", [
    ([FORMER], False), (["O=example,CN=CAPF-1"], False), ([NEWER], True), ([], False)])
def test_check_mode_knows_of_a_new_capf_by_the_list_that_was_not_stored(subjects, due):
    lists = [{"item": instance(), "ctl": {"certificates": [{"subject": subject} for subject in subjects]}},
             {"item": instance(), "failed": True}]
    assert decided(lists=lists) == [("due", True, "wrong_issuer") if due else ("not_due", False, "")]


def test_all_reasons_are_told():
    (row,) = planned(looked(reason="expiring", key_size=1024), named=["a1"])["rows"]
    assert row["reason"] == "expiring"
    assert row["explanation"] == "It is expiring. Its key is weak: RSA of 1024 bits. It was named."


def test_the_plan_for_people():
    plan = planned(
        looked(reason="expiring"), looked(instance("b1", "lin2"), reason="expired"), looked(instance("c1")),
        looked(instance("d1"), reason="missing"), looked(instance("e1"), unconfirmed=True), looked(instance("f1")),
        compromised=["f1"], batches={"size": 10, "canary": 1, "max_failures": 3})
    assert plan["lines"] == [
        "HOST  USER  INSTANCE  EXPIRES     WHY",
        "lin1  rec   a1        2031-01-01  It is expiring.",
        "lin2  rec   b1        2031-01-01  It is expired.",
        "2 of 6 instances need a new certificate.",
        "1 got one in an earlier run, and only the proof is missing.",
        "1 compromised, so that only a new instance_id helps: f1 on lin1.",
        "1 not provisioned yet, which is left to voiceops.secure_tsp.site: d1 on lin1.",
        "Cluster main: a canary batch of 1, then a batch of 1.",
        "No further batch begins once more than 3 failed, or one of a canary batch.",
    ]


@pytest.mark.parametrize("count, batches, line", [
    (1, {"size": 10, "canary": 1, "max_failures": -1}, "Cluster main: a canary batch of 1."),
    (25, {"size": 10, "canary": 2, "max_failures": -1},
     "Cluster main: a canary batch of 2, then 3 batches of at most 10."),
    (5, {"size": 10, "canary": 0, "max_failures": -1}, "Cluster main: a batch of 5."),
])
def test_how_the_plan_is_carried_out(count, batches, line):
    plan = planned(*[looked(instance("a%d" % number), "expiring") for number in range(count)], batches=batches)
    assert plan["lines"][-1] == line


def test_a_plan_without_work():
    assert planned(hosts=["lin2"])["lines"] == ["0 of 0 instances need a new certificate."]


# enrolment_batches


def test_a_batch_is_spread_over_hosts_and_the_canary_comes_first():
    instances = [instance("%s%d" % (host, number), host) for host in "abc" for number in range(1, 4)]
    assert enrolment_batches(instances, 4, 1) == [["a1"], ["b1", "c1", "a2", "b2"], ["c2", "a3", "b3", "c3"]]
    assert enrolment_batches(instances, "4") == [["a1", "b1", "c1", "a2"], ["b2", "c2", "a3", "b3"], ["c3"]]


@pytest.mark.parametrize("count, size, canary, sizes", [
    (0, 10, 1, []), (1, 10, 1, [1]), (3, 2, 5, [2, 1]), (3, 10, 0, [3]), (21, 10, 1, [1, 10, 10])])
def test_sizes_of_batches(count, size, canary, sizes):
    batches = enrolment_batches([instance("a%d" % number) for number in range(count)], size, canary)
    assert [len(batch) for batch in batches] == sizes


@pytest.mark.parametrize("size, canary", [(0, 1), (1, -1)])
def test_sizes_that_make_no_sense(size, canary):
    with pytest.raises(AnsibleFilterError, match="size is %d and canary %d" % (size, canary)):
        enrolment_batches([], size, canary)


# enrolment_progress


BATCHES = [["a1"], ["a2", "a3"], ["a4", "a5", "a6", "a7"]]
EVENING = {"start": "20:00", "end": "22:00"}


def progress(number, good=(), seconds_left=None, closed=False, **options):
    window = maintenance_window(EVENING, 79200 - seconds_left) if seconds_left is not None else None
    window = maintenance_window(EVENING, 79200) if closed else window
    outcomes = [{"instance_id": name, "failed": False, "action": "renewed"} for name in good]
    outcomes.append({"instance_id": "a2", "failed": True, "action": "renewed"})
    return enrolment_progress(BATCHES, "main", number, outcomes, window=window, **options)


def test_counts():
    found = progress(2, ["a1", "a3"], canary=1)
    assert {key: found[key] for key in ("batch", "batches", "size", "canary", "total", "done", "failed", "left")} == {
        "batch": 3, "batches": 3, "size": 4, "canary": False, "total": 7, "done": 2, "failed": 1, "left": 4}
    assert (found["stopped"], found["closes"], found["timezone"]) == ("", None, "UTC")
    after = progress(3, ["a1"], begins=False, max_failures=0)
    assert (after["batch"], after["size"], after["left"], after["estimate"], after["stopped"]) == (3, 0, 0, 0, "")


@pytest.mark.parametrize("number, options, by", [
    (0, {}, ""), (0, {"problems": ["CAPF is down."]}, "services"),
    (1, {"canary": 1, "good": ["a1"]}, ""), (1, {"canary": 1, "max_failures": 10}, "failures"), (1, {"canary": 0}, ""),
    (2, {"good": ["a1", "a3"], "max_failures": 1}, ""), (2, {"good": ["a1", "a3"], "max_failures": 0}, "failures"),
    (2, {"good": ["a1"], "max_failures": "1"}, "failures"), (2, {"max_failures": -1}, ""),
    (0, {"closed": True}, "window"), (0, {"closed": True, "ignore_window": True}, ""),
    (0, {"seconds_left": 60}, ""), (0, {"seconds_left": 59}, "window"), (0, {"seconds_left": 59, "least": "30"}, ""),
    (3, {"closed": True}, ""),
])
def test_whether_a_batch_may_begin(number, options, by):
    found = progress(number, **options)
    assert found["stopped_by"] == by and bool(found["stopped"]) == bool(by)


@pytest.mark.parametrize("timings, estimate", [
    ([], 60), ([{"size": 1, "seconds": 10}], 40), ([{"size": 1, "seconds": "10"}, {"size": 2, "seconds": 30.4}], 61),
    ([{"size": 8, "seconds": 50}], 50),
])
def test_a_batch_that_could_not_end_in_the_window_does_not_begin(timings, estimate):
    assert progress(2, timings=timings)["estimate"] == estimate
    assert progress(2, timings=timings, seconds_left=estimate)["stopped"] == ""
    late = progress(2, timings=timings, seconds_left=estimate - 1)
    assert late["stopped_by"] == "window"
    assert "It closes in %d s, and a batch of 4 takes about %d s" % (estimate - 1, estimate) in late["stopped"]


# what became of them


def attempt(row, failed=None, **more):
    """The row after a batch: renewed, or failed with a message."""
    result = {"item": row, "changed": True, "failed": bool(failed), "msg": failed, "action": "renewed",
              "unconfirmed": True, "needs_certificate": {"needed": False, "reason": ""}}
    (after,) = instance_outcomes([result], previous=[row])
    return dict(after, **more)


def due(**more):
    (row,) = planned(looked(reason="expiring"))["rows"]
    return dict(row, **more)


def verified(row, result=None, views=None, **options):
    chosen = verification_plan(
        [row], secure_users=["main/rec"], views=views or {"main": {"available": True, "connections": []}},
        addresses=["192.0.2.1"], with_password=["main/rec"], **options)
    return verification_results(chosen, [{"item": row, **result}] if result else [])


BROKEN = {"failed": True, "msg": "It broke.", "stage": "open", "cti_code": None, "cti_close_reason": None}


@pytest.mark.parametrize("facts, disproved", [
    ({"cti_code": "0x8CCC00D8"}, True), ({"cti_close_reason": 8}, True), ({"stage": "tls"}, True), ({}, True),
    ({"cti_code": "0x8CCC0060"}, False), ({"cti_code": "0x8CCC011F"}, False), ({"cti_close_reason": 7}, False),
    ({"stage": "connect"}, False), ({"stage": "local"}, False),
    ({"cti_code": "0x8CCC00D9", "compromised": True}, False),
    ({"stage": "tls", "server_certificate": {"subject": "CN=x"}}, False),
])
def test_failures_that_speak_against_the_certificate(facts, disproved):
    (row,) = verified(attempt(due()), {**BROKEN, **facts})
    assert (row["disproved"], row["failed"]) == (disproved, True)


def test_a_failure_before_anything_was_opened_speaks_not_against_it():
    (row,) = verified(attempt(due()), {"failed": True, "msg": "no such file"})
    assert row["disproved"] is False


@pytest.mark.parametrize("since, unconfirmed, way", [
    (1000, True, "offline"), (1060, True, "offline"), (1061, True, "ris"), (1000, False, "ris"),
    (None, True, "offline")])
def test_a_connection_from_before_proves_nothing_about_the_new_certificate(since, unconfirmed, way):
    connection = {"user": "rec", "address": "192.0.2.1", "status": "Open", "time": since, "lines": []}
    (row,) = verified(
        attempt(due(), unconfirmed=unconfirmed), views={"main": {"available": True, "connections": [connection]}},
        placed={"a1": 1000.5})
    assert row["way"] == way and row["confirm"] == (way == "ris" and unconfirmed)
    assert row["failed"] is False and ("still runs with the certificate before" in row["message"]) == (way == "offline")


def test_asked_for_the_view_of_the_cluster_an_older_connection_fails():
    connection = {"user": "rec", "address": "192.0.2.1", "status": "Open", "time": 1000, "lines": []}
    (row,) = verified(attempt(due()), views={"main": {"available": True, "connections": [connection]}},
                      placed={"a1": 1000}, wanted="ris")
    assert row["failed"] and row["message"].startswith("The application still runs with the certificate before")


RESTORED = {"action": "restored", "unconfirmed": True,
            "certificate": {"not_after": "2027-01-01T00:00:00Z", "not_before": "2022-01-01T00:00:00Z"}}


def test_a_former_certificate_that_is_back_is_told_plainly():
    before = verified(attempt(due()), BROKEN)
    (row,) = restored_outcomes(before, [{"item": before[0], **RESTORED}])
    assert (row["action"], row["failed"], row["unconfirmed"], row["certificate_expires"]) == (
        "restored", True, True, "2027-01-01T00:00:00Z")
    assert row["message"].startswith("It broke. The former key and certificate are back") and (
        "CUCM may no longer accept them" in row["message"])
    (final,) = upgrade_results([row])
    assert final["state"] == "failed, former one restored"


@pytest.mark.parametrize("result, words", [
    ({"action": "none"}, "no former certificate to put back"),
    ({"msg": "No space left."}, "could not be put back: No space left."),
    (None, "stays in place and the former one beside it"),
])
def test_a_former_certificate_that_is_not_back(result, words):
    before = verified(attempt(due()), BROKEN)
    (row,) = restored_outcomes(before, [{"item": before[0], **result}] if result else [])
    assert words in row["message"] and row["action"] == "renewed" and row["failed"]


@pytest.mark.parametrize("row", [
    attempt(due(), failed="CAPF refused."), *verified(attempt(due()), {"totals": {}}),
    *verified(attempt(due()), {**BROKEN, "compromised": True})])
def test_other_rows_stay_as_they_are(row):
    assert restored_outcomes([row]) == [row]


def not_begun(by, **more):
    (row,) = instance_outcomes([], previous=[due(**more)], expected=[instance()], message="Not armed: so.",
                               not_begun=by)
    return row


@pytest.mark.parametrize("row, check, state, failed", [
    (planned()["rows"][0], False, "up to date", False),
    (planned(looked(reason="missing"))["rows"][0], False, "not provisioned", False),
    (planned(compromised=["a1"])["rows"][0], True, "needs a new instance_id", False),
    (due(), True, "would upgrade", False),
    (planned(looked(unconfirmed=True))["rows"][0], True, "would verify", False),
    (not_begun("window"), False, "left for the next run", False),
    (not_begun("failures"), False, "left for the next run", False),
    (not_begun("services"), False, "failed", True),
    (not_begun("window", certificate_valid=False), False, "failed", True),
    (due(), False, "left for the next run", False),
    (due(certificate_valid=False), False, "left for the next run", True),
    (attempt(due(), failed="CAPF refused."), False, "failed", True),
    (verified(attempt(due()), {"totals": {"devices": 1}})[0], False, "verified", False),
])
def test_how_an_instance_stands(row, check, state, failed):
    (final,) = upgrade_results([row], check_mode=check)
    assert (final["state"], final["failed"]) == (state, failed)
    assert {"verified_by", "online", "confirm", "message", "action", "changed"} <= set(final)


def test_an_instance_that_was_not_begun_counts_as_untouched():
    (final,) = upgrade_results([not_begun("window")])
    assert (final["action"], final["message"], final["changed"]) == ("none", "Not armed: so.", False)


def test_a_stored_list_that_cannot_vouch_any_more_has_two_ways_out():
    failures = trust_failures([{"item": instance(), "failed": True, "msg": "x", "verdict": "stranger"}])
    assert len(failures) == 1
    message = list(failures.values())[0]
    assert "can no longer vouch" in message
    assert "'show ctl'" in message and "ctl_fingerprint of cluster main" in message and "state: absent" in message
