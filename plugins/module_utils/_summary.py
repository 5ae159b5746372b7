# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The summary of a run: a table with a line for each instance, what needs a person, and totals. Pure."""

from __future__ import annotations

import collections
from gettext import ngettext

from ansible_collections.voiceops.secure_tsp.plugins.module_utils._model import key_of
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._outcome import by_key

COLUMNS = (
    ("host", "HOST"), ("user", "USER"), ("instance_id", "INSTANCE"), ("action", "ACTION"),
    ("certificate_expires", "EXPIRES"), ("state", "STATE"), ("verified_by", "VERIFIED BY"),
)
KEPT = ("cluster", "host", "user", "instance_id", "action", "certificate_expires", "verified_by", "state", "message",
        "changed", "failed", "remarks")


def summary(instances, outcomes, hosts, failures=None, check_mode=False, several=False):
    """Dict of rows, totals and lines.

    instances: those to be told. outcomes: rows of all stages. hosts: hosts of the run. failures: {host: why it could not go on}.
    several: there are several clusters, so that the cluster is told, too.
    """
    known = by_key(outcomes)
    rows = [_row(instance, known.get(key_of(instance)), failures or {}) for instance in instances if instance["host"] in hosts]
    totals = collections.Counter(row["state"] for row in rows)
    lines = _table(rows, several) + _remarks(rows, several) + [_totals(rows, totals, check_mode)]
    return {"rows": rows, "totals": dict(totals), "lines": lines}


def _row(instance, found, failures):
    row = dict((key, (found or {}).get(key, "")) for key in KEPT)
    row.update((key, instance[key]) for key in ("cluster", "host", "user", "instance_id"))
    if instance["host"] in failures and not row["failed"]:
        row.update(state="failed", failed=True, message=failures[instance["host"]])
    elif found is None:
        row.update(state="not reached", failed=True, message="the run did not get to this instance")
    row["remarks"] = list(row["remarks"] or ())
    row["changed"], row["failed"] = bool(row["changed"]), bool(row["failed"])
    if not row["state"]:
        row["state"] = "failed" if row["failed"] else "seen"
    return row


def _shown(row, key):
    value = "" if row[key] == "none" else row[key] or ""
    return (value[:10] if key == "certificate_expires" else value) or "-"


def _table(rows, several):
    columns = ((("cluster", "CLUSTER"),) if several else ()) + COLUMNS
    cells = [[title for key, title in columns]] + [[_shown(row, key) for key, title in columns] for row in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(len(columns))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in cells]


def _remarks(rows, several):
    """Each message and each remark once, with the instances that it is about."""
    about = {}
    for row in rows:
        cluster = "%s/" % row["cluster"] if several else ""
        for text in [row["message"]] * bool(row["message"]) + row["remarks"]:
            about.setdefault(text, []).append("%s%s on %s" % (cluster, row["instance_id"], row["host"]))
    return ["%s: %s" % (", ".join(places), message) for message, places in about.items()]


def _totals(rows, totals, check_mode):
    parts = ["%d %s" % (count, state) for state, count in sorted(totals.items())]
    hosts = len(set(row["host"] for row in rows))
    return "%d %s on %d %s: %s. %d %s." % (
        len(rows), ngettext("instance", "instances", len(rows)), hosts, ngettext("host", "hosts", hosts),
        "; ".join(parts) or "nothing listed", sum(1 for row in rows if row["changed"]),
        "would change" if check_mode else "changed")
