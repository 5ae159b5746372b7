# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: host_ports
short_description: TCP ports of the cluster that a host must reach for its TSP instances
description:
  - CAPF of each instance that the collection enrols, and every CTI Manager, each once.
options:
  _input:
    description: The host's completed instances, from the filter P(voiceops.secure_tsp.fleet#filter).
    type: list
    elements: dict
    required: true
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
"""

EXAMPLES = r"""
- name: Try the ports from this host
  ansible.builtin.wait_for:
    host: "{{ item.host }}"
    port: "{{ item.port }}"
    timeout: 5
  loop: "{{ my_instances | voiceops.secure_tsp.host_ports }}"
"""

RETURN = r"""
_value:
  description: Dictionaries with C(service) (V(CAPF) or V(CTI Manager)), C(cluster), C(host) and C(port).
  type: list
  elements: dict
"""

CAPF, CTI_MANAGER = "CAPF", "CTI Manager"


def host_ports(instances):
    """See DOCUMENTATION."""
    found = {}
    for instance in instances:
        if instance["enrolment"] == "collection":
            found[CAPF, instance["cluster"], instance["capf_host"], instance["capf_port"]] = None
        for manager in instance["cti_managers"]:
            found[CTI_MANAGER, instance["cluster"], manager, instance["cti_port"]] = None
    return [dict(zip(("service", "cluster", "host", "port"), key)) for key in found]


class FilterModule:
    """Ports that a host must reach."""

    def filters(self):
        return {"host_ports": host_ports}
