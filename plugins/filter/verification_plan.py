# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: verification_plan
short_description: Choose how each instance of a host is verified
description:
  - Chooses for each row the strongest way of verification that cannot disturb a running application, or judges the way
    that was asked for.
  - Probes, rows with C(probe_of), are looked at offline; the way V(probe) opens them on behalf of their instance.
  - One certificate carries one open provider. A second one throws both out, so the way V(application) is never chosen
    while the cluster shows an open provider of the same user from the same host, or does not tell.
options:
  _input:
    description: Rows of one host, from the filter P(voiceops.secure_tsp.instance_outcomes#filter).
    type: list
    elements: dict
    required: true
  secure_users:
    description: Names of the users that CTI Manager accepts on the secure port, as C(cluster/name).
    type: list
    elements: str
    required: true
  views:
    description:
      - By cluster, what M(voiceops.secure_tsp.cti_connection_info) returned about the users. A cluster that is not in
        it was not asked.
      - C(users_read) V(false) says that not even O(secure_users) could be read, with C(reason).
    type: dict
    required: true
  addresses:
    description: Addresses of the host, as CTI Manager sees them.
    type: list
    elements: str
    required: true
  with_password:
    description: Users whose password is known, as C(cluster/name). Without it no provider can be opened.
    type: list
    elements: str
    required: true
  client_addresses:
    description: The address of single instances, by instance ID, where CTI Manager sees another one.
    type: dict
    default: {}
  enrolments:
    description: O(voiceops.secure_tsp.fleet_accounts#module:instances[].enrolment) of single instances, by instance ID.
    type: dict
    default: {}
  placed:
    description:
      - When certificates that were not verified yet were put in place, by instance ID, in seconds since 1970. A connection that is
        older runs with the certificate before, and proves nothing about the new one.
    type: dict
    default: {}
  wanted:
    description: The way asked for.
    type: str
    choices: [auto, offline, application, ris, probe]
    default: auto
  again:
    description:
      - With V(auto), open a provider also where the certificate was verified before and no application is connected.
    type: bool
    default: false
  stopped:
    description: Whether the user's stop handler stops the application.
    type: bool
    default: false
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
"""

EXAMPLES = r"""
- name: Show how the instances of this host would be verified
  ansible.builtin.debug:
    msg: >-
      {{ my_outcomes | voiceops.secure_tsp.verification_plan(secure_users=['main/recorder_tapi'],
         views={'main': my_connections}, addresses=ansible_facts['all_ipv4_addresses'],
         with_password=['main/recorder_tapi']) }}
"""

RETURN = r"""
_value:
  description:
    - The rows with C(way) (V(offline), V(application), V(ris), V(probe) or V(none)), C(why), C(waiting) for the
      cutover, C(failed), C(message), and for V(ris) the connections in C(seen).
  type: list
  elements: dict
"""

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _fleet

CLOCKS_APART = 60  # seconds; the moment of a connection is the cluster's, that of a certificate is the host's
NOT_PROBED = "not probed: there is no valid probe certificate"
NO_PASSWORD = "the list of users has no password of %s."


class Verifier:
    def __init__(self, secure_users, views, addresses, with_password, client_addresses, enrolments, placed, wanted, again,
                 stopped):
        self.secure_users = set(secure_users)
        self.views = views
        self.addresses = list(addresses)
        self.with_password = set(with_password)
        self.client_addresses = client_addresses or {}
        self.enrolments = enrolments or {}
        self.placed = placed or {}
        self.wanted = wanted
        self.again = again
        self.stopped = stopped

    def judge(self, row, neighbours, probed):
        """neighbours: how many instances of the same user there are on the host. probed: it has a valid probe."""
        if row["failed"] or not row["certificate_valid"]:
            return _plan(row, "none", "there is no valid certificate")
        if row["probe_of"]:
            return _plan(row, "offline", "")
        view = self.views.get(row["cluster"]) or {}
        if not view.get("users_read", True):
            return _refused(row, "Whether user %s is on the secure port could not be read: %s" % (
                row["user"], view["reason"]))
        if _user(row) not in self.secure_users:
            return _plan(row, "offline", "waiting for the cutover of user %s" % row["user"], waiting=True)
        if self.wanted == "offline":
            return _plan(row, "offline", "")
        if self.wanted == "probe":
            return self._open(row, "probe") if probed else _plan(row, "offline", NOT_PROBED)
        if self.wanted == "application" and self.stopped:
            return self._open(row, "application")
        if not view.get("available"):
            reason = view.get("reason") or "the cluster was not asked which connections it sees"
            return _plan(row, "offline", "not verified online: %s" % reason)
        seen = self._seen(view, row)
        if self.wanted == "ris":
            return self._by_view(row, seen, neighbours, required=True)
        if self.wanted == "application":
            return self._by_application(row, seen)
        return self._automatic(row, seen, neighbours)

    def _open(self, row, way):
        if _user(row) in self.with_password:
            return _plan(row, way, "")
        return _refused(row, NO_PASSWORD % row["user"] + " Give it, or verify in another way.")

    def _seen(self, view, row):
        given = self.client_addresses.get(row["instance_id"])
        addresses = [given] if given else self.addresses
        return [
            one for one in view["connections"]
            if one["status"] == "Open" and _fleet.same(one["user"], row["user"]) and one["address"] in addresses
        ]

    def _automatic(self, row, seen, neighbours):
        by_tsp = self.enrolments.get(row["instance_id"]) == "tsp"
        afresh = self.stopped and row["unconfirmed"] and not by_tsp
        if (seen or by_tsp) and not afresh:
            return self._by_view(row, seen, neighbours)
        if not (row["unconfirmed"] or self.again):
            return _plan(row, "offline", "not verified online: the application is not connected, and its certificate "
                                         "was verified before")
        if _user(row) not in self.with_password:
            return _plan(row, "offline", "not verified online: %s" % NO_PASSWORD % row["user"])
        return _plan(row, "application", "")

    def _by_application(self, row, seen):
        if seen:
            return _refused(row, "CTI Manager sees an open provider of user %s from this host. A second one with the "
                                 "same certificate would throw both out. Stop the application, or give a stop handler."
                            % row["user"])
        return self._open(row, "application")

    def _since(self, row, seen):
        """Those of the connections that can be of the certificate in place."""
        placed = self.placed.get(row["instance_id"])
        if not row["unconfirmed"] or placed is None:
            return seen
        return [one for one in seen if (one.get("time") or 0) > float(placed) + CLOCKS_APART]

    def _by_view(self, row, seen, neighbours, required=False):
        if len(self._since(row, seen)) >= neighbours:
            return _plan(row, "ris", "", seen=seen)
        if len(seen) >= neighbours:
            older = ("the application still runs with the certificate before, it takes the new one when it is started "
                     "again")
            return _refused(row, _capital(older) + ".") if required else _plan(
                row, "offline", "not verified online: %s" % older)
        missing = "CTI Manager sees %d open provider(s) of user %s from this host, which has %d instance(s) of it" % (
            len(seen), row["user"], neighbours)
        if required:
            return _refused(row, missing + ". Start the application.")
        return _plan(row, "offline", "not verified online: %s" % missing)


def _capital(sentence):
    return sentence[:1].upper() + sentence[1:]


def _user(row):
    return "%s/%s" % (row["cluster"], row["user"])


def _refused(row, message):
    return _plan(row, "none", "", failed=True, message=message)


def _plan(row, way, why, waiting=False, failed=None, message=None, seen=()):
    return dict(
        row, way=way, why=why, waiting=waiting, failed=row["failed"] if failed is None else failed,
        message=message if message is not None else (row["message"] if row["failed"] else ""), seen=list(seen),
    )


def verification_plan(outcomes, secure_users, views, addresses, with_password, client_addresses=None, enrolments=None,
                      placed=None, wanted="auto", again=False, stopped=False):
    """See DOCUMENTATION."""
    verifier = Verifier(
        secure_users, views, addresses, with_password, client_addresses, enrolments, placed, wanted, again, stopped)
    owners = [(row["cluster"], row["user"]) for row in outcomes if not row["failed"] and not row["probe_of"]]
    probes = set(
        (row["cluster"], row["probe_of"]) for row in outcomes if row["certificate_valid"] and not row["failed"])
    return [
        verifier.judge(
            row, owners.count((row["cluster"], row["user"])), (row["cluster"], row["instance_id"]) in probes)
        for row in outcomes
    ]


class FilterModule:
    """Ways of verification."""

    def filters(self):
        return {"verification_plan": verification_plan}
