#!/usr/bin/python
# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: tsp_host
short_description: Run one stage on one host, for all its TSP instances
version_added: 0.1.0
description:
  - The part of the role P(voiceops.secure_tsp.secure_tsp#role) that works on hosts. In a task, set only O(stage). The
    action plugin of the same name takes everything else from earlier stages, runs the module once for all instances of the
    host, and turns its results into one row for each instance. For Java applications on Windows, the controller does what the
    module does on other hosts.
  - An instance that fails does not fail the task; its row shows the failure. Only the stages V(tell), V(drifted), V(jtapi),
    V(deliver), V(install_tsp), V(snapshot), V(discover), V(sit) and V(draft) fail the task if something is wrong.
  - For single instances, use M(voiceops.secure_tsp.ctl_file), M(voiceops.secure_tsp.capf_certificate),
    M(voiceops.secure_tsp.capf_certificate_info) and M(voiceops.secure_tsp.cti_provider_info), which use the same classes.
options:
  stage:
    description:
      - V(look) fetches trust lists, checks keys and certificates, and repairs what can be repaired without CAPF.
      - V(enrol) arms profiles on the controller, enrols certificates on the host, and disarms what was not used. V(renew) does
        the same in an upgrade, batch by batch; it verifies each new certificate, and restores the previous one if CTI Manager refuses
        the new one.
      - V(login) checks the passwords of applications that a cutover is about to disconnect. V(stopped) and V(give_up) belong to handlers.
      - V(prove) opens providers and confirms certificates. V(inspect) and V(verify) only check and open, and change nothing.
      - V(restore) restores previous keys and certificates. V(remove) removes what is listed as absent.
      - V(read), V(open) and V(knock) check without changing anything, for drift and diagnosis. V(opened) opens the chosen providers.
        V(adopt) finds existing certificates. V(jtapi) returns which files and records the Java applications of the host need, for
        the role P(voiceops.secure_tsp.client_jtapi#role). V(deliver) writes those files on a Windows host.
      - For Windows hosts, V(install_tsp) runs the installer. V(hand_over) arms profiles and hands over their authorization strings.
        V(ready) decides which TSPs to restart. V(fetched) reads the certificates that they enrolled. V(tick) enables the secure
        connection. V(settle) reports what still needs a restart. V(snapshot) and V(discover) find out where a TSP stores one setting,
        V(sit) where it stores all of them, and V(draft) what its installer reveals about that. V(observe) reads what a PC shows about
        unconfirmed claims about the TSP.
      - V(ended) and V(not_started) record that a handler of the application failed.
      - V(tell) fails the host if something went wrong, V(drifted) if there is drift.
    type: str
    required: true
    choices:
      [look, inspect, enrol, renew, login, stopped, give_up, ended, not_started, prove, verify, restore, remove, read, open, opened, knock,
       adopt, jtapi, deliver, drifted, tell, install_tsp, hand_over, ready, fetched, tick, settle, snapshot, discover, sit,
       draft, observe]
  instances:
    description: Set by the action plugin. The instances of the host with all values filled in.
    type: list
    elements: dict
    default: []
  settings:
    description: Set by the action plugin. Settings for all instances.
    type: dict
    default: {}
  sealed:
    description: Set by the action plugin. Strings and passwords as a single value that is hidden as a whole.
    type: str
extends_documentation_fragment:
  - voiceops.secure_tsp.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
seealso:
  - module: voiceops.secure_tsp.tsp_cluster
"""

EXAMPLES = r"""
- name: Check lists, window and clusters
  voiceops.secure_tsp.tsp_cluster:
    stage: preflight
  run_once: true
  register: secure_tsp_preflight

- name: Check trust lists and certificates
  voiceops.secure_tsp.tsp_host:
    stage: look
  register: secure_tsp_looked
"""

RETURN = r"""
rows:
  description: State of each instance of the host after this stage. It contains no secrets.
  type: list
  elements: dict
  returned: always
  sample:
    - cluster: main
      host: recorder01
      user: recorder_tapi
      user_type: application
      instance_id: recorder01x1
      store: /etc/secure_tsp/recorder01x1
      probe_of: null
      action: none
      needed: false
      reason: ""
      explanation: ""
      trust_list: true
      trusted: unchanged
      certificate_valid: true
      unconfirmed: false
      placed: 1795899906.3641832
      proven: null
      changed: false
      failed: false
      message: ""
      capf_reason: null
      compromised: false
      not_begun: ""
      certificate_expires: "2031-11-27T21:05:06Z"
      certificate_begins: "2026-11-28T20:05:06Z"
      certificate_issuer: L=Town,ST=Nowhere,CN=CAPF-0badcafe,OU=lab,O=example,C=NZ
      certificate_fingerprint: 3aca0f8ba9153ffbb0910c538f7e81ed9c19c3617bf93ddc8d22d990c60fc059
      certificate_key:
        - rsa
        - 2048
      remarks: []
refused:
  description: Why the host cannot continue; empty if it can.
  type: str
  returned: with O(stage=look)
  sample: ""
closed:
  description: Cluster and message for each CAPF that the host cannot reach. It stops the instances that need a certificate.
  type: list
  elements: list
  returned: with O(stage=look)
  sample: []
keys:
  description: Paths of all instance keys on the host.
  type: list
  elements: str
  returned: with O(stage=look)
  sample: [/etc/secure_tsp/recorder01x1/QBEClient.key.pem, /etc/secure_tsp/recorder01x1/probe/QBEClient.key.pem]
addresses:
  description: Addresses of the host.
  type: list
  elements: str
  returned: with O(stage=look)
  sample: [cucm-pub.example.com, 192.0.2.2]
subjects:
  description: Subjects of the certificates in the trust lists that were fetched, by cluster.
  type: dict
  returned: with O(stage=look)
  sample: {}
gone:
  description: Instances that are listed as absent and still have files on this host, as cluster and instance ID.
  type: list
  elements: list
  returned: with O(stage=look)
  sample: [[main, recorder01x1]]
"""

import json

from ansible_collections.voiceops.secure_tsp.plugins.module_utils._module import create, finish
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages.host import Host


def main():
    module = create(dict(
        stage=dict(type="str", required=True, choices=[
            "look", "inspect", "enrol", "renew", "login", "stopped", "give_up", "ended", "not_started", "prove", "verify", "restore",
            "remove", "read", "open", "opened", "knock", "adopt", "jtapi", "deliver", "drifted", "tell", "install_tsp", "hand_over", "ready",
            "fetched", "tick", "settle", "snapshot", "discover", "sit", "draft", "observe"]),
        instances=dict(type="list", elements="dict", default=[]),
        settings=dict(type="dict", default={}),
        sealed=dict(type="str", no_log=True),
    ))
    params = module.params
    host = Host(params["instances"], params["settings"], json.loads(params["sealed"] or "{}"), module.check_mode)
    result = host.run(params["stage"])
    finish(module, dict(result, diff=host.diff), host.warnings)


if __name__ == "__main__":
    main()
