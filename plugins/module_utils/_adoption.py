# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The lists of users and instances that describe what clusters and hosts already have. Pure."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _fleet
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._foreign import WINDOWS_PATH, parted, printable
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._options import USER, converted

if TYPE_CHECKING:
    from typing import Any, Collection, Mapping

    Row = Mapping[str, Any]

UNKNOWN = "CHANGE_ME"
CTI_GROUPS = "Standard CTI "
USUAL_KEY = {"type": "rsa", "size": 2048}
PLACEHOLDERS = ("{host}", "{cluster}", "{instance_id}")


def adopted_lists(readings: Collection[Row], hosts: Mapping[str, Row] | None = None, several: bool = False) -> dict[str, Any]:
    """Dict of users and instances for the lists, and open: sentences about what a person must fill in or decide.

    readings: by cluster, dicts of cluster, users, profiles and connections. hosts: {name: dict of addresses and certificates}.
    several: there are several clusters, although not all of them may have been read.
    An instance is assigned to the host that has its files, or from which its user's only instance is connected.
    """
    adoption = Adoption(hosts or {}, several=len(readings) > 1, named=several or len(readings) > 1)
    for reading in readings:
        adoption.take(reading)
    return {"users": adoption.users, "instances": adoption.instances, "open": adoption.open}


class Adoption:
    """The lists while they are built."""

    def __init__(self, hosts: Mapping[str, Row], several: bool, named: bool) -> None:
        self.hosts = hosts
        self.several = several  # clusters were read
        self.named = named  # in each entry of the lists
        self.users: list[dict[str, Any]] = []
        self.instances: list[dict[str, Any]] = []
        self.open: list[str] = []

    def take(self, reading: Row) -> None:
        where = {"cluster": reading["cluster"]} if self.named else {}
        known = dict(((user["type"], user["name"]), user) for user in reading["users"])
        owners = dict.fromkeys((profile["user_type"], profile["user"]) for profile in reading["profiles"])
        for owner in owners:
            if wrong(owner[1]):
                self.open.append("User '%s' and its CAPF profiles were skipped, because its name %s." % (
                    printable(owner[1]), wrong(owner[1])))
            elif owner in known:
                self._user(known[owner], where)
            else:
                self.open.append("The cluster did not return user %s, who has a CAPF profile." % printable(owner[1]))
        for profile in reading["profiles"]:
            if not wrong(profile["user"]):
                self._instance(profile, reading, where)

    def _user(self, user: Row, where: Mapping[str, str]) -> None:
        listed = {"name": user["name"], **where}
        if user["type"] != _fleet.APPLICATION:
            listed["type"] = user["type"]
        devices = self._usable(user, "device", user["devices"])
        if devices:
            listed["devices"] = devices
        if _fleet.SRTP in user["groups"]:
            listed["srtp"] = True
        further = self._usable(user, "group", [
            group for group in user["groups"]
            if group.startswith(CTI_GROUPS) and group not in (_fleet.ENABLED, _fleet.SECURE, _fleet.SRTP)])
        if further:
            listed["cti_groups"] = further
        self.users.append(listed)
        if _fleet.SECURE not in user["groups"]:
            self.open.append(
                "User %s is not in %s: a run with secure_tsp_cutover auto moves all of the user's connections to the secure port."
                % (printable(user["name"]), _fleet.SECURE))

    def _usable(self, user: Row, kind: str, names: Collection[str]) -> list[str]:
        """The names that a list can hold, sorted."""
        for name in names:
            if wrong(name):
                self.open.append("The %s '%s' of user %s was skipped, because its name %s." % (
                    kind, printable(name), printable(user["name"]), wrong(name)))
        return sorted(name for name in names if not wrong(name))

    def _instance(self, profile: Row, reading: Row, where: Mapping[str, str]) -> None:
        instance_id, user = profile["instance_id"], profile["user"]
        if not _fleet.INSTANCE_ID.match(instance_id):
            self.open.append(
                "The CAPF profile '%s' of user %s was skipped, because an instance_id has 1 to 128 characters of a-z, A-Z and 0-9."
                % (printable(instance_id), printable(user)))
            return
        host, store = self._place(instance_id, reading["cluster"])
        if host is None:
            host = self._host_by_connections(profile, reading)
        if host == UNKNOWN:
            self.open.append("The host of instance %s of user %s is unknown. Enter it instead of %s." % (
                instance_id, printable(user), UNKNOWN))
        listed = {"host": host, "user": user, "instance_id": instance_id, **where}
        key = _fleet.Profile(
            instance_id, user, profile["user_type"], key_size=profile.get("key_size") or "",
            key_order=profile.get("key_order") or _fleet.RSA_ONLY, ec_key_size=profile.get("ec_key_size") or "").key
        if key["size"] and key != USUAL_KEY and key["type"] in _fleet.KEY_SIZES:
            listed["key"] = key
        if store and WINDOWS_PATH.match(store):  # only stores of Java applications are found there
            listed["client"] = "jtapi"
        if store and (wrong(store) or any(placeholder in store for placeholder in PLACEHOLDERS)):
            self.open.append("The store of instance %s, '%s', has a name that a list cannot hold. Rename the folder." % (
                instance_id, printable(store)))
        elif store:
            listed["store"] = store
        self.instances.append(listed)

    def _place(self, instance_id: str, cluster: str) -> tuple[str, str | None] | tuple[None, None]:
        """C((host, folder)) of the instance by its files; folder is None if it is the usual one."""
        found = []
        for host, facts in sorted(self.hosts.items()):
            for path in facts.get("certificates") or ():
                folder = parted(path)[0]
                parent, name = parted(folder)
                # With several clusters, several folders may have the same instance_id as their name.
                if name == instance_id and (not self.several or parted(parent)[1] == cluster):
                    found.append((host, folder))
        if not found:
            return None, None
        if len(found) > 1:
            self.open.append("Instance %s has files in several places: %s. One certificate carries one connection." % (
                instance_id, ", ".join(printable("%s:%s" % place) for place in found)))
        host, folder = found[0]
        usual = posixpath.join("/etc/secure_tsp", *([cluster] if self.several else []), instance_id)
        return host, None if folder == usual else folder

    def _host_by_connections(self, profile: Row, reading: Row) -> str:
        """The only host of the inventory from which the user's only instance is connected."""
        mine = [one for one in reading["profiles"] if (one["user_type"], one["user"]) == (profile["user_type"], profile["user"])]
        addresses = set(one["address"] for one in reading["connections"] if _fleet.same(one["user"], profile["user"]))
        hosts = set(
            host for host, facts in self.hosts.items() if addresses & set(facts.get("addresses") or ()))
        return hosts.pop() if len(mine) == 1 and len(addresses) == 1 and len(hosts) == 1 else UNKNOWN


def wrong(name: str) -> str:
    """Why a list cannot hold a name, as a clause; empty if it can."""
    if not name:
        return "is empty"
    try:
        converted(USER["name"], name)
    except ValueError as error:
        return str(error)
    return ""
