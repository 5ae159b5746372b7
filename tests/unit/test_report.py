# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from xml.etree import ElementTree

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
    ({"cutover": "waiting"}, None, "waiting"),
    ({"certificate": "would"}, "warning", "waiting"),
    ({"certificate": "failed", "cutover": "waiting"}, None, "failed"),
])
def test_the_health_of_an_instance_is_its_worst_sign(stages, severity, health):
    findings = [dict(severity=severity, host="recorder01", instance_id="a", what="x")] if severity else []
    report = _report.document(NOW, "drift", [instance("a", stages)], findings)
    assert report["instances"][0]["health"] == health
    counted = {"healthy": "healthy", "waiting": "waiting", "failed": "failed"}.get(health)
    if counted:
        assert report["totals"][counted] == 1


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


def test_certificates_are_counted_by_month_with_the_worst_of_each():
    dates = ["2026-11-01T00:00:00Z", "2026-11-30T00:00:00Z", "2027-01-23T11:59:59Z", "2027-01-24T00:00:00Z", "2031-05-05T00:00:00Z", None]
    report = _report.document(NOW, "drift", [instance(str(n), certificate_expires=date) for n, date in enumerate(dates)])
    assert report["expiry"] == [
        {"month": "2026-11", "count": 2, "severity": "critical"},
        {"month": "2027-01", "count": 2, "severity": "warning"},
        {"month": "2031-05", "count": 1, "severity": "ok"},
    ]


def test_junit_tells_failures_skips_and_warnings_apart_and_escapes():
    findings = [dict(severity="warning", host="recorder01", instance_id="b", what="expires <soon> & \"so\"", fix="renew")]
    given = [instance("a", {"verify": "failed"}, message="refused <7>"), instance("b"), instance("c", {"cutover": "waiting"})]
    suite = ElementTree.fromstring(_report.junit(_report.document(NOW, "drift", given, findings)).encode("utf-8"))
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("3", "1", "1")
    a, b, c = suite
    assert a.find("failure").get("message") == "refused <7>"
    assert b.find("system-out").text == 'warning: expires <soon> & "so" renew'
    assert c.find("skipped") is not None and a.get("classname") == "cluster.recorder01"
