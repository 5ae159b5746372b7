# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""What one PC with the TSP shows about claims that are not publicly confirmed. Pure.

The role client_windows relies on these claims; its README has their grades.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _foreign, _tsp_settings, _tsp_software

if TYPE_CHECKING:
    from typing import Any, Collection, Dict, Iterable, Iterator, Mapping

    from ansible_collections.voiceops.secure_tsp.plugins.module_utils._tsp_software import Values

    Row = Dict[str, str]  # code, host, instance_id, verdict and found

CONFIRMED, CONTRADICTED, OPEN = "confirmed", "contradicted", "open"
HASHED = re.compile(r"[0-9a-f]{8}\.0\Z")
EXPECTED = ("QBEClient.cer", "QBEClient.pem", "CallManager.cer")
RELATED = re.compile(r"cisco|\btsp\b|\btapi\b", re.IGNORECASE)
FETCH = "security.fetch_certificates"
NOTHING = "nothing"
DISCOVER = "ansible-playbook voiceops.secure_tsp.discover_registry_profile --limit {host} -e client_windows_registry_profile=tsp.yml"
ENROL = "Enrol this instance with voiceops.secure_tsp.site, then run this again."
CONNECT = "Start the application, so that its TSP opens its provider, then run this again."


class Claim(NamedTuple):
    """text: what the role assumes. next: what settles it if this PC leaves it open."""

    text: str
    next: str = ""


CLAIMS = {
    "program": Claim("The list of installed programs names the TSP once, with a version.",
                     "Set client_windows_product_name to an expression for the name that this PC has."),
    "version": Claim("The version of the TSP can be compared with the release of the cluster."),
    "package": Claim("Windows Installer keeps the MSI of the TSP, and LocalPackage names it.",
                     "Look for the MSI in the installer, and read it with the module tsp_installer_info."),
    "provider_files": Claim("The files CiscoTSPnnn[x64].tsp in System32 are the providers of all instances, and copies of one."),
    "providers": Claim("TAPI's list of providers shows which instances exist, by the number in the name of the file."),
    "registry": Claim("The TSP keeps its settings below the keys that discover_registry_profile reads.",
                      "Find the keys with the registry editor, and set client_windows_discover_keys."),
    "fetch_tick": Claim("Fetch Certificates is not stored anywhere.", DISCOVER),
    "windows_date": Claim("After an in-place upgrade, the installation date of Windows is later than that of the TSP.",
                          "Compare both dates on a PC on which you know of such an upgrade."),
    "notifier": Claim("The Notifier starts with Windows under a name that contains Cisco and Notif.",
                      "Look for the Notifier among the programs that start with Windows."),
    "files": Claim("The TSP keeps QBEClient.cer, QBEClient.pem, CallManager.cer and <hash>.0 in client_windows_certificate_folder.", ENROL),
    "hashed_names": Claim("The files <hash>.0 have the subject hash of OpenSSL as their name, and are certificates.", ENROL),
    "subject": Claim("CUCM writes the name that CAPF knows, CTI-<instance ID> by default, into the certificate.", ENROL),
    "issuer": Claim("The TSP's certificate was issued by the CAPF of its cluster.", ENROL),
    "address": Claim("CTI Manager sees the TSP under an address that the host reports.", CONNECT),
    "traces": Claim("Trace files are in the folders CiscoTSPnnnLog below trace.directory, and tsp_trace_info can read them.",
                    "Set trace.directory in client_windows_settings to the folder in the dialog of the TSP, and run this again."),
}


def of_host(host: str, told: Mapping[str, Any], profile: Mapping[str, Any], releases: Collection[str]) -> Iterator[Row]:
    """Rows about a PC: {code, host, instance_id, verdict, found}.

    told: C(seen) of the stage observe with C(programs), [(name, version)] of those that look like the TSP, or None where they were not
    read; C(related), names of programs that might be it; C(packages), the paths of its MSI; C(keys), where its settings were looked for;
    C(registry), {key: {name: type}}; C(software), _tsp_software.facts(), with C(providers), and C(listed), the numbers of its listed TSPs.
    profile: the registry profile. releases: those of the clusters of its instances.
    """
    seen, software = told["seen"], told["software"]
    numbers = sorted(one["tsp_number"] for one in software["providers"] if one["tsp_number"])

    def row(code: str, verdict: str, found: str) -> Row:
        return dict(code=code, host=host, instance_id="", verdict=verdict, found=found)

    programs = seen["programs"]
    if programs is None:
        yield row("program", OPEN, "client_windows_read_programs is off")
    else:
        yield row("program", CONFIRMED if len(programs) == 1 and programs[0][1] else CONTRADICTED, _listed(
            "%s %s" % tuple(one) for one in programs) if programs else "no program matches; similar names: %s" % _listed(seen["related"]))
    if software["version"] and releases:
        told_of = [(release, _tsp_settings.compare_with_cluster(software["version"], release)) for release in releases]
        yield row("version", CONFIRMED if all(both == (None, None) for _release, both in told_of) else OPEN, "TSP %s, cluster %s" % (
            software["version"], _listed(releases)))
    else:
        yield row("version", OPEN, "the version of the TSP, or the release of the cluster, is not known")
    if programs:
        yield row("package", CONFIRMED if seen["packages"] else CONTRADICTED, _listed(seen["packages"]))
    else:
        yield row("package", OPEN, "the TSP was not found among the programs")
    files = [one["file"] for one in software["files"]]
    copies = len(set(one["checksum"] for one in software["files"] if one["checksum"])) == 1
    there = set(found for found in (_number_of(one) for one in files) if found)
    yield row("provider_files", CONFIRMED if files and copies and there >= set(numbers) else CONTRADICTED if numbers else OPEN, _listed(files))
    listed = sorted(int(number) for number in software["listed"])
    yield row("providers", CONFIRMED if set(listed) <= set(numbers) else CONTRADICTED, "%s; the lists have %s" % (
        _listed(one["file"] for one in software["providers"]), _listed("%03d" % number for number in listed)))
    values = sum(map(len, seen["registry"].values()))
    yield row("registry", CONFIRMED if values else CONTRADICTED, "%d values below %s" % (values, _listed(seen["keys"])))
    if FETCH in profile:
        yield row("fetch_tick", CONTRADICTED, "the registry profile has its place")
    else:
        yield row("fetch_tick", CONFIRMED if profile else OPEN, "the registry profile %s" % (
            "has no place for it, but %d other settings" % len(profile) if profile else "is empty"))
    yield row("windows_date", OPEN, "Windows %s, TSP %s" % (software["windows_installed"] or "unknown", software["installed"] or "unknown"))
    yield row("notifier", CONFIRMED if software["notifier"] else OPEN, _listed(software["notifier"]))


def of_instance(host: str, told: Mapping[str, Any], files: Collection[str], addresses: Collection[str],
                connections: Iterable[Mapping[str, Any]] | None, trace: Mapping[str, Any] | None) -> Iterator[Row]:
    """Rows about an instance.

    told: its row of _tsp_host.host_facts(). files: the names in its folder. addresses: those that the host reports. connections: those
    of its user that CTI Manager shows, None where they are not known. trace: result of tsp_trace_info, None where no folder is known.
    """
    def row(code: str, verdict: str, found: str) -> Row:
        return dict(code=code, host=host, instance_id=told["item"]["instance_id"], verdict=verdict, found=found)

    names = dict((name.lower(), name) for name in files)
    lacking = [name for name in EXPECTED if name.lower() not in names]
    hashed = [name for name in names if HASHED.match(name)]
    yield row("files", OPEN if not files else CONTRADICTED if lacking or not hashed else CONFIRMED, _listed(sorted(files)))
    right = [one["file"] for one in told["certificates"] if HASHED.match(one["file"]) and one["file"] == one["subject_hash"] + ".0"]
    yield row("hashed_names", OPEN if not hashed else CONFIRMED if set(right) == set(hashed) else CONTRADICTED, (
        "%d of %d files" % (len(right), len(hashed))))
    certificate, wanted = told["certificate"], told["item"]["capf"]["name"]
    if certificate is None:
        yield row("subject", OPEN, "no certificate")
        yield row("issuer", OPEN, "no certificate")
    else:
        yield row("subject", CONFIRMED if certificate["common_name"] == wanted else CONTRADICTED, "CN %s; expected %s" % (
            _foreign.printable(certificate["common_name"]), wanted))
        yield row("issuer", CONTRADICTED if told["needs_certificate"]["reason"] == "wrong_issuer" else CONFIRMED,
                  _foreign.printable(certificate["issuer"]))
    if connections is None:
        yield row("address", OPEN, "the connections could not be read")
    else:
        seen = sorted(set(one["address"] for one in connections if one["address"]))
        met = set(seen) & (set(addresses) | {told["item"]["client_address"] or None})
        yield row("address", CONFIRMED if met else OPEN, "CTI Manager sees %s; the host reports %s" % (_listed(seen), _listed(addresses)))
    if trace is None or trace.get("failed"):
        yield row("traces", OPEN if trace is None else CONTRADICTED, "no trace file" if trace is None else _foreign.printable(trace["msg"]))
    else:
        yield row("traces", CONFIRMED, "%d files: %s" % (len(trace["files"]), _foreign.printable(trace["summary"])))


def _number_of(file: str) -> int | None:
    found = re.match(r"CiscoTSP(\d{3})", file, re.IGNORECASE)
    return int(found.group(1)) if found else None


def _listed(values: Iterable[object]) -> str:
    return ", ".join(_foreign.printable(str(one)) for one in values) or NOTHING


def named(programs: Iterable[Values], pattern: str) -> tuple[list[tuple[str, str]], list[str]]:
    """C(([(name, version)] of the programs that the pattern finds, names of others that might be the TSP))."""
    found, related = [], []
    for one in programs:
        name = _tsp_software.value(one, "DisplayName")
        if name and re.search(pattern, name):
            found.append((name, _tsp_software.value(one, "DisplayVersion")))
        elif RELATED.search(name):
            related.append(name)
    return found, related


def lines(rows: Collection[Row]) -> Iterator[str]:
    """What is shown at the end of the run: the contradicted claims, then the open ones with what settles them, then a count."""
    for verdict in (CONTRADICTED, OPEN):
        for one in rows:
            if one["verdict"] == verdict:
                yield "%s  %s%s" % (verdict.upper() if verdict == CONTRADICTED else verdict, one["host"], (
                    ", " + one["instance_id"]) * bool(one["instance_id"]))
                yield "  %s" % CLAIMS[one["code"]].text
                yield "  Found: %s" % one["found"]
                if CLAIMS[one["code"]].next:
                    yield "  -> %s" % CLAIMS[one["code"]].next.replace("{host}", one["host"])
    yield "%d claims: %s." % (len(rows), ", ".join("%d %s" % (sum(one["verdict"] == verdict for one in rows), verdict)
                                                   for verdict in (CONFIRMED, CONTRADICTED, OPEN)))


def page(rows: Iterable[Row], registry: Mapping[str, Mapping[str, Mapping[str, str]]], made: str) -> str:
    """The table as Markdown, with the names of registry values, without their contents. registry: {host: {key: {name: type}}}."""
    text = ["# What is known about the TSP, as seen on %s" % made, "",
            "No value of the registry, no key and no password is in this file.", "",
            "| claim | PC | instance | verdict | found |", "|---|---|---|---|---|"]
    text += ["| %s |" % " | ".join(_cell(one) for one in (
        CLAIMS[one["code"]].text, one["host"], one["instance_id"], one["verdict"], one["found"])) for one in rows]
    for host, keys in registry.items():
        if not keys:
            continue
        text += ["", "## Names below the TSP's registry keys on %s" % _cell(host), ""]
        text += ["| key | name | type |", "|---|---|---|"]
        text += ["| %s |" % " | ".join(_cell(one) for one in (key, name, kind)) for key, values in keys.items() for name, kind in values.items()]
    return "\n".join(text) + "\n"


def _cell(value: object) -> str:
    return re.sub(r"([\\|`*<>\[\]])", r"\\\1", _foreign.printable(str(value)))
