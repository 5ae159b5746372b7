# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role takes for granted of Windows' installer and registry, on those of Wine, with a played package of a TSP."""

from __future__ import annotations

import datetime
import pathlib

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _options, _tsp_installation, _tsp_settings, _tsp_software
from ansible_collections.voiceops.secure_tsp.plugins.modules import tsp_installer_info

PACKAGE = pathlib.Path(__file__).parents[1] / "vectors" / "msi" / "played-tsp-x64.msi"
PATTERN = _options.WINDOWS["product_name"].default
SOFTWARE = "HKLM:\\SOFTWARE"
UNINSTALL = SOFTWARE + "\\Microsoft\\Windows\\CurrentVersion\\Uninstall"
INSTALLED = SOFTWARE + "\\Microsoft\\Windows\\CurrentVersion\\Installer\\UserData"
# What the role lets through, and what command lines on Windows have rules for.
VALUES = {"USER": "DOMAIN\\rec tapi; 50% & more ^ (a) [b] 'c', d=e", "CTI1": "cucm.example.com", "CTI1_TYPE": "HOST", "PASS": "a b\\c  %PATH% $x"}


def registry_of(windows, key):
    """The same with keys in lower case, since case means nothing."""
    return {name.lower(): values for name, values in windows.registry(key).items()}


def said_by(path):
    return tsp_installer_info.read(dict(path=str(path), registry_keys=list(tsp_installer_info.KEYS)))[0]


@pytest.fixture(scope="module")
def package():
    return said_by(PACKAGE)


@pytest.fixture(scope="module")
def installed(windows):
    assert list(_tsp_settings.property_problems(VALUES)) == []
    windows.install(PACKAGE, _tsp_settings.installer_arguments(VALUES, upgrade=False))
    return windows


def test_each_property_gets_through_two_command_lines(installed, package):
    """The draft from the package names the places, and Windows Installer wrote exactly what was given there."""
    entry = _tsp_settings.load_profile({"user.name": dict(package["draft"]["settings"]["user.name"], grade=_tsp_settings.MEASURED)})[0]["user.name"]
    values = registry_of(installed, SOFTWARE)[entry.path(1).lower()]
    assert values[entry.value_name(1)] == {"type": "REG_SZ", "value": VALUES["USER"]}
    assert "cucm.example.com" in {one["value"] for one in values.values()}


def test_the_draft_of_a_package_names_places_and_types_that_are_there_afterwards(installed, package):
    registry = registry_of(installed, SOFTWARE)
    drafted = {name: dict(entry, grade=_tsp_settings.MEASURED) for name, entry in package["draft"]["settings"].items()}
    entries, problems = _tsp_settings.load_profile(drafted)
    assert problems == [] and len(entries) >= 5
    for name, entry in entries.items():
        found = registry[entry.path(1).lower()][entry.value_name(1)]
        assert found["type"] == _tsp_settings.TYPES[entry.type], name


def test_the_list_of_programs_tells_the_version_and_the_day(installed):
    programs = [values for key, values in registry_of(installed, UNINSTALL).items() if "DisplayName" in values]
    same = _tsp_installation.decision({}, [], programs, "14.0.1.2", "14.0.1.10000", PATTERN)
    newer = _tsp_installation.decision({}, [], programs, "14.0.1.3", "14.0.1.10000", PATTERN)
    assert (same["installed"], same["action"], newer["action"]) == ("14.0.1.2", "none", "upgrade") and same["problems"] == []
    facts = _tsp_software.facts(programs, PATTERN, {}, {}, {}, [])
    today = datetime.date.today()
    assert facts["version"] == "14.0.1.2"
    assert facts["installed"] in {(today + datetime.timedelta(days=days)).isoformat() for days in (-1, 0, 1)}


def test_windows_installer_keeps_the_package_that_tells_all(installed, package):
    (cached,) = [values["LocalPackage"]["value"] for key, values in registry_of(installed, INSTALLED).items()
                 if key.endswith("installproperties") and "TSP" in values["DisplayName"]["value"]]
    path = installed.folder / "drive_c" / cached.partition("\\")[2].replace("\\", "/")
    found = next(one for one in [path, *path.parent.glob("*.msi")] if one.exists())
    kept = said_by(found)
    assert kept["product"] == package["product"] and kept["draft"] == package["draft"]


def test_what_a_32_bit_program_writes_is_where_a_profile_with_view_32_looks(windows):
    windows.run("reg", "add", "HKLM\\SOFTWARE\\Invented\\CiscoTSP001", "/v", "Port", "/t", "REG_DWORD", "/d", "3804", "/reg:32", "/f")
    windows.run("reg", "add", "HKLM\\SOFTWARE\\Invented\\CiscoTSP001", "/v", "Port", "/t", "REG_DWORD", "/d", "3805", "/reg:64", "/f")
    registry = registry_of(windows, SOFTWARE)
    for view, value in ((32, 3804), (64, 3805)):
        entry = _tsp_settings.Entry("HKLM:\\SOFTWARE\\Invented\\CiscoTSP{number}", "Port", "dword", "number", view)
        assert entry.holds(value, registry[entry.path(1).lower()]["Port"]), view
