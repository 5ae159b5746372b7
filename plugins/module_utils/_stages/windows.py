# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Hosts whose TSP enrols its certificate itself: what every stage on such hosts needs.

These stages use modules of ansible.windows; none of our own code runs there. Each returns rows like the stages on other hosts.
Restarts are decided here and carried out by the role client_windows. For an enrolment, the host is restarted only if nothing is left for a
person to enter, or a person has confirmed the entry.
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
    _run,
    _tsp_host,
    _tsp_installation,
    _tsp_settings,
    _tsp_software,
    _window,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import SecureTspError
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._model import by_controller, key_of
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._run import Refused
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages import clusters, files, hosts

NEEDS, OLDEST = "ansible.windows", "2.8.0"  # the first version whose win_package compares checksums
PACKAGES = {"psrp": "pypsrp", "winrm": "winrm"}  # what the connection plugins import
INSTALLED_AS = {"winrm": "pywinrm"}
CAPF = "CAPF"
PATTERNS = ["*.0", "*.cer", "*.pem"]
STRINGS = "*.txt"
FULL = "FullControl"
ON_CONTROLLER, ON_HOST, TO_NOBODY = "file_on_controller", "file_on_host", "none"
FETCHING, SECURE_CONNECTION, INSTALLATION = "fetching certificates", "the secure connection", "installation"
BY_NOBODY = "none"
WORD = "entered"
NOT_TYPED = (
    "Nobody typed '%s' at the terminal, so nothing counts as entered, and no TSP was restarted for it. Run this at a terminal, or enter "
    "what is listed and run it again with secure_tsp_tsp_entered." % WORD)
NOT_ALLOWED = "This host%s must be restarted before all changes take effect (%s). Restart it, or set client_windows_allow_reboot%s."


# The options of each module, and the keys that are read from its result, including nested ones. A contract test compares both with the
# modules.
ASKED = {
    "setup": (("gather_subset",), ("ansible_facts", "ansible_ip_addresses", "ansible_date_time", "epoch_int", "epoch")),
    "slurp": (("src",), ("content",)),
    "win_acl": (("path", "user", "rights", "type"), ()),
    "win_acl_inheritance": (("path", "state"), ()),
    "win_copy": (("content", "src", "dest"), ()),
    "win_file": (("path", "state"), ()),
    "win_find": (("paths", "patterns", "get_checksum", "recurse"), ("files", "path", "lastwritetime", "checksum")),
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
    """One host, as shown by modules of ansible.windows. run and execute: as passed to a stage."""

    def __init__(self, run, execute):
        self.run, self.execute = run, execute
        self.options, self.mistakes = run.windows()

    def refuse_mistakes(self):
        """Raises Refused if options of the role are wrong."""
        if self.mistakes:
            raise Refused("; ".join(self.mistakes))

    @functools.cached_property
    def profile(self):
        """Settings of the registry profile. Raises Refused."""
        return self.run.registry_profile(self.options["registry_profile"])

    def answer(self, module, options, secret=False, action=False):
        """The result of a module, limited to the keys that ASKED names."""
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
            raise Unanswered("%s.%s failed on this host: %s" % (NEEDS, module, str(answer.get("msg") or "no message").rstrip(".")),
                             **({"lost": True} if answer.get("lost") else {}))
        return answer

    def write(self, write, secret=False):
        """Write a registry value. Returns whether it changed."""
        options = dict((key, write[key]) for key in ("path", "name", "data", "type"))
        answer = self.answer("win_regedit", options, secret=secret)
        if answer.get("failed"):
            raise Unanswered("%s could not be written to the registry%s" % (
                write["setting"], "." if secret else ": %s" % (answer.get("msg") or "no message")))
        return bool(answer.get("changed"))

    def values(self, key):
        return self.ask("win_reg_stat", path=key).get("properties") or {}

    def properties(self, keys):
        """{key: values}. They may contain encrypted passwords and strings, so they are never registered."""
        return dict((key, self.values(key)) for key in keys)

    def closed_folder(self, folder, accounts):
        """Create a folder that only these accounts can open: [(account, rights)]. Other explicit rights stay.

        Call this before there is a file in it. Returns whether something changed.
        """
        answers = [self.ask("win_file", path=folder, state="directory")]
        answers += [self.ask("win_acl", path=folder, user=user, rights=rights, type="allow") for user, rights in accounts]
        answers.append(self.ask("win_acl_inheritance", path=folder, state="absent"))
        return any(answer.get("changed") for answer in answers)

    def placed(self, instances):
        """The instances with their number and the folder of their certificates."""
        return [dict(one, tsp_number=number, folder=_tsp_host.folder_of(self.options["certificate_folder"], number))
                for one, number in _tsp_settings.numbered(instances)[0]]

    def facts(self, instances, renew_before_days=None):
        """(host_facts(), paths of files with strings on the host)."""
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

    @functools.cached_property
    def programs(self):
        """Values of the uninstall keys of the installed programs, or of the named program. Each takes one query."""
        name = self.options["product_id"]
        keys = ["%s\\%s" % (key, name) for key in _tsp_installation.UNINSTALL_KEYS] if name else [
            "%s\\%s" % (key, name) for key in _tsp_installation.UNINSTALL_KEYS
            for name in self.ask("win_reg_stat", path=key).get("sub_keys") or ()]
        return [self.values(key) for key in keys]

    def software(self):
        """_tsp_software.facts() of the host."""
        windows = self.values(_tsp_software.WINDOWS_KEY)
        folder = "%s\\%s" % (_tsp_software.value(windows, "SystemRoot") or "C:\\Windows", _tsp_software.SYSTEM_FOLDER)
        entry, policy = _tsp_settings.load_profile(self.profile)[0].get(_tsp_software.AUTO_UPDATE), None
        if entry is not None and entry.readable:
            policy = _tsp_software.stored_choice(_tsp_software.AUTO_UPDATE, entry, self.values(entry.path(1)).get(entry.value_name(1)))
        return _tsp_software.facts(
            self.programs if self.options["read_programs"] or self.options["product_id"] else None, self.options["product_name"], windows,
            self.values(_tsp_software.POLICIES_KEY), dict(pair for key in _tsp_software.RUN_KEYS for pair in self.values(key).items()),
            self.ask("win_find", paths=[folder], patterns=[_tsp_software.PROVIDER_FILES], get_checksum=True)["files"], policy)

    def against(self, instances, **chosen):
        """The Plan of _tsp_settings, with the values in the registry."""
        given = dict(profile=self.profile, by_instance=self.options["instance_settings"], given=self.options["settings"])
        given.update(chosen)
        reads = _tsp_settings.against(instances, **given).reads
        return _tsp_settings.against(instances, properties=self.properties(reads), **given)

    def ports(self, instances):
        """The ports that these instances connect to, each with its problem; empty if ports are not to be checked."""
        if not self.options["try_ports"]:
            return []
        places = clusters.ports_of([dict(one, enrolment="collection") for one in instances])  # a TSP contacts CAPF itself
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
        """Whether restarting Telephony is sufficient."""
        return facts["restart_by"] == _tsp_host.BY_TELEPHONY and INSTALLATION not in reasons


def closed_window(run):
    """Why nothing may be restarted; empty while the window is open."""
    if run.option("ignore_window"):
        return ""
    window = _window.maintenance_window(run.option("window"), clusters.clock())
    return "" if window["open"] else window["text"]


def restart_of(windows, facts, reasons):
    """What the role restarts: by, why, and the message if nothing may be restarted."""
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


def entered(run, model, typed):
    """{Key} of instances whose settings a person has entered. typed: whether the operator at the terminal confirmed the entry."""
    if typed:
        return set(key_of(one) for one in model.instances() if one["enrolment"] == "tsp")
    return model.named(run.option("tsp_entered"), "secure_tsp_tsp_entered")[0]


def typed(run):
    """Whether the operator confirmed at the last pause that everything is entered. This requires a terminal."""
    return run.option("tsp_operator") and str(run.register(_run.TYPED).get("user_input") or "").strip().lower() == WORD


def not_typed(run):
    """The message if a pause ended without the confirmation, else empty."""
    paused = run.register(_run.TYPED)
    return NOT_TYPED if run.option("tsp_operator") and "user_input" in paused and not typed(run) else ""


def rows_by_hand(instances, plan):
    """What a person has to enter, with the cluster of each instance."""
    cluster = dict((one["instance_id"], one["cluster"]) for one in instances)  # the same ID in two clusters on one host needs two TSPs
    return [dict(row, cluster=cluster[row["instance_id"]]) for row in plan.by_hand]


def authorities_of(certificates):
    """Fingerprints of the CAPF certificates among those of a cluster's servers."""
    return [one["sha256_fingerprint"] for one in certificates or () if one["service"] == CAPF]


def as_file_name(text):
    """A name of a host or cluster as part of the name of a file."""
    return re.sub(r"[^\w.-]", "_", text)


def write_private(path, text):
    """Write a file on the controller that only its owner can read."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    files.keep(path, text)


# preflight


def mistakes(run, model):
    """What prevents the configuration of TSPs on hosts of this play, before a cluster is contacted."""
    here = hosts_of(run, model)
    found = [str(one) for one in model.named(run.option("tsp_entered"), "secure_tsp_tsp_entered")[1]] if here else []
    for host in here:
        found += ["host %s: %s" % (host, one.rstrip(".")) for one in mistakes_of(run, model, host)]
    return found


def skipped(run, model):
    """Mistakes with --skip-tags prove. It contains the tasks of TSPs, unless --tags enrol requests them, because each skipped task costs a
    process for each host."""
    if "prove" not in run.vars.get("ansible_skip_tags", ()) or "enrol" in run.vars.get("ansible_run_tags", ()):
        return []
    return ["host %s: --skip-tags prove also skips the enrolment of its TSPs. To postpone the cutover, use --tags enrol instead" % host
            for host in hosts_of(run, model)]


def lacking(run, here):
    """What the controller lacks to manage these hosts, each with the command that installs it."""
    if not here:
        return []
    found = []
    version = collection_version(NEEDS)
    if version is None or _tsp_settings.is_newer(OLDEST, version or OLDEST):
        found.append("Windows hosts need the collection %s, version %s or later, on the controller, %s. Install it with: "
                     "ansible-galaxy collection install %s" % (
                         NEEDS, OLDEST, "which has version %s" % version if version else "where it is not installed", NEEDS))
    for plugin in sorted(set(run.connection_of(host) for host in here) & set(PACKAGES)):
        if importlib.util.find_spec(PACKAGES[plugin]) is None:
            package = INSTALLED_AS.get(plugin, PACKAGES[plugin])
            found.append("The connection %s needs the Python package %s, which is not installed on the controller. Install it with: "
                         "python3 -m pip install %s" % (plugin, package, package))
    return found


def not_looked_at(run):
    """Why a run that changes nothing does not read this host; empty if it does."""
    missing = lacking(run, [run.host])
    return "It was not read. %s" % ". ".join(missing) if missing else ""


def collection_version(name):
    """The version of a collection; empty if it was not installed from a package, None if it is not installed."""
    try:
        package = importlib.import_module("ansible_collections." + name)
    except ImportError:
        return None
    for folder in package.__path__:
        with contextlib.suppress(OSError, ValueError, KeyError), open(os.path.join(folder, "MANIFEST.json"), encoding="utf-8") as stream:
            return str(json.load(stream)["collection_info"]["version"])
    return ""


def hosts_of(run, model):
    """Hosts of the play on which modules for Windows are used."""
    return [host for host in run.vars["ansible_play_hosts_all"] if tsps_of(model, host) and run.is_windows(host)]


def managed_hosts(run, model):
    """Hosts of the play that are reached by modules for Windows."""
    return [host for host in run.vars["ansible_play_hosts_all"]
            if run.is_windows(host) and (tsps_of(model, host) or any(map(by_controller, model.hosts.get(host, ()))))]


def tsps_of(model, host):
    return [one for one in model.hosts.get(host, ()) if one["enrolment"] == "tsp" and one["state"] == "present"]


def mistakes_of(run, model, host):
    options, found = run.windows(host)
    try:
        profile = run.registry_profile(options["registry_profile"])
    except Refused as error:
        return found + [str(error)]
    instances = [one for one in tsps_of(model, host) if one["cti_managers"]]  # others report the problems of its cluster
    found += _tsp_settings.against(instances, profile, options["settings"], options["instance_settings"]).problems
    if options["manage_installation"] and not (
            options["installer_version"] and _tsp_installation.SHA256.fullmatch(options["installer_sha256"])):
        found.append(_tsp_installation.UNKNOWN_INSTALLER)
    return found
