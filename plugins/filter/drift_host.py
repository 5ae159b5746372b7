# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: drift_host
short_description: What a host shows, as the search for drift takes it
description:
  - Keeps of the results of a host's modules what P(voiceops.secure_tsp.drift_findings#filter) judges. It holds no secrets.
options:
  _input:
    description:
      - Results of looping M(voiceops.secure_tsp.capf_certificate_info) over the host's completed instances, each of which is in
        C(item).
    type: list
    elements: dict
    required: true
  lists:
    description: Results of looping M(voiceops.secure_tsp.ctl_file) in check mode.
    type: list
    elements: dict
    default: []
  probes:
    description: Results of looping M(voiceops.secure_tsp.cti_provider_info) over the probes.
    type: list
    elements: dict
    default: []
  files:
    description: Certificate files of the host with C(path) and C(checksum), as M(ansible.builtin.find) returns them.
    type: list
    elements: dict
    default: []
  addresses:
    description: Addresses of the host.
    type: list
    elements: str
    default: []
  tsps:
    description: Of a Windows host, C(client_windows_facts.instances) of the role P(voiceops.secure_tsp.client_windows#role).
    type: list
    elements: dict
    default: []
  judged:
    description: Of a Windows host, C(client_windows_findings) of that role.
    type: list
    elements: dict
    default: []
  failure:
    description: Why there is nothing more.
    type: str
    default: ""
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
seealso:
  - plugin: voiceops.secure_tsp.drift_findings
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Remember what this host shows
  ansible.builtin.set_fact:
    my_reading: "{{ my_certificates.results | voiceops.secure_tsp.drift_host(lists=my_lists.results) }}"
"""

RETURN = r"""
_value:
  description: The reading, with C(failure), C(addresses), C(instances), C(files) and C(findings).
  type: dict
"""

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _drift


class FilterModule:
    """Hosts, for the search for drift."""

    def filters(self):
        return {"drift_host": _drift.host_reading}
