#!/usr/bin/python
# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: tsp_installer_info
short_description: Read properties, registry rows and providers from the MSI package of a Cisco TSP
version_added: 0.1.0
description:
  - Reads a Windows Installer package on the controller, without Windows and without any library. Returns the product, its codes, the
    kind of upgrade, public properties, dialog fields, registry rows below the TSP's keys, provider files, and custom actions.
  - Cisco documents twelve properties of the silent installer, but not where the TSP stores its settings. The package may reveal more.
    RV(draft) is a draft of a registry profile derived from it. The draft is not verified, so no run writes or compares its values
    until a host has confirmed them. The playbook C(voiceops.secure_tsp.discover_registry_profile) does that.
  - If a custom action writes the settings, the package has no registry rows for them. In that case, a warning is issued.
  - The authors of this collection do not know the content of Cisco's own package. The module was tested with sample packages made with
    msitools.
options:
  path:
    description:
      - The package (C(.msi)), or a program that contains the package uncompressed.
      - A package that is compressed or encrypted inside its C(setup.exe) cannot be read. On a PC on which the TSP is installed, Windows
        keeps a copy of the package. The value C(LocalPackage) below
        C(HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Installer\UserData\S-1-5-18\Products\*\InstallProperties) contains its path.
    type: path
    required: true
  registry_keys:
    description: Registry keys without their hive. Registry rows at and below these keys are returned, in either registry view.
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
  - The module does not run anything from the package, and reads only the tables that it needs. It refuses a damaged or unusually large
    package.
  - Default values of hidden properties and of password fields are not returned.
seealso:
  - module: voiceops.secure_tsp.tsp_trace_info
"""

EXAMPLES = r"""
- name: Read the package of the TSP
  voiceops.secure_tsp.tsp_installer_info:
    path: /srv/installers/CiscoTSPx64.msi
  delegate_to: localhost
  register: installer

- name: List the properties of the silent installer
  ansible.builtin.debug:
    msg: "{{ installer.properties | map(attribute='name') | list }}"

- name: Show the settings whose location the package reveals
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
  description: Its size in bytes.
  returned: success
  type: int
  sample: 14336
offset:
  description: Offset of the package in the file; 0 for a C(.msi).
  returned: success
  type: int
  sample: 0
product:
  description: How the package identifies itself.
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
      description: Its manufacturer.
      type: str
      sample: Played, not Cisco
    product_code:
      description: Product code, by which Windows identifies an installed product.
      type: str
      sample: "{D5A1B2C3-0000-4000-8000-000000000001}"
    upgrade_code:
      description: Upgrade code, which all versions of a product share.
      type: str
      sample: "{D5A1B2C3-0000-4000-8000-000000000002}"
    package_code:
      description: Package code, which is unique to each build.
      type: str
      sample: "{309CC646-5211-4A1F-A532-DA2EA8441045}"
    language:
      description: Number of the language, or of several languages.
      type: str
      sample: "1033"
    platform:
      description: Platform, as in the summary, such as V(Intel) or V(x64).
      type: str
      sample: x64
    bits:
      description: 32 or 64, according to the platform; null for an unknown platform.
      type: int
      sample: 64
    code_page:
      description: Code page of the texts; 0 is neutral.
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
        - V(major) if it removes the versions that it finds. V(only detected) if it detects versions but removes none. V(none) if it detects
          no other version, so that a version with the same product code is upgraded only by reinstalling (C(REINSTALL=ALL)).
      type: str
      sample: major
    related:
      description: The versions that it looks for.
      type: list
      elements: dict
      contains:
        upgrade_code:
          description: Upgrade code that it looks for.
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
          description: Whether the version is only detected, and not removed.
          type: bool
          sample: false
        property:
          description: Property that is set if the version is found.
          type: str
          sample: WIX_UPGRADE_DETECTED
properties:
  description: Public properties, which can be set on the command line, from the package's defaults, dialogs and registry rows.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name.
      type: str
      sample: CTI1
    default:
      description: Default value; null if there is none. The default of a hidden property is not shown.
      type: str
      sample: NONE
    hidden:
      description: Whether Windows Installer keeps it out of its log, or a password field sets it.
      type: bool
      sample: false
    secure:
      description: Whether it is passed to the elevated part of the installation.
      type: bool
      sample: false
    setting:
      description: The corresponding setting of the role C(client_windows), from Cisco's documentation or the label of its field, or empty.
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
      description: Values that its fields offer for selection.
      type: list
      elements: dict
      contains:
        value:
          description: Value of the property.
          type: str
          sample: "1"
        text:
          description: Text that the dialog shows for it; empty for a check box.
          type: str
          sample: "off"
controls:
  description: Fields of the package's own dialogs that set a property.
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
      description: Type of the field, such as V(Edit).
      type: str
      sample: Edit
    property:
      description: The property.
      type: str
      sample: PLAYEDINSTANCE
    label:
      description: Label of the field.
      type: str
      sample: "Instance Identifier:"
    group:
      description: Text of the group box around it.
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
      description: V(HKLM), V(HKCU), V(HKCR), V(HKU), or V(HKLM or HKCU) if it depends on how the package is installed.
      type: str
      sample: HKLM
    key:
      description: Key without the hive, with properties replaced by their defaults.
      type: str
      sample: SOFTWARE\Cisco Systems, Inc.\Cisco TSP\CiscoTSP001
    name:
      description: Name of the value; empty for the default value.
      type: str
      sample: PlayedCapfPort
    type:
      description: V(string), V(expandstring), V(multistring), V(dword), V(binary), or V(key) for a key that is created or removed.
      type: str
      sample: dword
    data:
      description: Data that is written, with references to properties in brackets.
      type: str
      sample: "[PLAYEDPORT]"
    properties:
      description: Properties that RV(registry[].data) refers to.
      type: list
      elements: str
      sample: [PLAYEDPORT]
    view:
      description: Registry view, 64 for the 64-bit view, 32 for C(WOW6432Node) on 64-bit Windows.
      type: int
      sample: 64
    component:
      description: The component that it belongs to.
      type: str
      sample: PlayedProvider
    condition:
      description: Condition for installing that component; empty if it is always installed.
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
      description: Folder. A Windows system folder at its start is named in brackets.
      type: str
      sample: "[System64Folder]"
    version:
      description: Version of the file, as in the package.
      type: str
      sample: ""
    size:
      description: Size in bytes.
      type: int
      sample: 20
    bits:
      description: 64 if its component is a 64-bit component.
      type: int
      sample: 64
    component:
      description: The component that it belongs to.
      type: str
      sample: PlayedProvider
files:
  description: Number of all files in the package.
  returned: success
  type: int
  sample: 2
custom_actions:
  description: Custom actions, which may do things that the tables do not show.
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
      description: Properties that are passed to it.
      type: list
      elements: str
      sample: [PASS, PLAYEDINSTANCE]
    sets:
      description: The property that it sets, if its kind is V(property).
      type: str
      sample: PlayedData
draft:
  description: Draft of a registry profile for the role C(client_windows). None of it is verified.
  returned: success
  type: dict
  contains:
    settings:
      description: Entries of the profile by setting, with the grade V(from the installer).
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
      description: Registry rows from which no entry can be derived.
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
          description: Data that is written.
          type: str
          sample: "30"
        reason:
          description: Why no entry can be derived.
          type: str
          sample: "it is the same everywhere: no property is written there"
"""

import os

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _msi, _tsp_installer
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import FormatError, InputError, StoreError
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._foreign import printable
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._module import create, finish, reporting

KEYS = ["SOFTWARE\\Cisco Systems, Inc.\\Cisco TSP", "SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Telephony\\Providers"]
WHERE_IT_IS = (
    "Use the .msi itself. On a PC that has the TSP, Windows keeps a copy: the value LocalPackage below HKLM\\SOFTWARE\\Microsoft\\Windows\\"
    "CurrentVersion\\Installer\\UserData\\S-1-5-18\\Products\\*\\InstallProperties contains its path. Otherwise, start the program on a "
    "PC, look for a new .msi below %TEMP% while its first page is shown, then cancel.")
NO_ROWS = (
    "The package has no registry rows below %s (it has %d elsewhere), so it does not show where the TSP stores its settings.%s")
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
        raise FormatError(error.what, where=path, cure="If it is not an .msi: " + WHERE_IT_IS) from None
    except OSError as error:
        raise StoreError("the installer cannot be read: %s" % error.strerror, where=path) from None
    if not found["registry"]:
        actions = BY_ACTION % len(found["custom_actions"]) if found["custom_actions"] else ""
        warnings.append(NO_ROWS % (" and ".join(params["registry_keys"]), found["registry_elsewhere"], actions))
    return dict(changed=False, path=path, size=size, offset=offset, **found), warnings


def _facts(read_at, size, params):
    packages = _msi.find(read_at, size)
    if not packages:
        raise InputError("it contains no uncompressed MSI; the MSI may be compressed or encrypted", where=params["path"], cure=WHERE_IT_IS)
    if len(packages) > 1:
        raise InputError("it contains %d packages, at the offsets %s" % (
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
