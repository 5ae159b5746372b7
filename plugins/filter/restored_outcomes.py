# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: restored_outcomes
short_description: Bring the rows of a host up to date after former certificates were put back
description:
  - Says of each instance whose new certificate could not be verified which certificate is in place now.
options:
  _input:
    description: Rows of one host, from P(voiceops.secure_tsp.verification_results#filter).
    type: list
    elements: dict
    required: true
  results:
    description: C(results) of looping M(voiceops.secure_tsp.capf_certificate) with C(state) V(restored) over some of the rows.
    type: list
    elements: dict
    default: []
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
"""

EXAMPLES = r"""
- name: Remember what was put back
  ansible.builtin.set_fact:
    my_outcomes: "{{ verify_outcomes | voiceops.secure_tsp.restored_outcomes(results=my_restored.results) }}"
"""

RETURN = r"""
_value:
  description: The rows, with C(action) V(restored) and what is known about the former certificate in C(message).
  type: list
  elements: dict
"""

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


class FilterModule:
    """Former certificates."""

    def filters(self):
        return {"restored_outcomes": restored_outcomes}
