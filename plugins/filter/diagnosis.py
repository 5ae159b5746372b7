# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: diagnosis
short_description: One page per instance, with what works, the first thing that does not, and the next step
description:
  - Goes on from what P(voiceops.secure_tsp.drift_findings#filter) found, and puts the findings about an instance, its user, its
    host and its cluster into the order in which a connection comes into being. The first step that fails is the one to cure
    first, because what comes after it may fail for no other reason.
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
  seen:
    description: By inventory name, what P(voiceops.secure_tsp.diagnosis_reading#filter) gives.
    type: dict
    default: {}
  now:
    description: The time for the head of each page, ISO 8601 in UTC.
    type: str
    required: true
  only:
    description: Only this instance ID.
    type: str
    default: ""
  traces:
    description: By cluster, C(folder), C(minutes), the number of C(files) and C(problems) of the cluster's own traces.
    type: dict
    default: {}
  folder:
    description: Folder that the pages are written into, for the last line.
    type: str
    default: ""
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
seealso:
  - plugin: voiceops.secure_tsp.drift_findings
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Show what does not work
  ansible.builtin.debug:
    msg: "{{ my_diagnosis.lines }}"
  vars:
    my_diagnosis: >-
      {{ my_fleet | voiceops.secure_tsp.diagnosis(clusters=my_clusters, hosts=my_hosts, findings=my_drift.findings,
         now='2026-11-24T12:00:00Z') }}
"""

RETURN = r"""
_value:
  description: What was found. It holds no secrets.
  type: dict
  contains:
    pages:
      description:
        - A dictionary for each instance. C(instance), C(name), C(verdict) (V(does not work), V(works, with remarks),
          V(nothing wrong found) or V(works)), C(first) (the finding to cure first, or null), C(findings), C(steps) with C(step),
          C(state) and C(text), C(connected), and the page as C(text).
      type: list
      elements: dict
    lines:
      description: A line or two for each instance, what does not work first.
      type: list
      elements: str
"""

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _diagnosis


def diagnosis(fleet, clusters, hosts, findings, now, seen=None, only="", traces=None, folder=""):
    """See DOCUMENTATION."""
    pages = _diagnosis.pages(fleet, clusters, hosts, findings, seen or {}, now, only, traces)
    return {"pages": pages, "lines": _diagnosis.summary(pages, folder)}


class FilterModule:
    """The diagnosis."""

    def filters(self):
        return {"diagnosis": diagnosis}
