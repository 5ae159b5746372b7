# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Which TSP a PC runs, what else on it decides whether the TSP works, and how it compares with the other PCs and the cluster. Pure."""

from __future__ import annotations

import collections
import datetime
import ntpath
import re
from typing import TYPE_CHECKING

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _tsp_installation, _tsp_settings

if TYPE_CHECKING:
    from typing import Any, Iterable, Iterator, Mapping, Tuple

    from ansible_collections.voiceops.secure_tsp.plugins.module_utils._tsp_settings import Entry, Value

    Values = Mapping[str, Value]  # of a registry key
    Facts = Mapping[str, Any]
    Finding = Tuple[str, str, str]  # severity, what and fix

WINDOWS_KEY = "HKLM:\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion"
POLICIES_KEY = _tsp_installation.CURRENT % "" + "Policies\\System"
RUN_KEYS = tuple(_tsp_installation.CURRENT % node + "Run" for node in ("", "WOW6432Node\\"))
PROVIDER_FILES = "CiscoTSP*.tsp"
SYSTEM_FOLDER = "System32"
NOTIFIER = re.compile(r"cisco.*notif|notif.*cisco|ciscotsp.*notif", re.IGNORECASE)
AUTO_UPDATE = "general.auto_update"
NEVER = "never"
CRITICAL, WARNING = "critical", "warning"
SEVERAL = "Its silent upgrade is not supported with %d instances: start the cluster's plug-in on the PC, whose dialog keeps them all, and restart."
LEFT_BEHIND = "Install the TSP again with at least %d instances, remove them in its dialog, uninstall it, and install it again."
ONE = "Upgrade it with client_windows_manage_installation, or start the cluster's plug-in on the PC."


def facts(programs: Iterable[Values] | None, pattern: str, windows: Values, policies: Values, run: Values,
          files: Iterable[Mapping[str, Any]], auto_update: str | None = None) -> dict[str, Any]:
    """What a PC shows about its TSP, as a dict.

    programs: values of the uninstall keys, None where they were not read. pattern: finds the TSP among them. windows, policies: values
    of their keys; run: those of what starts with Windows. files: the providers' files, of win_find. auto_update: as the registry profile
    reads it, None if it knows no place.
    """
    named = [one for one in programs or () if re.search(pattern, value(one, "DisplayName"))]
    return {
        "known": programs is not None, "version": value(named[0], "DisplayVersion") if len(named) == 1 else "",
        "installed": day_of(value(named[0], "InstallDate")) if len(named) == 1 else "",
        "windows_installed": day_of_seconds(value(windows, "InstallDate")),
        "uac": value(policies, "EnableLUA") not in ("", "0"),
        "notifier": sorted(name for name, one in run.items() if NOTIFIER.search("%s %s" % (name, one.get("value")))),
        "files": [{"file": ntpath.basename(one["path"]), "checksum": one.get("checksum") or ""} for one in files],
        "auto_update": auto_update,
    }


def value(values: Values, name: str) -> str:
    found = (values.get(name) or {}).get("value")
    return "" if found is None else str(found)


def day_of(text: str) -> str:
    """ISO date of the date of an installed program, which has no separators; empty if it is not a date."""
    found = re.match(r"(\d{4})(\d\d)(\d\d)\Z", text)
    return "-".join(found.groups()) if found else ""


def day_of_seconds(text: str) -> str:
    """ISO date of seconds since 1970."""
    return datetime.datetime.fromtimestamp(int(text), datetime.timezone.utc).date().isoformat() if text.isdigit() else ""


def stored_choice(setting: str, entry: Entry, found: Value | None) -> str | None:
    """The word of a choice whose stored value was read; None where it does not follow."""
    words = entry.transform.get(_tsp_settings.MAP) if isinstance(entry.transform, dict) else None
    if not words or found is None:
        return None
    return next((word for word, stored in words.items() if str(stored) == str(found["value"]) and word in
                 (_tsp_settings.SETTINGS[setting].choices or ())), None)


# Findings


def findings(hosts: Mapping[str, Facts], host: str, releases: Mapping[str, str]) -> list[Finding]:
    """[(severity, what, fix)] about the software of a host.

    hosts: {host: facts with providers (TAPI's list), and with listed, {TSP number: cluster} of the listed instances}. releases: {cluster:
    its release, empty where it is not known}.
    """
    mine = hosts[host]
    found = list(_of_version(hosts, host, releases))
    found += _of_files(hosts, host)
    found += _of_providers(mine)
    if mine["auto_update"] not in (None, NEVER):
        found.append((WARNING, "Auto Update is %s: the TSP may change its version automatically, and it needs a local administrator." % (
            _tsp_settings.SETTINGS[AUTO_UPDATE].choices[mine["auto_update"]]), "Set general.auto_update to never in client_windows_settings."))
    if mine["notifier"] and mine["uac"]:
        found.append((WARNING, (
            "The TSP's Notifier is set to start with Windows (%s), but it does not start while user account control is on.") % (
            ", ".join(mine["notifier"])), "Start it by hand if it is needed, or remove it from the programs that start with Windows."))
    if mine["installed"] and mine["windows_installed"] > mine["installed"]:
        found.append((WARNING, "Windows was installed or upgraded in place on %s, after the TSP, which was installed on %s." % (
            mine["windows_installed"], mine["installed"]),
            "After an in-place upgrade of Windows, the TSP has to be installed again; its reinstallation keeps the instances."))
    return found


def _of_version(hosts: Mapping[str, Facts], host: str, releases: Mapping[str, str]) -> Iterator[Finding]:
    mine = hosts[host]
    if not mine["version"]:
        return
    cure = SEVERAL % len(numbers_of(mine)) if len(numbers_of(mine)) > 1 else ONE
    for cluster in sorted(set(mine["listed"].values())):
        problem, warning = _tsp_settings.compare_with_cluster(mine["version"], releases[cluster]) if releases.get(cluster) else (None, None)
        if problem:
            yield CRITICAL, problem, "Uninstall it and install the cluster's plug-in: the installer cannot downgrade."
        elif warning:
            yield WARNING, warning, cure
        others = dict((name, one["version"]) for name, one in hosts.items() if name != host and one["version"] and cluster in one["listed"].values())
        newer = sorted(name for name, version in others.items() if _tsp_settings.is_newer(version, mine["version"]))
        if newer:
            yield WARNING, "TSP %s is installed, but %s." % (mine["version"], ", ".join(
                "%s has %s" % (name, others[name]) for name in newer)), cure


def _of_files(hosts: Mapping[str, Facts], host: str) -> Iterator[Finding]:
    """The files of instances are copies of one file, so all on a PC are equal, and so are those of PCs with the same version."""
    mine = dict((one["file"], one["checksum"]) for one in hosts[host]["files"] if one["checksum"])
    kinds = collections.Counter(mine.values())
    if len(kinds) > 1:
        usual = kinds.most_common(1)[0][0]
        yield WARNING, "The provider files of this PC do not all have the same version: %s differs from the others." % ", ".join(
            sorted(name for name, checksum in mine.items() if checksum != usual)), "Install the plug-in again; it writes the files of all instances."
    elif kinds and hosts[host]["version"]:
        (checksum,) = kinds
        others = sorted(name for name, one in hosts.items() if name != host and one["version"] == hosts[host]["version"]
                        and one["files"] and checksum not in set(each["checksum"] for each in one["files"]))
        if others:
            yield WARNING, "Its provider file differs from that of %s, where the same version %s is installed." % (
                ", ".join(others), hosts[host]["version"]), "Compare the files, and install the plug-in again where the file is wrong."


def numbers_of(facts_: Facts) -> list[int]:
    return sorted(one["tsp_number"] for one in facts_["providers"] if one["tsp_number"])


def _of_providers(mine: Facts) -> Iterator[Finding]:
    there = set(one["file"].lower() for one in mine["files"])
    left = [one for one in mine["providers"] if one["tsp_number"] and ntpath.basename(one["file"]).lower() not in there]
    gone = mine["known"] and not mine["version"] and not there
    if left and (there or gone):
        files, highest = ", ".join(one["file"] for one in left), max(one["tsp_number"] for one in left)
        yield WARNING, "TAPI's list has %s, which an uninstallation left behind: there is no such file." % files, LEFT_BEHIND % highest
    unlisted = sorted(set(numbers_of(mine)) - set(mine["listed"]) - set(one["tsp_number"] for one in left))
    if unlisted:
        yield WARNING, "TSP %s is installed but not in the list of instances." % ", ".join("%03d" % one for one in unlisted), (
            "List it in secure_tsp_instances with its tsp_number, or remove it in the installer's dialog.")
