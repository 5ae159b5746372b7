# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The state of the instances of a run: one row for each, updated by every stage. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Optional, TypedDict, cast

from ansible_collections.voiceops.secure_tsp.plugins.module_utils._model import Key, key_of

if TYPE_CHECKING:
    from typing import Iterable, Mapping, TypeVar

    One = TypeVar("One", bound=Mapping[str, Any])

IDENTITY = ("cluster", "host", "user", "user_type", "instance_id", "store", "probe_of")
FORCED, REARMED = "forced", "rearmed"
# Reasons to renew a certificate that can still open a provider; the first three are those of the module.
INTERRUPTED, EXPIRING, KEY_CHANGED = "interrupted", "expiring", "key_changed"
STILL_VALID = (INTERRUPTED, EXPIRING, KEY_CHANGED, FORCED, REARMED)
NEW = ("enrolled", "renewed", "resumed")
USED = ("enrolled", "renewed")  # an authorization string was used up
WRONG_OR_IDLE = 7  # CAPF's reason for a wrong authorization string and for a profile that is not armed
ARMED = "Install/Upgrade"
WAITS_ARMED = "armed"  # the action of a row whose TSP has yet to fetch its certificate

NOT_READ = "The cause could not be read from the cluster."
CAUSES = {
    "gone": "The cause: the cluster no longer has this CAPF profile.",
    "not_armed": "The cause: nothing is armed; the profile says '%(operation)s', '%(status)s'.",
    "expired": "The cause: the time for the operation ended at %(completion)s.",
    "perhaps_expired":
        "The cause: the authorization string is wrong, or the time for the operation, %(completion)s in the cluster's zone, has ended.",
    "wrong_string": "The cause: the authorization string is wrong, because the profile is armed (%(status)s).",
}


class Outcome(TypedDict, total=False):
    """The state of one instance.

    needed, reason, explanation: whether the host says that it needs a certificate, None before it was asked.
    trusted: the verdict on its trust list. certificate_valid: whether the one in place opens a provider. unconfirmed: it was never
    verified. placed: when it was put in place, in seconds since 1970. proven: when it was verified, ISO 8601 in UTC.
    action: none, enrolled, renewed, resumed, repaired, restored, removed, armed or failed.
    not_begun: why a batch did not begin (window, failures, services); this is not a failure of the instance.
    remarks: limitations of a success.
    """

    cluster: str
    host: str
    user: str
    user_type: Optional[str]
    instance_id: str
    store: str
    probe_of: Optional[str]
    action: str
    needed: Optional[bool]
    reason: str
    explanation: str
    trust_list: Optional[bool]
    trusted: str
    certificate_valid: Optional[bool]
    unconfirmed: bool
    placed: Optional[float]
    proven: Optional[str]
    changed: bool
    failed: bool
    message: str
    capf_reason: Optional[int]
    compromised: bool
    not_begun: str
    certificate_expires: Optional[str]
    certificate_begins: Optional[str]
    certificate_issuer: Optional[str]
    certificate_fingerprint: Optional[str]
    certificate_key: Optional[List[Any]]
    remarks: List[str]


class Row(Outcome, total=False):
    """The row with the fields that _verification adds, and with upgrade from _upgrade."""

    way: str
    why: str
    waiting: bool
    seen: List[Dict[str, Any]]
    verified_by: str
    state: str
    online: bool
    disproved: bool
    confirm: bool
    upgrade: str


def fresh(instance: Mapping[str, Any]) -> Row:
    """An instance that was not checked yet."""
    return cast("Row", dict(
        dict((key, instance.get(key)) for key in IDENTITY), action="none", needed=None, reason="", explanation="", trust_list=None, trusted="",
        certificate_valid=None, unconfirmed=False, placed=None, proven=None, changed=False, failed=False, message="", capf_reason=None,
        compromised=False, not_begun="", certificate_expires=None, certificate_begins=None, certificate_issuer=None,
        certificate_fingerprint=None, certificate_key=None, remarks=[],
    ))


def updated(row: Row, result: Mapping[str, Any], instance: Mapping[str, Any], profile: Mapping[str, Any] | None = None) -> Row:
    """The row with a result of capf_certificate or capf_certificate_info. profile: the CAPF profile as read after a refusal."""
    row = {**row, "changed": row["changed"] or bool(result.get("changed"))}
    row["placed"] = result.get("placed") or row["placed"]
    row["proven"] = result.get("proven") or row["proven"]
    if result.get("failed"):
        return failed(row, _message(result, profile), result.get("capf_reason"))
    row["action"] = result.get("action", row["action"])
    needs = result.get("needs_certificate")
    if needs is not None:
        row.update({"needed": bool(needs.get("needed")), "reason": needs.get("reason") or "",
                    "explanation": result.get("explanation") or row["explanation"]})
        row["trust_list"] = result.get("trust_list", {}).get("exists", row["trust_list"])
        if instance.get("force") and not row["needed"] and row["action"] not in NEW:
            row.update({"needed": True, "reason": FORCED, "explanation": "A new certificate is requested with force."})
        if instance.get("rearm") and not row["needed"] and row["action"] not in NEW:
            row.update({"needed": True, "reason": REARMED, "explanation": "Its profile is armed again because of rearm."})
        row["certificate_valid"] = not row["needed"] or row["reason"] in STILL_VALID
    certificate = result.get("certificate") or {}
    row["certificate_expires"] = certificate.get("not_after") or row["certificate_expires"]
    row["certificate_begins"] = certificate.get("not_before") or row["certificate_begins"]
    row["certificate_issuer"] = certificate.get("issuer") or row["certificate_issuer"]
    row["certificate_fingerprint"] = certificate.get("sha256_fingerprint") or row["certificate_fingerprint"]
    if certificate.get("key_type"):
        row["certificate_key"] = [certificate["key_type"], certificate.get("key_size")]
    if "unconfirmed" in result:
        row["unconfirmed"] = bool(result["unconfirmed"])
    elif row["action"] in NEW:
        row["unconfirmed"] = True
    return row


def failed(row: Row, message: str, capf_reason: int | None = None, not_begun: str = "") -> Row:
    return {**row, "failed": True, "message": message, "action": "failed", "capf_reason": capf_reason, "not_begun": not_begun,
            "remarks": []}


def also_failed(row: Row, message: str) -> Row:
    """A further failure of a row; the earlier message stays."""
    return failed(row, "%s %s" % (row["message"], message) if row["failed"] else message, row["capf_reason"])


def _message(result: Mapping[str, Any], profile: Mapping[str, Any] | None) -> str:
    message = result.get("msg") or "failed without a message"
    if result.get("capf_reason") != WRONG_OR_IDLE:
        return message
    return "%s %s" % (message, NOT_READ if profile is None else CAUSES[cause(profile)] % profile)


def cause(profile: Mapping[str, Any]) -> str:
    """Why CAPF refused with reason 7, as a code of CAUSES, derived from the profile as the planner shows it."""
    if not profile["exists"]:
        return "gone"
    if profile["operation"] != ARMED:
        return "not_armed"
    return profile["state"] if profile["state"] in ("expired", "perhaps_expired") else "wrong_string"


def by_key(rows: Iterable[One]) -> dict[Key, One]:
    return dict((key_of(row), row) for row in rows)


def with_outcomes(accounts: Iterable[Mapping[str, Any]], rows: Iterable[Row], cluster: str,
                  predict: bool = False) -> list[dict[str, Any]]:
    """Instances of a cluster as the planner takes them, with what their hosts report. predict: an enrolment counts as done."""
    known = by_key(row for row in rows if row["cluster"] == cluster)
    return [_with(dict(account), known.get(Key(cluster, account["instance_id"])), predict) for account in accounts]


def _with(account: dict[str, Any], row: Row | None, predict: bool) -> dict[str, Any]:
    if row is None or row["needed"] is None or row["host"] != account["host"]:
        return account
    account["needs_certificate"] = {"needed": row["needed"] and not row["failed"], "reason": row["reason"]}
    valid = row["certificate_valid"] and not row["compromised"]
    account["certificate_valid"] = bool(valid or (predict and row["needed"] and not row["failed"]))
    if row["compromised"]:
        account["compromised"] = True
    return account
