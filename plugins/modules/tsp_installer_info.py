#!/usr/bin/python
# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: tsp_installer_info
short_description: Read what the MSI of a Cisco TSP says of properties, registry and providers
description:
  - Reads a Windows Installer package on the controller, without Windows and without any library, and tells product, codes, upgrade
    kind, public properties, fields of the dialogs, registry rows below the TSP's keys, provider files, and custom actions.
  - Cisco documents twelve properties of the silent installer and not where the TSP keeps its settings. The package may say more.
    RV(draft) is what follows from it for a registry profile. Nothing in it is measured, so that a run neither writes nor compares it
    until a host has confirmed it; the playbook C(voiceops.secure_tsp.discover_registry_profile) does that.
  - Where the settings are written by a custom action, the package has no registry rows of them. That is said as a warning.
  - What Cisco's own package holds is not known to the makers of this collection; it was tested with played packages made by msitools.
options:
  path:
    description:
      - The package (C(.msi)), or a program with the package stored in it as it is.
      - A package that is compressed or encrypted inside its C(setup.exe) cannot be read there. On a PC that has the TSP, Windows keeps the
        package; the value C(LocalPackage) below
        C(HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Installer\UserData\S-1-5-18\Products\*\InstallProperties) names it.
    type: path
    required: true
  registry_keys:
    description: Keys without their hive. Registry rows at and below them are returned, whatever the registry view.
    type: list
    elements: str
    default:
      - SOFTWARE\Cisco Systems, Inc.\Cisco TSP
      - SOFTWARE\Microsoft\Windows\CurrentVersion\Telephony\Providers
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
extends_documentation_fragment:
  - voiceops.secure_tsp.attributes
  - voiceops.secure_tsp.attributes.info_module
notes:
  - It runs nothing of the package, and reads only the tables it needs. A broken package, or one of unusual size, is refused.
  - Defaults of properties that the package hides, and of password fields, are not shown.
seealso:
  - module: voiceops.secure_tsp.tsp_trace_info
"""

EXAMPLES = r"""
- name: Read the package of the TSP
  voiceops.secure_tsp.tsp_installer_info:
    path: /srv/installers/played-tsp-x64.msi
  delegate_to: localhost
  register: installer

- name: List what the silent installer takes
  ansible.builtin.debug:
    msg: "{{ installer.properties | map(attribute='name') | list }}"

- name: Show which settings the package tells the place of
  ansible.builtin.debug:
    msg: "{{ installer.draft.settings }}"
"""

RETURN = r"""
"""

import os

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _msi, _tsp_installer
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import FormatError, InputError, StoreError
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._foreign import printable
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._module import create, finish, reporting

KEYS = ["SOFTWARE\\Cisco Systems, Inc.\\Cisco TSP", "SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Telephony\\Providers"]
WHERE_IT_IS = (
    "Give the .msi itself. On a PC that has the TSP, Windows keeps it: the value LocalPackage below HKLM\\SOFTWARE\\Microsoft\\Windows\\"
    "CurrentVersion\\Installer\\UserData\\S-1-5-18\\Products\\*\\InstallProperties names it. Elsewhere start the program on a PC and look for "
    "a new .msi below %TEMP% while its first page is shown; then cancel.")
NO_ROWS = (
    "The package has no registry rows below %s (it has %d elsewhere), so it does not tell where the TSP keeps its settings.%s")
BY_ACTION = " It has %d custom actions, which may write them."


def read(params):
    """C((result, warnings))"""
    path = params["path"]
    try:
        with open(path, "rb") as stream:
            size = stream.seek(0, os.SEEK_END)

            def read_at(offset, count):
                stream.seek(offset)
                return stream.read(count)

            offset, found, warnings = _facts(read_at, size, params)
    except FormatError as error:
        raise FormatError(error.what, where=path, cure="If it is no .msi: " + WHERE_IT_IS) from None
    except OSError as error:
        raise StoreError("the installer cannot be read: %s" % error.strerror, where=path) from None
    if not found["registry"]:
        actions = BY_ACTION % len(found["custom_actions"]) if found["custom_actions"] else ""
        warnings.append(NO_ROWS % (" and ".join(params["registry_keys"]), found["registry_elsewhere"], actions))
    return dict(changed=False, path=path, size=size, offset=offset, **found), warnings


def _facts(read_at, size, params):
    packages = _msi.find(read_at, size)
    if not packages:
        raise InputError("no MSI is stored in it as it is; it may be there compressed or encrypted", where=params["path"], cure=WHERE_IT_IS)
    if len(packages) > 1:
        raise InputError("%d packages are stored in it, at the offsets %s" % (
            len(packages), ", ".join(str(offset) for offset, _database in packages)), where=params["path"], cure=WHERE_IT_IS)
    ((offset, database),) = packages
    found = _tsp_installer.facts(database, params["registry_keys"])
    return offset, found, [printable(warning) for warning in database.warnings]


def main():
    module = create(dict(
        path=dict(type="path", required=True), registry_keys=dict(type="list", elements="str", default=list(KEYS))))
    with reporting(module):
        result, warnings = read(module.params)
        finish(module, result, warnings=warnings)


if __name__ == "__main__":
    main()
