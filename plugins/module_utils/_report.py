# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""What a run found, as one document: the same for JSON, JUnit XML and the page.

The time is an argument, so the same results give the same document. roles/report/files/report.schema.json describes it.
"""

from __future__ import annotations

import datetime
import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree

if TYPE_CHECKING:
    from typing import Any, Collection, Iterable, Mapping

    Row = Mapping[str, Any]

SCHEMA = "voiceops.secure_tsp.report/1"
STAGES = ("trust", "accounts", "profile", "certificate", "cutover", "verify")
STAGE_STATES = ("ok", "changed", "would", "waiting", "drift", "failed", "skipped", "unknown")
HEALTH = ("failed", "waiting", "drifted", "unknown", "healthy")
SEVERITIES = ("critical", "warning", "info")
SOON_DAYS = 60

NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def document(now: str, kind: str, instances: Iterable[Row] = (), findings: Iterable[Row] = (), clusters: Iterable[Row] = (),
             changes: Iterable[Row] = (), check_mode: bool = False, soon_days: int = SOON_DAYS,
             exit_code: int | None = None) -> dict[str, Any]:
    """The report of a run.

    now: ISO 8601 text in UTC. kind: such as C(drift) or C(provisioning). exit_code: what the run ends with, if known.
    instances: dicts with cluster, host, user, instance_id, stages {stage: state}, state, certificate_expires (ISO
    8601 or None) and message. findings: dicts with severity, code, cluster, host, user, instance_id, what, fix, command.
    clusters: dicts with name, hostname, release, mixed_mode, read, services, certificates, problems.
    changes: dicts with host, object, action. Missing keys are filled in; unknown ones are kept.
    """
    findings = sorted((_finding(item) for item in findings), key=_finding_order)
    own: dict[tuple[str, str, str], list[str]] = {}
    for finding in findings:
        own.setdefault((finding["cluster"], finding["host"], finding["instance_id"]), []).append(finding["severity"])
    today = _moment(now)
    instances = sorted((_instance(item, own, today) for item in instances), key=_instance_order)
    clusters = [_cluster(item) for item in clusters]
    health = [item["health"] for item in instances]
    severities = [item["severity"] for item in findings]
    return {
        "schema": SCHEMA,
        "generated": now,
        "run": {"kind": kind, "check_mode": bool(check_mode), "exit_code": exit_code},
        "totals": dict(
            instances=len(instances),
            hosts=len(set(item["host"] for item in instances)),
            unreachable=len(set(item["host"] for item in findings if item["code"] == "host_unreachable")),
            **dict([(word, health.count(word)) for word in HEALTH]
                   + [(word, severities.count(word)) for word in SEVERITIES])
        ),
        "instances": instances,
        "findings": findings,
        "clusters": clusters,
        "changes": [dict({"host": "", "object": "", "action": ""}, **item) for item in changes],
        "expiry": expiry_by_month(instances, clusters, now, soon_days),
    }


def _finding(given: Row) -> dict[str, Any]:
    finding = dict(code="other", cluster="", host="", user="", instance_id="", what="", fix="", command="")
    finding.update((name, value) for name, value in given.items() if value is not None)
    if finding.get("severity") not in SEVERITIES:
        finding["severity"] = "warning"
    return finding


def _finding_order(finding: Row) -> tuple[int, str, str, str, str, str]:
    return (SEVERITIES.index(finding["severity"]), finding["code"], finding["cluster"], finding["host"],
            finding["instance_id"], finding["what"])


def _instance(given: Row, own: Mapping[tuple[str, str, str], Collection[str]], today: datetime.datetime) -> dict[str, Any]:
    item: dict[str, Any] = dict(cluster="", host="", user="", instance_id="", state="", message="", certificate_expires=None)
    item.update(given)
    item["certificate_expires"] = item["certificate_expires"] or None
    item["remarks"] = list(given.get("remarks") or ())
    item["message"] = item["message"] or " ".join(item["remarks"])
    expires = _moment(item["certificate_expires"]) if item["certificate_expires"] else None
    item["days_left"] = (expires - today).days if expires else None
    stages = given.get("stages") or {}
    item["stages"] = dict(
        (stage, stages.get(stage) if stages.get(stage) in STAGE_STATES else "unknown") for stage in STAGES)
    item["health"] = _health(item["stages"].values(), own.get((item["cluster"], item["host"], item["instance_id"]), ()))
    return item


def _health(states: Collection[str], severities: Collection[str]) -> str:
    """The worst state in the stages and the findings of an instance."""
    if "failed" in states or "critical" in severities:
        return "failed"
    if "waiting" in states or "would" in states:
        return "waiting"
    if "drift" in states or "warning" in severities:
        return "drifted"
    return "unknown" if "unknown" in states else "healthy"


def _instance_order(item: Row) -> tuple[str, str, str]:
    return (item["cluster"], item["host"], item["instance_id"])


def _cluster(given: Row) -> dict[str, Any]:
    cluster: dict[str, Any] = dict(name="", hostname="", release="", mixed_mode=None, read=True)
    cluster.update(given)
    for name in ("services", "certificates", "problems"):
        cluster[name] = list(given.get(name) or ())
    return cluster


def expiry_by_month(instances: Iterable[Row], clusters: Iterable[Row], now: str, soon_days: int) -> list[dict[str, Any]]:
    """Which certificates expire in which month: C([{month, count, servers, severity}]), oldest first.

    count: certificates of instances; servers: those of clusters, in words. severity is critical when one of them has
    expired, warning when one does within soon_days, else ok.
    """
    today = _moment(now)
    soon = today + datetime.timedelta(days=soon_days)
    months: dict[str, dict[str, Any]] = {}

    def take(text: str | None) -> dict[str, Any] | None:
        """The updated month of a certificate; None for one that never expires."""
        if not text:
            return None
        expires = _moment(text)
        row = months.setdefault(expires.strftime("%Y-%m"), {"count": 0, "servers": [], "severity": "ok"})
        if expires <= today:
            row["severity"] = "critical"
        elif expires <= soon and row["severity"] == "ok":
            row["severity"] = "warning"
        return row

    for item in instances:
        row = take(item["certificate_expires"])
        if row:
            row["count"] += 1
    for cluster in clusters:
        for certificate in cluster["certificates"]:
            row = take(certificate.get("not_after"))
            if row:
                row["servers"].append("%s of %s" % (certificate.get("service", ""), certificate.get("node", "")))
    return [dict(months[month], month=month) for month in sorted(months)]


def _moment(text: str) -> datetime.datetime:
    return datetime.datetime.strptime(str(text)[:19], "%Y-%m-%dT%H:%M:%S")


def junit(report: Row) -> str:
    """The report as JUnit XML text.

    One test case for each instance, each cluster, and each user or host that a finding is about. Critical findings,
    warnings and failed stages are failures, as in the exit code of a search for drift; what waits or is not known is
    skipped.
    """
    suite = ElementTree.Element("testsuite", {
        "name": "voiceops.secure_tsp %s" % report["run"]["kind"], "timestamp": report["generated"].rstrip("Z"),
    })
    for (cluster, place, name), (item, findings) in _cases(report).items():
        case = ElementTree.SubElement(suite, "testcase", {
            "classname": "%s.%s" % (cluster or "fleet", place or "cluster"), "name": name})
        _add_verdict(case, item, findings)
    cases = list(suite)
    suite.set("tests", str(len(cases)))
    suite.set("failures", str(sum(1 for case in cases if case.find("failure") is not None)))
    suite.set("errors", "0")
    suite.set("skipped", str(sum(1 for case in cases if case.find("skipped") is not None)))
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + NOT_IN_XML.sub("?", ElementTree.tostring(suite, encoding="unicode")) + "\n"


def _cases(report: Row) -> dict[tuple[str, str, str], tuple[Row | None, list[Row]]]:
    """{(cluster, host or kind, name): (instance or None, findings)}."""
    cases: dict[tuple[str, str, str], tuple[Row | None, list[Row]]] = {}
    for item in report["instances"]:
        cases[item["cluster"], item["host"], item["instance_id"]] = (item, [])
    for cluster in report["clusters"]:
        cases[cluster["name"], "cluster", cluster["name"]] = (None, [])
    for finding in report["findings"]:
        cases.setdefault(_case_of(finding), (None, []))[1].append(finding)
    return cases


def _case_of(finding: Row) -> tuple[str, str, str]:
    cluster, host, user, instance_id = (finding[key] for key in ("cluster", "host", "user", "instance_id"))
    if instance_id:
        return cluster, host, instance_id
    if user:
        return cluster, "user", user
    if host:
        return cluster, "host", host
    return cluster, "cluster", cluster


def _add_verdict(case: ElementTree.Element, item: Row | None, findings: Iterable[Row]) -> None:
    text = "\n".join("%s %s: %s %s %s" % (one["severity"], one["code"], one["what"], one["fix"], one["command"]) for one in findings)
    health, told = (item["health"], item["message"] or item["state"]) if item else ("healthy", "")
    bad = [one for one in findings if one["severity"] != "info"]
    if bad or health in ("failed", "drifted"):
        message = bad[0]["what"] if bad else told or health
        ElementTree.SubElement(case, "failure", {
            "type": bad[0]["code"] if bad else health, "message": message}).text = text
    else:
        if health in ("waiting", "unknown"):
            ElementTree.SubElement(case, "skipped", {"message": told or health})
        if text:
            ElementTree.SubElement(case, "system-out").text = text
