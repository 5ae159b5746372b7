# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: adopted_lists
short_description: Write the lists of users and TSP instances that describe what a cluster has already
description:
  - Takes what the modules read of clusters and hosts, and gives back the two lists that describe it, together with
    everything that a person has to fill in or to decide.
  - Passwords are not in the lists, since a cluster does not give them away.
options:
  _input:
    description:
      - By cluster, C(profiles) of M(voiceops.secure_tsp.cluster_info), C(users) of M(voiceops.secure_tsp.fleet_accounts)
        and C(connections) of M(voiceops.secure_tsp.cti_connection_info).
    type: list
    elements: dict
    required: true
  hosts:
    description:
      - By inventory name, C(addresses) (list of str) of the host and C(certificates), the paths of the files
        C(QBEClient.cer) on it.
    type: dict
    default: {}
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
seealso:
  - plugin: voiceops.secure_tsp.fleet
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Describe what a cluster has
  ansible.builtin.debug:
    msg: "{{ [my_reading] | voiceops.secure_tsp.adopted_lists }}"
  vars:
    my_reading:
      cluster: main
      profiles:
        - {user: recorder_tapi, user_type: application, instance_id: recorder01x1, status: Upgrade Success}
      users:
        - {name: recorder_tapi, type: application, groups: [Standard CTI Enabled], devices: [SEP001122334455]}
      connections: []
"""

RETURN = r"""
_value:
  description: The lists.
  type: dict
  contains:
    users:
      description: For the variable C(secure_tsp_users).
      type: list
      elements: dict
    instances:
      description:
        - For the variable C(secure_tsp_instances). An instance whose host nothing tells has the host V(CHANGE_ME).
      type: list
      elements: dict
    open:
      description: What a person has to fill in or to decide, in sentences.
      type: list
      elements: str
"""

import posixpath

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _fleet

UNKNOWN = "CHANGE_ME"
CTI_GROUPS = "Standard CTI "
USUAL_KEY = {"type": "rsa", "size": 2048}


def adopted_lists(readings, hosts=None):
    """See DOCUMENTATION."""
    adoption = Adoption(hosts or {}, several=len(readings) > 1)
    for reading in readings:
        adoption.take(reading)
    return {"users": adoption.users, "instances": adoption.instances, "open": adoption.open}


class Adoption:
    """The lists as far as they have come."""

    def __init__(self, hosts, several):
        self.hosts = hosts
        self.several = several
        self.users, self.instances, self.open = [], [], []

    def take(self, reading):
        where = {"cluster": reading["cluster"]} if self.several else {}
        known = dict(((user["type"], user["name"]), user) for user in reading["users"])
        owners = dict.fromkeys((profile["user_type"], profile["user"]) for profile in reading["profiles"])
        for owner in owners:
            if owner in known:
                self._user(known[owner], where)
            else:
                self.open.append("The cluster did not tell of user %s, who has a CAPF profile." % owner[1])
        for profile in reading["profiles"]:
            self._instance(profile, reading, where)

    def _user(self, user, where):
        listed = {"name": user["name"], **where}
        if user["type"] != _fleet.APPLICATION:
            listed["type"] = user["type"]
        if user["devices"]:
            listed["devices"] = sorted(user["devices"])
        if _fleet.SRTP in user["groups"]:
            listed["srtp"] = True
        further = sorted(
            group for group in user["groups"]
            if group.startswith(CTI_GROUPS) and group not in (_fleet.ENABLED, _fleet.SECURE, _fleet.SRTP))
        if further:
            listed["cti_groups"] = further
        self.users.append(listed)
        if _fleet.SECURE not in user["groups"]:
            self.open.append(
                "User %s is not in %s: a run with secure_tsp_cutover auto moves all of the user's connections to the secure port."
                % (user["name"], _fleet.SECURE))

    def _instance(self, profile, reading, where):
        instance_id, user = profile["instance_id"], profile["user"]
        if not _fleet.INSTANCE_ID.match(instance_id):
            self.open.append(
                "The CAPF profile %r of user %s was left out, since an instance_id has 1 to 128 characters of a-z, A-Z and 0-9."
                % (instance_id, user))
            return
        host, store = self._place(instance_id, reading["cluster"])
        if host is None:
            host = self._host_by_connections(profile, reading)
        if host == UNKNOWN:
            self.open.append("Nothing tells on which host instance %s of user %s is. Put it in for %s." % (
                instance_id, user, UNKNOWN))
        listed = {"host": host, "user": user, "instance_id": instance_id, **where}
        key = _fleet.Profile(
            instance_id, user, profile["user_type"], key_size=profile.get("key_size") or "",
            key_order=profile.get("key_order") or _fleet.RSA_ONLY, ec_key_size=profile.get("ec_key_size") or "").key
        if key["size"] and key != USUAL_KEY and key["type"] in _fleet.KEY_SIZES:
            listed["key"] = key
        if store:
            listed["store"] = store
        self.instances.append(listed)

    def _place(self, instance_id, cluster):
        """C((host, folder)) of the instance by its files; the folder only where it is not the usual one."""
        found = []
        for host, facts in sorted(self.hosts.items()):
            for path in facts.get("certificates") or ():
                folder = posixpath.dirname(path)
                parent, name = posixpath.split(folder)
                # With several clusters the same instance_id may stand in several folders.
                if name == instance_id and (not self.several or posixpath.basename(parent) == cluster):
                    found.append((host, folder))
        if not found:
            return None, None
        if len(found) > 1:
            self.open.append("Instance %s has files in several places: %s. One certificate carries one connection." % (
                instance_id, ", ".join("%s:%s" % place for place in found)))
        host, folder = found[0]
        usual = posixpath.join("/etc/secure_tsp", *([cluster] if self.several else []), instance_id)
        return host, None if folder == usual else folder

    def _host_by_connections(self, profile, reading):
        """The only host of the inventory from which the user's only instance is connected."""
        mine = [one for one in reading["profiles"] if (one["user_type"], one["user"]) == (profile["user_type"], profile["user"])]
        addresses = set(one["address"] for one in reading["connections"] if _fleet.same(one["user"], profile["user"]))
        hosts = set(
            host for host, facts in self.hosts.items() if addresses & set(facts.get("addresses") or ()))
        return hosts.pop() if len(mine) == 1 and len(addresses) == 1 and len(hosts) == 1 else UNKNOWN


class FilterModule:
    """Lists of what there is."""

    def filters(self):
        return {"adopted_lists": adopted_lists}
