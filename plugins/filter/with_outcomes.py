# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: with_outcomes
short_description: Add what the hosts say to the instances that fleet_accounts takes
description:
  - Adds C(needs_certificate) and C(certificate_valid) to the instances that hosts have looked at. Without them an
    instance is never armed.
options:
  _input:
    description: Instances as O(voiceops.secure_tsp.fleet_accounts#module:instances) takes them, of one cluster.
    type: list
    elements: dict
    required: true
  outcomes:
    description: Rows of all hosts, from the filter P(voiceops.secure_tsp.instance_outcomes#filter).
    type: list
    elements: dict
    required: true
  cluster:
    description: Name of the cluster.
    type: str
    required: true
  predict:
    description:
      - In check mode nothing is enrolled. If set, instances that need a certificate and did not fail count as if they
        held one.
    type: bool
    default: false
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
"""

EXAMPLES = r"""
- name: Arm what needs a certificate
  voiceops.secure_tsp.fleet_accounts:
    instances: "{{ my_fleet.accounts['main'].instances | voiceops.secure_tsp.with_outcomes(outcomes=my_outcomes, cluster='main') }}"
    stages: [profiles]
  no_log: true
"""

RETURN = r"""
_value:
  description: The instances.
  type: list
  elements: dict
"""


def with_outcomes(instances, outcomes, cluster, predict=False):
    """See DOCUMENTATION."""
    known = dict((row["instance_id"], row) for row in outcomes if row["cluster"] == cluster)
    return [_with(dict(instance), known.get(instance["instance_id"]), predict) for instance in instances]


def _with(instance, row, predict):
    if row is None or row["needed"] is None or row["host"] != instance["host"]:
        return instance
    instance["needs_certificate"] = {"needed": row["needed"] and not row["failed"], "reason": row["reason"]}
    instance["certificate_valid"] = bool(row["certificate_valid"] or (predict and row["needed"] and not row["failed"]))
    if row["compromised"]:
        instance["compromised"] = True
    return instance


class FilterModule:
    """Instances with what their hosts say."""

    def filters(self):
        return {"with_outcomes": with_outcomes}
