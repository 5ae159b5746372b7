# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what modules say of single instances to the summary of a run."""

from __future__ import annotations

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.filter.fleet_summary import fleet_summary
from ansible_collections.voiceops.secure_tsp.plugins.filter.instance_outcomes import FORCED, STILL_VALID, instance_outcomes
from ansible_collections.voiceops.secure_tsp.plugins.filter.trust_failures import trust_failures
from ansible_collections.voiceops.secure_tsp.plugins.filter.verification_plan import verification_plan
from ansible_collections.voiceops.secure_tsp.plugins.filter.verification_results import verification_results
from ansible_collections.voiceops.secure_tsp.plugins.filter.with_outcomes import with_outcomes
from ansible_collections.voiceops.secure_tsp.plugins.modules import fleet_accounts

EXPIRES = "2031-11-24T21:05:11Z"


def instance(number=1, **more):
    return {"cluster": "main", "host": "lin1", "user": "rec", "user_type": "application", "instance_id": "rec%d" % number,
            "store": "/s/rec%d" % number, "probe_of": None, "force": False, **more}


def found(needed, reason="", item=None, **more):
    """What capf_certificate_info says."""
    return {"item": item or instance(), "changed": False, "needs_certificate": {"needed": needed, "reason": reason},
            "explanation": reason and "It is so: %s." % reason, "trust_list": {"exists": True},
            "certificate": None if reason == "missing" else {"not_after": EXPIRES}, "unconfirmed": False, **more}


def fetched(action="enrolled", item=None, **more):
    """What capf_certificate says."""
    return {"item": item or instance(), "changed": True, "action": action, "certificate": {"not_after": EXPIRES},
            "needs_certificate": {"needed": False, "reason": ""}, "unconfirmed": True, **more}


def refused(msg="it broke", item=None, **more):
    return {"item": item or instance(), "changed": False, "failed": True, "msg": msg, **more}


def row(*results, **more):
    """The row that comes of one result after another, changed as a test needs it."""
    rows = []
    for result in results or (found(False),):
        rows = instance_outcomes([result], previous=rows)
    (one,) = rows
    return dict(one, **more)


# instance_outcomes


@pytest.mark.parametrize("result, needed, valid", [
    (found(False), False, True),
    (found(True, "missing"), True, False),
    (found(True, "key_lost"), True, False),
    (found(True, "expired"), True, False),
    (found(True, "expiring"), True, True),
    (found(True, "key_changed"), True, True),
    (found(True, "interrupted"), True, True),
    (found(False, item=instance(force=True)), True, True),
    (found(True, "missing", item=instance(force=True)), True, False),
])
def test_need_and_validity_of_what_was_found(result, needed, valid):
    one = row(result)
    assert (one["needed"], one["certificate_valid"], one["failed"], one["action"]) == (needed, valid, False, "none")


def test_a_forced_renewal_is_done_once():
    item = instance(force=True)
    assert row(found(False, item=item))["reason"] == FORCED
    done = row(found(False, item=item), fetched("renewed", item=item), found(False, item=item))
    assert (done["needed"], done["action"], done["unconfirmed"]) == (False, "renewed", False)


def test_an_enrolment_brings_the_row_up_to_date():
    one = row(found(True, "missing"), fetched())
    assert one["needed"] is False and one["certificate_valid"] is True
    assert (one["action"], one["changed"], one["certificate_expires"], one["unconfirmed"]) == (
        "enrolled", True, EXPIRES, True)


def test_a_failure_stays():
    one = row(found(True, "missing"), refused("no answer"), found(True, "missing"))
    assert (one["failed"], one["message"], one["action"], one["needed"]) == (True, "no answer", "failed", True)


@pytest.mark.parametrize("profile, cause", [
    (None, "could not be read"),
    ({"exists": False}, "has no such CAPF profile any more"),
    ({"exists": True, "operation": "No Pending Operation", "status": "Upgrade Success", "state": "success"},
     "nothing is armed, the profile says 'No Pending Operation', 'Upgrade Success'"),
    ({"exists": True, "operation": "Install/Upgrade", "status": "x", "state": "expired", "completion": "2026:01:01:00"},
     "ended at 2026:01:01:00"),
    ({"exists": True, "operation": "Install/Upgrade", "status": "x", "state": "perhaps_expired", "completion": "c"},
     "the string is wrong, or the time for the operation"),
    ({"exists": True, "operation": "Install/Upgrade", "status": "Operation Pending", "state": "pending"},
     "the string is wrong, since the profile is armed (Operation Pending)"),
])
def test_the_profile_names_the_cause_of_refusal_7(profile, cause):
    profiles = [{"instance_id": "rec1", "profile": profile}] if profile else []
    (one,) = instance_outcomes([refused("refused (7).", capf_reason=7)], profiles=profiles)
    assert one["message"].startswith("refused (7). ") and cause in one["message"]
    assert one["capf_reason"] == 7


def test_another_refusal_is_told_as_it_is():
    (one,) = instance_outcomes([refused("refused (9).", capf_reason=9)], profiles=[])
    assert (one["message"], one["capf_reason"]) == ("refused (9).", 9)


def test_what_was_expected_and_has_no_result_failed():
    before = instance_outcomes([found(True, "missing"), found(False, item=instance(2))])
    rows = instance_outcomes([], previous=before, expected=[instance(), instance(3)], message="not armed")
    assert [(one["instance_id"], one["failed"], one["message"]) for one in rows] == [
        ("rec1", True, "not armed"), ("rec2", False, ""), ("rec3", True, "not armed")]


def test_a_skipped_result_changes_nothing():
    before = instance_outcomes([found(True, "missing")])
    assert instance_outcomes([{"item": instance(), "skipped": True, "changed": False}], previous=before) == before


@pytest.mark.parametrize("skip", [{"main/rec1": "no list"}, {"main": "no list"}])
def test_instances_that_cannot_go_on(skip):
    rows = instance_outcomes([found(True, "missing"), found(False, item=instance(cluster="lab"))], skip=skip)
    assert [(one["cluster"], one["failed"], one["message"]) for one in rows] == [
        ("main", True, "no list"), ("lab", False, "")]


def test_a_message_of_a_failed_instance_is_added_to():
    before = instance_outcomes([refused("refused", capf_reason=8)])
    (one,) = instance_outcomes([], previous=before, skip={"main/rec1": "Still armed."})
    assert (one["message"], one["capf_reason"]) == ("refused Still armed.", 8)


def test_the_same_id_on_two_clusters_is_two_rows():
    rows = instance_outcomes([found(False), found(True, "missing", item=instance(cluster="lab"))])
    assert [(one["cluster"], one["needed"]) for one in rows] == [("main", False), ("lab", True)]


# trust_failures


@pytest.mark.parametrize("result, message", [
    ({"ctl": {"has_capf": True}}, None),
    ({"ctl": {"has_capf": False}}, "names no CAPF server"),
    ({"failed": True, "msg": "signed by a stranger"}, "signed by a stranger"),
    ({"failed": True}, "without a message"),
    ({"skipped": True}, None),
])
def test_trust_lists_that_do_not_allow_to_go_on(result, message):
    failures = trust_failures([{"item": instance(), **result}])
    assert list(failures) == (["main/rec1"] if message else [])
    assert all(message in text for text in failures.values())


# with_outcomes


ACCOUNT = {"host": "lin1", "user": "rec", "user_type": "application", "instance_id": "rec1"}


@pytest.mark.parametrize("one, needs, valid", [
    (row(found(False)), {"needed": False, "reason": ""}, True),
    (row(found(True, "missing")), {"needed": True, "reason": "missing"}, False),
    (row(found(True, "expiring")), {"needed": True, "reason": "expiring"}, True),
    (row(found(True, "missing"), refused()), {"needed": False, "reason": "missing"}, False),
])
def test_what_the_host_says_is_added(one, needs, valid):
    (given,) = with_outcomes([ACCOUNT], [one], "main")
    assert (given["needs_certificate"], given["certificate_valid"]) == (needs, valid)
    assert set(given) <= set(fleet_accounts.INSTANCE) and "needs_certificate" not in ACCOUNT


@pytest.mark.parametrize("outcomes, cluster", [
    ([], "main"), ([row()], "lab"), ([row(host="lin2")], "main"), ([row(refused())], "main"),
])
def test_an_instance_nobody_looked_at_stays_as_it_is(outcomes, cluster):
    assert with_outcomes([ACCOUNT], outcomes, cluster) == [ACCOUNT]


@pytest.mark.parametrize("one, valid", [
    (row(found(True, "missing")), True), (row(found(True, "missing"), refused()), False), (row(found(False)), True),
])
def test_check_mode_takes_enrolments_for_done(one, valid):
    (given,) = with_outcomes([ACCOUNT], [one], "main", predict=True)
    assert given["certificate_valid"] is valid


def test_a_compromised_certificate_is_told():
    (given,) = with_outcomes([ACCOUNT], [row(compromised=True)], "main")
    assert given["compromised"] is True


# verification_plan


def view(*connections, **more):
    return {"main": {"available": True, "reason": "", "connections": list(connections), **more}}


def connection(**more):
    return {"user": "rec", "address": "192.0.2.1", "status": "Open", "lines": [{}, {}], **more}


def plan(rows, views=None, **more):
    options = dict(secure_users=["main/rec"], addresses=["192.0.2.1"], with_password=["main/rec"])
    options.update(more)
    return verification_plan(rows, views=view() if views is None else views, **options)


NEW = row(found(True, "missing"), fetched())
PROVEN = row(found(False))


@pytest.mark.parametrize("one, options, way, why", [
    (NEW, {}, "application", ""),
    (PROVEN, {}, "offline", "verified before"),
    (PROVEN, {"again": True}, "application", ""),
    (PROVEN, {"stopped": True}, "offline", "verified before"),
    (PROVEN, {"stopped": True, "views": view(connection())}, "ris", ""),
    (NEW, {"stopped": True, "views": view(connection())}, "application", ""),
    (NEW, {"with_password": []}, "offline", "no password of rec"),
    (NEW, {"views": view(connection())}, "ris", ""),
    (NEW, {"views": view(connection(status="Closed"))}, "application", ""),
    (NEW, {"views": view(connection(address="192.0.2.2"))}, "application", ""),
    (NEW, {"views": view(connection(user="other"))}, "application", ""),
    (NEW, {"views": view(connection(address="198.51.100.7")), "client_addresses": {"rec1": "198.51.100.7"}}, "ris", ""),
    (NEW, {"views": view(connection()), "client_addresses": {"rec1": "198.51.100.7"}}, "application", ""),
    (NEW, {"views": {}}, "offline", "the cluster was not asked"),
    (NEW, {"views": {"main": {"available": False, "reason": "HTTP 503"}}}, "offline", "HTTP 503"),
    (NEW, {"enrolments": {"rec1": "tsp"}}, "offline", "0 open provider(s)"),
    (NEW, {"wanted": "offline", "views": view(connection())}, "offline", ""),
    (NEW, {"wanted": "ris", "views": view(connection())}, "ris", ""),
    (NEW, {"wanted": "application"}, "application", ""),
    (NEW, {"wanted": "application", "views": view(connection()), "stopped": True}, "application", ""),
    (NEW, {"wanted": "application", "views": {}, "stopped": True}, "application", ""),
    (NEW, {"wanted": "application", "views": {}}, "offline", "the cluster was not asked"),
    (NEW, {"wanted": "probe"}, "offline", "not probed"),
    (NEW, {"secure_users": []}, "offline", "waiting for the cutover of user rec"),
    (NEW, {"secure_users": ["lab/rec"]}, "offline", "waiting for the cutover of user rec"),
])
def test_the_way_that_is_chosen(one, options, way, why):
    (chosen,) = plan([one], **options)
    assert (chosen["way"], chosen["failed"], chosen["waiting"]) == (way, False, "cutover" in why)
    assert why in chosen["why"] if why else chosen["why"] == ""


@pytest.mark.parametrize("options, message", [
    ({"wanted": "application", "views": view(connection())}, "would throw both out"),
    ({"wanted": "application", "with_password": []}, "no password of rec"),
    ({"wanted": "ris"}, "Start the application"),
    ({"views": {"main": {"available": False, "reason": "wrong password", "users_read": False}}}, "wrong password"),
])
def test_ways_that_are_refused(options, message):
    (chosen,) = plan([NEW], **options)
    assert chosen["way"] == "none" and chosen["failed"] and message in chosen["message"]


@pytest.mark.parametrize("one", [row(found(True, "missing")), row(found(True, "missing"), refused())])
def test_without_a_certificate_there_is_nothing_to_verify(one):
    (chosen,) = plan([one])
    assert (chosen["way"], chosen["failed"]) == ("none", one["failed"])


def test_two_instances_of_a_user_need_two_connections():
    rows = instance_outcomes([fetched(), fetched(item=instance(2))])
    assert [one["way"] for one in plan(rows, view(connection()))] == ["offline", "offline"]
    assert [one["way"] for one in plan(rows, view(connection(), connection()))] == ["ris", "ris"]


PROBE = instance(9, instance_id="rec1probe", probe_of="rec1")


@pytest.mark.parametrize("probe, way", [
    (fetched(item=PROBE), "probe"), (refused(item=PROBE), "offline"), (found(True, "missing", item=PROBE), "offline"),
])
def test_a_probe_is_opened_on_behalf_of_its_instance(probe, way):
    chosen = plan(instance_outcomes([fetched(), probe]), view(connection()), wanted="probe")
    assert chosen[0]["way"] == way
    assert chosen[1]["way"] == ("offline" if way == "probe" else "none")


def test_a_probe_is_no_connection_of_the_application():
    rows = instance_outcomes([fetched(), fetched(item=PROBE)])
    assert [one["way"] for one in plan(rows, view(connection()))] == ["ris", "offline"]


# verification_results


def opened(item, **more):
    return {"item": item, "totals": {"devices": 1, "lines": 2}, **more}


def test_a_provider_that_was_opened_proves_and_confirms():
    (chosen,) = plan([NEW])
    (one,) = verification_results([chosen], [opened(chosen)])
    assert (one["state"], one["verified_by"], one["online"], one["confirm"]) == (
        "verified", "application (1 device, 2 lines)", True, True)
    assert "seen" not in one and "why" not in one


def test_what_was_verified_before_needs_no_confirmation():
    (chosen,) = plan([PROVEN], again=True)
    (one,) = verification_results([chosen], [opened(chosen)])
    assert (one["online"], one["confirm"]) == (True, False)


def test_a_provider_that_failed():
    (chosen,) = plan([NEW])
    (one,) = verification_results([chosen], [refused("0x8CCC00D9", item=chosen, compromised=True)])
    assert (one["state"], one["failed"], one["message"], one["compromised"], one["confirm"]) == (
        "failed", True, "0x8CCC00D9", True, False)


def test_a_provider_that_was_never_opened_failed():
    (one,) = verification_results(plan([NEW]), message="Stop the application failed: rc 1")
    assert (one["state"], one["failed"], one["message"]) == ("failed", True, "Stop the application failed: rc 1")


@pytest.mark.parametrize("chosen, state, verified_by, online, confirm", [
    (plan([NEW], view(connection())), "verified", "ris (1 open, 2 lines)", True, True),
    (plan([NEW], wanted="offline"), "verified", "offline", False, False),
    (plan([PROVEN]), "enrolled, not verified online", "offline", False, False),
    (plan([NEW], secure_users=[]), "enrolled, waiting for cutover", "offline", False, False),
    (plan([row(refused("broken"))]), "failed", "", False, False),
])
def test_ways_that_open_nothing(chosen, state, verified_by, online, confirm):
    (one,) = verification_results(chosen)
    assert (one["state"], one["verified_by"], one["online"], one["confirm"]) == (state, verified_by, online, confirm)


def test_a_probe_that_was_opened_confirms_itself_and_not_the_application():
    chosen = plan(instance_outcomes([fetched(), fetched(item=PROBE)]), wanted="probe")
    rows = verification_results(chosen, [opened(chosen[0])])
    assert [(one["verified_by"], one["confirm"]) for one in rows] == [
        ("probe (1 device, 2 lines)", False), ("offline", True)]


@pytest.mark.parametrize("one, options, state, failed", [
    (row(found(True, "missing")), {"check_mode": True}, "would enrol", False),
    (row(found(True, "expiring")), {"check_mode": True}, "would enrol", False),
    (row(found(True, "missing")), {"check_mode": True, "enrolling": False}, "no certificate", True),
    (row(found(True, "missing")), {}, "no certificate", True),
    (NEW, {"check_mode": True}, "would verify", False),
    (row(found(True, "missing"), refused()), {"check_mode": True}, "failed", True),
])
def test_check_mode_and_missing_certificates(one, options, state, failed):
    (result,) = verification_results(plan([one]), **options)
    assert (result["state"], result["failed"]) == (state, failed)
    assert result["message"] == {"would verify": "would open a provider", "failed": "it broke"}.get(state, one["explanation"])


# fleet_summary


def summary(instances, *rows, **more):
    options = dict(hosts=["lin1", "lin2"])
    options.update(more)
    return fleet_summary(instances, list(rows), **options)


def verified(one=None, **more):
    (chosen,) = plan([dict(NEW if one is None else one, **more)])
    return verification_results([chosen], [opened(chosen)])[0]


def test_a_verified_instance_in_the_table():
    made = summary([instance()], verified())
    assert made["lines"] == [
        "HOST  USER  INSTANCE  ACTION    EXPIRES     STATE     VERIFIED BY",
        "lin1  rec   rec1      enrolled  2031-11-24  verified  application (1 device, 2 lines)",
        "1 instance on 1 host: 1 verified. 1 changed.",
    ]
    assert made["totals"] == {"verified": 1}
    (one,) = made["rows"]
    assert (one["state"], one["message"], one["changed"], one["failed"]) == ("verified", "", True, False)


@pytest.mark.parametrize("rows, failures, state, message", [
    ([], {}, "not reached", "the run did not get to this instance"),
    ([], {"lin1": "no Python"}, "failed", "no Python"),
    ([verified()], {"lin1": "the start handler failed"}, "failed", "the start handler failed"),
    ([row(refused("its own message"))], {"lin1": "the host's"}, "failed", "its own message"),
    ([row(refused("its own message"))], {}, "failed", "its own message"),
    ([row()], {}, "seen", ""),
])
def test_instances_that_did_not_come_to_the_end(rows, failures, state, message):
    made = summary([instance()], *rows, failures=failures)
    (one,) = made["rows"]
    assert (one["state"], one["message"], one["failed"]) == (state, message, state != "seen")
    assert any("rec1 on lin1: %s" % message == line for line in made["lines"]) is bool(message)


def test_a_message_is_told_once_for_all_it_is_about():
    made = summary([instance(), instance(2, host="lin2"), instance(3, host="elsewhere")])
    assert made["lines"][-2:] == [
        "rec1 on lin1, rec2 on lin2: the run did not get to this instance",
        "2 instances on 2 hosts: 2 not reached. 0 changed."]


def test_several_clusters_in_the_table():
    lines = summary([instance(), instance(cluster="lab")], verified())["lines"]
    assert [line.split()[0] for line in lines[:3]] == ["CLUSTER", "main", "lab"]
    assert lines[3] == "lab/rec1 on lin1: the run did not get to this instance"


def test_check_mode_in_the_table():
    (would,) = verification_results(plan([row(found(True, "missing"))]), check_mode=True)
    made = summary([instance()], would, check_mode=True)
    assert made["lines"][1].split() == ["lin1", "rec", "rec1", "-", "-", "would", "enrol", "-"]
    assert made["lines"][-1] == "1 instance on 1 host: 1 would enrol. 1 would change."


def test_an_empty_fleet():
    assert summary([])["lines"][-1] == "0 instances on 0 hosts: nothing listed. 0 changed."


def test_the_reasons_that_leave_a_certificate_valid_are_those_of_the_module():
    assert set(STILL_VALID) == {"interrupted", "expiring", "key_changed", FORCED}
