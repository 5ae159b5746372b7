# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: users_of_hosts
short_description: Names of the users that some hosts are about
description:
  - The users of one cluster who have an instance on one of the hosts, and those who have no instance at all.
options:
  _input:
    description: What the filter P(voiceops.secure_tsp.fleet#filter) returned.
    type: dict
    required: true
  hosts:
    description: Inventory names of the hosts.
    type: list
    elements: str
    required: true
  cluster:
    description: Name of the cluster.
    type: str
    required: true
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
"""

EXAMPLES = r"""
- name: Show whose users a batch is about
  ansible.builtin.debug:
    msg: "{{ my_fleet | voiceops.secure_tsp.users_of_hosts(ansible_play_batch, 'main') }}"
"""

RETURN = r"""
_value:
  description: Names of users.
  type: list
  elements: str
"""


def users_of_hosts(fleet, hosts, cluster):
    """See DOCUMENTATION."""
    return [
        user["name"] for user in fleet["users"]
        if user["cluster"] == cluster and (not user["hosts"] or set(user["hosts"]) & set(hosts))
    ]


class FilterModule:
    """Users by host."""

    def filters(self):
        return {"users_of_hosts": users_of_hosts}
