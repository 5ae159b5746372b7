# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: diagnosis_reading
short_description: What a host shows beyond the search for drift, as the diagnosis takes it
description:
  - Keeps of the results of modules what P(voiceops.secure_tsp.diagnosis#filter) judges. It holds no secrets.
options:
  _input:
    description:
      - Results of looping M(voiceops.secure_tsp.secure_port_info) over the host's completed instances, each of which is in
        C(item) or in C(item.instance); so it is with the other results.
    type: list
    elements: dict
    required: true
  opened:
    description: Results of looping M(voiceops.secure_tsp.cti_provider_info) over P(voiceops.secure_tsp.diagnosis_openings#filter).
    type: list
    elements: dict
    default: []
  traces:
    description: Results of looping M(voiceops.secure_tsp.tsp_trace_info).
    type: list
    elements: dict
    default: []
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
seealso:
  - plugin: voiceops.secure_tsp.diagnosis
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Remember what this host shows
  ansible.builtin.set_fact:
    my_seen: "{{ my_ports.results | voiceops.secure_tsp.diagnosis_reading }}"
"""

RETURN = r"""
_value:
  description: A row for each instance, with C(cluster), C(instance_id), C(ports), C(opened) and C(trace).
  type: list
  elements: dict
"""

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _diagnosis


class FilterModule:
    """Hosts, for the diagnosis."""

    def filters(self):
        return {"diagnosis_reading": _diagnosis.host_seen}
