# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: upgrade_results
short_description: How instances stand after a run of certificate upgrades
description:
  - Says of the rows of a host, which P(voiceops.secure_tsp.upgrade_plan#filter) decided and the batches brought up to date, how each
    instance stands.
options:
  _input:
    description: The rows.
    type: list
    elements: dict
    required: true
  check_mode:
    description: Whether the run stopped after the plan.
    type: bool
    default: false
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
"""

EXAMPLES = r"""
- name: Remember how the instances of this host stand
  ansible.builtin.set_fact:
    my_outcomes: "{{ my_outcomes | voiceops.secure_tsp.upgrade_results }}"
"""

RETURN = r"""
_value:
  description:
    - The rows in the shape of P(voiceops.secure_tsp.verification_results#filter), with C(state).
    - An instance whose turn did not come, because of the window or of failures of others, is left for the next run. That is no failure as
      long as its certificate is good.
  type: list
  elements: dict
"""

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


class FilterModule:
    """Results of upgrades."""

    def filters(self):
        return {"upgrade_results": upgrade_results}
