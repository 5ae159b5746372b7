# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The state of instances that a TSP enrols itself, after waiting for it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _fleet, _outcome
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._model import key_of

if TYPE_CHECKING:
    from typing import Any, Mapping

    from ansible_collections.voiceops.secure_tsp.plugins.module_utils._model import Key
    from ansible_collections.voiceops.secure_tsp.plugins.module_utils._outcome import Row

STILL_PENDING = ("pending", "perhaps_expired")
WAITS = ("The profile is armed. The TSP fetches its certificate after this is set in its dialog and the TSP is restarted. Then "
         "run this again.")


def judged(row: Row, found: Mapping[str, Any] | None, profile: Mapping[str, Any] | None, armed: bool = False, triggered: bool = False,
           seconds: int = 0) -> Row:
    """The row of an instance that was waited for.

    found: its part of host_facts(), read after the wait, None where the host could not be read. profile: as the planner shows it,
    None where it could not be read. armed: by this run. triggered: its TSP was restarted, with nothing left for a person to do.
    """
    if row["failed"]:
        return row
    row = {**row, "changed": row["changed"] or armed}
    if profile is None:
        return _outcome.failed(row, "The CAPF profile could not be read from the cluster.")
    if profile["state"] == "success":
        return _fetched(row, found)
    if profile["state"] in STILL_PENDING:
        if triggered:
            return _outcome.failed(row, (
                "The TSP was restarted but did not fetch its certificate within %d seconds: the profile is still pending "
                "(%s). Usual causes: another instance identifier, user or authorization string in the TSP's dialog, 'Fetch Certificate' "
                "not ticked, TCP 3804 or UDP 69 blocked. The profile stays armed." % (seconds, profile["status"])))
        return {**row, "action": _outcome.WAITS_ARMED, "message": WAITS}
    return _outcome.failed(row, "The TSP got no certificate: %s (%s, %s)." % (
        _fleet.of_state(profile["state"]), profile["operation"], profile["status"]))


def _fetched(row: Row, found: Mapping[str, Any] | None) -> Row:
    if found is None:
        return _outcome.failed(row, "The cluster issued a certificate, but the host's folder could not be read.")
    needs = found["needs_certificate"]
    if needs["needed"] and needs["reason"] != _outcome.EXPIRING:
        return _outcome.failed(row, (
            "The cluster says that it issued a certificate, but the host has no valid one (%s). Check the TSP's "
            "certificate folder, and whether another host has the same instance identifier." % needs["reason"]))
    action = "renewed" if row["certificate_valid"] else "enrolled"
    row = _outcome.updated(row, {**found, "needs_certificate": {"needed": False, "reason": ""}, "changed": True, "action": action,
                                 "unconfirmed": False}, {})
    return {**row, "message": "", "explanation": ""}


def by_key(facts: Mapping[str, Any]) -> dict[Key, Any]:
    """{Key: part of host_facts()} of the instances."""
    return dict((key_of(one["item"]), one) for one in facts["instances"])
