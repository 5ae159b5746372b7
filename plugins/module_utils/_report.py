# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""What a run found, as one document: the same for JSON, JUnit XML and the page.

The time is an argument, so the same results give the same document.
"""

from __future__ import annotations

import datetime
from xml.etree import ElementTree

SCHEMA = "voiceops.secure_tsp.report/1"
STAGES = ("trust", "accounts", "armed", "certificate", "cutover", "verify")
STAGE_STATES = ("ok", "changed", "would", "waiting", "failed", "skipped", "unknown")
SEVERITIES = ("critical", "warning", "info")
SOON_DAYS = 60


def document(now, kind, instances=(), findings=(), clusters=(), changes=(), check_mode=False, soon_days=SOON_DAYS):
    """The report of a run.

    now: ISO 8601 text in UTC. kind: such as C(drift) or C(provisioning).
    instances: dicts with cluster, host, user, instance_id, stages {stage: state}, state, certificate_expires (ISO
    8601 or None) and message. findings: dicts with severity, cluster, host, user, instance_id, what, fix.
    clusters: dicts with name, hostname, release, mixed_mode, services, certificates, problems.
    changes: dicts with host, object, action. Missing keys are filled in; unknown ones are kept.
    """
    findings = sorted((_finding(item) for item in findings), key=_finding_order)
    instances = sorted((_instance(item, findings) for item in instances), key=_instance_order)
    health = [item["health"] for item in instances]
    severities = [item["severity"] for item in findings]
    return {
        "schema": SCHEMA,
        "generated": now,
        "run": {"kind": kind, "check_mode": bool(check_mode)},
        "totals": {
            "instances": len(instances),
            "hosts": len({item["host"] for item in instances}),
            "healthy": health.count("healthy"),
            "waiting": health.count("waiting"),
            "failed": health.count("failed"),
            "critical": severities.count("critical"),
            "warning": severities.count("warning"),
            "info": severities.count("info"),
        },
        "instances": instances,
        "findings": findings,
        "clusters": [_cluster(item) for item in clusters],
        "changes": [dict(item) for item in changes],
        "expiry": expiry_by_month(instances, now, soon_days),
    }


def _finding(given):
    finding = dict(cluster="", host="", user="", instance_id="", what="", fix="")
    finding.update((name, value) for name, value in given.items() if value is not None)
    if finding.get("severity") not in SEVERITIES:
        finding["severity"] = "warning"
    return finding


def _finding_order(finding):
    return (SEVERITIES.index(finding["severity"]), finding["cluster"], finding["host"], finding["instance_id"], finding["what"])


def _instance(given, findings):
    item = dict(cluster="", host="", user="", instance_id="", state="", message="", certificate_expires=None)
    item.update(given)
    stages = given.get("stages") or {}
    item["stages"] = {
        stage: stages.get(stage) if stages.get(stage) in STAGE_STATES else "unknown" for stage in STAGES
    }
    item["health"] = _health(item, findings)
    return item


def _health(item, findings):
    """failed, waiting, drifted or healthy: the worst of what the stages and the findings of the instance say."""
    states = item["stages"].values()
    own = [finding["severity"] for finding in findings
           if (finding["host"], finding["instance_id"]) == (item["host"], item["instance_id"])]
    if "failed" in states or "critical" in own:
        return "failed"
    if "waiting" in states or "would" in states:
        return "waiting"
    return "drifted" if "warning" in own else "healthy"


def _instance_order(item):
    return (item["cluster"], item["host"], item["instance_id"])


def _cluster(given):
    cluster = dict(name="", hostname="", release="", mixed_mode=None)
    cluster.update(given)
    for name in ("services", "certificates", "problems"):
        cluster[name] = list(given.get(name) or ())
    return cluster


def expiry_by_month(instances, now, soon_days):
    """How many certificates expire in which month: C([{month, count, severity}]), oldest first.

    severity is critical when one of them has expired, warning when one does within soon_days, else ok.
    """
    today = _moment(now)
    soon = today + datetime.timedelta(days=soon_days)
    months = {}
    for item in instances:
        expires = _moment(item["certificate_expires"])
        if expires is None:
            continue
        severity = "critical" if expires <= today else "warning" if expires <= soon else "ok"
        months.setdefault(expires.strftime("%Y-%m"), []).append(severity)
    worst = ("critical", "warning", "ok")
    return [
        {"month": month, "count": len(severities), "severity": min(severities, key=worst.index)}
        for month, severities in sorted(months.items())
    ]


def _moment(text):
    if not text:
        return None
    return datetime.datetime.strptime(str(text)[:19], "%Y-%m-%dT%H:%M:%S")


def junit(report):
    """The report as JUnit XML text: a test case per instance, a failure per instance with a critical finding."""
    suite = ElementTree.Element("testsuite", {
        "name": "voiceops.secure_tsp %s" % report["run"]["kind"],
        "tests": str(len(report["instances"])),
        "failures": str(report["totals"]["failed"]),
        "skipped": str(report["totals"]["waiting"]),
        "timestamp": report["generated"].rstrip("Z"),
    })
    for item in report["instances"]:
        case = ElementTree.SubElement(suite, "testcase", {
            "classname": "%s.%s" % (item["cluster"] or "cluster", item["host"]), "name": item["instance_id"],
        })
        own = [finding for finding in report["findings"]
               if (finding["host"], finding["instance_id"]) == (item["host"], item["instance_id"])]
        text = "\n".join("%s: %s %s" % (finding["severity"], finding["what"], finding["fix"]) for finding in own)
        if item["health"] == "failed":
            failure = ElementTree.SubElement(case, "failure", {"message": item["message"] or item["state"] or "failed"})
            failure.text = text
        elif item["health"] == "waiting":
            ElementTree.SubElement(case, "skipped", {"message": item["message"] or item["state"] or "waiting"})
        if text and item["health"] != "failed":
            ElementTree.SubElement(case, "system-out").text = text
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(suite, encoding="unicode") + "\n"
