#!/usr/bin/python
# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: end_user
short_description: Manage devices and CTI groups of an end user
version_added: 0.1.0
description:
  - Manages the controlled devices and CTI groups of one end user of a CUCM cluster. The user must exist. End users
    are never created, removed or changed in any other way, so LDAP-synchronized users need no special care.
  - Refuses a user that is no longer in its LDAP directory. CUCM shows such a user as inactive and deletes it within days.
  - Works like M(voiceops.secure_tsp.fleet_accounts) with a single user. For more than a few users, use
    that module, which reads the cluster once for all of them.
options:
  name:
    description: User ID.
    type: str
    required: true
  devices:
    description: Names of the devices that the user controls, at most 50 characters each. If not set, devices are not managed.
    type: list
    elements: str
  devices_mode:
    description: V(append) adds the devices that are missing. V(exact) also removes all others.
    type: str
    choices: [append, exact]
    default: append
  cti_groups:
    description:
      - Names of further groups to add the user to. The user is always added to C(Standard CTI Enabled).
      - Groups that are not listed are not changed.
    type: list
    elements: str
    default: []
  secure_connection:
    description:
      - Whether the user is in C(Standard CTI Secure Connection). If not set, the membership is not managed.
      - CTI Manager accepts members on port 2749 only and all others on port 2748 only, so a change cuts running connections.
        Set it once every instance of the user holds a certificate. M(voiceops.secure_tsp.fleet_accounts) determines that
        by itself.
    type: bool
  srtp:
    description:
      - Whether the user is in C(Standard CTI Allow Reception of SRTP Key Material). If not set, the membership is not managed.
      - V(true) takes effect only once the user is in C(Standard CTI Secure Connection); until then the user is not added.
    type: bool
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
  - CUCM lets an end user use CTI only while C(Allow Control of Device from CTI) is enabled for the user, which is
    the default. This module does not check it.
seealso:
  - module: voiceops.secure_tsp.fleet_accounts
  - module: voiceops.secure_tsp.application_user
  - module: voiceops.secure_tsp.capf_profile
"""

EXAMPLES = r"""
- name: Let an end user control a phone through CTI
  voiceops.secure_tsp.end_user:
    hostname: cucm-pub.example.com
    username: axl
    password: "{{ vault_axl_password }}"
    name: jdoe
    devices: [SEP001122334455]
"""

RETURN = r"""
user:
  description: The user after the task, or as it would be in check mode.
  returned: success
  type: dict
  contains:
    name:
      description: User ID.
      type: str
      sample: jdoe
    type:
      description: V(application) or V(end).
      type: str
      sample: end
    exists:
      description: Whether the user exists.
      type: bool
      sample: true
    groups:
      description: All groups of the user.
      type: list
      elements: str
      sample: [Standard CTI Enabled]
    devices:
      description: All devices that the user controls.
      type: list
      elements: str
      sample: [SEP001122334455]
    secure:
      description: Whether the user is in C(Standard CTI Secure Connection).
      type: bool
      sample: false
    action:
      description: What was done to the user itself, not counting groups.
      type: str
      sample: update
plan:
  description: The changes that were made, or would be made in check mode, as in RV(voiceops.secure_tsp.fleet_accounts#module:plan).
  returned: success
  type: list
  elements: dict
  sample:
    - object: user jdoe
      kind: user
      name: jdoe
      user: jdoe
      action: update
      fields:
        - devices
      reason: devices differ
      reason_code: devices_differ
      digest: 77bc46d3a661b41ba5331678725c9945c8db33642856adf5dc20195267c9285d
      way: ""
    - object: member jdoe of group Standard CTI Enabled
      kind: group
      name: Standard CTI Enabled
      user: jdoe
      action: add_member
      fields:
        - groups
      reason: listed
      reason_code: listed
      digest: ceaad5f8559e11f956beec5e1ea8c1bed2c6914dc4d3156b2ed1c06948c3b44f
      way: delta
requests:
  description: Number of requests sent, as C(read), C(write) and C(by_operation).
  returned: success
  type: dict
  sample: {read: 5, write: 2, by_operation: {getCCMVersion: 1, executeSQLQuery: 4, updateUser: 1, updateUserGroup: 1}}
read_way:
  description: How users were read. V(sql), or V(get) if the cluster refused SQL.
  returned: success
  type: str
  sample: sql
group_way:
  description: V(delta), V(user) if the cluster refused a change of members and the user's groups were written, or V(none).
  returned: success
  type: str
  sample: delta
problems:
  description: All mistakes found.
  returned: when the options contradict the cluster
  type: list
  elements: str
  sample: ['end user nobody does not exist, and end users are never created here']
remarks:
  description:
    - The same mistakes with their codes and the objects they concern, as in
      RV(voiceops.secure_tsp.fleet_accounts#module:remarks).
  returned: when the options contradict the cluster
  type: list
  elements: dict
  sample:
    - code: end_user_missing
      user: nobody
      user_type: end
      instance_id: ""
      data: {}
      text: end user nobody does not exist, and end users are never created here
code:
  description: AXL's error code, or the HTTP status.
  returned: when the server refused the request
  type: int
  sample: 401
"""

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _fleet
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
            devices=dict(type="list", elements="str"),
            devices_mode=dict(type="str", choices=["append", "exact"], default="append"),
            cti_groups=dict(type="list", elements="str", default=[]),
            secure_connection=dict(type="bool"),
            srtp=dict(type="bool"),
        )
    )
    params = module.params
    user = dict((option, params[option]) for option in (
        "name", "devices", "devices_mode", "cti_groups", "secure_connection", "srtp",
    ))
    wish = _fleet.Wish(users=[dict(user, type=_fleet.END)], stages=("users", "cutover"), cutover="never")
    with reporting(module):
        with accounts.connect(params) as axl:
            result, warnings = accounts.bring_in_line(axl, wish, apply=not module.check_mode)
    finish(module, accounts.of_one_user(result), warnings)


if __name__ == "__main__":
    main()
