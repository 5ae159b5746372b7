# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Who needs a new certificate, and what came of it."""

from __future__ import annotations

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


LEFT = "left for the next run"
STATES = {
    "not_due": "up to date", "compromised": "needs a new instance_id", "not_provisioned": "not provisioned", "failed": "failed",
}
NO_FAULT = ("window", "failures")  # what may keep an instance from being begun without that being its failure


def upgrade_results(outcomes, check_mode=False):
    """See DOCUMENTATION."""
    return [_row(dict({"verified_by": "", "online": False, "confirm": False, "state": ""}, **row), check_mode)
            for row in outcomes]


def _row(row, check_mode):
    if row["upgrade"] in STATES:
        return dict(row, state=STATES[row["upgrade"]])
    if check_mode:
        if row["upgrade"] == "proof":
            return dict(row, state="would verify", message="its certificate is new, and its proof is missing")
        return dict(row, state="would upgrade", changed=True, message="")
    if row["not_begun"] in NO_FAULT and row["certificate_valid"]:
        return dict(row, state=LEFT, failed=False, action="none")
    if row["failed"]:
        return dict(row, state="failed, former one restored" if row["action"] == "restored" else "failed")
    if row["needed"] and row["action"] == "none":
        return dict(row, state=LEFT, failed=not row["certificate_valid"], message=row["message"] or "Its turn did not come.")
    return row


NEW = ("enrolled", "renewed", "resumed")
RESTORED = (
    "The former key and certificate are back in place. CUCM may no longer accept them, since it has issued another certificate for "
    "this instance: verify them with voiceops.secure_tsp.verify, or run this again to ask for a new one.")
NONE_BEFORE = "There was no former certificate to put back, so that the new one stays."
NOT_RESTORED = "The former certificate could not be put back: %s"
KEPT = (
    "The new certificate stays in place and the former one beside it, until a later run verifies the new one or "
    "voiceops.secure_tsp.rollback puts the former one back.")


def restored_outcomes(outcomes, results=()):
    """See DOCUMENTATION."""
    by_id = dict(((result["item"]["cluster"], result["item"]["instance_id"]), result) for result in results)
    return [_row(row, by_id.get((row["cluster"], row["instance_id"]))) for row in outcomes]


def _row(row, result):
    if result is None:
        waits = row["failed"] and row["unconfirmed"] and row["action"] in NEW and not row.get("compromised")
        return dict(row, message=_joined(row["message"], KEPT)) if waits else row
    if result.get("action") == "restored":
        certificate = result.get("certificate") or {}
        return dict(
            row, action="restored", changed=True, unconfirmed=bool(result.get("unconfirmed")), message=_joined(row["message"], RESTORED),
            certificate_expires=certificate.get("not_after"), certificate_begins=certificate.get("not_before"))
    if result.get("action"):
        return dict(row, message=_joined(row["message"], NONE_BEFORE))
    return dict(row, message=_joined(row["message"], NOT_RESTORED % (result.get("msg") or "it failed without a message.")))


def _joined(*sentences):
    return " ".join(sentence for sentence in sentences if sentence)
