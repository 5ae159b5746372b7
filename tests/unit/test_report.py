# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from xml.etree import ElementTree

import collection_path
import jsonschema
import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _report

NOW = "2026-11-24T12:00:00Z"
FINE = dict.fromkeys(_report.STAGES, "ok")


def instance(name, stages=None, **more):
    return dict(host="recorder01", instance_id=name, user="recorder_tapi", stages=dict(FINE, **(stages or {})), **more)


@pytest.mark.parametrize("stages, severity, health", [
    ({}, None, "healthy"),
    ({}, "info", "healthy"),
    ({}, "warning", "drifted"),
    ({}, "critical", "failed"),
    ({"verify": "failed"}, None, "failed"),
    ({"certificate": "drift"}, None, "drifted"),
    ({"trust": "unknown"}, None, "unknown"),
    ({"trust": "unknown", "certificate": "drift"}, None, "drifted"),
    ({"verify": "skipped"}, None, "healthy"),
    ({"cutover": "waiting"}, None, "waiting"),
    ({"certificate": "would"}, "warning", "waiting"),
    ({"certificate": "failed", "cutover": "waiting"}, None, "failed"),
])
def test_the_health_of_an_instance_is_its_worst_sign(stages, severity, health):
    findings = [dict(severity=severity, host="recorder01", instance_id="a", what="x")] if severity else []
    report = _report.document(NOW, "drift", [instance("a", stages)], findings)
    assert report["instances"][0]["health"] == health
    assert {word: report["totals"][word] for word in _report.HEALTH} == {**dict.fromkeys(_report.HEALTH, 0), health: 1}


def test_a_finding_counts_for_its_own_instance_only():
    findings = [dict(severity="critical", host="recorder01", instance_id="b", what="x")]
    report = _report.document(NOW, "drift", [instance("a"), instance("b")], findings)
    assert [item["health"] for item in report["instances"]] == ["healthy", "failed"]


def test_unknown_keys_are_kept_and_unknown_words_do_not_pass_as_good():
    report = _report.document(NOW, "drift", [instance("a", {"verify": "sunny"}, extra=7)], [dict(severity="sunny", what="x")])
    assert report["instances"][0]["stages"]["verify"] == "unknown"
    assert report["instances"][0]["extra"] == 7
    assert report["findings"][0]["severity"] == "warning"


def test_findings_come_worst_first_and_instances_by_host():
    findings = [dict(severity=word, what=word) for word in ("info", "critical", "warning")]
    given = [dict(instance("z"), host="b"), dict(instance("y"), host="a")]
    report = _report.document(NOW, "drift", given, findings)
    assert [item["severity"] for item in report["findings"]] == ["critical", "warning", "info"]
    assert [item["host"] for item in report["instances"]] == ["a", "b"]
    assert report["totals"]["hosts"] == 2


SCHEMA = json.loads((collection_path.ROOT / "roles" / "report" / "files" / "report.schema.json").read_text())
CLUSTER = {
    "name": "main", "hostname": "cucm-pub.example.com", "release": "14.0.1", "mixed_mode": True,
    "services": [{"node": "cucm-pub", "service": "Cisco CTIManager", "activated": True, "running": None}],
    "certificates": [{"node": "cucm-pub", "service": "CAPF", "subject": "CN=CAPF", "not_after": "2026-12-30T00:00:00Z"}],
}


def full_report(**more):
    findings = [
        dict(severity="warning", code="ctl_stale", cluster="main", host="recorder01", instance_id="b", what="<&> \x00",
             fix="Do it.", command="ansible-playbook x"),
        dict(severity="critical", code="user_missing", cluster="main", user="dialer", what="It does not exist."),
        dict(severity="critical", code="host_unreachable", host="recorder09", what="No answer."),
        dict(severity="info", code="cluster_doubt", cluster="main", what="Who knows."),
    ]
    given = [
        dict(instance("a"), cluster="main", certificate_expires="2026-12-20T10:00:00Z"),
        dict(instance("b"), cluster="main", certificate_expires="2030-01-01T00:00:00Z"),
        dict(instance("c", {"cutover": "waiting"}, message="waits for x"), cluster="main"),
        dict(instance("d", {"trust": "failed"}, state="failed"), cluster="main"),
    ]
    return _report.document(NOW, "drift", given, findings, [CLUSTER, {"name": "second", "read": False}],
                            [{"object": "user dialer", "action": "create"}], **more)


def validate(report):
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(json.dumps(report)))


def test_documents_are_as_the_schema_says():
    validate(full_report(exit_code=4))
    validate(_report.document(NOW, "provisioning", check_mode=True))


@pytest.mark.parametrize("spoil", [
    lambda report: report.update(schema="voiceops.secure_tsp.report/2"),
    lambda report: report.update(more=1),
    lambda report: report["findings"][0].pop("fix"),
    lambda report: report["findings"][0].update(severity="sunny"),
    lambda report: report["instances"][0]["stages"].update(trust="sunny"),
    lambda report: report["instances"][0].update(certificate_expires="soon"),
    lambda report: report["run"].update(exit_code="2"),
    lambda report: report["totals"].pop("unreachable"),
])
def test_the_schema_refuses_what_is_otherwise(spoil):
    report = full_report()
    spoil(report)
    with pytest.raises(jsonschema.ValidationError):
        validate(report)


def test_the_stages_and_words_of_the_schema_are_those_of_the_code():
    definitions = SCHEMA["$defs"]
    assert definitions["state"]["enum"] == list(_report.STAGE_STATES)
    assert definitions["instance"]["properties"]["stages"]["required"] == list(_report.STAGES)
    assert definitions["instance"]["properties"]["health"]["enum"] == list(_report.HEALTH)
    assert definitions["finding"]["properties"]["severity"]["enum"] == list(_report.SEVERITIES)
    assert set(SCHEMA["properties"]["totals"]["required"]) == set(full_report()["totals"])


def test_totals():
    totals = full_report()["totals"]
    assert totals == {"instances": 4, "hosts": 1, "unreachable": 1, "healthy": 1, "drifted": 1, "waiting": 1, "failed": 1,
                      "unknown": 0, "critical": 2, "warning": 1, "info": 1}


def test_days_left_of_a_certificate():
    given = [instance("a", certificate_expires="2026-11-25T11:59:59Z"), instance("b", certificate_expires="2026-11-24T11:00:00Z"),
             instance("c")]
    assert [item["days_left"] for item in _report.document(NOW, "drift", given)["instances"]] == [0, -1, None]


def test_certificates_are_counted_by_month_with_the_worst_of_each():
    given = [
        instance("a", certificate_expires="2026-11-20T10:00:00Z"), instance("b", certificate_expires="2026-11-28T10:00:00Z"),
        instance("c", certificate_expires="2027-01-22T00:00:00Z"), instance("d", certificate_expires="2027-01-24T12:00:00Z"),
        instance("e"),
    ]
    assert _report.document(NOW, "drift", given, clusters=[CLUSTER])["expiry"] == [
        {"month": "2026-11", "count": 2, "servers": [], "severity": "critical"},
        {"month": "2026-12", "count": 0, "servers": ["CAPF of cucm-pub"], "severity": "warning"},
        {"month": "2027-01", "count": 2, "servers": [], "severity": "warning"},
    ]
    assert _report.document(NOW, "drift", given, soon_days=30)["expiry"][1]["severity"] == "ok"


def test_junit_has_a_case_for_whatever_a_finding_is_about():
    suite = ElementTree.fromstring(_report.junit(full_report()))
    verdicts = {(case.get("classname"), case.get("name")): [child.tag for child in case] for case in suite}
    assert verdicts == {
        ("main.recorder01", "a"): [],
        ("main.recorder01", "b"): ["failure"],
        ("main.recorder01", "c"): ["skipped"],
        ("main.recorder01", "d"): ["failure"],
        ("main.cluster", "main"): ["system-out"],
        ("second.cluster", "second"): [],
        ("main.user", "dialer"): ["failure"],
        ("fleet.host", "recorder09"): ["failure"],
    }
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped"), suite.get("errors")) == ("8", "4", "1", "0")
    failure = suite.find("testcase[@name='b']/failure")
    assert failure.get("type") == "ctl_stale" and failure.get("message") == "<&> ?"
    assert "Do it. ansible-playbook x" in failure.text


@pytest.mark.parametrize("name", ["a\x07b", "a\x00", "a\ufffe", "a\ud800", "<&>\"'\n"])
def test_junit_is_xml_whatever_the_names_are(name):
    findings = [dict(severity="warning", code="x", cluster=name, host=name, user=name, what=name, fix=name, command=name)]
    instances = [dict(cluster=name, host=name, user=name, instance_id=name, state=name, message=name)]
    text = _report.junit(_report.document("2026-11-28T19:00:00Z", "drift", instances=instances, findings=findings))
    assert ElementTree.fromstring(text).get("tests") == "2"
