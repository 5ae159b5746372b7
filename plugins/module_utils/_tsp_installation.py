# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""What to do about the TSP's installation on a Windows host. Pure.

What is installed is compared with what is wanted and with the cluster, and the command line of the silent installer is built
from its documented properties.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _tsp_settings

if TYPE_CHECKING:
    from typing import Any, Collection, Iterable, Mapping, Sequence

    from ansible_collections.voiceops.secure_tsp.plugins.module_utils._tsp_settings import Value

CURRENT = "HKLM:\\SOFTWARE\\%sMicrosoft\\Windows\\CurrentVersion\\"
PROVIDERS_KEY = CURRENT % "" + "Telephony\\Providers"
UNINSTALL_KEYS = (CURRENT % "" + "Uninstall", CURRENT % "WOW6432Node\\" + "Uninstall")
# {name: key} of values that show the kind of Windows.
SYSTEM = {
    "PROCESSOR_ARCHITECTURE": "HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Session Manager\\Environment",
    "SystemRoot": "HKLM:\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion",
}
# {name: key} of values that make Windows record the command lines of processes, and Windows Installer its properties.
RECORDERS = {
    "ProcessCreationIncludeCmdLine_Enabled": CURRENT % "" + "Policies\\System\\Audit",
    "Logging": "HKLM:\\SOFTWARE\\Policies\\Microsoft\\Windows\\Installer",
}
SHA256 = re.compile("[0-9a-fA-F]{64}")
# What to do. A silent upgrade of several instances is not supported, so that a person does it.
INSTALL, UPGRADE, UPGRADE_BY_HAND, NONE = "install", "upgrade", "upgrade by hand", "none"
SILENT = (INSTALL, UPGRADE)
UNKNOWN_INSTALLER = (
    "Managing the installation needs client_windows_installer_version and client_windows_installer_sha256, the SHA-256 of the "
    "installer as 64 hexadecimal digits.")
RECORDED = (
    "client_windows_password_on_command_line is set, but this host records command lines or the properties of installations "
    "(%s). Set the password in the TSP's dialog instead.")


def decision(values: Mapping[str, Value] | None, instances: Sequence[Mapping[str, Any]], products: Iterable[Mapping[str, Value]],
             version: str, release: str, product_name: str = "", system_root: str = "C:\\Windows",
             properties: Mapping[str, Any] | None = None, password: str = "") -> dict[str, Any]:
    """C(action), C(arguments) of the installer (secret if a password was given), C(installed) version or None, C(tsp_numbers),
    C(problems) and C(warnings).

    values: of TAPI's registry key Providers. products: values of the uninstall keys of the installed programs. product_name: regular
    expression that finds the TSP among them. properties: of the installer; they take precedence over those derived from the instances.
    """
    numbers = sorted(one["tsp_number"] for one in _tsp_settings.providers(values or {}) if one["tsp_number"])
    problem, warning = _tsp_settings.compare_with_cluster(version, release)
    problems, warnings = [problem] if problem else [], [warning] if warning else []
    installed, action = None, NONE
    found = _named(products, product_name)
    if len(found) > 1:
        problems.append("Several installed products look like the TSP: %s. Name the right one more precisely." % ", ".join(
            "%s %s" % one for one in found))
    elif found:
        installed = found[0][1]
        action = _for_installed(installed, version, numbers, problems)
    elif numbers:
        problems.append(
            "TSP %s is listed as a TAPI provider, but no installed product looks like it. Either the product has "
            "another name here, or it was uninstalled and left the provider behind: install it again with at least %d "
            "instances, remove them there, then uninstall it." % (", ".join("%03d" % one for one in numbers), max(numbers)))
    else:
        action = INSTALL
    wanted = dict(_tsp_settings.installer_properties(instances[0]) if instances else {}, **(properties or {}))
    if password:
        wanted["PASS"] = password
    if action == INSTALL:
        problems += list(_tsp_settings.property_problems(wanted))
        if not system_root.upper().startswith("C:"):
            problems.append("Windows is in %s. The TSP's installer fails unless Windows is on drive C." % system_root)
        if len(instances) > 1:
            warnings.append(
                "The silent installer cannot set the number of instances. %d are listed: add the others with the installer's own "
                "dialog, 'Add TSP instance'." % len(instances))
    return {
        "action": NONE if problems else action, "installed": installed, "tsp_numbers": numbers,
        "arguments": _tsp_settings.installer_arguments(wanted, action == UPGRADE) if action in SILENT else "",
        "problems": problems, "warnings": warnings,
    }


def _named(products: Iterable[Mapping[str, Value]], pattern: str) -> list[tuple[str, ...]]:
    """C([(name, version)]) of the programs that the pattern finds."""
    texts = [tuple(str((one.get(key) or {}).get("value") or "") for key in ("DisplayName", "DisplayVersion")) for one in products]
    return [one for one in texts if one[0] and re.search(pattern, one[0])]


def _for_installed(installed: str, version: str, numbers: Collection[int], problems: list[str]) -> str:
    if not _tsp_settings.version_of(installed):
        problems.append("The installed TSP has no version, so it cannot be compared with %s." % version)
        return NONE
    if _tsp_settings.is_newer(installed, version):
        problems.append(
            "TSP %s is installed, which is newer than %s. The installer cannot downgrade: uninstall it first (Control Panel > "
            "Programs)." % (installed, version))
        return NONE
    if not _tsp_settings.is_newer(version, installed):
        return NONE
    return UPGRADE_BY_HAND if len(numbers) > 1 else UPGRADE


def installer_name(architecture: str) -> str:
    """File name of the installer, as seen in the field."""
    return "CiscoTSP.exe" if architecture == "x86" else "CiscoTSPx64.exe"


def provider_file(architecture: str) -> str:
    """File of the first instance's provider."""
    return "C:\\Windows\\System32\\%s" % ("CiscoTSP001.tsp" if architecture == "x86" else "CiscoTSP001x64.tsp")
