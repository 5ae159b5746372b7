# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: diagnosis_openings
short_description: Which providers a diagnosis may open from a host
description:
  - An instance's probe certificate is taken where there is a valid one. Its own is taken only where the cluster was asked and
    shows no open provider of the user from that host, since a second one would throw both out.
  - Nothing is opened where an earlier step of the connection already failed, or without the user's password.
options:
  _input:
    description: The completed lists, from the filter P(voiceops.secure_tsp.fleet#filter).
    type: dict
    required: true
  clusters:
    description: As P(voiceops.secure_tsp.drift_findings#filter) takes them.
    type: dict
    required: true
  hosts:
    description: As P(voiceops.secure_tsp.drift_findings#filter) takes them.
    type: dict
    required: true
  findings:
    description: C(findings) of P(voiceops.secure_tsp.drift_findings#filter).
    type: list
    elements: dict
    required: true
  outcomes:
    description: Rows of the host's certificates, from the filter P(voiceops.secure_tsp.instance_outcomes#filter).
    type: list
    elements: dict
    required: true
  host:
    description: Inventory name of the host.
    type: str
    required: true
  only:
    description: Only this instance ID.
    type: str
    default: ""
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
"""

EXAMPLES = r"""
- name: Show which providers would be opened
  ansible.builtin.debug:
    msg: >-
      {{ my_fleet | voiceops.secure_tsp.diagnosis_openings(clusters=my_clusters, hosts=my_hosts, findings=my_drift.findings,
         outcomes=my_outcomes, host=inventory_hostname) }}
"""

RETURN = r"""
_value:
  description: Dictionaries with the completed C(instance), C(way) (V(probe) or V(application)) and C(store).
  type: list
  elements: dict
"""

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _diagnosis


def diagnosis_openings(fleet, clusters, hosts, findings, outcomes, host, only=""):
    """See DOCUMENTATION."""
    return _diagnosis.openings(fleet, clusters, hosts, findings, outcomes, host, only)


class FilterModule:
    """Providers that may be opened."""

    def filters(self):
        return {"diagnosis_openings": diagnosis_openings}
