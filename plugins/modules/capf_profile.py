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
  - Creates, arms, disarms or removes the CAPF profile of one instance ID.
  - Works like M(voiceops.secure_tsp.fleet_accounts) with a single instance. For more than a few profiles, use
    that module, which reads the cluster once for all of them.
  - CAPF clears the operation and the string once it has issued a certificate. A profile is therefore armed only if
    O(needs_certificate), O(force) or O(rearm) requests it, never because it is idle.
options:
  instance_id:
    description: Instance ID, 1 to 128 characters of a-z, A-Z and 0-9, unique in the cluster.
    type: str
    required: true
  user:
    description: User that the profile belongs to. The user must exist.
    type: str
    required: true
  user_type:
    description: Type of the user.
    type: str
    choices: [application, end]
    default: application
  enrolment:
    description:
      - V(collection) means that this collection enrols the certificate, so a pending profile whose string is lost can be armed again.
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
    description: String to arm the profile with, 4 to 10 digits by Cisco's guides. If not set, a new string of 10 digits is generated.
    type: str
  string_held:
    description: Whether the authorization string of a pending profile is still known (V(true)) or lost (V(false)).
    type: bool
  needs_certificate:
    description: The value of RV(voiceops.secure_tsp.capf_certificate_info#module:needs_certificate) for this instance.
    type: dict
    suboptions:
      needed:
        description: Whether the host needs a certificate.
        type: bool
        required: true
      reason:
        description: The reason, such as V(missing), V(key_lost) or V(expiring).
        type: str
  compromised:
    description: Whether the certificate is known to be compromised. If it is, the profile is never armed again.
    type: bool
    default: false
  rearm:
    description: Always arm the profile with a new string. Changes the cluster in every run.
    type: bool
    default: false
  force:
    description: Treat the instance as if it needed a certificate.
    type: bool
    default: false
  replace:
    description: If a profile with this O(instance_id) belongs to another user, remove it and create it again.
    type: bool
    default: false
  operation_completes_hours:
    description:
      - Minimum number of hours that the profile stays armed, 1 to 720, whatever time zone CUCM assumes for the deadline.
      - With V(0), the enterprise parameter C(CAPF Operation Expires in (days)) determines the deadline.
    type: int
    default: 24
  capf_issuer:
    description: Who issues the certificates. EC keys are refused with an V(online) CA.
    type: str
    choices: [self, online, offline, unknown]
    default: unknown
  state:
    description:
      - V(present) creates the profile, and arms it if requested.
      - V(disarmed) cancels a pending V(Install/Upgrade).
      - V(absent) removes the profile.
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
      - The diff never shows authorization strings.
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

- name: Disarm the profile again
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
    - The profile after the task, or as it would be in check mode, as in RV(voiceops.secure_tsp.fleet_accounts#module:instances).
  returned: success
  type: dict
  sample: {exists: true, user: recorder_tapi, user_type: application, operation: Install/Upgrade, status: Operation
  Pending,
    completion: "2026:11:25:18:00", state: pending, key: {type: rsa, size: 2048}}
action:
  description: What was done. V(create), V(arm), V(disarm), V(remove) or V(none).
  returned: success
  type: str
  sample: arm
reason:
  description: The reason for RV(action), also if nothing was done.
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
    - The authorization string that this task generated, else null. This is a secret.
    - A string given in O(authorization_string) is not returned.
  returned: success
  type: str
  sample: "4711081547"
plan:
  description: The changes that were made, or would be made in check mode, as in RV(voiceops.secure_tsp.fleet_accounts#module:plan).
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
  description: Number of requests sent, as C(read), C(write) and C(by_operation).
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
  description: How users were read. V(sql), V(get) if the cluster refused SQL, or V(none) if no user had to be read.
  returned: success
  type: str
  sample: sql
problems:
  description: All mistakes found.
  returned: when the options contradict the cluster
  type: list
  elements: str
  sample: [application user nobody does not exist; create it first (stage users)]
remarks:
  description:
    - The same mistakes with their codes and the objects they concern, as in
      RV(voiceops.secure_tsp.fleet_accounts#module:remarks).
  returned: when the options contradict the cluster
  type: list
  elements: dict
  sample:
    - code: user_missing
      user: nobody
      user_type: application
      instance_id: ""
      data: {}
      text: application user nobody does not exist; create it first (stage users)
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
