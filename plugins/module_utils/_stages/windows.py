# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The stages of the action tsp_host on hosts whose TSP fetches its certificate itself.

They use modules of ansible.windows; nothing of ours runs there. Each gives rows as the stages of other hosts do. A restart is
decided here and done by the role client_windows, and never in vain: for a fetch only where nothing is left for a person, or a
person has said that it is entered.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
import json
import os
import re

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import (
    _instance,
    _outcome,
    _run,
    _trace_reading,
    _tsp_discovery,
    _tsp_enrolment,
    _tsp_host,
    _tsp_installation,
    _tsp_settings,
    _window,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import SecureTspError
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._model import Key, key_of, owner_of
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._options import options_of
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._run import Refused
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages import clusters, hosts

NEEDS, OLDEST = "ansible.windows", "2.8.0"  # the first whose win_package compares checksums
PACKAGES = {"psrp": "pypsrp", "winrm": "winrm"}  # what the connection plugins import
INSTALLED_AS = {"winrm": "pywinrm"}
CAPF = "CAPF"
PATTERNS = ["*.0", "*.cer", "*.pem"]
STRINGS = "*.txt"
ON_CONTROLLER, ON_HOST, TO_NOBODY = "file_on_controller", "file_on_host", "none"
FETCHING, SECURE_CONNECTION, INSTALLATION = "fetching certificates", "the secure connection", "installation"
BY_NOBODY = "none"
NOBODY_LEARNS = (
    "Nobody would learn the authorization strings of %s: the registry profile does not say where the TSP keeps it, and "
    "client_windows_string_handover is none. Choose another one, or give authorization_string.")
NOT_TICKED = (
    "waiting: Secure Connection is not ticked in the dialog of %s, so it would be off the air; tick it at a time of your choice, and run "
    "this with secure_tsp_tsp_entered then, which cuts the user over and starts the TSP anew")
NOT_ALLOWED = "This host has to be restarted%s before all changes act (%s). Do it, or allow it with client_windows_allow_reboot%s."


# What is asked of each module, and what is read of its answer, nested keys included. A contract test compares it with the modules.
ASKED = {
    "setup": (("gather_subset",), ("ansible_facts", "ansible_ip_addresses", "ansible_date_time", "epoch_int", "epoch")),
    "slurp": (("src",), ("content",)),
    "win_acl": (("path", "user", "rights", "type"), ()),
    "win_acl_inheritance": (("path", "state"), ()),
    "win_copy": (("content", "dest"), ()),
    "win_file": (("path", "state"), ()),
    "win_find": (("paths", "patterns", "get_checksum", "recurse"), ("files", "path", "lastwritetime")),
    "win_get_url": (("url", "dest", "force", "validate_certs", "checksum", "checksum_algorithm"), ()),
    "win_package": (("path", "arguments", "creates_path", "creates_version", "expected_return_code", "provider", "wait_for_children",
                     "checksum", "checksum_algorithm"), ("rc",)),
    "win_reg_stat": (("path", "name"), ("properties", "sub_keys", "value", "type")),
    "win_regedit": (("path", "name", "data", "type"), ()),
    "win_service_info": (("name",), ("services", "name", "state", "start_mode")),
    "win_wait_for": (("host", "port", "timeout"), ()),
}
SUBSETS = ["!all", "!min", "all_ipv4_addresses", "date_time"]
OF_ALL = ("failed", "msg", "changed", "lost")


class Unanswered(SecureTspError):
    """A module of ansible.windows failed on the host."""


class Windows:
    """One host, as modules of ansible.windows show it. run and execute: as a stage has them."""

    def __init__(self, run, execute):
        self.run, self.execute = run, execute
        self.options, self.mistakes = run.windows()

    @functools.cached_property
    def profile(self):
        """Settings of the registry profile. Raises Refused."""
        return self.run.registry_profile(self.options["registry_profile"])

    def answer(self, module, options, secret=False, action=False):
        """What a module answers, of which only what ASKED names can be read."""
        taken, read = ASKED[module]
        given = dict((name, options[name]) for name in taken if name in options)
        if set(options) - set(given):
            raise KeyError("%s takes no %s" % (module, ", ".join(set(options) - set(given))))
        name = "%s.%s" % (NEEDS, module)
        answer = self.execute.action(name, given) if action else self.execute.module(name, given, secret=secret)
        return dict((key, answer[key]) for key in OF_ALL + read if key in answer)

    def ask(self, module, /, **options):
        answer = self.answer(module, options)
        if answer.get("failed"):
            raise Unanswered("%s.%s failed on this host: %s" % (NEEDS, module, answer.get("msg") or "no message"))
        return answer

    def write(self, write, secret=False):
        """A value of the registry. Returns whether it changed."""
        options = dict((key, write[key]) for key in ("path", "name", "data", "type"))
        answer = self.answer("win_regedit", options, secret=secret)
        if answer.get("failed"):
            raise Unanswered("%s could not be written into the registry%s" % (
                write["setting"], "." if secret else ": %s" % (answer.get("msg") or "no message")))
        return bool(answer.get("changed"))

    def values(self, key):
        return self.ask("win_reg_stat", path=key).get("properties") or {}

    def properties(self, keys):
        """{key: values}; they may hold encrypted passwords and strings, so they are never registered."""
        return dict((key, self.values(key)) for key in keys)

    def placed(self, instances):
        """The instances with their number and the folder of their certificates."""
        return [dict(one, tsp_number=number, folder=_tsp_host.folder_of(self.options["certificate_folder"], number))
                for one, number in _tsp_settings.numbered(instances)[0]]

    def facts(self, instances, renew_before_days=None):
        """(host_facts(), paths of strings that lie on the host)."""
        placed = self.placed(instances)
        paths, patterns = list(dict.fromkeys(one["folder"] for one in placed)), list(PATTERNS)
        strings = self.options["string_folder_on_host"]
        if self.options["string_handover"] == ON_HOST:
            paths, patterns = paths + [strings], patterns + [STRINGS]
        files = [one["path"] for one in self.ask("win_find", paths=paths, patterns=patterns, get_checksum=False)["files"]]
        certificates = [path for path in files if any(_tsp_host.in_folder(path, one["folder"]) for one in placed)
                        and not path.lower().endswith((_tsp_host.KEY_SUFFIX, STRINGS[1:]))]
        services = [one for name in (_tsp_host.TELEPHONY, _tsp_host.REMOTE_ACCESS)
                    for one in self.ask("win_service_info", name=name).get("services") or ()]
        surveys = self.run.register(_run.PREFLIGHT)["clusters"]
        found = _tsp_host.host_facts(
            placed, clusters.clock(), self.values(_tsp_installation.PROVIDERS_KEY), services, files,
            dict((path, _tsp_host.octets_of(self.ask("slurp", src=path))) for path in certificates),
            self.run.option("renew_before_days") if renew_before_days is None else renew_before_days,
            dict((name, authorities_of(survey.get("certificates"))) for name, survey in surveys.items()),
            dict((name, _instance.issuers_of(survey.get("issuers"))) for name, survey in surveys.items()))
        return found, [path for path in files if _tsp_host.in_folder(path, strings)]

    def against(self, instances, **chosen):
        """The Plan of _tsp_settings, with what the registry holds of it."""
        given = dict(profile=self.profile, by_instance=self.options["instance_settings"], given=self.options["settings"])
        given.update(chosen)
        reads = _tsp_settings.against(instances, **given).reads
        return _tsp_settings.against(instances, properties=self.properties(reads), **given)

    def ports(self, instances):
        """Where these instances connect to, each with its problem; empty where ports are not to be tried."""
        if not self.options["try_ports"]:
            return []
        places = clusters.ports_of([dict(one, enrolment="collection") for one in instances])  # a TSP asks CAPF itself
        for place in places:
            answer = self.answer("win_wait_for", dict(
                host=place["host"], port=place["port"], timeout=self.run.option("port_timeout")))
            place["problem"] = (answer.get("msg") or "no answer") if answer.get("failed") else ""
        return places

    def allowed(self, facts, reasons=()):
        """How the host may be restarted."""
        if self.light(facts, reasons) and self.options["allow_telephony_restart"]:
            return _tsp_host.BY_TELEPHONY
        return _tsp_host.BY_REBOOT if self.options["allow_reboot"] else BY_NOBODY

    @staticmethod
    def light(facts, reasons):
        """Whether restarting Telephony is enough."""
        return facts["restart_by"] == _tsp_host.BY_TELEPHONY and INSTALLATION not in reasons


def closed_window(run):
    """Why nothing is restarted any more; empty while the window is open."""
    if run.option("ignore_window"):
        return ""
    window = _window.maintenance_window(run.option("window"), clusters.clock())
    return "" if window["open"] else window["text"]


def restart_of(windows, facts, reasons):
    """What the role restarts: by, why, and what is said where nothing may be."""
    closed, light, said = closed_window(windows.run) if reasons else "", windows.light(facts, reasons), ""
    by = BY_NOBODY if windows.run.check or closed or not reasons else windows.allowed(facts, reasons)
    if reasons and by == BY_NOBODY:
        said = "Not restarted: %s" % closed if closed else NOT_ALLOWED % (
            ", or its Telephony service," if light else "", ", ".join(reasons),
            " or client_windows_allow_telephony_restart" if light else "")
    return dict(by=by, reasons=list(reasons), said=said)


def listed(run, model, state="present"):
    """Instances of this host that a TSP enrols."""
    return hosts.listed_here(run, model, state, "tsp")


def entered(run, model):
    """{Key} of instances whose settings a person has entered."""
    if run.option("tsp_operator"):
        return set(key_of(one) for one in model.instances() if one["enrolment"] == "tsp")
    return model.named(run.option("tsp_entered"), "secure_tsp_tsp_entered")[0]


def ticked_by_hand(run, model):
    """{Key} of instances whose secure connection a person has ticked. Of what needed a certificate, the last run listed only that."""
    found = entered(run, model)
    if run.option("tsp_operator"):
        return found
    for host in run.vars["ansible_play_hosts_all"]:
        found -= set(key_of(row) for row in run.of_host(host, _run.LOOKED).get("rows") or () if row["needed"])
    return found


# preflight


def mistakes(run, model):
    """What prevents TSPs on hosts of this play from being set, before a cluster is asked."""
    here = [host for host in run.vars["ansible_play_hosts_all"] if tsps_of(model, host)]
    if not here:
        return []
    found = [str(one) for one in model.named(run.option("tsp_entered"), "secure_tsp_tsp_entered")[1]]
    version = collection_version(NEEDS)
    if version is None or _tsp_settings.is_newer(OLDEST, version or OLDEST):
        found.append("Windows hosts need the collection %s, version %s or later, which is %s. Install it with: "
                     "ansible-galaxy collection install %s" % (
                         NEEDS, OLDEST, "on the controller as %s" % version if version else "not installed on the controller", NEEDS))
    for plugin in sorted(set(run.connection_of(host) for host in here) & set(PACKAGES)):
        if importlib.util.find_spec(PACKAGES[plugin]) is None:
            package = INSTALLED_AS.get(plugin, PACKAGES[plugin])
            found.append("The connection %s needs the Python package %s, which is not installed on the controller. Install it with: "
                         "python3 -m pip install %s" % (plugin, package, package))
    for host in here:
        found += ["host %s: %s" % (host, one.rstrip(".")) for one in mistakes_of(run, model, host)]
    return found


def collection_version(name):
    """The version of a collection, empty where it was not installed from a package, None where it is not installed."""
    try:
        package = importlib.import_module("ansible_collections." + name)
    except ImportError:
        return None
    for folder in package.__path__:
        with contextlib.suppress(OSError, ValueError, KeyError), open(os.path.join(folder, "MANIFEST.json"), encoding="utf-8") as stream:
            return str(json.load(stream)["collection_info"]["version"])
    return ""


def tsps_of(model, host):
    return [one for one in model.hosts.get(host, ()) if one["enrolment"] == "tsp" and one["state"] == "present"]


def mistakes_of(run, model, host):
    options, found = run.windows(host)
    try:
        profile = run.registry_profile(options["registry_profile"])
    except Refused as error:
        return found + [str(error)]
    instances = [one for one in tsps_of(model, host) if one["cti_managers"]]  # what is wrong with its cluster is told elsewhere
    found += _tsp_settings.against(instances, profile, options["settings"], options["instance_settings"]).problems
    if options["manage_installation"] and not (
            options["installer_version"] and _tsp_installation.SHA256.fullmatch(options["installer_sha256"])):
        found.append(_tsp_installation.UNKNOWN_INSTALLER)
    return found


# look


def look(run, execute):
    """What the host shows of its TSPs: addresses, providers, certificates, settings, and whether it reaches the cluster."""
    model, before = run.model(), run.register(_run.PREFLIGHT)
    mine = listed(run, model)
    others = hosts.listed_here(run, model) or not run.is_windows(run.host)
    if before.get("stopped") or not mine and others:
        return hosts.look(run, execute)
    if not mine:
        return dict(changed=False, rows=[], refused="", keys=[], gone=[], warnings=[])
    found = of_tsps(run, execute, mine)
    if not others or not hosts.listed_here(run, model):
        return found
    beside = hosts.look(run, execute)
    refused = " ".join(text for text in (beside["refused"], found["refused"]) if text)
    tsp = dict(tsp=found["tsp"]) if "tsp" in found and not refused else {}
    return dict(beside, rows=beside["rows"] + found["rows"], refused=refused, warnings=beside["warnings"] + found["warnings"], **tsp)


def inspect(run, execute):
    """The same for a run that changes nothing and asks no cluster first."""
    mine = listed(run, run.model())
    if not mine:
        return dict(changed=False, rows=[], refused="", warnings=[]) if run.is_windows(run.host) else hosts.inspect(run, execute)
    return of_tsps(run, execute, mine, changes=False)


def of_tsps(run, execute, mine, changes=True):
    windows = Windows(run, execute)
    sent = clusters.clock()
    told = windows.ask("setup", gather_subset=SUBSETS).get("ansible_facts") or {}
    clock = _tsp_host.time_of(told)
    result = dict(changed=False, diff=[], keys=[], gone=[], addresses=_tsp_host.addresses_of(told), rows=[], refused="", warnings=[])
    try:
        facts, strings = windows.facts(mine)
        plan = windows.against(mine)
        ports = windows.ports(mine) if changes else []
        installation = decided(run, windows, mine) if changes and windows.options["manage_installation"] else None
    except Unanswered as error:
        return dict(result, refused=str(error), warnings=[str(error)])
    problems, warnings = hosts.judged(run, run.register(_run.PREFLIGHT), mine, dict(missing=[], ports=ports),
                                      None if clock is None else clock - sent)
    problems += plan.problems
    if installation:
        problems, warnings = problems + installation["problems"], warnings + installation["warnings"]
    work = work_of(windows, mine, plan, installation)
    warnings += ["TSP %03d is not in TAPI's list of providers, so instance %s cannot fetch a certificate." % (
        one["tsp_number"], one["item"]["instance_id"]) for one in facts["instances"] if not (one["installed"] or work.get("install"))]
    if problems and changes:  # nothing is to be done on this host
        return dict(result, refused=" ".join(problems), warnings=warnings + problems)
    rows = [_outcome.updated(_outcome.fresh(one), found, one) for one, found in zip(mine, facts["instances"])]
    return dict(result, rows=rows, refused=" ".join(problems), warnings=warnings + problems, tsp=dict(
        facts=facts, ports=ports, may_restart=windows.allowed(facts) != BY_NOBODY,
        ready=[list(key_of(one)) for one in mine if _tsp_settings.has_a_place(_tsp_settings.SECURE, windows.profile)],
        by_hand=rows_by_hand(mine, plan), drift=plan.drift, work=work, strings=strings))


def rows_by_hand(instances, plan):
    """What a person has to set, with the cluster of each instance."""
    cluster = dict((one["instance_id"], one["cluster"]) for one in instances)  # an ID of two clusters on one host needs two TSPs
    return [dict(row, cluster=cluster[row["instance_id"]]) for row in plan.by_hand]


def decided(run, windows, mine):
    """What to do about the installation, with its problems in one list."""
    options = windows.options
    system = dict((name, windows.ask("win_reg_stat", path=key, name=name).get("value")) for name, key in _tsp_installation.SYSTEM.items())
    keys = ["%s\\%s" % (key, options["product_id"]) for key in _tsp_installation.UNINSTALL_KEYS] if options["product_id"] else [
        "%s\\%s" % (key, name) for key in _tsp_installation.UNINSTALL_KEYS
        for name in windows.ask("win_reg_stat", path=key).get("sub_keys") or ()]
    decision = _tsp_installation.decision(
        windows.values(_tsp_installation.PROVIDERS_KEY), mine, [windows.values(key) for key in keys], options["installer_version"],
        run.register(_run.PREFLIGHT)["clusters"][mine[0]["cluster"]]["release"], options["product_name"],
        system["SystemRoot"] or "C:\\Windows", options["installer_properties"])
    if decision["action"] != _tsp_installation.NONE and options["password_on_command_line"]:
        recorded = [name for name, key in _tsp_installation.RECORDERS.items()
                    if windows.ask("win_reg_stat", path=key, name=name).get("value") not in (None, 0, "0", "")]
        if recorded:
            decision["problems"].append(_tsp_installation.RECORDED % ", ".join(recorded))
    return dict(decision, architecture=system["PROCESSOR_ARCHITECTURE"])


def work_of(windows, mine, plan, installation):
    """What the role has to do on the host; empty where that is nothing."""
    work = {}
    if installation and installation["action"] != _tsp_installation.NONE:
        options, architecture = windows.options, installation["architecture"]
        name = options["installer_name"] or _tsp_installation.installer_name(architecture)
        dest = options["installer_path"] or "%s\\%s" % (options["installer_folder"], name)
        work["install"] = dict(
            action=installation["action"], path=dest, file=options["installer_file"],
            url="" if options["installer_path"] or options["installer_file"] else options["installer_url"] or (
                "https://%s/plugins/%s" % (windows.run.model().clusters[mine[0]["cluster"]]["hostname"], name)),
            provider_file=options["provider_file"] or _tsp_installation.provider_file(architecture))
    if plan.writes:
        work["writes"] = plan.writes
    return work


# drift and diagnosis


def read(run, execute):
    """What the host shows, for judgements that come when all hosts and clusters were read. Nothing changes."""
    windows, mine = Windows(run, execute), listed(run, run.model())
    told = windows.ask("setup", gather_subset=SUBSETS).get("ansible_facts") or {}
    facts, _strings = windows.facts(mine, run.option("soon_days"))
    plan = windows.against(mine)
    rows = [_outcome.updated(_outcome.fresh(one), found, one) for one, found in zip(mine, facts["instances"])]
    return dict(changed=False, rows=rows, tsp=dict(
        facts=facts, ports=windows.ports(mine), drift=plan.drift, addresses=_tsp_host.addresses_of(told)))


def judged_reading(host, told, certificates, outside=None):
    """(instances, findings, addresses) of one of the hosts whose registers of read() are told. certificates: {cluster: those of servers,
    None where they could not be read}. outside: {cluster: DER of the authorities of its online CA}."""
    authorities = dict((name, authorities_of(found)) for name, found in certificates.items())
    facts = dict((name, _tsp_host.with_authorities(one["facts"], authorities, outside)) for name, one in told.items())
    mine = told[host]
    return facts[host]["instances"], _tsp_host.findings(facts, host, mine["drift"], mine["ports"]), mine["addresses"]


def authorities_of(certificates):
    """Fingerprints of the CAPF certificates among those of a cluster's servers."""
    return [one["sha256_fingerprint"] for one in certificates or () if one["service"] == CAPF]


def traces(run, execute, asked, mask):
    """What the newest trace files of the TSPs tell, where the settings say in which folder they are."""
    windows = Windows(run, execute)
    folder, most = windows.options["settings"].get("trace.directory"), run.option("diagnose_windows_trace_files")
    mine = [one for one in windows.placed(listed(run, run.model())) if key_of(one) in asked]
    if not folder or not mine or not most:
        return []
    files = windows.ask("win_find", paths=[folder], patterns=[STRINGS], recurse=True, get_checksum=False)["files"]
    found = []
    for one in mine:
        newest = sorted((file for file in files if "ciscotsp%03dlog" % one["tsp_number"] in file["path"].lower()),
                        key=lambda file: file["lastwritetime"])[-most:]
        contents = [dict(name=file["path"], content=windows.ask("slurp", src=file["path"])["content"]) for file in newest]
        if contents:
            try:
                result = _trace_reading.read(options_of(_trace_reading.ARGUMENT_SPEC, contents=contents, order="given", mask=mask))
            except SecureTspError as error:
                result = dict(failed=True, msg=str(error))
            found.append(dict(result, item=dict(cluster=one["cluster"], instance_id=one["instance_id"])))
    return found


# installation


def install(run, execute):
    """Download the installer where it is to be, and run it silently. The command line may hold a password, so no message quotes it."""
    work, windows = run.register(_run.LOOKED)["tsp"]["work"]["install"], Windows(run, execute)
    options, mine = windows.options, listed(run, run.model())
    if run.check:
        return dict(changed=True, msg="Would %s TSP %s" % (work["action"], options["installer_version"]))
    checksum = dict(checksum=options["installer_sha256"], checksum_algorithm="sha256")
    properties = dict(_tsp_settings.installer_properties(mine[0]), **options["installer_properties"])
    if options["password_on_command_line"]:
        properties.update((("PASS", text),) if (text := run.passwords(run.model(), {owner_of(mine[0])}).get(owner_of(mine[0]))) else ())
    problems = list(_tsp_settings.property_problems(properties))
    if problems:
        return dict(failed=True, msg=" ".join(problems))
    try:
        if work["url"]:
            windows.ask("win_get_url", url=work["url"], dest=work["path"], force=False,
                        validate_certs=options["installer_validate_certs"], **checksum)
    except Unanswered as error:
        return dict(failed=True, msg=str(error))
    upgrade = work["action"] == _tsp_installation.UPGRADE
    version = dict(creates_version=options["installer_version"]) if upgrade else {}
    answer = windows.answer("win_package", dict(
        path=work["path"], arguments=_tsp_settings.installer_arguments(properties, upgrade), creates_path=work["provider_file"],
        expected_return_code=[0, 3010], provider="registry", wait_for_children=True, **version, **checksum), secret=True)
    if answer.get("failed"):
        return dict(failed=True, msg=(
            "The installer %s ended with %s. Its message is not shown, because it may quote a password. Check the SHA-256 of the file, "
            "then start it on the host by hand." % (work["path"], answer.get("rc", "no return code"))))
    return dict(changed=bool(answer.get("changed")), msg="TSP %s" % options["installer_version"])


# handed


def hand_over(run, execute):
    """Arm the profiles of instances that need a certificate, and hand their strings over: by the registry where the profile knows the
    place, else by a file. What reached its TSP stays armed, since the TSP may fetch it later; what reached nobody is disarmed."""
    model, windows = run.model(), Windows(run, execute)
    rows = _outcome.by_key(run.newest(run.host) or ())
    mine = [one for one in listed(run, model) if key_of(one) in rows]
    waiting = [one for one in mine if awaited(rows[key_of(one)])]
    work = HandOver(run, windows, model, rows)
    if run.check:
        work.changed = bool(waiting)
    else:
        work.work(work.of_use(waiting))
    waiting = [one for one in waiting if not work.rows[key_of(one)]["failed"]]
    said, left = entered(run, model), {}
    for one in waiting:
        plan = _tsp_settings.against([dict(one)], windows.profile, windows.options["settings"], known_of(windows, one),
                                     strings={one["instance_id"]: _tsp_settings.HIDDEN}, properties={})
        left[key_of(one)] = rows_by_hand([one], plan)
    ready = [one for one in waiting if not left[key_of(one)] or key_of(one) in said]
    reasons = reasons_of(run) + ([FETCHING] if ready else [])
    facts = run.register(_run.LOOKED)["tsp"]["facts"]
    nothing = dict(by=BY_NOBODY, reasons=[], said="")
    return dict(
        rows=list(work.rows.values()), changed=work.changed, diff=work.diff, warnings=work.warnings, armed=sorted(map(list, work.armed)),
        waiting=[list(key_of(one)) for one in waiting], ready=[list(key_of(one)) for one in ready],
        by_hand=[row for one in waiting for row in left[key_of(one)]], files=work.files_of(waiting, left),
        restart=restart_of(windows, facts, reasons) if ready else nothing, deferred=[] if ready else reasons)


def known_of(windows, instance):
    """Settings of one instance alone, as _tsp_settings takes them."""
    mine = windows.options["instance_settings"].get(instance["instance_id"])
    return {instance["instance_id"]: mine} if mine else {}


def awaited(row):
    """Whether an instance is to fetch a certificate, and this was not looked at in an earlier part of the run."""
    return bool(row["needed"]) and not row["failed"] and "state" not in row


def reasons_of(run):
    """What the role changed on the host that acts after a restart only."""
    reasons = [INSTALLATION] if run.of_role("installed").get("changed") else []
    for found in run.of_role("written").get("results") or ():
        if found.get("changed") and found["item"]["restart"]:
            reasons.append(found["item"]["setting"])
    return list(dict.fromkeys(reasons))


class HandOver(hosts.Enrolment):
    """Arms profiles of one host, chunk by chunk, and hands over in place of enrolling."""

    def __init__(self, run, windows, model, rows):
        super().__init__(run, windows.execute, model, rows)
        self.windows, self.armed = windows, set()
        self.has_place = _tsp_settings.has_a_place(_tsp_settings.STRING, windows.profile)
        self.way = None if self.has_place else windows.options["string_handover"]

    def of_use(self, due):
        """Those whose string somebody would learn; the others fail."""
        if self.way != TO_NOBODY:
            return due
        lost = [one for one in due if not one["string_given"]]
        if lost:
            self.fail(lost, NOBODY_LEARNS % ", ".join(one["instance_id"] for one in lost))
        return [one for one in due if one["string_given"]]

    def enrol(self, due, arming, used):
        self.armed |= set(Key(arming.cluster, name) for name in arming.armed)
        strings = dict((one["instance_id"], arming.strings[one["instance_id"]]) for one in due if one["instance_id"] in arming.strings)
        for text in strings.values():
            self.run.keep_secret(text)
        plan = self.windows.against(due, strings=strings, by_instance=dict(
            pair for one in due for pair in known_of(self.windows, one).items()))
        for one in due:
            name = one["instance_id"]
            try:
                for write in plan.writes:
                    if write["instance_id"] == name:
                        self.changed |= self.windows.write(write, secret=write["secret"])
                if name in strings and self.way == ON_CONTROLLER:
                    write_private(self.path(one), strings[name] + "\n")
                elif name in strings and self.way == ON_HOST:
                    self.put(one, strings[name])
            except (Unanswered, OSError) as error:
                self.fail([one], "The string could not be handed over: %s" % (error.strerror if isinstance(error, OSError) else error))
                continue
            used.add(name)
            if name in arming.armed:
                self.rows[key_of(one)] = dict(self.rows[key_of(one)], changed=True)

    def path(self, instance):
        """The file of an instance's string."""
        name = instance["instance_id"] if not self.model.several else "%s-%s" % (
            re.sub(r"[^\w.-]", "_", instance["cluster"]), instance["instance_id"])
        if self.way == ON_HOST:
            return "%s\\%s.txt" % (self.windows.options["string_folder_on_host"].rstrip("\\"), name)
        folder = self.windows.options["string_folder"] or os.path.join("~", ".voiceops", "strings")
        return os.path.join(os.path.expanduser(folder), name + ".txt")

    def put(self, instance, string):
        """The string in a file on the host, in a folder that its readers alone may open."""
        folder = self.windows.options["string_folder_on_host"]
        self.windows.ask("win_file", path=folder, state="directory")
        self.windows.ask("win_acl", path=folder, user=self.windows.options["string_readers"], rights="FullControl", type="allow")
        self.windows.ask("win_acl_inheritance", path=folder, state="absent")
        answer = self.windows.answer("win_copy", dict(content=string + "\r\n", dest=self.path(instance)), action=True)
        if answer.get("failed"):
            raise Unanswered("%s.win_copy failed on this host." % NEEDS)

    def files_of(self, waiting, left):
        """[cluster, instance ID, path] of the files that a person reads."""
        return [[*key_of(one), self.path(one)] for one in waiting
                if self.way in (ON_CONTROLLER, ON_HOST) and left[key_of(one)]]


def write_private(path, text):
    """A new file of the controller, for its owner alone."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)  # its mode, or what it is a link to, may be another
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
        stream.write(text)


# fetched


def fetched(run, execute):
    """Read what the TSPs fetched, and remove strings that were used."""
    model, windows = run.model(), Windows(run, execute)
    handed = run.register(_run.HANDED)
    rows = _outcome.by_key(run.newest(run.host) or ())
    waiting = set(Key(*pair) for pair in handed.get("waiting") or ())
    if run.check or not waiting:
        return dict(rows=list(rows.values()), changed=forget(run, windows, model, rows, run.register(_run.LOOKED)["tsp"]["strings"]))
    armed = set(Key(*pair) for pair in handed["armed"])
    ready = set(Key(*pair) for pair in handed["ready"]) if handed["restart"]["by"] != BY_NOBODY else set()
    profiles = dict((Key(cluster, name), profile) for cluster, name, profile in run.register(_run.WAITED).get("profiles") or ())
    mine = [one for one in listed(run, model) if key_of(one) in rows]
    found, strings = {}, []
    with contextlib.suppress(Unanswered):
        facts, strings = windows.facts(mine)
        found = _tsp_enrolment.by_key(facts)
    for key in waiting:
        rows[key] = _tsp_enrolment.judged(rows[key], found.get(key), profiles.get(key), key in armed, key in ready,
                                          run.option("fetch_deadline"))
    changed = any(rows[key]["action"] in _outcome.NEW for key in waiting)
    return dict(rows=list(rows.values()), changed=forget(run, windows, model, rows, strings) or changed)


def forget(run, windows, model, rows, on_host):
    """Remove the strings of instances that hold their certificate."""
    if run.check:
        return False
    work, changed = HandOver(run, windows, model, rows), False
    for one in listed(run, model):
        row = rows.get(key_of(one))
        if not row or row["failed"] or not row["certificate_valid"] or row["needed"] or row["action"] == _outcome.WAITS_ARMED:
            continue
        path = work.path(one)
        if work.way == ON_CONTROLLER and os.path.lexists(path):
            os.unlink(path)
            changed = True
        elif work.way == ON_HOST and path.lower() in [there.lower() for there in on_host]:
            changed |= bool(windows.answer("win_file", dict(path=path, state="absent")).get("changed"))
    return changed


# The secure connection


def tick(run, execute):
    """Switch the secure connection on where the registry profile knows the place, for users that are on the secure port or will be
    by this run. It acts at the TSP's next start, so the connections go on until then."""
    model, told = run.model(), run.register(_run.DUE)
    chosen = set(Key(*pair) for pair in (told.get("going") or []) + (told.get("secure") or []))
    rows = _outcome.by_key(run.newest(run.host) or ())
    mine = [one for one in listed(run, model) if key_of(one) in rows and owner_of(one) in chosen
            and rows[key_of(one)]["certificate_valid"] and not rows[key_of(one)]["failed"]]
    result = dict(rows=list(rows.values()), changed=False, diff=[], ticked=[], ready=[], by_hand=[])
    if not mine:
        return result
    windows = Windows(run, execute)
    try:
        plan = windows.against(mine, only=[_tsp_settings.SECURE], by_instance=ticks(mine, True))
        written = switch(windows, mine, plan)
    except Unanswered as error:
        rows.update((key_of(one), _outcome.failed(rows[key_of(one)], str(error))) for one in mine)
        return dict(result, rows=list(rows.values()))
    by_hand = rows_by_hand(mine, plan)
    left = set(Key(row["cluster"], row["instance_id"]) for row in by_hand)
    return dict(
        result, changed=bool(written), ticked=sorted(map(list, written)), by_hand=by_hand,
        ready=[list(key_of(one)) for one in mine if key_of(one) not in left])


def ticks(instances, value):
    return dict((one["instance_id"], {_tsp_settings.SECURE: value}) for one in instances)


def switch(windows, instances, plan):
    """{Key} of the instances whose value changed."""
    written = set()
    for one in instances:
        for write in plan.writes:
            if write["instance_id"] == one["instance_id"] and windows.write(write):
                written.add(key_of(one))
    return written


def not_ticked(run, model, register):
    """{Key of a user: sentence} of users with a TSP that nobody told to use the secure port. register: LOOKED, for what can be told by
    the registry, or TICKED, for what was."""
    tsps = [one for one in model.listed() if one["enrolment"] == "tsp" and one["state"] == "present"]
    if not tsps:
        return {}
    ready, missing = ticked_by_hand(run, model), {}
    for host in run.vars["ansible_play_hosts_all"]:
        found = run.of_host(host, register)
        ready |= set(Key(*pair) for pair in (found.get("tsp") or found).get("ready") or ())
    for one in tsps:
        if key_of(one) not in ready:
            missing.setdefault(owner_of(one), []).append("%s on %s" % (one["instance_id"], one["host"]))
    return dict((owner, NOT_TICKED % ", ".join(places)) for owner, places in missing.items())


def to_restart(run):
    """Hosts whose TSPs this run may start anew, so that a connection of theirs may be cut by a cutover."""
    return set(host for host in run.vars["ansible_play_hosts_all"]
               if (run.of_host(host, _run.LOOKED).get("tsp") or {}).get("may_restart"))


def settle(run, execute):
    """What is left to be restarted for after the cutover. A tick whose user was not cut over after all is taken back."""
    model, handed, ticked = run.model(), run.register(_run.HANDED), run.register(_run.TICKED)
    was = set(Key(*pair) for pair in run.register(_run.DUE).get("secure") or ())
    secure = set(Key(*pair) for pair in run.register(_run.CUTOVER).get("secure") or ())
    rows = _outcome.by_key(run.newest(run.host) or ())
    mine = [one for one in listed(run, model) if key_of(one) in rows and not rows[key_of(one)]["failed"]]
    written = set(Key(*pair) for pair in ticked.get("ticked") or ())
    by_hand = set(Key(row["cluster"], row["instance_id"]) for row in ticked.get("by_hand") or ()) & ticked_by_hand(run, model)
    windows, result = Windows(run, execute), dict(changed=False, warnings=[])
    back = [one for one in mine if key_of(one) in written and owner_of(one) not in secure]
    if back and not run.check:
        try:
            plan = windows.against(back, only=[_tsp_settings.SECURE], by_instance=ticks(back, False))
            result["changed"] = bool(switch(windows, back, plan))
            if plan.by_hand or plan.problems:
                raise Unanswered("the registry profile does not say how it is switched off")
        except Unanswered as error:
            message = ("Secure Connection is switched on, but the user is not cut over: the TSP is off the air at its next start. It could "
                       "not be taken back: %s" % error)
            rows.update((key_of(one), _outcome.also_failed(rows[key_of(one)], message)) for one in back)
    reasons = list(handed.get("deferred") or ())
    if any(key_of(one) in written and owner_of(one) in secure or key_of(one) in by_hand and owner_of(one) in secure - was for one in mine):
        reasons.append(SECURE_CONNECTION)
    restart = restart_of(windows, run.register(_run.LOOKED)["tsp"]["facts"], reasons)
    said = [text for text in ((handed.get("restart") or {}).get("said"), restart["said"]) if text]
    return dict(result, rows=list(rows.values()), restart=restart, said=said)


# What a person enters


def sheet(run, host, rows):
    """Lines with what a person has to enter on a host, nothing of instances that the cluster sees connected."""
    done = set(key_of(row) for row in rows if row.get("online"))
    looked, handed, ticked = (run.of_host(host, name) for name in (_run.LOOKED, _run.HANDED, _run.TICKED))
    files = dict((Key(cluster, name), path) for cluster, name, path in handed.get("files") or ())
    found = {}
    for row in (looked.get("tsp") or {}).get("by_hand", []) + (handed.get("by_hand") or []) + (ticked.get("by_hand") or []):
        key = Key(row["cluster"], row["instance_id"])
        if key not in done:
            line = "%s = %s" % (row["place"], row["value"])
            if row["setting"] == _tsp_settings.STRING and key in files:
                line += ", which is in %s" % files[key]
            found.setdefault(key, {})[row["setting"]] = line
    lines = []
    for key, settings in found.items():
        order = sorted(settings, key=list(_tsp_settings.SETTINGS).index)
        lines += ["%s, instance %s:" % (host, key.name)] + ["    " + settings[name] for name in order]
    return lines + ["%s: %s" % (host, said) for said in run.of_host(host, _run.SETTLED).get("said") or ()]


# Discovery


def snapshot(run, execute):
    """Keep what the registry holds below the keys in question, in a file that only we may read: there may be secrets in it."""
    windows = discovering(run, execute)
    path = snapshot_file(run, windows)
    write_private(path, json.dumps(taken(windows)))
    return dict(changed=False, msg="The registry as it is now is kept in %s" % path)


def discover(run, execute):
    """Compare the registry with the snapshot, and give the profile with what was found out."""
    windows = discovering(run, execute)
    path = snapshot_file(run, windows)
    try:
        with open(path, encoding="utf-8") as stream:
            before = json.load(stream)
    except (OSError, ValueError):
        return dict(failed=True, msg="There is no snapshot %s. Begin with client_windows_discover_stage before." % path)
    options = windows.options
    try:
        whole = {"settings": windows.profile}
    except Refused:
        whole = {}
    found = _tsp_discovery.registry_change(
        before, taken(windows), options["discover_setting"], options["discover_number"], options["discover_shown_before"],
        options["discover_shown_after"], whole)
    told = found["changes"] + found["remarks"]
    if found["problems"]:
        run.show(*told)
        return dict(failed=True, msg=" ".join(found["problems"]), changes=told)
    os.unlink(path)
    return dict(changed=False, msg=told, profile=found["profile"], path=run.profile_path(options["registry_profile"]))


def discovering(run, execute):
    windows = Windows(run, execute)
    options = windows.options
    if windows.mistakes:
        raise Refused("; ".join(windows.mistakes))
    if not options["discover_setting"] or not options["registry_profile"]:
        raise Refused("Give client_windows_discover_setting, such as security.capf_port, and client_windows_registry_profile, a file of "
                      "your own that the profile is written to.")
    return windows


def snapshot_file(run, windows):
    folder = windows.options["discover_folder"] or os.path.join("~", ".voiceops", "discovery")
    return os.path.join(os.path.expanduser(folder), "%s.json" % re.sub(r"[^\w.-]", "_", run.host))


def taken(windows):
    """{key: {name: {type, value}}} of the keys and all below them, down to the depth."""
    found, level = {}, list(windows.options["discover_keys"])
    for _depth in range(windows.options["discover_depth"]):
        below = []
        for key in level:
            answer = windows.ask("win_reg_stat", path=key)
            if answer.get("properties") is not None:
                found[key] = answer["properties"]
            below += ["%s\\%s" % (key, name) for name in answer.get("sub_keys") or ()]
        level = below
    return found


STAGES = {"look": look, "inspect": inspect, "install_tsp": install, "hand_over": hand_over, "fetched": fetched, "tick": tick,
          "settle": settle, "snapshot": snapshot, "discover": discover}
