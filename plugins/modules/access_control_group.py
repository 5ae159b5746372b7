#!/usr/bin/python
# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: access_control_group
short_description: Manage members of an access control group
version_added: 0.1.0
description:
  - Adds users to one access control group of a CUCM cluster, or removes them from it, in a single request.
  - Does not create or remove groups, and does not change their roles.
options:
  name:
    description: Name of the group, such as V(Standard CTI Enabled).
    type: str
    required: true
  members:
    description: User IDs of application users and end users. The cluster's response does not distinguish the two.
    type: list
    elements: str
    required: true
  members_mode:
    description:
      - V(append) adds the members that are missing. V(remove) removes the listed members.
      - V(exact) adds the members that are missing and removes all others, which may lock out administrators.
    type: str
    choices: [append, exact, remove]
    default: append
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
extends_documentation_fragment:
  - voiceops.secure_tsp.attributes
  - voiceops.secure_tsp.attributes.actiongroup_axl
  - voiceops.secure_tsp.cluster
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
notes:
  - It is not known whether every release accepts a change of members in the standard groups. If the cluster refuses it, the
    module reads, merges and writes the groups of each user instead, and RV(group_way) shows it.
seealso:
  - module: voiceops.secure_tsp.fleet_accounts
  - module: voiceops.secure_tsp.application_user
  - module: voiceops.secure_tsp.end_user
"""

EXAMPLES = r"""
- name: Restrict two users to secure CTI connections
  voiceops.secure_tsp.access_control_group:
    hostname: cucm-pub.example.com
    username: axl
    password: "{{ vault_axl_password }}"
    name: Standard CTI Secure Connection
    members: [recorder_tapi, jdoe]
"""

RETURN = r"""
name:
  description: Name of the group.
  returned: success
  type: str
  sample: Standard CTI Secure Connection
members:
  description: All members after the task, or as they would be in check mode.
  returned: success
  type: list
  elements: str
  sample: [jdoe, recorder_tapi]
added:
  description: Members that were added.
  returned: success
  type: list
  elements: str
  sample: [recorder_tapi, jdoe]
removed:
  description: Members that were removed.
  returned: success
  type: list
  elements: str
  sample: []
group_way:
  description: V(delta), V(user) if the cluster refused a change of members and the groups of each user were written, or V(none).
  returned: success
  type: str
  sample: delta
requests:
  description: Number of requests sent, as C(read), C(write) and C(by_operation).
  returned: success
  type: dict
  sample: {read: 2, write: 1, by_operation: {getCCMVersion: 1, getUserGroup: 1, updateUserGroup: 1}}
code:
  description: AXL's error code, or the HTTP status.
  returned: when the server refused the request
  type: int
  sample: 401
"""

from ansible_collections.voiceops.secure_tsp.plugins.module_utils._axl import accounts
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._module import (
    cluster_options,
    create,
    finish,
    reporting,
)


def main():
    module = create(
        dict(
            cluster_options(),
            name=dict(type="str", required=True),
            members=dict(type="list", elements="str", required=True),
            members_mode=dict(type="str", choices=["append", "exact", "remove"], default="append"),
        )
    )
    params = module.params
    with reporting(module):
        with accounts.connect(params) as axl:
            result = accounts.change_members(
                axl, params["name"], params["members"], params["members_mode"], apply=not module.check_mode
            )
            warnings = accounts.login_warnings(axl)
    finish(module, result, warnings)


if __name__ == "__main__":
    main()
