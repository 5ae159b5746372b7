# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: trust_failures
short_description: Instances whose trust list does not allow to go on
description:
  - Judges the results of looping M(voiceops.secure_tsp.ctl_file) over a host's completed instances.
  - A trust list without a CAPF certificate is a failure too, because then nobody vouches for the CAPF server.
  - Where the stored list can no longer vouch for the cluster's new one, both safe ways out are told.
options:
  _input:
    description: C(results) of the loop. Each has the instance in C(item).
    type: list
    elements: dict
    required: true
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
"""

EXAMPLES = r"""
- name: Show which instances cannot go on
  ansible.builtin.debug:
    msg: "{{ my_lists.results | voiceops.secure_tsp.trust_failures }}"
"""

RETURN = r"""
_value:
  description: Messages by C(cluster/instance_id).
  type: dict
"""

STRANGER = "stranger"  # ctl_file's verdict on a list that no token of the stored one signed
NO_CAPF = (
    "The trust list of cluster %s names no CAPF server, so no certificate can be fetched. Activate Cisco Certificate "
    "Authority Proxy Function on the publisher, run utils ctl update CTLFile there, restart Cisco Tftp, then run this "
    "again."
)

WAYS_OUT = (
    "The stored trust list can no longer vouch for the cluster's new one, so it was left as it is. There are two safe ways out. "
    "Either pin the new one: take its checksum from 'show ctl' on the publisher's command line, give it as ctl_fingerprint "
    "of cluster %s, and run this again. Or, only where nobody else can answer in the cluster's place, remove the stored "
    "list (voiceops.secure_tsp.ctl_file with the instance's folder and state: absent), and run this again to trust the new "
    "one on first use."
)


def trust_failures(results):
    """See DOCUMENTATION."""
    failures = {}
    for result in results:
        instance = result["item"]
        where = "%s/%s" % (instance["cluster"], instance["instance_id"])
        if result.get("failed"):
            failures[where] = _told(result, instance["cluster"])
        elif result.get("ctl") and not result["ctl"]["has_capf"]:
            failures[where] = NO_CAPF % instance["cluster"]
    return failures


def _told(result, cluster):
    if result.get("verdict") == STRANGER:
        return WAYS_OUT % cluster
    return result.get("msg") or "the trust list failed without a message"


class FilterModule:
    """Failures of trust lists."""

    def filters(self):
        return {"trust_failures": trust_failures}
