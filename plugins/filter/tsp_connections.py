# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: tsp_connections
short_description: Whether the cluster sees the TSPs of a Windows host connected
description:
  - Judges the cluster's own view of its connections for the rows of one host. It opens nothing.
  - The view tells a connection by its user and the client's address. So of several instances of one user on one host it can
    only be told how many are connected.
options:
  _input:
    description: Rows of one host, from the filter P(voiceops.secure_tsp.tsp_enrolment#filter).
    type: list
    elements: dict
    required: true
  secure_users:
    description: Names of the users that CTI Manager accepts on the secure port, as C(cluster/name).
    type: list
    elements: str
    required: true
  views:
    description: By cluster, what M(voiceops.secure_tsp.cti_connection_info) returned about them.
    type: dict
    required: true
  addresses:
    description: Addresses of the host.
    type: list
    elements: str
    required: true
  client_addresses:
    description: The address of single instances, by instance ID, where CTI Manager sees another one.
    type: dict
    default: {}
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
"""

EXAMPLES = r"""
- name: Show what the cluster sees
  ansible.builtin.debug:
    msg: >-
      {{ my_outcomes | voiceops.secure_tsp.tsp_connections(secure_users=['main/recorder_tapi'], views={'main': my_view},
         addresses=ansible_facts['all_ipv4_addresses']) }}
"""

RETURN = r"""
_value:
  description:
    - The rows with C(way), C(waiting) (for the cutover), C(online), C(verified_by), C(state) and C(message).
  type: list
  elements: dict
"""

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _fleet


def tsp_connections(rows, secure_users, views, addresses, client_addresses=None):
    """See DOCUMENTATION."""
    owners = [_user(row) for row in rows if _may_connect(row, secure_users)]
    given = client_addresses or {}
    return [_judged(row, secure_users, views.get(row["cluster"]) or {},
                    [given[row["instance_id"]]] if row["instance_id"] in given else addresses, owners.count(_user(row)))
            for row in rows]


def _user(row):
    return "%s/%s" % (row["cluster"], row["user"])


def _may_connect(row, secure_users):
    return not row["failed"] and row["certificate_valid"] and _user(row) in secure_users


def _judged(row, secure_users, view, addresses, neighbours):
    base = dict(row, way="offline", waiting=False, online=False, confirm=False, verified_by="")
    if row["failed"]:
        return dict(base, state="failed")
    if not row["certificate_valid"]:
        return dict(base, state="armed, waits for the TSP" if row["action"] == "armed" else "no certificate")
    if _user(row) not in secure_users:
        return dict(base, waiting=True, verified_by="offline", state="enrolled, waiting for cutover",
                    message="waiting for the cutover of user %s" % row["user"])
    if not view.get("available"):
        return _unseen(base, view.get("reason") or "the cluster was not asked which connections it sees")
    seen = [one for one in view["connections"]
            if one["status"] == "Open" and _fleet.same(one["user"], row["user"]) and one["address"] in addresses]
    if len(seen) < neighbours:
        return _unseen(base, "CTI Manager sees %d open provider(s) of user %s from this host, which has %d instance(s) of it"
                       % (len(seen), row["user"], neighbours))
    lines = sum(len(one["lines"]) for one in seen)
    return dict(base, way="ris", online=True, state="verified", message="",
                verified_by="ris (%d open, %d lines)" % (len(seen), lines))


def _unseen(base, why):
    return dict(base, verified_by="offline", state="enrolled, not verified online", message="not verified online: %s" % why)


class FilterModule:
    """Connections of Windows TSPs."""

    def filters(self):
        return {"tsp_connections": tsp_connections}
