#!/usr/bin/python
# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_accounts
short_description: Manage users, CTI groups and CAPF profiles of one cluster from two lists
version_added: 0.1.0
description:
  - Reads the listed users and TSP instances from a CUCM cluster, plans the changes, and applies only what differs.
  - Reading takes at most 8 requests, however many users and instances there are, unless a response would exceed the 8 MB
    that AXL allows. The requests are one for the cluster's release, two for the lists of CAPF profiles, and three SQL queries for
    groups and devices. Two more are sent only if users are to get devices or groups, to find out whether these exist before anything
    is written.
  - Writing takes 2 requests for each new application user, 1 for each user whose devices or password change, 1 for each profile that
    is created, armed, disarmed or removed, and 1 for each group that changes. A second run with the same options and the same
    state writes nothing.
  - A missing list entry never causes a deletion. Group members and groups that the lists do not name are
    never changed. End users are never created or removed, and their passwords are never changed.
  - A CAPF profile is armed (operation V(Install/Upgrade) with a new authorization string) only if the host reports
    that it needs a certificate, never because of the profile alone.
options:
  users:
    description:
      - The users to manage. All listed users are managed, on whichever hosts their instances are.
      - All mistakes in O(users) and O(instances), including those that only the cluster can reveal, are reported in one message
        before anything is written.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - User ID. Application users and end users share one namespace here, in which V(jdoe) and V(JDoe) are the
            same user. Requests use the cluster's spelling.
        type: str
        required: true
      type:
        description: Type of the user.
        type: str
        choices: [application, end]
        default: application
      password:
        description:
          - Password of an application user, 1 to 127 characters. Required if the user does not exist yet.
          - Ignored for end users.
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
        description:
          - Names of the devices that the user controls, at most 50 characters each. If not set, devices are not managed.
          - A device that the user does not control yet must exist. If the cluster refuses SQL, this is not checked
            before the task starts to write, and a warning is issued. The same applies to groups.
        type: list
        elements: str
      devices_mode:
        description: V(append) adds the devices that are missing. V(exact) also removes all others.
        type: str
        choices: [append, exact]
        default: append
      srtp:
        description:
          - Whether the user is in C(Standard CTI Allow Reception of SRTP Key Material). If not set, the membership is not managed.
          - The user is added at the cutover, because the group has no effect before it.
        type: bool
      cti_groups:
        description:
          - Names of further groups to add the user to. Every listed user is added to C(Standard CTI Enabled).
          - Do not list the groups for secure connections and SRTP here; see O(cutover) and O(users[].srtp).
        type: list
        elements: str
        default: []
      state:
        description:
          - V(absent) with O(users[].remove_user=true) removes an application user that has no CAPF profile left.
          - V(absent) alone does not change the user.
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
      - List all instances of the listed users, including those on hosts outside this play. They are needed to decide about the
        cutover and are not changed; see O(hosts_of_play).
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
        description: Type of the user. Required only if O(instances[].user) is not in O(users).
        type: str
        choices: [application, end]
      instance_id:
        description: Instance ID, 1 to 128 characters of a-z, A-Z and 0-9, unique in the cluster.
        type: str
        required: true
      tsp_number:
        description: Number of the TSP on a Windows host, 1 to 10.
        type: int
      enrolment:
        description:
          - V(collection) means that M(voiceops.secure_tsp.capf_certificate) enrols the certificate, so a pending profile
            whose string is lost can be armed again.
          - V(tsp) means that the TSP enrols the certificate itself, so a pending profile is left as it is.
        type: str
        choices: [collection, tsp]
        default: collection
      key:
        description:
          - Key that CAPF requires from the client. A difference in an idle profile is reported, and applied when the profile is armed.
        type: dict
        suboptions:
          type:
            description: Type of the key. V(ec) requires CAPF protocol version 3, which no CTI client has been observed to use.
            type: str
            choices: [rsa, ec]
            default: rsa
          size:
            description: Size in bits. 2048 (the default), 3072 or 4096 for RSA; 256 (the default), 384 or 521 for EC.
            type: int
      authorization_string:
        description:
          - String to arm the profile with, 4 to 10 digits by Cisco's guides. If not set, a new string of 10 digits is generated.
          - While the profile is pending, the given string is assumed to be the one that it is armed with.
        type: str
      string_held:
        description:
          - V(true) if this run still knows the string of the pending profile. The profile is then left pending.
          - V(false) if the string is known to be lost, even if O(instances[].authorization_string) is given.
        type: bool
      needs_certificate:
        description:
          - The value of RV(voiceops.secure_tsp.capf_certificate_info#module:needs_certificate) for this instance.
          - If not set, the profile is never armed, except with O(instances[].rearm) or O(instances[].force).
          - A profile that is armed although no certificate is needed, and whose string is lost, was left by an interrupted
            run. It is disarmed, unless O(instances[].enrolment=tsp).
        type: dict
        suboptions:
          needed:
            description: Whether the host needs a certificate.
            type: bool
            required: true
          reason:
            description: The reason, such as V(missing), V(key_lost) or V(expiring).
            type: str
      certificate_valid:
        description:
          - Whether the host holds a valid certificate with its key. If not set, the host has not been checked.
        type: bool
      compromised:
        description:
          - V(true) if the cluster is known to have marked the certificate as compromised. The profile is then never
            armed again. The instance needs a new O(instances[].instance_id).
        type: bool
        default: false
      rearm:
        description: Always arm the profile with a new string. Changes the cluster in every run.
        type: bool
        default: false
      force:
        description:
          - Treat the instance as if it needed a certificate. A pending profile is handled as for any other instance that needs one.
        type: bool
        default: false
      replace:
        description:
          - If a profile with this O(instances[].instance_id) belongs to another user, remove it and create it
            again.
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
      - V(users) creates and updates users, devices and groups, except the two groups of the cutover.
      - V(profiles) creates, arms and removes CAPF profiles, and disarms those that an interrupted run left armed.
      - V(users) and V(profiles) also remove users, once none of their profiles is left.
      - V(cutover) adds users to C(Standard CTI Secure Connection) and manages their SRTP group.
      - V(disarm) cancels the pending operation of the listed profiles. It cannot be combined with other stages.
    type: list
    elements: str
    choices: [users, profiles, cutover, disarm]
    default: [users, profiles, cutover]
  hosts_of_play:
    description:
      - Inventory names of the hosts of this play or batch. Profiles of instances on other hosts are not changed.
      - For the cutover, O(instances[].certificate_valid) decides for instances on these hosts, and the profile's
        status for all others. Users without an instance on these hosts are not cut over.
      - If not set, all instances are managed, and the profile's status decides for those without
        O(instances[].certificate_valid).
    type: list
    elements: str
  cutover:
    description:
      - V(auto) adds a user to C(Standard CTI Secure Connection) once every listed instance of the user holds a valid
        certificate. From then on, CTI Manager accepts the user's connections on port 2749 only.
      - V(manual) reports which cutovers are due, but performs none.
      - V(never) does not check for cutovers.
    type: str
    choices: [auto, manual, never]
    default: auto
  operation_completes_hours:
    description:
      - Minimum number of hours that profiles stay armed, 1 to 720. The deadline written to the cluster is 14 hours later, because
        it is not known which time zone CUCM assumes.
      - With V(0), the enterprise parameter C(CAPF Operation Expires in (days)) determines the deadline.
    type: int
    default: 24
  capf_issuer:
    description:
      - Who issues the certificates, as returned by M(voiceops.secure_tsp.cluster_info). EC keys are refused with an
        V(online) CA.
    type: str
    choices: [self, online, offline, unknown]
    default: unknown
  plan_only:
    description: Plan and change nothing, as in check mode. RV(plan) can be passed to O(approved_plan) later.
    type: bool
    default: false
  on_problems:
    description:
      - What to do if O(users), O(instances) and the cluster contradict each other.
      - V(report) continues and returns RV(problems). Use it to examine a cluster that is not as it should be. It requires
        O(plan_only=true) or check mode.
    type: str
    choices: [fail, report]
    default: fail
  approved_plan:
    description:
      - RV(plan) of an earlier run with O(plan_only=true), or only its O(approved_plan[].object) and
        O(approved_plan[].digest).
      - If set, the task fails before it writes anything unless every change is in the approved plan with the same digest.
      - Digests cover the change and what the host reported, but not times, profile states or strings. Other objects in
        the approved plan are ignored, so that a plan for the fleet can be applied batch by batch.
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
      - The diff never shows passwords or authorization strings.
  idempotent:
    support: partial
    details:
      - O(users[].update_password=always) and O(instances[].rearm=true) change the cluster in every run.
notes:
  - RV(strings) holds secrets. Run tasks that arm profiles with C(no_log=true).
  - If arming fails midway, the task disarms what it armed before it fails, so that no profile stays armed with a lost string.
  - It is not known whether every release accepts a change of members in the standard groups. If the cluster refuses it, the
    module reads, merges and writes the groups of each user instead, and RV(group_way) shows it.
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
- name: Create users with their groups and devices
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

- name: Disarm what was armed and not used
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
    - Rows with V(none) as RV(plan[].action) show what is postponed or left as it is, and why.
  returned: success
  type: list
  elements: dict
  contains:
    object:
      description: The object as text; unique in the plan.
      type: str
      sample: profile recorder01x1
    kind:
      description: V(user), V(profile) or V(group). A group has one row for each member, but all members are sent in one request.
      type: str
      sample: profile
    name:
      description: Name of the user or group, or the instance ID.
      type: str
      sample: recorder01x1
    user:
      description: The user that the change concerns.
      type: str
      sample: recorder_tapi
    action:
      description:
        - V(create), V(update) and V(remove) for users; V(create) (idle), V(arm) (created first if necessary), V(disarm)
          and V(remove) for profiles; V(add_member) and V(remove_member) for groups; V(none).
      type: str
      sample: arm
    fields:
      description: Names of the options whose values change.
      type: list
      elements: str
      sample: [operation]
    reason:
      description: Reason for the action.
      type: str
      sample: "the host needs a certificate: missing"
    reason_code:
      description: RV(plan[].reason) as a code, for tests and filters. The text may change, the codes do not.
      type: str
      sample: needed
    digest:
      description: SHA-256 of the change and what the host reported, as 64 hexadecimal digits.
      type: str
      sample: 5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef
    way:
      description: How a group was changed, V(delta) or V(user). Empty for other changes, and if nothing was done.
      type: str
      sample: delta
strings:
  description:
    - The authorization strings that this task generated for the profiles it armed, by instance ID. They are secrets. Empty in
      check mode.
    - Strings given in O(instances[].authorization_string) are not returned.
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
  description: The listed users after the task, or as they would be in check mode.
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
      description: All devices that the user controls.
      type: list
      elements: str
      sample: [SEP001122334455]
    secure:
      description:
        - Whether the user is in C(Standard CTI Secure Connection), so that CTI Manager accepts the user on port 2749 only.
      type: bool
      sample: false
    action:
      description: What was done to the user itself, V(create), V(update), V(remove) or V(none).
      type: str
      sample: none
instances:
  description: The listed instances with their CAPF profiles after the task, or as they would be in check mode.
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
          description: Whether there is a profile.
          type: bool
          sample: true
        user:
          description: User that the profile belongs to.
          type: str
          sample: recorder_tapi
        user_type:
          description: Type of that user.
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
          description: Deadline as the cluster reports it. Its time zone is not known.
          type: str
          sample: "2026:11:25:18:00"
        state:
          description:
            - V(none), V(idle), V(pending), V(perhaps_expired) (the deadline has passed in some time zones), V(expired)
              (it has passed in every time zone), V(success), V(failed) or V(other).
          type: str
          sample: pending
        key:
          description: Key that CAPF requires.
          type: dict
          sample: {type: rsa, size: 2048}
    action:
      description: V(create), V(arm), V(disarm), V(remove) or V(none).
      type: str
      sample: arm
    reason:
      description: Reason for the action, also if nothing was done.
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
        - Whether every instance holds a valid certificate and the user was not in the group when the task started.
      type: bool
      sample: false
    done:
      description: Whether the user is in the group after the task, or would be in check mode.
      type: bool
      sample: false
    waiting_for:
      description: The instances that do not hold a valid certificate yet.
      type: list
      elements: dict
      sample: [{host: recorder02, instance_id: recorder02x1, why: "the profile has no certificate: pending"}]
    judged_by:
      description: Source of the decision, V(host), V(cluster) or V(host and cluster).
      type: str
      sample: host and cluster
requests:
  description: Number of requests sent, including repeated ones.
  returned: success
  type: dict
  contains:
    read:
      description: Number of requests that read.
      type: int
      sample: 6
    write:
      description: Number of requests that change something.
      type: int
      sample: 3
    by_operation:
      description: Number of requests by AXL operation.
      type: dict
      sample: {getCCMVersion: 1, executeSQLQuery: 4, addAppUser: 1, updateAppUser: 1, updateUserGroup: 1}
read_way:
  description: How users were read. V(sql), V(get) if the cluster refused SQL, or V(none) if no user had to be read.
  returned: success
  type: str
  sample: sql
group_way:
  description: V(delta), V(user) if the cluster refused a change of members and the groups of each user were written, or V(none).
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
  returned: when the task failed after the first change
  type: list
  elements: str
  sample: [profile recorder01x3]
disarmed:
  description: Instance IDs that the task armed, and disarmed again because it failed.
  returned: when the task failed after the first change
  type: list
  elements: str
  sample: [recorder01x3]
still_armed:
  description: Instance IDs that the task armed and could not disarm.
  returned: when the task failed after the first change
  type: list
  elements: str
  sample: []
problems:
  description: All mistakes found, where the lists, the cluster and the options contradict each other.
  returned: when there are any, and always with success
  type: list
  elements: str
  sample: ["end user nobody does not exist, and end users are never created here"]
remarks:
  description: The same mistakes with their codes and the objects they concern, for tests and filters.
  returned: when there are any, and always with success
  type: list
  elements: dict
  contains:
    code:
      description: Code of the mistake. The text may change, the codes do not.
      type: str
      sample: end_user_missing
    user:
      description: The user that it concerns, as spelled in the lists, or empty.
      type: str
      sample: nobody
    user_type:
      description: Type of that user according to the lists, or empty if the lists do not contain it.
      type: str
      sample: end
    instance_id:
      description: The instance that it concerns, or empty.
      type: str
      sample: ""
    data:
      description: Other values in the text, such as C(owner) and C(owner_type) of a profile that belongs to another user.
      type: dict
      sample: {}
    text:
      description: The text, as in RV(problems).
      type: str
      sample: end user nobody does not exist, and end users are never created here
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
