# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The diagnosis: a page for each instance, with what works, the first thing that does not, and the next step. Changes nothing."""

from __future__ import annotations

import collections
import os

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import (
    _diagnosis,
    _run,
    _summary,
    _trace_collection,
    _trace_reading,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import SecureTspError
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._model import key_of, owner_of
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._options import options_of
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._run import Refused, reason_of
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._serviceability import serviceability_login
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages import clusters, drift, files, fleet, windows, windows_reading
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages.hosts import answers, listed_here, settings_of

INSTANCE, TRACE, TRACES = ("secure_tsp_diagnose_" + name for name in ("instance", "tsp_trace", "tsp_traces"))
KIND = "diagnose"
LOOKED = "Read the clusters"
OF_PORT = ("service", "host", "port")


# Requested instances


def lists(run):
    """Check the lists, find the requested instances, and create the folder for the pages."""
    found = fleet.lists(run)
    model = _run.Model.of(found["model"])
    one = run.option("diagnose_instance")
    only, mistakes = model.named([one] if one else [], INSTANCE)
    traces, wrong = traces_of(run, model, only)
    mistakes += wrong
    elsewhere = [instance for instance in model.listed() if key_of(instance) in only
                 and instance["host"] not in run.vars["ansible_play_hosts_all"]]
    mistakes += ["%s: instance %s is on host %s, which is not in this run" % (INSTANCE, one, instance["host"]) for instance in elsewhere]
    if not any(model.hosts.get(host) for host in run.vars["ansible_play_hosts_all"]):
        mistakes.append("no instance is listed on a host of this run")
    if mistakes:
        raise Refused("%s. Nothing was read." % "; ".join(map(str, mistakes)))
    folder = folder_of(run)
    try:
        files.make_folder(folder)
    except OSError as error:
        raise Refused("The folder of the pages, %s, cannot be created: %s. Set secure_tsp_diagnose_folder." % (
            folder, error.strerror)) from None
    chosen = only or set(key_of(instance) for instance in model.instances() if not instance["probe_of"])
    return dict(found, only=sorted(map(list, chosen)), traces=[[*key, paths] for key, paths in traces.items()])


def traces_of(run, model, only):
    """({Key: paths}, mistakes) of the trace files in the options."""
    given, mistakes = {}, []
    for name, paths in run.option("diagnose_tsp_traces").items():
        keys, wrong = model.named([name], TRACES)
        mistakes += wrong
        given.update((key, [paths] if isinstance(paths, str) else list(paths)) for key in keys)
    single = run.option("diagnose_tsp_trace")
    if single and not only:
        mistakes.append("%s requires %s, which names the instance of the trace" % (TRACE, INSTANCE))
    given.update((key, [single]) for key in only if single)
    return dict((key, [run.path(str(path)) for path in paths]) for key, paths in given.items()), mistakes


def folder_of(run):
    return run.path(run.option("diagnose_folder"))


def hosts_asked(run, model):
    only = drift.asked(run)
    return [host for host in run.vars["ansible_play_hosts_all"] if any(key_of(one) in only for one in model.hosts.get(host, ()))]


# Clusters, before the closer look at the hosts


def openings(run):
    """Read the clusters, evaluate, and choose the providers that may be opened without disturbing an application."""
    model, ris = run.model(), run.option("diagnose_ris")
    names = hosts_asked(run, model)
    readings, hosts = drift.gathered(run, model, names, ris)
    found = drift.judged(run, model, readings, hosts, False, ris)["findings"]
    chosen = {}
    if run.option("diagnose_probe") and not run.check:
        rows = [row for host in names for row in run.of_host(host, _run.READ).get("rows") or ()]
        for one in _diagnosis.openings(drift.fleet_of(model), readings, hosts, found, rows, drift.asked(run)):
            chosen.setdefault(one["instance"]["host"], []).append(one)
    return dict(changed=False, clusters=readings, findings=found, openings=chosen)


# Hosts


def can_be_asked(run):
    """Whether the host was reached and was requested."""
    read = run.register(_run.READ)
    return bool(read.get("reading")) and not read["reading"]["failure"]


def knock(run, execute):
    """Make TLS handshakes with CAPF and CTI Manager, and close the connections."""
    model, only = run.model(), drift.asked(run)
    traces = []
    if windows.tsps_of(model, run.host) and run.is_windows(run.host) and "tsp" in run.register(_run.READ):
        traces = windows_reading.traces(run, execute, only, run.every_secret(model))
    mine = [one for one in listed_here(run, model) if key_of(one) in only]
    if not mine or not can_be_asked(run):
        return dict(changed=False, results=[], traces=traces)
    settings = settings_of(run, model, mine)
    settings["knock"] = dict(settings["cti"], timeout=run.option("diagnose_port_timeout"))
    for number, one in enumerate(mine):
        mine[number] = dict(one, ports=[dict((key, place[key]) for key in OF_PORT) for place in clusters.ports_of([one])])
    answer = execute("knock", mine, settings, {})
    return dict(changed=False, results=[dict(found, item=subject(one)) for one, found in answers(mine, answer)], traces=traces)


def opened(run, execute):
    """Open the providers that were chosen, and close them."""
    model = run.model()
    chosen = run.needed(_run.FINDINGS, LOOKED)["openings"].get(run.host) or []
    if run.check or not chosen:
        return dict(changed=False, results=[])
    mine = [dict(one["instance"], store=one["store"]) for one in chosen]
    found = drift.opened_of(execute, mine, settings_of(run, model, mine), run.passwords(model, set(owner_of(one) for one in mine)))
    return dict(changed=False, results=[dict(result, item=dict(subject(result["item"]), way=one["way"]))
                                        for one, result in zip(chosen, found)])


def subject(instance):
    return {"cluster": instance["cluster"], "instance_id": instance["instance_id"]}


# Pages


def diagnosis(run):
    """Traces, findings, pages and summary."""
    model, before, folder = run.model(), run.needed(_run.FINDINGS, LOOKED), folder_of(run)
    names = hosts_asked(run, model)
    hosts = dict((host, drift.reading_of(run.of_host(host, _run.READ))) for host in names)
    secrets = run.every_secret(model)
    traces = judged_traces(run, model, secrets)
    for host in names:
        traces.setdefault(host, []).extend(run.of_host(host, _run.KNOCKED).get("traces") or ())
    seen = dict((host, _diagnosis.host_seen(
        ports=run.of_host(host, _run.KNOCKED).get("results") or (), opened=run.of_host(host, _run.OPENED).get("results") or (),
        traces=traces.get(host, ()))) for host in names)
    collected = dict((name, collected_traces(run, name, folder, secrets)) for name in before["clusters"]
                     ) if run.option("diagnose_trace_minutes") and not run.check else {}
    pages = _diagnosis.pages(drift.fleet_of(model), before["clusters"], hosts, before["findings"], seen, clusters.iso(clusters.now()),
                             drift.asked(run), collected)
    pages = [dict(page, text=run.with_inventory(page["text"])) for page in pages]
    failures = write(run, pages, folder)
    lines = _diagnosis.summary(pages, folder)
    run.show("", *(pages[0]["text"].splitlines() + [""] if len(pages) == 1 else []), *lines, "")
    return dict(changed=False, failed=bool(failures), msg=failures[0] if failures else lines, ansible_stats=statistic(run, pages))


def statistic(run, pages):
    """The custom statistic. The diagnosis of an instance that does not work is no failure of the run."""
    return _summary.statistic(
        KIND, _summary.CLEAN, collections.Counter(page["verdict"] for page in pages), run.check,
        failed=[dict((key, page["instance"][key]) for key in _summary.SUBJECT) | dict(cause=page["first"]["what"], step=page["first"]["step"])
                for page in pages if page["verdict"] == _diagnosis.BROKEN])


def judged_traces(run, model, secrets):
    """{host: results} for the given trace files of TSPs."""
    found = {}
    given = dict(((cluster, name), paths) for cluster, name, paths in run.register(_run.PREFLIGHT)["traces"])
    for one in model.instances():
        if key_of(one) in given and key_of(one) in drift.asked(run):
            try:
                result = _trace_reading.read(options_of(_trace_reading.ARGUMENT_SPEC, paths=given[key_of(one)], mask=secrets),
                                             one.get("tsp_number"))
            except (SecureTspError, OSError) as error:
                result = dict(failed=True, msg=str(error))
            found.setdefault(one["host"], []).append(dict(result, item=subject(one)))
    return found


def collected_traces(run, cluster, folder, secrets):
    """Download the newest traces of a cluster, masked, below the folder of the pages, and return what they show."""
    place = os.path.join(folder, "traces-" + _trace_collection.safe_name(cluster))
    minutes = run.option("diagnose_trace_minutes")
    found = dict(folder=place, minutes=minutes, files=0, problems=[], events=[])
    params = options_of(_trace_collection.OPTIONS, last_minutes=minutes, dest=place, mask=secrets,
                        max_total_size=run.option("diagnose_trace_size"), max_files=run.option("diagnose_trace_files"))
    params["max_file_size"] = params["max_total_size"]
    collection = None
    try:
        _trace_collection.check(params)
        login = serviceability_login(clusters.Access(run.clusters()).params(cluster))
        collection = _trace_collection.Collection(login, params)
        collection.survey()
        collection.decide()
        collection.download()
    except (SecureTspError, OSError) as error:
        found["problems"].append(reason_of(error))
    if collection:
        found["files"] = sum(1 for one in collection.files if one["status"] in ("downloaded", "present"))
        told = [one["problem"] for one in collection.nodes + collection.files if one["problem"]]
        found["events"], unread = _trace_reading.events_of_cluster(
            [(one["node"], one["dest"]) for one in collection.files if one["status"] in ("downloaded", "present")], minutes,
            secrets)
        found["problems"] = list(dict.fromkeys(found["problems"] + told + unread))
    return found


def write(run, pages, folder):
    """Write the pages, readable only by their owner. Returns why pages could not be written, if any."""
    failures = []
    for page in pages:
        path = os.path.join(folder, _trace_collection.safe_name(page["name"]) + ".txt")
        try:
            files.keep(path, run.masked(page["text"]))
        except OSError as error:
            failures.append("The page %s could not be written: %s." % (path, error.strerror))
    return failures


ON_CLUSTERS = {"diagnosis_lists": lists, "openings": openings, "diagnosis": diagnosis}
ON_HOSTS = {"knock": knock, "opened": opened}
