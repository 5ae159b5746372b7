# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import datetime
import json
import pathlib

import hypothesis
import hypothesis.strategies as st
import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _fleet
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._fleet import (
    ENABLED,
    INSTALL,
    NO_OPERATION,
    PENDING_STATUS,
    SECURE,
    SRTP,
    SUCCESS,
    Current,
    Profile,
    User,
    Wish,
)

NOW = datetime.datetime(2026, 11, 24, 12, 0, tzinfo=datetime.timezone.utc)
SOON, LONG_AGO, TODAY = "2026:11:26:12:00", "2026:11:23:23:00", "2026:11:24:10:00"
SECRET = "Secret-0815"


def user(name="rec", **more):
    return dict({"name": name, "type": "application"}, **more)


def instance(instance_id="rec1", host="host1", user="rec", **more):
    return dict({"instance_id": instance_id, "host": host, "user": user}, **more)


def needing(*arguments, **more):
    return instance(*arguments, needs_certificate={"needed": True, "reason": "missing"}, **more)


def profile(instance_id="rec1", user="rec", user_type="application", **more):
    return Profile(instance_id, user, user_type, key_size="2048", **more)


def cluster(*things, release="14.0.1.13900(155)"):
    current = Current(release=release)
    for thing in things:
        if isinstance(thing, User):
            current.add_user(thing)
        else:
            current.profiles[thing.user_type, thing.instance_id] = thing
    return current


def known(name="rec", type="application", groups=(ENABLED,), **more):
    return User(name, type, groups=list(groups), **more)


def plan(users, instances, current, **more):
    return _fleet.plan(Wish(users=users, instances=instances, **more), current, NOW)


def sentences(remarks):
    return [remark.text for remark in remarks]


def actions(made):
    return [(step.object, step.action) for step in made.steps]


# Arming: design table, row by row

ROWS = {
    "none": None,
    "idle": dict(status="None"),
    "failed": dict(status="Upgrade Failed: Invalid Authentication String"),
    "failed though pending": dict(status="Upgrade Failed: Invalid LSC", operation=INSTALL, completion=SOON),
    "success": dict(status=SUCCESS),
    "deadline passed": dict(status=PENDING_STATUS, operation=INSTALL, completion=LONG_AGO),
    "pending": dict(status=PENDING_STATUS, operation=INSTALL, completion=SOON),
    "perhaps expired": dict(status=PENDING_STATUS, operation=INSTALL, completion=TODAY),
    "no deadline": dict(status=PENDING_STATUS, operation=INSTALL),
    "unknown": dict(status="Something New"),
}
STRINGS = {
    "no string": {},
    "given": {"authorization_string": "1234"},
    "held": {"string_held": True},
    "lost": {"string_held": False},
    "given and lost": {"authorization_string": "1234", "string_held": False},
}
ARMABLE = ("none", "idle", "failed", "failed though pending", "success", "deadline passed", "unknown")
PENDING = ("pending", "perhaps expired", "no deadline")
CELLS = [(row, string, enrolment, True) for row in ARMABLE for string in STRINGS for enrolment in ("collection", "tsp")]
CELLS += [(row, string, "collection", string in ("no string", "lost", "given and lost")) for row in PENDING
          for string in STRINGS]
CELLS += [(row, string, "tsp", string == "given and lost") for row in PENDING for string in STRINGS]


def state(row):
    return None if ROWS[row] is None else profile(**ROWS[row])


@pytest.mark.parametrize("row, string, enrolment, armed", CELLS)
def test_arming_of_an_instance_that_needs_a_certificate(row, string, enrolment, armed):
    wished = needing(enrolment=enrolment, **STRINGS[string])
    assert _fleet.arming(wished, _fleet.state_of(state(row), NOW))[0] is armed


@pytest.mark.parametrize("enrolment", ["collection", "tsp"])
@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("wish, armed", [
    ({}, False),
    ({"needs_certificate": {"needed": False, "reason": ""}}, False),
    ({"authorization_string": "1234"}, False),
    ({"rearm": True}, True),
    ({"rearm": True, "string_held": True}, True),
    ({"rearm": True, "compromised": True}, False),
    ({"force": True, "compromised": True}, False),
    ({"needs_certificate": {"needed": True, "reason": "missing"}, "compromised": True}, False),
])
def test_arming_without_need_by_rearm_and_when_compromised(row, enrolment, wish, armed):
    assert _fleet.arming(instance(enrolment=enrolment, **wish), _fleet.state_of(state(row), NOW))[0] is armed


def test_force_is_a_need_and_leaves_a_pending_profile_to_the_tsp():
    armed, reason = _fleet.arming(instance(force=True), "success")
    assert armed and (reason.code, reason.text) == ("forced", "the host needs a certificate: forced")
    assert not _fleet.arming(instance(force=True, enrolment="tsp"), "pending")[0]


@pytest.mark.parametrize("row, expected", [
    ("none", "none"), ("idle", "idle"), ("failed", "failed"), ("failed though pending", "failed"),
    ("success", "success"), ("deadline passed", "expired"), ("pending", "pending"),
    ("perhaps expired", "perhaps_expired"),
    ("no deadline", "pending"), ("unknown", "other"),
])
def test_state_of_a_profile(row, expected):
    assert _fleet.state_of(state(row), NOW) == expected


@pytest.mark.parametrize("hours, expected", [
    (-12, "perhaps_expired"), (-13, "expired"), (0, "perhaps_expired"), (13, "perhaps_expired"), (14, "pending"),
])
def test_a_deadline_is_passed_only_when_it_is_past_in_every_time_zone(hours, expected):
    text = (NOW + datetime.timedelta(hours=hours)).strftime("%Y:%m:%d:%H:00")
    assert _fleet.state_of(profile(operation=INSTALL, status=PENDING_STATUS, completion=text), NOW) == expected


@pytest.mark.parametrize("text, expected", [
    ("2026:11:24:10", datetime.datetime(2026, 11, 24, 10)), ("2026:11:24:10:00", datetime.datetime(2026, 11, 24, 10)),
    ("", None), (None, None), ("2026:13:24:10", None), ("2026:11:24", None), ("tomorrow:1:2:3", None),
])
def test_deadline_as_written(text, expected):
    assert _fleet.deadline(text) == expected


def test_a_written_deadline_is_far_enough_away_everywhere():
    assert _fleet.deadline_text(NOW, 24) == "2026:11:26:02:00"
    assert _fleet.deadline_text(NOW + datetime.timedelta(seconds=1), 24) == "2026:11:26:03:00"


# Mistakes

GOOD_USERS = [user()]


@pytest.mark.parametrize("users, instances, problem", [
    (GOOD_USERS, [instance(), instance(host="host2")], "instance id rec1 is listed 2 times"),
    ([user(), user("jdoe", type="end")], [instance(), instance(user="jdoe")], "rec on host1, jdoe on host1"),
    (GOOD_USERS, [instance("rec-1")], "1 to 128 characters"),
    (GOOD_USERS, [instance("r" * 129)], "1 to 128 characters"),
    (GOOD_USERS, [instance("rec1\n")], "1 to 128 characters"),
    (GOOD_USERS, [instance("")], "1 to 128 characters"),
    (GOOD_USERS, [instance(user="nobody")], "its user nobody is not in the list"),
    (GOOD_USERS, [instance(user_type="end")], "user_type is end, but user rec is listed as an application user"),
    (GOOD_USERS, [instance(tsp_number=11)], "tsp_number 11 is not from 1 to 10"),
    (GOOD_USERS, [instance(tsp_number=0)], "tsp_number 0 is not from 1 to 10"),
    (GOOD_USERS, [instance(tsp_number=1), instance("rec2", tsp_number=1)], "tsp_number 1 is used by rec1, rec2"),
    (GOOD_USERS, [instance(key={"type": "rsa", "size": 1024})], "1024 is not a valid size of an RSA key"),
    (GOOD_USERS, [instance(key={"type": "ec", "size": 2048})], "2048 is not a valid size of an EC key"),
    (GOOD_USERS, [instance(authorization_string="")], "authorization_string is empty"),
    (GOOD_USERS, [instance(state="absent", rearm=True)], "rearm contradicts state: absent"),
    (GOOD_USERS, [instance(state="absent", force=True)], "force contradicts state: absent"),
    ([user(), user()], [], "user rec is listed 2 times"),
    ([user(), user("Rec")], [], "user rec is listed 2 times: rec, Rec"),
    ([user(), user("REC", type="end")], [], "user rec is listed as an application user and as an end user"),
    ([user()], [instance(user="Rec", user_type="end")], "user_type is end, but user Rec is listed as an application user"),
    ([user(state="absent")], [instance(user="Rec")], "its user Rec is listed with state: absent"),
    ([user(), user(type="end")], [], "listed as an application user and as an end user"),
    ([user(state="absent")], [instance()], "its user rec is listed with state: absent"),
    ([user(remove_user=True)], [], "remove_user needs state: absent"),
    ([user(type="end", remove_user=True, state="absent")], [], "end users are never removed"),
    ([user(cti_groups=[SECURE.lower()])], [], "is added by the cutover"),
    ([user(cti_groups=[SRTP])], [], "is set by srtp"),
    ([user(cti_groups=["g" * 101])], [], "1 to 100 characters"),
    ([user(devices=["d" * 51])], [], "1 to 50 characters"),
    ([user(password="p" * 128)], [], "1 to 127 characters"),
    ([user(" ")], [], "without a name"),
])
def test_mistakes_in_the_lists(users, instances, problem):
    problems = sentences(_fleet.examine(users, instances)[0])
    assert any(problem in found for found in problems), problems


@pytest.mark.parametrize("wished, warning", [
    (instance("r" * 61), "longer than the 64 characters"),
    (instance(authorization_string="cisco"), "does not have 4 to 10 digits"),
    (instance(authorization_string="12345678901"), "does not have 4 to 10 digits"),
    (instance(key={"type": "ec", "size": 256}), "needs CAPF protocol version 3"),
])
def test_what_is_unusual_is_a_warning(wished, warning):
    problems, warnings = _fleet.examine(GOOD_USERS, [wished])
    assert problems == [] and len(warnings) == 1 and warning in warnings[0].text
    assert "cisco" not in str(warnings[0].row())


@pytest.mark.parametrize("users, instances, current, problem", [
    ([user()], [], cluster(known(type="end")), "user rec exists as an end user, not as an application user"),
    ([user(type="end")], [], cluster(known()), "user rec exists as an application user, not as an end user"),
    ([user()], [], cluster(known(standard=True)), "standard user"),
    ([user(type="end")], [], cluster(), "end user rec does not exist"),
    ([user()], [], cluster(), "no password to create it with"),
    ([], [instance(user_type="application")], cluster(), "application user rec does not exist"),
    ([user()], [instance()], cluster(known(), profile(user="other")), "belongs to application user other"),
    ([user()], [instance()], cluster(known(), profile(user="jdoe", user_type="end")), "belongs to end user jdoe"),
    ([user()], [instance(state="absent")], cluster(known(), profile(user="other")), "it is not removed"),
    ([user(state="absent", remove_user=True)], [], cluster(known(), profile()), "has the CAPF profiles rec1"),
])
def test_mistakes_that_only_the_cluster_shows(users, instances, current, problem):
    made = plan(users, instances, current)
    assert len(made.problems) == 1 and problem in made.problems[0].text, made.problems


def test_ec_keys_are_refused_where_they_cannot_be_issued():
    wished = [instance(key={"type": "ec", "size": 256})]
    assert plan([user()], wished, cluster(known())).problems == []
    assert "online CA" in plan([user()], wished, cluster(known()), capf_issuer="online").problems[0].text
    assert "not support EC keys" in plan([user()], wished, cluster(known(), release="10.5.2")).problems[0].text


def test_all_mistakes_come_at_once():
    wished = [instance("a b"), instance("x", user="nobody")]
    made = plan([user(), user("jdoe", type="end")], wished, cluster(known("jdoe")))
    assert len(made.problems) == 4


# Users and groups

@pytest.mark.parametrize("rule, wanted, present, expected", [
    ("equal", 1, 1, False), ("equal", 1, 2, True),
    ("same_set", ["b", "A"], ["a", "B"], False), ("same_set", ["a"], ["a", "b"], True), ("same_set", [], ["a"], True),
    ("contains", ["a"], ["b", "A"], False), ("contains", ["a", "c"], ["a", "b"], True), ("contains", [], ["a"], False),
    ("write_only", "x", "y", False),
])
def test_compare_rules(rule, wanted, present, expected):
    assert _fleet.differs(rule, wanted, present) is expected


@pytest.mark.parametrize("wished, present, expected", [
    ({}, ["A"], None),
    ({"devices": ["B", "a"]}, ["A"], ["A", "B"]),
    ({"devices": ["B", "b"]}, ["A"], ["A", "B"]),
    ({"devices": ["a"]}, ["A", "B"], None),
    ({"devices": ["B"], "devices_mode": "exact"}, ["A"], ["B"]),
    ({"devices": [], "devices_mode": "exact"}, ["A"], []),
    ({"devices": []}, ["A"], None),
])
def test_devices_to_write(wished, present, expected):
    assert _fleet.devices_after(user(**wished), present) == expected


def test_user_names_compare_without_case_and_requests_are_in_the_clusters_spelling():
    """Field report A10."""
    users = [user("jdoe", srtp=True, devices=["D"])]
    instances = [instance(user="JDOE", **VALID), instance("rec2", user="jdoe", **VALID)]
    current = cluster(known("JDoe", groups=[]), profile(user="JDoe", status=SUCCESS))
    made = plan(users, instances, current)
    assert made.problems == [] and made.armed() == []
    assert actions(made)[0] == ("user jdoe", "update") and ("profile rec2", "create") in actions(made)
    assert {(step.user.lower(), step.userid) for step in made.steps} == {("jdoe", "JDoe")}
    assert made.after.profiles["application", "rec2"].user == "JDoe"
    assert [(row["user"], row["done"], row["waiting_for"]) for row in made.cutover] == [("jdoe", True, [])]
    assert _fleet.shown_users(Wish(users, instances), made)[0]["groups"] == sorted([ENABLED, SECURE, SRTP])
    assert plan(users, instances, made.after).steps == []


@pytest.mark.parametrize("current, problem", [
    (cluster(known("REC", type="end")), "user rec exists as an end user, not as an application user"),
    (cluster(known("Rec", standard=True)), "standard user"),
    (cluster(known("Rec"), profile(user="REC")), "has the CAPF profiles rec1"),
])
def test_mistakes_with_names_in_another_case(current, problem):
    made = plan([user(state="absent", remove_user=True)], [], current)
    assert len(made.problems) == 1 and problem in made.problems[0].text, made.problems


def test_a_profile_of_the_same_user_in_another_case_is_not_foreign():
    made = plan([user()], [instance()], cluster(known("Rec"), profile(user="REC", operation=INSTALL)), stages=("disarm",))
    assert [(step.object, step.action) for step in made.steps] == [("profile rec1", "disarm")]
    assert plan([user()], [instance(user="Rec")], cluster(known("rec"), profile(user="REC"))).problems == []


def test_names_are_listed_once():
    wish = Wish([user("Rec")], [instance(user="rec"), instance("rec2", user="jdoe", user_type="end")])
    assert wish.names() == [("application", "Rec"), ("end", "jdoe")]
    assert wish.user("application", "REC") is wish.users[0] and len(wish.instances_of("application", "reC")) == 1


def test_devices_and_groups_that_do_not_exist_are_told_together():
    """Field report A18."""
    users = [user(password=SECRET, devices=["sep1", "SEPX"], cti_groups=["Extra", "Typo"]), user("jdoe", devices=["SEPX"]),
             user("ann", devices=["Gone"], state="absent")]
    current = cluster(known("jdoe"))
    assert _fleet.to_look_up(Wish(users), current) == (["sep1", "SEPX"], ["Extra", "Typo"])
    current.devices, current.groups = ["SEP1"], ["EXTRA"]
    assert [(one.code, one.user, one.text) for one in plan(users, [], current).problems] == [
        ("device_missing", "rec", "user rec: there is no device SEPX"),
        ("group_missing", "rec", "user rec: there is no access control group Typo"),
        ("device_missing", "jdoe", "user jdoe: there is no device SEPX"),
    ]
    assert plan(users, [], current, stages=("profiles", "cutover"), predicting=True).problems == []


def test_what_a_user_has_already_is_not_looked_up():
    users = [user(devices=["sep1", "d" * 51], cti_groups=["extra", "g" * 101, ENABLED])]
    current = cluster(known(groups=[ENABLED, "Extra"], devices=["SEP1"]))
    assert _fleet.to_look_up(Wish(users), current) == ([], [])
    assert plan(users, [], current).warnings == []
    assert _fleet.to_look_up(Wish([user(devices=["SEP2"])], stages=("profiles", "cutover")), current) == ([], [])


def test_where_names_could_not_be_looked_up_there_is_a_warning():
    made = plan([user(devices=["D"]), user("jdoe", devices=["D"])], [], cluster(known(), known("jdoe")))
    assert made.problems == [] and [one.code for one in made.warnings] == ["names_not_looked_up"]


def test_devices_and_groups_are_written_in_the_clusters_spelling():
    current = cluster(known("jdoe", devices=["SEP3"]))
    current.devices, current.groups = ["SEP1"], ["EXTRA"]
    made = plan([user(password=SECRET, devices=["sep1"], cti_groups=["extra"]),
                 user("jdoe", devices=["sep1", "sep3"], devices_mode="exact")], [], current)
    assert [step.values["devices"] for step in made.steps if step.kind == "user"] == [["SEP1"], ["SEP1", "SEP3"]]
    assert ("member rec of group EXTRA", "add_member") in actions(made)


def test_a_new_user():
    made = plan([user(password=SECRET, devices=["D"], cti_groups=["Extra"])], [], cluster())
    assert actions(made) == [
        ("user rec", "create"),
        ("member rec of group %s" % ENABLED, "add_member"),
        ("member rec of group Extra", "add_member"),
    ]
    assert made.after.users["application", "rec"].groups == [ENABLED, "Extra"]
    assert made.before.users == {}


def test_an_equal_user_needs_nothing():
    wished = user(password=SECRET, devices=["sep1"], cti_groups=["extra"], srtp=False)
    current = cluster(known(groups=[ENABLED, "Extra", "Foreign"], devices=["SEP1", "SEP2"]))
    assert plan([wished], [], current).steps == []


def test_a_password_is_written_always_only_when_asked_for():
    made = plan([user(password=SECRET, update_password="always")], [], cluster(known()))
    assert actions(made) == [("user rec", "update")] and made.steps[0].fields == ("password",)
    ldap = plan([user(type="end", password=SECRET, update_password="always")], [], cluster(known(type="end")))
    assert ldap.steps == []


def test_a_user_whose_making_was_cut_short_is_finished():
    made = plan([user(password=SECRET)], [], cluster(known(groups=[])))
    assert actions(made) == [("user rec", "update"), ("member rec of group %s" % ENABLED, "add_member")]
    assert made.steps[0].fields == ("credential_flags",)


def test_a_missing_user_is_assumed_only_when_nothing_is_applied():
    wish = dict(users=[user(password=SECRET)], instances=[needing()], current=cluster(), stages=("profiles",))
    assert "create it first" in plan(**wish).problems[0].text
    made = plan(predicting=True, **wish)
    assert made.problems == [] and made.armed() == ["rec1"] and len(made.warnings) == 1


def test_removing_a_user_waits_for_its_listed_profiles():
    users = [user(state="absent", remove_user=True)]
    gone = [instance(state="absent")]
    current = cluster(known(), profile())
    assert actions(plan(users, gone, current, stages=("users",))) == [("user rec", "none")]
    assert actions(plan(users, gone, current, stages=("profiles",))) == [
        ("profile rec1", "remove"), ("user rec", "remove")]
    stays = plan([user(state="absent")], gone, current)
    assert actions(stays) == [("profile rec1", "remove")] and "is kept" in stays.warnings[0].text
    assert plan(users, gone, cluster()).steps == []


# Profiles

def test_a_missing_profile_is_made_armed_or_idle():
    armed = plan([user()], [needing()], cluster(known()))
    assert actions(armed) == [("profile rec1", "arm"), ("member rec of group %s" % SECURE, "none")]
    assert armed.steps[0].values == {"make": True, "key_size": "2048", "key_order": "RSA Only", "ec_key_size": ""}
    idle = plan([user()], [instance()], cluster(known()), stages=("profiles",))
    assert actions(idle) == [("profile rec1", "create")]
    assert idle.after.profiles["application", "rec1"].operation == NO_OPERATION
    ec = plan([user()], [needing(key={"type": "ec"})], cluster(known()), stages=("profiles",))
    assert ec.steps[0].values == {"make": True, "key_size": "2048", "key_order": "EC Only", "ec_key_size": "256"}


def test_the_key_of_an_idle_profile_is_reported_and_changed_only_by_arming():
    big = {"type": "rsa", "size": 4096}
    left = plan([user()], [instance(key=big)], cluster(known(), profile(status=SUCCESS)), stages=("profiles",))
    assert left.steps == [] and "applied when it is armed" in left.warnings[0].text
    armed = plan([user()], [needing(key=big)], cluster(known(), profile(status=SUCCESS)), stages=("profiles",))
    assert armed.steps[0].values["key_size"] == "4096" and "key" in armed.steps[0].fields
    kept = plan([user()], [needing()], cluster(known(), Profile("rec1", "rec", "application", key_size="3072")))
    assert kept.steps[0].values["key_size"] == "3072" and "key" not in kept.steps[0].fields


def test_replace_removes_the_profile_of_another_user_first():
    current = cluster(known(), profile(user="jdoe", user_type="end", status=SUCCESS))
    made = plan([user()], [needing(replace=True)], current, stages=("profiles",))
    assert [(step.action, step.user, step.user_type) for step in made.steps] == [
        ("remove", "jdoe", "end"), ("arm", "rec", "application")]
    assert list(made.after.profiles) == [("application", "rec1")]


def test_application_users_come_before_end_users():
    made = plan([user("jdoe", type="end"), user()], [instance("e1", user="jdoe"), instance()],
                cluster(known(), known("jdoe", "end")), stages=("profiles",))
    assert [step.name for step in made.steps] == ["rec1", "e1"]


def test_hosts_outside_of_the_play_are_not_touched():
    made = plan([user()], [needing(), needing("rec2", "host2")], cluster(known()), hosts_of_play=["host1"],
                stages=("profiles",))
    assert actions(made) == [("profile rec1", "arm")]
    assert [str(one) for one in made.decisions["rec2"]] == ["none", "its host is not in this play"]


def test_a_compromised_instance_is_neither_made_nor_armed():
    made = plan([user()], [needing(compromised=True)], cluster(known()), stages=("profiles",))
    assert made.steps == [] and "new instance_id" in made.warnings[0].text


@pytest.mark.parametrize("current, expected", [
    (cluster(profile(operation=INSTALL, status=PENDING_STATUS)), [("profile rec1", "disarm")]),
    (cluster(profile(status=SUCCESS)), []),
    (cluster(profile(user="other", operation=INSTALL)), []),
    (cluster(profile(operation="Delete")), []),
    (cluster(), []),
])
def test_disarm(current, expected):
    assert actions(plan([user()], [instance()], current, stages=("disarm",))) == expected


@pytest.mark.parametrize("row", ["failed though pending", "deadline passed", "pending", "perhaps expired", "no deadline"])
@pytest.mark.parametrize("wish, disarmed", [
    ({}, True),
    ({"string_held": False}, True),
    ({"authorization_string": "1234", "string_held": False}, True),
    ({"authorization_string": "1234"}, False),
    ({"string_held": True}, False),
    ({"enrolment": "tsp"}, False),
    ({"needs_certificate": None}, False),
])
def test_what_a_run_that_died_left_armed_is_disarmed(row, wish, disarmed):
    wished = instance(**{"needs_certificate": {"needed": False, "reason": ""}, **wish})
    made = plan([user()], [wished], cluster(state(row)), stages=("profiles",))
    assert made.changes == [step for step in made.steps if step.action == "disarm"]
    assert bool(made.changes) is disarmed and made.armed() == []
    assert _fleet.plan(Wish([user()], [wished], stages=("profiles",)), made.after, NOW).changes == []


def test_disarm_stands_alone():
    assert "cannot be combined" in plan([user()], [instance()], cluster(), stages=("disarm", "users")).problems[0].text


# Cutover

VALID = {"certificate_valid": True}
DONE = dict(status=SUCCESS)


@pytest.mark.parametrize("instances, profiles, hosts, due, judges", [
    ([instance(**VALID)], [], ["host1"], True, "host"),
    ([instance(certificate_valid=False)], [profile(**DONE)], ["host1"], False, "host"),
    ([instance()], [profile(**DONE)], ["host1"], False, "host"),
    ([instance()], [profile(**DONE)], None, True, "cluster"),
    ([instance(**VALID)], [], None, True, "host"),
    ([instance(**VALID), instance("rec2", "host2")], [profile("rec2", **DONE)], ["host1"], True, "host and cluster"),
    ([instance(**VALID), instance("rec2", "host2")], [], ["host1"], False, "host and cluster"),
    ([instance(**VALID), instance("rec2", "host2", **VALID)], [], ["host1"], False, "host and cluster"),
    ([instance(**VALID), instance("rec2", "host2")], [profile("rec2", operation=INSTALL, **DONE)], ["host1"], False,
     "host and cluster"),
    ([instance(**VALID), instance("rec2", "host2")], [profile("rec2", user="other", **DONE)], ["host1"], False,
     "host and cluster"),
    ([instance(**VALID), instance("rec2", "host2", state="absent")], [], ["host1"], True, "host"),
])
def test_a_user_is_cut_over_when_all_its_instances_are_ready(instances, profiles, hosts, due, judges):
    made = plan([user()], instances, cluster(known(), *profiles), hosts_of_play=hosts, stages=("cutover",))
    assert actions(made) == [("member rec of group %s" % SECURE, "add_member" if due else "none")]
    (row,) = made.cutover
    assert (row["due"], row["done"], row["judged_by"], not row["waiting_for"]) == (due, due, judges, due)


def test_manual_and_never():
    manual = plan([user()], [instance(**VALID)], cluster(known()), cutover="manual", stages=("cutover",))
    assert actions(manual) == [("member rec of group %s" % SECURE, "none")]
    assert (manual.cutover[0]["due"], manual.cutover[0]["done"]) == (True, False)
    never = plan([user(srtp=True)], [instance(**VALID)], cluster(known()), cutover="never", stages=("cutover",))
    assert never.changes == [] and never.cutover == []


def test_a_user_that_is_secure_stays_so_and_is_not_due():
    made = plan([user()], [instance()], cluster(known(groups=[ENABLED, SECURE])), stages=("cutover",))
    assert made.steps == []
    assert (made.cutover[0]["due"], made.cutover[0]["done"]) == (False, True)


def test_srtp_comes_with_the_cutover_and_goes_at_once():
    waiting = plan([user(srtp=True)], [instance()], cluster(known()), stages=("cutover",))
    assert waiting.changes == [] and len(waiting.steps) == 2
    together = plan([user(srtp=True)], [instance(**VALID)], cluster(known()), stages=("cutover",))
    assert [step.name for step in together.changes] == [SECURE, SRTP]
    later = plan([user(srtp=True)], [instance()], cluster(known(groups=[ENABLED, SECURE])), stages=("cutover",))
    assert [step.name for step in later.changes] == [SRTP]
    gone = plan([user(srtp=False)], [instance()], cluster(known(groups=[ENABLED, SECURE, SRTP])), stages=("cutover",))
    assert actions(gone) == [("member rec of group %s" % SRTP, "remove_member")]


def test_a_user_without_instances_is_never_cut_over():
    made = plan([user()], [], cluster(known()), stages=("cutover",))
    assert made.steps == [] and made.cutover == []
    last = plan([user()], [instance(state="absent")], cluster(known(groups=[ENABLED, SECURE])), stages=("cutover",))
    assert last.steps == [] and "neither port" in last.warnings[0].text


def test_a_user_on_other_hosts_only_is_not_cut_over():
    made = plan([user()], [instance()], cluster(known(), profile(**DONE)), hosts_of_play=["host9"], stages=("cutover",))
    assert made.steps == [] and made.cutover == []


# Digests and what is shown

def digests(made):
    return dict((step.object, step.digest) for step in made.steps)


def test_digests_ignore_status_strings_and_time_and_see_what_the_host_said():
    first = digests(plan([user()], [needing()], cluster(known(), profile(status=SUCCESS))))
    failed = cluster(known(), profile(status="Upgrade Failed: Invalid LSC"))
    assert digests(plan([user()], [needing(authorization_string=None)], failed)) == first
    assert digests(_fleet.plan(Wish([user()], [needing()]), failed, NOW + datetime.timedelta(days=1))) == first
    other_need = [instance(needs_certificate={"needed": True, "reason": "key_lost"})]
    assert digests(plan([user()], other_need, failed))["profile rec1"] != first["profile rec1"]


def test_digests_stay_when_sentences_change(monkeypatch):
    wish = Wish([user(password=SECRET, srtp=True)], [needing(), instance("rec2", force=True), instance("rec3"),
                                                     instance("rec4", needs_certificate={"needed": True, "reason": ""})])
    first = _fleet.plan(wish, cluster(), NOW)
    monkeypatch.setattr(_fleet, "SENTENCES", dict.fromkeys(_fleet.SENTENCES, "Something else."))
    again = _fleet.plan(wish, cluster(), NOW)
    assert set(row["reason"] for row in rows(again)) == {"Something else."} and digests(again) == digests(first)
    with pytest.raises(TypeError):
        _fleet.digest({"why": _fleet.Remark("rearm")})


def test_a_plan_for_the_fleet_approves_its_batches_and_the_cutover_that_follows():
    users = [user()]
    fleet = [needing(), needing("rec2", "host2")]
    whole = [step.row() for step in plan(users, fleet, cluster(known()), predicting=True).steps]
    batch = plan(users, fleet, cluster(known()), hosts_of_play=["host2"], stages=("profiles",))
    assert batch.armed() == ["rec2"] and _fleet.not_approved(batch.steps, whole) == []
    ready = [dict(one, needs_certificate=None, certificate_valid=True) for one in fleet]
    cutover = plan(users, ready, cluster(known()), stages=("cutover",))
    assert len(cutover.changes) == 1 and _fleet.not_approved(cutover.steps, whole) == []
    third = plan(users, ready + [instance("rec3", "host3", **VALID)], cluster(known()), stages=("cutover",))
    assert _fleet.not_approved(third.steps, whole) == ["member rec of group %s" % SECURE]


def rows(made):
    return [step.row() for step in made.steps]


def test_remarks_say_what_they_are_about_as_data():
    listed = [user("jdoe"), user()]
    made = plan(listed, [instance()], cluster(known("jdoe", "end"), known(), profile(user="other")))
    assert [remark.row() for remark in made.problems] == [
        {"code": "user_of_other_type", "user": "jdoe", "user_type": "application", "instance_id": "", "data": {},
         "text": "user jdoe exists as an end user, not as an application user"},
        {"code": "profile_of_other_user", "user": "rec", "user_type": "application", "instance_id": "rec1",
         "data": {"owner": "other", "owner_type": "application"},
         "text": "instance rec1 of user rec: a profile with this id belongs to application user other; give a new instance_id, "
                 "or replace: true to remove that profile"},
    ]
    [waiting] = rows(plan([user()], [instance(), instance("rec2")], cluster(known()), stages=("cutover",)))
    assert (waiting["reason_code"], waiting["reason"]) == ("cutover_waits", "waits for rec1, rec2")


def test_several_reasons_are_one_remark():
    made = plan([user(password=SECRET, update_password="always", devices=["D"])], [], cluster(known()))
    assert (made.steps[0].reason.code, made.steps[0].reason.text) == ("several", "devices differ; update_password is always")
    reasons = made.steps[0].reason.row()["data"]["reasons"]
    assert [one["code"] for one in reasons] == ["devices_differ", "password_always"] and json.dumps(reasons)


def test_remarks_do_not_change_and_have_a_sentence_each():
    remark = _fleet.Remark("user_kept", "rec", "application")
    assert str(remark) == remark.text == "user rec is kept: state is absent, but remove_user is not set"
    assert remark in {remark} and remark != _fleet.Remark("user_kept", "jdoe", "application")
    with pytest.raises(dataclasses.FrozenInstanceError):
        remark.code = "listed"
    source = pathlib.Path(_fleet.__file__).read_text(encoding="utf-8")
    codes = [code for code in _fleet.SENTENCES if not code.startswith("state_")]
    assert [code for code in codes if source.count('"%s"' % code) < 2] == [], "nobody says these"


def test_nothing_that_is_shown_holds_a_secret():
    wish = Wish([user(password=SECRET, update_password="always")], [needing(authorization_string="8675309123")])
    made = _fleet.plan(wish, cluster(), NOW)
    shown = json.dumps([
        [step.row() for step in made.steps], _fleet.difference(made), _fleet.shown_users(wish, made),
        _fleet.shown_instances(wish, made, NOW), [remark.row() for remark in made.warnings], repr(wish), repr(made),
    ])
    assert SECRET not in shown and "8675309123" not in shown
    assert _fleet.difference(made)["before"] == {}
    assert _fleet.difference(made)["after"]["profile rec1"]["operation"] == INSTALL


def test_the_prediction_is_stable():
    """Planning again from the predicted state finds nothing left to do."""
    wish = Wish([user(password=SECRET, devices=["D"], srtp=False), user("jdoe", type="end")],
                [needing(string_held=True), instance("e1", user="jdoe")])
    made = _fleet.plan(wish, cluster(known("jdoe", "end")), NOW)
    assert made.changes
    again = _fleet.plan(wish, made.after, NOW)
    assert again.changes == []


NAMES = ("rec", "jdoe", "ann")
GROUPS = (ENABLED, SECURE, SRTP, "Extra", "Foreign")
LISTED_USERS = st.lists(st.builds(
    user, st.sampled_from(NAMES), type=st.sampled_from(["application", "end"]), password=st.just(SECRET),
    devices=st.none() | st.lists(st.sampled_from(["D1", "D2", "d2"])),
    devices_mode=st.sampled_from(["append", "exact"]),
    srtp=st.sampled_from([None, True, False]), cti_groups=st.lists(st.sampled_from(["Extra", "extra", "More"])),
    secure_connection=st.sampled_from([None, None, True, False]),
    state=st.sampled_from(["present", "present", "absent"]), remove_user=st.booleans(),
), max_size=3, unique_by=lambda one: one["name"])
LISTED_INSTANCES = st.lists(st.builds(
    instance, st.sampled_from(["i1", "i2", "i3", "i4"]), st.sampled_from(["host1", "host2"]), st.sampled_from(NAMES),
    enrolment=st.sampled_from(["collection", "tsp"]), string_held=st.just(True),
    needs_certificate=st.sampled_from([None, {"needed": True, "reason": "missing"}, {"needed": False, "reason": ""}]),
    certificate_valid=st.sampled_from([None, True, False]), compromised=st.sampled_from([False, False, True]),
    replace=st.booleans(), state=st.sampled_from(["present", "present", "absent"]),
    key=st.sampled_from([None, {"type": "rsa", "size": 4096}, {"type": "ec"}]),
), max_size=4, unique_by=lambda one: one["instance_id"])
CLUSTERS = st.builds(
    lambda users, profiles: cluster(*(users + profiles)),
    st.lists(st.builds(
        known, st.sampled_from(NAMES), st.sampled_from(["application", "end"]),
        st.lists(st.sampled_from(GROUPS), unique=True),
        devices=st.lists(st.sampled_from(["D1", "D2", "D3"]), unique=True),
    ), max_size=3, unique_by=lambda one: one.name),
    st.lists(st.builds(
        profile, st.sampled_from(["i1", "i2", "i3"]), st.sampled_from(NAMES), st.sampled_from(["application", "end"]),
        operation=st.sampled_from([NO_OPERATION, INSTALL]), status=st.sampled_from(["None", PENDING_STATUS, SUCCESS]),
        completion=st.sampled_from(["", SOON, TODAY, LONG_AGO])), max_size=3, unique_by=lambda one: one.instance_id),
)


# Many random wishes contradict the cluster, which is no reason to stop.
@hypothesis.settings(max_examples=300, deadline=None, database=None,
                     suppress_health_check=[hypothesis.HealthCheck.filter_too_much])
@hypothesis.given(LISTED_USERS, LISTED_INSTANCES, CLUSTERS, st.sampled_from([None, ["host1"], ["host1", "host2"]]))
def test_whatever_is_wished_a_second_run_changes_nothing(users, instances, current, hosts):
    wish = Wish(users, instances, hosts_of_play=hosts)
    made = _fleet.plan(wish, current, NOW)
    hypothesis.assume(not made.problems)
    named = set(wish.names())
    for key, before in current.users.items():
        assert key in named or made.after.users[key] == before
    ids = set(one["instance_id"] for one in instances if wish.in_play(one))
    for key, before in current.profiles.items():
        assert key[1] in ids or made.after.profiles[key] == before
    again = _fleet.plan(wish, made.after, NOW)
    assert again.problems == [] and again.changes == []
