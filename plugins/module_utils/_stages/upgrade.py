# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The stages of an upgrade of certificates: the plan, the gate before each batch of hosts, and the work on one host.

An instance is enrolled and verified in one process on its host. If CTI Manager refuses the new certificate, the previous one is
restored. Instances that were not started are left for the next run. That is not a failure as long as their certificate works.
"""

from __future__ import annotations

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import (
    _outcome,
    _progress,
    _run,
    _upgrade,
    _verification,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._model import Key, key_of, owner_of
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._run import Refused, reason_of
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages import clusters, fleet, hosts

NAMED, COMPROMISED = "upgrade_instances", "compromised_instances"
DEFAULTS = {"renew_before_days": 60}  # only for this playbook
PATIENCE = 300  # minimum number of seconds that hosts wait for the canary batch of another host that works in parallel
PAUSE = 0.2
NO_CANARY = "The canary batch on host %s did not end, so no other batch starts."
CANARY_STOPPED = "The canary batch did not start: %s"
GIVEN_UP = "The work on this host was stopped: %s"
NOT_STARTED = "The application was not started again: %s"


# On all clusters: the plan


def preflight(run):
    """As for site. In addition, every named instance must be known."""
    found = fleet.checked(run, (NAMED, COMPROMISED))
    try:
        _upgrade.moment(run.option("upgrade_issued_before"))
    except ValueError:
        raise Refused("secure_tsp_upgrade_issued_before is neither seconds since 1970 nor a time such as 2026-11-25T22:00:00Z. "
                      "Nothing was changed.") from None
    return dict(found, defaults=DEFAULTS, kind="upgrade_certificates")


def planned(run):
    """Decide which instances need a new certificate, and print it. Returns the rows of all hosts, by host."""
    model, before, window = run.model(), run.register(_run.PREFLIGHT), fleet.window_of(run)
    named = dict((option, [Key(*pair) for pair in pairs]) for option, pairs in before["named"].items())
    rows = _upgrade.decided(
        sound(run, model), named=named[NAMED], compromised=named[COMPROMISED], subjects=subjects(run),
        issued_before=run.option("upgrade_issued_before") or window["starts"],
        by_tsp=[key_of(one) for one in model.instances() if one["enrolment"] == "tsp"])
    sizes = _upgrade.division(
        rows, run.option("batch_instances"), run.option("canary_instances"), run.vars.get("ansible_forks"), run.option("enrol_throttle"))
    present = [one for one in model.instances(hosts=run.fit()) if one["state"] == "present"]
    lines = _upgrade.lines_of(
        rows, len(present), sizes, run.option("canary_instances"), run.option("max_failures"), model.several)
    lines += [window["text"]] if run.option("window") else []
    run.show("", *lines, "")
    if not run.check:
        by_tsp = dict((cluster, of_tsps(rows, cluster, run.option("batch_instances"))) for cluster in model.clusters)
        for cluster in model.clusters:
            found = sizes.get(cluster, []) + by_tsp[cluster]
            if found:
                run.journal().add("planned", cluster, total=sum(found), batches=len(found), closes=window["ends"],
                                  timezone=window["timezone"])
    by_host = dict((host, []) for host in run.fit())
    for row in rows:
        by_host[row["host"]].append(_upgrade.before(row, run.check))
    work = any(row["upgrade"] in (_upgrade.DUE, _upgrade.PROOF, _upgrade.BY_TSP) for row in rows)
    asked_for = any(row["upgrade"] in (_upgrade.DUE, _upgrade.BY_TSP) for row in rows)
    return dict(changed=bool(run.check and asked_for), rows=by_host, msg=lines, work=work and not run.check)


def of_tsps(rows, cluster, size):
    """Sizes of the batches of TSPs, host by host."""
    hosts_ = [row["host"] for row in rows if row["cluster"] == cluster and row["upgrade"] == _upgrade.BY_TSP]
    return [len(part) for host in dict.fromkeys(hosts_) for part, _canary in _upgrade.batches([host] * hosts_.count(host), size)]


def sound(run, model):
    """Rows of all hosts. Those whose cluster cannot continue or whose key is elsewhere are marked as failed."""
    surveys, held = run.register(_run.PREFLIGHT)["clusters"], fleet.held_elsewhere(run, model)
    found = []
    for row in run.rows(run.fit()):
        for why in (surveys[row["cluster"]]["failure"], held.get(key_of(row))):
            row = _outcome.also_failed(row, why) if why else row
        found.append(row)
    return found


def subjects(run):
    """The names in the trust lists that check mode fetched but did not store."""
    found = {}
    for host in run.fit() if run.check else ():
        for cluster, names in (run.of_host(host, _run.LOOKED).get("subjects") or {}).items():
            found.setdefault(cluster, set()).update(names)
    return found


# On all clusters: the gate


def gate(run):
    """Decide whether this batch of hosts may start, and how to verify each due instance. Never fails, but returns what is stopped.

    at: time of the check. stopped: {cluster: [by, why]}. plan: {host: rows with their method}. canary: {cluster: host}. size: of a
    chunk. stop, start: {host: task file}. tsps: hosts whose TSPs enrol now.
    """
    model = run.model()
    run.needed(_run.PLANNED, "Print the plan of the run")
    everything = run.rows(run.fit())
    tsps = [row for row in everything if row["upgrade"] == _upgrade.BY_TSP and row["state"] == _upgrade.LEFT]
    rows = [row for row in everything if row["upgrade"] in (_upgrade.DUE, _upgrade.PROOF)]
    due = [row for row in rows if row["upgrade"] == _upgrade.DUE]
    parallel, size = _upgrade.at_a_time(
        run.option("batch_instances"), len(set(row["host"] for row in due)), run.vars.get("ansible_forks"), run.option("enrol_throttle"))
    seen, stopped, canary = clusters.Seen(), {}, {}
    known = _progress.taken({}, run.journal().news())
    access = clusters.Access(run.clusters())
    for cluster in sorted(set(row["cluster"] for row in rows + tsps)):
        problems = look_at(run, access, cluster, model, rows + tsps, seen)
        leads = run.option("canary_instances") and (cluster not in known or known[cluster].canary_failed is None)
        if leads:
            canary.update((name, host) for name, host in _upgrade.canaries(due).items() if name == cluster)
        first = min(size, run.option("canary_instances") if leads else size)
        found = (_progress.SERVICES, " ".join(problems)) if problems else _progress.hindrance(
            known, cluster, first, fleet.window_of(run), run.option("capf_timeout"), run.option("max_failures"), False,
            run.option("ignore_window"))
        if found[1]:
            stopped[cluster] = list(found)
    plan = ways(run, model, seen, rows)
    around = [host for host, mine in plan.items() if any(
        row["way"] == "application" and row["cluster"] not in stopped for row in mine)]
    return dict(
        changed=False, at=clusters.clock(), plan=plan, stopped=stopped, canary=canary, size=size, throttle=parallel,
        tsps=sorted(set(row["host"] for row in tsps)),
        warnings=["Cluster %s: %s" % (cluster, why) for cluster, (by, why) in stopped.items() if by == _progress.SERVICES],
        **dict((name, fleet.handlers_on(run, around, name)) for name in fleet.HANDLERS))


def look_at(run, access, cluster, model, rows, seen):
    """Problems with the services of a cluster. Adds its users and connections to seen."""
    known = run.register(_run.PREFLIGHT)["clusters"][cluster]
    names = set(row["user"] for row in rows if row["cluster"] == cluster)
    try:
        return clusters.stand(access, cluster, model, names, known, fleet.looks_at_connections(run), seen)
    except Exception as error:  # pylint: disable=broad-exception-caught
        seen.unread(cluster, reason_of(error))
        return [reason_of(error)]


def ways(run, model, seen, rows):
    """{host: rows with their method}. Connections from one address are counted over all hosts, so this needs all rows."""
    wanted, now = set(key_of(row) for row in rows), clusters.clock()
    everything = [_upgrade.as_renewed(row, now) if key_of(row) in wanted and row["upgrade"] == _upgrade.DUE else row
                  for row in run.rows()]
    found = {}
    for row in fleet.verifier(run, model, seen).plan(everything):
        if key_of(row) in wanted:
            found.setdefault(row["host"], []).append(row)
    return found


# On a host


def renew(run, execute):
    """Verify what waits for verification, then enrol, verify and, if necessary, restore what is due, chunk by chunk."""
    told = run.needed(_run.GATE, "Check whether this batch may start")
    if run.register(_run.RENEWED).get("ended"):
        return dict(run.register(_run.RENEWED), changed=False, warnings=[])
    work = Renewal(run, execute, run.model(), told)
    try:
        work.prove_earlier_ones()
        work.work(work.due())
    finally:
        work.let_others_go()
    return work.result()


class Renewal(hosts.Enrolment):
    """told: the result of the gate."""

    def __init__(self, run, execute, model, told):
        super().__init__(run, execute, model, _outcome.by_key(run.newest(run.host) or ()))
        self.told, self.here = told, _outcome.by_key(model.hosts.get(run.host, ()))
        self.plan = _outcome.by_key((told.get("plan") or {}).get(run.host, ()))
        self.stopped = told.get("stopped") or {}
        self.leads = set(cluster for cluster, host in (told.get("canary") or {}).items() if host == run.host)

    # Instances that wait for verification

    def prove_earlier_ones(self):
        plan = [row for row in self.plan.values() if row["upgrade"] == _upgrade.PROOF and row["cluster"] not in self.stopped]
        if not plan:
            return
        keys = set(key_of(row) for row in plan)
        answer = hosts.proven(self.run, self.execute, self.model, [
            dict(row, message=row["message"] if row["failed"] else "", state="") for row in plan], [])
        self.add(answer)
        self.rows.update((key_of(row), row) for row in answer["rows"])
        self.settle(keys)
        for cluster in set(key.cluster for key in keys):
            failed = [key.name for key in keys if key.cluster == cluster and self.rows[key]["failed"]]
            if failed:
                self.journal.add("failed", cluster, failed=failed)

    # Instances that are due

    def due(self):
        """Instances of this host that are due. Those that cannot be verified by the requested method are not started."""
        found = []
        for key, row in list(self.rows.items()):
            if row["upgrade"] != _upgrade.DUE:
                continue
            self.rows[key] = _upgrade.begun(row)
            plan = self.plan.get(key)
            if plan is None:
                why = "; ".join((self.told.get("failures") or {}).values()) or _upgrade.NO_TURN
                self.leave([self.here[key]], _progress.SERVICES, why)
                self.rows[key] = _upgrade.settled(self.rows[key])
            elif plan["failed"] and key.cluster not in self.stopped and self.run.option("verify_with") != "ris":
                self.rows[key] = dict(_outcome.failed(self.rows[key], "Not armed: %s" % plan["message"]), state="failed")
                self.journal.add("failed", key.cluster, failed=[key.name])
            else:
                found.append(self.here[key])
        return found

    def sizes(self, cluster):
        return self.told.get("size", 0), self.run.option("canary_instances") if cluster in self.leads else 0

    def hindrance(self, cluster, chunk, canary, number):
        if cluster in self.stopped:
            return self.stopped[cluster]
        found = self.canary_of_others(cluster) if not canary else ("", "")
        return found if found[1] else super().hindrance(cluster, chunk, canary, number or 1)

    def services(self, cluster):
        """As for others, but the check of the gate is sufficient if nothing was started on the cluster since."""
        return super().services(cluster) if self.host.begun else ("", "")

    def canary_of_others(self, cluster):
        """Wait for the canary batch of another host that works in parallel."""
        host = (self.told.get("canary") or {}).get(cluster)
        if host in (None, self.run.host):
            return "", ""
        options = [self.run.option(name) for name in ("capf_timeout", "cti_timeout")]
        until = clusters.clock() + max(PATIENCE, sum(options) * (1 + self.run.option("canary_instances")))
        while clusters.clock() < until:
            mine = _progress.taken(self.known, self.journal.news()).get(cluster)
            if mine and mine.canary_failed is not None:
                return "", ""  # its result is evaluated with everything else
            if mine and mine.stopped_at >= self.told["at"]:
                return mine.stopped_by, CANARY_STOPPED % mine.stopped
            clusters.pause(PAUSE)
        return _progress.FAILURES, NO_CANARY % host

    def let_others_go(self):
        """Release hosts that would wait for a canary batch that will not come."""
        known = _progress.taken(self.known, self.journal.news())
        for cluster in self.leads:
            mine = known.get(cluster)
            if mine is None or mine.canary_failed is None and mine.stopped_at < self.told["at"]:
                self.journal.add("stopped", cluster, by=_progress.FAILURES, why=NO_CANARY % self.run.host)

    def leave(self, chunk, by, why):
        super().leave(chunk, by, why)
        for one in chunk:
            self.rows[key_of(one)] = _upgrade.settled(self.rows[key_of(one)])

    # One chunk

    def sent(self, due):
        """As for others. Instances that open a provider do so in the process that enrols them."""
        found = []
        for one in due:
            way = self.plan[key_of(one)]["way"]
            found.append(dict(one, way=way, confirm=way != "probe") if way in _verification.OPENING else one)
        return found

    def sealed(self, due, strings):
        opening = set(owner_of(one) for one in due if self.plan[key_of(one)]["way"] in _verification.OPENING)
        passwords = self.run.passwords(self.model, opening) if opening else {}
        return dict(super().sealed(due, strings), passwords=[passwords.get(owner_of(one)) for one in due])

    def take(self, one, found, profile):
        key = key_of(one)
        super().take(one, found, profile)
        plan, row = self.plan[key], self.rows[key]
        if row["failed"]:
            self.rows[key] = dict(row, state="failed")
            return
        row = dict((name, plan[name]) for name in ("way", "why", "waiting", "seen")) | row
        if plan["failed"]:
            row.update(failed=True, message=plan["message"])
        proof = found.get("proof") or {}
        (self.rows[key],) = _verification.results([row], {key: proof} if proof else {})

    def chunk(self, cluster, due):
        super().chunk(cluster, due)
        self.settle(set(key_of(one) for one in due))

    def settle(self, keys):
        """Restore the previous certificates of instances that failed verification, and report the state of each instance."""
        disproved = [self.here[key] for key in keys if self.rows[key].get("disproved")]
        results = {}
        if disproved:
            answer = self.execute("restore", disproved, hosts.settings_of(self.run, self.model, disproved), {})
            self.add(answer)
            results = dict((key_of(one), found) for one, found in hosts.answers(disproved, answer))
        for key in keys:
            self.rows[key] = _upgrade.settled(_upgrade.restored(self.rows[key], results.get(key)))


# Where a handler failed


def ended(run, _execute):
    """Give up the host because its application could not be stopped. Nothing was started."""
    return dict(given_up(run, GIVEN_UP, worked=False), ended=True)


def not_started(run, _execute):
    """Record that the application could not be started again, whatever the result for the certificates."""
    return given_up(run, NOT_STARTED, worked=True)


def given_up(run, sentence, worked):
    """worked: this affects everything that was started, otherwise everything that was still to be started."""
    failed = run.vars.get("ansible_failed_result") or {}
    message = sentence % (failed.get("msg") or "it failed without a message")
    rows = []
    for row in run.newest(run.host) or ():
        mine = row["upgrade"] in (_upgrade.DUE, _upgrade.PROOF) and (not worked or row["state"] != _upgrade.LEFT)
        rows.append(dict(_outcome.also_failed(row, message), action=row["action"], state="failed") if mine else row)
    for cluster, host in (run.register(_run.GATE).get("canary") or {}).items():
        if host == run.host and not worked:
            run.journal().add("stopped", cluster, by=_progress.FAILURES, why=message)
    return dict(changed=False, rows=rows, warnings=[message])


ON_CLUSTERS = {"upgrade_preflight": preflight, "planned": planned, "gate": gate}
ON_HOSTS = {"renew": renew, "ended": ended, "not_started": not_started}
