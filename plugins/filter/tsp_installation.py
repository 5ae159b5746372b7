# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: tsp_installation
short_description: What to do about the TSP's installation on a Windows host
description:
  - Compares what is installed with what is wanted and with the cluster, and builds the command line of the silent
    installer from its documented properties.
options:
  _input:
    description: Values of TAPI's registry key C(Providers), as M(ansible.windows.win_reg_stat) returns them.
    type: dict
    required: true
  instances:
    description: The host's completed instances, from the filter P(voiceops.secure_tsp.fleet#filter).
    type: list
    elements: dict
    required: true
  products:
    description: Values of the uninstall keys of the installed programs, as M(ansible.windows.win_reg_stat) returns them.
    type: list
    elements: dict
    required: true
  product_name:
    description: Regular expression that finds the TSP's C(DisplayName) among them.
    type: str
    default: ""
  version:
    description: Version of the installer.
    type: str
    required: true
  release:
    description: Release of the cluster.
    type: str
    required: true
  system_root:
    description: Folder of Windows. The TSP's installer fails unless it is on drive C.
    type: str
    default: C:\Windows
  properties:
    description: Further properties of the installer, which win over those that follow from the instances.
    type: dict
    default: {}
  password:
    description: Password of the first instance's user, if it may stand in the installer's command line.
    type: str
    default: ""
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
"""

EXAMPLES = r"""
- name: Show what would be done
  ansible.builtin.debug:
    msg: >-
      {{ (my_providers.properties | voiceops.secure_tsp.tsp_installation(instances=my_instances, products=[],
         version='14.0.1.5', release='14.0.1.13900(155)')).action }}
"""

RETURN = r"""
_value:
  description:
    - C(action) (V(install), V(upgrade) or V(none)), C(arguments) of the installer (secret if a password was given),
      C(installed) version or null, C(tsp_numbers) of the providers that are installed, C(problems) and C(warnings).
  type: dict
"""

import re

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _tsp_settings


def tsp_installation(values, instances, products, version, release, product_name="", system_root="C:\\Windows",
                     properties=None, password=""):
    """See DOCUMENTATION."""
    numbers = sorted(one["tsp_number"] for one in _tsp_settings.providers(values or {}) if one["tsp_number"])
    problem, warning = _tsp_settings.compare_with_cluster(version, release)
    problems, warnings = [problem] if problem else [], [warning] if warning else []
    installed, action = None, "none"
    products = _named(products, product_name)
    if len(products) > 1:
        problems.append("Several installed products look like the TSP: %s. Name the right one more closely." % ", ".join(
            "%s %s" % one for one in products))
    elif products:
        installed = products[0][1]
        action = _for_installed(installed, version, numbers, problems)
    elif numbers:
        problems.append(
            "TSP %s is listed as a TAPI provider, but no installed product looks like it. Either the product is called "
            "otherwise here, or it was uninstalled and left the provider behind: install it again with at least %d "
            "instances, remove them there, then uninstall it." % (", ".join("%03d" % one for one in numbers), max(numbers)))
    else:
        action = "install"
    wanted = dict(_tsp_settings.installer_properties(instances[0]) if instances else {}, **(properties or {}))
    if password:
        wanted["PASS"] = password
    if action == "install":
        problems += list(_tsp_settings.property_problems(wanted))
        if not system_root.upper().startswith("C:"):
            problems.append("Windows is in %s. The TSP's installer fails unless Windows is on drive C." % system_root)
        if len(instances) > 1:
            warnings.append(
                "The silent installer knows no number of instances. %d are listed: add the others with the installer's own "
                "dialog, 'Add TSP instance'." % len(instances))
    return {
        "action": "none" if problems else action, "installed": installed, "tsp_numbers": numbers,
        "arguments": _tsp_settings.installer_arguments(wanted, action == "upgrade") if action != "none" else "",
        "problems": problems, "warnings": warnings,
    }


def _named(products, pattern):
    """C([(name, version)]) of the programs that the pattern finds."""
    texts = [tuple(str((one.get(key) or {}).get("value") or "") for key in ("DisplayName", "DisplayVersion")) for one in products]
    return [one for one in texts if one[0] and re.search(pattern, one[0])]


def _for_installed(installed, version, numbers, problems):
    if not _tsp_settings.version_of(installed):
        problems.append("The installed TSP tells no version, so it cannot be compared with %s." % version)
        return "none"
    if _tsp_settings.is_newer(installed, version):
        problems.append(
            "TSP %s is installed, which is newer than %s. The installer cannot downgrade: uninstall it first (Control Panel > "
            "Programs)." % (installed, version))
        return "none"
    if not _tsp_settings.is_newer(version, installed):
        return "none"
    if len(numbers) > 1:
        problems.append(
            "%d TSP instances are installed (%s), and a silent upgrade of more than one is not supported. Start the installer "
            "of version %s on the host by hand: its dialog keeps the configuration of all instances. Then run this again." % (
                len(numbers), ", ".join("%03d" % one for one in numbers), version))
    return "upgrade"


class FilterModule:
    """The installation of the TSP."""

    def filters(self):
        return {"tsp_installation": tsp_installation}
