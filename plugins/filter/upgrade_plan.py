# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: upgrade_plan
short_description: Decide which TSP instances get a new certificate, and why
description:
  - Judges the rows of all hosts. An instance gets a new certificate when its own is expired, expires soon, was issued by a CAPF that is
    not in the trust list, does not fit its key, cannot be read or was left half renewed, when its key is weak, when another
    instance has the same certificate, and when it is named.
  - An instance that is known to be compromised never gets one, since only a new C(instance_id) helps. One that never had a
    certificate is left to the playbook C(voiceops.secure_tsp.site).
options:
  _input:
    description: Completed instances, from the filter P(voiceops.secure_tsp.fleet#filter).
    type: list
    elements: dict
    required: true
  outcomes:
    description: Rows of all hosts, from the filter P(voiceops.secure_tsp.instance_outcomes#filter).
    type: list
    elements: dict
    required: true
  hosts:
    description: Hosts of the play. Instances on other hosts are left out.
    type: list
    elements: str
    required: true
  named:
    description: Instance IDs, or C(cluster/instance_id), that get a new certificate in any case.
    type: list
    elements: str
    default: []
  compromised:
    description: The same, of instances that CTI Manager holds for compromised.
    type: list
    elements: str
    default: []
  issued_before:
    description:
      - Named instances whose certificate begins at this moment or after it have got theirs already. Seconds since 1970, or ISO 8601
        in UTC such as V(2026-11-25T22:00:00Z). Nothing, or empty, renews every named one.
    type: raw
  lists:
    description:
      - Results of looping M(voiceops.secure_tsp.ctl_file) in check mode, which fetched lists and did not store them. An instance
        whose issuer is in none of its cluster's lists would get a certificate, too.
    type: list
    elements: dict
    default: []
  batches:
    description:
      - How the plan is carried out, for people, with C(size), C(canary) and C(max_failures) as
        P(voiceops.secure_tsp.enrolment_progress#filter) takes them. If not set, the plan does not say so.
    type: dict
  weak_below:
    description: Bits by type of key. A key with fewer is weak.
    type: dict
    default: {rsa: 2048, ec: 256}
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
"""

EXAMPLES = r"""
- name: Show which instances would get a new certificate
  ansible.builtin.debug:
    msg: "{{ (my_instances | voiceops.secure_tsp.upgrade_plan(outcomes=my_outcomes, hosts=ansible_play_hosts_all)).lines }}"
"""

RETURN = r"""
_value:
  description: The plan.
  type: dict
  contains:
    rows:
      description:
        - The rows, with C(needed), C(reason) and C(explanation) as they were decided, and C(upgrade), which is V(due), V(not_due),
          V(proof) (the certificate is new and only its proof is missing), V(compromised), V(not_provisioned) or V(failed).
      type: list
      elements: dict
    lines:
      description: The same for people, with totals.
      type: list
      elements: str
"""

import collections
import datetime
from gettext import ngettext

ISO = "%Y-%m-%dT%H:%M:%SZ"
WEAK = {"rsa": 2048, "ec": 256}
# What is to be done about an instance.
DUE = "due"
NOT_DUE = "not_due"
PROOF = "proof"
COMPROMISED = "compromised"
NOT_PROVISIONED = "not_provisioned"
FAILED = "failed"
# Reasons of capf_certificate_info, and further ones.
MISSING = "missing"
WRONG_ISSUER = "wrong_issuer"
WEAK_KEY = "weak_key"
DUPLICATE = "duplicate"
NAMED = "named"
NEEDS_NEW_ID = (
    "Its certificate is compromised: it needs a new instance_id in the list. No certificate was asked for. Find the second user of "
    "the old one, usually a cloned machine.")
NEVER_ENROLLED = "It has no certificate yet. Provision it with voiceops.secure_tsp.site."


class Planner:
    def __init__(self, outcomes, named, compromised, issued_before, lists, weak_below):
        self.named = set(named)
        self.compromised = set(compromised)
        self.issued_before = moment(issued_before)
        self.subjects = collections.defaultdict(set)
        for result in lists:
            for certificate in (result.get("ctl") or {"certificates": ()})["certificates"]:
                self.subjects[result["item"]["cluster"]].add(_parts(certificate["subject"]))
        self.weak_below = weak_below
        self.holders = collections.defaultdict(list)
        for row in outcomes:
            if row["certificate_fingerprint"]:
                self.holders[row["certificate_fingerprint"]].append(row)

    def decided(self, row):
        """The row with what is to be done about it."""
        if _named(row, self.compromised):
            return dict(row, upgrade=COMPROMISED, needed=False, compromised=True, message=NEEDS_NEW_ID)
        if row["failed"] or row["needed"] is None:
            return dict(row, upgrade=FAILED, failed=True, message=row["message"] or "The run did not get to this instance.")
        if row["needed"] and row["reason"] == MISSING:
            return dict(row, upgrade=NOT_PROVISIONED, needed=False, message=NEVER_ENROLLED)
        causes = list(self._causes(row))
        if causes:
            return dict(row, upgrade=DUE, needed=True, reason=causes[0][0],
                        explanation=" ".join(sentence for _reason, sentence in causes))
        return dict(row, upgrade=PROOF if row["unconfirmed"] else NOT_DUE, needed=False)

    def _causes(self, row):
        """(reason, sentence) of each; what the host says comes first."""
        if row["needed"]:
            yield row["reason"], row["explanation"]
        if row["reason"] != WRONG_ISSUER and self._superseded(row):
            yield WRONG_ISSUER, "The CAPF that issued it is not in the cluster's new trust list."
        if self._is_weak(row):
            yield WEAK_KEY, "Its key is weak: %s of %s bits." % (row["certificate_key"][0].upper(), row["certificate_key"][1])
        others = self._others(row)
        if others:
            yield DUPLICATE, "The same certificate is used by %s." % ", ".join(others)
        if _named(row, self.named) and not self._done(row):
            yield NAMED, "It was named."

    def _superseded(self, row):
        known = self.subjects.get(row["cluster"])
        return bool(known and row["certificate_issuer"]) and _parts(row["certificate_issuer"]) not in known

    def _is_weak(self, row):
        kind, size = row["certificate_key"] or (None, None)
        return bool(size) and int(size) < int(self.weak_below.get(kind, 0))

    def _others(self, row):
        return sorted(
            "%s on %s" % (other["instance_id"], other["host"]) for other in self.holders[row["certificate_fingerprint"]]
            if _key(other) != _key(row)) if row["certificate_fingerprint"] else []

    def _done(self, row):
        begins = moment(row["certificate_begins"])
        return bool(self.issued_before and begins and begins >= self.issued_before)


def moment(value):
    """Naive UTC of seconds since 1970 or of ISO 8601, None of nothing."""
    if value in (None, ""):
        return None
    text = str(value)
    try:
        return datetime.datetime.strptime(text, ISO)
    except ValueError:
        return datetime.datetime.fromtimestamp(float(text), datetime.timezone.utc).replace(tzinfo=None)


def _parts(name):
    """The parts of a distinguished name, whatever their order."""
    return frozenset(part.strip() for part in name.split(","))


def _key(row):
    return row["cluster"], row["instance_id"]


def _named(row, names):
    return row["instance_id"] in names or "%s/%s" % _key(row) in names


def upgrade_plan(instances, outcomes, hosts, named=(), compromised=(), issued_before=None, lists=(), batches=None,
                 weak_below=None):
    """See DOCUMENTATION."""
    planner = Planner(outcomes, named, compromised, issued_before, lists, weak_below or WEAK)
    rows = [planner.decided(row) for row in outcomes]
    present = [one for one in instances if one["state"] == "present" and one["host"] in hosts]
    return {
        "rows": rows,
        "lines": _table([row for row in rows if row["upgrade"] == DUE]) + list(_totals(rows, present)) + list(
            _way(rows, batches) if batches else ()),
    }


COLUMNS = (("host", "HOST"), ("user", "USER"), ("instance_id", "INSTANCE"), ("certificate_expires", "EXPIRES"),
           ("explanation", "WHY"))


def _table(rows):
    if not rows:
        return []
    cells = [[title for _key, title in COLUMNS]] + [
        [(str(row[key] or "-")[:10] if key == "certificate_expires" else row[key] or "-") for key, _title in COLUMNS]
        for row in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(len(COLUMNS))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in cells]


def _totals(rows, present):
    counts = collections.Counter(row["upgrade"] for row in rows)
    yield ngettext("%d of %d instance needs a new certificate.", "%d of %d instances need a new certificate.", len(present)) % (
        counts[DUE], len(present))
    if counts[PROOF]:
        yield "%d got one in an earlier run, and only the proof is missing." % counts[PROOF]
    for state, text in ((COMPROMISED, "compromised, so that only a new instance_id helps"),
                        (NOT_PROVISIONED, "not provisioned yet, which is left to voiceops.secure_tsp.site"),
                        (FAILED, "not judged, as the summary tells")):
        names = ["%s on %s" % (row["instance_id"], row["host"]) for row in rows if row["upgrade"] == state]
        if names:
            yield "%d %s: %s." % (len(names), text, ", ".join(names))


def _way(rows, batches):
    """How large the batches of each cluster are, and what ends the run early."""
    size, canary, most = int(batches["size"]), int(batches["canary"]), int(batches["max_failures"])
    due = collections.Counter(row["cluster"] for row in rows if row["upgrade"] == DUE)
    for cluster, count in sorted(due.items()):
        first = min(canary, size, count)
        rest = count - first
        parts = ["a canary batch of %d" % first] if first else []
        if rest > size:
            parts.append("%d batches of at most %d" % (-(-rest // size), size))
        elif rest:
            parts.append("a batch of %d" % rest)
        yield "Cluster %s: %s." % (cluster, ", then ".join(parts))
    if due and most >= 0:
        yield "No further batch begins once more than %d failed%s." % (
            most, ", or one of a canary batch" if canary else "")


class FilterModule:
    """Plans of upgrades."""

    def filters(self):
        return {"upgrade_plan": upgrade_plan}
