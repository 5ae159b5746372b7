#!/usr/bin/python
# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: tsp_cluster
short_description: Run one stage on all clusters, once for all hosts
version_added: 0.1.0
description:
  - The part of the role P(voiceops.secure_tsp.secure_tsp#role) that works on clusters. It runs on the controller as an
    action plugin, in a task with C(run_once). It reads the variables C(secure_tsp_*) and the registered results of earlier stages, and
    uses the same AXL classes as M(voiceops.secure_tsp.fleet_accounts).
  - Only V(preflight), the stages that take its place in other playbooks, and the stages that only read fail the task. Anything that
    goes wrong later is recorded for the instances that it affects, and appears in the summary.
  - C(environment) and C(module_defaults) have no effect. The login comes from C(secure_tsp_clusters).
options:
  stage:
    description:
      - V(preflight) checks the lists, the window and the clusters, and reports everything that is wrong before anything is changed.
      - V(lists) checks only the lists, for runs that change nothing. V(views) reads which connections each cluster reports.
      - V(accounts) manages users, groups, devices and idle profiles.
      - V(due) determines which users are due for the cutover, and which applications stop for it.
      - V(cutover) cuts over the users that are due, and reads which connections CTI Manager reports.
      - V(upgrade_preflight), V(rollback_preflight) and V(decommission_preflight) take the place of V(preflight) in other playbooks.
      - V(planned) decides which instances need a new certificate. V(gate) decides whether a batch of hosts may start.
      - V(remove) removes the profiles and users that are listed as absent.
      - V(disarm_preflight) and V(disarm) disarm profiles whose authorization string is lost.
      - V(uncut) moves users back from the secure port.
      - V(summary) prints a line for each instance.
      - V(drift_lists) checks the lists. V(findings) reads each cluster once, compares everything with the lists, and reports the
        differences.
      - V(diagnosis_lists) checks the lists and finds the requested instances. V(openings) reads the clusters and chooses which providers
        may be opened. V(diagnosis) writes the pages.
      - For Windows hosts, V(sheet) shows what a person has to enter. V(wait) waits until the TSPs have enrolled their certificates,
        V(see) until the clusters report them as connected.
      - V(adopted) writes lists that describe what clusters and hosts already have.
      - V(observed) writes what PCs and clusters show about unconfirmed claims about the TSP.
      - V(report) writes the report that the variables of the role P(voiceops.secure_tsp.report#role) describe.
      - V(rehearse) simulates the cluster on this machine, and shows what a run with the lists would do.
    type: str
    required: true
    choices:
      [preflight, lists, upgrade_preflight, rollback_preflight, decommission_preflight, disarm_preflight, disarm, accounts, planned, gate,
       due, cutover, views, remove, uncut, summary, drift_lists, findings, diagnosis_lists, openings, diagnosis, adopted, observed, wait, sheet,
       see, report, rehearse]
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
  - module: voiceops.secure_tsp.tsp_host
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

- name: Print the summary of the run
  voiceops.secure_tsp.tsp_cluster:
    stage: summary
  run_once: true
  register: secure_tsp_summary
"""

RETURN = r"""
rows:
  description: The rows of the summary.
  type: list
  elements: dict
  returned: with O(stage=summary)
  sample:
    - cluster: main
      host: recorder01
      user: recorder_tapi
      instance_id: recorder01x1
      action: none
      certificate_expires: "2031-11-27T17:49:05Z"
      verified_by: ""
      state: seen
      message: ""
      changed: false
      failed: false
      remarks: []
      proven: ""
kind:
  description: Name of the playbook, as used in the report and the custom statistic.
  type: str
  returned: with O(stage=preflight)
  sample: site
report:
  description: Input for the role P(voiceops.secure_tsp.report#role). The folder is empty if no report is requested.
  type: dict
  returned: with O(stage=summary)
  sample: {folder: ""}
ansible_stats:
  description: The custom statistic C(secure_tsp), for workflows.
  type: dict
  returned: with O(stage=summary), O(stage=findings), O(stage=diagnosis) and O(stage=adopted)
  sample:
    per_host: false
    aggregate: false
    data:
      secure_tsp:
        kind: site
        exit: 0
        totals: {seen: 1}
        check_mode: false
        cluster_changes: {}
        connections_cut: []
        failed: []
        not_in_this_run: []
totals:
  description: Number of instances in each state.
  type: dict
  returned: with O(stage=summary)
  sample: {seen: 1}
to_enter:
  description: What a person has to enter on Windows hosts, as printed lines.
  type: list
  elements: str
  returned: with O(stage=summary)
  sample: []
clusters:
  description: What was read from each cluster.
  type: dict
  returned: with O(stage=preflight)
  sample:
    main:
      failure: ""
      skew: 0
      issuer: unknown
      release: 14.0.1.13900(155)
      axl_version: "14.0"
      current:
        release: 14.0.1.13900(155)
        devices: []
        groups: []
        users:
          - name: recorder_tapi
            type: application
            standard: false
            groups:
              - Standard CTI Secure Connection
              - Standard CTI Enabled
            devices:
              - SEP001122334455
              - SEP001122334466
            active: true
        profiles:
          - instance_id: recorder01x1
            user: recorder_tapi
            user_type: application
            operation: No Pending Operation
            status: Upgrade Success
            completion: ""
            key_size: "2048"
            key_order: RSA Only
            ec_key_size: ""
      certificates:
        - service: tomcat
          sha256_fingerprint: 42a1a21e7e30250092c630322d85fa1c10c1dcc1038bf895e8ca164bd2c708b3
        - service: CallManager
          sha256_fingerprint: 5d17e38a5c52894296ff03f539b113206fd7618a4765698cd4fd73fed5e72c45
      issuers: []
      lists: []
enrol_throttle:
  description: Number of hosts that enrol at the same time, for C(throttle) of the task.
  type: int
  returned: with O(stage=preflight)
  sample: 0
flow:
  description: Task file of the role that cuts over and verifies.
  type: str
  returned: with O(stage=preflight)
  sample: straight.yml
handlers:
  description: Handlers of the application for each host, as absolute paths.
  type: dict
  returned: with O(stage=preflight)
  sample: {}
model:
  description: The completed lists, without secrets.
  type: dict
  returned: with O(stage=preflight)
  sample:
    clusters:
      main:
        hostname: cucm-pub.example.com
        port: 41071
        username: axl
        validate_certs: true
        ca_path: /etc/pki/cucm.pem
        server_fingerprint: null
        tls_legacy: false
        axl_version: null
        timeout: 60
        serviceability_username: null
        tftp_servers:
          - cucm-pub.example.com
        tftp_port: 50945
        capf_host: cucm-pub.example.com
        capf_port: 43703
        cti_managers:
          - cucm-pub.example.com
        cti_port: 46489
        plain_cti_port: 34183
        ctl_fingerprint: null
        issuers: []
    users:
      - name: recorder_tapi
        cluster: main
        type: application
        update_password: on_create
        devices: null
        devices_mode: append
        srtp: null
        cti_groups: []
        state: present
        remove_user: false
        hosts:
          - recorder01
        password_given: true
    hosts:
      recorder01:
        - host: recorder01
          user: recorder_tapi
          instance_id: recorder01x1
          cluster: main
          tsp_number: null
          client: tsp
          enrolment: collection
          key:
            type: rsa
            size: 2048
          store: /etc/secure_tsp/recorder01x1
          capf:
            dialect: cti
            version: 1
            name_template: CTI-{instance_id}
            name: CTI-recorder01x1
          client_address: null
          rearm: false
          force: false
          replace: false
          state: present
          probe_of: null
          windows: false
          store_of_host: /etc/secure_tsp/recorder01x1
          capf_host: cucm-pub.example.com
          capf_port: 43703
          tftp_servers:
            - cucm-pub.example.com
          tftp_port: 50945
          cti_managers:
            - cucm-pub.example.com
          cti_port: 46489
          plain_cti_port: 34183
          user_type: application
          string_given: false
    others: []
    aside: []
one_batch:
  description: Whether this batch contains all hosts of the play.
  type: bool
  returned: with O(stage=preflight)
  sample: true
places:
  description: Folders in which to look for keys on every host.
  type: list
  elements: str
  returned: with O(stage=preflight)
  sample: [/etc/secure_tsp, /etc/secure_tsp]
stopped:
  description: Why this batch does not start; empty if it does.
  type: str
  returned: with O(stage=preflight)
  sample: ""
tsps:
  description: Whether there are Windows hosts whose TSPs enrol their certificates themselves.
  type: bool
  returned: with O(stage=preflight)
  sample: false
verify_flow:
  description: Task file of the role that verifies.
  type: str
  returned: with O(stage=preflight)
  sample: verify_straight.yml
window:
  description: The maintenance window, whether it is open, and for how long.
  type: dict
  returned: with O(stage=preflight)
  sample:
    open: true
    seconds_left: null
    starts: null
    ends: null
    timezone: UTC
    text: There is no maintenance window.
named:
  description: Instances or users that were named for other playbooks.
  type: dict
  returned: with O(stage=preflight)
  sample: {}
"""

from ansible_collections.voiceops.secure_tsp.plugins.module_utils._module import create


def main():
    module = create(dict(stage=dict(type="str", required=True, choices=[
        "preflight", "lists", "upgrade_preflight", "rollback_preflight", "decommission_preflight", "disarm_preflight", "disarm",
        "accounts", "planned", "gate", "due", "cutover", "views", "remove", "uncut", "summary", "drift_lists", "findings",
        "diagnosis_lists", "openings", "diagnosis", "adopted", "observed", "wait", "sheet", "see", "report", "rehearse"])))
    module.fail_json(msg="voiceops.secure_tsp.tsp_cluster runs on the controller only, through its action plugin.")


if __name__ == "__main__":
    main()
