# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: verification_results
short_description: Bring the rows of a host up to date with the results of their verification
description:
  - Adds to the rows of P(voiceops.secure_tsp.verification_plan#filter) what came of it.
options:
  _input:
    description: The rows.
    type: list
    elements: dict
    required: true
  results:
    description: C(results) of looping a module over some of the rows.
    type: list
    elements: dict
    default: []
  check_mode:
    description: Whether nothing was opened because of check mode.
    type: bool
    default: false
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
"""

EXAMPLES = r"""
- name: Remember what was verified
  ansible.builtin.set_fact:
    my_outcomes: "{{ my_plan | voiceops.secure_tsp.verification_results(results=my_opened.results) }}"
"""

RETURN = r"""
_value:
  description:
    - The rows with C(verified_by) (the way taken, with what it showed), C(online) (whether the connection itself was
      proven), C(state) and C(message).
  type: list
  elements: dict
"""

WAITING = "enrolled, waiting for cutover"
VERIFIED = "verified"
OFFLINE = "enrolled, not verified online"


def verification_results(plan, results=(), check_mode=False):
    """See DOCUMENTATION."""
    by_id = dict(((result["item"]["cluster"], result["item"]["instance_id"]), result) for result in results)
    return [_row(row, by_id.get((row["cluster"], row["instance_id"])), check_mode) for row in plan]


def _row(row, result, check_mode):
    done = dict((key, value) for key, value in row.items() if key not in ("why", "seen"))
    done.update(verified_by=row["way"] if row["way"] != "none" else "", online=False)
    if row["failed"]:
        return dict(done, state="failed")
    if row["way"] == "none":
        return dict(done, state="would enrol" if check_mode and row["needed"] else "no certificate",
                    message=row["message"] or row["why"])
    if check_mode and row["needed"]:
        return dict(done, verified_by="", state="would enrol", message=row["reason"])
    if row["way"] == "ris":
        return dict(done, online=True, state=VERIFIED, verified_by="ris (%s)" % _lines(row["seen"]))
    if row["way"] == "offline":
        state = WAITING if row["waiting"] else (OFFLINE if row["why"] else VERIFIED)
        return dict(done, state=state, message=row["message"] or row["why"])
    return _opened(done, row, result, check_mode)


def _opened(done, row, result, check_mode):
    if check_mode or result is None or result.get("skipped"):
        return dict(done, state="would verify", message="would open a provider")
    if result.get("not_probed"):
        return dict(done, verified_by="offline", state=OFFLINE, message="not probed: there is no probe certificate")
    if result.get("failed"):
        return dict(done, state="failed", failed=True, message=result.get("msg") or "failed without a message",
                    compromised=bool(result.get("compromised")) or row["compromised"])
    totals = result.get("totals") or {}
    return dict(done, online=True, state=VERIFIED, verified_by="%s (%d devices, %d lines)" % (
        row["way"], totals.get("devices", 0), totals.get("lines", 0)))


def _lines(seen):
    count = sum(len(connection["lines"]) for connection in seen)
    return "%d open, %d lines" % (len(seen), count)


class FilterModule:
    """What came of verifications."""

    def filters(self):
        return {"verification_results": verification_results}
