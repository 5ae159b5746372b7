# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: tsp_findings
short_description: What is wrong with the TSPs of a fleet of Windows hosts
description:
  - Judges what the role P(voiceops.secure_tsp.client_windows#role) read from all hosts, including what only shows when hosts
    are compared. The same certificate on two hosts, as after cloning a machine.
options:
  _input:
    description: C(client_windows_facts) by host.
    type: dict
    required: true
  host:
    description: Host whose findings are wanted.
    type: str
    required: true
  drift:
    description: C(drift) of P(voiceops.secure_tsp.tsp_settings#filter) for this host.
    type: list
    elements: dict
    default: []
  ports:
    description: Results of trying the ports of P(voiceops.secure_tsp.host_ports#filter) from this host.
    type: list
    elements: dict
    default: []
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
"""

EXAMPLES = r"""
- name: Show what is wrong
  ansible.builtin.debug:
    msg: "{{ {inventory_hostname: client_windows_facts} | voiceops.secure_tsp.tsp_findings(host=inventory_hostname) }}"
"""

RETURN = r"""
_value:
  description: Findings as the filter P(voiceops.secure_tsp.report_document#filter) takes them.
  type: list
  elements: dict
"""

CURES = {
    "missing": ("critical", "There is no certificate.", "Run the enrolment."),
    "unreadable": ("critical", "The certificate cannot be read.", "Run the enrolment again."),
    "key_lost": ("critical", "The certificate is there, the file with its key is not.", "Run the enrolment again."),
    "expired": ("critical", "The certificate has expired.", "Run the enrolment again."),
    "wrong_issuer": ("critical", "The certificate was not issued by the cluster's present CAPF certificate.",
                     "Run the enrolment again; the TSP also needs the cluster's present trust list."),
    "expiring": ("warning", "The certificate expires soon.", "Run the enrolment again."),
}


def tsp_findings(facts, host, drift=(), ports=()):
    """See DOCUMENTATION."""
    mine = facts[host]
    found = list(_of_services(mine, host))
    for row in mine["instances"]:
        found += _of_instance(row, host)
        found += _of_duplicates(row, host, facts)
    for row in drift:
        found.append(_finding("warning", host, None, "%s: %s instead of %s." % (row["setting"], row["found"], row["value"]),
                              "Set it in %s, or run the role." % row["place"], instance_id=row["instance_id"]))
    for result in ports:
        if "msg" in result:  # only a port that does not answer has a message
            place = result["item"]
            found.append(_finding(
                "critical", host, None,
                "%s at %s, TCP port %s, is not reachable from this host." % (place["service"], place["host"], place["port"]),
                "Open the firewall; for secure CTI it needs TCP 2749, TCP 3804 and UDP 69.", cluster=place["cluster"]))
    return found


def _finding(severity, host, instance, what, fix, **more):
    of_instance = dict((key, instance[key]) for key in ("cluster", "user", "instance_id")) if instance else {}
    return {"severity": severity, "cluster": "", "host": host, "user": "", "instance_id": "", "what": what, "fix": fix,
            **of_instance, **more}


def _of_services(facts, host):
    telephony = facts["services"].get("TapiSrv")
    if telephony is None:
        yield _finding("critical", host, None, "There is no Telephony service.", "Install Windows' Telephony service.")
    elif telephony["state"] not in ("started", "running"):
        yield _finding("critical", host, None, "The Telephony service is %s." % telephony["state"], "Start it.")


def _of_instance(row, host):
    instance, number = row["item"], row["tsp_number"]
    if not row["installed"]:
        yield _finding("critical", host, instance, "TSP %03d is not in TAPI's list of providers." % number,
                       "Install the plug-in, or add the instance with its installer.")
    reason = row["needs_certificate"]["reason"]
    if reason in CURES:
        severity, what, fix = CURES[reason]
        yield _finding(severity, host, instance, what, fix)
    for remark in row["remarks"]:
        yield _finding("warning", host, instance, remark, "Fetch the certificate again from the TSP's dialog.")


def _of_duplicates(row, host, facts):
    if row["certificate"] is None:
        return
    instance, print_ = row["item"], row["certificate"]["sha256_fingerprint"]
    others = sorted(
        "%s (%s)" % (other["item"]["instance_id"], name)
        for name, seen in facts.items() for other in seen["instances"]
        if other["certificate"] is not None and other["certificate"]["sha256_fingerprint"] == print_
        and (name, other["tsp_number"]) != (host, row["tsp_number"]))
    if others:
        yield _finding(
            "critical", host, instance, "The same certificate is in use as %s." % ", ".join(others),
            "One certificate carries one connection; two throw each other out and spoil it. Give each instance an "
            "instance_id of its own and enrol it.")


class FilterModule:
    """Findings about Windows TSPs."""

    def filters(self):
        return {"tsp_findings": tsp_findings}
