# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The stages on the clusters, in the controller's own process. They take and return plain values, and do not depend on Ansible.

They call the classes behind fleet_accounts, cluster_info and cti_connection_info. If a cluster cannot continue, only its own
instances fail. Only preflight refuses a run.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime
import json
import time

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import (
    _connections,
    _ctl,
    _fleet,
    _options,
    _outcome,
    _pki,
    _server_certificates,
    _survey,
    _trust_list,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._axl import accounts as axl_accounts
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._axl.client import Patience
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import SecureTspError
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._foreign import has_template, word
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._model import (
    Key,
    account_of_instance,
    key_of,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._options import options_of
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._serviceability import (
    RealTimeInformation,
    serviceability_login,
)

LOGIN = ("hostname", "port", "username", "password", "validate_certs", "ca_path", "server_fingerprint", "tls_legacy", "axl_version", "timeout",
         "serviceability_username", "serviceability_password")
SURVEYED = ["version", "nodes", "security", "services", "capf", "certificates"]
GIVEN = "given"  # placeholder for a password if only its presence matters
SERVED_TIMEOUT = 2  # seconds that the controller waits for a file server
RIS_PATIENCE = 60  # seconds

CAPF = {"service": "CAPF", "activate": _server_certificates.CAPF, "one_suffices": False}
CTI_MANAGER = {"service": "CTI Manager", "activate": _server_certificates.CTI_MANAGER, "one_suffices": True}


class Access:
    """Access to the clusters. entries: those of the inventory, including passwords. A stage has one time limit for each cluster."""

    def __init__(self, entries):
        self._params = dict((str(name), login_of(entry)) for name, entry in entries.items())
        self._patience = dict((name, Patience()) for name in self._params)

    def params(self, cluster):
        return self._params[cluster]

    def connect(self, cluster, version=None):
        """An AxlClient. version: the AXL version that was negotiated before."""
        params = self._params[cluster]
        return axl_accounts.connect(dict(params, axl_version=params["axl_version"] or version), budget=self._patience[cluster])

    def connections(self, cluster, asked):
        """A _connections.View. asked: parameters of its look()."""
        with RealTimeInformation(
                serviceability_login(self._params[cluster]), patience=RIS_PATIENCE, budget=self._patience[cluster]) as ris:
            return _connections.look(ris, asked)

    def view(self, cluster, users, include=()):
        """What CTI Manager reports about the users: available, reason, open connections, and doubt (why there may be others)."""
        if not users:
            return dict(available=True, connections=[], reason="")
        asked = dict(users=sorted(users), include=list(include), status="Open", addresses=None)
        try:
            seen = self.connections(cluster, asked)
        except SecureTspError as error:
            return dict(available=False, connections=[], reason=str(error))
        return dict(available=True, reason="", doubt=seen.problem, connections=[
            one for one in seen.connections.values() if _connections.wanted(one, asked)])


def login_of(entry):
    found = {}
    for name in LOGIN:
        option, value = _options.CLUSTER[name], entry.get(name)
        found[name] = option.default if value is None else _options.converted(option, value)
    return found


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def iso(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)


# preflight


def survey(access, cluster, model, issuer_parameter, lists=(), issuers=(), legacy=False, soon="", lenient=False):
    """The state of a cluster before anything is changed, as a dict.

    failure: why it cannot serve secure TSPs, or be read; empty if it can. problems: mistakes in the lists that the cluster reveals.
    issuers: PEM of the authorities of an online CA, as set, else from CAPF-trust. lists: what the file servers serve.
    soon: ISO 8601 in UTC; certificates that expire before it are reported. lenient: a trust list without the cluster's certificates
    is only a warning. current: users and profiles as read. certificates: the servers' own, with service and fingerprint. skew: number
    of seconds by which its clock is ahead. issuer, release, axl_version, doubts.
    """
    found = dict(failure="", problems=[], doubts=[], warnings=[], skew=0, issuer="unknown", release="", axl_version=None, current=None,
                 certificates=[], issuers=list(issuers))
    try:
        with access.connect(cluster) as axl:
            look = _survey.Survey(axl, serviceability_login(access.params(cluster)), issuer_parameter or None,
                                  "secure_tsp_capf_issuer_parameter")
            facts = look.gather(SURVEYED)
            found["warnings"] += axl_accounts.login_warnings(axl)
            if axl.session.could_do_without_legacy():
                found["warnings"].append("Its web services do not need tls_legacy. Remove it from the entry of the cluster.")
            certificates = facts.pop("certificates")  # an expired one is only a warning here, because what works keeps working
            found["warnings"] += ["The %s certificate of node %s expired on %s." % (one["service"], one["node"], one["not_after"])
                                  for one in certificates if one["not_after"] < iso(now())]
            found["certificates"] = [dict((key, one[key]) for key in ("service", "sha256_fingerprint")) for one in certificates]
            facts["capf"]["issuer"] = _survey.issuer_told(facts["capf"])
            if facts["capf"]["issuer"] == _server_certificates.ONLINE:
                found["issuers"] = found["issuers"] or look.authorities
            faults = _survey.problems_of(facts, iso(now()))
            stops, told = foretold(server_facts(facts, look, lists, found["issuers"], legacy, certificates), soon, lenient)
            faults += stops
            found["warnings"] += told
            found.update(doubts=look.doubts, issuer=facts["capf"]["issuer"], axl_version=axl.axl_version, failure=" ".join(faults))
            if not faults:
                plan = _planned(axl, cluster, model, facts["capf"]["issuer"])
                found.update(problems=[str(problem) for problem in plan.problems],
                             warnings=found["warnings"] + [str(one) for one in plan.warnings], current=dump(plan.before), release=plan.before.release)
            found["skew"] = axl.clock_skew or 0
    except SecureTspError as error:
        found["failure"] = str(error)
    return found


def server_facts(facts, look, lists, issuers, legacy, certificates):
    """The input of _server_certificates. look: the Survey that gathered the facts."""
    rows = tuple(dict(row, authority=look.own_authority.get(row["sha256_fingerprint"])) for row in certificates)
    return _server_certificates.Facts(
        certificates=rows, services=tuple(facts.get("services") or ()), lists=tuple(lists), legacy=legacy,
        issuer=(facts.get("capf") or {}).get("issuer") or "unknown", issuers=len(issuers))


def foretold(facts, soon, lenient):
    """(what stops the cluster, what is only reported), as sentences."""
    found = _server_certificates.findings(facts) + list(_server_certificates.ending(facts, iso(now()), soon, "which is soon"))
    stops = [one for one in found if one.stops and not (lenient and one.code == "ctl_not_updated")]
    return ["%s. %s" % (one.what, one.fix) for one in stops], ["%s. %s" % (one.what, one.fix) for one in found if (
        one not in stops and one.severity != _server_certificates.INFO)]


def served(entry, file_options):
    """The trust lists of a cluster's file servers, as far as these respond to the controller quickly.

    [{server, timestamp, records, sha256_fingerprint, content}]. entry: of the model. file_options: of ctl_file. If a list cannot be
    fetched, the hosts that need it report that.
    """
    params = options_of(_trust_list.ARGUMENT_SPEC, path="", tftp_servers=entry["tftp_servers"], tftp_port=entry["tftp_port"],
                        capf_host=entry["capf_host"], **dict(file_options, timeout=min(file_options["timeout"], SERVED_TIMEOUT)))
    return [dict(server=server, content=base64.b64encode(trust_list.octets).decode("ascii"), timestamp=_ctl.iso(trust_list.timestamp) or "",
                 sha256_fingerprint=_pki.sha256(trust_list.octets),
                 records=[[record.role_name, _pki.sha256(record.certificate) if record.certificate else ""] for record in trust_list.records])
            for server, trust_list in _trust_list.of_each_server(params)]


def _planned(axl, cluster, model, issuer):
    """The plan for all lists of this inventory. Nothing is written, so only the presence of a password matters."""
    names = model.users_of(cluster, model.hosts)
    given = dict((Key(cluster, user["name"]), GIVEN) for user in model.users if user["password_given"])
    wish = _fleet.Wish(
        users=model.accounts(cluster, names, given), capf_issuer=issuer,
        instances=[account_of_instance(one, GIVEN * one["string_given"]) for one in model.instances(cluster)])
    return axl_accounts.carry_out(axl, wish, apply=False, report_problems=True)[1]


def dump(current):
    """A _fleet.Current as plain values."""
    return {"release": current.release, "devices": current.devices, "groups": current.groups,
            "users": [dataclasses.asdict(user) for user in current.users.values()],
            "profiles": [dataclasses.asdict(profile) for profile in current.profiles.values()]}


def load(plain):
    current = _fleet.Current(release=plain["release"], devices=plain["devices"], groups=plain["groups"])
    for user in plain["users"]:
        current.add_user(_fleet.User(**user))
    for profile in plain["profiles"]:
        current.profiles[profile["user_type"], profile["instance_id"]] = _fleet.Profile(**profile)
    return current


def ports_of(instances):
    """The ports that these instances connect to, each once: service, host, port, cluster, one_suffices, activate."""
    found = []
    for instance in instances:
        here = {"cluster": instance["cluster"]}
        if instance["enrolment"] == "collection":
            found.append(dict(CAPF, host=instance["capf_host"], port=instance["capf_port"], **here))
        found += [dict(CTI_MANAGER, host=host, port=instance["cti_port"], **here) for host in instance["cti_managers"]]
    return [place for number, place in enumerate(found) if place not in found[:number]]


# accounts


@dataclasses.dataclass
class Done:
    """What a stage did on the clusters. failures: {cluster: sentence}; of_user: [cluster, user, sentence]; told: lines to print;
    changes: as returned by changes_of()."""

    changed: bool = False
    diff: list = dataclasses.field(default_factory=list)
    warnings: list = dataclasses.field(default_factory=list)
    failures: dict = dataclasses.field(default_factory=dict)
    of_user: list = dataclasses.field(default_factory=list)
    made: list = dataclasses.field(default_factory=list)
    of_instance: list = dataclasses.field(default_factory=list)
    told: list = dataclasses.field(default_factory=list)
    changes: list = dataclasses.field(default_factory=list)

    def take(self, cluster, result):
        self.changed = self.changed or result["changed"]
        self.changes += changes_of(cluster, result)
        if result["diff"]["before"] != result["diff"]["after"]:
            self.diff.append(result["diff"])


def changes_of(cluster, result):
    """[cluster, kind, name, user, action] of what was changed, or would be. A user's devices count separately."""
    lost = set((one["kind"], one["name"], one["user"]) for one in result["failures"])
    found, given_up = [], set()
    for step in result["plan"]:
        if (step["kind"], step["name"], step["user"]) in lost and step["kind"] != "profile":
            given_up.add(step["user"])  # no further step for this user
        if step["action"] == "none" or step["user"] in given_up or (step["kind"], step["name"], step["user"]) in lost:
            continue
        found.append([cluster, step["kind"], step["name"], step["user"], step["action"]])
        if step["kind"] == "user" and "devices" in step["fields"]:
            found.append([cluster, "devices", step["name"], step["user"], "set"])
    return found


def accounts(access, cluster, model, rows, hosts, passwords, known, check, done):
    """Users, groups and devices of these hosts, and profiles that are not to be armed. Returns {Key} of instances that need a certificate.

    known: the result of survey(). The plan is made from what preflight read. The cluster is read again only if there is something
    to do.
    """
    mine = [one for one in model.instances(cluster, hosts) if one["state"] != "absent"]
    asked = _outcome.with_outcomes([account_of_instance(one) for one in mine], rows, cluster)
    users = model.accounts(cluster, model.users_of(cluster, hosts), passwords)
    owners = set(one["user"] for one in asked)
    profiles = _fleet.Wish(users=[user for user in users if user["name"] in owners], instances=asked, hosts_of_play=list(hosts),
                           stages=("profiles",), capf_issuer=known["issuer"])
    wishes = [_fleet.Wish(users=users, stages=("users",)), profiles]
    step = "The users could not be updated"
    try:
        plans = [_pure(wish, known) for wish in wishes]
        if not any(plan.changes for plan in plans):
            return _needing(cluster, asked)
        if check:
            for wish, plan in zip(wishes, plans):
                done.take(cluster, dict(changed=bool(plan.changes), diff=_fleet.difference(plan), failures=(),
                                        plan=[step.row() for step in plan.steps]))
            done.made += _created(cluster, plans[0], ())
            return _needing(cluster, asked)
        with access.connect(cluster, known["axl_version"]) as axl:
            if plans[0].changes:
                result, plan = axl_accounts.carry_out(axl, wishes[0], tolerant=True)
                done.take(cluster, result)
                lost = set(one["user"] for one in result["failures"])
                done.of_user += [[cluster, one["user"], "User %s could not be updated: %s" % (one["user"], one["msg"])]
                                 for one in result["failures"]]
                asked = [one for one in asked if one["user"] not in lost]
                done.made += _created(cluster, plan, lost)
            step = "The CAPF profiles could not be created"
            idle = set(one.name for one in plans[1].steps if one.kind == "profile" and one.action not in ("none", "arm"))
            idle -= set(plans[1].armed())
            if idle:
                result, _plan = axl_accounts.carry_out(axl, dataclasses.replace(
                    profiles, instances=[one for one in asked if one["instance_id"] in idle]), tolerant=True)
                done.take(cluster, result)
                done.of_instance += [[cluster, one["name"], "Its CAPF profile could not be created: %s" % one["msg"]]
                                     for one in result["failures"]]
    except SecureTspError as error:
        done.failures[cluster] = "%s: %s" % (step, error)
        return set()
    return _needing(cluster, asked)


def _created(cluster, plan, lost):
    return [[cluster, one.name] for one in plan.changes if one.kind == "user" and one.action == "create" and one.name not in lost]


def _pure(wish, known):
    """The plan from what was read before. Objects that do not exist yet may still be created."""
    wish.predicting = True
    plan = _fleet.plan(wish, load(known["current"]), now())
    wish.predicting = False
    axl_accounts.refuse_problems(plan.problems)
    return plan


def _needing(cluster, asked):
    return set(Key(cluster, one["instance_id"]) for one in asked if one.get("needs_certificate", {}).get("needed"))


# enrol


def profiles_of(access, cluster, model, instances, known):
    """{instance ID: profile as the planner shows it}; empty if they cannot be read."""
    # With a request for a new certificate, the planner would show an armed profile instead of the existing one.
    wish = _fleet.Wish(users=model.accounts(cluster, set(one["user"] for one in instances)),
                       instances=[dict(account_of_instance(one), force=False, rearm=False) for one in instances], stages=("profiles",))
    try:
        with access.connect(cluster, known["axl_version"]) as axl:
            result, _plan = axl_accounts.carry_out(axl, wish, apply=False)
    except SecureTspError:
        return {}
    return dict((one["instance_id"], one["profile"]) for one in result["instances"])


class Arming:
    """Armed profiles of instances of one cluster. On exit, profiles that were not used are disarmed.

    strings: {instance ID: string}, generated here or given; they are stored nowhere else. refused: {instance ID: why it could not
    be armed}. rows: the instances' rows, with what their hosts report.
    """

    def __init__(self, access, cluster, model, instances, rows, given, known, hours):
        self.access, self.cluster, self.model, self.instances = access, cluster, model, instances
        self.known, self.hours = known, hours
        asked = [account_of_instance(one, given.get(one["instance_id"])) for one in instances]
        self.asked = _outcome.with_outcomes(asked, rows, cluster)
        self.strings = dict(given)
        self.armed = []
        self.refused = {}
        self.diff, self.changes = [], []

    def arm(self):
        """Raises SecureTspError. Profiles that were armed by then are disarmed, or named in the error's facts."""
        wish = _fleet.Wish(
            users=self.model.accounts(self.cluster, set(one["user"] for one in self.asked)), instances=self.asked,
            hosts_of_play=sorted(set(one["host"] for one in self.asked)), stages=("profiles",), capf_issuer=self.known["issuer"])
        self.armed = [one["instance_id"] for one in self.asked]  # until the response shows which
        with self.access.connect(self.cluster, self.known["axl_version"]) as axl:
            try:
                current = axl_accounts.Reader(axl).read(wish, self._users(wish))
                result, _plan = axl_accounts.carry_out(axl, wish, hours=self.hours, current=current, tolerant=True)
            except SecureTspError as error:
                self.armed = list(error.facts.get("still_armed", ()))
                raise
        self.armed = result["armed"]
        self.refused = dict((one["name"], "Its CAPF profile could not be armed: %s" % one["msg"]) for one in result["failures"])
        self.strings.update(result["strings"])
        self.changes = changes_of(self.cluster, result)
        if result["diff"]["before"] != result["diff"]["after"]:
            self.diff.append(result["diff"])

    def _users(self, wish):
        """The users as preflight read them, unless some did not exist then. This saves three requests for each chunk."""
        if not self.known.get("current"):
            return None
        users = load(self.known["current"]).users
        return users if all(_fleet.user_key(kind, name) in users for kind, name in wish.names()) else None

    def profiles(self):
        """The profiles, to find out why CAPF refused."""
        return profiles_of(self.access, self.cluster, self.model, self.instances, self.known)

    def disarm(self, used):
        """IDs of profiles that were armed, not used, and are now disarmed."""
        unused = [one for one in self.armed if one not in used]
        if unused:
            with self.access.connect(self.cluster, self.known["axl_version"]) as axl:
                axl_accounts.carry_out(axl, _fleet.Wish(
                    instances=[account_of_instance(one) for one in self.instances if one["instance_id"] in unused], stages=("disarm",)))
            self.armed = [one for one in self.armed if one in used]
        return unused


# cutover


@dataclasses.dataclass
class Seen(Done):
    """secure: {Key} of users on the secure port. views: what CTI Manager reports, by cluster."""

    secure: set = dataclasses.field(default_factory=set)
    views: dict = dataclasses.field(default_factory=dict)
    cut: list = dataclasses.field(default_factory=list)
    due: dict = dataclasses.field(default_factory=dict)

    def of_cluster(self, access, cluster, users, secure, waits, look):
        """Record who is on the secure port and, if connections matter, what CTI Manager reports about those users."""
        self.secure |= set(Key(cluster, name) for name in secure)
        view = access.view(cluster, set(users) & set(secure), ["lines"]) if look else dict(available=False, connections=[], reason="")
        self.views[cluster] = dict(view, users_read=True, waits=waits)

    def unread(self, cluster, reason):
        self.views[cluster] = dict(available=False, connections=[], users_read=False, reason=reason)


def cutover(access, cluster, model, rows, hosts, mode, policy, known, check, seen, fresh=True, look=True):
    """Cut over the users that are due, and determine who is on the secure port and what CTI Manager reports about them.

    hosts: those whose own verification counts. fresh: this run changed something, so the cluster is read again. policy: the Policy for
    what may be cut. look: whether connections matter.
    """
    names = model.users_of(cluster, hosts)
    wish = _wish_to_cut(cluster, model, names, rows, hosts, mode, check)
    waits = {}
    try:
        plan = None if fresh or known["current"] is None else _pure(wish, known)
        if plan is None or plan.changes:
            with access.connect(cluster, known["axl_version"]) as axl:
                here = _cut_over(access, axl, cluster, wish, policy, check, seen, waits)
        else:
            _tell_waiting(plan.cutover, seen)
            here = _secure_of(wish, plan)
    except SecureTspError as error:
        seen.failures[cluster] = "The cutover failed: %s" % error
        seen.unread(cluster, str(error))
        return
    seen.of_cluster(access, cluster, names, here, waits, look)


def _wish_to_cut(cluster, model, names, rows, hosts, mode, predict):
    listed = [one for one in model.listed(cluster) if one["state"] != "absent" and one["user"] in names]
    judged = _outcome.with_outcomes([account_of_instance(one) for one in listed], rows, cluster, predict=predict)
    return _fleet.Wish(users=model.accounts(cluster, names), instances=judged, hosts_of_play=list(hosts), stages=("cutover",), cutover=mode)


def _secure_of(wish, plan):
    return [user["name"] for user in _fleet.shown_users(wish, plan) if user["secure"]]


def _tell_waiting(cutovers, seen):
    for one in cutovers:
        if one["waiting_for"] and not one["done"]:
            seen.told.append("The cutover of %s waits for %s." % (one["user"], ", ".join(
                "%s on %s (%s)" % (each["instance_id"], each["host"], each["why"]) for each in one["waiting_for"])))


def _cut_over(access, axl, cluster, wish, policy, check, seen, waits):
    """Names of the users on the secure port afterwards. The reasons why others wait are added to waits."""
    reader = axl_accounts.Reader(axl)
    current = reader.read(wish)
    current = _foreseen(wish, current, cluster, policy)
    wish = _without_missing(wish, current)
    result, plan = axl_accounts.carry_out(axl, wish, apply=False, current=current)
    _tell_waiting(plan.cutover, seen)
    due = [one["user"] for one in plan.cutover if one["due"]]
    if due:
        held = policy.held(access, cluster, due, seen, check)
        waits.update(held)
        seen.due[cluster] = [name for name in due if name not in held]
        if held:
            wish = dataclasses.replace(wish, users=[user for user in wish.users if user["name"] not in held])
            result, plan = axl_accounts.carry_out(axl, wish, apply=False, current=current)
    if plan.changes:
        result, plan = axl_accounts.carry_out(axl, wish, apply=not check, current=current)
        seen.take(cluster, result)
    return [user["name"] for user in result["users"] if user["secure"]]


def _foreseen(wish, current, cluster, policy):
    """The cluster with the users that check mode did not create."""
    users = [user for user in wish.users if Key(cluster, user["name"]) in policy.made
             and current.user(_fleet.type_of(user), user["name"]) is None] if policy.foresees else []
    return _fleet.plan(_fleet.Wish(users=users, stages=("users",)), current, now()).after if users else current


def _without_missing(wish, current):
    """The request without users that do not exist, because their host was not reached or their creation failed. Others continue."""
    there = set((kind, name) for kind, name in wish.names() if current.user(kind, name) is not None)
    return dataclasses.replace(
        wish, users=[user for user in wish.users if (_fleet.type_of(user), user["name"]) in there],
        instances=[one for one in wish.instances if (wish.user_type_of(one), one["user"]) in there])


WAITS = "waiting: application connected from %s%s on port 2748; to cut it, run site with -e %s"
NOT_LISTED = "%s, which is not the address of a listed host, so an instance may be missing from the list"
NOT_ASKED = "waiting: it is not known whether an application is connected on port 2748: %s"


class Policy:
    """What a cutover may cut.

    made: {Key} of users created in this run, who cannot be connected yet. cut: the option cut_connections. addresses: {address:
    host} of listed hosts. stopped: hosts whose application was stopped for the cutover. barred: {Key: why} of users that wait for
    another reason. mode: auto, manual or never. foresees: the run is in check mode, so that the users in made do not exist.
    """

    def __init__(self, made=(), cut=False, addresses=None, mode="auto", stopped=(), barred=None, foresees=False):
        self.made = made
        self.foresees = foresees
        self.all = cut is True
        self.named = set(_options.spelled_address(str(one)).casefold() for one in (() if isinstance(cut, bool) else cut))
        self.addresses = addresses or {}
        self.mode = mode
        self.stopped = set(stopped)
        self.barred = barred or {}

    def held(self, access, cluster, due, seen, check):
        """{user: why it waits} for the users that are due. Connections that are cut are added to seen.cut."""
        existing = [name for name in due if Key(cluster, name) not in self.made]
        view = access.view(cluster, existing)
        if self.mode == "manual":
            seen.told.append("To be cut over to port 2749 by hand: %s. %s" % (", ".join(due), told_ends(view["connections"], view)))
            return {}
        held = dict((name, self.barred[cluster, name]) for name in due if (cluster, name) in self.barred)
        if not view["available"]:
            held.update((name, NOT_ASKED % view["reason"]) for name in existing if name not in held)
        elif view.get("doubt") and not self.all:
            held.update((name, NOT_ASKED % view["doubt"]) for name in existing if name not in held and name.casefold() not in self.named)
        cut, waits, named = [], {}, {}
        for one in view["connections"]:
            user = next((name for name in existing if _fleet.same(name, one["user"])), one["user"])
            place = self.may_end(one, user)
            if place:
                waits.setdefault(user, (place, since(one)))
                named.setdefault(user, {})[self.to_name(one, user)] = None
            else:
                cut.append(dict(cluster=cluster, user=user, address=one["address"], since=one.get("time"), app_id=one["app_id"]))
        for user, (place, when) in waits.items():
            given = json.dumps({"secure_tsp_cut_connections": list(named[user])})
            held.setdefault(user, WAITS % (place, when, word(given)))
        cut = [one for one in cut if one["user"] not in held]
        seen.cut += cut
        going = [name for name in due if name not in held]
        if going:
            seen.told.append("Cutover to port 2749: %s. %s" % (", ".join(going), told_ends(cut, view)))
        seen.told += ["User %s is not cut over, %s." % pair for pair in held.items()]
        return held

    def may_end(self, connection, user):
        """Empty if the connection may be cut, else where it comes from."""
        address = str(connection["address"])
        host = self.addresses.get(address)
        if host is None:
            return "" if address.casefold() in self.named else NOT_LISTED % address
        allowed = self.all or user.casefold() in self.named or address.casefold() in self.named or host in self.stopped
        return "" if allowed else address

    def to_name(self, connection, user):
        """The name with which the connection may be cut. If Ansible would template the user name, it is the address."""
        address = str(connection["address"])
        return address if address not in self.addresses or has_template(user) else user


def since(connection):
    seconds = connection.get("time")
    return " since %s" % iso(moment(seconds)) if seconds else ""


def told_ends(connections, view, port=2748):
    if not view["available"]:
        return "It is not known which connections are cut: %s" % view["reason"]
    ends = ", ".join(one["app_id"] for one in connections)
    return "These connections to port %d are cut: %s." % (port, ends) if ends else "No open connection is cut."


def right_password(access, cluster, user, password, known):
    """Whether AXL accepts an end user's password; None if the request failed. Sends only one request."""
    try:
        with access.connect(cluster, known["axl_version"]) as axl:
            answer = axl.call("doAuthenticateUser", userid=user, password=password)
    except SecureTspError:
        return None
    return bool(answer.get("userAuthenticated"))


# between batches


def services(access, cluster, known):
    """What is wrong with the publisher, CAPF and CTI Manager, as sentences."""
    try:
        with access.connect(cluster, known["axl_version"]) as axl:
            return _services(axl, access, cluster)
    except SecureTspError as error:
        return [str(error)]


def _services(axl, access, cluster):
    facts = _survey.Survey(axl, serviceability_login(access.params(cluster)), None).gather(["services"])
    return _survey.service_problems(facts["services"], facts["publisher"])


def stand(access, cluster, model, names, known, look, seen):
    """The state of a cluster before a batch: returns what is wrong with its services, and adds users on the secure port and views to seen.

    names: names of the users whose certificates are renewed.
    """
    wish = _fleet.Wish(users=model.accounts(cluster, names), stages=("cutover",), cutover="never")
    try:
        with access.connect(cluster, known["axl_version"]) as axl:
            problems = _services(axl, access, cluster)
            result, _plan = axl_accounts.carry_out(axl, wish, apply=False, report_problems=True)
    except SecureTspError as error:
        seen.unread(cluster, str(error))
        return [str(error)]
    secure = [user["name"] for user in result["users"] if user["secure"]]
    seen.of_cluster(access, cluster, secure, secure, {}, look)
    return problems


def uncut(access, cluster, model, names, check, done):
    """Remove users from the secure group. Returns lines that show who leaves, and which connections are cut."""
    wish = _fleet.Wish(users=[dict(user, secure_connection=False) for user in model.accounts(cluster, names)], stages=("cutover",))
    lines = []
    try:
        with access.connect(cluster) as axl:
            current = axl_accounts.Reader(axl).read(wish)
            result, plan = axl_accounts.carry_out(axl, wish, apply=False, current=current)
            leaving = sorted(set(step.user for step in plan.changes))
            view = access.view(cluster, leaving)
            for name in sorted(names):
                lines.append("User %s/%s %s" % (cluster, name, (
                    "would leave the secure port." if check else "left the secure port.") if name in leaving else "is not on the secure port."))
            if leaving:
                lines.append(told_ends(view["connections"], view, 2749))
                result, plan = axl_accounts.carry_out(axl, wish, apply=not check, current=current)
                done.take(cluster, result)
    except SecureTspError as error:
        done.failures[cluster] = "The users of cluster %s could not be moved back from the secure port: %s" % (cluster, error)
    return lines


def disarm(access, cluster, model, instances, check, done):
    """Disarm the armed profiles of these instances, and add their keys to done.of_instance."""
    if not instances:
        return
    try:
        with access.connect(cluster) as axl:
            found = axl_accounts.carry_out(axl, _fleet.Wish(
                users=model.accounts(cluster, set(one["user"] for one in instances)),
                instances=[account_of_instance(one) for one in instances], stages=("profiles",)), apply=False)[0]
            armed = set(one["instance_id"] for one in found["instances"] if one["profile"]["operation"] == _outcome.ARMED)
            if armed:
                wish = _fleet.Wish(instances=[account_of_instance(one) for one in instances if one["instance_id"] in armed], stages=("disarm",))
                done.take(cluster, axl_accounts.carry_out(axl, wish, apply=not check)[0])
                done.of_instance += [[cluster, name] for name in sorted(armed)]
    except SecureTspError as error:
        done.failures[cluster] = "The profiles could not be disarmed: %s" % error


# removal


@dataclasses.dataclass
class Gone(Done):
    """of_instance: {Key: (action, why not)} of the profiles; action is removed, none or kept. users: {Key: sentence} of absent users."""

    of_instance: dict = dataclasses.field(default_factory=dict)
    users: dict = dataclasses.field(default_factory=dict)


REMOVED, WOULD_BE_REMOVED, NO_SUCH_USER = "removed", "would be removed", "there is no such user"
STAYS = "stays, because it has the CAPF profiles %s"


def remove(access, cluster, model, gone, hosts, known, check, done):
    """Remove profiles of absent instances, and users with remove_user. gone: {Key} of instances whose files are gone from their hosts.

    What cannot be removed stays and is reported. It does not prevent other removals.
    """
    users = [user for user in model.users if user["cluster"] == cluster and user["state"] == "absent" and (
        not user["hosts"] or set(user["hosts"]) & set(hosts))]
    instances = [one for one in model.instances(cluster) if one["state"] == "absent" and key_of(one) in gone]
    if not users and not instances:
        return
    names = ("name", "type", "state", "remove_user")
    wish = _fleet.Wish(users=[dict((key, user[key]) for key in names) for user in users],
                       instances=[account_of_instance(one) for one in instances], hosts_of_play=list(hosts), stages=("profiles",))
    try:
        with access.connect(cluster, known.get("axl_version")) as axl:
            current = axl_accounts.Reader(axl).read(wish)
            wish = _removable(wish, current, cluster, model, done)
            result, plan = axl_accounts.carry_out(axl, wish, apply=not check, current=current)
        done.take(cluster, result)
        done.warnings += [str(one) for one in plan.warnings]
    except SecureTspError as error:
        done.failures[cluster] = "Profiles and users could not be removed: %s" % error
        return
    actions = dict((one["instance_id"], one["action"]) for one in result["instances"])
    for one in wish.instances:
        done.of_instance[Key(cluster, one["instance_id"])] = ("removed" if actions[one["instance_id"]] == "remove" else "none", "")
    for user in wish.users:
        there = current.user(_fleet.type_of(user), user["name"]) is not None
        if user["remove_user"]:
            done.users[Key(cluster, user["name"])] = (WOULD_BE_REMOVED if check else REMOVED) if there else NO_SUCH_USER
        else:
            done.users[Key(cluster, user["name"])] = "stays, because remove_user is not set" if there else NO_SUCH_USER
    done.warnings += list(_without_port(cluster, model, plan.after, wish, done))


def _removable(wish, current, cluster, model, done):
    """The request without profiles that belong to others, and without users whose profiles stay."""
    instances, users, wrong = [], [], []
    for one in wish.instances:
        owner = _fleet.user_key(wish.user_type_of(one), one["user"])
        found = [current.profiles.get((kind, one["instance_id"])) for kind in (_fleet.APPLICATION, _fleet.END)]
        others = [each for each in found if each is not None and _fleet.user_key(each.user_type, each.user) != owner]
        if others:
            why = "%s." % _fleet.of_instance(
                "profile_of_other_user_kept", one, owner=others[0].user, owner_type=others[0].user_type)
            done.of_instance[Key(cluster, one["instance_id"])] = ("kept", why)
            wrong.append("The %s" % why)
        else:
            instances.append(one)
    going = set(one["instance_id"] for one in instances)
    absent = set(one["instance_id"] for one in model.listed(cluster) if one["state"] == "absent")
    for user in wish.users:
        left = set(profile.instance_id for profile in current.profiles_of(_fleet.type_of(user), user["name"])) - going
        if not (user["remove_user"] and left):
            users.append(user)
            continue
        done.users[Key(cluster, user["name"])] = STAYS % ", ".join(sorted(left))
        if left - absent:
            wrong.append("User %s %s. Not listed with state: absent: %s." % (
                user["name"], STAYS % ", ".join(sorted(left)), ", ".join(sorted(left - absent))))
    if wrong:
        done.failures[cluster] = " ".join(wrong)
    return dataclasses.replace(wish, users=users, instances=instances)


def _without_port(cluster, model, after, wish, done):
    """Report users that lost their last listed instance and can no longer connect to either port."""
    losers = dict.fromkeys((wish.user_type_of(one), one["user"]) for one in wish.instances)
    for kind, name in losers:
        left = [one for one in model.listed(cluster) if one["user"] == name and one["state"] == "present"]
        known = after.user(kind, name)
        if known is not None and not left and not _fleet.missing([_fleet.SECURE], known.groups):
            sentence = "Cluster %s: %s. Remove it from the group, or remove the user." % (cluster, _fleet.Remark(
                "secure_without_instance", name, kind, data={"group": _fleet.SECURE}))
            done.told.append(sentence)
            yield sentence


def clock():
    return time.time()


def pause(seconds):
    time.sleep(seconds)
