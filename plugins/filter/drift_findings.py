# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: drift_findings
short_description: What differs between the lists and what clusters and hosts show
description:
  - Judges what was read, and gives findings with a severity, a stable code, a sentence, and what cures it.
  - V(critical) means that an application cannot connect or that a secret lies open, V(warning) that something is not as the
    lists say or becomes critical when nobody acts, V(info) that it is worth to know and no drift.
options:
  _input:
    description: The completed lists, from the filter P(voiceops.secure_tsp.fleet#filter).
    type: dict
    required: true
  clusters:
    description:
      - By name, C(hostname), C(info), C(accounts) and C(connections), which are what M(voiceops.secure_tsp.cluster_info),
        M(voiceops.secure_tsp.fleet_accounts) with C(plan_only=true), and M(voiceops.secure_tsp.cti_connection_info)
        returned or null, and C(failures), the messages of those that failed.
    type: dict
    required: true
  hosts:
    description:
      - By inventory name, what P(voiceops.secure_tsp.drift_host#filter) gives, or null for a host that could not be reached.
      - Instances on other hosts are left out.
    type: dict
    required: true
  now:
    description: The time, ISO 8601 in UTC.
    type: str
    required: true
  soon_days:
    description: A certificate that expires within so many days is a finding.
    type: int
    default: 60
  probe:
    description: Whether providers were to be opened with probe certificates.
    type: bool
    default: false
  ris:
    description: Whether each instance of a user on the secure port is expected to be connected.
    type: bool
    default: true
  probes_listed:
    description: Whether probes, rows with C(probe_of), are judged like instances.
    type: bool
    default: false
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
seealso:
  - plugin: voiceops.secure_tsp.report_document
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Show what differs
  ansible.builtin.debug:
    msg: "{{ my_drift.lines }}"
  vars:
    my_drift: >-
      {{ my_fleet | voiceops.secure_tsp.drift_findings(clusters=my_clusters, hosts=my_hosts, now='2026-11-24T12:00:00Z') }}
"""

RETURN = r"""
_value:
  description: What was found. It holds no secrets.
  type: dict
  contains:
    findings:
      description:
        - The worst first. Each has C(severity), C(code), C(what), C(fix), C(command) (which cures it, empty where only a
          person can), and C(cluster), C(host), C(user) and C(instance_id), empty where it is about none.
      type: list
      elements: dict
    instances:
      description: A row for each instance that is to be there, as P(voiceops.secure_tsp.report_document#filter) takes it.
      type: list
      elements: dict
    clusters:
      description: A row for each cluster, as P(voiceops.secure_tsp.report_document#filter) takes it.
      type: list
      elements: dict
    exit_code:
      description: 0 without drift, 2 with it, 4 when a host could not be reached.
      type: int
    hosts:
      description: A sentence for each host with drift, by inventory name.
      type: dict
    lines:
      description: The findings for people, the worst 50 of them.
      type: list
      elements: str
"""

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _drift


def drift_findings(fleet, clusters, hosts, now, soon_days=_drift.SOON_DAYS, probe=False, ris=True,
                   probes_listed=False):
    """See DOCUMENTATION."""
    return _drift.findings(fleet, clusters, hosts, now, int(soon_days), boolean(probe), boolean(ris),
                           boolean(probes_listed))


class FilterModule:
    """The search for drift."""

    def filters(self):
        return {"drift_findings": drift_findings}
