#!/usr/bin/python
# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: tsp_cluster
short_description: One stage of a run on all clusters, once for all hosts
description:
  - The part of the role P(voiceops.secure_tsp.secure_tsp#role) that works on clusters. It runs on the controller as an
    action plugin, in a task with C(run_once), reads the variables C(secure_tsp_*) and what the stages before registered, and
    speaks AXL with the same classes as M(voiceops.secure_tsp.fleet_accounts).
  - Only V(preflight), and what takes its place in other playbooks, fails. Whatever goes wrong later is a failure of those whom it is about, and in the summary.
  - C(environment) and C(module_defaults) do not reach it. The login comes from C(secure_tsp_clusters).
options:
  stage:
    description:
      - V(preflight) checks lists, window and clusters, and refuses with everything that is wrong before anything is touched.
      - V(lists) checks the lists alone, for runs that only look. V(views) asks what each cluster sees.
      - V(accounts) brings users, groups, devices and idle profiles in line.
      - V(due) tells who is due for the cutover, and which applications stop for it.
      - V(cutover) cuts over who is due, and asks what CTI Manager sees.
      - V(upgrade_preflight), V(rollback_preflight) and V(decommission_preflight) are that of other playbooks.
      - V(planned) decides who needs a new certificate, and V(gate) whether a batch of hosts may begin.
      - V(remove) removes the profiles and users that are listed as absent.
      - V(summary) prints a line for each instance.
      - V(drift_lists) checks the lists, V(findings) reads each cluster once, compares everything with the lists, and tells it.
      - V(diagnosis_lists) checks the lists and finds what is asked for, V(openings) reads the clusters and chooses what may be opened,
        V(diagnosis) writes the pages.
      - V(adopted) writes the lists of what clusters and hosts have already.
    type: str
    required: true
    choices:
      [preflight, lists, upgrade_preflight, rollback_preflight, decommission_preflight, accounts, planned, gate, due, cutover, views, remove, summary,
       drift_lists, findings, diagnosis_lists, openings, diagnosis, adopted]
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
"""

RETURN = r"""
rows:
  description: With V(summary), the lines as data.
  type: list
  elements: dict
  returned: with O(stage=summary)
  sample: []
totals:
  description: With V(summary), how many instances are in which state.
  type: dict
  returned: with O(stage=summary)
  sample: {verified: 5}
"""

from ansible_collections.voiceops.secure_tsp.plugins.module_utils._module import create


def main():
    module = create(dict(stage=dict(type="str", required=True, choices=[
        "preflight", "lists", "upgrade_preflight", "rollback_preflight", "decommission_preflight", "accounts", "planned", "gate", "due",
        "cutover", "views", "remove", "summary", "drift_lists", "findings", "diagnosis_lists", "openings", "diagnosis", "adopted"])))
    module.fail_json(msg="voiceops.secure_tsp.tsp_cluster runs on the controller only, through its action plugin.")


if __name__ == "__main__":
    main()
