# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.modules import fleet_accounts
from simulator import Simulator

ENABLED = "Standard CTI Enabled"
SECURE = "Standard CTI Secure Connection"
SRTP = "Standard CTI Allow Reception of SRTP Key Material"
PASSWORD = "Recorder-Secret-0815"
NEEDED = {"needed": True, "reason": "missing"}
HEALTHY = {"needed": False, "reason": ""}

EMPTY_ANSWER = (
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
    "<Response><return/></Response></soapenv:Body></soapenv:Envelope>"
)

RECORDER = {"name": "recorder_tapi", "password": PASSWORD, "devices": ["SEP001122334455"], "srtp": True}
END_USER = {"name": "jdoe", "type": "end"}
FIRST = {"host": "recorder01", "user": "recorder_tapi", "instance_id": "recorder01x1"}
SECOND = {"host": "recorder02", "user": "recorder_tapi", "instance_id": "recorder02x1"}
DESK = {"host": "desk01", "user": "jdoe", "instance_id": "desk01x1"}


@pytest.fixture
def sim():
    with Simulator(release="14", fronts=("axl",)) as simulator:
        simulator.seed({
            "devices": [{"name": "SEP00112233445%d" % number} for number in range(5, 10)],
            "end_users": [{"name": "jdoe", "lastname": "Doe", "password": "Jane-Secret-1"}],
        })
        yield simulator
        assert not simulator.cluster.schema_violations


@pytest.fixture
def accounts(sim, run_module):
    """Run fleet_accounts on the simulated cluster."""

    def run(**options):
        options.setdefault("hostname", sim.host)
        return run_module(
            fleet_accounts, port=sim.axl_port, username=sim.username, password=sim.password, ca_path=sim.ca_path,
            **options
        )

    return run


def needing(*instances):
    return [dict(instance, needs_certificate=NEEDED) for instance in instances]


def valid(*instances):
    return [dict(instance, needs_certificate=HEALTHY, certificate_valid=True) for instance in instances]


def groups_of(sim, name, kind="application"):
    return sim.cluster.accounts.groups_of(kind, sim.cluster.accounts.user(kind, name)["pkid"])


def devices_of(sim, name, kind="application"):
    return sim.cluster.accounts.controlled_devices(kind, sim.cluster.accounts.user(kind, name)["pkid"])


def enrol(sim, *instance_ids):
    for instance_id in instance_ids:
        sim.cluster.accounts.set_profile(
            instance_id, operation="No Pending Operation", string="", status="Upgrade Success")


def actions(result):
    return [(row["object"], row["action"]) for row in result["plan"]]


def test_an_empty_cluster_gets_everything_and_the_second_run_nothing(sim, accounts):
    lists = dict(users=[RECORDER, END_USER], instances=needing(FIRST, SECOND, DESK))
    first = accounts(**lists)
    assert "failed" not in first, first["msg"]
    assert first["changed"] and first["armed"] == ["recorder01x1", "recorder02x1", "desk01x1"]
    assert set(first["strings"]) == {"recorder01x1", "recorder02x1", "desk01x1"}
    assert all(string.isdigit() and len(string) == 10 for string in first["strings"].values())
    assert first["requests"]["read"] == 7  # one of them about the device that is to be controlled
    assert first["requests"]["by_operation"]["updateUserGroup"] == 1
    assert first["requests"]["write"] == 2 + 1 + 3
    assert first["read_way"] == "sql" and first["group_way"] == "delta"
    for instance_id, string in first["strings"].items():
        profile = sim.cluster.accounts.profile(instance_id)
        assert (profile.operation, profile.status, profile.string) == ("Install/Upgrade", "Operation Pending", string)
        assert (profile.key_size, profile.key_order) == ("2048", "RSA Only")
    credential = sim.cluster.accounts.credential(sim.cluster.accounts.user("application", "recorder_tapi")["pkid"])
    assert [credential[flag] for flag in ("cantchange", "mustchange", "doesnotexpire")] == ["t", "f", "t"]
    assert groups_of(sim, "recorder_tapi") == [ENABLED] and groups_of(sim, "jdoe", "end") == [ENABLED]
    assert devices_of(sim, "recorder_tapi") == ["SEP001122334455"]

    before = sim.cluster.state_hash()
    held = [dict(instance, string_held=True) for instance in lists["instances"]]
    second = accounts(users=lists["users"], instances=held)
    assert not second["changed"] and second["requests"]["write"] == 0 and second["strings"] == {}
    assert second["requests"]["read"] == 6
    assert sim.cluster.state_hash() == before


def test_check_mode_predicts_and_changes_nothing(sim, accounts):
    before = sim.cluster.state_hash()
    checked = accounts(check=True, diff=True, users=[RECORDER, END_USER], instances=needing(FIRST, DESK))
    assert checked["changed"] and checked["strings"] == {} and checked["requests"]["write"] == 0
    assert checked["armed"] == ["recorder01x1", "desk01x1"]
    assert sim.cluster.state_hash() == before and sim.cluster.write_count == 0
    assert checked["diff"]["before"] == {"user jdoe": {"type": "end", "groups": [], "devices": []}}
    assert checked["diff"]["after"]["profile recorder01x1"]["operation"] == "Install/Upgrade"
    assert PASSWORD not in json.dumps(checked)
    applied = accounts(diff=True, users=[RECORDER, END_USER], instances=needing(FIRST, DESK))
    assert applied["diff"] == checked["diff"]
    assert actions(applied) == actions(checked)
    assert [row["profile"] for row in applied["instances"]] == [row["profile"] for row in checked["instances"]]
    again = accounts(check=True, diff=True, users=[RECORDER, END_USER],
                     instances=[dict(one, string_held=True) for one in needing(FIRST, DESK)])
    assert not again["changed"] and again["diff"] == {"before": {}, "after": {}}


def test_check_mode_of_later_stages_on_an_empty_cluster(accounts):
    result = accounts(check=True, users=[RECORDER], instances=needing(FIRST), stages=["profiles", "cutover"])
    assert result["armed"] == ["recorder01x1"]
    assert "stage users would create it" in str(result["warnings"])


def test_the_prediction_is_what_the_cluster_then_shows(accounts):
    applied = accounts(users=[RECORDER, END_USER], instances=needing(FIRST, DESK))
    read = accounts(users=[RECORDER, END_USER], instances=[FIRST, DESK])
    assert [row["profile"] for row in applied["instances"]] == [row["profile"] for row in read["instances"]]
    for row in applied["users"]:
        row["action"] = "none"
    assert applied["users"] == read["users"]


def fleet(size):
    users = [{"name": "user%03d" % n, "password": PASSWORD} for n in range(size // 4)]
    instances = [
        {"host": "host%03d" % (n // 2), "user": "user%03d" % (n // 4), "instance_id": "i%03dx1" % n,
         "needs_certificate": NEEDED}
        for n in range(size)
    ]
    return users, instances


def test_200_instances_take_6_reads_and_no_write_the_second_time(sim, accounts):
    users, instances = fleet(200)
    first = accounts(users=users, instances=instances)
    assert first["requests"]["read"] == 6 and len(first["strings"]) == 200
    assert first["requests"]["write"] == 50 * 2 + 200 + 1
    enrol(sim, *[one["instance_id"] for one in instances])
    sim.cluster.counters.clear()
    writes = sim.cluster.write_count
    healthy = [dict(one, needs_certificate=HEALTHY, certificate_valid=True) for one in instances]
    second = accounts(users=users, instances=healthy)
    assert second["requests"]["write"] == 1 and second["requests"]["read"] == 6
    assert sim.cluster.write_count == writes + 1
    assert all(row["done"] for row in second["cutover"]) and len(second["cutover"]) == 50
    sim.cluster.counters.clear()
    third = accounts(users=users, instances=healthy)
    assert not third["changed"]
    assert dict(sim.cluster.counters) == {
        "getCCMVersion": 1, "listApplicationUserCapfProfile": 1, "listEndUserCapfProfile": 1, "executeSQLQuery": 3,
    }


def test_answers_that_are_too_large_are_read_in_parts(sim, accounts):
    users, instances = fleet(40)
    accounts(users=users, instances=instances)
    sim.cluster.features.max_answer = 4000
    result = accounts(users=users, instances=[dict(one, string_held=True) for one in instances])
    assert not result["changed"] and result["requests"]["read"] > 6
    assert result["read_way"] == "sql" and all(row["profile"]["exists"] for row in result["instances"])


def test_names_with_quotes(sim, accounts):
    users = [{"name": "o'neil", "password": PASSWORD}]
    assert accounts(users=users)["changed"]
    assert not accounts(users=users)["changed"]
    assert groups_of(sim, "o'neil") == [ENABLED]


def test_users_that_the_cluster_spells_in_another_case(sim, accounts):
    """Field report A10: they are neither missing nor made anew, and requests name them as the cluster does."""
    sim.cluster.accounts.add_user("application", "Recorder_TAPI", password="x")
    sim.cluster.accounts.update_user("end", "jdoe", new_name="JDoe")
    lists = dict(users=[RECORDER, END_USER], instances=needing(dict(FIRST, user="RECORDER_tapi"), DESK))
    first = accounts(**lists)
    assert "failed" not in first, first["msg"]
    assert [row for row in actions(first) if row[1] == "create"] == []
    assert groups_of(sim, "Recorder_TAPI") == groups_of(sim, "JDoe", "end") == [ENABLED]
    assert devices_of(sim, "Recorder_TAPI") == ["SEP001122334455"]
    assert [sim.cluster.accounts.profile(name).user for name in ("recorder01x1", "desk01x1")] == ["Recorder_TAPI", "JDoe"]
    assert [row["profile"]["user"] for row in first["instances"]] == ["Recorder_TAPI", "JDoe"]
    enrol(sim, "recorder01x1", "desk01x1")
    cutover = accounts(users=lists["users"], instances=valid(dict(FIRST, user="RECORDER_tapi"), DESK))
    assert [(row["user"], row["done"]) for row in cutover["cutover"]] == [("recorder_tapi", True), ("jdoe", True)]
    assert SECURE in groups_of(sim, "Recorder_TAPI")
    assert not accounts(users=lists["users"], instances=valid(dict(FIRST, user="RECORDER_tapi"), DESK))["changed"]


@pytest.mark.parametrize("delta", [True, False])
def test_a_user_in_another_case_is_changed_in_its_own_groups_and_removed(sim, accounts, delta):
    sim.cluster.features.standard_group_delta = delta
    sim.cluster.accounts.add_user("application", "Recorder_TAPI", password="x", groups=[ENABLED, SRTP])
    assert accounts(users=[dict(RECORDER, srtp=False)])["group_way"] == ("delta" if delta else "user")
    assert groups_of(sim, "Recorder_TAPI") == [ENABLED]
    sim.cluster.accounts.add_profile("application", "Recorder_TAPI", "recorder01x1")
    gone = dict(RECORDER, state="absent", remove_user=True)
    assert "has the CAPF profiles recorder01x1" in accounts(users=[gone])["msg"]
    removed = accounts(users=[gone], instances=[dict(FIRST, state="absent")])
    assert [row["action"] for row in removed["plan"]] == ["remove", "remove"]
    assert sim.cluster.accounts.user("application", "Recorder_TAPI") is None


def test_names_that_differ_in_case_only_are_one_mistake(sim, accounts):
    failed = accounts(users=[{"name": "rec", "password": PASSWORD}, {"name": "Rec", "password": PASSWORD}])
    assert failed["problems"] == ["user rec is listed 2 times: rec, Rec"] and sim.cluster.write_count == 0
    assert failed["remarks"][0]["data"] == {"count": 2, "spelled": ["rec", "Rec"]}


def test_names_with_letters_beyond_ascii(sim, accounts):
    users = [{"name": "Ärger_É", "password": PASSWORD}]
    assert accounts(users=users)["changed"]
    assert not accounts(users=users)["changed"] and not accounts(users=[{"name": "Ärger_É".replace("r", "R")}])["changed"]


def test_without_sql_the_users_are_read_one_by_one(sim, accounts):
    lists = dict(users=[RECORDER, END_USER], instances=needing(FIRST))
    by_sql = accounts(check=True, **lists)
    sim.cluster.features.sql = False
    by_get = accounts(check=True, **lists)
    assert (by_sql["read_way"], by_get["read_way"]) == ("sql", "get")
    assert by_get["plan"] == by_sql["plan"] and by_get["users"] == by_sql["users"]
    assert accounts(**lists)["changed"]
    second = accounts(users=lists["users"], instances=[FIRST])
    assert not second["changed"] and second["users"][0]["groups"] == [ENABLED]


def test_where_a_change_of_members_is_refused_each_users_own_list_is_written(sim, accounts):
    sim.cluster.features.standard_group_delta = False
    sim.cluster.accounts.map_member("Standard CCM End Users", "jdoe")
    result = accounts(users=[dict(RECORDER, cti_groups=["Standard CTI Allow Call Recording"]), END_USER])
    assert result["group_way"] == "user"
    assert set(row["way"] for row in result["plan"] if row["action"] == "add_member") == {"user"}
    assert groups_of(sim, "jdoe", "end") == ["Standard CCM End Users", ENABLED]
    assert groups_of(sim, "recorder_tapi") == ["Standard CTI Allow Call Recording", ENABLED]
    assert result["requests"]["by_operation"]["updateUserGroup"] == 1
    assert not accounts(users=[RECORDER, END_USER])["changed"]


@pytest.mark.parametrize("check", [True, False])
def test_devices_and_groups_that_do_not_exist_are_found_before_anything_is_written(sim, accounts, check):
    """Field report A18: all mistakes of all users in one message, in check mode too."""
    users = [dict(RECORDER, cti_groups=["Standard CTI Typo"]), dict(END_USER, devices=["SEP00112233445X", "sep001122334456"]),
             {"name": "second", "password": PASSWORD, "devices": ["SEP001122334455", "SEP00112233445X"]}]
    failed = accounts(check=check, users=users)
    assert failed["problems"] == [
        "user recorder_tapi: there is no access control group Standard CTI Typo",
        "user jdoe: there is no device SEP00112233445X", "user second: there is no device SEP00112233445X"]
    assert [(one["code"], one["user"], one["data"]) for one in failed["remarks"]] == [
        ("group_missing", "recorder_tapi", {"group": "Standard CTI Typo"}),
        ("device_missing", "jdoe", {"device": "SEP00112233445X"}), ("device_missing", "second", {"device": "SEP00112233445X"})]
    assert sim.cluster.write_count == 0


def test_names_in_another_case_are_found_and_looked_up_with_two_requests(sim, accounts):
    users = [dict(RECORDER, devices=["sep001122334456"], cti_groups=["standard cti allow call recording"])]
    made = accounts(users=users, instances=[FIRST])
    assert made["requests"]["read"] == 8 and "warnings" not in made
    assert devices_of(sim, "recorder_tapi") == ["SEP001122334456"]
    assert groups_of(sim, "recorder_tapi") == ["Standard CTI Allow Call Recording", ENABLED]
    again = accounts(users=users, instances=[FIRST])
    assert not again["changed"] and again["requests"]["read"] == 6


def test_many_names_are_looked_up_in_parts_where_answers_are_small(sim, accounts):
    names = ["SEPAAAAAAAAA%03d" % number for number in range(120)]
    sim.seed({"devices": [{"name": name} for name in names]})
    sim.cluster.features.max_answer = 4000
    result = accounts(users=[dict(RECORDER, devices=names + ["SEPX"])])
    assert result["problems"] == ["user recorder_tapi: there is no device SEPX"]
    assert sim.cluster.counters["executeSQLQuery"] > 4


@pytest.mark.parametrize("after, way", [(0, "get"), (3, "sql")])
def test_where_sql_is_refused_names_are_not_looked_up_and_it_is_said(sim, accounts, after, way):
    sim.faults.add(front="axl", operation="executeSQLQuery", after=after, times=None, kind="fault", code=-1, message="No")
    result = accounts(users=[RECORDER])
    assert result["changed"] and result["read_way"] == way
    assert result["warnings"] == [
        "the cluster refuses SQL, so it was not checked whether all listed devices and groups exist"]
    failed = accounts(users=[dict(RECORDER, cti_groups=["Standard CTI Typo"], name="second")])
    assert failed["failed"] and "there is no access control group Standard CTI Typo" in failed["msg"]
    assert failed["done"] == ["user second", "member second of group %s" % ENABLED]


def test_other_members_groups_and_devices_are_left_alone(sim, accounts):
    sim.cluster.accounts.add_user("application", "foreign", password="x", groups=[ENABLED, SECURE, SRTP])
    sim.cluster.accounts.add_user(
        "application", "recorder_tapi", password="x", groups=["Standard CCM Server Monitoring", SRTP],
        devices=["SEP001122334459"])
    accounts(users=[dict(RECORDER, srtp=False)])
    assert groups_of(sim, "foreign") == sorted([ENABLED, SECURE, SRTP])
    assert groups_of(sim, "recorder_tapi") == ["Standard CCM Server Monitoring", ENABLED]
    assert devices_of(sim, "recorder_tapi") == ["SEP001122334455", "SEP001122334459"]
    exact = accounts(users=[dict(RECORDER, devices_mode="exact")], stages=["users"])
    assert exact["requests"]["write"] == 1 and devices_of(sim, "recorder_tapi") == ["SEP001122334455"]


def test_all_mistakes_come_in_one_message_and_nothing_is_written(sim, accounts):
    before = sim.cluster.state_hash()
    result = accounts(
        users=[RECORDER, {"name": "ghost", "type": "end"}, {"name": "jdoe"}, {"name": "CCMSysUser"}],
        instances=[FIRST, dict(SECOND, instance_id="recorder01x1"), dict(DESK, user="nobody", instance_id="a b")],
    )
    assert result["failed"]
    for part in (
        "instance id recorder01x1 is listed 2 times", "end user ghost does not exist", "CCMSysUser is a standard user",
        "user jdoe exists as an end user", "'a b' on desk01", "its user nobody is not in the list",
    ):
        assert part in result["msg"]
    assert len(result["problems"]) == 6
    assert [remark["text"] for remark in result["remarks"]] == result["problems"]
    assert {(remark["code"], remark["user"], remark["instance_id"]) for remark in result["remarks"]} == {
        ("instance_repeated", "recorder_tapi", "recorder01x1"), ("end_user_missing", "ghost", ""),
        ("user_standard", "CCMSysUser", ""), ("user_of_other_type", "jdoe", ""), ("instance_id_characters", "nobody", "a b"),
        ("instance_without_user", "nobody", "a b"),
    }
    assert sim.cluster.state_hash() == before


def test_contradictions_can_be_reported_beside_the_plan(sim, accounts):
    before = sim.cluster.state_hash()
    lists = dict(
        users=[RECORDER, {"name": "ghost", "type": "end"}, {"name": "jdoe"}, {"name": "CCMSysUser"}],
        instances=[FIRST, dict(SECOND, user="ghost"), dict(DESK, user="CCMSysUser"), dict(DESK, instance_id="desk01x2")])
    result = accounts(plan_only=True, on_problems="report", **lists)
    assert len(result["problems"]) == 3
    assert [(remark["code"], remark["user"], remark["text"]) for remark in result["remarks"]] == list(zip(
        ["end_user_missing", "user_of_other_type", "user_standard"], ["ghost", "jdoe", "CCMSysUser"], result["problems"]))
    rows = {row["name"]: row for row in result["users"]}
    assert rows["recorder_tapi"]["action"] == "create" and not rows["ghost"]["exists"]
    assert accounts(on_problems="report", **lists)["failed"], "nothing may be applied while there are problems"
    assert sim.cluster.state_hash() == before


def test_a_missing_end_user_is_an_error_before_anything_is_written(sim, accounts):
    result = accounts(users=[RECORDER, {"name": "ghost", "type": "end"}], instances=needing(FIRST))
    assert "end user ghost does not exist" in result["msg"] and sim.cluster.write_count == 0


def test_passwords(sim, accounts):
    accounts(users=[RECORDER])
    key = sim.cluster.accounts.user("application", "recorder_tapi")["pkid"]
    assert not accounts(users=[dict(RECORDER, password="Another-Secret-1")])["changed"]
    assert sim.cluster.accounts.credential(key)["password"] == PASSWORD
    always = dict(RECORDER, password="Another-Secret-1", update_password="always")
    assert accounts(users=[always])["changed"] and accounts(users=[always])["changed"]
    assert sim.cluster.accounts.credential(key)["password"] == "Another-Secret-1"


def test_a_given_string_is_used_and_not_repeated(sim, accounts):
    given = [dict(FIRST, needs_certificate=NEEDED, authorization_string="cisco")]
    result = accounts(users=[RECORDER], instances=given)
    assert result["armed"] == ["recorder01x1"] and result["strings"] == {}
    assert sim.cluster.accounts.profile("recorder01x1").string == "cisco"
    assert "does not have 4 to 10 digits" in str(result["warnings"])
    assert not accounts(users=[RECORDER], instances=given)["changed"]


def test_a_lost_string_is_replaced_for_the_collection_and_left_to_the_tsp(sim, accounts):
    first = accounts(users=[RECORDER], instances=needing(FIRST, SECOND))
    instances = needing(FIRST, dict(SECOND, enrolment="tsp"))
    second = accounts(users=[RECORDER], instances=instances)
    assert second["armed"] == ["recorder01x1"]
    assert second["strings"]["recorder01x1"] != first["strings"]["recorder01x1"]
    assert sim.cluster.accounts.profile("recorder02x1").string == first["strings"]["recorder02x1"]


def test_a_healthy_instance_is_never_armed_and_a_lost_key_always(sim, accounts):
    accounts(users=[RECORDER], instances=needing(FIRST, SECOND))
    enrol(sim, "recorder01x1", "recorder02x1")
    lost = {"needed": True, "reason": "key_lost"}
    result = accounts(users=[RECORDER], instances=valid(FIRST) + [dict(SECOND, needs_certificate=lost)])
    assert result["armed"] == ["recorder02x1"]
    assert result["instances"][1]["reason"] == "the host needs a certificate: key_lost"
    assert [row["reason_code"] for row in result["instances"]] == ["not_needed", "needed"]
    assert [row["reason_code"] for row in result["plan"] if row["action"] == "arm"] == ["needed"]


def test_replace(sim, accounts):
    accounts(users=[RECORDER, END_USER], instances=needing(dict(DESK, instance_id="recorder01x1")))
    refused = accounts(users=[RECORDER, END_USER], instances=needing(FIRST))
    assert "belongs to end user jdoe" in refused["msg"]
    replaced = accounts(users=[RECORDER, END_USER], instances=needing(dict(FIRST, replace=True)))
    assert [row["action"] for row in replaced["plan"] if row["kind"] == "profile"] == ["remove", "arm"]
    assert sim.cluster.accounts.profile("recorder01x1").user == "recorder_tapi"
    assert replaced["requests"]["write"] == 2


def test_cutover_waits_for_the_last_host(sim, accounts):
    accounts(users=[RECORDER], instances=needing(FIRST, SECOND))
    enrol(sim, "recorder01x1")
    lists = dict(users=[RECORDER], hosts_of_play=["recorder01"], stages=["cutover"])
    waiting = accounts(instances=valid(FIRST) + [SECOND], **lists)
    assert not waiting["changed"]
    assert waiting["cutover"] == [{
        "user": "recorder_tapi", "type": "application", "due": False, "done": False, "judged_by": "host and cluster",
        "waiting_for": [{"host": "recorder02", "instance_id": "recorder02x1", "why": "the profile is pending"}],
    }]
    enrol(sim, "recorder02x1")
    due = accounts(instances=valid(FIRST) + [SECOND], **lists)
    assert due["cutover"][0]["done"] and groups_of(sim, "recorder_tapi") == sorted([ENABLED, SECURE, SRTP])
    assert due["requests"]["write"] == 2


def test_disarm_takes_two_reads_and_one_write_per_armed_profile(sim, accounts):
    accounts(users=[RECORDER], instances=needing(FIRST, SECOND))
    enrol(sim, "recorder02x1")
    result = accounts(users=[RECORDER], instances=[FIRST, SECOND], stages=["disarm"])
    assert actions(result) == [("profile recorder01x1", "disarm")]
    assert result["requests"]["by_operation"] == {
        "getCCMVersion": 1, "listApplicationUserCapfProfile": 1, "listEndUserCapfProfile": 1,
        "updateApplicationUserCapfProfile": 1,
    }
    assert sim.cluster.accounts.profile("recorder01x1").operation == "No Pending Operation"
    assert sim.cluster.accounts.profile("recorder02x1").status == "Upgrade Success"
    assert not accounts(users=[RECORDER], instances=[FIRST, SECOND], stages=["disarm"])["changed"]


def test_a_failure_midway_disarms_what_was_armed(sim, accounts):
    accounts(users=[RECORDER])
    sim.faults.add(
        front="axl", operation="addApplicationUserCapfProfile", after=1, kind="fault", code=5003, message="No")
    failed = accounts(users=[RECORDER], instances=needing(FIRST, SECOND))
    assert failed["failed"] and failed["disarmed"] == ["recorder01x1"] and failed["still_armed"] == []
    assert failed["done"] == ["profile recorder01x1"]
    assert "disarmed again: recorder01x1" in failed["msg"]
    assert sim.cluster.accounts.profile("recorder01x1").operation == "No Pending Operation"
    finished = accounts(users=[RECORDER], instances=needing(FIRST, SECOND))
    assert finished["armed"] == ["recorder01x1", "recorder02x1"]


def test_an_arming_whose_answer_was_lost_is_disarmed_too(sim, accounts):
    accounts(users=[RECORDER], instances=[FIRST])
    sim.faults.add(front="axl", operation="updateApplicationUserCapfProfile", kind="cut", when="after")
    failed = accounts(users=[RECORDER], instances=needing(FIRST))
    assert failed["failed"] and failed["disarmed"] == ["recorder01x1"]
    assert sim.cluster.accounts.profile("recorder01x1").operation == "No Pending Operation"


def test_a_profile_that_was_not_made_needs_no_disarming(sim, accounts):
    accounts(users=[RECORDER])
    sim.faults.add(front="axl", operation="addApplicationUserCapfProfile", kind="cut", when="before")
    failed = accounts(users=[RECORDER], instances=needing(FIRST))
    assert failed["failed"] and (failed["disarmed"], failed["still_armed"]) == ([], [])


def test_what_cannot_be_disarmed_is_named(sim, accounts):
    accounts(users=[RECORDER], instances=[FIRST, SECOND])
    sim.faults.add(
        front="axl", operation="updateApplicationUserCapfProfile", after=1, times=None, kind="fault", code=5003,
        message="No")
    failed = accounts(users=[RECORDER], instances=needing(FIRST, SECOND))
    assert failed["still_armed"] == ["recorder01x1"] and "may still be armed" in failed["msg"]
    sim.faults.clear()
    again = accounts(users=[RECORDER], instances=needing(FIRST, SECOND))
    assert again["armed"] == ["recorder01x1", "recorder02x1"]


def test_a_user_made_meanwhile_is_read_and_brought_in_line(sim, accounts):
    sim.cluster.accounts.add_user("application", "recorder_tapi", password="Theirs-0000", devices=["SEP001122334459"])
    # The reading comes too early to see the user.
    sim.faults.add(front="axl", operation="executeSQLQuery", kind="garbage", times=3, body=EMPTY_ANSWER)
    result = accounts(users=[RECORDER])
    assert "failed" not in result, result["msg"]
    assert devices_of(sim, "recorder_tapi") == ["SEP001122334455", "SEP001122334459"]
    key = sim.cluster.accounts.user("application", "recorder_tapi")["pkid"]
    assert sim.cluster.accounts.credential(key)["password"] == "Theirs-0000"


def test_a_profile_made_meanwhile_is_armed_if_it_is_ours(sim, accounts):
    accounts(users=[RECORDER], instances=[FIRST])
    sim.faults.add(front="axl", operation="listApplicationUserCapfProfile", kind="garbage", body=EMPTY_ANSWER)
    result = accounts(users=[RECORDER], instances=needing(FIRST))
    assert sim.cluster.accounts.profile("recorder01x1").string == result["strings"]["recorder01x1"]


def test_plan_only_and_approved_plan(sim, accounts):
    lists = dict(users=[RECORDER, END_USER], instances=needing(FIRST, SECOND, DESK))
    planned = accounts(plan_only=True, **lists)
    assert planned["changed"] and sim.cluster.write_count == 0
    approved = planned["plan"]
    batch = accounts(approved_plan=approved, hosts_of_play=["recorder02"], **lists)
    assert batch["armed"] == ["recorder02x1"]
    before = sim.cluster.state_hash()
    other = [dict(one, needs_certificate={"needed": True, "reason": "forced"}) for one in lists["instances"]]
    refused = accounts(approved_plan=approved, users=lists["users"], instances=other, hosts_of_play=["recorder01"])
    assert refused["not_approved"] == ["profile recorder01x1"] and sim.cluster.state_hash() == before
    short = [{"object": row["object"], "digest": row["digest"]} for row in approved]
    rest = accounts(approved_plan=short, hosts_of_play=["recorder01", "desk01"], **lists)
    assert rest["armed"] == ["recorder01x1", "desk01x1"]
    enrol(sim, "recorder01x1", "recorder02x1", "desk01x1")
    cutover = accounts(approved_plan=approved, users=lists["users"], instances=valid(FIRST, SECOND, DESK))
    assert all(row["done"] for row in cutover["cutover"])


def test_decommission(sim, accounts):
    accounts(users=[RECORDER], instances=needing(FIRST, SECOND))
    gone = dict(RECORDER, state="absent", remove_user=True)
    first = accounts(users=[gone], instances=[dict(FIRST, state="absent"), dict(SECOND, state="absent")],
                     hosts_of_play=["recorder01"])
    assert sim.cluster.accounts.profile("recorder01x1") is None
    assert sim.cluster.accounts.profile("recorder02x1") is not None
    assert actions(first)[-1] == ("user recorder_tapi", "none")
    second = accounts(users=[gone], instances=[dict(FIRST, state="absent"), dict(SECOND, state="absent")])
    assert actions(second) == [("profile recorder02x1", "remove"), ("user recorder_tapi", "remove")]
    assert sim.cluster.accounts.user("application", "recorder_tapi") is None
    assert not accounts(users=[gone], instances=[dict(FIRST, state="absent")])["changed"]


def test_reading_rights_suffice_for_a_plan(sim, run_module):
    options = dict(hostname=sim.host, port=sim.axl_port, username="axlreader", password=sim.password,
                   ca_path=sim.ca_path, users=[RECORDER], instances=needing(FIRST))
    assert run_module(fleet_accounts, plan_only=True, **options)["armed"] == ["recorder01x1"]
    failed = run_module(fleet_accounts, **options)
    assert "may read but not change" in failed["msg"] and sim.cluster.write_count == 0


def test_replies_out_of_order_and_with_unknown_elements(sim, accounts):
    lists = dict(users=[RECORDER, END_USER], instances=needing(FIRST, DESK))
    accounts(**lists)
    expected = accounts(check=True, **lists)
    for kind in ("swapped", "unknown"):
        sim.faults.clear()
        sim.faults.add(front="axl", kind=kind, times=None)
        assert accounts(check=True, **lists) == expected


@pytest.mark.parametrize("release", ["11.5", "12.5", "14", "15"])
def test_every_release(release, run_module):
    with Simulator(release=release, fronts=("axl",)) as simulator:
        options = dict(
            hostname=simulator.host, port=simulator.axl_port, username=simulator.username, password=simulator.password,
            ca_path=simulator.ca_path, users=[{"name": "recorder_tapi", "password": PASSWORD}],
            instances=needing(FIRST),
        )
        assert run_module(fleet_accounts, **options)["armed"] == ["recorder01x1"]
        options["instances"] = [dict(FIRST, needs_certificate=NEEDED, string_held=True, key={"type": "rsa"})]
        assert not run_module(fleet_accounts, **options)["changed"]
        assert not simulator.cluster.schema_violations


@pytest.mark.parametrize("rule, message", [
    (dict(operation="addAppUser", kind="http", code=401, times=None), "may read but not change"),
    (dict(operation="executeSQLQuery", kind="http", code=503, times=None), "HTTP 503"),
    (dict(operation="getCCMVersion", kind="http", code=403), "HTTP 403"),
])
def test_a_refusal_is_one_clear_sentence(sim, accounts, rule, message, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    sim.faults.add(front="axl", **rule)
    failed = accounts(users=[RECORDER])
    assert failed["failed"] and message in failed["msg"] and "127.0.0.1" in failed["msg"]
    assert PASSWORD not in json.dumps(failed)
