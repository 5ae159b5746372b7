# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""How each instance is verified without disturbing an application, and the results. Pure.

One certificate carries one open provider: a second one disconnects both, and repeats compromise it. So a provider is opened with
an application's own certificate only when it is known that none is open: the cluster was asked in this run, the address of
the host is known, and every open connection of the user comes from a host that is known.
"""

from __future__ import annotations

from gettext import ngettext
from typing import TYPE_CHECKING

from ansible_collections.voiceops.secure_tsp.plugins.module_utils._fleet import same
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._model import key_of, owner_of
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._outcome import WAITS_ARMED

if TYPE_CHECKING:
    from typing import Any, Callable, Collection, Dict, Iterable, List, Mapping

    from ansible_collections.voiceops.secure_tsp.plugins.module_utils._model import Instance, Key
    from ansible_collections.voiceops.secure_tsp.plugins.module_utils._outcome import Row

    View = Mapping[str, Any]
    Connections = List[Dict[str, Any]]

CLOCKS_APART = 60  # seconds; the moment of a connection is the cluster's, that of a certificate is the host's
NOT_PROBED = "not probed: there is no valid probe certificate"
NO_PASSWORD = "the list of users has no password for %s."

WAITING = "enrolled, waiting for cutover"
VERIFIED = "verified"
OFFLINE = "enrolled, not verified online"
OK = "ok"  # verified by an earlier run; the application is not connected, so nothing is opened again
PROVEN_BEFORE = "the application is not connected, and its certificate was verified before"
NO_CERTIFICATE = "no certificate"
ENDS = "Its certificate expires on %s. Renew it with upgrade_certificates."
NO_LINE = "The application is connected, but CTI Manager sees no line that it opened. Check whether it controls what it should."
ARMED = "armed, waits for the TSP"
OPENING = ("application", "probe")  # ways that open a provider
# Steps of M(cti_provider_info) that do not involve the certificate, and what CTI Manager answers if it does not accept it:
# INVALID_CERTIFICATE_USED, and the close reason that CAPF's information is not available. Other codes are about users,
# passwords and nodes.
BEFORE_TLS = ("local", "connect")
NOT_TAKEN = ("0x8CCC00D8",)
CLOSED_FOR_IT = (8,)


class Verifier:
    """Choose a way for each row of any number of hosts.

    secure: {Key} of users on the secure port. views: {cluster: {available, reason, users_read, connections}}; a cluster that is not
    in it was not asked. addresses: {host: addresses} of all hosts that were checked. instances: those listed, of all hosts.
    with_password: {Key} of users whose password is known. wanted: auto, offline, application, ris or probe. again: also open where
    the certificate was verified before. stopped(host): whether its application is stopped.
    """

    def __init__(self, secure: Collection[Key], views: Mapping[str, View], addresses: Mapping[str, Collection[str]],
                 instances: Iterable[Instance], with_password: Collection[Key], wanted: str = "auto", again: bool = False,
                 stopped: Callable[[str], bool] = lambda host: False) -> None:
        self.secure = secure
        self.views = views
        self.addresses = addresses
        self.with_password = with_password
        self.wanted = wanted
        self.again = again
        self.stopped = stopped
        self.instances = dict((key_of(one), one) for one in instances)

    def plan(self, rows: Collection[Row]) -> list[Row]:
        """The rows with way (offline, application, ris, probe, armed or none), why, waiting, and for ris the connections seen."""
        self.neighbours: dict[tuple[Key, str], set[Key]] = {}
        for row in rows:
            if not row["failed"] and not row["probe_of"]:
                for address in self.places(row):
                    self.neighbours.setdefault((owner_of(row), address), set()).add(key_of(row))
        probed = set((row["cluster"], row["probe_of"]) for row in rows if row["certificate_valid"] and not row["failed"])
        return [self.judge(row, key_of(row) in probed) for row in rows]

    def places(self, row: Row) -> list[str]:
        """From where CTI Manager sees the instance connected, as far as that is known."""
        given = self.instances[key_of(row)]["client_address"]
        return [given] if given else list(self.addresses.get(row["host"]) or ())

    def judge(self, row: Row, probed: bool) -> Row:
        if row["action"] == WAITS_ARMED and not row["failed"]:
            return planned(row, "armed", row["message"])
        if row["failed"] or not row["certificate_valid"]:
            return planned(row, "none", "there is no valid certificate")
        if row["probe_of"]:
            return planned(row, "offline", "")
        view = self.views.get(row["cluster"]) or {}
        if not view.get("users_read", True):
            return refused(row, "It could not be read whether user %s is on the secure port: %s" % (row["user"], view["reason"]))
        if owner_of(row) not in self.secure:
            waits = (view.get("waits") or {}).get(row["user"])
            return planned(row, "offline", waits or "waiting for the cutover of user %s" % row["user"], waiting=True)
        if self.wanted == "offline":
            return planned(row, "offline", "")
        if self.wanted == "probe":
            return self.open(row, "probe") if probed else planned(row, "offline", NOT_PROBED)
        by_tsp = self.instances[key_of(row)]["enrolment"] == "tsp"
        if self.wanted == "application" and self.stopped(row["host"]) and not by_tsp:
            return self.open(row, "application")
        if not view.get("available"):
            reason = view.get("reason") or "the cluster was not asked which connections it sees"
            return planned(row, "offline", "not verified online: %s" % reason)
        seen, strange = self.seen(view, row)
        if not seen and view.get("doubt") and not self.stopped(row["host"]):
            return planned(row, "offline", "not verified online: %s, so the application may be connected there" % view["doubt"])
        if self.wanted == "ris" or by_tsp and self.wanted == "application":
            return self.by_view(row, seen, required=True)
        if self.wanted == "application":
            return self.by_application(row, seen, strange)
        return self.automatic(row, seen, strange)

    def open(self, row: Row, way: str) -> Row:
        if owner_of(row) in self.with_password:
            return planned(row, way, "")
        return refused(row, NO_PASSWORD % row["user"] + " Give it, or verify in another way.")

    def seen(self, view: View, row: Row) -> tuple[Connections, Connections]:
        """(open connections of the user from where this instance is, and those from where no host is known to be)."""
        mine = [one for one in view["connections"] if one["status"] == "Open" and same(one["user"], row["user"])]
        here = set(self.places(row))
        known = set(address for found in self.addresses.values() for address in found)
        known |= set(one["client_address"] for one in self.instances.values() if one["client_address"])
        return ([one for one in mine if one["address"] in here],
                [one for one in mine if one["address"] not in here and one["address"] not in known])

    def unknown(self, row: Row, strange: Connections) -> str:
        """Why it is not known whether the instance is connected; empty where it is."""
        places = ", ".join(sorted(set(str(one["address"]) for one in strange)))
        cure = "give client_address: the cluster sees %s from %s" % (row["user"], places) if strange else "give client_address"
        if not self.places(row):
            return "the address of its host is not known; %s" % cure
        if strange:
            return ("an open provider of its user, which may be this instance's, comes from an address that no host of this run has; %s"
                    % cure)
        return ""

    def automatic(self, row: Row, seen: Connections, strange: Connections) -> Row:
        by_tsp = self.instances[key_of(row)]["enrolment"] == "tsp"
        stopped = self.stopped(row["host"])
        afresh = stopped and row["unconfirmed"] and not by_tsp
        if (seen or by_tsp) and not afresh:
            return self.by_view(row, seen)
        if not (row["unconfirmed"] or self.again):
            return planned(row, "offline", PROVEN_BEFORE)
        unknown = "" if stopped else self.unknown(row, strange)
        if unknown:
            return planned(row, "offline", "not verified online: %s" % unknown)
        if owner_of(row) not in self.with_password:
            return planned(row, "offline", "not verified online: %s" % NO_PASSWORD % row["user"])
        return planned(row, "application", "")

    def by_application(self, row: Row, seen: Connections, strange: Connections) -> Row:
        unknown = self.unknown(row, strange)
        if seen or unknown:
            return refused(row, (
                "CTI Manager sees an open provider of user %s from this host." % row["user"] if seen else
                "It is not known whether the application is connected: %s." % unknown) + (
                " A second provider with the same certificate would disconnect both. Stop the application, or give a stop handler."))
        return self.open(row, "application")

    def since(self, row: Row, seen: Connections) -> Connections:
        """Those of the connections that can be of the certificate in place."""
        if not row["unconfirmed"] or row["placed"] is None:
            return seen
        return [one for one in seen if (one.get("time") or 0) > float(row["placed"]) + CLOCKS_APART]

    def by_view(self, row: Row, seen: Connections, required: bool = False) -> Row:
        """By what CTI Manager sees. Connections behind one address cannot be distinguished, so they are counted over all its hosts."""
        needed = max([len(self.neighbours[owner_of(row), address]) for address in self.places(row)] or [1])
        if len(self.since(row, seen)) >= needed:
            return planned(row, "ris", "", seen=seen)
        if len(seen) >= needed:
            older = "the application still uses the previous certificate and takes the new one when it is restarted"
            return refused(row, "T" + older[1:] + ".") if required else planned(row, "offline", "not verified online: %s" % older)
        missing = "CTI Manager sees %d open provider(s) of user %s from this host, which has %d instance(s) of it" % (
            len(seen), row["user"], needed)
        if required:
            return refused(row, missing + ". Start the application.")
        return planned(row, "offline", "not verified online: %s" % missing)


def planned(row: Row, way: str, why: str, waiting: bool = False, failed: bool | None = None, message: str | None = None,
            seen: Iterable[Dict[str, Any]] = ()) -> Row:
    return {
        **row, "way": way, "why": why, "waiting": waiting, "failed": row["failed"] if failed is None else failed,
        "message": message if message is not None else (row["message"] if row["failed"] or row["action"] == WAITS_ARMED else ""),
        "seen": list(seen),
    }


def refused(row: Row, message: str) -> Row:
    return planned(row, "none", "", failed=True, message=message)


# Results


def results(plan: Iterable[Row], opened: Mapping[Key, Mapping[str, Any]] | None = None, check_mode: bool = False, enrolling: bool = True,
            message: str = "it was not opened", until: str = "") -> list[Row]:
    """The rows with state, verified_by, online, disproved, confirm and remarks. opened: {Key: result of cti_provider_info}.

    remarks: limitations of a success. until: ISO 8601 in UTC; a certificate that expires before it is one.
    """
    rows = [_row(row, (opened or {}).get(key_of(row)), check_mode, enrolling, message) for row in plan]
    for row in rows:
        ends = row.get("certificate_expires") or ""
        if not row["failed"] and row["certificate_valid"] and "" < ends <= until and not any(ends in text for text in row["remarks"]):
            row["remarks"].append(ENDS % ends)
    probed = set(key_of(row) for row in rows if row["online"] and row["way"] == "probe")
    for row in rows:
        proven = (row["cluster"], row["probe_of"]) in probed if row["probe_of"] else row["online"] and row["way"] != "probe"
        row["confirm"] = bool(proven and row["unconfirmed"])
    return rows


def _row(row: Row, result: Mapping[str, Any] | None, check_mode: bool, enrolling: bool, message: str) -> Row:
    done: Row = {**row, "verified_by": row["way"] if row["way"] != "none" else "", "online": False, "disproved": False, "remarks": []}
    done.pop("why", None)
    done.pop("seen", None)
    if row["failed"]:
        return {**done, "state": "failed"}
    if check_mode and enrolling and row["needed"]:
        return {**done, "verified_by": "", "state": "would enrol", "action": "none", "changed": True, "message": row["explanation"]}
    if row["way"] == "armed":
        return {**done, "verified_by": "", "state": ARMED}
    if row["way"] == "none":
        return {**done, "state": NO_CERTIFICATE, "failed": True, "message": row["explanation"] or row["why"]}
    if row["way"] == "ris":
        lines = sum(len(connection["lines"]) for connection in row["seen"])
        return {**done, "online": True, "state": VERIFIED, "verified_by": "ris (%d open, %s)" % (len(row["seen"]), _lines(lines)),
                "remarks": [] if lines else [NO_LINE]}
    if row["why"] == PROVEN_BEFORE:
        return {**done, "state": OK}
    if row["way"] == "offline":
        state = WAITING if row["waiting"] else (OFFLINE if row["why"] else VERIFIED)
        return {**done, "state": state, "message": row["message"] or row["why"]}
    if check_mode:
        return {**done, "verified_by": "", "state": "would verify", "message": "would open a provider"}
    return _opened(done, row, result or {"failed": True, "msg": message})


def _opened(done: Row, row: Row, result: Mapping[str, Any]) -> Row:
    if result.get("failed"):
        compromised = bool(result.get("compromised")) or row["compromised"]
        return {**done, "state": "failed", "failed": True, "message": result.get("msg") or "failed without a message",
                "compromised": compromised, "disproved": _disproves(result) and not compromised}
    totals = result.get("totals") or {}
    devices = totals.get("devices", 0)
    done["remarks"] = ["%s %s" % (one["text"], one["fix"]) for one in result.get("remarks") or ()]
    return {**done, "online": True, "state": VERIFIED, "verified_by": "%s (%d %s, %s)" % (
        row["way"], devices, ngettext("device", "devices", devices), _lines(totals.get("lines", 0)))}


def _disproves(result: Mapping[str, Any]) -> bool:
    """Whether it is the certificate that CTI Manager did not accept."""
    if "stage" not in result or result["stage"] in BEFORE_TLS or "server_certificate" in result:
        return False
    code, reason = result.get("cti_code"), result.get("cti_close_reason")
    if code is None and reason is None:
        return True  # the connection broke while the certificate was checked, or later
    return code in NOT_TAKEN or reason in CLOSED_FOR_IT


def _lines(count: int) -> str:
    return "%d %s" % (count, ngettext("line", "lines", count))
