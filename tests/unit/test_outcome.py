# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what is found and done on a host to the row of an instance, and from rows to what the planner takes."""

from __future__ import annotations

import json

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _instance, _outcome
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._outcome import (
    FORCED,
    REARMED,
    also_failed,
    failed,
    fresh,
    updated,
    with_outcomes,
)
from ansible_collections.voiceops.secure_tsp.plugins.modules import fleet_accounts

EXPIRES = "2031-11-24T21:05:11Z"
FACTS = {"not_after": EXPIRES, "not_before": "2026-11-25T00:00:00Z", "issuer": "CN=CAPF", "sha256_fingerprint": "ab" * 32, "key_type": "rsa",
         "key_size": 2048}


def instance(number=1, **more):
    return {"cluster": "main", "host": "lin1", "user": "rec", "user_type": "application", "instance_id": "rec%d" % number,
            "store": "/s/rec%d" % number, "probe_of": None, "force": False, **more}


def found(needed, reason="", **more):
    """What is told of a certificate on a host."""
    return {"changed": False, "needs_certificate": {"needed": needed, "reason": reason},
            "explanation": reason and "It is so: %s." % reason, "trust_list": {"exists": True},
            "certificate": None if reason == "missing" else FACTS, "unconfirmed": False, **more}


def fetched(action="enrolled", **more):
    """What an enrolment answers."""
    return {"changed": True, "action": action, "certificate": FACTS, "needs_certificate": {"needed": False, "reason": ""},
            "unconfirmed": True, **more}


def refused(msg="it broke", **more):
    return {"changed": False, "failed": True, "msg": msg, **more}


def row(*results, of=None, **more):
    """The row that comes of one result after another, changed as a test needs it."""
    of = of or instance()
    made = fresh(of)
    for result in results or (found(False),):
        made = updated(made, result, of)
    return dict(made, **more)


# Rows


def test_a_fresh_row_has_every_field_that_stages_fill():
    one = fresh(instance())
    assert set(one) == set(_outcome.Outcome.__annotations__)
    assert (one["needed"], one["certificate_valid"], one["failed"], one["action"]) == (None, None, False, "none")
    assert json.loads(json.dumps(one)) == one


@pytest.mark.parametrize(("result", "force", "needed", "valid"), [
    (found(False), False, False, True),
    (found(True, "missing"), False, True, False),
    (found(True, "key_lost"), False, True, False),
    (found(True, "expired"), False, True, False),
    (found(True, "expiring"), False, True, True),
    (found(True, "key_changed"), False, True, True),
    (found(True, "interrupted"), False, True, True),
    (found(False), True, True, True),
    (found(True, "missing"), True, True, False),
])
def test_need_and_validity_of_what_was_found(result, force, needed, valid):
    one = row(result, of=instance(force=force))
    assert (one["needed"], one["certificate_valid"], one["failed"], one["action"]) == (needed, valid, False, "none")


def test_a_forced_renewal_is_done_once():
    of = instance(force=True)
    assert row(found(False), of=of)["reason"] == FORCED
    done = row(found(False), fetched("renewed"), found(False), of=of)
    assert (done["needed"], done["action"], done["unconfirmed"]) == (False, "renewed", False)


def test_an_enrolment_brings_the_row_up_to_date():
    one = row(found(True, "missing", placed=1.0), fetched(placed=2.0))
    assert one["needed"] is False and one["certificate_valid"] is True
    assert (one["action"], one["changed"], one["certificate_expires"], one["unconfirmed"], one["placed"]) == ("enrolled", True, EXPIRES, True, 2.0)
    assert (one["certificate_begins"], one["certificate_issuer"], one["certificate_fingerprint"], one["certificate_key"]) == (
        "2026-11-25T00:00:00Z", "CN=CAPF", "ab" * 32, ["rsa", 2048])


def test_an_enrolment_that_does_not_say_so_is_unconfirmed():
    answer = fetched()
    del answer["unconfirmed"]
    assert row(found(True, "missing"), answer)["unconfirmed"] is True


def test_what_was_placed_before_is_not_forgotten():
    assert row(found(False, placed=1.0), {"changed": False})["placed"] == 1.0


def test_a_failure_stays():
    one = row(found(True, "missing"), refused("no answer"), found(True, "missing"))
    assert (one["failed"], one["message"], one["action"], one["needed"]) == (True, "no answer", "failed", True)


def test_a_failure_without_a_message_has_one():
    assert row({"failed": True})["message"] == "failed without a message"


def test_a_row_is_not_changed_but_made_anew():
    before = fresh(instance())
    kept = dict(before)
    updated(before, fetched(), instance())
    failed(before, "x")
    also_failed(before, "x")
    assert before == kept


@pytest.mark.parametrize(("profile", "cause"), [
    (None, "could not be read"),
    ({"exists": False}, "no longer has this CAPF profile"),
    ({"exists": True, "operation": "No Pending Operation", "status": "Upgrade Success", "state": "success"},
     "nothing is armed; the profile says 'No Pending Operation', 'Upgrade Success'"),
    ({"exists": True, "operation": "Install/Upgrade", "status": "x", "state": "expired", "completion": "2026:01:01:00"},
     "ended at 2026:01:01:00"),
    ({"exists": True, "operation": "Install/Upgrade", "status": "x", "state": "perhaps_expired", "completion": "c"},
     "the authorization string is wrong, or the time for the operation"),
    ({"exists": True, "operation": "Install/Upgrade", "status": "Operation Pending", "state": "pending"},
     "the authorization string is wrong, because the profile is armed (Operation Pending)"),
])
def test_the_profile_names_the_cause_of_refusal_7(profile, cause):
    one = updated(fresh(instance()), refused("refused (7).", capf_reason=7), instance(), profile)
    assert one["message"].startswith("refused (7). ") and cause in one["message"]
    assert one["capf_reason"] == 7


def test_another_refusal_is_told_as_it_is():
    one = row(refused("refused (9).", capf_reason=9))
    assert (one["message"], one["capf_reason"]) == ("refused (9).", 9)


def test_a_message_of_a_failed_instance_is_added_to():
    one = also_failed(row(refused("refused", capf_reason=8)), "Still armed.")
    assert (one["message"], one["capf_reason"], one["failed"]) == ("refused Still armed.", 8, True)
    assert also_failed(row(), "no list")["message"] == "no list"


def test_what_did_not_begin_says_what_kept_it():
    assert failed(row(), "Not armed: closed", not_begun="window")["not_begun"] == "window"
    assert row()["not_begun"] == ""


def test_the_same_id_on_two_clusters_is_two_rows():
    rows = [row(), row(found(True, "missing"), of=instance(cluster="lab"))]
    assert set(_outcome.by_key(rows)) == {("main", "rec1"), ("lab", "rec1")}


def test_the_reasons_that_leave_a_certificate_valid_are_those_of_the_module():
    assert set(_outcome.STILL_VALID) == {_instance.INTERRUPTED, _instance.EXPIRING, _instance.KEY_CHANGED, FORCED, REARMED}


# What the planner takes


ACCOUNT = {"host": "lin1", "user": "rec", "user_type": "application", "instance_id": "rec1"}


@pytest.mark.parametrize(("one", "needs", "valid"), [
    (row(found(False)), {"needed": False, "reason": ""}, True),
    (row(found(True, "missing")), {"needed": True, "reason": "missing"}, False),
    (row(found(True, "expiring")), {"needed": True, "reason": "expiring"}, True),
    (row(found(True, "missing"), refused()), {"needed": False, "reason": "missing"}, False),
])
def test_what_the_host_says_is_added(one, needs, valid):
    (given,) = with_outcomes([ACCOUNT], [one], "main")
    assert (given["needs_certificate"], given["certificate_valid"]) == (needs, valid)
    assert set(given) <= set(fleet_accounts.INSTANCE) and "needs_certificate" not in ACCOUNT


@pytest.mark.parametrize(("rows", "cluster"), [
    ([], "main"), ([row()], "lab"), ([row(host="lin2")], "main"), ([row(refused())], "main"),
])
def test_an_instance_nobody_looked_at_stays_as_it_is(rows, cluster):
    assert with_outcomes([ACCOUNT], rows, cluster) == [ACCOUNT]


@pytest.mark.parametrize(("one", "valid"), [
    (row(found(True, "missing")), True), (row(found(True, "missing"), refused()), False), (row(found(False)), True),
])
def test_check_mode_takes_enrolments_for_done(one, valid):
    (given,) = with_outcomes([ACCOUNT], [one], "main", predict=True)
    assert given["certificate_valid"] is valid


def test_a_compromised_certificate_is_told():
    (given,) = with_outcomes([ACCOUNT], [row(compromised=True)], "main")
    assert given["compromised"] is True and given["certificate_valid"] is False
