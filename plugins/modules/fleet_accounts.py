#!/usr/bin/python
# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_accounts
short_description: Bring users, CTI groups and CAPF profiles of one cluster in line with two lists
version_added: 0.1.0
description:
  - Reads what a CUCM cluster shows about the listed users and TSP instances, plans, and applies only what differs.
  - Reading takes at most 8 requests whatever the number of users and instances, unless one answer would pass the 8 MB
    that AXL allows. The cluster's release, both lists of CAPF profiles, and three SQL queries for groups and devices.
    Two more only where users are to get devices or groups, to find those that do not exist before anything is written.
  - Writing takes 2 requests per new application user, 1 per user with changed devices or password, 1 per profile that
    is made, armed, disarmed or removed, and 1 per changed group. A second run with the same options and the same
    state writes nothing.
  - A missing list entry is never a deletion. Members of groups and groups of users that the lists do not name are
    never touched. End users are never created, changed in password or removed.
  - A CAPF profile is armed (operation V(Install/Upgrade) with a new authorization string) only when the host says
    that it needs a certificate, never because of the profile alone.
options:
  users:
    description:
      - The users to bring in line. All that are listed, wherever their instances are.
      - All mistakes in O(users) and O(instances), also those that only the cluster shows, are reported in one message
        before anything is written.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - User ID. Application users and end users share one name space here, in which V(jdoe) and V(JDoe) are the
            same user. Requests spell it as the cluster does.
        type: str
        required: true
      type:
        description: Kind of user.
        type: str
        choices: [application, end]
        default: application
      password:
        description:
          - Password of an application user, 1 to 127 characters. Required when the user does not exist yet.
          - Ignored for end users.
        type: str
      update_password:
        description:
          - V(on_create) sets the password of a new user only.
          - V(always) sets it in every run and reports a change every time, because the cluster cannot be asked
            whether the password is the same.
        type: str
        choices: [on_create, always]
        default: on_create
      devices:
        description:
          - Names of the devices the user controls, at most 50 characters each. If not set they are not managed.
          - A device that the user does not control yet must exist. If the cluster refuses SQL this is not looked up
            before the task begins to write, and a warning says so. Groups are treated alike.
        type: list
        elements: str
      devices_mode:
        description: V(append) adds what is missing, V(exact) also takes away the others.
        type: str
        choices: [append, exact]
        default: append
      srtp:
        description:
          - Whether the user is in C(Standard CTI Allow Reception of SRTP Key Material). If not set it is not managed.
          - The user is added together with the cutover, because the group has no effect before.
        type: bool
      cti_groups:
        description:
          - Names of further groups the user is added to, besides C(Standard CTI Enabled), which every listed user is
            in.
          - Secure connection and SRTP do not belong here, see O(cutover) and O(users[].srtp).
        type: list
        elements: str
        default: []
      state:
        description:
          - V(absent) with O(users[].remove_user=true) removes an application user that has no CAPF profile left.
          - V(absent) alone leaves the user as it is.
        type: str
        choices: [present, absent]
        default: present
      remove_user:
        description: Confirms that O(users[].state=absent) removes the user itself.
        type: bool
        default: false
  instances:
    description:
      - The TSP instances. One instance is one CAPF profile, one certificate and one connection.
      - Give all instances of the listed users, also those on hosts outside of this play. They are needed to judge the
        cutover and are not touched, see O(hosts_of_play).
    type: list
    elements: dict
    default: []
    suboptions:
      host:
        description: Inventory name of the host.
        type: str
        required: true
      user:
        description: User of the instance, as in O(users[].name).
        type: str
        required: true
      user_type:
        description: Kind of user. Needed only when O(instances[].user) is not in O(users).
        type: str
        choices: [application, end]
      instance_id:
        description: 1 to 128 characters of a-z, A-Z and 0-9, unique in the cluster.
        type: str
        required: true
      tsp_number:
        description: Number of the TSP on a Windows host, 1 to 10.
        type: int
      enrolment:
        description:
          - V(collection) means that M(voiceops.secure_tsp.capf_certificate) fetches the certificate, so a profile
            whose string is lost can be armed anew.
          - V(tsp) means that the TSP fetches it itself, so a pending profile is left alone.
        type: str
        choices: [collection, tsp]
        default: collection
      key:
        description:
          - Key that CAPF is told to demand. A difference on an idle profile is reported and applied when it is armed.
        type: dict
        suboptions:
          type:
            description: Kind of key. V(ec) needs CAPF protocol version 3, which no CTI client was seen to speak.
            type: str
            choices: [rsa, ec]
            default: rsa
          size:
            description: Bits. 2048 (the default), 3072 or 4096 for RSA, 256 (the default), 384 or 521 for EC.
            type: int
      authorization_string:
        description:
          - String to arm with, 4 to 10 digits by Cisco's guides. If not set a new one of 10 digits is made.
          - While the profile is pending a given string is taken for the one it is pending with.
        type: str
      string_held:
        description:
          - V(true) when this run still holds the string the profile is pending with, so that it is left pending.
          - V(false) when it is known to be lost, also if O(instances[].authorization_string) is given.
        type: bool
      needs_certificate:
        description:
          - What RV(voiceops.secure_tsp.capf_certificate_info#module:needs_certificate) says about the host.
          - If not set the profile is never armed, except with O(instances[].rearm) or O(instances[].force).
          - A profile that is armed although none is needed, with a string that nobody holds, was left by a run that
            died. It is disarmed, unless O(instances[].enrolment=tsp).
        type: dict
        suboptions:
          needed:
            description: Whether the host needs a certificate.
            type: bool
            required: true
          reason:
            description: Why, such as V(missing), V(key_lost) or V(expiring).
            type: str
      certificate_valid:
        description:
          - Whether the host holds a valid certificate with its key. If not set the host has not been looked at.
        type: bool
      compromised:
        description:
          - V(true) when the cluster is known to have marked the certificate as compromised. The profile is then never
            armed again; the instance needs a new O(instances[].instance_id).
        type: bool
        default: false
      rearm:
        description: Arm the profile with a new string in any case. Changes the cluster in every run.
        type: bool
        default: false
      force:
        description:
          - Treat the instance as one that needs a certificate. A pending profile is treated as without this option.
        type: bool
        default: false
      replace:
        description:
          - Allow to remove a profile of this O(instances[].instance_id) that belongs to another user, and to make it
            anew.
        type: bool
        default: false
      state:
        description: V(absent) removes the CAPF profile.
        type: str
        choices: [present, absent]
        default: present
  stages:
    description:
      - What to do in this task.
      - V(users) makes and updates users, devices and groups, except the two of the cutover.
      - V(profiles) makes, arms and removes CAPF profiles, and disarms those that a run that died left armed.
      - Users are removed in V(users) and in V(profiles), once none of their profiles is left.
      - V(cutover) adds users to C(Standard CTI Secure Connection) and brings their SRTP group in line.
      - V(disarm) takes the pending operation off the listed profiles. It stands alone.
    type: list
    elements: str
    choices: [users, profiles, cutover, disarm]
    default: [users, profiles, cutover]
  hosts_of_play:
    description:
      - Inventory names of the hosts of this play or batch. Profiles of instances on other hosts are not touched.
      - For the cutover, instances on these hosts count by O(instances[].certificate_valid), others by the profile's
        status. Users without an instance on these hosts are not cut over.
      - If not set, all instances are touched, and those without O(instances[].certificate_valid) count by the
        profile's status.
    type: list
    elements: str
  cutover:
    description:
      - V(auto) adds a user to C(Standard CTI Secure Connection) once every listed instance of the user holds a valid
        certificate. From then on CTI Manager accepts the user's connections on port 2749 only.
      - V(manual) tells which cutovers are due and does none.
      - V(never) does not look at them.
    type: str
    choices: [auto, manual, never]
    default: auto
  operation_completes_hours:
    description:
      - Armed profiles stay armed for at least this many hours, 1 to 720. The text written is 14 hours later, because
        it is not known in which time zone CUCM reads it.
      - V(0) leaves the deadline to the enterprise parameter C(CAPF Operation Expires in (days)).
    type: int
    default: 24
  capf_issuer:
    description:
      - Who signs the certificates, as M(voiceops.secure_tsp.cluster_info) found. EC keys are refused with an
        V(online) CA.
    type: str
    choices: [self, online, offline, unknown]
    default: unknown
  plan_only:
    description: Plan and change nothing, as in check mode. RV(plan) can be given to O(approved_plan) later.
    type: bool
    default: false
  on_problems:
    description:
      - What to do when O(users), O(instances) and the cluster contradict each other.
      - V(report) goes on and returns RV(problems), for looking at a cluster that is not as it should be. It needs
        O(plan_only=true) or check mode.
    type: str
    choices: [fail, report]
    default: fail
  approved_plan:
    description:
      - RV(plan) of an earlier run with O(plan_only=true), or its O(approved_plan[].object) and
        O(approved_plan[].digest) alone.
      - If set, the task fails before it writes anything unless every change is in it and its digest is still the same.
      - Digests cover the change and what the host said, not times, states of the profile or strings. Other objects in
        it are ignored, so that a plan for the fleet can be applied batch by batch.
    type: list
    elements: dict
    suboptions:
      object:
        description: RV(plan[].object).
        type: str
        required: true
      digest:
        description: RV(plan[].digest).
        type: str
        required: true
      kind:
        description: Ignored.
        type: str
      name:
        description: Ignored.
        type: str
      user:
        description: Ignored.
        type: str
      action:
        description: Ignored.
        type: str
      fields:
        description: Ignored.
        type: list
        elements: str
      reason:
        description: Ignored.
        type: str
      reason_code:
        description: Ignored.
        type: str
      way:
        description: Ignored.
        type: str
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
      - Passwords and authorization strings never appear in it.
  idempotent:
    support: partial
    details:
      - O(users[].update_password=always) and O(instances[].rearm=true) change the cluster in every run.
notes:
  - RV(strings) holds secrets. Run tasks that arm profiles with C(no_log=true).
  - If arming fails midway, what this task armed is disarmed before it fails, so that no string is lost.
  - Whether every release accepts a change of members for the standard groups is not proven. If it is refused, the
    groups of each user are read, merged and written instead, and RV(group_way) says so.
seealso:
  - module: voiceops.secure_tsp.capf_certificate
  - module: voiceops.secure_tsp.capf_certificate_info
  - module: voiceops.secure_tsp.cluster_info
  - module: voiceops.secure_tsp.application_user
  - module: voiceops.secure_tsp.end_user
  - module: voiceops.secure_tsp.access_control_group
  - module: voiceops.secure_tsp.capf_profile
"""

EXAMPLES = r"""
- name: Make users with their groups and devices
  voiceops.secure_tsp.fleet_accounts:
    hostname: cucm-pub.example.com
    username: axl
    password: "{{ vault_axl_password }}"
    ca_path: /etc/ssl/cucm.pem
    users:
      - name: recorder_tapi
        password: "{{ vault_recorder_password }}"
        devices: [SEP001122334455]
        srtp: true
      - name: jdoe
        type: end
    stages: [users]
  delegate_to: localhost
  run_once: true

- name: Arm the profiles of the hosts that need a certificate
  voiceops.secure_tsp.fleet_accounts:
    hostname: cucm-pub.example.com
    username: axl
    password: "{{ vault_axl_password }}"
    users:
      - name: recorder_tapi
    instances:
      - host: recorder01
        user: recorder_tapi
        instance_id: recorder01x1
        needs_certificate: {needed: true, reason: missing}
      - host: recorder02
        user: recorder_tapi
        instance_id: recorder02x1
    hosts_of_play: [recorder01]
    stages: [profiles]
  delegate_to: localhost
  run_once: true
  no_log: true
  register: armed

- name: Take back what was armed and not used
  voiceops.secure_tsp.fleet_accounts:
    hostname: cucm-pub.example.com
    username: axl
    password: "{{ vault_axl_password }}"
    users:
      - name: recorder_tapi
    instances: "{{ my_instances | selectattr('instance_id', 'in', armed.armed) | list }}"
    stages: [disarm]
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
plan:
  description:
    - What this task changes, or would change in check mode or with O(plan_only=true), in the order of the changes.
    - Rows with RV(plan[].action) V(none) tell what is left for later or left alone, and why.
  returned: success
  type: list
  elements: dict
  contains:
    object:
      description: The object in words; unique in the plan.
      type: str
      sample: profile recorder01x1
    kind:
      description: V(user), V(profile) or V(group). A group has one row per member, but all members go in one request.
      type: str
      sample: profile
    name:
      description: Name of the user or group, or instance ID.
      type: str
      sample: recorder01x1
    user:
      description: The user the change is about.
      type: str
      sample: recorder_tapi
    action:
      description:
        - V(create), V(update) and V(remove) for users; V(create) (idle), V(arm) (made first if need be), V(disarm)
          and V(remove) for profiles; V(add_member) and V(remove_member) for groups; V(none).
      type: str
      sample: arm
    fields:
      description: Names of the options whose values change.
      type: list
      elements: str
      sample: [operation]
    reason:
      description: Why.
      type: str
      sample: "the host needs a certificate: missing"
    reason_code:
      description: RV(plan[].reason) as a code, for tests and filters. The sentences may change, the codes do not.
      type: str
      sample: needed
    digest:
      description: SHA-256 over the change and what the host said, as 64 hexadecimal digits.
      type: str
      sample: 5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef
    way:
      description: How a change of a group was made, V(delta) or V(user). Empty otherwise and while nothing was done.
      type: str
      sample: delta
strings:
  description:
    - The authorization strings that this task made for the profiles it armed, by instance ID. Secret. Empty in check
      mode.
    - Strings given in O(instances[].authorization_string) are not repeated.
  returned: success
  type: dict
  sample: {recorder01x1: "4711081547"}
armed:
  description: Instance IDs that this task armed, or would arm in check mode.
  returned: success
  type: list
  elements: str
  sample: [recorder01x1]
users:
  description: The listed users as they are after the task, or would be.
  returned: success
  type: list
  elements: dict
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
      description: All devices the user controls.
      type: list
      elements: str
      sample: [SEP001122334455]
    secure:
      description:
        - Whether the user is in C(Standard CTI Secure Connection), so that CTI Manager accepts it on port 2749 only.
      type: bool
      sample: false
    action:
      description: What was done to the user itself, V(create), V(update), V(remove) or V(none).
      type: str
      sample: none
instances:
  description: The listed instances with their CAPF profiles as they are after the task, or would be.
  returned: success
  type: list
  elements: dict
  contains:
    host:
      description: Inventory name of the host.
      type: str
      sample: recorder01
    user:
      description: User of the instance.
      type: str
      sample: recorder_tapi
    instance_id:
      description: Instance ID.
      type: str
      sample: recorder01x1
    profile:
      description: The CAPF profile.
      type: dict
      contains:
        exists:
          description: Whether there is one.
          type: bool
          sample: true
        user:
          description: User it belongs to.
          type: str
          sample: recorder_tapi
        user_type:
          description: Kind of that user.
          type: str
          sample: application
        operation:
          description: Pending operation.
          type: str
          sample: Install/Upgrade
        status:
          description: Certificate operation status.
          type: str
          sample: Operation Pending
        completion:
          description: Deadline as the cluster writes it, in a time zone that is not known.
          type: str
          sample: "2026:11:25:18:00"
        state:
          description:
            - V(none), V(idle), V(pending), V(perhaps_expired) (the deadline is past in some time zones), V(expired)
              (in every one), V(success), V(failed) or V(other).
          type: str
          sample: pending
        key:
          description: Key that CAPF demands.
          type: dict
          sample: {type: rsa, size: 2048}
    action:
      description: V(create), V(arm), V(disarm), V(remove) or V(none).
      type: str
      sample: arm
    reason:
      description: Why, also why nothing was done.
      type: str
      sample: "the host needs a certificate: missing"
    reason_code:
      description: RV(instances[].reason) as a code.
      type: str
      sample: needed
cutover:
  description: The listed users that have instances, in stage V(cutover).
  returned: success
  type: list
  elements: dict
  contains:
    user:
      description: User ID.
      type: str
      sample: recorder_tapi
    due:
      description:
        - Whether every instance holds a valid certificate and the user was not in the group when the task began.
      type: bool
      sample: false
    done:
      description: Whether the user is in the group after the task, or would be.
      type: bool
      sample: false
    waiting_for:
      description: The instances that do not hold a valid certificate yet.
      type: list
      elements: dict
      sample: [{host: recorder02, instance_id: recorder02x1, why: "the profile has no certificate: pending"}]
    judged_by:
      description: How the instances were judged, V(host), V(cluster) or V(host and cluster).
      type: str
      sample: host and cluster
requests:
  description: Requests sent, repeated ones included.
  returned: success
  type: dict
  contains:
    read:
      description: Reading requests.
      type: int
      sample: 6
    write:
      description: Changing requests.
      type: int
      sample: 3
    by_operation:
      description: Requests by AXL operation.
      type: dict
      sample: {getCCMVersion: 1, executeSQLQuery: 4, addAppUser: 1, updateAppUser: 1, updateUserGroup: 1}
read_way:
  description: V(sql), or V(get) when the cluster refused SQL, or V(none) when no user had to be read.
  returned: success
  type: str
  sample: sql
group_way:
  description: V(delta), V(user) when a change of members was refused and each user's own list was written, or V(none).
  returned: success
  type: str
  sample: none
release:
  description: Release of the cluster.
  returned: success
  type: str
  sample: 14.0.1.13900(155)
done:
  description: Changes that were made before the task failed, as in RV(plan[].object).
  returned: when it failed after the first change
  type: list
  elements: str
  sample: [profile recorder01x3]
disarmed:
  description: Instance IDs that were armed by the task and disarmed again because it failed.
  returned: when it failed after the first change
  type: list
  elements: str
  sample: [recorder01x3]
still_armed:
  description: Instance IDs that were armed by the task and could not be disarmed.
  returned: when it failed after the first change
  type: list
  elements: str
  sample: []
problems:
  description: Every mistake found, where the lists, the cluster and the options contradict each other.
  returned: when there are any, and always with success
  type: list
  elements: str
  sample: ["end user nobody does not exist, and end users are never created here"]
remarks:
  description: The same mistakes with their codes and what they are about, for tests and filters.
  returned: when there are any, and always with success
  type: list
  elements: dict
  contains:
    code:
      description: What is wrong. The sentences may change, the codes do not.
      type: str
      sample: end_user_missing
    user:
      description: The user it is about, as the lists spell it, or empty.
      type: str
      sample: nobody
    user_type:
      description: Kind of that user by the lists, or empty where they do not tell it.
      type: str
      sample: end
    instance_id:
      description: The instance it is about, or empty.
      type: str
      sample: ""
    data:
      description: What else the sentence names, such as C(owner) and C(owner_type) of a profile of another user.
      type: dict
      sample: {}
    text:
      description: The sentence, as in RV(problems).
      type: str
      sample: end user nobody does not exist, and end users are never created here
code:
  description: AXL's error code, or the HTTP status.
  returned: when the server refused
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

USER = dict(
    name=dict(type="str", required=True),
    type=dict(type="str", choices=["application", "end"], default="application"),
    password=dict(type="str", no_log=True),
    update_password=dict(type="str", choices=["on_create", "always"], default="on_create", no_log=False),
    devices=dict(type="list", elements="str"),
    devices_mode=dict(type="str", choices=["append", "exact"], default="append"),
    srtp=dict(type="bool"),
    cti_groups=dict(type="list", elements="str", default=[]),
    state=dict(type="str", choices=["present", "absent"], default="present"),
    remove_user=dict(type="bool", default=False),
)
KEY = dict(
    type=dict(type="str", choices=["rsa", "ec"], default="rsa"),
    size=dict(type="int"),
)
NEEDS_CERTIFICATE = dict(
    needed=dict(type="bool", required=True),
    reason=dict(type="str"),
)
INSTANCE = dict(
    host=dict(type="str", required=True),
    user=dict(type="str", required=True),
    user_type=dict(type="str", choices=["application", "end"]),
    instance_id=dict(type="str", required=True),
    tsp_number=dict(type="int"),
    enrolment=dict(type="str", choices=["collection", "tsp"], default="collection"),
    key=dict(type="dict", options=KEY, no_log=False),
    authorization_string=dict(type="str", no_log=True),
    string_held=dict(type="bool"),
    needs_certificate=dict(type="dict", options=NEEDS_CERTIFICATE),
    certificate_valid=dict(type="bool"),
    compromised=dict(type="bool", default=False),
    rearm=dict(type="bool", default=False),
    force=dict(type="bool", default=False),
    replace=dict(type="bool", default=False),
    state=dict(type="str", choices=["present", "absent"], default="present"),
)
APPROVED = dict(
    object=dict(type="str", required=True),
    digest=dict(type="str", required=True),
    kind=dict(type="str"),
    name=dict(type="str"),
    user=dict(type="str"),
    action=dict(type="str"),
    fields=dict(type="list", elements="str"),
    reason=dict(type="str"),
    reason_code=dict(type="str"),
    way=dict(type="str"),
)


def main():
    module = create(
        dict(
            cluster_options(),
            users=dict(type="list", elements="dict", options=USER, default=[]),
            instances=dict(type="list", elements="dict", options=INSTANCE, default=[]),
            stages=dict(
                type="list", elements="str", choices=["users", "profiles", "cutover", "disarm"],
                default=["users", "profiles", "cutover"],
            ),
            hosts_of_play=dict(type="list", elements="str"),
            cutover=dict(type="str", choices=["auto", "manual", "never"], default="auto"),
            operation_completes_hours=dict(type="int", default=24),
            capf_issuer=dict(type="str", choices=["self", "online", "offline", "unknown"], default="unknown"),
            plan_only=dict(type="bool", default=False),
            on_problems=dict(type="str", choices=["fail", "report"], default="fail"),
            approved_plan=dict(type="list", elements="dict", options=APPROVED),
        )
    )
    params = module.params
    wish = _fleet.Wish(
        users=params["users"], instances=params["instances"], stages=tuple(params["stages"]),
        hosts_of_play=params["hosts_of_play"], cutover=params["cutover"], capf_issuer=params["capf_issuer"],
    )
    with reporting(module):
        with accounts.connect(params) as axl:
            result, warnings = accounts.bring_in_line(
                axl, wish, apply=not (module.check_mode or params["plan_only"]),
                approved=params["approved_plan"], hours=params["operation_completes_hours"],
                report_problems=params["on_problems"] == "report",
            )
    result.pop("failures")
    finish(module, result, warnings, result["strings"].values())


if __name__ == "__main__":
    main()
