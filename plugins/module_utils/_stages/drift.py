# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The check for drift: read what hosts and clusters show, compare it with the lists, and report it. Nothing is changed.

The diagnosis starts with the same readings.
"""

from __future__ import annotations

import base64
import collections
import os

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import (
    _connections,
    _drift,
    _fleet,
    _instance,
    _outcome,
    _pki,
    _run,
    _summary,
    _survey,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._axl import accounts as axl_accounts
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import SecureTspError, TransportError
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._model import (
    Key,
    account_of_instance,
    account_of_user,
    key_of,
    keys_in,
    owner_of,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._serviceability import serviceability_login
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages import clusters, fleet, windows, windows_reading
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages.hosts import (
    CONTROLLER,
    HOST,
    HostLost,
    answers,
    in_vain,
    lacking,
    listed_here,
    lists_of_controller,
    settings_of,
    surroundings,
)

KIND = "drift"
SURVEYED = ["version", "nodes", "security", "services", "certificates"]


def lists(run):
    """Check the lists. Probes are included if they are to be opened."""
    probe = fleet.safe_option(run, "probe") or fleet.safe_option(run, "drift_probe")
    return dict(fleet.lists(run, bool(probe)), only=None)


# Hosts


def read(run, execute):
    """Read keys, certificates and trust lists of a host. With secure_tsp_drift_probe, also open providers with probes."""
    model, only = run.model(), asked(run)
    if only is not None and not any(key_of(one) in only for one in model.hosts.get(run.host, ())):
        return dict(changed=False, reading=None, rows=[])
    if not run.is_windows(run.host):
        return read_stores(run, execute, model, only)
    tsps, why = windows.tsps_of(model, run.host), ""
    if tsps or listed_here(run, model):
        why = windows.not_looked_at(run)
    if why or not tsps:
        return read_stores(run, execute, model, only) if not why and listed_here(run, model) else dict(
            changed=False, reading=_drift.host_reading(failure=why), rows=[])
    found = windows_reading.read(run, execute)
    if not listed_here(run, model):
        return found
    stores = read_stores(run, execute, model, only)
    return dict(found, rows=found["rows"] + stores["rows"], reading=stores["reading"])


def read_stores(run, execute, model, only):
    """The same for instances that the collection enrols."""
    mine = listed_here(run, model)
    settings = dict(settings_of(run, model, mine), **surroundings(run, model, mine))
    settings.update(ports=[], renew_before_days=run.option("soon_days"))
    if run.option("ctl_from") == "controller":
        settings["lists"] = lists_of_controller(run, model, mine, settings, kept_only=True)
    answer = execute("read", mine, settings, {})
    if not answer.get("failed") and in_vain(run, settings, answer):
        settings["lists"] = lists_of_controller(run, model, mine, settings, kept_only=True)
        if settings["lists"]:
            answer = execute("read", mine, settings, {})
    failure = unread(answer, CONTROLLER if run.is_windows(run.host) else HOST)
    if failure:
        return dict(changed=False, reading=_drift.host_reading(failure=failure), rows=[])
    pairs = list(zip(mine, answer["rows"]))
    rows = [_outcome.updated(_outcome.fresh(one), found["info"], one) for one, found in pairs]
    reading = _drift.host_reading(
        certificates=[dict(found["info"], item=one) for one, found in pairs],
        lists=[dict(found["trust"], item=one) for one, found in pairs if run.option("probe") or not one["probe_of"]],
        probes=probed(run, execute, model, mine, rows, settings) if only is None else (),
        files=answer["files"], addresses=answer["addresses"])
    return dict(changed=False, reading=reading, rows=rows)


def unread(answer, place):
    """Why a host could not be read; empty if it was. place: where the reading is done."""
    if answer.get("failed"):
        return answer.get("msg") or "failed without a message"
    return lacking(answer, place) if answer["missing"] else ""


def probed(run, execute, model, mine, rows, settings):
    """Results of opening a provider with each valid probe certificate whose user has a password."""
    if run.check or not run.option("drift_probe"):
        return []
    valid = set(key_of(row) for row in rows if row["certificate_valid"])
    passwords = run.passwords(model, set(owner_of(one) for one in mine))
    return opened_of(execute, [one for one in mine if one["probe_of"] and key_of(one) in valid and owner_of(one) in passwords],
                     settings, passwords)


def opened_of(execute, instances, settings, passwords):
    """Results of opening a provider in the store of each of these instances."""
    if not instances:
        return []
    answer = execute("open", instances, settings, {"passwords": [passwords[owner_of(one)] for one in instances]})
    return [dict(found, item=one) for one, found in answers(instances, answer)]


def drifted(run, _execute):
    """Fail if there is drift, and retry hosts that could not be reached: exit codes 2 and 4."""
    told = run.needed(_run.FINDINGS, "Compare clusters and hosts")
    before = run.register(_run.READ)
    if before.get("unreachable"):
        raise HostLost(before.get("msg") or "the host cannot be reached")
    message = told["hosts"].get(run.host)
    return dict(failed=bool(message), changed=False, msg=message or "No drift on this host.")


# Clusters


def asked(run):
    """{Key} of the requested instances, None if all are requested."""
    only = run.register(_run.PREFLIGHT).get("only")
    return None if only is None else keys_in(only)


def findings(run):
    """Read each cluster once, evaluate everything, and report it."""
    model = run.model()
    readings, hosts = gathered(run, model, run.vars["ansible_play_hosts_all"], run.option("drift_ris"))
    found = run.with_inventory(judged(run, model, readings, hosts, run.option("drift_probe"), run.option("drift_ris")))
    folder = run.option("report_folder")
    folder = run.path(folder) if folder else ""
    lines = found.pop("lines")
    run.show("", *lines)
    if folder:
        run.show("Report: %s" % os.path.join(folder, fleet.REPORT_PAGE))
    run.show("")
    report = dict((key, found[key]) for key in ("instances", "findings", "clusters", "exit_code"))
    return dict(found, changed=False, msg=lines, ansible_stats=statistic(run, model, found), report=dict(
        report, folder=folder, title=run.option("report_title"), kind=KIND, soon_days=run.option("soon_days")))


def statistic(run, model, found):
    """The custom statistic, in which what is drift counts as failed."""
    drift = [one for one in found["findings"] if one["severity"] != _drift.INFO]
    return _summary.statistic(
        KIND, found["exit_code"], collections.Counter(one["severity"] for one in found["findings"]), run.check,
        failed=[dict((key, one[key]) for key in _summary.SUBJECT) | dict(cause=one["what"], step=one["code"]) for one in drift],
        not_in_this_run=fleet.left_out(fleet.away_of(run, model, [one for one in model.listed() if one["state"] == "present" and not one["probe_of"]])))


def gathered(run, model, names, ris):
    """({cluster: its reading}, {host: its reading, None if it could not be reached})."""
    access = clusters.Access(run.clusters())
    hosts = dict((host, reading_of(run.of_host(host, _run.READ))) for host in names)
    rows = [row for host in names for row in run.of_host(host, _run.READ).get("rows") or ()]
    wanted = set(one["cluster"] for host in names for one in model.hosts.get(host, ())) if asked(run) is not None else set(model.clusters)
    given = run.register(_run.PREFLIGHT)["clusters"]
    readings = {}
    for name in model.clusters:
        if name in wanted:
            served = fleet.lists_served(run, model, name)
            known = (given.get(name) or {}).get("issuers") or []
            readings[name] = read_cluster(access, name, model, rows, run.option("cutover"), ris, run.option("probe"), (
                hosts, known, run.option("soon_days")))
            readings[name].update(lists=served, legacy=run.option("tls_legacy"))
    told = dict((host, run.of_host(host, _run.READ)["tsp"]) for host in names if "tsp" in run.of_host(host, _run.READ))
    certificates = dict((name, (found["info"] or {}).get("certificates")) for name, found in readings.items())
    outside = dict((name, found.pop("outside", ())) for name, found in readings.items())
    releases = dict((name, (found["info"] or {}).get("release") or "") for name, found in readings.items())
    for host in told:  # a clone is detected only by comparing hosts
        instances, judged_, addresses = windows_reading.judged_reading(host, told, certificates, outside, releases)
        found = _drift.host_reading(tsps=instances, judged=judged_, addresses=addresses)
        stores = run.of_host(host, _run.READ).get("reading")  # of Java applications beside the TSPs
        hosts[host] = found if stores is None else dict(stores, findings=found["findings"], addresses=addresses,
                                                        instances=found["instances"] + stores["instances"])
    return readings, hosts


def reading_of(read_):
    if read_.get("unreachable"):
        return None
    return read_.get("reading") or _drift.host_reading(failure=read_.get("refused") or read_.get("msg") or "it was not read.")


def read_cluster(access, name, model, rows, cutover, ris, probes, judging=None):
    """The reading of a cluster, as input for _drift.findings(). A refused request does not stop the others.

    judging: what online_ca() needs to check certificates again with the authorities that the cluster reports, or None.
    """
    found = dict(hostname=model.clusters[name]["hostname"], info=None, accounts=None, connections=None, failures=[])
    try:
        with access.connect(name) as axl:
            for part, step in (("info", survey), ("accounts", compare)):
                try:
                    found[part] = step(axl, access, name, model, rows, cutover, probes)
                    if part == "info":
                        rows, found["outside"] = online_ca(name, found["info"].pop("authorities"), found["info"]["capf"], rows, judging)
                        found["issuers"] = len(found["outside"])
                except TransportError:
                    raise
                except SecureTspError as error:
                    found["failures"].append(str(error))
    except SecureTspError as error:
        found["failures"].append(str(error))
    if ris and found["accounts"]:
        found["connections"] = view(access, name, [user["name"] for user in found["accounts"]["users"] if user["secure"]])
    found["failures"] = list(dict.fromkeys(found["failures"]))
    return found


def survey(axl, access, name, *_others):
    look = _survey.Survey(axl, serviceability_login(access.params(name)), None)
    facts = look.gather(SURVEYED)
    doubts = list(look.doubts)
    try:
        capf = dict(look.gather(["capf"])["capf"])  # the issuer does not matter if nothing is to be enrolled
    except SecureTspError as error:
        capf = dict(parameters={}, issuer=_survey.UNKNOWN_ISSUER)
        doubts.append("CAPF's parameters could not be read: %s" % error)
    certificates = [dict(row, authority=look.own_authority.get(row["sha256_fingerprint"])) for row in facts["certificates"]]
    return dict(facts, doubts=doubts, certificates=certificates, capf=dict(issuer=_survey.issuer_told(capf)),
                authorities=look.authorities)


def online_ca(cluster, authorities, capf, rows, judging):
    """(rows, DER of the known authorities of an online CA). The hosts did not know the authorities that the cluster reports.

    A certificate for which a host reported the wrong issuer is good if one of these authorities issued it.
    """
    hosts, known, soon_days = judging or ({}, [], 0)
    if capf["issuer"] == "online":
        known = known or authorities
    if not known:
        return rows, []
    issuers, cleared = _instance.issuers_of(known), set()
    for host, reading in hosts.items():
        for one in (reading or {"instances": ()})["instances"]:
            facts = one.get("certificate") or {}
            if one["cluster"] == cluster and facts.get("reason") == _instance.WRONG_ISSUER and facts.get("content") and (
                    _pki.issued_by_any(base64.b64decode(facts["content"]), issuers) is not False):
                expiring = facts["days_left"] is not None and facts["days_left"] < soon_days
                facts.update(reason=_instance.EXPIRING if expiring else "", explanation=(
                    "The certificate expires on %s." % facts["expires"] if expiring else ""))
                cleared.add((host, one["instance_id"]))
    return [dict(row, needed=False, reason="", certificate_valid=True) if row["cluster"] == cluster and (
        row["host"], row["instance_id"]) in cleared else row for row in rows], issuers


def compare(axl, _access, name, model, rows, cutover, probes):
    """The plan for all lists, with what the hosts report about their certificates. Nothing is armed or written."""
    instances = [one for one in model.listed(name) if probes or not one["probe_of"]]
    accounts = _outcome.with_outcomes([account_of_instance(one) for one in instances], rows, name)
    for account in accounts:
        account.update(needs_certificate=None, rearm=False, force=False)
    mine = [user for user in model.users if user["cluster"] == name]
    given = dict((Key(name, user["name"]), clusters.GIVEN) for user in mine if user["password_given"])
    wish = _fleet.Wish(users=[account_of_user(user, given) for user in mine], instances=accounts, cutover=cutover)
    result = axl_accounts.carry_out(axl, wish, apply=False, report_problems=True)[0]
    return dict((key, result[key]) for key in ("plan", "users", "instances", "remarks", "release"))


def view(access, cluster, users):
    """What CTI Manager reports about these users. One request for the whole fleet, because the cluster allows 15 per minute."""
    seen = _connections.View()
    if users:
        try:
            seen = access.connections(cluster, dict(users=users, include=[], status="Any", addresses=None))
        except _connections.NOT_AVAILABLE as error:
            return dict(available=False, reason=str(error), complete=True, connections=[])
    return dict(available=not seen.silent, reason=seen.problem * bool(seen.silent), complete=seen.whole, connections=list(seen.connections.values()))


def judged(run, model, readings, hosts, probe, ris):
    beside = run.beside()
    running = dict((name, clusters.iso(clusters.moment(beside[cluster["hostname"]]))) for name, cluster in model.clusters.items()
                   if cluster["hostname"] in beside)
    return _drift.findings(fleet_of(model), readings, hosts, clusters.iso(clusters.now()), run.option("soon_days"), probe, ris,
                           run.option("probe"), running)


def fleet_of(model):
    """The lists, as input for the checks."""
    return {"users": model.users, "instances": model.listed(), "aside": model.aside}


ON_CLUSTERS = {"drift_lists": lists, "findings": findings}
ON_HOSTS = {"read": read, "drifted": drifted}
