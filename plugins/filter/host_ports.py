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
  description:
    - Dictionaries with C(service), C(cluster), C(host), C(port), C(activate) (the service to activate there) and
      C(one_suffices) (whether one open port of the service is enough).
  type: list
  elements: dict
"""

CAPF = {"service": "CAPF", "activate": "Cisco Certificate Authority Proxy Function", "one_suffices": False}
CTI_MANAGER = {"service": "CTI Manager", "activate": "Cisco CTIManager", "one_suffices": True}


def host_ports(instances):
    """See DOCUMENTATION."""
    found = []
    for instance in instances:
        here = {"cluster": instance["cluster"]}
        if instance["enrolment"] == "collection":
            found.append(dict(CAPF, host=instance["capf_host"], port=instance["capf_port"], **here))
        found += [dict(CTI_MANAGER, host=host, port=instance["cti_port"], **here) for host in instance["cti_managers"]]
    return [place for number, place in enumerate(found) if place not in found[:number]]


class FilterModule:
    """Ports that a host must reach."""

    def filters(self):
        return {"host_ports": host_ports}
