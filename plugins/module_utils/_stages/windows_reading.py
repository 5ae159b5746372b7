# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Read the TSPs of a host, for runs that change something and for runs that do not, and install them if necessary."""

from __future__ import annotations

import urllib.parse

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import (
    _outcome,
    _run,
    _trace_reading,
    _tsp_host,
    _tsp_installation,
    _tsp_settings,
    _tsp_software,
    _work_sheet,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import SecureTspError
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._model import key_of, owner_of
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._options import options_of
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages import clusters, hosts
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages.windows import (
    BY_NOBODY,
    STRINGS,
    SUBSETS,
    Unanswered,
    Windows,
    authorities_of,
    listed,
    not_looked_at,
    rows_by_hand,
)

NO_WINDOWS = (
    "Its enrolment is tsp, but the host is not a Windows host: its connection is neither psrp nor winrm, and its shell is not a Windows "
    "shell. Correct ansible_connection or ansible_shell_type in the inventory, or remove enrolment.")


# look


def look(run, execute):
    """Read the host's TSPs: addresses, providers, certificates, settings, and whether the host reaches the cluster."""
    mine = listed(run, run.model())
    if run.register(_run.PREFLIGHT).get("stopped") or not run.is_windows(run.host):
        return beside(hosts.look(run, execute), mine)
    parts, stores = [(mine, of_tsps(run, execute, mine))] if mine else [], stores_of(run)
    return joined(parts + ([(stores, hosts.look(run, execute))] if stores else []))


def inspect(run, execute):
    """The same for a run that changes nothing and contacts no cluster first."""
    mine = listed(run, run.model())
    if not run.is_windows(run.host):
        return beside(hosts.inspect(run, execute), mine)
    stores = stores_of(run)
    why = not_looked_at(run) if mine or stores else ""
    if why:
        return dict(changed=False, rows=[], refused=why, warnings=[why])
    parts = [(mine, of_tsps(run, execute, mine, changes=False))] if mine else []
    return joined(parts + ([(stores, hosts.inspect(run, execute))] if stores else []))


def stores_of(run):
    """Instances of Java applications on this host, including absent ones."""
    model = run.model()
    return hosts.listed_here(run, model) + hosts.listed_here(run, model, "absent")


def joined(parts):
    """Join the results for the TSPs and the Java applications of a host, [(instances, result)]. One does not stop the other."""
    if len(parts) == 1:
        return parts[0][1]
    found = dict(changed=False, rows=[], refused="", keys=[], gone=[], warnings=[])
    stopped = all(result["refused"] for _mine, result in parts)
    for mine, result in parts:
        rows = result["rows"]
        if result["refused"] and not stopped:
            rows = [_outcome.failed(_outcome.fresh(one), result["refused"]) for one in mine if one["state"] == "present"]
        merged = dict((name, found[name] + list(result.get(name) or ())) for name in ("keys", "gone", "warnings"))
        found = dict(found, **dict(result, **merged, rows=found["rows"] + rows, changed=found["changed"] or bool(result["changed"]),
                                   diff=list(found.get("diff") or ()) + list(result.get("diff") or ()),
                                   refused=" ".join(filter(None, (found["refused"], result["refused"]))) if stopped else ""))
    return found


def beside(found, tsps):
    """The result for a host that is not a Windows host, with the instances that only a Windows host could show."""
    rows = [_outcome.failed(_outcome.fresh(one), NO_WINDOWS) for one in tsps]
    return dict(found, rows=found["rows"] + rows) if rows and not found["refused"] else found


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
        installation = decided(run, windows, mine) if windows.options["manage_installation"] else None
    except Unanswered as error:
        return dict(result, refused=str(error), warnings=[str(error)])
    found, closed, warnings = hosts.judged(run, run.register(_run.PREFLIGHT), mine, dict(missing=[], ports=ports),
                                           None if clock is None else clock - sent)
    # A restart affects all TSPs of a PC, so a problem for one cluster's TSPs is a problem for all.
    problems = [sentence for _cluster, sentence in found + closed] + plan.problems
    if installation and changes:
        problems, warnings = problems + installation["problems"], warnings + installation["warnings"]
    work = work_of(windows, mine, plan, installation if changes else None)
    warnings += ["TSP %03d is not in TAPI's list of providers, so instance %s cannot fetch a certificate." % (
        one["tsp_number"], one["item"]["instance_id"]) for one in facts["instances"] if not (one["installed"] or work.get("install"))]
    if problems and changes:  # nothing may be done on this host
        return dict(result, refused=" ".join(problems), warnings=warnings + problems)
    rows = [_outcome.updated(_outcome.fresh(one), found, one) for one, found in zip(mine, facts["instances"])]
    return dict(result, rows=rows, refused=" ".join(problems), warnings=warnings + problems, tsp=dict(
        facts=facts, ports=ports, may_restart=windows.allowed(facts) != BY_NOBODY,
        ready=[list(key_of(one)) for one in mine if _tsp_settings.has_a_place(_tsp_settings.SECURE, windows.profile)],
        by_hand=rows_by_hand(mine, plan), drift=plan.drift, work=work, strings=strings, upgrade=upgrade_by_hand(windows, mine, installation)))


def decided(run, windows, mine):
    """What to do about the installation, and the problems with it in one list."""
    options = windows.options
    system = dict((name, windows.ask("win_reg_stat", path=key, name=name).get("value")) for name, key in _tsp_installation.SYSTEM.items())
    decision = _tsp_installation.decision(
        windows.values(_tsp_installation.PROVIDERS_KEY), mine, windows.programs, options["installer_version"],
        run.register(_run.PREFLIGHT)["clusters"][mine[0]["cluster"]].get("release") or "", options["product_name"],
        system["SystemRoot"] or "C:\\Windows", options["installer_properties"])
    if decision["action"] in _tsp_installation.SILENT and options["password_on_command_line"]:
        recorded = [name for name, key in _tsp_installation.RECORDERS.items()
                    if windows.ask("win_reg_stat", path=key, name=name).get("value") not in (None, 0, "0", "")]
        if recorded:
            decision["problems"].append(_tsp_installation.RECORDED % ", ".join(recorded))
    return dict(decision, architecture=system["PROCESSOR_ARCHITECTURE"])


def work_of(windows, mine, plan, installation):
    """What the role has to do on the host; empty if there is nothing to do."""
    work = {}
    if installation and installation["action"] in _tsp_installation.SILENT:
        work["install"] = dict(
            installer_of(windows, mine, installation), action=installation["action"],
            provider_file=windows.options["provider_file"] or _tsp_installation.provider_file(installation["architecture"]))
    if plan.writes:
        work["writes"] = plan.writes
    return work


def installer_of(windows, mine, installation):
    """Where the installer comes from: its path on the host, and the file on the controller or the URL to fetch it from."""
    options = windows.options
    name = options["installer_name"] or _tsp_installation.installer_name(installation["architecture"])
    url = "" if options["installer_path"] or options["installer_file"] else options["installer_url"] or (
        "https://%s/plugins/%s" % (windows.run.model().clusters[mine[0]["cluster"]]["hostname"], name))
    return dict(path=options["installer_path"] or "%s\\%s" % (options["installer_folder"], name), file=options["installer_file"], url=url)


def upgrade_by_hand(windows, mine, installation):
    """What a person has to upgrade on this host, as an Upgrade of _work_sheet; None if there is nothing."""
    if not installation or installation["action"] != _tsp_installation.UPGRADE_BY_HAND:
        return None
    place = installer_of(windows, mine, installation)
    source = next(name for name in (_work_sheet.URL, _work_sheet.FILE, _work_sheet.PATH) if place[name])
    return dict(installed=installation["installed"], version=windows.options["installer_version"], numbers=installation["tsp_numbers"],
                sha256=windows.options["installer_sha256"].lower(), source=source,
                installer=without_login(place[source]) if source == _work_sheet.URL else place[source])


def without_login(url):
    """A URL for people, without what may be a secret: login and query."""
    parts = urllib.parse.urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


# drift and diagnosis


def read(run, execute):
    """Read the host, for an evaluation after all hosts and clusters were read. Changes nothing."""
    return reading(Windows(run, execute))


def reading(windows):
    run = windows.run
    mine = listed(run, run.model())
    told = windows.ask("setup", gather_subset=SUBSETS).get("ansible_facts") or {}
    facts, _strings = windows.facts(mine, run.option("soon_days"))
    plan = windows.against(mine)
    rows = [_outcome.updated(_outcome.fresh(one), found, one) for one, found in zip(mine, facts["instances"])]
    return dict(changed=False, rows=rows, tsp=dict(
        facts=facts, ports=windows.ports(mine), drift=plan.drift, addresses=_tsp_host.addresses_of(told),
        software=dict(windows.software(), providers=facts["providers"], listed=dict(
            (one["tsp_number"], one["item"]["cluster"]) for one in facts["instances"]))))


def judged_reading(host, told, certificates, outside=None, releases=None):
    """(instances, findings, addresses) of a host. told: results of read(). certificates: {cluster: server certificates, None if they
    could not be read}. outside: {cluster: DER of the authorities of its online CA}. releases: {cluster: its release}."""
    authorities = dict((name, authorities_of(found)) for name, found in certificates.items())
    facts = dict((name, _tsp_host.with_authorities(one["facts"], authorities, outside)) for name, one in told.items())
    mine = told[host]
    software = dict((name, dict(one["software"], listed=dict((int(number), cluster) for number, cluster in one["software"]["listed"].items())))
                    for name, one in told.items())
    found = _tsp_host.findings(facts, host, mine["drift"], mine["ports"])
    found += [_tsp_host.finding(severity, host, None, what, fix) for severity, what, fix in _tsp_software.findings(
        software, host, releases or {})]
    return facts[host]["instances"], found, mine["addresses"]


def traces(run, execute, asked, mask):
    """What the newest trace files of the TSPs show, if the settings specify their folder."""
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
    """Download the installer if necessary, and run it silently. The command line may contain a password, so no message quotes it."""
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


STAGES = {"look": look, "inspect": inspect, "install_tsp": install}
