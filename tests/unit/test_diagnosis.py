# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was read becomes a page: every status of a profile, every code of the search for drift, and odd readings."""

from __future__ import annotations

import copy
import re

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _diagnosis, _drift, _fleet, _profile_status
from simulator import database

NOW = "2026-11-24T12:00:00Z"
INSTANCE = {"cluster": "main", "host": "recorder01", "user": "recorder_tapi", "instance_id": "recorder01x1", "state": "present",
            "probe_of": None, "windows": False, "client_address": None, "store": "/etc/secure_tsp/recorder01x1", "key": None}
USER = {"name": "recorder_tapi", "cluster": "main", "type": "application", "state": "present", "cti_groups": [], "srtp": None,
        "devices_mode": "append", "hosts": ["recorder01"], "password_given": True}
KEY = ("main", "recorder01x1")
PORT = {"service": "CAPF", "host": "192.0.2.10", "port": 3804, "stage": "", "problem": "", "trusted": True, "version": "TLSv1.2",
        "cipher": "AES128-SHA", "demands_certificate": False,
        "certificate": {"common_name": "CAPF-1", "subject": "CN=CAPF-1", "not_after": "2031-01-01T00:00:00Z"}}
MANAGER = dict(PORT, service="CTI Manager", port=2749)


class Scene:
    """One instance whose connection is open. What a test changes before C(page) is judged."""

    def __init__(self):
        self.instance = copy.deepcopy(INSTANCE)
        self.profile = {"exists": True, "user": "recorder_tapi", "operation": "No Pending Operation", "status": "Upgrade Success",
                        "completion": "", "state": "success", "key": None}
        self.certificate = {"failure": "", "reason": "", "explanation": "", "expires": "2031-11-24T12:00:00Z", "days_left": 1826,
                            "common_name": "CTI-recorder01x1", "name": "CTI-recorder01x1", "name_matches": True, "unconfirmed": False,
                            "wrong_modes": {}, "issuer": "CN=CAPF-1", "sha256_fingerprint": "ab" * 32}
        self.trust = {"failure": "", "verdict": "unchanged", "files": [], "timestamp": "2026-01-01T00:00:00Z", "has_capf": True,
                      "failures": []}
        self.connections = [{"user": "recorder_tapi", "address": "192.0.2.31", "status": "Open", "app_id": "recorder_tapi-192.0.2.31-5",
                             "node": "cucm-pub", "reason": 0, "time": 1764000000}]
        self.info = {"release": "14.0.1", "mixed_mode": True, "certificates": [], "doubts": [], "publisher": "cucm-pub", "services": [
            {"service": name, "node": "cucm-pub", "activated": True, "running": True, "status": "Started"} for name in _drift.SERVICES]}
        self.secure = True
        self.failures = []
        self.reached = True
        self.ports = [dict(PORT), dict(MANAGER)]
        self.opened = self.trace = None

    @property
    def clusters(self):
        groups = [_fleet.ENABLED] + ([_fleet.SECURE] if self.secure else [])
        accounts = {"remarks": [], "plan": [], "users": [
            {"name": "recorder_tapi", "exists": True, "action": "none", "secure": self.secure, "groups": groups}],
            "instances": [{"instance_id": "recorder01x1", "profile": self.profile, "action": "none", "reason": ""}]}
        gone = bool(self.failures)
        return {"main": {"hostname": "cucm-pub", "failures": self.failures, "info": None if gone else self.info,
                         "accounts": None if gone else accounts, "connections": None if gone else {
                             "available": True, "reason": "", "complete": True, "connections": self.connections}}}

    @property
    def hosts(self):
        row = {"cluster": "main", "instance_id": "recorder01x1", "certificate": self.certificate, "trust": self.trust}
        return {"recorder01": {"failure": "", "addresses": ["192.0.2.31"], "findings": [], "files": [], "instances": [row]}
                if self.reached else None}

    @property
    def fleet(self):
        return {"users": [USER], "instances": [self.instance]}

    def findings(self):
        return _drift.findings(self.fleet, self.clusters, self.hosts, NOW)["findings"]

    def page(self, found=None, **more):
        seen = {"recorder01": [{"cluster": "main", "instance_id": "recorder01x1", "trace": self.trace, "opened": self.opened,
                                "ports": None if self.ports is None else {"failure": "", "rows": self.ports}}]}
        [page] = _diagnosis.pages(self.fleet, self.clusters, self.hosts, self.findings() if found is None else found, seen, NOW, **more)
        said = page["text"].replace("Operation, None", "").replace("None was issued", "")
        assert not re.search(r"\bNone\b", re.sub(r"None\s+was", "", said))
        return page

    def openings(self, **outcome):
        rows = [{"cluster": "main", "instance_id": "recorder01x1", "certificate_valid": True, "probe_of": None, "store": "/s", **outcome}]
        return _diagnosis.openings(self.fleet, self.clusters, self.hosts, self.findings(), rows)


@pytest.fixture
def scene():
    return Scene()


# The 34 statuses


def test_all_statuses_of_axl_are_there():
    assert len(_profile_status.STATUSES) == 34
    assert set(database.STATUSES) <= set(_profile_status.STATUSES)


@pytest.mark.parametrize("status", _profile_status.STATUSES)
def test_every_status_has_a_meaning_and_a_cure_and_stands_on_the_page(scene, status):
    meaning, cure = _profile_status.describe(status)
    assert meaning.endswith(".") and cure.endswith(".") and len(meaning) > 20 and len(cure) > 20
    scene.profile["status"] = status
    scene.profile["operation"] = "Install/Upgrade" if status == "Operation Pending" else "No Pending Operation"
    failed = " Failed" in status
    scene.profile["state"] = "failed" if failed else "pending" if status == "Operation Pending" else "success"
    scene.certificate["reason"] = "missing" if failed else ""
    page = scene.page()
    text = " ".join(page["text"].split())
    assert meaning in text and status in text
    if failed:
        assert page["first"]["step"] == "CAPF profile" and page["first"]["fix"].endswith(cure)
        assert page["verdict"] == "does not work" and page["first"]["command"].startswith(_drift.SITE)


def test_causes_differ_and_an_unknown_status_is_no_success():
    assert len({meaning for meaning, _cure in _profile_status.STATUSES.values()}) == 34
    assert _profile_status.describe("Upgrade Maybe") == _profile_status.UNKNOWN
    assert _profile_status.describe("") == _profile_status.STATUSES["None"]


# Steps


def test_a_connection_that_is_open_works(scene):
    page = scene.page()
    assert page["verdict"] == "works" and page["first"] is None and page["connected"] is True
    assert {step["step"]: step["state"] for step in page["steps"]} == {
        **dict.fromkeys(_diagnosis.STEPS, "ok"), "TSP trace": "--"}


def test_without_a_sight_of_the_connection_nothing_is_called_working(scene):
    clusters = scene.clusters
    clusters["main"]["connections"] = None
    [page] = _diagnosis.pages(scene.fleet, clusters, scene.hosts, [], {}, NOW)
    assert page["verdict"] == "nothing wrong found" and page["connected"] is None


@pytest.mark.parametrize("code", _drift.CODES)
def test_every_code_has_its_step(code):
    finding = {"code": code, "cluster": "main", "host": "", "user": "", "instance_id": ""}
    assert _diagnosis.step_of(finding) in _diagnosis.STEPS


@pytest.mark.parametrize("place, step", [
    ({"user": "u", "instance_id": "x", "cluster": "main"}, "Certificate"), ({"cluster": "main"}, "Ports"),
    ({"instance_id": "x"}, "Host"), ({}, "Host"),
])
def test_findings_of_windows_hosts_go_where_they_belong(place, step):
    assert _diagnosis.step_of(dict({"code": "windows_host", "cluster": "", "user": "", "instance_id": ""}, **place)) == step


def test_the_first_step_that_fails_is_told_and_the_others_follow(scene):
    scene.certificate.update(reason="expired", explanation="It expired.")
    scene.info["services"][1]["running"] = False
    page = scene.page()
    assert page["first"]["code"] == "service_down"
    assert [finding["code"] for finding in page["findings"]] == ["service_down", "certificate_expired"]
    assert "Also found" in page["text"] and "It expired." in page["text"]


def test_what_is_critical_comes_before_warnings_of_earlier_steps(scene):
    scene.trust["verdict"] = "update"
    assert scene.page()["verdict"] == "works, with remarks"
    scene.certificate.update(reason="key_mismatch", explanation="It does not belong to the key.")
    page = scene.page()
    assert page["first"]["code"] == "key_mismatch" and {"step": "Trust list", "state": "warn"}.items() <= next(
        step for step in page["steps"] if step["step"] == "Trust list").items()


def test_others_are_not_on_the_page(scene):
    other = {"severity": "critical", "code": "key_missing", "cluster": "main", "host": "recorder02", "user": "b", "instance_id": "b",
             "what": "w", "fix": "f", "command": ""}
    assert scene.page(found=[other])["first"] is None


def test_a_failed_profile_beside_a_good_certificate_is_a_remark(scene):
    scene.profile.update(state="failed", status="Upgrade Failed: Invalid LSC")
    assert scene.page()["verdict"] == "works, with remarks"


@pytest.mark.parametrize("valid, severity", [(True, "warning"), (False, "critical")])
def test_capf_is_needed_by_those_without_a_certificate(scene, valid, severity):
    scene.ports[0].update(stage="connect", problem="no service listens on this port.", trusted=None, certificate=None)
    scene.certificate.update(reason="" if valid else "missing")
    page = scene.page()
    assert (page["first"]["code"], page["first"]["severity"]) == ("port_closed", severity)
    assert "port=3804" in page["first"]["command"]


def test_one_cti_manager_of_two_suffices(scene):
    scene.ports.append(dict(MANAGER, host="192.0.2.11", stage="connect", problem="no answer.", certificate=None, trusted=None))
    assert scene.page()["verdict"] == "works, with remarks"
    scene.ports[1].update(stage="tls", problem="no common version.")
    page = scene.page()
    assert page["verdict"] == "does not work" and {finding["code"] for finding in page["findings"]} == {"port_closed", "tls_failed"}


def test_a_server_that_the_list_does_not_vouch_for_belongs_to_the_trust_list(scene):
    scene.ports[1].update(stage="trust", problem="the trust list does not vouch for it.", trusted=False)
    first = scene.page()["first"]
    assert (first["step"], first["code"]) == ("Trust list", "server_not_vouched") and first["command"].startswith(_drift.SITE)


def test_an_unreachable_host_and_an_unread_cluster_come_first(scene):
    scene.failures = ["no connection."]
    page = scene.page()
    assert (page["first"]["step"], page["steps"][0]["state"]) == ("Cluster", "ok")
    scene.reached, scene.ports = False, None
    page = scene.page()
    assert page["first"]["code"] == "host_unreachable" and page["verdict"] == "does not work"


def test_a_trace_that_stops_is_grave_only_without_a_certificate(scene):
    scene.trace = {"failure": "", "verdict": "stopped", "summary": "As far as x.", "next_step": "Look at y.", "cipher": "", "gaps": [],
                   "files_written": [], "files": ["t.txt"], "quotes": [{"line": 1, "clock": "12:00:00.000", "text": "q"}]}
    page = scene.page()
    assert page["verdict"] == "works, with remarks" and "  | 12:00:00.000 q\n" in page["text"]
    scene.certificate.update(reason="missing")
    assert {finding["code"]: finding["severity"] for finding in scene.page()["findings"]}["trace_stopped"] == "critical"


# Field report T8: logs of JTAPI, and traces of the cluster


def event(name, **more):
    return {"event": name, "kind": "cti_manager", "path": "SDL001.txt", "line": 4, "clock": "07:49:58.670", "user": "recorder_tapi", "address": "",
            "device": "", "file": "", "code": None, "devices": None, "bad": name.endswith("refused"), "told": "the provider was refused",
            "cure": "Cure it.", "text": "x", "node": "cucm-sub", **more}


def of_cluster(scene, *events, connected=False):
    scene.connections = scene.connections if connected else []
    page = scene.page(traces={"main": {"folder": "/srv/t", "minutes": 15, "files": 3, "problems": [], "events": list(events)}})
    return page, {finding["code"]: finding for finding in page["findings"] if finding["code"].startswith("cluster_refused")}


def test_a_log_of_jtapi_takes_part(scene):
    scene.connections = []
    scene.trace = {"failure": "", "verdict": "refused", "summary": "This is a log of Cisco JTAPI, no TSP trace.", "next_step": "Cure it.", "cipher": "",
                   "gaps": [], "files_written": [], "files": ["a.log"], "quotes": [], "left_out": [{"path": "b.xml", "reason": "no trace"}],
                   "events": [event("provider_refused", kind="jtapi")]}
    page = scene.page()
    assert "  | 07:49:58.670 the provider was refused\n" in page["text"] and "b.xml: no trace" in page["text"]
    found = {finding["code"]: finding for finding in page["findings"]}["trace_refused"]
    assert (found["severity"], found["fix"], found["step"]) == ("critical", "Cure it.", "TSP trace")
    assert found["what"] == "A log of Cisco JTAPI at 07:49:58.670: the provider was refused."


@pytest.mark.parametrize("address, mine", [("", True), ("192.0.2.31", True), ("192.0.2.99", False)])
def test_the_cluster_traces_say_why_the_provider_does_not_open(scene, address, mine):
    page, found = of_cluster(scene, event("provider_refused", address=address))
    assert bool(found) is mine
    if mine:
        assert found["cluster_refused_provider"]["severity"] == "critical" and page["verdict"] == "does not work"
        assert "An SDL trace of CTI Manager on cucm-sub shows at 07:49:58.670" in found["cluster_refused_provider"]["what"]
        assert "  | 07:49:58.670 cucm-sub: the provider was refused\n" in page["text"]


def test_what_was_refused_and_opened_later_is_no_finding(scene):
    assert of_cluster(scene, event("provider_refused"), event("provider_opened"))[1] == {}
    assert of_cluster(scene, event("provider_opened"), event("provider_refused"))[1] != {}
    assert of_cluster(scene, event("provider_refused", user="somebody"))[1] == {}


def test_what_works_now_is_only_remarked(scene):
    page, found = of_cluster(scene, event("provider_refused"), connected=True)
    assert found["cluster_refused_provider"]["severity"] == "warning" and page["verdict"] == "works, with remarks"


def test_refusals_of_capf_and_tftp_go_to_whom_they_name(scene):
    refusal = event("capf_refused", kind="capf", user="", device="CTI-recorder01x1")
    assert of_cluster(scene, refusal)[1]["cluster_refused_certificate"]["step"] == "CAPF profile"
    assert of_cluster(scene, dict(refusal, device="CTI-other"))[1] == {}
    listed = event("ctl_refused", kind="tftp", user="", address="192.0.2.31", file="CTLFile.tlv")
    assert of_cluster(scene, listed)[1]["cluster_refused_list"]["step"] == "Trust list"
    assert of_cluster(scene, dict(listed, address="192.0.2.99"))[1] == of_cluster(scene, dict(listed, address=""))[1] == {}


def test_what_ris_saw_last_is_shown_with_what_its_reason_may_mean(scene):
    scene.connections[0].update(status="OpenFailed", reason=0x8CCC00D9)
    page = scene.page()
    assert page["connected"] is False and page["first"]["code"] == "provider_not_seen"
    assert "0x8CCC00D9 (if this is a CTI code: CERTIFICATE_COMPROMISED" in " ".join(page["text"].split())


# Providers


def test_nothing_is_opened_beside_an_open_provider(scene):
    assert scene.openings() == []


def test_a_provider_is_opened_with_the_own_certificate_where_none_is_open(scene):
    scene.connections = []
    [opening] = scene.openings()
    assert (opening["way"], opening["store"]) == ("application", INSTANCE["store"])
    scene.opened = {"failure": "", "way": "application", "compromised": False, "devices": 1, "lines": 2}
    page = scene.page()
    assert "1 device, 2 lines" in " ".join(page["text"].split()) and page["first"]["code"] == "provider_not_seen"


def test_nothing_is_opened_beside_a_neighbour_with_the_same_user(scene):
    """Two instances, one connection from their host: whose it is cannot be told."""
    fleet = {"users": [USER], "instances": [scene.instance, dict(scene.instance, instance_id="recorder01x2", store="/s2")]}
    clusters, hosts = scene.clusters, scene.hosts
    clusters["main"]["accounts"]["instances"].append(dict(clusters["main"]["accounts"]["instances"][0], instance_id="recorder01x2"))
    hosts["recorder01"]["instances"].append(dict(hosts["recorder01"]["instances"][0], instance_id="recorder01x2"))
    rows = [{"cluster": "main", "instance_id": one["instance_id"], "certificate_valid": True, "probe_of": None, "store": one["store"]}
            for one in fleet["instances"]]
    found = _drift.findings(fleet, clusters, hosts, NOW)["findings"]
    assert [one["code"] for one in found] == ["provider_not_seen"] * 2
    assert _diagnosis.openings(fleet, clusters, hosts, found, rows) == []


def test_nothing_is_opened_while_the_user_is_connected_from_an_address_that_nobody_listed(scene):
    scene.connections[0]["address"] = "198.51.100.30"
    assert scene.openings() == []
    assert "Give client_address: the cluster sees recorder_tapi from 198.51.100.30." in " ".join(scene.page()["text"].split())


def test_a_trust_list_that_was_forgotten_is_the_cause_and_told_alone(scene):
    finding = {"severity": "critical", "code": "ctl_not_updated", "cluster": "main", "host": "", "user": "", "instance_id": "",
               "what": "The CallManager certificate is not in the trust list.", "fix": "Update it.", "command": _drift.UPDATE_CTL}
    scene.ports[1].update(stage="trust", problem="the trust list does not vouch for it.", trusted=False)
    page = scene.page(found=[finding])
    assert (page["first"]["code"], page["first"]["step"]) == ("ctl_not_updated", "Trust list")
    assert "server_not_vouched" not in [one["code"] for one in page["findings"]]
    assert "utils ctl update CTLFile   (on the publisher's command line)" in page["text"]


def test_a_page_for_cat_moves_no_cursor(scene):
    scene.ports[1]["certificate"] = dict(PORT["certificate"], common_name="\x1b[2Jgone\u202e")
    page = scene.page()
    assert all(one.isprintable() or one == "\n" for one in page["text"]) and "\\x1b[2Jgone\\u202e" in page["text"]


@pytest.mark.parametrize("change", [
    lambda scene: scene.certificate.update(reason="expired", explanation="x"), lambda scene: setattr(scene, "failures", ["x"]),
])
def test_nothing_is_opened_where_something_failed_before(scene, change):
    scene.connections = []
    change(scene)
    assert scene.openings() == []


def test_nothing_is_opened_without_a_valid_certificate_or_where_ris_does_not_tell(scene):
    scene.connections = []
    assert scene.openings(certificate_valid=False) == []
    clusters = scene.clusters
    clusters["main"]["connections"]["available"] = False
    found = _drift.findings(scene.fleet, clusters, scene.hosts, NOW)["findings"]
    rows = [{"cluster": "main", "instance_id": "recorder01x1", "certificate_valid": True, "probe_of": None, "store": "/s"}]
    assert _diagnosis.openings(scene.fleet, clusters, scene.hosts, found, rows) == []
    # A probe disturbs nobody.
    rows.append(dict(rows[0], instance_id="recorder01x1probe", probe_of="recorder01x1", store="/s/probe"))
    [opening] = _diagnosis.openings(scene.fleet, clusters, scene.hosts, found, rows)
    assert (opening["way"], opening["store"]) == ("probe", "/s/probe")


@pytest.mark.parametrize("compromised, code", [(True, "certificate_compromised"), (False, "provider_refused")])
def test_a_provider_that_is_refused(scene, compromised, code):
    scene.connections = []
    scene.opened = {"failure": "refused.", "way": "application", "compromised": compromised}
    first = scene.page()["first"]
    assert first["code"] == code and first["step"] == "Connection" and "Refused." in first["what"]


# Readings and summary


def test_results_of_modules_become_rows():
    item = {"cluster": "main", "instance_id": "recorder01x1"}
    trace = {"item": item, "verdict": "stopped", "summary": "s", "next_step": "n", "gaps": [], "files": [{"path": "t"}], "attempts": [
        {"cipher": "", "files_written": [], "trouble": [{"line": 3, "clock": "c", "text": "t"}],
         "after": [{"line": 3, "clock": "c", "text": "t"}, {"line": 4, "clock": "d", "text": "u"}]}]}
    [row] = _diagnosis.host_seen(
        ports=[{"item": item, "msg": "no pyOpenSSL"}], traces=[trace, {"skipped": True}],
        opened=[{"item": {"instance": item, "way": "probe"}, "msg": "refused", "compromised": True}])
    assert row["ports"] == {"failure": "no pyOpenSSL", "rows": []}
    assert row["opened"] == {"failure": "refused", "way": "probe", "compromised": True}
    assert [quote["line"] for quote in row["trace"]["quotes"]] == [3, 4]


def test_the_summary_begins_with_what_does_not_work(scene):
    good = scene.page()
    scene.certificate.update(reason="missing", explanation="There is none.")
    lines = _diagnosis.summary([good, scene.page()], "/srv/pages")
    assert [line[:4] for line in lines] == ["FAIL", "    ", "ok  ", "does", "Page"]
    assert lines[-2:] == ["does not work: 1; works: 1", "Pages: /srv/pages"]


def test_the_summary_says_all_where_no_command_cures_it(scene):
    scene.failures = ["no connection (cucm-pub). Check the port."]
    lines = _diagnosis.summary([scene.page()])
    assert lines[0] == ("FAIL recorder01x1 on recorder01: Cluster. The cluster could not be read. No connection (cucm-pub). "
                        "Check the port.")
    assert lines[1].startswith("     -> Fix that")


def test_traces_of_the_cluster_are_named(scene):
    page = scene.page(traces={"main": {"folder": "/srv/t", "minutes": 15, "files": 3, "problems": ["Gave up on node x."]}})
    assert "/srv/t (3 files)" in page["text"] and "zgrep" in page["text"] and "Gave up on node x." in page["text"]
