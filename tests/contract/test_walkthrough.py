# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guide "From clicks to code" has each click of tech note 213250, in the note's order, and names only what exists."""

from __future__ import annotations

import re

import guides
import pytest
import yaml

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _tsp_settings

ROOT = guides.ROOT
TEXT = (ROOT / "docs" / "docsite" / "rst" / "walkthrough.rst").read_text(encoding="utf-8")

# What the note asks for, in its order, by words of the guide's left columns.
CLICKS = {
    "Before you start": (
        "Cluster Security Mode", "Certificate Authority Proxy Function", "off-line CA", "maintenance window",
        "keep the first node up", "keep the application running"),
    "On CUCM": (
        "Application User > Add New", "Standard CTI Enabled", "Standard CTI Secure Connection",
        "Standard CTI Allow Reception of SRTP Key Material", "Application User CAPF Profile", "Instance Id",
        "Certificate Operation", "Authentication Mode", "Authentication String", "Key Order", "RSA Key Size", "EC Key Size",
        "Operation Completes By", "Certificate Operation Status"),
    "On the TSP host": (
        "install the plug-in", "Use Single Sign On", "user name", "password", "primary", "backup",
        "Preferred IP Addressing Mode", "Secure Connection to CTI Manager", "Fetch Certificate", "Certificate Status", "Authorization String",
        "Instance Identifier", "CAPF address", "port", "Number Of Retries", "Retry Interval", "TFTP Server", "Trace"),
    "Proof that it works": ("Upgrade Success", "certificate folder", "phone dialler"),
    "When it fails": ("traces of the TSP", "TVS, TFTP and CAPF", "good trace"),
}

# Literals that are neither option nor setting: values that people see, and files.
WORDS = {
    "cisco", "force: true", "C:\\Temp", "0x8CCC00D1", ".0", "CallManager.cer", "QBEClient.cer", "QBEClient.pem", "jtapi.ini",
    "main", "hostname",
}


def section(title):
    """The text below a headline, up to the next one."""
    found = re.search(rf"^{re.escape(title)}\n-+\n(.*?)(?=^[^\n]+\n-+\n|\Z)", TEXT, re.MULTILINE | re.DOTALL)
    return found.group(1)


def rows(text):
    """The rows of all list tables without their titles, as lists of cells."""
    found = []
    for block in re.findall(r"\.\. list-table::.*?(?=\n\S|\Z)", text, re.DOTALL):
        lines = re.split(r"^   \* - ", block, flags=re.MULTILINE)[2:]
        found += [[" ".join(cell.split()) for cell in re.split(r"^     - ", line, flags=re.MULTILINE)] for line in lines]
    return found


def specs():
    """The argument specs of all roles: {role: {entry point: spec}}."""
    return {path.parent.parent.name: yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"]
            for path in ROOT.glob("roles/*/meta/argument_specs.yml")}


def known():
    """Every name that a literal of the guide may be: options, keys of the three lists, choices, entry points, settings."""
    names = set(_tsp_settings.SETTINGS) | {path.name for path in (ROOT / "roles").iterdir()} | WORDS
    for role in specs().values():
        names |= set(role)
        for spec in role.values():
            for name, option in spec.get("options", {}).items():
                names |= {name, *map(str, option.get("choices", ()))}
                if name in ("secure_tsp_clusters", "secure_tsp_users", "secure_tsp_instances"):
                    names |= set(re.findall(r"[CV]\((\w+)\)", str(option["description"])))
    return names


def unknown(text):
    """Literals that are no known name, and keys of "key: value" that are none."""
    names = known()
    wrong = []
    for literal in re.findall(r"``([^`]+)``", text):
        if literal in names:
            continue
        parsed = yaml.safe_load(literal) if re.match(r"\w+: ", literal) else None
        if not isinstance(parsed, dict) or set(parsed) - names:
            wrong.append(literal)
        for value in parsed.values() if isinstance(parsed, dict) else ():
            if isinstance(value, str) and value not in names:
                wrong.append(literal)
    return wrong


@pytest.mark.parametrize("title", CLICKS)
def test_each_click_is_there_in_the_order_of_the_note(title):
    left = "\n".join(row[0].replace("*", "") for row in rows(section(title)))
    places = [left.find(word) for word in CLICKS[title]]
    assert [word for word, place in zip(CLICKS[title], places) if place < 0] == []
    assert places == sorted(places)


@pytest.mark.parametrize("title", CLICKS)
def test_beside_each_click_stands_what_replaces_it(title):
    found = rows(section(title))
    assert found and [row[0] for row in found if len(row) < 2 or not all(row)] == []


def test_only_what_exists_is_named():
    prose = re.sub(r"\.\. code-block::.*?(?=\n\S)", "", TEXT, flags=re.DOTALL)
    assert unknown(prose) == []


def test_a_wrong_name_is_noticed():
    right = "``enrolment: tsp`` ``key: {type: rsa, size: 2048}``"
    wrong = "``secure_tsp_cutovr`` ``enrolment: collector`` ``trace.size``"
    assert unknown(right + wrong) == ["secure_tsp_cutovr", "enrolment: collector", "trace.size"]
