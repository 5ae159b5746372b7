# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Differences between the lists and what clusters and hosts show: readings -> findings, each with its remedy.

Pure, like the planner: the readings and the time are arguments. Readings and findings contain no secrets.
"""

from __future__ import annotations

import datetime
import json
import re
from typing import TYPE_CHECKING

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import (
    _fleet,
    _screen,
    _server_certificates,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._foreign import all_printable, parted, printable, word
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._server_certificates import capital

if TYPE_CHECKING:
    from typing import Any, Collection, Container, Dict, Iterable, Mapping, Optional, Sequence, Tuple

    Row = Mapping[str, Any]
    Hosts = Mapping[str, Optional[Row]]  # None: not reached
    Finding = Dict[str, Any]
    Subject = Dict[str, str]  # what a finding is about: cluster, host, user, instance_id
    Place = Tuple[str, str]  # host and folder

CRITICAL, WARNING, INFO = "critical", "warning", "info"
SEVERITIES = (CRITICAL, WARNING, INFO)
SOON_DAYS = 60
CLEAN, DRIFT, UNREACHABLE = 0, 2, 4
LINES = 50  # findings that are shown at the terminal; the report has all of them

TRUST, ACCOUNTS, PROFILE, CERTIFICATE, CUTOVER, VERIFY = STAGES = (
    "trust", "accounts", "profile", "certificate", "cutover", "verify")

# code: (severity, the stage of an instance that it is about). Critical: an application cannot connect, or a secret is
# exposed. Warning: not as the lists say, or it becomes critical if nothing is done. Info: useful to know, but not drift.
CODES = {
    "host_unreachable": (CRITICAL, None),
    "host_not_read": (CRITICAL, None),
    "cluster_not_read": (CRITICAL, None),
    "cluster_contradicts": (CRITICAL, None),
    "cluster_doubt": (INFO, None),
    "run_beside": (INFO, None),
    "mixed_mode_off": (CRITICAL, None),
    "service_down": (CRITICAL, None),
    "server_certificate_expired": (CRITICAL, None),
    "server_certificate_expiring": (WARNING, None),
    "ctl_not_updated": (CRITICAL, None),
    "ctl_older_on_node": (WARNING, None),
    "ctl_without_twin": (INFO, None),
    "server_key_short": (CRITICAL, None),
    "capf_without_extensions": (WARNING, None),
    "online_ca_unknown": (CRITICAL, None),
    "ris_unavailable": (INFO, None),
    "ris_incomplete": (INFO, None),
    "user_missing": (CRITICAL, ACCOUNTS),
    "user_groups_missing": (WARNING, ACCOUNTS),
    "user_groups_extra": (WARNING, ACCOUNTS),
    "user_devices": (WARNING, ACCOUNTS),
    "user_not_removed": (WARNING, ACCOUNTS),
    "user_not_secure": (CRITICAL, CUTOVER),
    "user_secure_without_instance": (CRITICAL, CUTOVER),
    "cutover_by_hand": (INFO, CUTOVER),
    "cutover_waits": (INFO, CUTOVER),
    "profile_missing": (CRITICAL, PROFILE),
    "profile_of_other_user": (CRITICAL, PROFILE),
    "profile_failed": (WARNING, PROFILE),
    "profile_pending": (INFO, PROFILE),
    "profile_armed_by_nobody": (WARNING, PROFILE),
    "profile_pending_too_long": (WARNING, PROFILE),
    "profile_without_certificate": (WARNING, PROFILE),
    "profile_unknown": (WARNING, PROFILE),
    "profile_key": (INFO, PROFILE),
    "profile_not_removed": (WARNING, PROFILE),
    "not_provisioned": (CRITICAL, CERTIFICATE),
    "certificate_missing": (CRITICAL, CERTIFICATE),
    "certificate_unreadable": (CRITICAL, CERTIFICATE),
    "certificate_expired": (CRITICAL, CERTIFICATE),
    "certificate_expiring": (WARNING, CERTIFICATE),
    "certificate_wrong_issuer": (CRITICAL, CERTIFICATE),
    "certificate_key_changed": (WARNING, CERTIFICATE),
    "certificate_name": (INFO, CERTIFICATE),
    "certificate_unconfirmed": (INFO, CERTIFICATE),
    "certificate_duplicate": (CRITICAL, CERTIFICATE),
    "certificate_unlisted": (INFO, CERTIFICATE),
    "key_missing": (CRITICAL, CERTIFICATE),
    "key_mismatch": (CRITICAL, CERTIFICATE),
    "enrolment_interrupted": (WARNING, CERTIFICATE),
    "file_modes": (WARNING, CERTIFICATE),
    "instance_not_read": (CRITICAL, CERTIFICATE),
    "files_not_removed": (WARNING, CERTIFICATE),
    "not_looked_at": (INFO, CERTIFICATE),
    "windows_host": (WARNING, CERTIFICATE),
    "ctl_missing": (CRITICAL, TRUST),
    "ctl_stale": (WARNING, TRUST),
    "ctl_untrusted": (CRITICAL, TRUST),
    "ctl_damaged": (CRITICAL, TRUST),
    "ctl_not_verified": (WARNING, TRUST),
    "ctl_not_fetched": (WARNING, TRUST),
    "ctl_without_capf": (WARNING, TRUST),
    "ctl_files": (WARNING, TRUST),
    "provider_not_seen": (WARNING, VERIFY),
    "provider_not_judged": (INFO, VERIFY),
    "not_probed": (INFO, VERIFY),
    "probe_failed": (CRITICAL, VERIFY),
    "provider_no_device": (WARNING, VERIFY),
    "provider_all_restricted": (WARNING, VERIFY),
    "provider_password_ends": (WARNING, VERIFY),
    "provider_certificate_ends": (WARNING, VERIFY),
    "provider_server_certificate_ends": (WARNING, VERIFY),
    "provider_weak_cipher": (INFO, VERIFY),
}

# Further stages that a finding is about: one cause is one finding.
FURTHER_STAGES = {"not_provisioned": (TRUST, PROFILE)}
LIMIT = re.compile(r" --limit \S+")

SITE = "ansible-playbook voiceops.secure_tsp.site"
VERIFYING = "ansible-playbook voiceops.secure_tsp.verify"
UPGRADE = "ansible-playbook voiceops.secure_tsp.upgrade_certificates"
DECOMMISSION = "ansible-playbook voiceops.secure_tsp.decommission"
DISARM = "ansible-playbook voiceops.secure_tsp.disarm"
DIAGNOSE = "ansible-playbook voiceops.secure_tsp.diagnose"
SHOW_CTL = "show ctl"
UPDATE_CTL = "utils ctl update CTLFile"
MIXED_MODE = "utils ctl set-cluster mixed-mode"

# code by the reason of capf_certificate_info, and its remedy.
OF_REASON = {
    "missing": ("certificate_missing", "Enrol it: the profile is armed again when the host needs a certificate.", SITE),
    "key_lost": ("key_missing", "Enrol it again.", SITE),
    "unreadable": ("certificate_unreadable", "Check the disk and the passphrase, then enrol it again.", SITE),
    "key_mismatch": ("key_mismatch", "Enrol it again.", SITE),
    "expired": ("certificate_expired", "Enrol it again.", SITE),
    "wrong_issuer": ("certificate_wrong_issuer", "Fetch the trust list and enrol it again.", SITE),
    "interrupted": ("enrolment_interrupted", "Resume the enrolment.", SITE),
    "expiring": ("certificate_expiring", "Renew it in a maintenance window.", UPGRADE),
    "key_changed": ("certificate_key_changed", "Renew it, or correct key in the list.", UPGRADE),
}
# code by the verdict of ctl_file.
OF_VERDICT = {
    "first_trust": "ctl_missing", "confirmed": "ctl_missing", "vouched": "ctl_missing", "contradicted": "ctl_untrusted",
    "pinned": "ctl_stale", "update": "ctl_stale", "kept": "ctl_not_fetched",
    "not_found": "ctl_not_fetched", "empty": "ctl_not_fetched", "no_answer": "ctl_not_fetched",
    "damaged": "ctl_untrusted", "tampered": "ctl_untrusted", "stranger": "ctl_untrusted",
    "fingerprint_mismatch": "ctl_untrusted", "older": "ctl_untrusted", "stored_damaged": "ctl_damaged",
    "cannot_verify": "ctl_not_verified",
}
STILL_VALID = ("interrupted", "expiring", "key_changed")  # reasons that leave a certificate which opens a provider
NO_DEVICE = "no_device"
SECRET_FILES = (".", "QBEClient.key.pem", "QBEClient.pem")
OWN_CERTIFICATE = "QBEClient.cer"
FORMER = ("previous", "pending")  # folders whose certificates are not in use

SERVICES = ("Cisco CTIManager", "Cisco Certificate Authority Proxy Function", "Cisco Tftp")
ON_PUBLISHER = ("Cisco Certificate Authority Proxy Function",)
CTI_GROUP = "standard cti "

# Codes of the planner's problems that are reported for a user or an instance, not for the cluster.
ANOTHER_USER_THAN_MEANT = ("user_of_other_type", "user_standard")
PROFILE_OF_OTHER_USER = ("profile_of_other_user", "profile_of_other_user_kept")
ABOUT_A_USER = ("device_missing", "group_missing", "user_inactive")
TOLD_AS_MISSING = ("end_user_missing",)  # as user_missing, from the row of the user


# What hosts show


def host_reading(certificates: Iterable[Row] = (), lists: Iterable[Row] = (), probes: Iterable[Row] = (), files: Iterable[Row] = (),
                 addresses: Iterable[str] = (), tsps: Iterable[Row] = (), judged: Iterable[Row] = (),
                 failure: str = "") -> dict[str, Any]:
    """What findings() needs from a host, taken from the results of its modules.

    certificates: of capf_certificate_info; lists: of ctl_file in check mode; probes: of cti_provider_info; each has
    the completed instance in item. files: certificate files {path, checksum}. tsps: instances of a Windows host, and
    judged: the findings about it, both from the role client_windows. failure: why there is nothing more.
    """
    by_id: dict[tuple[str, str], dict[str, Any]] = {}
    fetched = {}
    for row in tsps:
        by_id.setdefault(_key(row["item"]), {})["certificate"] = _certificate_of_tsp(row)
    for result in certificates:
        by_id.setdefault(_key(result["item"]), {})["certificate"] = _certificate_of(result)
    for result in lists:
        by_id.setdefault(_key(result["item"]), {})["trust"] = _trust_of(result)
        ctl = result.get("ctl") or {}
        if ctl.get("records") and result["verdict"] != "kept":
            fetched[result["item"]["cluster"], ctl["sha256_fingerprint"]] = {
                "cluster": result["item"]["cluster"], "timestamp": ctl["timestamp"] or "", "records": ctl["records"],
                "server": result.get("server") or ""}
        for one in result.get("older") or ():
            fetched[result["item"]["cluster"], one["server"]] = {
                "cluster": result["item"]["cluster"], "timestamp": one["timestamp"], "records": [], "server": one["server"]}
    for result in probes:
        by_id.setdefault(_key(result["item"]), {})["probe"] = _probe_of(result)
    return {
        "failure": failure, "addresses": list(addresses), "findings": list(judged),
        "instances": [dict(cluster=key[0], instance_id=key[1], **facts) for key, facts in by_id.items()],
        "files": [{"path": one["path"], "checksum": one["checksum"]} for one in files],
        "fetched": list(fetched.values()),
    }


def _key(row: Row) -> tuple[str, str]:
    return row["cluster"], row["instance_id"]


def _key_of_owner(instance: Row) -> tuple[str, str]:
    return instance["cluster"], instance["user"]


def _message(result: Row) -> str:
    return result.get("msg") or "it failed without a message"


def _certificate_of(result: Row) -> dict[str, Any]:
    if "needs_certificate" not in result:
        return {"failure": _message(result)}
    facts = result.get("certificate") or {}
    return {
        "failure": "", "reason": result["needs_certificate"]["reason"], "explanation": result.get("explanation") or "",
        "expires": facts.get("not_after"), "days_left": result.get("days_left"),
        "issuer": facts.get("issuer") or "", "sha256_fingerprint": facts.get("sha256_fingerprint") or "",
        "common_name": facts.get("common_name") or "", "name": result.get("name") or "",
        "name_matches": result.get("name_matches"), "unconfirmed": bool(result.get("unconfirmed")),
        "wrong_modes": result.get("wrong_modes") or {}, "content": result.get("content") or "",
    }


def _certificate_of_tsp(row: Row) -> dict[str, Any]:
    """Only valid: the findings of the role client_windows report what is wrong with it."""
    return {
        "valid": row["needs_certificate"]["reason"] in ("",) + STILL_VALID,
        "expires": (row["certificate"] or {}).get("not_after"),
    }


def _trust_of(result: Row) -> dict[str, Any]:
    if "ctl" not in result:
        return {"failure": _message(result), "verdict": result.get("verdict") or ""}
    return {
        "failure": "", "verdict": result["verdict"], "files": list(result.get("files") or ()),
        "timestamp": result["ctl"]["timestamp"] or "", "has_capf": result["ctl"]["has_capf"],
        "failures": list(result.get("failures") or ()),
    }


def _probe_of(result: Row) -> dict[str, Any]:
    if "totals" in result:
        return {"failure": "", "compromised": False, "devices": result["totals"].get("devices", 0),
                "remarks": list(result.get("remarks") or ())}
    return {"failure": _message(result), "compromised": bool(result.get("compromised"))}


# Findings


def findings(fleet: Row, clusters: Mapping[str, Row], hosts: Hosts, now: str, soon_days: int = SOON_DAYS, probe: bool = False,
             ris: bool = True, probes_listed: bool = False, running: Mapping[str, str] | None = None) -> Any:
    """Everything that differs, as a dict with findings, instances, clusters, exit_code, hosts and lines.

    fleet: the completed lists. clusters: {name: {info, accounts, connections, failures}}, what cluster_info,
    fleet_accounts with plan_only and cti_connection_info returned (None where they did not), and messages.
    hosts: {name: host_reading(), or None when the host could not be reached} of the play.
    now: ISO 8601 in UTC. soon_days: a certificate that expires within this number of days is a finding. probe: providers were
    to be opened with probe certificates. ris: each instance is expected to be connected. probes_listed: probes are
    checked like instances. running: {cluster: since when a run of this controller has been working on it}.
    """
    look = _Look(fleet, clusters, hosts, moment(now), soon_days, probe, ris, probes_listed, running or {})
    look.run()
    return look.result()


def moment(text: str) -> datetime.datetime:
    """Naive datetime of ISO 8601 text in UTC."""
    return datetime.datetime.strptime(str(text)[:19], "%Y-%m-%dT%H:%M:%S")


def limited(command: str, hosts: Iterable[str]) -> str:
    """The command limited to a few hosts; unlimited for many, because it changes only what differs."""
    hosts = sorted(set(hosts))
    return "%s --limit %s" % (command, word(",".join(hosts))) if 0 < len(hosts) <= 5 else command


def ambiguous(instances: Iterable[Row]) -> set[str]:
    """IDs that instances of several clusters have."""
    owners: dict[str, set[str]] = {}
    for one in instances:
        owners.setdefault(one["instance_id"], set()).add(one["cluster"])
    return set(name for name, clusters in owners.items() if len(clusters) > 1)


def named(instance: Row, ambiguous_ids: Container[str]) -> str:
    """The instance as a person names it in a variable."""
    return "%(cluster)s/%(instance_id)s" % instance if instance["instance_id"] in ambiguous_ids else instance["instance_id"]


def renewing(instance: Row, ambiguous_ids: Container[str]) -> str:
    """The command that gives one instance a new certificate, even if its current one is good."""
    given = json.dumps({"secure_tsp_upgrade_instances": [named(instance, ambiguous_ids)]})
    return limited("%s -e %s" % (UPGRADE, word(given)), [instance["host"]])


def diagnosing(instance: Row, ambiguous_ids: Container[str]) -> str:
    return "%s -e secure_tsp_diagnose_instance=%s" % (DIAGNOSE, word(named(instance, ambiguous_ids)))


def counted(number: int, noun: str) -> str:
    return "%d %s%s" % (number, noun, "" if number == 1 else "s")


class _Look:
    """Goes through clusters, users and instances once, and collects findings."""

    def __init__(self, fleet: Row, clusters: Mapping[str, Row], hosts: Hosts, now: datetime.datetime, soon_days: int, probe: bool,
                 ris: bool, probes_listed: bool, running: Mapping[str, str]) -> None:
        self.running = running
        self.clusters = clusters
        self.hosts = hosts
        self.now = now
        self.soon_days = soon_days
        self.soon = now + datetime.timedelta(days=soon_days)
        self.probe = probe
        self.everywhere = fleet["instances"]
        self.ambiguous = ambiguous(fleet["instances"])
        self.ris = ris
        self.users = [user for user in fleet["users"] if self._here(user["hosts"])]
        self.instances = [
            one for one in fleet["instances"] if one["host"] in hosts and (probes_listed or not one["probe_of"])]
        self.probes = dict(
            ((one["cluster"], one["probe_of"]), one) for one in fleet["instances"] if one["probe_of"])
        self.stores = set((one["host"], one["store"]) for one in [*fleet["instances"], *fleet.get("aside", ())])
        self.listed = set((one["cluster"], one["user"]) for one in fleet["instances"] if one["state"] == "present")
        self.found: list[Finding] = []
        self.read = dict(
            ((host,) + _key(row), row) for host, reading in hosts.items() if reading for row in reading["instances"])
        self.profiles = dict(
            ((name, row["instance_id"]), row) for name, reading in clusters.items() if reading["accounts"]
            for row in reading["accounts"]["instances"])
        self.accounts: dict[str, tuple[dict[str, Row], dict[str, list[Row]]]] = {}
        self.remarks: dict[tuple[str, str], list[str]] = {}  # of instances: not drift, because the list does not say otherwise
        self.with_devices = set((user["cluster"], user["name"]) for user in fleet["users"] if user.get("devices"))
        self.foreign: dict[tuple[str, str], str] = {}
        self.contradicted: dict[tuple[str, str], str] = {}
        self.seen: dict[tuple[str, str], bool] = {}
        self._known: set[str] | None = None

    def _here(self, hosts: Collection[str]) -> bool:
        """A user without instances belongs to every run."""
        return not hosts or any(host in self.hosts for host in hosts)

    def run(self) -> None:
        for name, reading in self.clusters.items():
            self._cluster(name, reading)
        for host, shown in self.hosts.items():
            self._host(host, shown)
        for user in self.users:
            self._user(user)
        for instance in self.instances:
            self._instance(instance)
        self._copies()
        if self.ris:
            self._connections()

    def add(self, code: str, what: str, fix: str, command: str = "", severity: str | None = None, **subject: str) -> None:
        """subject: cluster, host, user and instance_id, as far as they apply."""
        self.found.append(dict(
            {"cluster": "", "host": "", "user": "", "instance_id": ""}, severity=severity or CODES[code][0], code=code,
            what=what, fix=fix, command=command, **subject))

    # Clusters

    def _cluster(self, name: str, reading: Row) -> None:
        if name in self.running:
            self.add("run_beside", "A run of this controller has been working on the cluster since %s. What it has not done yet may be "
                     "reported as drift." % self.running[name], "Check again when it has ended.", cluster=name)
        for failure in reading["failures"]:
            self.add("cluster_not_read", "The cluster could not be read. %s" % capital(failure),
                     "Fix that. Until then, this part of the fleet is not checked.", cluster=name)
        if reading["info"]:
            self._security(name, reading["info"])
            self._services(name, reading["info"])
            self._server_certificates(name, reading["info"])
            self._trust_list_of(name, reading["info"])
            for doubt in reading["info"].get("doubts") or ():
                self.add("cluster_doubt", doubt, "Check it there yourself.", cluster=name)
        if reading["accounts"]:
            for remark in reading["accounts"]["remarks"]:
                self._contradiction(name, remark)

    def _contradiction(self, name: str, remark: Row) -> None:
        """A problem of the planner. If it is about a user or an instance, it is reported only there."""
        code = remark["code"]
        if code in PROFILE_OF_OTHER_USER:
            self.foreign[name, remark["instance_id"]] = "%(owner_type)s user %(owner)s" % remark["data"]
        elif code in ANOTHER_USER_THAN_MEANT:
            self.contradicted[name, remark["user"]] = remark["text"]
        elif code not in TOLD_AS_MISSING:
            self.add("cluster_contradicts", "%s." % capital(remark["text"]), "Correct the lists or the cluster.", cluster=name,
                     user=remark["user"] if code in ABOUT_A_USER else "")

    def _security(self, name: str, info: Row) -> None:
        if info.get("mixed_mode") is False:
            self.add("mixed_mode_off", "The cluster is in non-secure mode, in which secure connections are not possible.",
                     "Set it to mixed mode on the publisher's command line, then restart Cisco CallManager, Cisco CTIManager "
                     "and Cisco Tftp on every node that runs them.", MIXED_MODE, cluster=name)

    def _services(self, name: str, info: Row) -> None:
        rows = info.get("services") or ()
        for service in SERVICES:
            mine = [row for row in rows if row["service"] == service]
            if service in ON_PUBLISHER and info.get("publisher"):
                mine = [row for row in mine if row["node"] == info["publisher"]]
            active = [row for row in mine if row["activated"]]
            if rows and not active:
                place = info.get("publisher") if service in ON_PUBLISHER else None
                self._service_down(name, "%s is not activated on %s." % (service, place or "any node"), service, place)
            for row in active:
                if row["running"] is False:
                    self._service_down(name, "%s is not running on %s (%s)." % (service, row["node"], row["status"]),
                                       service, row["node"])

    def _service_down(self, name: str, what: str, service: str, node: str | None) -> None:
        self.add("service_down", what, "Activate and start it in Cisco Unified Serviceability, or with this task.",
                 "voiceops.secure_tsp.cluster_service: {node: %s, services: [%s], activated: true, state: started}" % (
                     node or "...", service), cluster=name)

    def _server_certificates(self, name: str, info: Row) -> None:
        for row in info.get("certificates") or ():
            expires = moment(row["not_after"])
            place = "The %s certificate of %s" % (row["service"], row["node"])
            fix = ("Regenerate it in Cisco Unified OS Administration in a maintenance window, update the trust list on the "
                   "publisher's command line, then provision the fleet again.")
            if expires <= self.now:
                self.add("server_certificate_expired", "%s expired on %s." % (place, row["not_after"][:10]), fix, UPDATE_CTL,
                         cluster=name)
            elif expires <= self.soon:
                self.add("server_certificate_expiring", "%s expires on %s, in %s." % (
                    place, row["not_after"][:10], counted((expires - self.now).days, "day")), fix, UPDATE_CTL, cluster=name)

    def _trust_list_of(self, name: str, info: Row) -> None:
        """Whether the trust list that hosts fetch contains the certificates that the servers now present, and whether these are usable."""
        fetched = [one for reading in self.hosts.values() for one in (reading or {}).get("fetched") or () if one["cluster"] == name]
        reading = self.clusters[name]
        served = list(reading.get("lists") or ())
        known = set(one["server"] for one in served)
        lists = served + [one for one in fetched if not one.get("server") or one["server"] not in known]
        for one in _server_certificates.findings(_server_certificates.Facts(
                certificates=tuple(info.get("certificates") or ()), services=tuple(info.get("services") or ()), lists=tuple(lists),
                issuer=(info.get("capf") or {}).get("issuer") or "unknown", issuers=reading.get("issuers") or 0,
                legacy=bool(reading.get("legacy")))):
            self.add(one.code, one.what + ".", one.fix, one.command, severity=one.severity, cluster=name)

    # Hosts

    def _host(self, host: str, reading: Row | None) -> None:
        if reading is None:
            self.add("host_unreachable", "The host could not be reached, so nothing on it is checked.",
                     "Fix the connection, or remove the host from the inventory.",
                     "ansible %s -m ansible.builtin.ping" % word(host), host=host)
        elif reading["failure"]:
            self.add("host_not_read", "The host could not be read. %s" % capital(reading["failure"]),
                     "Fix that. Until then, the host is checked only in part.", host=host)
        for row in (reading or {"findings": ()})["findings"]:
            self.add("windows_host", row["what"], row["fix"], severity=row["severity"],
                     **dict((key, row.get(key) or "") for key in ("cluster", "host", "user", "instance_id")))

    # Users

    def _rows_of(self, user: Row) -> tuple[Row | None, Sequence[Row]]:
        """(row of the user, its rows of the plan), or (None, ()) when the cluster was not read."""
        if user["cluster"] not in self.accounts:
            reading = (self.clusters.get(user["cluster"]) or {}).get("accounts")
            by_user: dict[str, list[Row]] = {}
            for row in (reading or {}).get("plan") or ():
                by_user.setdefault(row["user"], []).append(row)
            self.accounts[user["cluster"]] = (
                dict((row["name"], row) for row in (reading or {}).get("users") or ()), by_user)
        rows, plan = self.accounts[user["cluster"]]
        return rows.get(user["name"]), plan.get(user["name"], ())

    def _user(self, user: Row) -> None:
        row, plan = self._rows_of(user)
        if row is None:
            return
        subject = {"cluster": user["cluster"], "user": user["name"]}
        if (user["cluster"], user["name"]) in self.contradicted:
            self.add("cluster_contradicts", "%s." % capital(self.contradicted[user["cluster"], user["name"]]),
                     "Correct the list of users: this is not the intended user.", **subject)
            return
        if user["state"] == "absent":
            if any(step["kind"] == "user" and step["action"] == "remove" for step in plan):
                self.add("user_not_removed", "The user is listed with state: absent but exists.", "Remove it.",
                         DECOMMISSION, **subject)
            return
        if not row["exists"] or row["action"] == "create":
            self._missing_user(user, subject)
            return
        self._devices(user, plan, subject)
        self._groups(user, row, plan, subject)

    def _missing_user(self, user: Row, subject: Subject) -> None:
        if user["type"] == _fleet.END:
            self.add("user_missing", "The end user does not exist.",
                     "End users are never created here: create it in CUCM or in the directory it comes from.", **subject)
        else:
            self.add("user_missing", "The application user does not exist.", "Create it again with its groups and devices.",
                     limited(SITE, user["hosts"]), **subject)

    def _devices(self, user: Row, plan: Iterable[Row], subject: Subject) -> None:
        """Of a user's own settings, only devices can be compared. An interrupted creation shows in its groups, and a password
        that is always set is not a difference."""
        if any(step["kind"] == "user" and step["action"] == "update" and "devices" in step["fields"] for step in plan):
            self.add("user_devices", "Its devices do not match the list (devices_mode %s)." % user["devices_mode"],
                     "Update them, or correct devices in the list.", limited(SITE, user["hosts"]), **subject)

    def _groups(self, user: Row, row: Row, plan: Iterable[Row], subject: Subject) -> None:
        steps = [step for step in plan if step["kind"] == "group"]
        missing = [step["name"] for step in steps if step["action"] == "add_member"]
        gone = [step["name"] for step in steps if step["action"] == "remove_member"]
        before = [name for name in row["groups"] if name not in missing] + gone
        command = limited(SITE, user["hosts"])
        if _fleet.SECURE in missing:
            self.add("user_not_secure", "All its instances hold a certificate, but it is not in %s, so CTI Manager refuses "
                     "them on the secure port." % _fleet.SECURE, "Cut it over.", command, **subject)
        others = [name for name in missing if name != _fleet.SECURE]
        if others:
            self.add("user_groups_missing", "It is not in %s." % ", ".join(others), "Add it.", command,
                     severity=CRITICAL if _fleet.ENABLED in others else None, **subject)
        for step in steps:
            if step["action"] == "none" and step["name"] == _fleet.SECURE:
                waits = step["reason_code"] == "cutover_waits"
                self.add("cutover_waits" if waits else "cutover_by_hand", "It is not on the secure port: %s." % step["reason"],
                         "Nothing to do once these hold a certificate." if waits else "Cut it over at the planned time.",
                         "" if waits else limited(SITE + " -e secure_tsp_cutover=auto", user["hosts"]), **subject)
        self._extra_groups(user, before, gone, command, subject)
        if not _fleet.missing([_fleet.SECURE], before) and (user["cluster"], user["name"]) not in self.listed:
            self.add("user_secure_without_instance", "It is in %s, but none of its instances is listed, so it can open "
                     "neither port." % _fleet.SECURE,
                     "List its instances, or remove it from the group in CUCM, under User Settings, Access Control Group.",
                     **subject)

    def _extra_groups(self, user: Row, before: Collection[str], gone: Iterable[str], command: str, subject: Subject) -> None:
        """CTI groups beyond the list give a client more than it needs, such as the control of all devices."""
        wanted = [_fleet.ENABLED, _fleet.SECURE] + list(user["cti_groups"])
        if user["srtp"] is not False:
            wanted.append(_fleet.SRTP)
        extra = sorted(name for name in _fleet.missing(before, wanted) if _fleet.name_key(name).startswith(CTI_GROUP))
        if extra:
            self.add("user_groups_extra", "It is in CTI groups that the list does not name: %s." % ", ".join(extra),
                     "Add them to cti_groups, or remove it from them in CUCM, under User Settings, Access Control Group.",
                     command if set(extra) <= set(gone) else "", **subject)

    # Instances

    def _instance(self, instance: Row) -> None:
        subject = _subject(instance)
        command = limited(SITE, [instance["host"]])
        profile = self.profiles.get(_key(instance))
        row = self.read.get((instance["host"],) + _key(instance))
        if instance["state"] == "absent":
            self._absent(instance, profile, subject)
            return
        if never_provisioned(row, profile):
            self.add("not_provisioned", "It was never provisioned: there is no CAPF profile, no certificate and no trust list.",
                     "Provision it.", command, **subject)
            return
        if row is not None:
            self._trust(row.get("trust"), subject, command)
        has_certificate = self._certificate(instance, row, subject, command)
        if profile is not None:
            self._profile(instance, profile, has_certificate, subject, command)
        probe = self.probes.get(_key(instance))
        if probe is not None:
            self._probe(instance, probe)

    def _absent(self, instance: Row, profile: Row | None, subject: Subject) -> None:
        if profile is not None and profile["action"] == "remove":
            self.add("profile_not_removed", "It is listed with state: absent but has a CAPF profile.", "Remove it.",
                     limited(DECOMMISSION, [instance["host"]]), **subject)
        reading = self.hosts.get(instance["host"]) or {"files": ()}
        if any(_folder(one["path"]) == instance["store"] for one in reading["files"]):
            self.add("files_not_removed", "It is listed with state: absent but has a certificate on its host.", "Remove it.",
                     limited(DECOMMISSION, [instance["host"]]), **subject)

    def _trust(self, trust: Row | None, subject: Subject, command: str) -> None:
        if trust is None:
            return
        verdict = trust["verdict"]
        code = OF_VERDICT.get(verdict, "ctl_not_fetched" if trust["failure"] else None)
        if code == "ctl_missing":
            self.add(code, "There is no trust list on the host.", "Fetch it.", command, **subject)
        elif code == "ctl_stale":
            self.add(code, "The cluster has a newer trust list%s, signed by a token of the stored one." % (
                " (%s)" % trust["timestamp"] if trust.get("timestamp") else ""), "Fetch it.", command, **subject)
        elif code == "ctl_untrusted":
            self.add(code, "The cluster's trust list is refused. %s" % capital(trust["failure"]),
                     "Compare its checksum with the one that the publisher shows. If it is the cluster's, pin it with ctl_fingerprint "
                     "and provision again. If not, another server is impersonating the cluster.", SHOW_CTL, **subject)
        elif code == "ctl_not_verified":
            self.add(code, "This host cannot verify the trust list. %s" % capital(trust["failure"]),
                     "Allow it in its crypto policy, install a newer cryptography, or pin the cluster's trust list with ctl_fingerprint.",
                     **subject)
        elif code == "ctl_damaged":
            self.add(code, "The stored trust list cannot be used for verification. %s" % capital(trust["failure"]),
                     "Restore the previous one, or pin the cluster's trust list with ctl_fingerprint and provision again.", SHOW_CTL,
                     **subject)
        elif code == "ctl_not_fetched":
            self.add(code, "The trust list could not be fetched, so it is not known whether the stored one is stale. %s" % (
                trust["failure"] or "; ".join(trust["failures"])),
                "Check Cisco Tftp and the path to its UDP port 69.", **subject)
        elif trust["files"]:
            self.add("ctl_files", "Files of the trust list are missing or changed: %s." % ", ".join(trust["files"]),
                     "Write them again.", command, **subject)
        if not trust["failure"] and not trust["has_capf"]:
            self.add("ctl_without_capf", "The trust list names no CAPF server, so no certificate can be renewed.",
                     "Activate CAPF on the publisher, update the trust list there, then provision again.", UPDATE_CTL, **subject)

    def _certificate(self, instance: Row, row: Row | None, subject: Subject, command: str) -> bool | None:
        """Whether the host holds a certificate that opens a provider; None when that is not known."""
        facts = (row or {}).get("certificate")
        if facts is None:
            reading = self.hosts[instance["host"]]
            if reading is not None and not reading["failure"] and not instance["windows"]:
                self.add("not_looked_at", "The TSP keeps its certificate itself, so nothing is known about it.",
                         "Check its dialog.", **subject)
            return None
        if "valid" in facts:
            return bool(facts["valid"])
        if facts["failure"]:
            self.add("instance_not_read", "Its files could not be checked. %s" % capital(facts["failure"]), "Fix that.", **subject)
            return None
        if facts["reason"]:
            code, fix, playbook = OF_REASON[facts["reason"]]
            if playbook == UPGRADE:
                playbook += " -e secure_tsp_renew_before_days=%d" % self.soon_days
            self.add(code, facts["explanation"] or facts["reason"], fix, limited(playbook, [instance["host"]]), **subject)
        self._modes(facts, subject, command)
        if facts["name_matches"] is False:
            self.add("certificate_name", "The certificate names %s, not %s." % (facts["common_name"] or "nobody", facts["name"]),
                     "It is not known what CUCM writes there. Compare the instance_id.", **subject)
        if facts["unconfirmed"]:
            self.add("certificate_unconfirmed", "The certificate was never verified online, so the previous one is kept.",
                     "Verify it.", limited(VERIFYING, [instance["host"]]), **subject)
        return opens_provider(facts)

    def _modes(self, facts: Row, subject: Subject, command: str) -> None:
        wrong = facts["wrong_modes"]
        if wrong:
            open_ = [name for name, mode in wrong.items() if name in SECRET_FILES and int(mode["found"][:4], 8) & 0o077]
            self.add("file_modes", "Modes are wrong: %s." % ", ".join(
                "%s %s instead of %s" % ("the folder" if name == "." else name, mode["found"], mode["wanted"])
                for name, mode in sorted(wrong.items())),
                "Correct them. Others could read the key: consider a new one." if open_ else "Correct them.", command,
                severity=CRITICAL if open_ else None, **subject)

    def _profile(self, instance: Row, row: Row, has_certificate: bool | None, subject: Subject, command: str) -> None:
        profile = row["profile"]
        state = profile["state"]
        renew = renewing(instance, self.ambiguous)
        if _key(instance) in self.foreign:
            self.add("profile_of_other_user", "The CAPF profile of this instance_id belongs to %s." % self.foreign[_key(instance)],
                     "Give the instance a new instance_id, or replace: true in the list.", **subject)
            return
        # The plan creates a missing profile, so its action shows that the profile is missing.
        if not profile["exists"] or row["action"] == "create":
            self.add("profile_missing", "The cluster has no CAPF profile for this instance, so it knows no certificate of "
                     "it.", "Create it again and enrol, because a new profile has no certificate.",
                     renew if has_certificate else command, **subject)
            return
        again = ("The host's certificate is good, so nothing is armed; the next renewal clears it."
                 if has_certificate else "Provision again: it is armed again when the host needs a certificate.")
        if state == "failed":
            self.add("profile_failed", "The last certificate operation failed: %s." % profile["status"], again,
                     "" if has_certificate else command, **subject)
        elif state == "pending" and instance.get("enrolment") == "collection" and not instance.get("string_given") and (
                instance["cluster"] not in self.running):
            self.add("profile_armed_by_nobody", "The profile is armed%s, and no run of this controller holds its authorization string." % (
                " until %s in the cluster's zone" % profile["completion"] if profile["completion"] else ""),
                "Disarm it, unless a run of another controller is under way." if has_certificate else
                "Provision again, or disarm it, unless a run of another controller is under way.",
                limited(DISARM, [instance["host"]]), **subject)
        elif state == "pending":
            self.add("profile_pending", "A certificate operation is pending%s." % (
                ", until %s in the cluster's zone" % profile["completion"] if profile["completion"] else ""),
                "Nothing while a run is under way; otherwise enrol again.", renew if has_certificate else command, **subject)
        elif state in ("perhaps_expired", "expired"):
            self.add("profile_pending_too_long", "A certificate operation is pending, and its deadline, %s, has passed%s." % (
                profile["completion"], "" if state == "expired" else " in some time zones"),
                again, "" if has_certificate else command, **subject)
        elif state == "idle" and has_certificate is not False:
            self.add("profile_without_certificate", "The CAPF profile says that no certificate was issued%s." % (
                ", but the host holds one" if has_certificate else ""),
                "A renewal was interrupted, or the profile was created again. Enrol again." if has_certificate else "Provision again.",
                renew if has_certificate else command, **subject)
        elif state == "other":
            self.add("profile_unknown", "The CAPF profile says '%s', '%s', which is not known here." % (
                profile["operation"], profile["status"]), "Check it in CUCM.", **subject)
        if instance["key"] and profile["key"] != instance["key"]:
            self.add("profile_key", "The CAPF profile requires %s %s, but the list says %s %s." % (
                profile["key"]["type"], profile["key"]["size"], instance["key"]["type"], instance["key"]["size"]),
                "Nothing: it is written when the profile is next armed.", **subject)

    # Probes

    def _probe(self, instance: Row, probe: Row) -> None:
        """What a provider opened with the probe certificate shows; a missing probe certificate is never a failure."""
        subject = _subject(instance)
        row = self.read.get((instance["host"],) + _key(probe))
        if not self.probe or row is None:
            return
        opened = row.get("probe")
        if opened is None:
            facts = row.get("certificate") or {}
            why = facts.get("failure") or ("the list of users has no password for %s" % instance["user"]
                                           if facts and facts["reason"] in ("",) + STILL_VALID else
                                           "there is no valid probe certificate")
            without_password = bool(facts) and not facts.get("failure") and facts["reason"] in ("",) + STILL_VALID
            self.add("not_probed", "Not probed: %s." % why.rstrip("."),
                     "Give the user's password in the list." if without_password else "Enrol probe certificates for the fleet.",
                     "" if without_password else limited(SITE + " -e secure_tsp_probe=true", [instance["host"]]), **subject)
        elif opened["failure"]:
            self.add("probe_failed", "No provider opens with the probe certificate. %s" % capital(opened["failure"]),
                     "Give the probe a new id with secure_tsp_probe_suffix: its certificate is compromised."
                     if opened["compromised"] else "Do what the message says.", **subject)
        else:
            for one in opened.get("remarks") or ():
                if one["code"] != NO_DEVICE or _key_of_owner(instance) in self.with_devices:
                    self.add("provider_" + one["code"], one["text"], one["fix"], **subject)
                else:
                    self.remarks.setdefault(_key(instance), []).append(one["text"])

    # What only shows when hosts are compared

    def _copies(self) -> None:
        places: dict[str, list[Place]] = {}
        for host, reading in self.hosts.items():
            for one in (reading or {}).get("files") or ():
                folder = _folder(one["path"])
                if parted(folder)[1] not in FORMER:
                    places.setdefault(one["checksum"], []).append((host, folder))
        listed = dict(((one["host"], one["store"]), one) for one in self.instances)
        for found in places.values():
            for place in found:
                others = sorted("%s (%s)" % other for other in found if other != place)
                owner = listed.get(place)
                if others and (owner or place == found[0] and not any(other in listed for other in found)):
                    self._copy(place, others, owner)
                elif not others and place not in self.stores and not self._is_probe(place):
                    self.add("certificate_unlisted", "The certificate in %s belongs to no listed instance." % place[1],
                             "List its instance, or remove the folder.", host=place[0])

    def _is_probe(self, place: Place) -> bool:
        parent, name = parted(place[1])
        return name == "probe" and (place[0], parent) in self.stores

    def _copy(self, place: Place, others: Iterable[str], owner: Row | None) -> None:
        self.add("certificate_duplicate", "The same certificate is also on %s. One certificate carries one connection; two "
                 "connections disconnect each other and compromise the certificate." % ", ".join(others),
                 "Give each instance its own instance_id, remove the copy, and provision again.",
                 **(_subject(owner) if owner else {"host": place[0]}))

    # What the clusters see

    def _connections(self) -> None:
        users: dict[tuple[str, str], list[Row]] = {}
        for instance in self.instances:
            if instance["state"] == "present" and not instance["probe_of"] and self._is_asked(instance):
                users.setdefault((instance["cluster"], instance["user"]), []).append(instance)
        for name, reading in self.clusters.items():
            self._limits(name, reading["connections"])
        for (cluster, user), members in users.items():
            self._connections_of(cluster, user, members)

    def _is_asked(self, instance: Row) -> bool:
        """The user is on the secure port, the cluster returned its connections, and the host was reached."""
        connections = (self.clusters.get(instance["cluster"]) or {}).get("connections")
        row, plan = self._rows_of({"cluster": instance["cluster"], "name": instance["user"]})
        secure = row is not None and row["secure"] and not any(
            step["kind"] == "group" and step["name"] == _fleet.SECURE and step["action"] == "add_member" for step in plan)
        return bool(secure and connections and connections["available"] and connections["complete"]
                    and self.hosts[instance["host"]] is not None)

    def _limits(self, name: str, connections: Row | None) -> None:
        if connections and not connections["available"]:
            what = "It could not be checked whether the applications are connected. %s" % capital(connections["reason"])
            self.add("ris_unavailable", what, "Give the AXL user, or a serviceability_username, the right to read RISPort70.", cluster=name)
        elif connections and not connections["complete"]:
            self.add("ris_incomplete", "One user has more connections than fit in one answer of the cluster, so they are not "
                     "checked.", "Spread the instances over more users.", cluster=name)

    def _connections_of(self, cluster: str, user: str, members: Collection[Row]) -> None:
        """Instances of one user behind one address cannot be distinguished, so they are counted, over all hosts that share it."""
        opened = [one for one in self.clusters[cluster]["connections"]["connections"]
                  if one["status"] == "Open" and _fleet.same(one["user"], user)]
        strange = sorted(set(one["address"] for one in opened if one["address"] and one["address"] not in self._known_addresses()))
        for places, group in sharing([(self._places(one), one) for one in self._all_of(cluster, user)], set(one["address"] for one in opened)):
            judged = [one for one in group if one in members]
            seen = sum(1 for one in opened if one["address"] in places)
            if judged and not places:
                self._not_judged(judged, "Its host's address is not known, so its connection cannot be looked up.", user, strange)
            elif judged and seen < len(group):
                self._too_few(judged, group, seen, user, places, strange)
            else:
                self.seen.update((_key(one), True) for one in judged)

    def _all_of(self, cluster: str, user: str) -> list[Row]:
        """Instances of a user, also on hosts outside this run: they may share an address with hosts in it."""
        return [one for one in self.everywhere if one["state"] == "present" and not one["probe_of"]
                and (one["cluster"], one["user"]) == (cluster, user)]

    def _places(self, instance: Row) -> tuple[str, ...]:
        reading = self.hosts.get(instance["host"])
        return addresses_of(instance, reading or {"addresses": ()})

    def _known_addresses(self) -> set[str]:
        if self._known is None:
            self._known = set(address for reading in self.hosts.values() for address in (reading or {"addresses": ()})["addresses"])
            self._known |= set(one["client_address"] for one in self.everywhere if one.get("client_address"))
        return self._known

    def _too_few(self, judged: Collection[Row], group: Collection[Row], seen: int, user: str, places: Iterable[str],
                 strange: Collection[str]) -> None:
        """Fewer connections than instances. If another connection may be theirs, nothing is claimed."""
        what = "CTI Manager sees %s of user %s from %s%s." % (
            counted(seen, "open provider") if seen else "no open provider", user, " or ".join(places),
            "" if len(group) == 1 else " for %s there" % counted(len(group), "instance"))
        if strange:
            self._not_judged(judged, what, user, strange)
        elif seen and len(judged) < len(group):
            self._not_judged(judged, what + " Not all of these are in this run.", user, ())
        else:
            for instance in judged:
                self.seen[_key(instance)] = False
                self.add("provider_not_seen", what, "Start the application on %s. If it is running, find out why: %s" % (
                    instance["host"], diagnosing(instance, self.ambiguous)), **_subject(instance))

    def _not_judged(self, judged: Iterable[Row], what: str, user: str, strange: Collection[str]) -> None:
        for instance in judged:
            if strange:
                places = " and ".join(strange)
                what_ = "%s The cluster sees %s from %s, which no host of this run has, and which may be this instance." % (what, user, places)
                fix = "Give client_address: the cluster sees %s from %s." % (user, places)
            else:
                what_, fix = what, "Give client_address in the list." if not self._places(instance) else "Check without --limit."
            self.add("provider_not_judged", what_, fix, **_subject(instance))

    # Results

    def result(self) -> Any:
        self.found.sort(key=_order)
        by_instance: dict[tuple[str, str, str], list[Finding]] = {}
        by_user: dict[tuple[str, str], list[Finding]] = {}
        for finding in self.found:
            if finding["instance_id"]:
                by_instance.setdefault((finding["cluster"], finding["host"], finding["instance_id"]), []).append(finding)
            elif finding["user"]:
                by_user.setdefault((finding["cluster"], finding["user"]), []).append(finding)
        rows = [
            self._row(one, by_instance.get((one["cluster"], one["host"], one["instance_id"]), []),
                      by_user.get((one["cluster"], one["user"]), []))
            for one in self.instances if one["state"] == "present"]
        return all_printable({
            "findings": self.found, "instances": rows,
            "clusters": [self._cluster_row(name, reading) for name, reading in self.clusters.items()],
            "exit_code": exit_code(self.found), "hosts": self._hosts_with_drift(), "lines": lines(self.found),
        })

    def _row(self, instance: Row, own: list[Finding], of_user: list[Finding]) -> dict[str, Any]:
        facts = (self.read.get((instance["host"],) + _key(instance)) or {}).get("certificate") or {}
        judged = self._judged(instance, facts)
        relevant = own + of_user
        worst = next((finding for finding in relevant if finding["severity"] != INFO), None)
        return {
            "cluster": instance["cluster"], "host": instance["host"], "user": instance["user"],
            "instance_id": instance["instance_id"], "certificate_expires": facts.get("expires"),
            "stages": dict((stage, _state(stage, relevant, judged[stage])) for stage in STAGES),
            "state": ("drift" if worst else "in line") if self.hosts[instance["host"]] is not None else "not reached",
            "message": worst["what"] if worst else "", "remarks": self.remarks.get(_key(instance)) or [],
        }

    def _judged(self, instance: Row, facts: Row) -> dict[str, str]:
        """{stage: its state where nothing was found}."""
        read = self.read.get((instance["host"],) + _key(instance)) or {}
        accounts = "ok" if (self.clusters.get(instance["cluster"]) or {}).get("accounts") else "unknown"
        probe = self.probes.get(_key(instance))
        probed = probe is not None and "probe" in (self.read.get((instance["host"],) + _key(probe)) or {})
        return {
            TRUST: "ok" if read.get("trust") else "skipped" if instance["windows"] else "unknown", ACCOUNTS: accounts, PROFILE: accounts, CUTOVER: accounts,
            CERTIFICATE: "ok" if facts else "unknown",
            VERIFY: "ok" if _key(instance) in self.seen or probed else "skipped",
        }

    def _cluster_row(self, name: str, reading: Row) -> dict[str, Any]:
        info = reading["info"] or {}
        accounts = reading["accounts"] or {}
        mine = [finding for finding in self.found if finding["cluster"] == name and not (
            finding["user"] or finding["instance_id"])]
        return {
            "name": name, "hostname": reading.get("hostname") or "", "release": info.get("release") or accounts.get("release") or "",
            "mixed_mode": info.get("mixed_mode"), "read": not reading["failures"],
            "services": list(info.get("services") or ()),
            "certificates": [dict((key, row[key]) for key in ("node", "service", "subject", "not_after"))
                             for row in info.get("certificates") or ()],
            "problems": [finding["what"] for finding in mine if finding["severity"] != INFO],
        }

    def _hosts_with_drift(self) -> dict[str, str]:
        """{host: sentence} of the hosts that a finding is about; findings about no host are about all."""
        of_cluster: dict[str, set[str]] = {}
        of_user: dict[tuple[str, str], set[str]] = {}
        about: dict[str, list[Finding]] = dict((host, []) for host in self.hosts)
        for instance in self.instances:
            of_cluster.setdefault(instance["cluster"], set()).add(instance["host"])
            of_user.setdefault((instance["cluster"], instance["user"]), set()).add(instance["host"])
        for finding in self.found:
            if finding["severity"] == INFO:
                continue
            hosts = ({finding["host"]} if finding["host"] else
                     of_user.get((finding["cluster"], finding["user"])) or of_cluster.get(finding["cluster"]) or self.hosts)
            for host in hosts:
                about[host].append(finding)
        return dict((host, sentence(found)) for host, found in about.items() if found)


def never_provisioned(row: Row | None, profile: Row | None) -> bool:
    """Whether neither host nor cluster has anything of an instance. row: what its host shows; profile: its row of the plan."""
    trust, facts = (row or {}).get("trust") or {}, (row or {}).get("certificate") or {}
    return bool(profile is not None and (not profile["profile"]["exists"] or profile["action"] == "create")
                and facts.get("reason") == "missing" and OF_VERDICT.get(trust.get("verdict") or "") == "ctl_missing")


def _subject(instance: Row) -> Subject:
    return dict((key, instance[key]) for key in ("cluster", "host", "user", "instance_id"))


def _folder(path: str) -> str:
    return parted(path)[0]


def opens_provider(facts: Row) -> bool | None:
    """Whether the certificate that a host shows opens a provider; None if it could not be checked."""
    if "valid" in facts:
        return bool(facts["valid"])
    return None if facts["failure"] else facts["reason"] in ("",) + STILL_VALID


def sharing(pairs: Iterable[tuple[Collection[str], Row]], linking: set[str]) -> list[tuple[tuple[str, ...], list[Row]]]:
    """[(places, instances)] of [(places, instance)], together where they share one of the linking places, else alone."""
    groups: list[dict[str, Any]] = []
    of_place: dict[str, dict[str, Any]] = {}
    for places, instance in pairs:
        shared = sorted(set(places) & linking)
        group: dict[str, Any] = {"places": set(shared or places), "members": [instance]}
        groups.append(group)
        for place in shared:
            other = of_place.setdefault(place, group)
            if other is not group:
                smaller, group = sorted((other, group), key=lambda one: len(one["members"]))
                group["places"] |= smaller["places"]
                group["members"] += smaller["members"]
                of_place.update((one, group) for one in smaller["places"])
                smaller["members"] = []
        of_place.update((one, group) for one in shared)
    return [(tuple(sorted(group["places"])), group["members"]) for group in groups if group["members"]]


def addresses_of(instance: Row, reading: Row) -> tuple[str, ...]:
    """From where CTI Manager sees an instance connected; reading: what its host shows."""
    given = instance.get("client_address")
    return (given,) if given else tuple(sorted(reading["addresses"]))


def _order(finding: Finding) -> tuple[Any, ...]:
    return (SEVERITIES.index(finding["severity"]), finding["code"], finding["cluster"], finding["host"], finding["user"],
            finding["instance_id"], finding["what"])


def _state(stage: str, findings_: Iterable[Finding], judged: str) -> str:
    severities = [finding["severity"] for finding in findings_ if (
        CODES[finding["code"]][1] == stage or stage in FURTHER_STAGES.get(finding["code"], ()))]
    if CRITICAL in severities:
        return "failed"
    return "drift" if WARNING in severities else judged


def exit_code(found: Collection[Finding]) -> int:
    """CLEAN, DRIFT or UNREACHABLE, which wins. Findings of severity info are not drift."""
    if any(finding["code"] == "host_unreachable" for finding in found):
        return UNREACHABLE
    return DRIFT if any(finding["severity"] != INFO for finding in found) else CLEAN


def sentence(found: Sequence[Finding]) -> str:
    """The number of findings, and the worst one."""
    counts = [(severity, sum(1 for finding in found if finding["severity"] == severity)) for severity in SEVERITIES]
    text = ", ".join("%d %s" % (count, severity) for severity, count in counts if count)
    return "%s. %s: %s" % (text, found[0]["code"], found[0]["what"]) if found else "none"


def place_of(finding: Finding, several: bool = False) -> str:
    """What a finding is about, for people. several: there are several clusters."""
    cluster, host, user, instance_id = (finding[key] for key in ("cluster", "host", "user", "instance_id"))
    of = "%s/" % cluster if several and cluster else ""
    if instance_id:
        return "%s%s on %s" % (of, instance_id, host) if host else of + instance_id
    if user:
        return "user %s%s" % (of, user)
    return "host %s" % host if host else "cluster %s" % cluster if cluster else "the whole fleet"


def lines(found: Collection[Finding]) -> list[str]:
    """The findings for a terminal: subject by subject, the worst first, with their remedies. Subjects with equal findings are grouped."""
    subjects: dict[tuple[str, ...], list[Finding]] = {}
    alike: dict[Any, list[list[Finding]]] = {}
    for finding in found:
        subjects.setdefault(tuple(finding[key] for key in ("cluster", "host", "user", "instance_id")), []).append(finding)
    for mine in subjects.values():  # found is in order, and so are these
        alike.setdefault(tuple((one["severity"], one["code"], one["what"], one["fix"]) for one in mine), []).append(mine)
    several = len(set(one["cluster"] for one in found if one["cluster"])) > 1
    shown, told = [], 0
    for group in alike.values():
        if told + sum(map(len, group)) > LINES and told:
            break
        told += sum(map(len, group))
        places = [place_of(mine[0], several) for mine in group]
        shown.append("%s  %s" % (group[0][0]["severity"].upper(), _screen.places(places)))
        for number, one in enumerate(group[0]):
            less = "" if one["severity"] == group[0][0]["severity"] else "%s: " % one["severity"]
            shown.append("  %s%s [%s]" % (less, one["what"], one["code"]))
            if one["fix"]:
                shown.append("  -> %s" % one["fix"])
            commands = dict.fromkeys(mine[number]["command"] for mine in group)
            if len(commands) > 1:
                commands = dict.fromkeys(LIMIT.sub("", command) for command in commands)
            shown += ["     %s" % command for command in list(commands)[:1] if command]
    if told < len(found):
        shown.append("... and %s" % counted(len(found) - told, "further finding"))
    counts = dict((severity, sum(1 for finding in found if finding["severity"] == severity)) for severity in SEVERITIES)
    shown.append("%(critical)d critical, %(warning)d warning, %(info)d info." % counts if found
                 else "No drift: clusters and hosts are as the lists say.")
    return [printable(line) for line in shown]
