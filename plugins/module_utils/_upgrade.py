# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Which instances need a new certificate, in which batches they get one, and the results. Pure."""

from __future__ import annotations

import collections
import datetime
from gettext import ngettext
from typing import TYPE_CHECKING

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _outcome
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._model import key_of
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._progress import FAILURES, LOST, WINDOW

if TYPE_CHECKING:
    from typing import Any, Collection, Iterable, Iterator, Mapping, Sequence, TypeVar

    from ansible_collections.voiceops.secure_tsp.plugins.module_utils._model import Key
    from ansible_collections.voiceops.secure_tsp.plugins.module_utils._outcome import Row

    One = TypeVar("One")

ISO = "%Y-%m-%dT%H:%M:%SZ"
WORTHWHILE = 5  # instances
WEAK = {"rsa": 2048, "ec": 256}  # bits; a key with fewer is weak
# What is to be done about an instance.
DUE = "due"
NOT_DUE = "not_due"
PROOF = "proof"
COMPROMISED = "compromised"
NOT_PROVISIONED = "not_provisioned"
FAILED = "failed"
BY_TSP = "by_tsp"
# Reasons of the host, and further ones.
MISSING = "missing"
WRONG_ISSUER = "wrong_issuer"
WEAK_KEY = "weak_key"
DUPLICATE = "duplicate"
NAMED = "named"
NEEDS_NEW_ID = (
    "Its certificate is compromised: it needs a new instance_id in the list. No certificate was requested. Find the second user "
    "of the old one, usually a cloned host.")
NEVER_ENROLLED = "It has no certificate yet. Provision it with voiceops.secure_tsp.site."
NOT_REACHED = "The run did not get to this instance."
PROOF_MISSING = "its certificate is new and was not verified"
NO_TURN = "Its turn did not come."

LEFT = "left for the next run"
STATES = {
    NOT_DUE: "up to date", COMPROMISED: "needs a new instance_id", NOT_PROVISIONED: "not provisioned", FAILED: "failed",
}
NO_FAULT = (WINDOW, FAILURES, LOST)  # reasons why an instance was not begun that are not its failure

RESTORED = (
    "The previous key and certificate are back in place. CUCM may no longer accept them, because it has issued another certificate for "
    "this instance: verify them with voiceops.secure_tsp.verify, or run this again to request a new one.")
NONE_BEFORE = "There was no previous certificate to restore, so the new one stays."
NOT_RESTORED = "The previous certificate could not be restored: %s"
KEPT = (
    "The new certificate stays in place and the previous one beside it, until a later run verifies the new one or "
    "voiceops.secure_tsp.rollback restores the previous one.")


# Who is due


class Planner:
    """named, compromised: {Key}. subjects: {cluster: names of the certificates in a trust list that was not stored}.

    by_tsp: {Key} of instances whose TSP fetches certificates itself: armed, handed over and restarted instead of being enrolled.
    """

    def __init__(self, rows: Iterable[Row], named: Iterable[Key] = (), compromised: Iterable[Key] = (),
                 issued_before: float | str | None = None, subjects: Mapping[str, Iterable[str]] | None = None,
                 by_tsp: Iterable[Key] = ()) -> None:
        self.named = set(named)
        self.compromised = set(compromised)
        self.by_tsp = set(by_tsp)
        self.issued_before = moment(issued_before)
        self.subjects = dict((cluster, set(_parts(name) for name in names)) for cluster, names in (subjects or {}).items())
        self.holders = collections.defaultdict(list)
        for row in rows:
            if row["certificate_fingerprint"]:
                self.holders[row["certificate_fingerprint"]].append(row)

    def decided(self, row: Row) -> Row:
        """The row with what is to be done about it."""
        if key_of(row) in self.compromised:
            return {**row, "upgrade": COMPROMISED, "needed": False, "compromised": True, "message": NEEDS_NEW_ID}
        if row["failed"] or row["needed"] is None:
            return {**row, "upgrade": FAILED, "failed": True, "message": row["message"] or NOT_REACHED}
        if row["needed"] and row["reason"] == MISSING:
            return {**row, "upgrade": NOT_PROVISIONED, "needed": False, "message": NEVER_ENROLLED}
        causes = list(self._causes(row))
        by_tsp = key_of(row) in self.by_tsp
        if causes:
            return {**row, "upgrade": BY_TSP if by_tsp else DUE, "needed": True, "reason": causes[0][0],
                    "explanation": " ".join(sentence for _reason, sentence in causes)}
        return {**row, "upgrade": PROOF if row["unconfirmed"] and not by_tsp else NOT_DUE, "needed": False}

    def _causes(self, row: Row) -> Iterator[tuple[str, str]]:
        """(reason, sentence) of each; what the host reports comes first."""
        if row["needed"]:
            yield row["reason"], row["explanation"]
        if row["reason"] != WRONG_ISSUER and self._superseded(row):
            yield WRONG_ISSUER, "The CAPF that issued it is not in the cluster's new trust list."
        key = row["certificate_key"]
        if key and is_weak(row):
            yield WEAK_KEY, "Its key is weak: %s of %s bits." % (key[0].upper(), key[1])
        others = self._others(row)
        if others:
            yield DUPLICATE, "The same certificate is used by %s." % ", ".join(others)
        if key_of(row) in self.named and not self._done(row):
            yield NAMED, "It was named."

    def _superseded(self, row: Row) -> bool:
        known, issuer = self.subjects.get(row["cluster"]), row["certificate_issuer"]
        return bool(known and issuer and _parts(issuer) not in known)

    def _others(self, row: Row) -> list[str]:
        return sorted(
            "%s on %s" % (other["instance_id"], other["host"]) for other in self.holders[row["certificate_fingerprint"]]
            if key_of(other) != key_of(row)) if row["certificate_fingerprint"] else []

    def _done(self, row: Row) -> bool:
        begins = moment(row["certificate_begins"])
        return bool(self.issued_before and begins and begins >= self.issued_before)


def is_weak(row: Row) -> bool:
    kind, size = row["certificate_key"] or ("", 0)
    return bool(size) and int(size) < WEAK.get(kind, 0)


def decided(rows: Collection[Row], **options: Any) -> list[Row]:
    """The rows with upgrade, and with needed, reason and explanation as they were decided. options: those of Planner."""
    planner = Planner(rows, **options)
    return [planner.decided(row) for row in rows]


def moment(value: float | str | None) -> datetime.datetime | None:
    """Naive UTC of seconds since 1970 or of ISO 8601, None of nothing. Raises ValueError."""
    if value in (None, ""):
        return None
    text = str(value)
    try:
        return datetime.datetime.strptime(text, ISO)
    except ValueError:
        return datetime.datetime.fromtimestamp(float(text), datetime.timezone.utc).replace(tzinfo=None)


def _parts(name: str) -> frozenset[str]:
    """The parts of a distinguished name, whatever their order."""
    return frozenset(part.strip() for part in name.split(","))


# Batches


def canaries(rows: Iterable[Row]) -> dict[str, str]:
    """{cluster: host} of the first host where something is due: its first batch is the canary batch of the cluster."""
    found: dict[str, str] = {}
    for row in rows:
        if row["upgrade"] == DUE:
            found.setdefault(row["cluster"], row["host"])
    return found


def at_a_time(size: int, hosts: int, forks: int | None, throttle: int | None) -> tuple[int, int]:
    """(hosts that work at a time, instances in a batch of each), so that never more than size are armed.

    A host gets at least WORTHWHILE instances if there are as many: its process costs more than they do.
    """
    parallel = max(1, min(one for one in (size // WORTHWHILE, hosts, forks, throttle or hosts) if one is not None))
    return parallel, size // parallel


def batches(due: Sequence[One], size: int, canary: int = 0) -> list[tuple[Sequence[One], bool]]:
    """[(rows, whether it is the canary batch)] of the due rows of one host on one cluster."""
    first = min(canary, size, len(due))
    found = [(due[:first], True)] if first else []
    return found + [(due[start:start + size], False) for start in range(first, len(due), size)]


def division(rows: Iterable[Row], size: int, canary: int, forks: int | None, throttle: int | None) -> dict[str, list[int]]:
    """{cluster: sizes of all batches}, the host of the canary batch first and alone, the others side by side."""
    due = [row for row in rows if row["upgrade"] == DUE]
    chosen = canaries(due)
    hosts = dict.fromkeys(row["host"] for row in due)
    further = len(hosts) - 1
    found: dict[str, list[int]] = {}
    for cluster in sorted(chosen):
        for host in hosts:
            mine = [row for row in due if row["cluster"] == cluster and row["host"] == host]
            leads = host == chosen[cluster]
            _parallel, each = at_a_time(size, 1 if leads else further, forks, throttle)
            found.setdefault(cluster, []).extend(len(batch) for batch, _canary in batches(mine, each, canary if leads else 0))
    return found


# The plan for people

COLUMNS = (("host", "HOST"), ("user", "USER"), ("instance_id", "INSTANCE"), ("certificate_expires", "EXPIRES"),
           ("explanation", "WHY"))


def lines_of(rows: Collection[Row], present: int, sizes: Mapping[str, Sequence[int]], canary: int, most: int,
             several: bool = False) -> list[str]:
    """present: how many instances the run is about. sizes: from division(). canary, most: as the options say."""
    return _table([row for row in rows if row["upgrade"] in (DUE, BY_TSP)], several) + list(_totals(rows, present)) + list(
        _way(sizes, canary, most))


def _table(rows: Collection[Mapping[str, Any]], several: bool) -> list[str]:
    if not rows:
        return []
    columns = ((("cluster", "CLUSTER"),) if several else ()) + COLUMNS
    cells = [[title for _key, title in columns]] + [
        [(str(row[key] or "-")[:10] if key == "certificate_expires" else row[key] or "-") for key, _title in columns]
        for row in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(len(columns))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in cells]


def _totals(rows: Collection[Row], present: int) -> Iterator[str]:
    counts = collections.Counter(row["upgrade"] for row in rows)
    yield ngettext("%d of %d instance needs a new certificate.", "%d of %d instances need a new certificate.", present) % (
        counts[DUE] + counts[BY_TSP], present)
    if counts[PROOF]:
        yield "%d got one in an earlier run, and only the verification is missing." % counts[PROOF]
    for state, text in ((COMPROMISED, "compromised, so only a new instance_id helps"),
                        (NOT_PROVISIONED, "not provisioned yet; use voiceops.secure_tsp.site"),
                        (BY_TSP, "fetched by TSPs themselves, armed in their batch and restarted if that is allowed"),
                        (FAILED, "not checked, see the summary")):
        names = ["%s on %s" % (row["instance_id"], row["host"]) for row in rows if row["upgrade"] == state]
        if names:
            yield "%d %s: %s." % (len(names), text, ", ".join(names))


def _way(sizes: Mapping[str, Sequence[int]], canary: int, most: int) -> Iterator[str]:
    """How large the batches of each cluster are, and what ends the run early."""
    for cluster, found in sorted(sizes.items()):
        parts, rest = [], found
        if canary:
            parts, rest = ["a canary batch of %d" % found[0]], found[1:]
        if len(rest) > 1:
            parts.append("%d batches of at most %d" % (len(rest), max(rest)))
        elif rest:
            parts.append("a batch of %d" % rest[0])
        yield "Cluster %s: %s." % (cluster, ", then ".join(parts))
    if sizes and most >= 0:
        yield "No further batch begins once more than %d failed%s." % (
            most, ", or one of a canary batch" if canary else "")


# Results


def before(row: Row, check_mode: bool = False) -> Row:
    """The state of an instance before its turn, or in check mode."""
    row = {"verified_by": "", "online": False, "confirm": False, "state": "", **row}
    if row["upgrade"] in STATES:
        return {**row, "state": STATES[row["upgrade"]]}
    if check_mode and row["upgrade"] == PROOF:
        return {**row, "state": "would verify", "message": PROOF_MISSING}
    if check_mode:
        return {**row, "state": "would upgrade", "changed": True, "message": ""}
    if row["upgrade"] == PROOF:
        return {**row, "state": LEFT, "message": PROOF_MISSING}
    return {**row, "state": LEFT, "failed": not row["certificate_valid"], "message": NO_TURN}


def begun(row: Row) -> Row:
    """A row whose turn has come."""
    return {**row, "state": "", "message": "", "failed": False}


def as_renewed(row: Row, now: float) -> Row:
    """The row as it will be with a new certificate, to choose how that is verified."""
    return {**begun(row), "certificate_valid": True, "unconfirmed": True, "needed": False, "placed": now}


def settled(row: Row) -> Row:
    """The final state of an instance. Rows that are settled stay as they are."""
    if row["not_begun"] in NO_FAULT and row["certificate_valid"]:
        return {**row, "state": LEFT, "failed": False, "action": "none"}
    if row["failed"]:
        return {**row, "state": "failed, former one restored" if row["action"] == "restored" else "failed"}
    return row


def restored(row: Row, result: Mapping[str, Any] | None = None) -> Row:
    """The row with the result of restoring the former pair; result: None if that was not tried."""
    if result is None:
        waits = row["failed"] and row["unconfirmed"] and row["action"] in _outcome.NEW and not row["compromised"]
        return {**row, "message": joined(row["message"], KEPT)} if waits else row
    if result.get("action") == "restored":
        certificate = result.get("certificate") or {}
        return {
            **row, "action": "restored", "changed": True, "unconfirmed": bool(result.get("unconfirmed")),
            "message": joined(row["message"], RESTORED), "certificate_expires": certificate.get("not_after"),
            "certificate_begins": certificate.get("not_before")}
    if result.get("action"):
        return {**row, "message": joined(row["message"], NONE_BEFORE)}
    return {**row, "message": joined(row["message"], NOT_RESTORED % (result.get("msg") or "it failed without a message."))}


def joined(*sentences: str) -> str:
    return " ".join(sentence for sentence in sentences if sentence)
