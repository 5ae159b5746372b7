# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: fleet_summary
short_description: Summary of a run, one line per TSP instance and totals
description:
  - Puts the rows of all hosts together with the lists, so that instances nobody reached are in it too.
options:
  _input:
    description: Completed instances, from the filter P(voiceops.secure_tsp.fleet#filter).
    type: list
    elements: dict
    required: true
  outcomes:
    description: Rows of all hosts, from P(voiceops.secure_tsp.verification_results#filter) or an earlier stage.
    type: list
    elements: dict
    required: true
  hosts:
    description: Hosts of the play. Instances on other hosts are left out.
    type: list
    elements: str
    required: true
  failures:
    description: Messages of hosts on which the run ended early, by host.
    type: dict
    default: {}
  check_mode:
    description: Whether the run only told what it would change.
    type: bool
    default: false
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
"""

EXAMPLES = r"""
- name: Print the summary
  ansible.builtin.debug:
    msg: "{{ (my_instances | voiceops.secure_tsp.fleet_summary(outcomes=my_outcomes, hosts=ansible_play_hosts_all)).lines }}"
"""

RETURN = r"""
_value:
  description:
    - C(rows), one per instance with C(cluster), C(host), C(user), C(instance_id), C(action), C(certificate_expires),
      C(verified_by), C(state), C(message), C(changed) and C(failed).
    - C(lines), the same as a table for people, and C(totals), the number of instances by state.
  type: dict
"""

import collections
from gettext import ngettext

COLUMNS = (
    ("host", "HOST"), ("user", "USER"), ("instance_id", "INSTANCE"), ("action", "ACTION"),
    ("certificate_expires", "EXPIRES"), ("state", "STATE"), ("verified_by", "VERIFIED BY"),
)
KEPT = ("cluster", "host", "user", "instance_id", "action", "certificate_expires", "verified_by", "state", "message",
        "changed", "failed")


def fleet_summary(instances, outcomes, hosts, failures=None, check_mode=False):
    """See DOCUMENTATION."""
    known = dict(((row["cluster"], row["instance_id"]), row) for row in outcomes)
    rows = [
        _row(instance, known.get((instance["cluster"], instance["instance_id"])), failures or {})
        for instance in instances if instance["host"] in hosts
    ]
    totals = collections.Counter(row["state"] for row in rows)
    several = len(set(instance["cluster"] for instance in instances)) > 1
    lines = _table(rows, several) + _remarks(rows, several) + [_totals(rows, totals, check_mode)]
    return {"rows": rows, "totals": dict(totals), "lines": lines}


def _row(instance, found, failures):
    row = dict((key, (found or {}).get(key, "")) for key in KEPT)
    row.update((key, instance[key]) for key in ("cluster", "host", "user", "instance_id"))
    if instance["host"] in failures and not row["failed"]:
        row.update(state="failed", failed=True, message=failures[instance["host"]])
    elif found is None:
        row.update(state="not reached", failed=True, message="the run did not get to this instance")
    row["changed"], row["failed"] = bool(row["changed"]), bool(row["failed"])
    if not row["state"]:
        row["state"] = "failed" if row["failed"] else "seen"
    return row


def _shown(row, key):
    value = "" if row[key] == "none" else row[key] or ""
    return (value[:10] if key == "certificate_expires" else value) or "-"


def _table(rows, several):
    """several: there are several clusters, so that the cluster is told, too."""
    columns = ((("cluster", "CLUSTER"),) if several else ()) + COLUMNS
    cells = [[title for key, title in columns]] + [[_shown(row, key) for key, title in columns] for row in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(len(columns))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in cells]


def _remarks(rows, several):
    """Each message once, with the instances that it is about."""
    about = {}
    for row in rows:
        if row["message"]:
            cluster = "%s/" % row["cluster"] if several else ""
            about.setdefault(row["message"], []).append("%s%s on %s" % (cluster, row["instance_id"], row["host"]))
    return ["%s: %s" % (", ".join(places), message) for message, places in about.items()]


def _totals(rows, totals, check_mode):
    parts = ["%d %s" % (count, state) for state, count in sorted(totals.items())]
    hosts = len(set(row["host"] for row in rows))
    return "%d %s on %d %s: %s. %d %s." % (
        len(rows), ngettext("instance", "instances", len(rows)), hosts, ngettext("host", "hosts", hosts),
        "; ".join(parts) or "nothing listed", sum(1 for row in rows if row["changed"]),
        "would change" if check_mode else "changed")


class FilterModule:
    """The summary of a run."""

    def filters(self):
        return {"fleet_summary": fleet_summary}
