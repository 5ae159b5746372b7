# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: with_probes
short_description: Add the probes of TSP instances to their list
description:
  - A probe is a second certificate of an instance, with an instance ID of its own, for verification beside a running
    application. It is armed and enrolled like any other instance, in the folder C(probe) of the instance's store.
  - Takes and gives the list as it is written in the inventory. The filter P(voiceops.secure_tsp.fleet#filter)
    completes and checks it.
options:
  _input:
    description: The instances.
    type: list
    elements: dict
    required: true
  suffix:
    description: What is added to an instance ID to get that of its probe.
    type: str
    default: probe
  enabled:
    description: With V(false) the list comes back as it is.
    type: bool
    default: true
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
"""

EXAMPLES = r"""
- name: Show all CAPF profiles of the fleet
  ansible.builtin.debug:
    msg: "{{ secure_tsp_instances | voiceops.secure_tsp.with_probes | map(attribute='instance_id') }}"
"""

RETURN = r"""
_value:
  description: The instances, and after them a probe of each, with C(probe_of).
  type: list
  elements: dict
"""

from collections.abc import Mapping

from ansible.module_utils.parsing.convert_bool import boolean

# Neither the string nor force and replace: those are said about the instance alone.
SHARED = ("host", "user", "cluster", "enrolment", "key", "capf", "store", "state")


def with_probes(instances, suffix="probe", enabled=True):
    """See DOCUMENTATION."""
    if not boolean(enabled):
        return instances
    return list(instances) + [_probe(one, suffix) for one in instances if _can_have_one(one)]


def _can_have_one(instance):
    return isinstance(instance, Mapping) and instance.get("instance_id") is not None and not instance.get("probe_of")


def _probe(instance, suffix):
    probe = dict((key, instance[key]) for key in SHARED if instance.get(key) is not None)
    name = str(instance["instance_id"])
    probe.update(instance_id="%s%s" % (name, suffix), probe_of=name)
    return probe


class FilterModule:
    """Probes of instances."""

    def filters(self):
        return {"with_probes": with_probes}
