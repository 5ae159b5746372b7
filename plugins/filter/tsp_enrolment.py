# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: tsp_enrolment
short_description: How the instances stand that a TSP enrols itself
description:
  - Judges what came of waiting for the TSPs, and gives rows as the filter P(voiceops.secure_tsp.instance_outcomes#filter)
    does.
options:
  _input:
    description: Rows of one host from before the wait.
    type: list
    elements: dict
    required: true
  facts:
    description: C(instances) of P(voiceops.secure_tsp.tsp_host_facts#filter), read after the wait.
    type: list
    elements: dict
    required: true
  profiles:
    description: RV(voiceops.secure_tsp.fleet_accounts#module:instances) after the wait.
    type: list
    elements: dict
    required: true
  batch:
    description: Instance IDs that were waited for.
    type: list
    elements: str
    required: true
  armed:
    description: Instance IDs that this run armed.
    type: list
    elements: str
    default: []
  triggered:
    description: Whether the host was restarted, so that its TSPs opened their providers anew.
    type: bool
    default: false
  seconds:
    description: How long was waited.
    type: int
    default: 0
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
"""

EXAMPLES = r"""
- name: Remember how these instances stand
  ansible.builtin.set_fact:
    my_outcomes: >-
      {{ my_outcomes | voiceops.secure_tsp.tsp_enrolment(facts=my_facts.instances, profiles=my_profiles.instances,
         batch=['recorder01x1'], armed=['recorder01x1'], triggered=true, seconds=300) }}
"""

RETURN = r"""
_value:
  description: The rows. C(action) is V(enrolled), V(renewed), V(armed) (waits for a person) or V(failed).
  type: list
  elements: dict
"""

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _fleet

STILL_PENDING = ("pending", "perhaps_expired")


def tsp_enrolment(rows, facts, profiles, batch, armed=(), triggered=False, seconds=0):
    """See DOCUMENTATION."""
    known = dict(((one["item"]["cluster"], one["item"]["instance_id"]), one) for one in facts)
    states = dict((one["instance_id"], one["profile"]) for one in profiles)
    result = []
    for row in rows:
        if row["instance_id"] in batch and not row["failed"]:
            row = dict(row, changed=row["changed"] or row["instance_id"] in armed)
            row = _judged(row, known.get((row["cluster"], row["instance_id"])), states.get(row["instance_id"]), triggered,
                          int(seconds))
        result.append(row)
    return result


def _judged(row, found, profile, triggered, seconds):
    if profile is None:
        return failed(row, "The CAPF profile could not be read from the cluster.")
    if profile["state"] == "success":
        return _fetched(row, found)
    if profile["state"] in STILL_PENDING:
        if triggered:
            return failed(row, (
                "The TSP was started anew and did not fetch its certificate within %d seconds: the profile is still pending "
                "(%s). Usual causes: another instance identifier, user or string in the TSP's dialog, 'Fetch Certificate' not "
                "ticked, TCP 3804 or UDP 69 blocked. The profile stays armed." % (seconds, profile["status"])))
        return dict(row, action="armed", message=(
            "The profile is armed. The TSP fetches its certificate when it is told to in its dialog and started anew; then "
            "run this again."))
    return failed(row, "The TSP got no certificate: %s (%s, %s)." % (
        _fleet.of_state(profile["state"]), profile["operation"], profile["status"]))


def _fetched(row, found):
    if found is None:
        return failed(row, "The cluster issued a certificate, but the host's folder could not be read.")
    needs = found["needs_certificate"]
    if needs["needed"] and needs["reason"] != "expiring":
        return failed(row, (
            "The cluster says that it issued a certificate, but the host has none that is good (%s). Look into the TSP's "
            "certificate folder, and whether another host has the same instance identifier." % needs["reason"]))
    return dict(
        row, action="renewed" if row["certificate_valid"] else "enrolled", needed=False, reason="", certificate_valid=True,
        certificate_expires=found["certificate"]["not_after"], message="", changed=True)


def failed(row, message):
    return dict(row, failed=True, action="failed", message=message)


class FilterModule:
    """What came of the TSPs' own enrolment."""

    def filters(self):
        return {"tsp_enrolment": tsp_enrolment}
