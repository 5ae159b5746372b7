#!/usr/bin/python
# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: tsp_installer_info
short_description: Read what the MSI of a Cisco TSP says of properties, registry and providers
version_added: 0.1.0
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
    path: /srv/installers/CiscoTSPx64.msi
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
path:
  description: The file that was read.
  returned: success
  type: str
  sample: /srv/installers/CiscoTSPx64.msi
size:
  description: Its size in octets.
  returned: success
  type: int
  sample: 14336
offset:
  description: Where in it the package begins; 0 for a C(.msi).
  returned: success
  type: int
  sample: 0
product:
  description: What the package calls itself.
  returned: success
  type: dict
  contains:
    name:
      description: Name of the product.
      type: str
      sample: Played Cisco TSP
    version:
      description: Its version.
      type: str
      sample: 14.0.1.2
    manufacturer:
      description: Its maker.
      type: str
      sample: Played, not Cisco
    product_code:
      description: Product code, by which Windows knows an installed one.
      type: str
      sample: "{D5A1B2C3-0000-4000-8000-000000000001}"
    upgrade_code:
      description: Upgrade code, which versions of one product share.
      type: str
      sample: "{D5A1B2C3-0000-4000-8000-000000000002}"
    package_code:
      description: Package code, which each build has of its own.
      type: str
      sample: "{309CC646-5211-4A1F-A532-DA2EA8441045}"
    language:
      description: Number of the language, or several.
      type: str
      sample: "1033"
    platform:
      description: Platform as the summary has it, such as V(Intel) or V(x64).
      type: str
      sample: x64
    bits:
      description: 32 or 64, as the platform tells; null for a platform that is not known.
      type: int
      sample: 64
    code_page:
      description: Code page of the texts; 0 is the neutral one.
      type: int
      sample: 0
    made_with:
      description: The program that made the package.
      type: str
      sample: msitools 0.101
upgrade:
  description: What the package does with other versions.
  returned: success
  type: dict
  contains:
    kind:
      description:
        - V(major) where it removes versions that it finds. V(only detected) where it knows some and removes none. V(none) where it knows
          no other version, so that one with the same product code is upgraded only by reinstalling (C(REINSTALL=ALL)).
      type: str
      sample: major
    related:
      description: The versions it looks for.
      type: list
      elements: dict
      contains:
        upgrade_code:
          description: Upgrade code looked for.
          type: str
          sample: "{D5A1B2C3-0000-4000-8000-000000000002}"
        from:
          description: Lowest version; empty for any.
          type: str
          sample: 14.0.1.2
        to:
          description: Highest version; empty for any.
          type: str
          sample: 14.0.1.2
        only_detected:
          description: Whether it is detected only, and not removed.
          type: bool
          sample: false
        property:
          description: Property that says so afterwards.
          type: str
          sample: WIX_UPGRADE_DETECTED
properties:
  description: Public properties, which can be given on the command line, from the package's defaults, dialogs and registry rows.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name.
      type: str
      sample: CTI1
    default:
      description: Default; null where there is none. One of a hidden property is not shown.
      type: str
      sample: NONE
    hidden:
      description: Whether Windows Installer keeps it out of its log, or a password field writes it.
      type: bool
      sample: false
    secure:
      description: Whether it reaches the part of the installation with raised rights.
      type: bool
      sample: false
    setting:
      description: Setting of the role C(client_windows) that it is, from Cisco's documentation or the label of its field; else empty.
      type: str
      sample: cti_manager.primary
    documented:
      description: Whether Cisco documents it for silent installation.
      type: bool
      sample: true
    dialogs:
      description: Dialogs with a field for it.
      type: list
      elements: str
      sample: [PlayedUser]
    choices:
      description: Values that its fields offer.
      type: list
      elements: dict
      contains:
        value:
          description: Value of the property.
          type: str
          sample: "1"
        text:
          description: What the dialog shows for it; empty for a check box.
          type: str
          sample: "off"
controls:
  description: Fields of the package's own dialogs that write a property.
  returned: success
  type: list
  elements: dict
  contains:
    dialog:
      description: Name of the dialog.
      type: str
      sample: PlayedSecurity
    title:
      description: Its title.
      type: str
      sample: "[ProductName] - Security"
    control:
      description: Name of the field.
      type: str
      sample: PlayedInstanceEdit
    type:
      description: Kind of field, such as V(Edit).
      type: str
      sample: Edit
    property:
      description: The property.
      type: str
      sample: PLAYEDINSTANCE
    label:
      description: Text at the field.
      type: str
      sample: "Instance Identifier:"
    group:
      description: Text of the frame around it.
      type: str
      sample: CAPF
    secret:
      description: Whether it is a password field.
      type: bool
      sample: false
registry:
  description: Registry rows at and below O(registry_keys).
  returned: success
  type: list
  elements: dict
  contains:
    hive:
      description: V(HKLM), V(HKCU), V(HKCR), V(HKU), or V(HKLM or HKCU), which depends on how it is installed.
      type: str
      sample: HKLM
    key:
      description: Key without the hive, with the defaults of properties in it.
      type: str
      sample: SOFTWARE\Cisco Systems, Inc.\Cisco TSP\CiscoTSP001
    name:
      description: Name of the value; empty for the default one.
      type: str
      sample: PlayedCapfPort
    type:
      description: V(string), V(expandstring), V(multistring), V(dword), V(binary), or V(key) for a key that is made or removed.
      type: str
      sample: dword
    data:
      description: What is written, with references to properties in brackets.
      type: str
      sample: "[PLAYEDPORT]"
    properties:
      description: The properties in it.
      type: list
      elements: str
      sample: [PLAYEDPORT]
    view:
      description: 64 for the 64-bit view, 32 for the one below C(WOW6432Node) on 64-bit Windows.
      type: int
      sample: 64
    component:
      description: The component it belongs to.
      type: str
      sample: PlayedProvider
    condition:
      description: When that component is installed; empty for always.
      type: str
      sample: ""
registry_elsewhere:
  description: Number of registry rows under other keys.
  returned: success
  type: int
  sample: 1
providers:
  description: Files of TAPI service providers (C(.tsp)) and of their dialogs (C(CiscoTUISP...dll)).
  returned: success
  type: list
  elements: dict
  contains:
    file:
      description: Name.
      type: str
      sample: CiscoTSP001x64.tsp
    folder:
      description: Folder; the one of Windows that it begins with is named in brackets.
      type: str
      sample: "[System64Folder]"
    version:
      description: Version of the file as the package has it.
      type: str
      sample: ""
    size:
      description: Size in octets.
      type: int
      sample: 20
    bits:
      description: 64 where its component is one of 64 bits.
      type: int
      sample: 64
    component:
      description: The component it belongs to.
      type: str
      sample: PlayedProvider
files:
  description: Number of all files in the package.
  returned: success
  type: int
  sample: 2
custom_actions:
  description: Custom actions, which may do what no table tells.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name.
      type: str
      sample: PlayedWriteSettings
    kind:
      description: V(library), V(program), V(script), V(property), V(folder), V(installation), V(error) or V(unknown).
      type: str
      sample: property
    properties:
      description: Properties that are handed to it.
      type: list
      elements: str
      sample: [PASS, PLAYEDINSTANCE]
    sets:
      description: The property that it sets, where it is of the kind V(property).
      type: str
      sample: PlayedData
draft:
  description: What follows for a registry profile of the role C(client_windows). None of it is measured.
  returned: success
  type: dict
  contains:
    settings:
      description: Entries of a profile by their setting, with the grade V(from the installer).
      type: dict
      sample:
        user.name:
          key: HKLM:\SOFTWARE\Cisco Systems, Inc.\Cisco TSP\CiscoTSP{number}
          name: PlayedUser
          type: string
          transform: text
          view: 64
          readable: true
          grade: from the installer
        cti_manager.primary_kind:
          key: HKLM:\SOFTWARE\Cisco Systems, Inc.\Cisco TSP\CiscoTSP{number}
          name: PlayedManagerKind
          type: string
          transform:
            map:
              none: NONE
              ipv4: IPV4
              ipv6: IPV6
              host: HOST
          view: 64
          readable: true
          grade: from the installer
        cti_manager.primary:
          key: HKLM:\SOFTWARE\Cisco Systems, Inc.\Cisco TSP\CiscoTSP{number}
          name: PlayedManager
          type: string
          transform: text
          view: 64
          readable: true
          grade: from the installer
        security.secure_connection:
          key: HKLM:\SOFTWARE\Cisco Systems, Inc.\Cisco TSP\CiscoTSP{number}
          name: PlayedSecure
          type: dword
          transform:
            map:
              "on": 1
          view: 64
          readable: true
          grade: from the installer
        security.instance_id:
          key: HKLM:\SOFTWARE\Cisco Systems, Inc.\Cisco TSP\CiscoTSP{number}
          name: PlayedInstance
          type: string
          transform: text
          view: 64
          readable: true
          grade: from the installer
        security.capf_port:
          key: HKLM:\SOFTWARE\Cisco Systems, Inc.\Cisco TSP\CiscoTSP{number}
          name: PlayedCapfPort
          type: dword
          transform: number
          view: 64
          readable: true
          grade: from the installer
        trace.tsp:
          key: HKLM:\SOFTWARE\Cisco Systems, Inc.\Cisco TSP\CiscoTSP{number}
          name: PlayedTrace
          type: string
          transform:
            map:
              "off": "0"
              error: "1"
              detailed: "2"
          view: 64
          readable: true
          grade: from the installer
    not_placed:
      description: Registry rows from which no entry follows.
      type: list
      elements: dict
      contains:
        key:
          description: Key of the row.
          type: str
          sample: SOFTWARE\Cisco Systems, Inc.\Cisco TSP\CiscoTSP001
        name:
          description: Name of the value.
          type: str
          sample: PlayedHeartbeat
        data:
          description: What is written.
          type: str
          sample: "30"
        reason:
          description: Why no entry follows.
          type: str
          sample: "it is the same for everybody: no property is written there"
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
        path=dict(type="path", required=True), registry_keys=dict(type="list", elements="str", default=list(KEYS), no_log=False)))
    with reporting(module):
        result, warnings = read(module.params)
        finish(module, result, warnings=warnings)


if __name__ == "__main__":
    main()
