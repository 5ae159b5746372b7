# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Results of runs, as variables of the role report: of a fleet in every state, of none, and of a thousand instances."""

from __future__ import annotations

import itertools

STAGES = ("trust", "accounts", "profile", "certificate", "cutover", "verify")
FINE = dict.fromkeys(STAGES, "ok")
HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>\"'&amp;"
LONG = "a-host-with-a-name-that-is-as-long-as-a-name-of-a-host-may-be.branch-office-number-seventeen.example.com"
NODE = "cucm-pub.example.com"
MAIN = {
    "name": "main", "hostname": NODE, "release": "14.0.1.13900(155)", "mixed_mode": True, "read": True,
    "services": [{"node": NODE, "service": name, "activated": activated, "running": running} for name, activated, running in (
        ("Cisco CallManager", True, True), ("Cisco CTIManager", True, False), ("Cisco Tftp", True, None),
        ("Cisco Certificate Authority Proxy Function", False, None))],
    "certificates": [{"node": NODE, "service": service, "subject": "CN=" + NODE, "not_after": end} for service, end in (
        ("CAPF", "2030-03-01T00:00:00Z"), ("CallManager", "2026-01-01T00:00:00Z"), ("tomcat", "2041-05-06T00:00:00Z"))],
    "problems": ["Cisco CTIManager does not run on %s (Stopped)." % NODE],
}
SECOND = {"name": "second", "hostname": "cucm2.example.com", "read": False, "mixed_mode": None}


def instance(host, number, stages=None, cluster="main", **more):
    return {"cluster": cluster, "host": host, "user": "recorder_tapi", "instance_id": "%sx%d" % (host.replace("-", ""), number),
            "stages": {**FINE, **(stages or {})}, "state": "in line", "message": "",
            "certificate_expires": "2031-11-24T10:00:00Z", **more}


def finding(severity, code, of=None, what="CTI Manager sees no open provider of user recorder_tapi from 192.0.2.31.", **more):
    place = {key: of[key] for key in ("cluster", "host", "user", "instance_id")} if of else {}
    return {"severity": severity, "code": code, "what": what, "fix": "Start the application, then see whether it connects.",
            "command": "ansible-playbook voiceops.secure_tsp.verify --limit %s" % place.get("host", "all"), **place, **more}


def mixed():
    """Each state of each stage, each severity, names that are long or hostile, two clusters."""
    rows = [
        instance("recorder01", 1),
        instance("recorder01", 2, {"certificate": "failed", "verify": "skipped"}, certificate_expires="2026-01-05T00:00:00Z",
                 message="The certificate expired on 2026-01-05T00:00:00Z."),
        instance("recorder02", 1, {"verify": "drift"}),
        instance("recorder03", 1, {"cutover": "waiting", "verify": "skipped"}, state="enrolled, waiting for cutover"),
        instance("recorder04", 1, {"certificate": "changed", "profile": "changed"}),
        instance("recorder05", 1, {"certificate": "would", "profile": "would"}, certificate_expires=None),
        instance("recorder06", 1, dict.fromkeys(("trust", "certificate"), "unknown"), cluster="second", state="not reached",
                 certificate_expires=None),
        instance(LONG, 1, cluster="second", certificate_expires="2030-03-24T10:00:00Z"),
        instance("hostile01", 1, message=HOSTILE, user=HOSTILE),
    ]
    return {
        "report_kind": "drift", "report_exit_code": 4, "report_title": "Secure TSP fleet " + HOSTILE,
        "report_instances": rows, "report_clusters": [MAIN, SECOND],
        "report_findings": [
            finding("critical", "certificate_expired", rows[1], "The certificate expired on 2026-01-05T00:00:00Z."),
            finding("critical", "host_unreachable", host="recorder06", what="The host could not be reached."),
            finding("critical", "cluster_not_read", cluster="second", what="The cluster could not be read. " + "x" * 180),
            finding("warning", "provider_not_seen", rows[2]),
            finding("warning", "ctl_stale", rows[7], command=""),
            finding("warning", "user_devices", cluster="main", user="recorder_tapi", what=HOSTILE, fix=HOSTILE, command=HOSTILE),
            finding("info", "cluster_doubt", cluster="main", command=""),
        ],
        "report_changes": [{"host": "recorder04", "object": "certificate of recorder04x1", "action": "renewed"},
                           {"host": "", "object": "profile recorder04x1 " + HOSTILE, "action": "arm"}],
    }


def none():
    return {"report_kind": "provisioning"}


def thousand():
    """500 hosts with two instances each; every 7th has a finding, one in 40 a certificate that failed."""
    rows, findings = [], []
    years = itertools.cycle(("2027", "2028", "2029", "2031"))
    for number in range(1000):
        host = "recorder%03d" % (number // 2)
        stages = {"certificate": "failed"} if number % 40 == 3 else {"verify": "drift"} if number % 9 == 0 else {}
        rows.append(instance(host, number % 2 + 1, stages, user="recorder_tapi%02d" % (number % 20),
                             certificate_expires="%s-%02d-12T10:00:00Z" % (next(years), number % 12 + 1)))
        if number % 7 == 0:
            severity, code = (("critical", "key_missing"), ("warning", "provider_not_seen"), ("info", "not_probed"))[number % 3]
            findings.append(finding(severity, code, rows[-1]))
    return {"report_kind": "drift", "report_exit_code": 2, "report_instances": rows, "report_findings": findings,
            "report_clusters": [MAIN]}


FLEETS = {"mixed": mixed, "none": none, "thousand": thousand}
