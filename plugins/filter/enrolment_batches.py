# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: enrolment_batches
short_description: Divide instances into batches that are enrolled one after another
description:
  - Takes the instances host by host in turn, so that a batch is spread over as many hosts as possible. They enrol at the
    same time, and no host has all its instances in one batch while others wait.
  - With O(canary) the first batch is smaller, so that a mistake meets few.
options:
  _input:
    description: Instances of one cluster, with C(host) and C(instance_id).
    type: list
    elements: dict
    required: true
  size:
    description: Instances of a batch at most, 1 or more.
    type: int
    required: true
  canary:
    description: Instances of the first batch at most; 0 makes it a batch like the others.
    type: int
    default: 0
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
"""

EXAMPLES = r"""
- name: Show who enrols together
  ansible.builtin.debug:
    msg: "{{ my_instances | voiceops.secure_tsp.enrolment_batches(size=10, canary=1) }}"
"""

RETURN = r"""
_value:
  description: The batches, each a list of instance IDs.
  type: list
  elements: list
"""

from ansible.errors import AnsibleFilterError


def enrolment_batches(instances, size, canary=0):
    """See DOCUMENTATION."""
    size, canary = int(size), int(canary)
    if size < 1 or canary < 0:
        raise AnsibleFilterError("enrolment_batches: size is %d and canary %d; they must be 1 or more, and 0 or more" % (
            size, canary))
    queue = _in_turn(instances)
    batches = [queue[:min(canary, size)]] if canary and queue else []
    rest = queue[len(batches[0]):] if batches else queue
    return batches + [rest[start:start + size] for start in range(0, len(rest), size)]


def _in_turn(instances):
    """Instance IDs, the first of each host, then the second of each, and so on."""
    turns = {}
    places = {}
    for instance in instances:
        turn = places[instance["host"]] = places.get(instance["host"], -1) + 1
        turns.setdefault(turn, []).append(instance["instance_id"])
    return [instance_id for turn in sorted(turns) for instance_id in turns[turn]]


class FilterModule:
    """Batches."""

    def filters(self):
        return {"enrolment_batches": enrolment_batches}
