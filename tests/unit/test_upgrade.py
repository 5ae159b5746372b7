# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who gets a new certificate, in which batch, when a batch may begin, and how the instances stand afterwards."""

from __future__ import annotations

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import (
    _options,
    _outcome,
    _progress,
    _upgrade,
    _verification,
    _window,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._model import Key
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages import hosts

FORMER, NEWER = "CN=CAPF-1,O=example", "O=example,CN=CAPF-2"
CANARY = 1
MOST = 3


def instance(instance_id="a1", host="lin1", cluster="main", **more):
    return {"cluster": cluster, "host": host, "user": "rec", "user_type": "application", "instance_id": instance_id,
            "store": "/s/%s" % instance_id, "probe_of": None, "force": False, "state": "present", "enrolment": "collection",
            "client_address": None, **more}


def looked(one=None, reason="", unconfirmed=False, **certificate):
    """The row of an instance that its host has looked at."""
    item = one or instance()
    facts = {"not_after": "2031-01-01T00:00:00Z", "not_before": "2026-01-01T00:00:00Z", "issuer": FORMER,
             "key_type": "rsa", "key_size": 2048, "sha256_fingerprint": "of " + item["instance_id"], **certificate}
    return _outcome.updated(_outcome.fresh(item), {
        "needs_certificate": {"needed": bool(reason), "reason": reason}, "unconfirmed": unconfirmed,
        "explanation": reason and "It is %s." % reason, "trust_list": {"exists": True},
        "certificate": None if reason == "missing" else facts}, item)


def planned(*found, **options):
    return _upgrade.decided(list(found) or [looked()], **options)


def decided(*found, **options):
    return [(row["upgrade"], row["needed"], row["reason"]) for row in planned(*found, **options)]


def keys(*names):
    return [Key(*name.split("/")) for name in names]


# Who is due


@pytest.mark.parametrize("reason", [
    "expired", "expiring", "wrong_issuer", "key_lost", "key_mismatch", "unreadable", "interrupted", "key_changed"])
def test_what_the_host_says_is_enough(reason):
    (row,) = planned(looked(reason=reason))
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
    rows = planned(looked(sha256_fingerprint="x"), looked(instance("b1", "lin2"), sha256_fingerprint="x"), looked(instance("c1")))
    assert [(row["upgrade"], row["explanation"]) for row in rows] == [
        ("due", "The same certificate is used by b1 on lin2."), ("due", "The same certificate is used by a1 on lin1."),
        ("not_due", "")]


@pytest.mark.parametrize("named, issued_before, due", [
    (["main/a1"], None, True), (["main/a1"], "", True), (["lab/a1"], None, False), (["main/a2"], None, False),
    (["main/a1"], "2026-01-01T00:00:01Z", True), (["main/a1"], "2026-01-01T00:00:00Z", False), (["main/a1"], 1767225601, True),
    (["main/a1"], "1767225600", False),
])
def test_named_instances_and_those_that_got_theirs_already(named, issued_before, due):
    found = decided(named=keys(*named), issued_before=issued_before)
    assert found == [("due", True, "named") if due else ("not_due", False, "")]


def test_a_compromised_one_is_never_armed():
    (row,) = planned(looked(reason="expiring"), compromised=keys("main/a1"), named=keys("main/a1"))
    assert (row["upgrade"], row["needed"], row["compromised"], row["failed"]) == ("compromised", False, True, False)
    assert "needs a new instance_id" in row["message"]


def test_the_same_id_on_another_cluster_is_another_instance():
    rows = planned(looked(), looked(instance(cluster="lab")), named=keys("lab/a1"), compromised=keys("main/a1"))
    assert [(row["cluster"], row["upgrade"]) for row in rows] == [("main", "compromised"), ("lab", "due")]


def test_one_without_a_certificate_is_not_provisioned_here():
    assert decided(looked(reason="missing")) == [("not_provisioned", False, "missing")]


@pytest.mark.parametrize("reason, unconfirmed, found, state, failed", [
    ("expiring", False, "by_tsp", "left for the next run", False), ("expired", False, "by_tsp", "left for the next run", True),
    ("", True, "not_due", "up to date", False)])
def test_what_a_tsp_fetches_itself_waits_for_its_batch(reason, unconfirmed, found, state, failed):
    (row,) = planned(looked(reason=reason, unconfirmed=unconfirmed), by_tsp=keys("main/a1"))
    assert (row["upgrade"], row["needed"]) == (found, bool(reason))
    assert (_upgrade.before(row)["state"], _upgrade.before(row)["failed"]) == (state, failed)


def test_one_whose_proof_is_missing_is_only_verified():
    assert decided(looked(unconfirmed=True)) == [("proof", False, "")]
    assert decided(looked(unconfirmed=True, reason="interrupted")) == [("due", True, "interrupted")]


@pytest.mark.parametrize("row, message", [
    (_outcome.also_failed(looked(), "no trust list"), "no trust list"),
    (_outcome.fresh(instance()), "The run did not get to this instance.")])
def test_one_that_could_not_be_looked_at(row, message):
    (found,) = planned(row)
    assert (found["upgrade"], found["failed"], found["message"]) == ("failed", True, message)


@pytest.mark.parametrize("subjects, due", [
    ([FORMER], False), (["O=example,CN=CAPF-1"], False), ([NEWER], True), ([], False)])
def test_check_mode_knows_of_a_new_capf_by_the_list_that_was_not_stored(subjects, due):
    assert decided(subjects={"main": subjects}) == [("due", True, "wrong_issuer") if due else ("not_due", False, "")]


def test_all_reasons_are_told():
    (row,) = planned(looked(reason="expiring", key_size=1024), named=keys("main/a1"))
    assert row["reason"] == "expiring"
    assert row["explanation"] == "It is expiring. Its key is weak: RSA of 1024 bits. It was named."


# The plan for people


def told(*found, size=10, canary=CANARY, most=MOST, forks=5, throttle=0, **options):
    rows = planned(*found, **options)
    return _upgrade.lines_of(rows, len(rows), _upgrade.division(rows, size, canary, forks, throttle), canary, most)


def test_the_plan_for_people():
    assert told(
        looked(reason="expiring"), looked(instance("b1", "lin2"), reason="expired"), looked(instance("c1")),
        looked(instance("d1"), reason="missing"), looked(instance("e1"), unconfirmed=True), looked(instance("f1")),
        compromised=keys("main/f1")) == [
        "HOST  USER  INSTANCE  EXPIRES     WHY",
        "lin1  rec   a1        2031-01-01  It is expiring.",
        "lin2  rec   b1        2031-01-01  It is expired.",
        "2 of 6 instances need a new certificate.",
        "1 got one in an earlier run, and only the verification is missing.",
        "1 compromised, so only a new instance_id helps: f1 on lin1.",
        "1 not provisioned yet; use voiceops.secure_tsp.site: d1 on lin1.",
        "Cluster main: a canary batch of 1, then a batch of 1.",
        "No further batch begins once more than 3 failed, or one of a canary batch.",
    ]


@pytest.mark.parametrize("count, options, line", [
    (1, {"canary": 1}, "Cluster main: a canary batch of 1."),
    (25, {"canary": 2}, "Cluster main: a canary batch of 2, then 3 batches of at most 10."),
    (5, {"canary": 0}, "Cluster main: a batch of 5."),
])
def test_how_the_plan_is_carried_out(count, options, line):
    assert told(*[looked(instance("a%d" % number), "expiring") for number in range(count)], most=-1, **options)[-1] == line


def test_a_plan_without_work():
    assert _upgrade.lines_of([], 0, {}, CANARY, MOST) == ["0 of 0 instances need a new certificate."]


# Batches


def due_rows(**counts):
    return [row for host, count in counts.items()
            for row in _upgrade.decided([looked(instance("%s%d" % (host, number), host), "expiring") for number in range(count)])]


@pytest.mark.parametrize("count, size, canary, sizes", [
    (0, 10, 1, []), (1, 10, 1, [1]), (3, 2, 5, [2, 1]), (3, 10, 0, [3]), (21, 10, 1, [1, 10, 10])])
def test_sizes_of_batches(count, size, canary, sizes):
    found = _upgrade.batches(due_rows(a=count), size, canary)
    assert [len(batch) for batch, _canary in found] == sizes
    assert [first for _batch, first in found] == [bool(canary) and number == 0 for number in range(len(sizes))]


@pytest.mark.parametrize("option, value", [("batch_instances", 0), ("canary_instances", -1)])
def test_sizes_that_make_no_sense(option, value):
    with pytest.raises(ValueError, match="is not %d or more" % (value + 1)):
        _options.converted(_options.OPTIONS[option], value)


@pytest.mark.parametrize("size, hosts, forks, throttle, found", [
    (10, 1, 5, 0, (1, 10)), (10, 7, 5, 0, (2, 5)), (50, 20, 50, 0, (10, 5)), (50, 20, 5, 0, (5, 10)), (50, 20, 5, 2, (2, 25)),
    (3, 2, 5, 0, (1, 3)), (1, 9, 9, 9, (1, 1)), (10, 0, None, 0, (1, 10)),
])
def test_never_more_than_a_batch_is_armed_on_all_hosts_together(size, hosts, forks, throttle, found):
    assert _upgrade.at_a_time(size, hosts, forks, throttle) == found
    assert found[0] * found[1] <= size


def test_the_host_of_the_canary_batch_works_alone_and_the_others_side_by_side():
    assert _upgrade.division(due_rows(a=14, b=9, c=1), 10, 1, 5, 0) == {"main": [1, 10, 3, 5, 4, 1]}


def test_each_cluster_has_a_canary_batch_on_the_first_host_where_something_is_due():
    rows = planned(looked(instance("a1", "a")), looked(instance("b1", "b"), "expiring"),
                   looked(instance("c1", "c", "lab"), "expiring"), looked(instance("c2", "c"), "expiring"))
    assert _upgrade.canaries(rows) == {"main": "b", "lab": "c"}


# Whether a batch may begin


EVENING = {"start": "20:00", "end": "22:00"}


def known(*batches, cluster="main"):
    """Progress after batches of (size, failed, seconds), the first of which is the canary batch."""
    events = [dict(event="planned", cluster=cluster, total=7, batches=3, closes=None, timezone="UTC")]
    for number, (size, failed, seconds) in enumerate(batches):
        facts = dict(cluster=cluster, host="a", size=size, canary=number == 0)
        names = ["x%d-%d" % (number, which) for which in range(failed)]
        events += [dict(facts, event="begins", at=1000.0), dict(facts, event="ended", done=size - failed, failed=names, seconds=seconds)]
    return _progress.taken({}, events)


def hindered(before, size=4, seconds_left=None, closed=False, least=60, **options):
    now = 79200 if closed else 79200 - (seconds_left or 0)
    window = _window.maintenance_window(EVENING if closed or seconds_left is not None else {}, now)
    return _progress.hindrance(before, "main", size, window, least, **options)


def test_counts():
    found = known((1, 0, 5), (2, 1, 5))["main"]
    assert (found.begun, found.ended, found.of, found.total, found.done, len(found.failed), found.left) == (2, 2, 3, 7, 2, 1, 4)
    assert (found.stopped, found.closes, found.timezone, found.canary_failed) == ("", None, "UTC", False)


@pytest.mark.parametrize("before, options, by", [
    (known(), {}, ""), (known((1, 0, 5)), {}, ""), (known((1, 1, 5)), {}, "failures"), (known((1, 1, 5)), {"most": 10}, "failures"),
    (known((1, 1, 5)), {"canary": True}, ""), ({}, {}, ""),
    (known((1, 0, 5), (2, 1, 5)), {"most": 1}, ""), (known((1, 0, 5), (2, 1, 5)), {"most": 0}, "failures"),
    (known((1, 0, 5), (2, 2, 5)), {"most": 1}, "failures"), (known((1, 0, 5), (2, 2, 5)), {"most": -1}, ""),
    (known(), {"closed": True}, "window"), (known(), {"closed": True, "ignore_window": True}, ""),
    (known(), {"seconds_left": 60}, ""), (known(), {"seconds_left": 59}, "window"), (known(), {"seconds_left": 59, "least": 30}, ""),
])
def test_whether_a_batch_may_begin(before, options, by):
    found = hindered(before, **options)
    assert found[0] == by and bool(found[1]) == bool(by)


def test_failures_on_all_clusters_count_together():
    before = dict(known((1, 0, 5), (2, 1, 5)), **known((1, 0, 5), (2, 1, 5), cluster="lab"))
    assert hindered(before, most=1) == ("failures", "2 instances failed, and at most 1 may fail, so no further batch begins.")
    assert hindered(before, most=2) == ("", "")


@pytest.mark.parametrize("timings, estimate", [
    ([], 60), ([(1, 0, 10)], 40), ([(1, 0, 10), (2, 0, 30.4)], 61), ([(8, 0, 50)], 50)])
def test_a_batch_that_could_not_end_in_the_window_does_not_begin(timings, estimate):
    before = known(*timings)
    assert before["main"].estimate(4, 60) == estimate
    assert hindered(before, seconds_left=estimate) == ("", "")
    by, why = hindered(before, seconds_left=estimate - 1)
    assert by == "window" and "It closes in %d s, and a batch of 4 takes about %d s" % (estimate - 1, estimate) in why


# What became of them


def due(**more):
    (row,) = planned(looked(reason="expiring"))
    return dict(row, **more)


def attempt(row, failed=None, **more):
    """The row after a batch: renewed, or failed with a message."""
    result = {"changed": True, "failed": bool(failed), "msg": failed, "action": "renewed",
              "unconfirmed": True, "needs_certificate": {"needed": False, "reason": ""}}
    return dict(_outcome.updated(row, result, instance()), **more)


def verified(row, result=None, connections=(), **options):
    verifier = _verification.Verifier(
        {Key("main", "rec")}, {"main": {"available": True, "connections": list(connections)}}, {"lin1": ["192.0.2.1"]}, [instance()],
        {Key("main", "rec")}, **options)
    return _verification.results(verifier.plan([row]), {Key("main", "a1"): result} if result else {})[0]


BROKEN = {"failed": True, "msg": "It broke.", "stage": "open", "cti_code": None, "cti_close_reason": None}


@pytest.mark.parametrize("facts, disproved", [
    ({"cti_code": "0x8CCC00D8"}, True), ({"cti_close_reason": 8}, True), ({"stage": "tls"}, True), ({}, True),
    ({"cti_code": "0x8CCC0060"}, False), ({"cti_code": "0x8CCC011F"}, False), ({"cti_close_reason": 7}, False),
    ({"stage": "connect"}, False), ({"stage": "local"}, False),
    ({"cti_code": "0x8CCC00D9", "compromised": True}, False),
    ({"stage": "tls", "server_certificate": {"subject": "CN=x"}}, False),
])
def test_failures_that_speak_against_the_certificate(facts, disproved):
    row = verified(attempt(due()), {**BROKEN, **facts})
    assert (row["disproved"], row["failed"]) == (disproved, True)


def test_a_failure_before_anything_was_opened_speaks_not_against_it():
    assert verified(attempt(due()), {"failed": True, "msg": "no such file"})["disproved"] is False


def connection(time):
    return {"user": "rec", "address": "192.0.2.1", "status": "Open", "time": time, "lines": []}


@pytest.mark.parametrize("since, unconfirmed, way", [
    (1000, True, "offline"), (1060, True, "offline"), (1061, True, "ris"), (1000, False, "ris"),
    (None, True, "offline")])
def test_a_connection_from_before_proves_nothing_about_the_new_certificate(since, unconfirmed, way):
    row = verified(attempt(due(), unconfirmed=unconfirmed, placed=1000.5), connections=[connection(since)])
    assert row["way"] == way and row["confirm"] == (way == "ris" and unconfirmed)
    assert row["failed"] is False and ("still uses the previous certificate" in row["message"]) == (way == "offline")


def test_asked_for_the_view_of_the_cluster_an_older_connection_fails():
    row = verified(attempt(due(), placed=1000), connections=[connection(1000)], wanted="ris")
    assert row["failed"] and row["message"].startswith("The application still uses the previous certificate")


def test_the_way_is_chosen_before_the_certificate_is_there():
    row = _upgrade.as_renewed(due(), 1000)
    assert verified(row)["way"] == "application"
    assert verified(row, connections=[connection(900)])["way"] == "offline"


RESTORED = {"action": "restored", "unconfirmed": True,
            "certificate": {"not_after": "2027-01-01T00:00:00Z", "not_before": "2022-01-01T00:00:00Z"}}


def test_a_former_certificate_that_is_back_is_told_plainly():
    row = _upgrade.restored(verified(attempt(due()), BROKEN), RESTORED)
    assert (row["action"], row["failed"], row["unconfirmed"], row["certificate_expires"]) == (
        "restored", True, True, "2027-01-01T00:00:00Z")
    assert row["message"].startswith("It broke. The previous key and certificate are back") and (
        "CUCM may no longer accept them" in row["message"])
    assert _upgrade.settled(row)["state"] == "failed, former one restored"


@pytest.mark.parametrize("result, words", [
    ({"action": "none"}, "no previous certificate to restore"),
    ({"msg": "No space left."}, "could not be restored: No space left."),
    (None, "stays in place and the previous one beside it"),
])
def test_a_former_certificate_that_is_not_back(result, words):
    row = _upgrade.restored(verified(attempt(due()), BROKEN), result)
    assert words in row["message"] and row["action"] == "renewed" and row["failed"]


@pytest.mark.parametrize("row", [
    attempt(due(), failed="CAPF refused."), verified(attempt(due()), {"totals": {}}),
    verified(attempt(due()), {**BROKEN, "compromised": True})])
def test_other_rows_stay_as_they_are(row):
    assert _upgrade.restored(row) == row


def not_begun(by, **more):
    return _upgrade.settled(_outcome.failed(_upgrade.begun(due(**more)), "Not armed: so.", not_begun=by))


@pytest.mark.parametrize("row, state, failed", [
    (_upgrade.before(planned()[0]), "up to date", False),
    (_upgrade.before(planned(looked(reason="missing"))[0]), "not provisioned", False),
    (_upgrade.before(planned(compromised=keys("main/a1"))[0], check_mode=True), "needs a new instance_id", False),
    (_upgrade.before(due(), check_mode=True), "would upgrade", False),
    (_upgrade.before(planned(looked(unconfirmed=True))[0], check_mode=True), "would verify", False),
    (not_begun("window"), "left for the next run", False),
    (not_begun("failures"), "left for the next run", False),
    (not_begun("lost"), "left for the next run", False),
    (not_begun("services"), "failed", True),
    (not_begun("window", certificate_valid=False), "failed", True),
    (_upgrade.before(due()), "left for the next run", False),
    (_upgrade.before(due(certificate_valid=False)), "left for the next run", True),
    (_upgrade.settled(attempt(due(), failed="CAPF refused.")), "failed", True),
    (_upgrade.settled(verified(attempt(due()), {"totals": {"devices": 1}})), "verified", False),
])
def test_how_an_instance_stands(row, state, failed):
    assert (row["state"], row["failed"]) == (state, failed)
    assert {"message", "action", "changed"} <= set(row)


def test_an_instance_that_was_not_begun_counts_as_untouched():
    final = not_begun("window")
    assert (final["action"], final["message"], final["changed"]) == ("none", "Not armed: so.", False)


def test_a_stored_list_that_cannot_vouch_any_more_has_two_ways_out():
    message = hosts.trust_failure({"failed": True, "msg": "x", "verdict": "stranger"}, "main")
    assert "can no longer verify" in message
    assert "'show ctl'" in message and "ctl_fingerprint of cluster main" in message and "state: absent" in message
