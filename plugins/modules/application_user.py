#!/usr/bin/python
# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: application_user
short_description: Manage an application user for CTI
version_added: 0.1.0
description:
  - Creates, updates or removes one application user of a CUCM cluster with its controlled devices and CTI groups.
  - Works like M(voiceops.secure_tsp.fleet_accounts) with a single user. For more than a few users, use
    that module, which reads the cluster once for all of them.
options:
  name:
    description: User ID.
    type: str
    required: true
  user_password:
    description: Password of the user, 1 to 127 characters. Required if the user does not exist yet.
    type: str
  update_password:
    description:
      - V(on_create) sets the password only for a new user.
      - V(always) sets the password in every run and always reports a change, because the cluster offers no way to check
        whether the password is the same.
    type: str
    choices: [on_create, always]
    default: on_create
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
  state:
    description: V(absent) removes the user. This is refused while the user has CAPF profiles.
    type: str
    choices: [present, absent]
    default: present
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
    details:
      - The diff never shows passwords.
  idempotent:
    support: partial
    details:
      - O(update_password=always) changes the cluster in every run.
seealso:
  - module: voiceops.secure_tsp.fleet_accounts
  - module: voiceops.secure_tsp.end_user
  - module: voiceops.secure_tsp.capf_profile
"""

EXAMPLES = r"""
- name: Create the user of a recorder
  voiceops.secure_tsp.application_user:
    hostname: cucm-pub.example.com
    username: axl
    password: "{{ vault_axl_password }}"
    name: recorder_tapi
    user_password: "{{ vault_recorder_password }}"
    devices: [SEP001122334455, SEP001122334466]

- name: Remove the user
  voiceops.secure_tsp.application_user:
    hostname: cucm-pub.example.com
    username: axl
    password: "{{ vault_axl_password }}"
    name: recorder_tapi
    state: absent
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
      sample: recorder_tapi
    type:
      description: V(application) or V(end).
      type: str
      sample: application
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
      sample: [SEP001122334455, SEP001122334466]
    secure:
      description: Whether the user is in C(Standard CTI Secure Connection).
      type: bool
      sample: false
    action:
      description: What was done to the user itself, not counting groups.
      type: str
      sample: create
plan:
  description: The changes that were made, or would be made in check mode, as in RV(voiceops.secure_tsp.fleet_accounts#module:plan).
  returned: success
  type: list
  elements: dict
  sample:
    - object: user recorder_tapi
      kind: user
      name: recorder_tapi
      user: recorder_tapi
      action: create
      fields:
        - password
        - credential_flags
      reason: it does not exist
      reason_code: user_new
      digest: 5807e0c4006871636d374987ff0c5df8dd241e6879a796f7a8a2bd6382bff5ef
      way: ""
    - object: member recorder_tapi of group Standard CTI Enabled
      kind: group
      name: Standard CTI Enabled
      user: recorder_tapi
      action: add_member
      fields:
        - groups
      reason: listed
      reason_code: listed
      digest: ced141cf6925518801dca11a3434890895cc2a9e9eca83cfe34a9cb966a8affd
      way: delta
requests:
  description: Number of requests sent, as C(read), C(write) and C(by_operation).
  returned: success
  type: dict
  sample:
    read: 5
    write: 3
    by_operation:
      getCCMVersion: 1
      executeSQLQuery: 4
      addAppUser: 1
      updateAppUser: 1
      updateUserGroup: 1
read_way:
  description: How users were read. V(sql), or V(get) if the cluster refused SQL.
  returned: success
  type: str
  sample: sql
group_way:
  description: V(delta), V(user) if the cluster refused a change of members and the user's groups were written, or V(none).
  returned: success
  type: str
  sample: none
problems:
  description: All mistakes found.
  returned: when the options contradict the cluster
  type: list
  elements: str
  sample: [user CCMSysUser is a standard user of the system and is not changed]
remarks:
  description:
    - The same mistakes with their codes and the objects they concern, as in
      RV(voiceops.secure_tsp.fleet_accounts#module:remarks).
  returned: when the options contradict the cluster
  type: list
  elements: dict
  sample:
    - code: user_standard
      user: CCMSysUser
      user_type: application
      instance_id: ""
      data: {}
      text: user CCMSysUser is a standard user of the system and is not changed
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
            user_password=dict(type="str", no_log=True),
            update_password=dict(type="str", choices=["on_create", "always"], default="on_create", no_log=False),
            devices=dict(type="list", elements="str"),
            devices_mode=dict(type="str", choices=["append", "exact"], default="append"),
            cti_groups=dict(type="list", elements="str", default=[]),
            secure_connection=dict(type="bool"),
            srtp=dict(type="bool"),
            state=dict(type="str", choices=["present", "absent"], default="present"),
        )
    )
    params = module.params
    user = dict((option, params[option]) for option in (
        "name", "update_password", "devices", "devices_mode", "cti_groups", "secure_connection", "srtp", "state",
    ))
    user.update(type=_fleet.APPLICATION, password=params["user_password"], remove_user=params["state"] == "absent")
    wish = _fleet.Wish(users=[user], stages=("users", "cutover"), cutover="never")
    with reporting(module):
        with accounts.connect(params) as axl:
            result, warnings = accounts.bring_in_line(axl, wish, apply=not module.check_mode)
    finish(module, accounts.of_one_user(result), warnings)


if __name__ == "__main__":
    main()
