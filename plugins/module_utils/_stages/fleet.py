# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The stages of the action tsp_cluster: each takes a Run and returns what the task registers.

Only preflight may refuse a run. Anything that goes wrong later is recorded for the instances that it affects, so that the summary
is always printed.
"""

from __future__ import annotations

import json
import os

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import (
    _fleet,
    _instance,
    _options,
    _outcome,
    _run,
    _store,
    _summary,
    _verification,
    _window,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import InputError
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._foreign import parted, word
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._model import (
    Key,
    complete,
    did_you_mean,
    key_of,
    keys_in,
    mistake,
    owner_of,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._run import Refused, refuse_lists
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages import clusters, jtapi, windows, windows_secure, windows_sheet

TRUTH = _options.Option("bool", False, ())
STRAIGHT, CAREFUL, WITH_TSPS = "straight.yml", "careful.yml", "windows_secure.yml"
HANDLERS = ("stop", "start")
SECRET_OPTIONS = [name for name, option in _options.OPTIONS.items() if option.secret]
MOST_OF_A_FILE = 1 << 20  # bytes of a file with certificates
NOT_IN_THIS_RUN = "not in this run"
SITE, VERIFY = "site", "verify"
REPORT_PAGE = "report.html"
CHANGING = (_run.ACCOUNTS, _run.ENROLLED, _run.HANDED, _run.RENEWED, _run.CUTOVER, _run.GONE, _run.UNCUT)  # registers with changes
# Names of the stages, by register, as shown to people.
STEPS = {_run.LOOKED: "look", _run.PLANNED: "plan", _run.ENROLLED: "enrol", _run.HANDED: "hand over", _run.FETCHED: "fetch", _run.TICKED: "tick",
         _run.SETTLED: "settle", _run.RENEWED: "renew", _run.PROVED: "prove", _run.RESTORED: "restore", _run.REMOVED: "remove",
         _run.GONE: "remove", _run.GAVE_UP: "handler"}
WRONG_PASSWORD = "waiting: the cluster refuses the password of user %s in the list; correct it (nothing was changed)"


# preflight


def preflight(run):
    """Check lists, window and clusters. Refuses with everything that is wrong, before anything is changed.

    Between batches, nothing may refuse the run, so that the summary is printed. Instead, the batch is not started, and each of its
    hosts reports why.
    """
    begun = run.begun()
    if not begun:
        return checked(run)
    try:
        stopped = failure_limit(run)
        found = dict(run.of_host(begun[0], _run.PREFLIGHT)) if stopped else checked(run)
    except Refused as error:
        found, stopped = dict(run.of_host(begun[0], _run.PREFLIGHT)), str(error)
    return dict(found, stopped=stopped, warnings=[stopped] if stopped else found["warnings"])


def failure_limit(run):
    """Why no further batch starts; empty as long as no more instances failed than allowed."""
    most = run.option("max_failures")
    failed = sum(1 for row in run.rows() if row["failed"])
    failed += sum(len(run.model_of_begun().hosts.get(host, ())) for host in run.begun() if run.refusal(host))
    return "" if most < 0 or failed <= most else (
        "%d instance%s failed and at most %d may fail (secure_tsp_max_failures), so no further batch starts." % (
            failed, "" if failed == 1 else "s", most))


def checked(run, naming=()):
    """naming: options that name instances."""
    found = look_at_lists(run, naming, works=True)
    model, entries = found.pop("known"), run.clusters()
    refuse_lists(windows.skipped(run, model))
    found["flow"] = CAREFUL if found["handlers"] else STRAIGHT
    window = open_window(run)
    access = clusters.Access(entries)
    issuers = issuers_of(run, model)
    surveys = dict((name, surveyed(run, access, model, name, issuers[name], window)) for name in model.clusters)
    refuse_problems(model, surveys)
    refuse_clusters(model, surveys)
    for name, survey in surveys.items():
        for remark in survey.pop("doubts") + survey.pop("warnings"):
            if not any(known.endswith(remark) for known in found["warnings"]):  # the lists were checked before
                found["warnings"].append("Cluster %s: %s" % (name, remark))
        if survey["failure"]:
            found["warnings"].append("Cluster %s is left out of this run: %s" % (name, survey["failure"]))
    if run.option("cutover") == "auto" and any(may_be_cut(model, name, survey) for name, survey in surveys.items()):
        found["flow"] = CAREFUL
    found["tsps"] = bool(windows.hosts_of(run, model))
    if found["tsps"]:
        found["flow"] = WITH_TSPS  # which includes the careful flow
    run.announce([cluster["hostname"] for cluster in model.clusters.values()])
    return dict(found, clusters=surveys, window=window, stopped="", kind=SITE)


def surveyed(run, access, model, name, issuers, window):
    """The survey of a cluster, with the trust lists that its file servers serve."""
    until = max(clusters.clock() + 86400 * run.option("soon_days"), window["ends"] or 0)
    served = lists_served(run, model, name)
    found = clusters.survey(
        access, name, model, run.option("capf_issuer_parameter"), served, issuers, run.option("tls_legacy"),
        clusters.iso(clusters.moment(until)), run.option("ctl_on_contradiction") == "warn")
    # A controller that fetches for its hosts need not fetch twice.
    return dict(found, lists=[one["content"] for one in served] if run.option("ctl_from") == "controller" else [])


def lists_served(run, model, name):
    """The lists that the controller can fetch; none if only hosts may fetch them."""
    if run.option("ctl_from") == "host":
        return []
    return clusters.served(model.clusters[name], dict((key, run.option("ctl_" + key)) for key in ("http", "http_port", "timeout")))


def issuers_of(run, model):
    """{cluster: PEM of the authorities in the files that its entry names}. Refuses a file without any."""
    found, mistakes = {}, []
    for name, entry in model.clusters.items():
        found[name] = []
        for path in entry["issuers"]:
            try:
                with open(run.path(path), encoding="ascii", errors="replace") as stream:
                    found[name].append(stream.read(MOST_OF_A_FILE))
                _instance.issuers_of(found[name][-1:])
            except OSError as error:
                mistakes.append("cluster %s: issuers: %s cannot be read on the controller: %s" % (name, path, error.strerror))
            except InputError:
                mistakes.append("cluster %s: issuers: %s has no certificate in PEM format" % (name, path))
    refuse_lists(mistakes)
    return found


def may_be_cut(model, cluster, survey):
    """Whether this run could move an existing user, whose applications may be running, to the secure port."""
    if not survey["current"]:
        return False
    current = clusters.load(survey["current"])
    for user in model.users:
        known = current.user(user["type"], user["name"]) if user["cluster"] == cluster and user["state"] != "absent" and user["hosts"] else None
        if known is not None and _fleet.missing([_fleet.SECURE], known.groups):
            return True
    return False


def look_at_lists(run, naming=(), probe=None, works=False):
    """Only options and lists, for stages that must not contact a cluster first: model, warnings, flow and throttle.

    naming: options that name instances; named contains the keys, by option. probe: whether instances have probes, if
    secure_tsp_probe does not decide. works: whether something is done on hosts, which requires a complete controller.
    """
    run_once_is_possible(run)
    mistakes = run.mistakes()
    model, wrong, unusual = complete(
        run.listed("clusters"), run.listed("users"), run.listed("instances"), inventory=run.inventory(),
        group=run.vars["groups"].get("secure_tsp"), is_windows=run.is_windows, probe=safe_option(run, "probe") if probe is None else probe,
        probe_suffix=safe_option(run, "probe_suffix"),
        secrets=[(_run.PREFIX + name, safe_option(run, name)) for name in SECRET_OPTIONS if safe_option(run, name)])
    model, unknown = model.only(safe_option(run, "only_clusters"))
    wrong += unknown
    named = {}
    for option in naming:
        keys, unknown = model.named(safe_option(run, option) or (), _run.PREFIX + option)
        named[option] = sorted(map(list, keys))
        wrong += unknown
    mistakes += list(dict.fromkeys(str(one) for one in wrong)) + windows.mistakes(run, model)
    mistakes += windows.lacking(run, windows.managed_hosts(run, model)) + jtapi.mistakes(run, model) if works else []
    mistakes += cut_mistakes(run, model)
    handlers = handlers_of(run, mistakes)
    refuse_lists(mistakes)
    return dict(known=model, model=model.plain(), warnings=[str(one) for one in unusual], places=places_of(model), named=named,
                handlers=handlers, verify_flow="verify_%s" % (CAREFUL if handlers else STRAIGHT),
                one_batch=len(run.batch()) == len(run.vars["ansible_play_hosts_all"]), enrol_throttle=run.option("enrol_throttle"))


def cut_mistakes(run, model):
    """Mistakes in the option cut_connections. Otherwise, an unknown name would be ignored without any message."""
    value, where = safe_option(run, "cut_connections"), _run.PREFIX + "cut_connections"
    if not isinstance(value, (list, tuple)):
        try:
            _options.converted(TRUTH, value if value != "" else False)
            return []
        except ValueError:
            return ["%s is neither true nor false nor a list; on the command line: -e %s" % (where, word(json.dumps({where: [str(value)]})))]
    users = [user["name"] for user in model.users]
    unknown = [str(one) for one in value if not is_address(str(one)) and not any(_fleet.same(str(one), name) for name in users)]
    return [str(mistake("unknown_user", where, name=name, hint=did_you_mean(name, users))) for name in unknown]


def is_address(text):
    try:
        return bool(_options.address_of(text))
    except ValueError:
        return False


def lists(run, probe=None):
    """Check only the lists, for runs that change nothing. These report later what a cluster cannot do."""
    found = look_at_lists(run, probe=probe)
    unread, model = dict(failure="", skew=0, issuer="unknown", axl_version=None, current=None), found.pop("known")
    issuers = issuers_of(run, model)
    return dict(found, clusters=dict((name, dict(unread, issuers=issuers[name])) for name in model.clusters), window=None, stopped="", kind=VERIFY)


def handlers_of(run, mistakes):
    """{host: {stop, start: absolute path}} of the hosts with handlers. A relative path is relative to where the run was started."""
    found = {}
    for host in run.vars["ansible_play_hosts_all"]:
        for name in HANDLERS:
            given = run.value_of_host(host, name + "_handler")
            if not given:
                continue
            path = run.path(str(given))
            if not os.path.isfile(path):
                wrong = "secure_tsp_%s_handler: there is no file %s" % (name, path)
                if wrong not in mistakes:
                    mistakes.append(wrong)
            found.setdefault(host, {})[name] = path
    return found


def handlers_on(run, chosen, name):
    """{host: task file} for the chosen hosts that have this handler."""
    known = run.register(_run.PREFLIGHT)["handlers"]
    return dict((host, known[host][name]) for host in chosen if name in known.get(host, ()))


def safe_option(run, name):
    """An option whose mistake is reported together with all others."""
    try:
        return run.option(name)
    except Refused:
        return ""


def run_once_is_possible(run):
    """Check the strategy. Other strategies run a run_once task on every host."""
    if len(run.vars.get("ansible_play_batch") or ()) == 0:
        raise Refused("There is no host in this play. Instances can be only on hosts of the inventory's group secure_tsp.")


def places_of(model):
    """Folders in which to look for keys on every host. {host} is not replaced if the store of an instance contains it."""
    found = dict.fromkeys([_store.USUAL_PLACE])
    for one in model.listed():
        if not one["probe_of"]:
            found[parted(one["store_of_host"])[0] or "/"] = None
    return list(found)


def window_of(run):
    try:
        return _window.maintenance_window(run.option("window"), clusters.clock())
    except InputError as error:
        raise Refused("secure_tsp_window: %s Nothing was changed." % error) from None


def open_window(run):
    """The maintenance window. Refuses outside of it."""
    window = window_of(run)
    if not (window["open"] or run.option("ignore_window") or run.check):
        raise Refused("%s Wait until it opens, or set secure_tsp_ignore_window. Nothing was changed." % window["text"])
    return window


def refuse_problems(model, surveys):
    """Refuse all mistakes in the lists that the clusters reveal, in one message."""
    problems = []
    for name, survey in surveys.items():
        where = "cluster %s: " % name if model.several else ""
        problems += [where + problem for problem in survey.pop("problems")]
    refuse_lists(problems)


def refuse_clusters(model, surveys):
    """Refuse only if no cluster can continue. Otherwise only the instances of the failed clusters fail."""
    failures = dict((name, survey["failure"]) for name, survey in surveys.items() if survey["failure"])
    if failures and len(failures) == len(surveys):
        raise Refused(" ".join("Cluster %s: nothing was changed. %s" % pair for pair in failures.items()))


def usable(run):
    """{name: survey} of the clusters that can continue after the stage accounts."""
    surveys = run.needed(_run.PREFLIGHT, "Check lists, window and clusters")["clusters"]
    failed = run.register(_run.ACCOUNTS).get("failures") or {}
    return dict((name, survey) for name, survey in surveys.items() if not survey["failure"] and name not in failed)


# accounts


def accounts(run):
    """Manage users, groups, devices and idle profiles, and determine which instances to enrol."""
    model, done, due = run.model(), clusters.Done(), set()
    access = clusters.Access(run.clusters())
    hosts = run.fit()
    held = held_elsewhere(run, model)
    rows = [row for row in run.rows(hosts) if key_of(row) not in held]
    for name, survey in run.register(_run.PREFLIGHT)["clusters"].items():
        if survey["failure"]:
            done.failures[name] = survey["failure"]
            continue
        writable = set(Key(user["cluster"], user["name"]) for user in model.users if user["cluster"] == name)
        due |= clusters.accounts(access, name, model, rows, hosts, run.passwords(model, writable), survey, run.check, done)
    if due and not run.check:
        foresee(run, model, due)
    return dict(
        changed=done.changed, diff=done.diff, warnings=["Cluster %s: %s" % pair for pair in done.failures.items()],
        failures=done.failures, of_user=done.of_user, due=sorted(map(list, due)), made=done.made, changes=done.changes,
        held=[[*key, message] for key, message in held.items()] + done.of_instance)


def foresee(run, model, due):
    """Announce the coming work to the progress display."""
    size, window = run.option("batch_instances"), window_of(run)
    for cluster in sorted(set(key.cluster for key in due)):
        counts = [sum(1 for one in mine if key_of(one) in due and one["cluster"] == cluster) for mine in model.hosts.values()]
        run.journal().add("planned", cluster, total=sum(counts), batches=sum(-(-count // size) for count in counts),
                          closes=window["ends"], timezone=window["timezone"])


def held_elsewhere(run, model):
    """{Key: sentence} of instances whose key is on a different host than listed."""
    listed = {}
    templates = {}
    for one in model.listed() + model.aside:
        if one["state"] == "present" and not one["probe_of"]:
            listed.setdefault(one["instance_id"], []).append(one)
            templates.setdefault(one["store_of_host"], []).append(one)
    with_host = [template for template in templates if "{host}" in template]
    held = {}
    for host in run.vars["ansible_play_hosts_all"]:
        mine = dict((template.replace("{host}", host), templates[template]) for template in with_host)
        for path in run.of_host(host, _run.LOOKED).get("keys") or ():
            folder = parted(path)[0]
            owners = mine.get(folder) or templates.get(folder) or listed.get(parted(folder)[1], ())
            if any(one["host"] == host for one in owners):
                continue
            for one in owners:
                held[key_of(one)] = (
                    "Instance %s is listed for host %s, but host %s still holds its key (%s). Decommission it there, or set a new "
                    "instance_id." % (one["instance_id"], one["host"], host, path))
    return held


# cutover


def cutover(run):
    """Cut over the users that are due, read what CTI Manager reports, and choose how to verify each instance."""
    model, seen = run.model(), clusters.Seen()
    rows, hosts = run.rows(), run.batch()
    access, fresh = clusters.Access(run.clusters()), changed_something(run, rows)
    policy = policy_of(run, model, _run.TICKED)
    before = run.register(_run.DUE).get("failures") or {}
    for name, survey in usable(run).items():
        if name in before:  # no password was checked there, and no application was stopped
            seen.failures[name] = before[name]
            continue
        clusters.cutover(access, name, model, rows, hosts, run.option("cutover"), policy, survey, run.check, seen, fresh, looks_at_connections(run))
    gone = clusters.Gone()
    removed = set(Key(*pair) for host in run.batch() for pair in run.of_host(host, _run.ENROLLED).get("removed") or ())
    for name, survey in usable(run).items():
        clusters.remove(access, name, model, removed, run.fit(), survey, run.check, gone)
    run.show(*seen.told)
    warnings = ["%s: the connection of user %s from %s%s on port 2748 %s by this run." % (
        one["cluster"], one["user"], one["address"], clusters.since(dict(time=one["since"])), "would be cut" if run.check else "was cut")
        for one in seen.cut]
    return dict(
        cut=seen.cut, changed=seen.changed or gone.changed, diff=seen.diff + gone.diff, failures=dict(seen.failures, **gone.failures),
        warnings=warnings + gone.warnings + list(seen.failures.values()) + list(gone.failures.values()), plan=plan_of(run, model, seen, rows),
        told=seen.told, changes=seen.changes + gone.changes, secure=sorted(map(list, seen.secure)))


def changed_something(run, rows):
    """Whether this run changed something, or would, so that what preflight read from the clusters is out of date."""
    return bool(run.register(_run.ACCOUNTS).get("changed")) or any(row["changed"] for row in rows) or run.check


def looks_at_connections(run):
    """Whether the connections that CTI Manager reports matter for the verification."""
    return run.option("verify_with") in ("auto", "application", "ris")


def policy_of(run, model, ticked=_run.LOOKED):
    """What the cutover of this run may cut, given what was listed, stopped and checked. ticked: the register that shows which TSPs are
    configured to use the secure port, or can be."""
    made = set(Key(*pair) for host in run.vars["ansible_play_hosts_all"]
               for pair in run.of_host(host, _run.ACCOUNTS).get("made") or ())
    barred = windows_secure.not_ticked(run, model, ticked)
    barred.update((Key(*pair), why) for *pair, why in run.register(_run.DUE).get("barred") or ())
    for host in run.batch():
        for cluster, user, why in run.of_host(host, _run.LOGGED_IN).get("wrong") or ():
            barred[Key(cluster, user)] = why
    stop = set(run.register(_run.DUE).get("stop") or ())
    for host in stop:
        if not run.of_host(host, _run.STOPPED).get("stopped"):
            for one in model.hosts.get(host, ()):
                barred[owner_of(one)] = "waiting: the application on %s could not be stopped" % host
    for host in run.batch():
        if run.of_host(host, _run.GAVE_UP).get("rows"):
            # Something that its application needs, or a handler, failed, so it could not connect to the secure port.
            for one in model.hosts.get(host, ()):
                barred.setdefault(owner_of(one), "waiting: the application on %s is not ready for it" % host)
    return clusters.Policy(made, cut_option(run), addresses_of(run, model), run.option("cutover"),
                           stopped=stop | windows_secure.to_restart(run), barred=barred, foresees=run.check)


def cut_option(run):
    value = run.option("cut_connections")
    if isinstance(value, (bool, list)):
        return value
    return _options.converted(TRUTH, value)


def addresses_of(run, model):
    """{address: listed host}."""
    found = {}
    for host, mine in model.hosts.items():
        for one in mine:
            if one["client_address"]:
                found[one["client_address"]] = host
    for host, addresses in run.addresses().items():
        for address in addresses:
            found.setdefault(address, host)
    return found


def due(run):
    """Determine who is due for the cutover, whose password to check before, and which applications stop for it."""
    model, seen, rows = run.model(), clusters.Seen(), run.rows()
    access, barred, logins = clusters.Access(run.clusters()), [], {}
    policy, going = policy_of(run, model), set()
    policy.stopped |= set(host for host, paths in run.register(_run.PREFLIGHT)["handlers"].items() if "stop" in paths)
    fresh = changed_something(run, rows)
    for name, survey in usable(run).items():
        before = len(seen.cut)
        clusters.cutover(access, name, model, rows, run.batch(), run.option("cutover"), policy, survey, True, seen, fresh)
        users = set(user for user in seen.due.get(name, ()))
        going |= set(Key(name, user) for user in users)
        barred += prove_passwords(run, access, model, name, survey, users, seen.cut[before:], logins)
    concerned = set(host for host, plan in plan_of(run, model, seen, rows).items() if any(row["way"] == "application" for row in plan))
    concerned |= set(one["host"] for one in model.instances(hosts=run.batch()) if owner_of(one) in going - set(
        Key(cluster, user) for cluster, user, _why in barred))
    paths = dict((name, handlers_on(run, concerned, name)) for name in HANDLERS)
    return dict(changed=False, barred=barred, logins=logins, warnings=list(seen.failures.values()),
                going=sorted(map(list, going)) if run.option("cutover") == "auto" else [],
                secure=sorted(map(list, seen.secure - going)), **paths)


def prove_passwords(run, access, model, cluster, survey, users, cut, logins):
    """[cluster, user, why] of users with a wrong password in the list, as far as this can be checked without exposing a password.

    End users are checked by AXL. Application users that are already connected on port 2748 are checked by a provider from the same
    host, which sends what the application itself sends there: logins gets {host: [[cluster, user]]}. Others are not checked before.
    """
    wrong = []
    if run.check:
        return wrong
    known = dict((user["name"], user) for user in model.users if user["cluster"] == cluster and user["password_given"])
    by_user = dict((one["user"], one["address"]) for one in cut)
    hosts = addresses_of(run, model)
    for name in sorted(users & set(known)):
        if known[name]["type"] == "end":
            password = run.passwords(model, {Key(cluster, name)})[cluster, name]
            if clusters.right_password(access, cluster, name, password, survey) is False:
                wrong.append([cluster, name, WRONG_PASSWORD % name])
        elif by_user.get(name) in hosts and not windows.tsps_of(model, hosts[by_user[name]]):
            logins.setdefault(hosts[by_user[name]], []).append([cluster, name])
    return wrong


def views(run):
    """Read what each cluster reports, and choose how to verify each instance. Changes nothing."""
    model, seen, rows = run.model(), clusters.Seen(), run.rows()
    access = clusters.Access(run.clusters())
    policy = clusters.Policy(set(), False, {}, "never")
    for name, survey in usable(run).items():
        clusters.cutover(access, name, model, rows, run.batch(), "never", policy, survey, True, seen,
                         look=looks_at_connections(run))
    plan = plan_of(run, model, seen, rows, again=True)
    concerned = [host for host, mine in plan.items() if any(row["way"] == "application" and not row["failed"] for row in mine)]
    paths = dict((name, handlers_on(run, concerned, name)) for name in HANDLERS)
    return dict(changed=False, failures={}, warnings=list(seen.failures.values()), plan=plan, secure=sorted(map(list, seen.secure)), **paths)


def verifier(run, model, seen, again=False):
    """The object that chooses how to verify instances."""
    with_password = set(Key(user["cluster"], user["name"]) for user in model.users if user["password_given"])
    return _verification.Verifier(
        seen.secure, seen.views, run.addresses(), model.instances(), with_password, run.option("verify_with"), again,
        stopped=lambda host: "stop" in run.register(_run.PREFLIGHT)["handlers"].get(host, ()))


def plan_of(run, model, seen, rows, again=False):
    """{host: rows with the method by which each is verified} for the hosts of the batch."""
    by_host = {}
    # Instances that an earlier batch verified stay as they are.
    for row in verifier(run, model, seen, again).plan([row for row in rows if not row.get("state") or row.get("waiting")]):
        by_host.setdefault(row["host"], []).append(row)
    return by_host


# summary


def summary(run):
    """Print a line for each instance, what a person has to do, and the result for the clusters. Returns the same as data for workflows."""
    model = run.model()
    rows = run.rows()
    failures = dict((host, run.refusal(host)) for host in run.vars["ansible_play_hosts_all"] if run.refusal(host))
    named, listed = told_of(run, model)
    hosts = set(run.vars["ansible_play_hosts_all"])
    away = away_of(run, model, listed)
    if named:  # each has its own line
        rows += [dict(_outcome.fresh(one), state=NOT_IN_THIS_RUN, message=why) for one, why in away]
        hosts, away = hosts | set(one["host"] for one, why in away), []
    cut = cut_by(run)
    found = _summary.summary(listed, rows, hosts, failures, check_mode=run.check, several=model.several, away=away, changes=changes_by(run))
    lines = found["lines"] + (run.register(_run.GONE).get("told") or []) + (run.register(_run.UNCUT).get("told") or []) + told_cut(run, cut)
    to_enter = windows_sheet.told(run, [host for host in model.hosts if windows.tsps_of(model, host) and host in hosts])
    run.show("", *lines, "")
    if to_enter:
        run.show("To be done by a person:", *to_enter, "")
    unreachable = any(run.unreachable(host) for host in run.vars["ansible_play_hosts_all"])
    kind = run.register(_run.PREFLIGHT).get("kind") or SITE
    code = _summary.exit_code(found["rows"], failures_of(run), unreachable)
    statistic = _summary.statistic(
        kind, code, found["totals"], run.check, cluster_changes=found["cluster_changes"], connections_cut=[
            dict((key, one[key]) for key in ("cluster", "user", "address")) for one in cut],
        failed=[dict((key, row[key]) for key in _summary.SUBJECT) | dict(cause=row["message"], step=step_of(run, row))
                for row in found["rows"] if row["failed"]],
        not_in_this_run=left_out(away))
    return dict(msg=lines, rows=found["rows"], totals=found["totals"], to_enter=to_enter, changed=False,
                report=report_of(run, model, kind, code, found), ansible_stats=statistic)


def away_of(run, model, listed):
    """[(instance, why it is not in this run)]."""
    hosts = set(run.vars["ansible_play_hosts_all"])
    return [(one, _summary.HOST_UNKNOWN if one in model.others else _summary.HOST_OUTSIDE) for one in listed if one["host"] not in hosts]


def left_out(away):
    """The same for the custom statistic."""
    return [dict((key, one[key]) for key in _summary.SUBJECT) | dict(cause=why) for one, why in away]


def report_of(run, model, kind, code, found):
    """Input for the role report. The folder is empty if no report is requested."""
    folder = run.option("run_report_folder")
    if not folder:
        return dict(folder="")
    folder = run.path(folder)
    run.show("Report: %s" % os.path.join(folder, REPORT_PAGE), "")
    return dict(_summary.report(found["rows"], model.clusters, failures_of(run)), folder=folder, title=run.option("report_title"),
                kind=kind, soon_days=run.option("soon_days"), exit_code=code)


def failures_of(run):
    """{cluster: sentence} for the clusters that could not continue."""
    found = dict((name, survey["failure"]) for name, survey in (run.register(_run.PREFLIGHT).get("clusters") or {}).items() if survey["failure"])
    for name in (_run.ACCOUNTS, _run.CUTOVER, _run.GONE, _run.UNCUT):
        found.update(run.register(name).get("failures") or {})
    return found


def step_of(run, row):
    """Name of the stage in which an instance first failed; empty if its host was refused."""
    for name in reversed(_run.NEWEST):
        rows = run.of_host(row["host"], name).get("rows")
        rows = rows.get(row["host"]) if isinstance(rows, dict) else rows
        if any(one["failed"] and key_of(one) == key_of(row) for one in rows or ()):
            return STEPS.get(name, name)
    return STEPS[_run.LOOKED] if run.refusal(row["host"]) else ""


def changes_by(run):
    """The changes on the clusters that the stages registered."""
    return [change for host in run.vars["ansible_play_hosts_all"] for name in CHANGING
            for change in run.of_host(host, name).get("changes") or ()]


def cut_by(run):
    """The connections that this run cut, or would cut."""
    cut = {}
    for host in run.vars["ansible_play_hosts_all"]:
        for one in run.of_host(host, _run.CUTOVER).get("cut") or ():
            cut[one["cluster"], one["app_id"]] = one
    return list(cut.values())


def told_cut(run, cut):
    """One line for each connection that this run cut."""
    return ["%s/%s: the connection from %s%s on port 2748 %s." % (
        one["cluster"], one["user"], one["address"], clusters.since(dict(time=one["since"])), "would be cut" if run.check else "was cut by this run")
        for one in cut]


def told_of(run, model):
    """(whether a person named them, the instances in the summary): the named ones, or all that are listed as present."""
    chosen = run.register(_run.PREFLIGHT).get("chosen")
    if chosen is None:
        return False, [one for one in model.listed() if one["state"] == "present"]
    keys = keys_in(chosen)
    return True, [one for one in model.listed() if key_of(one) in keys]


def broken(run, stage, reason):
    """The result of a stage that could not do its work at all. Preflight refuses the run. A later stage fails its clusters."""
    message = "The stage %s was stopped by %s" % (stage, reason)
    if stage.endswith("preflight"):
        return dict(failed=True, msg="%s Nothing was changed." % message)
    names = list(run.register(_run.PREFLIGHT).get("clusters") or ())
    return dict(changed=True, failures=dict((name, message) for name in names), warnings=[message], due=[], held=[], made=[], of_user=[],
                plan={}, cut=[], msg=[message], rows={}, totals={}, told=[message], stop={}, start={})


STAGES = {"preflight": preflight, "lists": lists, "accounts": accounts, "due": due, "cutover": cutover, "views": views, "summary": summary}
