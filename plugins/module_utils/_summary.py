# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The summary of a run: what needs a person first, a line for each instance, what changed on the clusters, and totals. Pure."""

from __future__ import annotations

import collections
from gettext import ngettext
from typing import TYPE_CHECKING

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _screen
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._model import key_of
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._outcome import by_key

if TYPE_CHECKING:
    from typing import Any, Collection, Container, Dict, Iterable, Mapping

    from ansible_collections.voiceops.secure_tsp.plugins.module_utils._model import Instance
    from ansible_collections.voiceops.secure_tsp.plugins.module_utils._outcome import Outcome

    Told = Dict[str, Any]  # a row of the summary
    Counts = Dict[str, Dict[str, Dict[str, int]]]

COLUMNS = (("host", "HOST"), ("user", "USER"), ("instance_id", "INSTANCE"), ("state", "STATE"), ("certificate_expires", "EXPIRES"))
FIRST_OF_BLOCK = ("INSTANCE", "STATE", "EXPIRES")
KEPT = ("cluster", "host", "user", "instance_id", "action", "certificate_expires", "verified_by", "state", "message",
        "changed", "failed", "remarks", "proven")
SUBJECT = ("cluster", "host", "user", "instance_id")
DIAGNOSE = "ansible-playbook voiceops.secure_tsp.diagnose -e secure_tsp_diagnose_instance=%s"
OK = "ok"  # verified by an earlier run, and nothing contradicts it
CLEAN, FAILED, UNREACHABLE = 0, 2, 4
HOST_OUTSIDE, HOST_UNKNOWN = "its host is outside --limit", "its host is not in this inventory"

# What a run changes on a cluster: (kind, action) of a step of the planner, and the words for one and for several.
TOLD_CHANGES = (
    (("user", "create"), "user created", "users created"),
    (("user", "update"), "user changed", "users changed"),
    (("user", "remove"), "user removed", "users removed"),
    (("devices", "set"), "user given devices", "users given devices"),
    (("group", "add_member"), "membership of a group added", "memberships of groups added"),
    (("group", "remove_member"), "membership of a group removed", "memberships of groups removed"),
    (("profile", "create"), "CAPF profile created", "CAPF profiles created"),
    (("profile", "arm"), "CAPF profile armed", "CAPF profiles armed"),
    (("profile", "disarm"), "CAPF profile disarmed", "CAPF profiles disarmed"),
    (("profile", "remove"), "CAPF profile removed", "CAPF profiles removed"),
)


def summary(instances: Iterable[Instance], outcomes: Iterable[Outcome], hosts: Container[str], failures: Mapping[str, str] | None = None,
            check_mode: bool = False, several: bool = False, away: Iterable[tuple[Instance, str]] = (),
            changes: Iterable[Iterable[str]] = ()) -> dict[str, Any]:
    """Dict of rows, totals, cluster_changes and lines.

    instances: those to report. outcomes: rows of all stages. hosts: hosts of the run. failures: {host: why it could not continue}.
    several: there are several clusters, so the cluster is shown too. away: (instance, why it is not in this run). changes:
    [cluster, kind, name, user, action], as the stages registered them, in check mode those that would happen.
    """
    known = by_key(outcomes)
    rows = [_row(instance, known.get(key_of(instance)), failures or {}) for instance in instances if instance["host"] in hosts]
    rows.sort(key=_rank)
    totals = collections.Counter(row["state"] for row in rows)
    counted = counts(changes)
    lines = table(rows, several) + _remarks(rows, several) + _away(away, several)
    lines += _changed(counted, several, check_mode) + [_totals(rows, totals, check_mode)]
    return {"rows": rows, "totals": dict(totals), "cluster_changes": counted, "lines": lines}


def _row(instance: Mapping[str, Any], found: Mapping[str, Any] | None, failures: Mapping[str, str]) -> Told:
    row = dict((key, (found or {}).get(key, "")) for key in KEPT)
    row.update((key, instance[key]) for key in SUBJECT)
    if instance["host"] in failures and not row["failed"]:
        row.update(state="failed", failed=True, message=failures[instance["host"]])
    elif found is None:
        row.update(state="not reached", failed=True, message="the run did not get to this instance")
    row["remarks"] = list(row["remarks"] or ())
    row["proven"] = row["proven"] or ""
    row["changed"], row["failed"] = bool(row["changed"]), bool(row["failed"])
    if not row["state"]:
        row["state"] = "failed" if row["failed"] else "seen"
    return row


def _rank(row: Told) -> int:
    """What failed, what waits for a person or has a remark, what changed, what is as before."""
    return (0 if row["failed"] else 1 if row["message"] or row["remarks"] else 2 if row["changed"] else 3)


def _shown(row: Told, key: str) -> str:
    value = row[key] or ""
    if key == "state" and value == OK:
        return "ok, verified %s" % (row["proven"][:10] if row["proven"] else "before")
    return (value[:10] if key == "certificate_expires" else value) or "-"


def table(rows: Collection[Told], several: bool, columns: tuple[tuple[str, str], ...] = COLUMNS) -> list[str]:
    """A line or a block for each row, below the titles. several: show the cluster too."""
    columns = ((("cluster", "CLUSTER"),) if several else ()) + columns
    titles = [title for key, title in columns]
    if not rows:
        return []
    return _screen.table(titles, [[_shown(row, key) for key, title in columns] for row in rows],
                         [titles.index(title) for title in FIRST_OF_BLOCK if title in titles])


def _place(one: Mapping[str, Any], several: bool) -> str:
    return "%s%s on %s" % ("%s/" % one["cluster"] if several else "", one["instance_id"], one["host"])


def _remarks(rows: Iterable[Told], several: bool) -> list[str]:
    """Each message, each remark and each way of verification once, with its instances."""
    about: dict[str, list[str]] = {}
    for row in rows:
        proof = ["verified by %s" % row["verified_by"]] if row["verified_by"] and row["state"] not in (OK, "failed") and not row["message"] else []
        for text in [row["message"]] * bool(row["message"]) + row["remarks"] + proof:
            about.setdefault(text, []).append(_place(row, several))
    return ["%s: %s" % (_screen.places(places), message) for message, places in about.items()]


def _away(away: Iterable[tuple[Instance, str]], several: bool) -> list[str]:
    """Listed instances that this run skipped."""
    about: dict[str, list[str]] = {}
    for instance, why in away:
        about.setdefault(why, []).append(_place(instance, several))
    return ["%s: not in this run, %s" % (_screen.places(places), why) for why, places in about.items()]


def counts(changes: Iterable[Iterable[str]]) -> Counts:
    """{cluster: {kind: {action: number}}}. The same step may have been registered on several hosts."""
    found: Counts = {}
    for cluster, kind, _name, _user, action in set(map(tuple, changes)):
        kinds = found.setdefault(cluster, {}).setdefault(kind, {})
        kinds[action] = kinds.get(action, 0) + 1
    return found


def _changed(counted: Counts, several: bool, check_mode: bool) -> list[str]:
    lines = []
    for cluster, kinds in sorted(counted.items()):
        parts = []
        for (kind, action), one, more in TOLD_CHANGES:
            number = kinds.get(kind, {}).get(action, 0)
            if number:
                parts.append("%d %s" % (number, one if number == 1 else more))
        lines.append("%s on %s: %s." % ("Would change" if check_mode else "Changed", "cluster %s" % cluster if several else "the cluster",
                                        ", ".join(parts)))
    return lines


def _totals(rows: Collection[Told], totals: Mapping[str, int], check_mode: bool) -> str:
    parts = ["%d %s" % (count, state) for state, count in sorted(totals.items())]
    hosts = len(set(row["host"] for row in rows))
    return "%d %s on %d %s: %s. %d %s." % (
        len(rows), ngettext("instance", "instances", len(rows)), hosts, ngettext("host", "hosts", hosts),
        "; ".join(parts) or "nothing listed", sum(1 for row in rows if row["changed"]),
        "would change" if check_mode else "changed")


def report(rows: Iterable[Told], clusters: Mapping[str, Mapping[str, Any]],
           failures: Mapping[str, str]) -> dict[str, list[dict[str, Any]]]:
    """The run as the role report takes it: instances, findings and clusters. failures: {cluster: why it could not continue}."""
    findings = [dict(
        severity="critical" if row["failed"] else "info", code="failed" if row["failed"] else "remark", what=text,
        fix="Find the first thing that does not work with the playbook diagnose." if row["failed"] else "",
        command=DIAGNOSE % row["instance_id"] if row["failed"] else "", **dict((key, row[key]) for key in SUBJECT))
        for row in rows for text in [row["message"]] * bool(row["failed"]) + row["remarks"]]
    findings += [dict(severity="critical", code="cluster_failed", cluster=name, what=text) for name, text in failures.items()]
    return dict(
        instances=[dict(row, stages=_stages(row)) for row in rows], findings=findings,
        clusters=[dict(name=name, hostname=cluster["hostname"], read=name not in failures) for name, cluster in clusters.items()])


def _stages(row: Told) -> dict[str, str]:
    """One state for the stages of an instance: what failed, waits or was changed is reported in its row, not stage by stage."""
    state = ("failed" if row["failed"] else "would" if row["state"].startswith("would") else "waiting" if row["message"]
             else "changed" if row["changed"] else "ok")
    return dict.fromkeys(("trust", "accounts", "profile", "cutover"), "skipped") | dict(certificate=state, verify=(
        "ok" if row["verified_by"] and not row["failed"] else "skipped"))


def statistic(kind: str, exit_: int, totals: Mapping[str, int], check_mode: bool, **more: Any) -> dict[str, Any]:
    """What a result registers as the custom statistic of a run, for workflows. The keys are the same for every playbook.

    kind: name of the playbook. exit_: what Ansible ends with. totals: {state: number}. more: keys that are not empty.
    """
    empty: dict[str, Any] = dict(cluster_changes={}, connections_cut=[], failed=[], not_in_this_run=[])
    return dict(per_host=False, aggregate=False, data=dict(secure_tsp=dict(
        empty, kind=kind, exit=exit_, totals=dict(totals), check_mode=check_mode, **more)))


def exit_code(rows: Iterable[Told], failures: Collection[str], unreachable: Collection[str]) -> int:
    """The exit code of Ansible. failures: of clusters. unreachable: hosts that could not be reached."""
    if unreachable:
        return UNREACHABLE
    return FAILED if failures or any(row["failed"] for row in rows) else CLEAN
