# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The stages of the action tsp_host, on the controller: what one host has to do, and what its results mean.

Each takes a Run and execute(stage, instances, settings, secrets), which runs the module tsp_host there, and returns what the
task registers. A stage handles one host only. If the connection to the host breaks, its rows show it.
"""

from __future__ import annotations

import base64
import dataclasses
import re

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import (
    _outcome,
    _pki,
    _progress,
    _run,
    _trust_list,
    _upgrade,
    _verification,
    _window,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import SecureTspError
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._model import Key, by_controller, key_of, keys_in, owner_of
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._options import options_of
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._run import reason_of, tidying
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages import clusters

HOST, CONTROLLER = "this host", "the controller"  # where a stage works
PACKAGES = {"cryptography": "cryptography", "OpenSSL": "pyOpenSSL", "tftpy": "tftpy"}
NO_PIP = (
    "%s has no pip, or its pip may not install packages. Install them with the package manager of the host's system, or create a virtual "
    "environment that has them and set ansible_python_interpreter to its Python.")
BECOME = {
    "Missing": "%s requires a password on this host, but none is set. Set ansible_become_password in your vault, or use --ask-become-pass.",
    "Incorrect": "%s does not accept the password for this host. Correct ansible_become_password, or the password that you typed.",
}
NOT_FETCHED = ("no_answer", "not_found", "empty")  # verdicts if no file server returned a list
STRANGER = "stranger"  # verdict on a trust list that no token of the stored list signed
NO_CAPF = (
    "The trust list of cluster %s contains no CAPF server, so no certificate can be enrolled. Activate Cisco Certificate "
    "Authority Proxy Function on the publisher, run utils ctl update CTLFile there, restart Cisco Tftp, then run this "
    "again."
)
OTHER_WAYS = (
    " If UDP is blocked, set secure_tsp_ctl_http: true, so that the host uses TCP 6970, or secure_tsp_ctl_from: controller, so that the "
    "controller fetches it.")
WAYS_OUT = (
    "The stored trust list can no longer verify the cluster's new one, so it was left as it is. There are two safe remedies. "
    "Either pin the new trust list: run 'show ctl' on the publisher's command line, set its checksum as ctl_fingerprint "
    "of cluster %s, and run this again. Or, only if nobody else can respond in the cluster's place, remove the stored "
    "trust list (voiceops.secure_tsp.ctl_file with the instance's folder and state: absent), and run this again to trust the "
    "new one on first use."
)
FRESH = 5  # seconds for which one host's check of a cluster's services is also used for the others
PENDING = ("pending", "perhaps_expired")
STOLEN = (
    "The host got a certificate, but the cluster's profile is still pending: the host enrolled with somebody else, who now knows the "
    "authorization string. The profile was disarmed, and key, certificate and trust list were removed from the host. Find out who responds "
    "at %s in the cluster's place, and pin the cluster's trust list with ctl_fingerprint."
)
STILL_ARMED = "Its profile was armed and could not be disarmed: %s The next run arms it again."


class HostLost(SecureTspError):
    """The host can no longer be reached."""


def listed_here(run, model, state="present", enrolment="collection"):
    return [one for one in model.hosts.get(run.host, ()) if one["state"] == state and one["enrolment"] == enrolment]


def answers(instances, answer):
    """Each instance with its row in a module's result. A result that failed as a whole is used for all rows."""
    return list(zip(instances, answer.get("rows") or [answer] * len(instances)))


def settings_of(run, model, instances):
    """Settings of the module tsp_host for these instances of this host."""
    owner, group = run.option("owner") or None, run.option("group") or None
    legacy = run.option("tls_legacy")
    surveys = run.register(_run.PREFLIGHT).get("clusters") or {}
    clusters_here = dict((name, dict(fingerprint=model.clusters[name]["ctl_fingerprint"] or None, cluster_certificates=(
        surveys.get(name) or {}).get("certificates") or None)) for name in set(one["cluster"] for one in instances))
    issuers = dict((name, (surveys.get(name) or {}).get("issuers") or []) for name in clusters_here)
    return dict(
        issuers=issuers, soon_days=run.option("soon_days"),
        renew_before_days=run.option("renew_before_days"), port_timeout=run.option("port_timeout"), clusters=clusters_here,
        ctl=dict(on_missing=run.option("ctl_on_missing"), reject_older=run.option("ctl_reject_older"), http=run.option("ctl_http"),
                 on_contradiction=run.option("ctl_on_contradiction"), http_port=run.option("ctl_http_port"),
                 timeout=run.option("ctl_timeout"), owner=owner, group=group),
        capf=dict(retries=run.option("capf_retries"), timeout=run.option("capf_timeout"), tls_legacy=legacy,
                  bundle=run.option("bundle"), owner=owner, group=group),
        cti=dict(timeout=run.option("cti_timeout"), tls_legacy=legacy),
    )


def surroundings(run, model, instances):
    """What else to check: ports, folders with keys, and the targets that determine the host's own address."""
    ports = clusters.ports_of(instances)
    return dict(
        ports=ports, towards=[[place["host"], place["port"]] for place in ports if place["one_suffices"]],
        places=[place.replace("{host}", run.host) for place in run.register(_run.PREFLIGHT).get("places") or ()])


# look


def look(run, execute):
    """Check packages, clock, ports, addresses, keys, trust lists and certificates, and repair what needs no CAPF."""
    model = run.model()
    before = run.register(_run.PREFLIGHT)
    if before.get("stopped"):
        return dict(changed=False, rows=[], refused="Not started: %s" % before["stopped"])
    mine, gone = listed_here(run, model), listed_here(run, model, "absent")
    settings = dict(settings_of(run, model, mine), **surroundings(run, model, mine))
    settings["gone"] = [one["store"] for one in gone]
    if run.option("ctl_from") == "controller":
        settings["lists"] = lists_of_controller(run, model, mine, settings)
    sent = clusters.clock()
    answer = execute("look", mine, settings, {})
    result = dict(changed=False, diff=[], warnings=[])
    if answer.get("failed"):
        return dict(result, rows=[], refused=answer.get("msg") or "failed without a message")
    if answer["missing"] and mine and run.option("install_python_packages") and not (run.check or run.is_windows(run.host)):
        installed = execute.module("ansible.builtin.pip", dict(name=[PACKAGES[one] for one in answer["missing"]]))
        if not installed.get("failed"):
            result["changed"], sent = True, clusters.clock()
            answer = execute("look", mine, settings, {})
    if in_vain(run, settings, answer):
        settings["lists"] = lists_of_controller(run, model, mine, settings)
        if settings["lists"]:
            sent = clusters.clock()
            answer = execute("look", mine, settings, {})
            result["warnings"].append("The controller fetched the trust list, because this host could not.")
    problems, closed, warnings = judged(run, before, mine, answer, answer["time"] - sent)
    refused = refusal(problems, mine)
    rows = [] if refused else hindered(rows_of_look(mine, answer), problems, closed)
    return dict(
        result, rows=rows, refused=refused, closed=closed, keys=answer["keys"], addresses=answer["addresses"],
        subjects=subjects_of(mine, answer) if run.check and rows else {},
        gone=[list(key_of(one)) for one, there in zip(gone, answer.get("gone") or ()) if there],
        changed=result["changed"] or answer["changed"], diff=answer.get("diff", []),
        warnings=result["warnings"] + answer.get("warnings", []) + warnings + [sentence for _cluster, sentence in problems + closed])


def in_vain(run, settings, answer):
    """Whether the host could not fetch a list, and the controller may: TFTP is blocked there, or its package is missing."""
    if run.option("ctl_from") != "auto" or settings.get("lists"):
        return False
    return answer["missing"] == ["tftpy"] or any(
        row.get("trust", {}).get("verdict") in NOT_FETCHED for row in answer["rows"] if row.get("trust", {}).get("failed"))


def lists_of_controller(run, model, instances, settings, kept_only=False):
    """{cluster: Base64 of its trust list} if AXL confirmed it, or it has the pinned fingerprint.

    kept_only: the trust list is only compared with a stored one and never stored, so any one is accepted.
    """
    found = {}
    for cluster in sorted(set(one["cluster"] for one in instances)):
        entry, known = model.clusters[cluster], settings["clusters"][cluster]
        params = options_of(_trust_list.ARGUMENT_SPEC, path="", tftp_servers=entry["tftp_servers"], tftp_port=entry["tftp_port"],
                            capf_host=entry["capf_host"], **dict(settings["ctl"], **known))
        kept = ((run.register(_run.PREFLIGHT).get("clusters") or {}).get(cluster) or {}).get("lists")
        try:
            offers = [_trust_list.handed_over(base64.b64decode(one)) for one in kept] if kept else [
                _trust_list.Search(_trust_list.checked(params)).run()]
        except SecureTspError:
            continue
        offers = dataclasses.replace(offers[0], others=tuple(offers[1:]) + tuple(offers[0].others)).newest_first
        good = next((one.trust_list for one in offers if kept_only or vouched_for(one.trust_list, known)), None)
        if good is not None:
            found[cluster] = base64.b64encode(good.octets).decode("ascii")
    return found


def vouched_for(trust_list, known):
    """Whether a trust list has the pinned fingerprint, or the cluster's own certificates confirm it."""
    if not known["fingerprint"]:
        return _pki.compared_with_cluster(trust_list, known["cluster_certificates"]) == _pki.CONFIRMED
    try:
        return bool(_pki.judge_trust_list(trust_list, None, known["fingerprint"]))
    except SecureTspError:
        return False


def judged(run, before, instances, answer, ahead):
    """(problems, closed, warnings as sentences). ahead: seconds by which its clock is ahead, None if that is not known.

    problems: (cluster, sentence) for what stops the host's instances of that cluster; "" stands for all clusters.
    closed: the same for a CAPF, which stops only the instances that need a certificate.
    """
    problems, closed, warnings = [], [], []
    if not instances:
        return problems, closed, warnings
    place = CONTROLLER if any(map(by_controller, instances)) else HOST
    if answer["missing"]:
        problems.append(("", lacking(answer, place)))
    for cluster in sorted(set(one["cluster"] for one in instances)):
        apart = 0 if ahead is None else abs(((before.get("clusters") or {}).get(cluster) or {}).get("skew", 0) - ahead)
        if apart >= run.option("clock_warn"):
            told = ("The clocks of this host and of cluster %s are %d seconds apart. Synchronize both by NTP, because certificates are "
                    "checked against these clocks." % (cluster, apart))
            if apart >= run.option("clock_refuse"):
                problems.append((cluster, told))
            else:
                warnings.append(told)
    alike = {}
    for port in answer["ports"]:
        if port["one_suffices"]:
            alike.setdefault((port["service"], port["cluster"]), []).append(port)
        elif port["problem"]:
            closed.append((port["cluster"], unreachable(port, "no certificate can be enrolled", place)))
    for (_service, cluster), found in alike.items():
        shut = [unreachable(port, "no secure connection can be opened there", place) for port in found if port["problem"]]
        if len(shut) == len(found):
            problems += [(cluster, one) for one in shut]
        else:
            warnings += shut
    return problems, closed, warnings


def refusal(problems, instances):
    """Why the host is refused as a whole; empty if only the instances of some clusters cannot continue."""
    concerned = set(cluster for cluster, _sentence in problems)
    everything = "" in concerned or concerned.issuperset(one["cluster"] for one in instances)
    return " ".join(sentence for _cluster, sentence in problems) if everything else ""


def hindered(rows, problems, closed):
    """The rows, with those marked as failed whose cluster has problems, or that need a certificate of a CAPF that is closed."""
    found = []
    for row in rows:
        for cluster, sentence in problems + (closed if row["needed"] else []):
            if cluster == row["cluster"]:
                row = _outcome.also_failed(row, sentence)
        found.append(row)
    return found


def lacking(answer, place=HOST):
    names = [PACKAGES[one] for one in answer["missing"]]
    told = "The Python packages %s are missing on %s. " % (", ".join(names), place)
    if not answer["pip"]:
        return told + NO_PIP % answer["python"]
    command = "Install them with: %s -m pip install %s" % (answer["python"], " ".join(names))
    return told + command + (" , or set secure_tsp_install_python_packages: true." if place == HOST else ".")


def not_become(text):
    """What to do if Ansible's error says that a password for become is missing or wrong; empty for any other error."""
    found = re.search(r"\b(Missing|Incorrect) (\w+) password", text)
    return BECOME[found.group(1)] % found.group(2) if found else ""


def unreachable(port, consequence, place):
    return "%s at %s, TCP port %s, is not reachable from %s, so %s. Open the firewall, or start %s." % (
        port["service"], port["host"], port["port"], place, consequence, port["activate"])


def rows_of_look(instances, answer):
    rows, bad = [], set()
    for instance, found in zip(instances, answer["rows"]):
        row = _outcome.fresh(instance)
        if found.get("failed"):
            rows.append(_outcome.updated(row, found, instance))
            continue
        row = _outcome.updated(row, dict(found["info"], changed=found["changed"], placed=found["placed"], proven=found["proven"]), instance)
        if "mended" in found:
            row = _outcome.updated(row, found["mended"], instance)
        trust = trust_failure(found["trust"], instance["cluster"]) if "trust" in found else ""
        row["trusted"] = found.get("trust", {}).get("verdict") or ""
        if trust:
            bad.add(key_of(instance))
            row = _outcome.also_failed(row, trust)
        elif (instance["cluster"], instance["probe_of"]) in bad:
            row = _outcome.also_failed(row, "the trust list of its instance failed")
        rows.append(row)
    return rows


def subjects_of(instances, answer):
    """{cluster: names in its trust list}, because check mode does not store the list."""
    found = {}
    for instance, row in zip(instances, answer["rows"]):
        found.setdefault(instance["cluster"], (row.get("trust") or {}).get("subjects") or [])
    return found


def trust_failure(trust, cluster):
    """Why an instance cannot continue with its trust list; empty if it can."""
    if trust.get("failed"):
        if trust.get("verdict") == STRANGER:
            return WAYS_OUT % cluster
        return (trust.get("msg") or "the trust list failed without a message") + (OTHER_WAYS if trust.get("verdict") in NOT_FETCHED else "")
    return "" if trust["ctl"]["has_capf"] else NO_CAPF % cluster


def inspect(run, execute):
    """Check keys, certificates and addresses. Nothing is fetched or changed."""
    model = run.model()
    mine = listed_here(run, model)
    answer = execute("inspect", mine, dict(settings_of(run, model, mine), **dict(surroundings(run, model, mine), ports=[])), {})
    if answer.get("failed"):
        return dict(changed=False, rows=[], refused=answer.get("msg") or "failed without a message")
    refused = refusal(judged(run, {}, mine, dict(answer, ports=[]), 0)[0], mine)
    return dict(changed=False, rows=[] if refused else rows_of_look(mine, answer), refused=refused, addresses=answer["addresses"],
                warnings=[refused] if refused else [])


# enrol


def enrol(run, execute):
    """Arm on the controller, enrol on the host, and disarm what was not used, whatever happens in between."""
    model = run.model()
    looked, told = run.register(_run.LOOKED), run.needed(_run.ACCOUNTS, "Update users, groups and profiles")
    rows = _outcome.by_key(looked.get("rows") or ())
    for cluster, message in told["failures"].items():
        for key, row in rows.items():
            if key.cluster == cluster:
                rows[key] = _outcome.also_failed(row, message)
    for cluster, user, message in told["of_user"]:
        for key, row in rows.items():
            if owner_of(row) == (cluster, user):
                rows[key] = _outcome.also_failed(row, message)
    for cluster, name, message in told["held"]:
        if (cluster, name) in rows:
            rows[Key(cluster, name)] = _outcome.also_failed(rows[Key(cluster, name)], message)
    due = keys_in(told["due"])
    mine = [one for one in listed_here(run, model) if key_of(one) in due and not rows[key_of(one)]["failed"]]
    work = Enrolment(run, execute, model, rows)
    if run.check:
        work.changed = bool(mine)
    else:
        work.work(mine)
    removed = remove(run, execute, model, looked, work)
    return work.result(removed=removed)


class Enrolment:
    """Enrols instances of one host, chunk by chunk, and keeps their rows."""

    def __init__(self, run, execute, model, rows):
        self.run, self.execute, self.model, self.rows = run, execute, model, rows
        self.changed, self.diff, self.warnings, self.changes = False, [], [], []
        self.entries = run.clusters()
        self.journal, self.known = run.journal(), {}
        self.host = _progress.Progress(run.host)
        self.lost = ""

    def chunks(self, due):
        """[(rows of one cluster, whether they are the canary batch)], the canary batches first."""
        found = []
        for cluster in sorted(set(one["cluster"] for one in due)):
            found += _upgrade.batches([one for one in due if one["cluster"] == cluster], *self.sizes(cluster))
        return sorted(found, key=lambda chunk: not chunk[1])

    def sizes(self, _cluster):
        """(number of instances in a chunk, number of instances in the canary batch)."""
        return self.run.option("batch_instances"), 0

    def work(self, due):
        """Do everything that is due on this host, until something prevents the next chunk."""
        due = self.within_reach(due)
        chunks, hindered = self.chunks(due), {}
        closes = self.window()
        self.host.take(dict(event="planned", total=len(due), batches=len(chunks), closes=closes["ends"], timezone=closes["timezone"]))
        for number, (chunk, canary) in enumerate(chunks):
            cluster = chunk[0]["cluster"]
            found = hindered.get(cluster) or self.hindrance(cluster, chunk, canary, number)
            if found[1]:
                hindered[cluster] = found
                self.leave(chunk, *found)
                continue
            self.one(cluster, chunk, canary)
            if number + 1 < len(chunks):
                self.run.show(self.host.of_host(clusters.clock()))

    def within_reach(self, due):
        """Leave out the instances whose CAPF the host cannot reach, so that their profiles are not armed."""
        closed = dict(self.run.register(_run.LOOKED).get("closed") or ())
        for cluster, sentence in closed.items():
            self.fail([one for one in due if one["cluster"] == cluster], sentence)
        return [one for one in due if one["cluster"] not in closed]

    def one(self, cluster, chunk, canary):
        """Do one chunk, and report it to the progress display."""
        began = clusters.clock()
        event = dict(cluster=cluster, host=self.run.host, size=len(chunk), canary=canary)
        self.journal.add("begins", **event)
        self.host.take(dict(event, event="begins", at=began))
        self.chunk(cluster, chunk)
        failed = [one["instance_id"] for one in chunk if self.rows[key_of(one)]["failed"]]
        event.update(done=len(chunk) - len(failed), failed=failed, seconds=clusters.clock() - began)
        self.journal.add("ended", **event)
        self.host.take(dict(event, event="ended", failed=[str(Key(cluster, name)) for name in failed]))

    def window(self):
        return _window.maintenance_window(self.run.option("window"), clusters.clock())

    def hindrance(self, cluster, chunk, canary, number):
        """(by, why) a chunk may not start, both empty if it may. number: number of chunks before it on this host."""
        if self.lost:
            return _progress.LOST, self.lost
        known = _progress.taken(self.known, self.journal.news())
        most = self.run.option("max_failures") if number else -1
        found = _progress.hindrance(
            known, cluster, len(chunk), self.window(), self.run.option("capf_timeout"), most, canary, self.run.option("ignore_window"))
        return found if found[1] or not number else self.services(cluster)

    def services(self, cluster):
        """What is wrong with publisher, CAPF and CTI Manager. One check is used for all hosts for some seconds."""
        looked = self.known[cluster].looked if cluster in self.known else None
        if looked is not None and 0 <= clusters.clock() - looked < FRESH:
            return "", ""
        known = self.run.register(_run.PREFLIGHT)["clusters"][cluster]
        problems = clusters.services(clusters.Access(self.entries), cluster, known)
        if problems:
            return _progress.SERVICES, " ".join(problems)
        self.journal.add("looked", cluster)
        return "", ""

    def leave(self, chunk, by, why):
        """Record a chunk that is not started."""
        self.journal.add("stopped", chunk[0]["cluster"], by=by, why=why)
        for one in chunk:
            self.rows[key_of(one)] = _outcome.failed(self.rows[key_of(one)], "Not armed: %s" % why, not_begun=by)

    def chunk(self, cluster, due):
        run, known = self.run, self.run.register(_run.PREFLIGHT)["clusters"][cluster]
        given = run.strings(cluster, set(one["instance_id"] for one in due), self.model)
        hours = _window.operation_hours(run.option("operation_hours"), self.window())
        arming = clusters.Arming(
            clusters.Access(self.entries), cluster, self.model, due, list(self.rows.values()), given, known, hours)
        used = set()
        with tidying():
            try:
                with self.run.alone(self.entries[cluster]["hostname"]):
                    arming.arm()
                self.diff += arming.diff
                self.changes += arming.changes
                self.changed = self.changed or bool(arming.armed)
                for one in due:
                    if one["instance_id"] in arming.refused:
                        self.fail([one], arming.refused[one["instance_id"]])
                self.enrol([one for one in due if one["instance_id"] not in arming.refused], arming, used)
            except Exception as error:  # pylint: disable=broad-exception-caught
                self.fail(due, reason_of(error))
            finally:
                self.disarm(arming, used)

    def enrol(self, due, arming, used):
        if not due:
            return
        settings = settings_of(self.run, self.model, due)
        answer = self.execute("enrol", self.sent(due), settings, self.sealed(due, arming.strings))
        if answer.get("failed"):
            self.lost = answer.get("msg", "") if answer.get("lost") else ""
            self.fail(due, answer.get("msg") or "failed without a message")
            return
        self.add(answer)
        profiles = None
        for one, found in zip(due, answer["rows"]):
            if found.get("action") in _outcome.USED:
                used.add(one["instance_id"])
            if found.get("capf_reason") == _outcome.WRONG_OR_IDLE and profiles is None:
                profiles = arming.profiles()
            self.take(one, found, (profiles or {}).get(one["instance_id"]))
        self.suspect([one for one in due if one["instance_id"] in used and self.rows[key_of(one)]["trusted"] == "first_trust"], arming, used)

    def suspect(self, fresh, arming, used):
        """If nothing confirmed the trust list, check whether the cluster issued the certificates itself."""
        profiles = arming.profiles() if fresh else {}
        foreign = [one for one in fresh if profiles.get(one["instance_id"], {}).get("state") in PENDING]
        if not foreign:
            return
        used -= set(one["instance_id"] for one in foreign)
        for one in foreign:
            self.rows[key_of(one)] = _outcome.failed(self.rows[key_of(one)], STOLEN % one["capf_host"])
            self.rows[key_of(one)].update(certificate_valid=False, needed=True)
        self.add(self.execute("remove", foreign, settings_of(self.run, self.model, foreign), {}))

    def sent(self, due):
        """The instances, as passed to the module."""
        return due

    def sealed(self, due, strings):
        return {"strings": [strings.get(one["instance_id"]) for one in due]}

    def take(self, one, found, profile):
        """Take over the module's result for one instance."""
        self.rows[key_of(one)] = _outcome.updated(self.rows[key_of(one)], found, one, profile)

    def add(self, answer):
        self.diff += answer.get("diff", [])
        self.warnings += answer.get("warnings", [])
        self.changed = self.changed or bool(answer.get("changed"))

    def fail(self, due, message):
        for one in due:
            self.rows[key_of(one)] = _outcome.failed(self.rows[key_of(one)], message)

    def disarm(self, arming, used):
        if not [one for one in arming.armed if one not in used]:
            return
        try:
            with self.run.alone(self.entries[arming.cluster]["hostname"]):
                arming.disarm(used)
        except Exception as error:  # pylint: disable=broad-exception-caught
            for name in arming.armed:
                key = Key(arming.cluster, name)
                if name not in used:
                    self.rows[key] = _outcome.also_failed(self.rows[key], STILL_ARMED % reason_of(error))
                    self.warnings.append("Instance %s: %s" % (name, STILL_ARMED % reason_of(error)))

    def result(self, **more):
        return dict(more, rows=list(self.rows.values()), changed=self.changed, diff=self.diff, warnings=self.warnings, changes=self.changes)


def remove(run, execute, model, looked, work):
    """Remove files of absent instances, if there are any. Returns [cluster, instance ID] of those whose files are gone."""
    gone = listed_here(run, model, "absent")
    there = [one for one in gone if list(key_of(one)) in (looked.get("gone") or [])]
    free = [list(key_of(one)) for one in gone if one not in there]
    free += [list(key_of(one)) for one in listed_here(run, model, "absent", "tsp")]  # a TSP's own files are not removed
    if not there:
        return free
    answer = execute("remove", there, settings_of(run, model, there), {})
    for one, found in answers(there, answer):
        row = _outcome.updated(_outcome.fresh(one), found, one)
        work.rows[key_of(one)] = dict(row, state="failed" if row["failed"] else "removed")
        if not row["failed"]:
            free.append(list(key_of(one)))
    work.add(answer)
    return free


# handlers, and the passwords of applications


def login(run, execute):
    """Check listed passwords in the same way in which the user's application logs in: on port 2748 from this host. One attempt each."""
    model = run.model()
    asked = [Key(*pair) for pair in (run.register(_run.DUE).get("logins") or {}).get(run.host, ())]
    if not asked or run.check:
        return dict(changed=False, wrong=[], warnings=[])
    work = []
    for key in asked:
        cluster = model.clusters[key.cluster]
        work.append(dict(cluster=key.cluster, user=key.name, cti_managers=cluster["cti_managers"], plain_cti_port=cluster["plain_cti_port"],
                         instance_id=key.name))
    passwords = run.passwords(model, set(asked))
    answer = execute("login", work, settings_of(run, model, work), {"passwords": [passwords[key] for key in asked]})
    wrong, warnings = [], []
    for key, found in answers(asked, answer):
        if found.get("failed") and found.get("refused"):
            wrong.append([*key, "waiting: CTI Manager refuses the login of user %s with the password in the list: %s" % (
                key.name, found["msg"])])
        elif found.get("failed"):
            warnings.append("The password of user %s was not checked before the cutover: %s" % (key.name, found.get("msg")))
    return dict(changed=False, wrong=wrong, warnings=warnings + [why for _cluster, _user, why in wrong])


def stopped(run, _execute):
    """Record that the application of this host was stopped."""
    return dict(changed=False, stopped=run.host in (run.register(_run.DUE).get("stop") or {}))


def give_up(run, _execute):
    """A handler, or something that an application needs, failed. Nothing is verified on this host, and its users are not cut over."""
    failure = run.vars.get("ansible_failed_result") or {}
    task = getattr(run.vars.get("ansible_failed_task"), "name", None) or (run.vars.get("ansible_failed_task") or {}).get("name", "a handler")
    message = "The task '%s' failed: %s" % (task, failure.get("msg", "failed without a message"))
    # What was verified before the application failed to start stays verified, but it is not the requested state.
    rows = [dict(_outcome.also_failed(row, message), action=row["action"], state="failed") if message not in row["message"] else row
            for row in run.newest(run.host) or ()]
    return dict(changed=False, rows=rows, warnings=[message])


# prove


def prove(run, execute):
    """Open a provider if the plan requests it, and confirm what was verified."""
    model = run.model()
    told = run.needed(_run.CUTOVER, "Cut over users to the secure port")
    before = run.newest(run.host) or []
    plan = told["plan"].get(run.host) or []
    chosen = set(key_of(row) for row in plan)
    # If there is no method, the previous stage failed, unless an earlier batch verified the instance.
    plan = plan + [_verification.refused(row, row["message"] or told["failures"].get(row["cluster"]) or "It was not verified.")
                   for row in before if key_of(row) not in chosen and not row.get("state")]
    return proven(run, execute, model, plan, before)


def verify(run, execute):
    """Open providers if the plan requests it. Changes nothing."""
    plan = run.needed(_run.CUTOVER, "Read the connections that each cluster reports")["plan"].get(run.host) or []
    return proven(run, execute, run.model(), plan, run.newest(run.host) or [], enrolling=False, keep=True)


def proven(run, execute, model, plan, before, enrolling=True, keep=False):
    """The rows with the results of their verification. keep: keep the previous certificate although the new one was verified."""
    here = _outcome.by_key(model.hosts.get(run.host, ()))
    work = []
    for row in plan:
        opens = row["way"] in _verification.OPENING and not row["failed"]
        by_view = row["way"] == "ris" and row["unconfirmed"] and not row["failed"] and not keep
        if opens or by_view:
            work.append(dict(here[key_of(row)], way=row["way"], confirm=not keep and row["unconfirmed"] and row["way"] != "probe"))
    answer, opened = {}, {}
    if work and not run.check:
        passwords = run.passwords(model, set(owner_of(one) for one in work))
        answer = execute("prove", work, settings_of(run, model, work), {"passwords": [passwords.get(owner_of(one)) for one in work]})
        opened = dict((key_of(one), found) for one, found in answers(work, answer))
    planned = set(key_of(one) for one in plan)
    others = [row for row in before if key_of(row) not in planned]
    rows = _verification.results(plan, opened, check_mode=run.check, enrolling=enrolling, until=clusters.iso(
        clusters.moment(clusters.clock() + 86400 * run.option("soon_days"))))
    for row in rows:
        found = opened.get(key_of(row)) or {}
        row["changed"] = row["changed"] or bool(found.get("changed"))
        if found.get("failed") and row["way"] == "ris" and not row["failed"]:
            row.update(failed=True, state="failed", message=found.get("msg") or "failed without a message")
    return dict(rows=rows + others, changed=bool(answer.get("changed")), diff=answer.get("diff", []), warnings=answer.get("warnings", []))


# tell


def tell(run, _execute):
    """Fail if something went wrong, so that Ansible's recap and exit code show it."""
    refusal = run.refusal(run.host)
    if run.unreachable(run.host):
        raise HostLost(run.unreachable(run.host))
    wrong = [row["message"] or "failed" for row in run.newest(run.host) or () if row["failed"]]
    here = set(one["cluster"] for one in run.model().hosts.get(run.host, ()))
    for name in (_run.ACCOUNTS, _run.CUTOVER, _run.GONE, _run.UNCUT, _run.SUMMARY):
        wrong += [message for cluster, message in (run.register(name).get("failures") or {}).items() if cluster in here]
    wrong += [refusal] if refusal else []
    return dict(failed=bool(wrong), msg="; ".join(dict.fromkeys(wrong)) or "No failures on this host.")


STAGES = {"look": look, "inspect": inspect, "enrol": enrol, "login": login, "stopped": stopped, "give_up": give_up,
          "prove": prove, "verify": verify, "tell": tell}
