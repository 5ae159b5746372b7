#!/usr/bin/python
# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: capf_profile
short_description: Manage a CAPF profile of an application user or end user
version_added: 0.1.0
description:
  - Makes, arms, disarms or removes the CAPF profile of one instance ID.
  - Plans and writes as M(voiceops.secure_tsp.fleet_accounts) does for a list of one. For more than a few profiles use
    that module, which reads the cluster once for all of them.
  - CAPF clears operation and string once it has issued a certificate. A profile is therefore armed only when
    O(needs_certificate), O(force) or O(rearm) ask for it, never because it is idle.
options:
  instance_id:
    description: 1 to 128 characters of a-z, A-Z and 0-9, unique in the cluster.
    type: str
    required: true
  user:
    description: User the profile belongs to. The user must exist.
    type: str
    required: true
  user_type:
    description: Kind of user.
    type: str
    choices: [application, end]
    default: application
  enrolment:
    description:
      - V(collection) means that a pending profile whose string is lost can be armed anew.
      - V(tsp) means that the TSP fetches the certificate itself, so a pending profile is left alone.
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
    description: String to arm with, 4 to 10 digits by Cisco's guides. If not set a new one of 10 digits is made.
    type: str
  string_held:
    description: Whether the string the profile is pending with is known to be held (V(true)) or lost (V(false)).
    type: bool
  needs_certificate:
    description: What RV(voiceops.secure_tsp.capf_certificate_info#module:needs_certificate) says about the host.
    type: dict
    suboptions:
      needed:
        description: Whether the host needs a certificate.
        type: bool
        required: true
      reason:
        description: Why, such as V(missing), V(key_lost) or V(expiring).
        type: str
  compromised:
    description: Whether the certificate is known to be compromised. The profile is then never armed again.
    type: bool
    default: false
  rearm:
    description: Arm the profile with a new string in any case. Changes the cluster in every run.
    type: bool
    default: false
  force:
    description: Treat the instance as one that needs a certificate.
    type: bool
    default: false
  replace:
    description: Allow to remove a profile of this O(instance_id) that belongs to another user, and to make it anew.
    type: bool
    default: false
  operation_completes_hours:
    description:
      - An armed profile stays armed for at least this many hours, 1 to 720, in whatever time zone CUCM reads the
        deadline.
      - V(0) leaves the deadline to the enterprise parameter C(CAPF Operation Expires in (days)).
    type: int
    default: 24
  capf_issuer:
    description: Who signs the certificates. EC keys are refused with an V(online) CA.
    type: str
    choices: [self, online, offline, unknown]
    default: unknown
  state:
    description:
      - V(present) makes the profile, and arms it if asked to.
      - V(disarmed) takes a pending V(Install/Upgrade) off it.
      - V(absent) removes it.
    type: str
    choices: [present, disarmed, absent]
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
      - Authorization strings never appear in it.
  idempotent:
    support: partial
    details:
      - O(rearm=true) changes the cluster in every run.
notes:
  - RV(string) is a secret. Run the task with C(no_log=true).
seealso:
  - module: voiceops.secure_tsp.fleet_accounts
  - module: voiceops.secure_tsp.capf_certificate
  - module: voiceops.secure_tsp.capf_certificate_info
"""

EXAMPLES = r"""
- name: Arm a profile for a new certificate
  voiceops.secure_tsp.capf_profile:
    hostname: cucm-pub.example.com
    username: axl
    password: "{{ vault_axl_password }}"
    user: recorder_tapi
    instance_id: recorder01x1
    needs_certificate: {needed: true, reason: missing}
  no_log: true
  register: armed

- name: Take the operation off again
  voiceops.secure_tsp.capf_profile:
    hostname: cucm-pub.example.com
    username: axl
    password: "{{ vault_axl_password }}"
    user: recorder_tapi
    instance_id: recorder01x1
    state: disarmed
"""

RETURN = r"""
profile:
  description:
    - The profile as it is after the task, or would be; as in RV(voiceops.secure_tsp.fleet_accounts#module:instances).
  returned: success
  type: dict
  sample: {exists: true, user: recorder_tapi, user_type: application, operation: Install/Upgrade, status: Operation
  Pending,
    completion: "2026:11:25:18:00", state: pending, key: {type: rsa, size: 2048}}
action:
  description: What was done, V(create), V(arm), V(disarm), V(remove) or V(none).
  returned: success
  type: str
  sample: arm
reason:
  description: Why, also why nothing was done.
  returned: success
  type: str
  sample: "the host needs a certificate: missing"
reason_code:
  description: RV(reason) as a code, for tests and filters.
  returned: success
  type: str
  sample: needed
string:
  description:
    - The authorization string made by this task, else null. Secret.
    - A string given in O(authorization_string) is not repeated.
  returned: success
  type: str
  sample: "4711081547"
plan:
  description: The changes made, or that would be made, as in RV(voiceops.secure_tsp.fleet_accounts#module:plan).
  returned: success
  type: list
  elements: dict
  sample:
    - object: profile recorder01x1
      kind: profile
      name: recorder01x1
      user: recorder_tapi
      action: arm
      fields:
        - authorization_string
        - operation
      reason: "the host needs a certificate: missing"
      reason_code: needed
      digest: ad5227bcba5e81eaff1d92b16af5db0bcca8b95c862fadea4221c8e8f6637e4d
      way: ""
requests:
  description: Requests sent, C(read), C(write) and C(by_operation).
  returned: success
  type: dict
  sample:
    read: 6
    write: 1
    by_operation:
      getCCMVersion: 1
      listApplicationUserCapfProfile: 1
      listEndUserCapfProfile: 1
      executeSQLQuery: 3
      addApplicationUserCapfProfile: 1
read_way:
  description: V(sql), or V(get) when the cluster refused SQL, or V(none) when no user had to be read.
  returned: success
  type: str
  sample: sql
problems:
  description: Every mistake found.
  returned: when the options and the cluster contradict each other
  type: list
  elements: str
  sample: [application user nobody does not exist; make it first (stage users)]
remarks:
  description:
    - The same mistakes with their codes and what they are about, as in
      RV(voiceops.secure_tsp.fleet_accounts#module:remarks).
  returned: when the options and the cluster contradict each other
  type: list
  elements: dict
  sample:
    - code: user_missing
      user: nobody
      user_type: application
      instance_id: ""
      data: {}
      text: application user nobody does not exist; make it first (stage users)
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

OF_INSTANCE = (
    "instance_id", "user", "user_type", "enrolment", "key", "authorization_string", "string_held", "needs_certificate",
    "compromised", "rearm", "force", "replace",
)


def main():
    module = create(
        dict(
            cluster_options(),
            instance_id=dict(type="str", required=True),
            user=dict(type="str", required=True),
            user_type=dict(type="str", choices=["application", "end"], default="application"),
            enrolment=dict(type="str", choices=["collection", "tsp"], default="collection"),
            key=dict(
                type="dict", no_log=False,
                options=dict(type=dict(type="str", choices=["rsa", "ec"], default="rsa"), size=dict(type="int")),
            ),
            authorization_string=dict(type="str", no_log=True),
            string_held=dict(type="bool"),
            needs_certificate=dict(
                type="dict", options=dict(needed=dict(type="bool", required=True), reason=dict(type="str")),
            ),
            compromised=dict(type="bool", default=False),
            rearm=dict(type="bool", default=False),
            force=dict(type="bool", default=False),
            replace=dict(type="bool", default=False),
            operation_completes_hours=dict(type="int", default=24),
            capf_issuer=dict(type="str", choices=["self", "online", "offline", "unknown"], default="unknown"),
            state=dict(type="str", choices=["present", "disarmed", "absent"], default="present"),
        )
    )
    params = module.params
    instance = dict((option, params[option]) for option in OF_INSTANCE)
    instance.update(host="", state="absent" if params["state"] == "absent" else "present")
    wish = _fleet.Wish(
        instances=[instance], stages=("disarm",) if params["state"] == "disarmed" else ("profiles",),
        capf_issuer=params["capf_issuer"],
    )
    with reporting(module):
        with accounts.connect(params) as axl:
            result, warnings = accounts.bring_in_line(
                axl, wish, apply=not module.check_mode, hours=params["operation_completes_hours"]
            )
    finish(module, accounts.of_one_profile(result), warnings, result["strings"].values())


if __name__ == "__main__":
    main()
