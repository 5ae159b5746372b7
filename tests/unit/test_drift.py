# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Readings to findings, where tests/e2e/test_drift.py cannot go: odd readings, several clusters, many instances."""

from __future__ import annotations

import copy
import re

import collection_path
import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _drift, _fleet, _report
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._fleet import ENABLED, SECURE

NOW = "2026-11-24T12:00:00Z"
USER = {"name": "recorder_tapi", "cluster": "main", "type": "application", "state": "present", "cti_groups": [], "srtp": None,
        "devices_mode": "append", "hosts": ["recorder01"]}
INSTANCE = {"cluster": "main", "host": "recorder01", "user": "recorder_tapi", "user_type": "application",
            "instance_id": "recorder01x1", "state": "present", "probe_of": None, "windows": False, "client_address": None,
            "store": "/etc/secure_tsp/recorder01x1", "key": {"type": "rsa", "size": 2048}}
PROFILE = {"exists": True, "user": "recorder_tapi", "user_type": "application", "operation": "No Pending Operation",
           "status": "Upgrade Success", "completion": "", "state": "success", "key": {"type": "rsa", "size": 2048}}
GOOD = {"needs_certificate": {"needed": False, "reason": ""}, "explanation": "", "name": "CTI-recorder01x1",
        "certificate": {"not_after": "2031-11-24T12:00:00Z", "common_name": "CTI-recorder01x1"}, "days_left": 1826,
        "name_matches": True, "unconfirmed": False, "wrong_modes": {}}
TRUSTED = {"verdict": "unchanged", "files": [], "failures": [], "ctl": {"timestamp": "2026-01-01T00:00:00Z", "has_capf": True}}


class Scene:
    """One instance that is as it should be. What a test changes before C(look) is found."""

    def __init__(self):
        self.users = [copy.deepcopy(USER)]
        self.instances = [copy.deepcopy(INSTANCE)]
        self.certificate, self.trust = copy.deepcopy(GOOD), copy.deepcopy(TRUSTED)
        self.row = {"name": "recorder_tapi", "exists": True, "action": "none", "secure": True, "groups": [ENABLED, SECURE]}
        self.accounts = {"plan": [], "users": [self.row], "remarks": [], "instances": [
            {"instance_id": "recorder01x1", "profile": copy.deepcopy(PROFILE), "action": "none", "reason": ""}]}
        self.connections = {"available": True, "reason": "", "complete": True, "connections": [
            {"user": "recorder_tapi", "address": "192.0.2.31", "status": "Open"}]}
        self.addresses = ["192.0.2.31", "2001:db8::31"]
        self.info = {"mixed_mode": True, "services": [], "certificates": [], "doubts": [], "publisher": "cucm-pub"}
        self.failures = []
        self.hosts = None

    def reading(self):
        item = self.instances[0]
        return _drift.host_reading([dict(self.certificate, item=item)], [dict(self.trust, item=item)], addresses=self.addresses)

    def look(self, **options):
        clusters = {"main": {"hostname": "cucm-pub", "info": self.info, "accounts": self.accounts,
                             "connections": self.connections, "failures": self.failures}}
        hosts = {"recorder01": self.reading()} if self.hosts is None else self.hosts
        return _drift.findings({"users": self.users, "instances": self.instances}, clusters, hosts, NOW, **options)

    def codes(self, **options):
        return [finding["code"] for finding in self.look(**options)["findings"]]


@pytest.fixture
def scene():
    return Scene()


def test_nothing_is_found_in_a_scene_that_is_in_order(scene):
    result = scene.look()
    assert result["findings"] == [] and result["exit_code"] == 0 and result["hosts"] == {}
    assert result["lines"] == ["No drift: clusters and hosts are as the lists say."]
    [row] = result["instances"]
    assert row["stages"] == dict.fromkeys(_drift.STAGES, "ok") and row["state"] == "in line"


def test_the_stages_are_those_of_the_report():
    assert _drift.STAGES == _report.STAGES and _drift.SEVERITIES == _report.SEVERITIES


@pytest.mark.parametrize("verdict, code", [
    ("first_trust", "ctl_missing"), ("pinned", "ctl_stale"), ("update", "ctl_stale"), ("kept", "ctl_not_fetched"),
    ("unchanged", None),
])
def test_verdicts_about_a_list_that_came(scene, verdict, code):
    scene.trust["verdict"] = verdict
    assert scene.codes() == ([code] if code else [])


@pytest.mark.parametrize("verdict, code", [
    ("not_found", "ctl_not_fetched"), ("empty", "ctl_not_fetched"), ("no_answer", "ctl_not_fetched"),
    ("damaged", "ctl_untrusted"), ("tampered", "ctl_untrusted"), ("stranger", "ctl_untrusted"),
    ("fingerprint_mismatch", "ctl_untrusted"), ("older", "ctl_untrusted"), ("stored_damaged", "ctl_damaged"),
    ("cannot_verify", "ctl_not_verified"),
    (None, "ctl_not_fetched"),
])
def test_verdicts_about_a_list_that_is_refused(scene, verdict, code):
    scene.trust = {"msg": "Refused, and why.", **({"verdict": verdict} if verdict else {})}
    [finding] = scene.look()["findings"]
    assert finding["code"] == code and "Refused, and why." in finding["what"]


def test_a_list_without_capf(scene):
    scene.trust["ctl"]["has_capf"] = False
    assert scene.codes() == ["ctl_without_capf"]


@pytest.mark.parametrize("reason, code", [(reason, row[0]) for reason, row in _drift.OF_REASON.items()])
def test_reasons_to_need_a_certificate(scene, reason, code):
    scene.certificate.update(needs_certificate={"needed": True, "reason": reason}, explanation="So it is.")
    [finding] = scene.look()["findings"]
    assert (finding["code"], finding["what"]) == (code, "So it is.")
    assert finding["command"].endswith("--limit recorder01")


def test_a_failed_profile_needs_no_command_where_the_host_holds_a_good_certificate(scene):
    scene.accounts["instances"][0]["profile"].update(state="failed", status="Upgrade Failed: x")
    [finding] = scene.look()["findings"]
    assert finding["code"] == "profile_failed" and finding["command"] == ""
    scene.certificate.update(needs_certificate={"needed": True, "reason": "missing"})
    found = {finding["code"]: finding["command"] for finding in scene.look()["findings"]}
    assert set(found) == {"profile_failed", "certificate_missing"} and found["profile_failed"].startswith(_drift.SITE)


def test_an_idle_profile_without_a_certificate_is_told_once(scene):
    scene.accounts["instances"][0]["profile"].update(state="idle", status="None")
    assert scene.codes() == ["profile_without_certificate"]
    scene.certificate.update(needs_certificate={"needed": True, "reason": "missing"})
    assert scene.codes() == ["certificate_missing"]


def test_only_secret_files_make_modes_critical(scene):
    scene.certificate["wrong_modes"] = {"ctl.tlv": {"found": "0600", "wanted": "0644"}}
    assert scene.look()["findings"][0]["severity"] == "warning"
    scene.certificate["wrong_modes"]["."] = {"found": "0750", "wanted": "0700"}
    assert scene.look()["findings"][0]["severity"] == "critical"
    scene.certificate["wrong_modes"]["."] = {"found": "0500", "wanted": "0700"}
    assert scene.look()["findings"][0]["severity"] == "warning"


# What the cluster sees


def another(scene, host, address=None):
    """One more instance of the same user, on a host of its own that is in order."""
    number = len(scene.instances) + 1
    scene.instances.append(dict(INSTANCE, host=host, instance_id="recorder0%dx1" % number, client_address=address,
                                store="/etc/secure_tsp/%d" % number))
    scene.users[0]["hosts"].append(host)
    scene.accounts["instances"].append(dict(scene.accounts["instances"][0], instance_id="recorder0%dx1" % number))
    scene.hosts = scene.hosts or {"recorder01": scene.reading()}
    scene.hosts[host] = _drift.host_reading(
        [dict(GOOD, item=scene.instances[-1])], [dict(TRUSTED, item=scene.instances[-1])], addresses=["192.0.2.32"])


def test_instances_behind_one_address_are_counted(scene):
    scene.instances[0]["client_address"] = "198.51.100.1"
    another(scene, "recorder02", "198.51.100.1")
    scene.connections["connections"][0]["address"] = "198.51.100.1"
    found = scene.look()["findings"]
    assert [(one["code"], one["host"]) for one in found] == [
        ("provider_not_seen", "recorder01"), ("provider_not_seen", "recorder02")]
    assert found[0]["what"] == ("CTI Manager sees 1 open provider of user recorder_tapi from 198.51.100.1 for 2 instances there.")
    scene.connections["connections"] *= 2
    assert scene.codes() == []


def test_each_host_is_looked_for_at_its_own_addresses(scene):
    another(scene, "recorder02")
    assert [(one["code"], one["host"]) for one in scene.look()["findings"]] == [("provider_not_seen", "recorder02")]


@pytest.mark.parametrize("spoil, codes", [
    (lambda scene: scene.connections["connections"][0].update(status="Closed"), ["provider_not_seen"]),
    (lambda scene: scene.connections["connections"][0].update(user="dialer"), ["provider_not_seen"]),
    (lambda scene: scene.connections["connections"][0].update(address="2001:db8::31"), []),
    (lambda scene: scene.addresses.clear(), ["provider_not_judged"]),
    (lambda scene: scene.connections.update(available=False, reason="Refused."), ["ris_unavailable"]),
    (lambda scene: scene.connections.update(complete=False, connections=[]), ["ris_incomplete"]),
    (lambda scene: (scene.row.update(secure=False, groups=[ENABLED]), scene.connections.update(connections=[])), []),
])
def test_views_of_the_cluster(scene, spoil, codes):
    spoil(scene)
    assert scene.codes() == codes
    assert not scene.codes(ris=False)


def test_hosts_that_share_an_address_are_counted_together(scene):
    """Each host has addresses of its own beside the shared one, from which both connect."""
    another(scene, "recorder02")
    scene.addresses = ["192.0.2.31", "198.51.100.1"]
    scene.hosts["recorder01"] = scene.reading()
    scene.hosts["recorder02"]["addresses"].append("198.51.100.1")
    scene.connections["connections"][0]["address"] = "198.51.100.1"
    assert {(one["code"], one["host"]) for one in scene.look()["findings"]} == {
        ("provider_not_seen", "recorder01"), ("provider_not_seen", "recorder02")}
    scene.connections["connections"] *= 2
    assert scene.codes() == []


def test_an_address_that_every_host_has_joins_nobody_who_does_not_connect_from_it(scene):
    another(scene, "recorder02")
    scene.addresses = ["172.17.0.1", "192.0.2.31"]
    scene.hosts["recorder01"] = scene.reading()
    scene.hosts["recorder02"]["addresses"].append("172.17.0.1")
    assert [(one["code"], one["host"]) for one in scene.look()["findings"]] == [("provider_not_seen", "recorder02")]


def test_an_instance_outside_of_this_run_may_be_the_one_that_is_connected(scene):
    another(scene, "recorder02", "198.51.100.1")
    scene.instances[0]["client_address"] = "198.51.100.1"
    del scene.hosts["recorder02"]
    scene.connections["connections"][0]["address"] = "198.51.100.1"
    [finding] = scene.look()["findings"]
    assert (finding["code"], finding["host"], finding["fix"]) == ("provider_not_judged", "recorder01", "Check without --limit.")
    scene.connections["connections"].clear()
    assert scene.codes() == ["provider_not_seen"]


@pytest.mark.parametrize("addresses, words", [
    ([], "Its host's address is not known"), (["192.0.2.31"], "CTI Manager sees no open provider of user recorder_tapi from 192.0.2.31.")])
def test_a_connection_from_an_address_of_no_host_may_be_the_one_that_is_missed(scene, addresses, words):
    scene.addresses[:] = addresses
    scene.connections["connections"][0]["address"] = "198.51.100.30"
    [finding] = scene.look()["findings"]
    assert (finding["code"], finding["severity"], finding["command"]) == ("provider_not_judged", "info", "")
    assert words in finding["what"] and "which no host of this run has" in finding["what"]
    assert finding["fix"] == "Give client_address: the cluster sees recorder_tapi from 198.51.100.30."


def test_a_connection_of_another_user_is_nobody_s(scene):
    scene.connections["connections"][0].update(address="198.51.100.30", user="dialer")
    assert scene.codes() == ["provider_not_seen"]


# A trust list that was not made anew


PRESENTED = (("CAPF", "aa"), ("CallManager", "bb"), ("tomcat", "cc"), ("CallManager-ECDSA", "dd"), ("ITLRecovery", "ee"))


def forgotten(scene, records, presented=PRESENTED, node="cucm-pub", verdict="unchanged"):
    scene.trust.update(verdict=verdict, ctl=dict(TRUSTED["ctl"], sha256_fingerprint="0f", records=records))
    scene.info["certificates"] = [{"node": node, "service": service, "subject": "CN=x", "not_after": "2040-01-01T00:00:00Z",
                                   "sha256_fingerprint": print_} for service, print_ in presented]
    return [one for one in scene.look()["findings"] if one["code"] == "ctl_not_updated"]


@pytest.mark.parametrize("records, what", [
    ([["CAPF", "aa"], ["CCM+TFTP", "bb"]], None),
    ([["CAPF", "aa"], ["CCM", "bb"], ["SAST", "ff"]], None),
    ([["CAPF", "aa"], ["CCM+TFTP", "old"]], "The CallManager certificate of cucm-pub is not in the trust list"),
    ([["CAPF", "old"], ["CCM+TFTP", "bb"]], "The CAPF certificate of cucm-pub is not in the trust list"),
    ([["CAPF", "bb"], ["CCM+TFTP", "aa"]], "The CAPF certificate of cucm-pub and the CallManager certificate of cucm-pub are not in"),
    ([["CAPF", "aa"], ["CCM+TFTP", ""], ["CCM+TFTP", "old"]], None),  # a record with a hash alone
])
def test_certificates_that_the_trust_list_does_not_hold(scene, records, what):
    found = forgotten(scene, records)
    assert [(one["severity"], one["cluster"], one["host"], one["command"]) for one in found] == (
        [("critical", "main", "", _drift.UPDATE_CTL)] if what else [])
    assert not what or found[0]["what"].startswith(what)


def test_a_node_that_presents_no_such_certificate_need_not_be_in_the_list(scene):
    records = [["CAPF", "aa"], ["CCM+TFTP", "bb"]]
    scene.info["services"] = [{"node": node, "service": service, "activated": node == "cucm-pub", "running": True, "status": "Started"}
                              for node in ("cucm-pub", "cucm-sub") for service in (*_drift.SERVICES, "Cisco CallManager")]
    assert forgotten(scene, records, [("CAPF", "other"), ("CallManager", "other")], node="cucm-sub") == []
    assert len(forgotten(scene, records, [("CallManager", "other")], node="cucm-pub")) == 1


def test_a_list_that_was_not_fetched_proves_nothing(scene):
    assert forgotten(scene, [["CAPF", "old"]], verdict="kept") == []
    scene.trust = {"msg": "Refused."}
    assert scene.codes() == ["ctl_not_fetched"]


def test_one_server_with_an_older_list_is_not_the_cluster(scene):
    another(scene, "recorder02", "192.0.2.32")
    scene.connections["connections"].append({"user": "recorder_tapi", "address": "192.0.2.32", "status": "Open"})
    lists = {"recorder01": [["CCM+TFTP", "bb"]], "recorder02": [["CCM+TFTP", "old"]]}
    for number, (host, records) in enumerate(lists.items()):
        ctl = dict(TRUSTED["ctl"], sha256_fingerprint=host, records=records)
        scene.hosts[host] = _drift.host_reading([dict(GOOD, item=scene.instances[number])], [
            dict(TRUSTED, ctl=ctl, item=scene.instances[number])], addresses=["192.0.2.3%d" % (number + 1)])
    scene.info["certificates"] = [{"node": "cucm-pub", "service": "CallManager", "subject": "CN=x", "not_after": "2040-01-01T00:00:00Z",
                                   "sha256_fingerprint": "bb"}]
    assert scene.codes() == []


# Commands that cure


@pytest.mark.parametrize("profile", [{"state": "idle", "status": "None"}, {"exists": False}, {"state": "pending"}])
def test_a_good_certificate_that_the_cluster_does_not_know_is_renewed_by_name(scene, profile):
    scene.accounts["instances"][0]["profile"].update(profile)
    [finding] = scene.look()["findings"]
    assert finding["command"] == _drift.UPGRADE + " -e '{\"secure_tsp_upgrade_instances\": [\"recorder01x1\"]}' --limit recorder01"
    scene.certificate.update(needs_certificate={"needed": True, "reason": "missing"})
    assert {one["command"] for one in scene.look()["findings"]} == {_drift.SITE + " --limit recorder01"}


def test_an_id_of_two_clusters_is_named_with_its_own():
    two = [dict(INSTANCE), dict(INSTANCE, cluster="edge"), dict(INSTANCE, instance_id="single")]
    assert _drift.ambiguous(two) == {"recorder01x1"}
    assert "edge/recorder01x1" in _drift.renewing(two[1], _drift.ambiguous(two))
    assert _drift.diagnosing(two[2], _drift.ambiguous(two)).endswith("secure_tsp_diagnose_instance=single")


def test_an_upgrade_renews_as_far_ahead_as_drift_looks(scene):
    scene.certificate.update(needs_certificate={"needed": True, "reason": "expiring"}, explanation="Soon.")
    assert " -e secure_tsp_renew_before_days=90 " in scene.look(soon_days=90)["findings"][0]["command"]


def test_a_cutover_by_hand_says_how(scene):
    scene.row["groups"] = [ENABLED]
    scene.accounts["plan"] = [step("group", "none", SECURE, reason="cutover is manual", reason_code="cutover_by_hand")]
    [finding] = scene.look(ris=False)["findings"]
    assert finding["command"] == _drift.SITE + " -e secure_tsp_cutover=auto --limit recorder01"


def test_names_of_others_cannot_move_a_cursor_or_leave_a_command(scene):
    scene.hosts = {"recorder01": dict(scene.reading(), files=[{"path": "/srv/\x1b[2J\n/QBEClient.cer", "checksum": "a"}])}
    result = scene.look()
    assert result["findings"][0]["what"] == "The certificate in /srv/\\x1b[2J\\x0a belongs to no listed instance."
    assert all(line.isprintable() for line in result["lines"])
    assert _drift.limited("x", ["a b", "$(id)"]) == "x --limit '$(id),a b'"


# Clusters, hosts, users


def test_a_cluster_that_could_not_be_read_at_all(scene):
    scene.info = scene.accounts = scene.connections = None
    scene.failures = ["No answer."]
    result = scene.look()
    assert [finding["code"] for finding in result["findings"]] == ["cluster_not_read"]
    assert result["clusters"][0]["read"] is False and result["clusters"][0]["mixed_mode"] is None
    stages = result["instances"][0]["stages"]
    assert {stages[stage] for stage in ("accounts", "profile", "cutover")} == {"unknown"} and stages["certificate"] == "ok"
    assert result["hosts"] == {"recorder01": "1 critical. cluster_not_read: The cluster could not be read. No answer."}


@pytest.mark.parametrize("problem, code, subject", [
    (_fleet.Remark("user_of_other_type", "recorder_tapi", "application"), "cluster_contradicts", "recorder_tapi"),
    (_fleet.Remark("user_standard", "recorder_tapi", "application"), "cluster_contradicts", "recorder_tapi"),
    (_fleet.Remark("end_user_missing", "recorder_tapi", "end"), None, ""),
    (_fleet.Remark("user_without_password", "x", "application"), "cluster_contradicts", ""),
    (_fleet.Remark("device_missing", "recorder_tapi", "application", data={"device": "SEP0"}), "cluster_contradicts",
     "recorder_tapi"),
    (_fleet.Remark("group_missing", "recorder_tapi", "application", data={"group": "G"}), "cluster_contradicts",
     "recorder_tapi"),
])
def test_problems_of_the_planner(scene, problem, code, subject):
    scene.accounts["remarks"] = [problem.row()]
    found = [(one["code"], one["user"], one["what"]) for one in scene.look()["findings"]]
    assert found == ([(code, subject, _drift.capital(problem.text) + ".")] if code else [])


@pytest.mark.parametrize("code", ["profile_of_other_user", "profile_of_other_user_kept"])
def test_a_profile_of_another_user_is_told_of_the_instance(scene, code):
    remark = _fleet.Remark(code, "recorder_tapi", "application", "recorder01x1", {"owner": "o; x", "owner_type": "end"})
    scene.accounts["remarks"] = [remark.row()]
    [finding] = scene.look()["findings"]
    assert (finding["code"], finding["instance_id"]) == ("profile_of_other_user", "recorder01x1")
    assert finding["what"] == "The CAPF profile of this instance_id belongs to end user o; x."


def test_no_sentence_is_taken_apart(scene):
    scene.accounts["remarks"] = [dict(_fleet.Remark("user_standard", "recorder_tapi").row(), text="Quite other words")]
    scene.accounts["plan"] = [step("group", "none", SECURE, reason="quite other words", reason_code="cutover_waits")]
    [finding] = scene.look()["findings"]
    assert (finding["code"], finding["user"], finding["what"]) == ("cluster_contradicts", "recorder_tapi", "Quite other words.")
    scene.accounts["remarks"] = []
    assert [one["code"] for one in scene.look(ris=False)["findings"]] == ["cutover_waits"]


def test_cti_manager_may_spell_a_user_in_another_case(scene):
    assert scene.look()["findings"] == []
    for one in scene.connections["connections"]:
        one["user"] = one["user"].upper()
    assert scene.look()["findings"] == []


def test_findings_of_windows_hosts_are_taken_over(scene):
    scene.instances[0].update(windows=True)
    judged = [{"severity": "critical", "host": "recorder01", "cluster": "main", "user": "recorder_tapi",
               "instance_id": "recorder01x1", "what": "The Telephony service is stopped.", "fix": "Start it."}]
    row = {"item": scene.instances[0], "needs_certificate": {"needed": False, "reason": ""},
           "certificate": {"not_after": "2030-01-01T00:00:00Z"}}
    scene.hosts = {"recorder01": _drift.host_reading(tsps=[row], judged=judged, addresses=["192.0.2.31"])}
    result = scene.look()
    assert [(one["code"], one["severity"], one["instance_id"]) for one in result["findings"]] == [
        ("windows_host", "critical", "recorder01x1")]
    assert result["instances"][0]["certificate_expires"] == "2030-01-01T00:00:00Z"
    assert result["instances"][0]["stages"]["trust"] == "skipped"


def test_a_service_that_only_another_node_has(scene):
    rows = [{"node": node, "service": service, "activated": True, "running": True, "status": "Started"}
            for node in ("cucm-sub",) for service in _drift.SERVICES]
    scene.info["services"] = rows
    [finding] = scene.look()["findings"]  # CAPF works on the publisher only
    assert finding["what"] == "Cisco Certificate Authority Proxy Function is not activated on cucm-pub."
    assert "node: cucm-pub" in finding["command"]


def step(kind, action, name="recorder_tapi", **more):
    """A row of the planner's plan for the scene's user."""
    return {"kind": kind, "action": action, "name": name, "user": "recorder_tapi", "fields": [], "reason": "", "reason_code": "", **more}


@pytest.mark.parametrize("user, row, plan, code, words", [
    ({}, {"exists": False}, [], "user_missing", "The application user does not exist."),
    ({}, {"action": "create"}, [], "user_missing", "The application user does not exist."),
    ({"type": "end"}, {"exists": False}, [], "user_missing", "The end user does not exist."),
    ({}, {}, [step("user", "update", fields=["devices"])], "user_devices", "devices_mode append"),
    ({}, {"groups": [ENABLED]}, [step("group", "add_member", SECURE)], "user_not_secure", SECURE),
    ({}, {}, [step("group", "add_member", ENABLED)], "user_groups_missing", ENABLED),
    ({}, {"groups": [ENABLED]}, [step("group", "none", SECURE, reason="waits for recorder01x1", reason_code="cutover_waits")], "cutover_waits",
     "waits for recorder01x1"),
    ({}, {"groups": [ENABLED]}, [step("group", "none", SECURE, reason="cutover is manual", reason_code="cutover_by_hand")], "cutover_by_hand", "manual"),
    ({}, {"groups": [ENABLED, SECURE, "Standard CTI Allow Control of All Devices"]}, [], "user_groups_extra",
     "Standard CTI Allow Control of All Devices"),
    ({"state": "absent"}, {}, [step("user", "remove")], "user_not_removed", "state: absent"),
])
def test_differences_of_a_user(scene, user, row, plan, code, words):
    scene.users[0].update(user)
    scene.row.update(row)
    scene.accounts["plan"] = plan
    found = [one for one in scene.look(ris=False)["findings"] if one["code"] == code]
    assert [(one["cluster"], one["user"]) for one in found] == [("main", "recorder_tapi")]
    assert words in found[0]["what"] and found[0]["fix"]


def test_without_the_group_that_cti_needs_nothing_works(scene):
    scene.accounts["plan"] = [step("group", "add_member", ENABLED)]
    assert [one["severity"] for one in scene.look(ris=False)["findings"]] == ["critical"]
    scene.accounts["plan"] = [step("group", "add_member", "Standard CTI Allow Call Monitoring")]
    assert [one["severity"] for one in scene.look(ris=False)["findings"]] == ["warning"]


def test_a_secure_user_without_instances_can_open_no_port(scene):
    scene.instances, scene.accounts["instances"], scene.users[0]["hosts"] = [], [], []
    scene.hosts = {}
    assert scene.codes() == ["user_secure_without_instance"]


@pytest.mark.parametrize("profile, code, words", [
    ({"exists": False}, "profile_missing", "no CAPF profile"),
    ({"state": "pending", "completion": "2026:11:25:12:00"}, "profile_pending", "until 2026:11:25:12:00"),
    ({"state": "pending"}, "profile_pending", "is pending."),
    ({"state": "perhaps_expired", "completion": "2026:11:24:09:00"}, "profile_pending_too_long", "in some time zones"),
    ({"state": "expired", "completion": "2026:11:20:12:00"}, "profile_pending_too_long", "has passed."),
    ({"state": "other", "operation": "Troubleshoot", "status": "New"}, "profile_unknown", "'Troubleshoot', 'New'"),
    ({"key": {"type": "rsa", "size": 4096}}, "profile_key", "rsa 4096"),
])
def test_differences_of_a_profile(scene, profile, code, words):
    scene.accounts["instances"][0]["profile"].update(profile)
    [finding] = scene.look()["findings"]
    assert (finding["code"], finding["instance_id"]) == (code, "recorder01x1") and words in finding["what"]


@pytest.mark.parametrize("more, running, code", [
    ({}, {}, "profile_armed_by_nobody"), ({"string_given": True}, {}, "profile_pending"), ({"enrolment": "tsp"}, {}, "profile_pending"),
    ({}, {"main": "2026-11-24T11:59:00Z"}, "profile_pending"),
])
def test_a_profile_that_is_armed_while_nobody_holds_its_string_is_a_warning(scene, more, running, code):
    scene.instances[0].update({"enrolment": "collection", "string_given": False, **more})
    scene.accounts["instances"][0]["profile"]["state"] = "pending"
    found = {one["code"]: one for one in scene.look(running=running)["findings"] if one["code"] != "run_beside"}
    assert set(found) == {code}
    assert found[code]["severity"] == ("warning" if code == "profile_armed_by_nobody" else "info")
    assert ("voiceops.secure_tsp.disarm --limit recorder01" in found[code]["command"]) is (code == "profile_armed_by_nobody")


def test_a_run_beside_the_search_is_told_and_is_no_drift(scene):
    result = scene.look(running={"main": "2026-11-24T11:59:00Z"})
    [finding] = result["findings"]
    assert (finding["code"], finding["cluster"], result["exit_code"]) == ("run_beside", "main", 0) and "11:59" in finding["what"]


def test_what_an_absent_instance_left_behind(scene):
    scene.instances[0]["state"] = "absent"
    scene.accounts["instances"][0]["action"] = "remove"
    files = [{"path": "/etc/secure_tsp/recorder01x1/QBEClient.cer", "checksum": "0a"}]
    scene.hosts = {"recorder01": _drift.host_reading([], [], files=files)}
    found = {one["code"]: one["command"] for one in scene.look(ris=False)["findings"]}
    assert {"profile_not_removed", "files_not_removed"} <= set(found)
    assert found["files_not_removed"] == _drift.limited(_drift.DECOMMISSION, ["recorder01"])


@pytest.mark.parametrize("change, code, words", [
    ({"name_matches": False}, "certificate_name", "CTI-recorder01x1"),
    ({"unconfirmed": True}, "certificate_unconfirmed", "never verified"),
])
def test_doubts_about_a_good_certificate(scene, change, code, words):
    scene.certificate.update(change)
    [finding] = scene.look()["findings"]
    assert finding["code"] == code and words in finding["what"]


def test_a_certificate_that_could_not_be_judged(scene):
    scene.certificate = {"failed": True, "msg": "Permission denied."}
    [finding] = scene.look()["findings"]
    assert finding["code"] == "instance_not_read" and "Permission denied." in finding["what"]


def test_a_host_that_keeps_its_certificate_to_itself(scene):
    scene.hosts = {"recorder01": _drift.host_reading([], [dict(TRUSTED, item=scene.instances[0])], addresses=scene.addresses)}
    assert scene.codes() == ["not_looked_at"]


def test_files_of_the_trust_list_that_are_lost(scene):
    scene.trust["files"] = ["CallManager.cer"]
    [finding] = scene.look()["findings"]
    assert finding["code"] == "ctl_files" and "CallManager.cer" in finding["what"]


@pytest.mark.parametrize("reading, code", [
    (None, "host_unreachable"), (_drift.host_reading(failure="no Python was found"), "host_not_read"),
])
def test_hosts_that_were_not_read(scene, reading, code):
    scene.hosts = {"recorder01": reading}
    found = scene.look(ris=False)["findings"]
    assert [(one["code"], one["host"]) for one in found] == [(code, "recorder01")]


@pytest.mark.parametrize("expires, code, words", [
    ("2026-11-24T12:00:00Z", "server_certificate_expired", "expired on 2026-11-24"),
    ("2026-11-25T12:00:00Z", "server_certificate_expiring", "in 1 day."),
    ("2036-11-24T12:00:00Z", None, ""),
])
def test_certificates_of_the_servers(scene, expires, code, words):
    scene.info["certificates"] = [{"node": "cucm-pub", "service": "CallManager", "subject": "CN=cucm-pub",
                                   "not_after": expires}]
    found = scene.look()["findings"]
    assert [one["code"] for one in found] == ([code] if code else [])
    assert all(words in one["what"] for one in found)


def test_a_service_that_is_activated_and_does_not_run(scene):
    scene.info["services"] = [
        {"node": "cucm-pub", "service": service, "activated": True, "running": service != "Cisco CTIManager",
         "status": "Started" if service != "Cisco CTIManager" else "Stopped"} for service in _drift.SERVICES]
    [finding] = scene.look()["findings"]
    assert finding["what"] == "Cisco CTIManager is not running on cucm-pub (Stopped)."
    assert "services: [Cisco CTIManager]" in finding["command"]


def test_doubts_of_the_cluster_are_passed_on(scene):
    scene.info["doubts"] = ["The security mode is not known."]
    assert [one["what"] for one in scene.look()["findings"]] == ["The security mode is not known."]


def probed(scene, probe=None, **certificate):
    """The scene with a probe certificate, and what came of opening a provider with it."""
    item = dict(INSTANCE, instance_id="recorder01x1probe", probe_of="recorder01x1", store=INSTANCE["store"] + "/probe")
    scene.instances.append(item)
    facts = copy.deepcopy(GOOD)
    facts.update(certificate)
    own = scene.instances[0]
    scene.hosts = {"recorder01": _drift.host_reading(
        [dict(GOOD, item=own), dict(facts, item=item)], [dict(TRUSTED, item=own)],
        probes=[] if probe is None else [dict(probe, item=item)], addresses=scene.addresses)}
    return [(one["code"], one["what"]) for one in scene.look(probe=True)["findings"]]


def test_a_probe_that_opens_is_no_finding(scene):
    assert probed(scene, {"totals": {"devices": 2}}) == []


@pytest.mark.parametrize("compromised, fix", [(True, "secure_tsp_probe_suffix"), (False, "Do what the message says.")])
def test_a_probe_that_does_not_open(scene, compromised, fix):
    [(code, what)] = probed(scene, {"failed": True, "msg": "refused by the server.", "compromised": compromised})
    assert code == "probe_failed" and "Refused by the server." in what
    assert fix in scene.look(probe=True)["findings"][0]["fix"]


@pytest.mark.parametrize("reason, why", [
    ("", "no password for recorder_tapi"), ("missing", "there is no valid probe certificate")])
def test_why_nothing_was_probed(scene, reason, why):
    [(code, what)] = probed(scene, needs_certificate={"needed": bool(reason), "reason": reason})
    assert code == "not_probed" and why in what


def test_a_password_that_is_always_set_is_no_drift(scene):
    scene.accounts["plan"] = [{"kind": "user", "name": "recorder_tapi", "user": "recorder_tapi", "action": "update",
                               "fields": ["password"], "reason": "update_password is always"}]
    assert scene.codes() == []


def test_the_same_certificate_twice_on_one_host(scene):
    another(scene, "recorder01")
    scene.instances[1]["store"] = "/etc/secure_tsp/recorder02x1"
    scene.connections["connections"] *= 2
    reading = scene.reading()
    reading["instances"] += _drift.host_reading(
        [dict(GOOD, item=scene.instances[1])], [dict(TRUSTED, item=scene.instances[1])])["instances"]
    reading["files"] = [{"path": "/etc/secure_tsp/recorder0%dx1/%sQBEClient.cer" % (number, folder), "checksum": checksum}
                        for number, folder, checksum in ((1, "", "a"), (2, "", "a"), (1, "previous/", "b"), (2, "pending/", "b"))]
    scene.hosts = {"recorder01": reading}
    assert [(one["code"], one["instance_id"]) for one in scene.look()["findings"]] == [
        ("certificate_duplicate", "recorder01x1"), ("certificate_duplicate", "recorder02x1")]


def test_copies_that_nobody_lists_are_told_once(scene):
    scene.hosts = {"recorder01": dict(scene.reading(), files=[{"path": "/srv/a/QBEClient.cer", "checksum": "a"}]),
                   "recorder02": _drift.host_reading(files=[{"path": "/srv/a/QBEClient.cer", "checksum": "a"}])}
    [finding] = scene.look()["findings"]
    assert finding["code"] == "certificate_duplicate" and finding["host"] == "recorder01" and "recorder02" in finding["what"]


# Ends


@pytest.mark.parametrize("codes, code", [
    ([], 0), (["cluster_doubt", "not_probed"], 0), (["ctl_stale"], 2), (["key_missing", "cluster_doubt"], 2),
    (["host_unreachable"], 4), (["host_unreachable", "key_missing"], 4),
])
def test_exit_codes(codes, code):
    assert _drift.exit_code([{"code": one, "severity": _drift.CODES[one][0]} for one in codes]) == code


def test_commands_name_a_few_hosts_only():
    assert _drift.limited("x", ["b", "a", "b"]) == "x --limit a,b"
    assert _drift.limited("x", []) == "x"
    assert _drift.limited("x", "abcdef") == "x"


def test_the_terminal_shows_the_worst_and_counts_the_rest():
    found = [told(what="x%d" % number, instance_id="i%d" % number, host="h") for number in range(60)]
    shown = _drift.lines(found)
    assert shown[:2] == ["WARNING  i0 on h", "  x0 [ctl_stale]"]
    assert len(shown) == 2 * _drift.LINES + 2 and shown[-2:] == ["... and 10 further findings", "0 critical, 60 warning, 0 info."]


def told(**more):
    return dict(dict(severity="warning", code="ctl_stale", cluster="", host="", user="", instance_id="", what="x", fix="", command=""), **more)


def test_the_terminal_tells_subject_by_subject_with_the_cure():
    found = [told(severity="critical", code="key_missing", instance_id="i1", host="h1", what="No key.", fix="Enrol it.", command="c --limit h1"),
             told(instance_id="i1", host="h1", what="Old list.", fix="Fetch it.", command="d --limit h1"),
             told(user="rec", code="user_devices", what="Other devices.")]
    assert _drift.lines(found) == [
        "CRITICAL  i1 on h1", "  No key. [key_missing]", "  -> Enrol it.", "     c --limit h1", "  warning: Old list. [ctl_stale]",
        "  -> Fetch it.", "     d --limit h1", "WARNING  user rec", "  Other devices. [user_devices]", "1 critical, 2 warning, 0 info."]


def test_what_is_the_same_of_many_is_told_once():
    found = [told(instance_id="i%d" % number, host="h%d" % number, fix="Do it.", command="c --limit h%d" % number) for number in range(12)]
    assert _drift.lines(found) == [
        "WARNING  12 instances (i0 on h0, i1 on h1 and 10 more)", "  x [ctl_stale]", "  -> Do it.", "     c", "0 critical, 12 warning, 0 info."]


def test_an_instance_that_was_never_provisioned_is_one_finding(scene):
    scene.certificate["needs_certificate"]["reason"] = "missing"
    scene.trust["verdict"] = "first_trust"
    scene.accounts["instances"][0].update(profile=dict(PROFILE, exists=False, state="none"), action="create")
    scene.connections["connections"], scene.row["secure"] = [], False
    result = scene.look()
    assert [finding["code"] for finding in result["findings"]] == ["not_provisioned"]
    assert {stage for stage, state in result["instances"][0]["stages"].items() if state == "failed"} == {"trust", "profile", "certificate"}


def test_a_thousand_instances_with_a_finding_each():
    scene = Scene()
    scene.hosts, scene.accounts["instances"] = {}, []
    scene.instances = [dict(INSTANCE, host="h%d" % number, instance_id="i%d" % number, store="/s/%d" % number)
                       for number in range(1000)]
    for instance in scene.instances:
        scene.hosts[instance["host"]] = _drift.host_reading(
            [dict(GOOD, item=instance, unconfirmed=True)], [dict(TRUSTED, item=instance)], addresses=["192.0.2.31"])
        scene.accounts["instances"].append(dict(instance_id=instance["instance_id"], profile=PROFILE, action="none", reason=""))
    result = scene.look()
    assert len(result["findings"]) == 2000 and len(result["instances"]) == 1000
    assert {finding["code"] for finding in result["findings"]} == {"certificate_unconfirmed", "provider_not_seen"}


def test_the_guide_lists_every_code_and_no_other():
    guide = (collection_path.ROOT / "docs" / "docsite" / "rst" / "fleet_operations.rst").read_text()
    table = guide.partition("list-table:: Codes")[2].partition("On Windows hosts")[0]
    listed = re.findall(r"``([a-z_]+)``", table)
    differ = sorted(set(listed) ^ set(_drift.CODES))
    assert not differ, "docs/docsite/rst/fleet_operations.rst, table Codes, and CODES of _drift.py differ in %s" % ", ".join(differ)
    assert len(listed) == len(set(listed))


def test_every_code_has_its_row_and_is_reported():
    """The codes of remarks (C("provider_" + code)) are in test_remarks.py."""
    utils = collection_path.ROOT / "plugins" / "module_utils"
    before, _start, rest = (utils / "_drift.py").read_text().partition("\nCODES = {")
    code = before + rest.partition("\n}\n")[2] + (utils / "_server_certificates.py").read_text()
    lacking = sorted(set(re.findall(r'self\.add\(\s*"(\w+)"(?! \+)', code)) - set(_drift.CODES))
    assert not lacking, "plugins/module_utils/_drift.py: CODES lacks %s" % ", ".join(lacking)
    unused = sorted(one for one in _drift.CODES if '"%s"' % one not in code and not one.startswith("provider_"))
    assert not unused, "plugins/module_utils/_drift.py: nothing adds %s" % ", ".join(unused)
