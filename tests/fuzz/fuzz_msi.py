# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Installers: compound files, their tables, and what follows from these.

The first octet of an input says what the others are: 0 a file, 1 streams (name in one octet, size in two octets, the octets) of a good
compound file, 2 texts (table in one octet, then a text for each of its columns, size in one octet) of a good package.
"""

from __future__ import annotations

import json

import written_msi
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _compound_file, _msi, _tsp_installer, _tsp_settings
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import FormatError
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._foreign import all_printable
from played_installer import TSP_KEY, reader

from fuzz import VECTORS, Script, outcome

KEYS = [TSP_KEY]
COLUMNS = {
    "Property": written_msi.columns("Property", "Value"),
    "Component": written_msi.columns("Component", "Directory_", "Attributes", "Condition", numbers=("Attributes",)),
    "Directory": written_msi.columns("Directory", "Directory_Parent", "DefaultDir"),
    "File": written_msi.columns("File", "Component_", "FileName", "FileSize", "Version", numbers=("FileSize",)),
    "Registry": written_msi.columns("Registry", "Root", "Key", "Name", "Value", "Component_", numbers=("Root",)),
    "Dialog": written_msi.columns("Dialog", "Title"),
    "Control": written_msi.columns("Dialog_", "Control", "Type", "X", "Y", "Width", "Height", "Attributes", "Property", "Text", "Control_Next",
                                   numbers=("X", "Y", "Width", "Height", "Attributes")),
    "ComboBox": written_msi.columns("Property", "Order", "Value", "Text", numbers=("Order",)),
    "CheckBox": written_msi.columns("Property", "Value"),
    "Upgrade": written_msi.columns("UpgradeCode", "VersionMin", "VersionMax", "Attributes", "ActionProperty", numbers=("Attributes",)),
    "CustomAction": written_msi.columns("Action", "Type", "Source", "Target", numbers=("Type",)),
}
TABLES = sorted(COLUMNS)
STREAMS = ("!_StringPool", "!_StringData", "!_Tables", "!_Columns", _msi.SUMMARY, *("!" + name for name in TABLES))


def check(octets):
    kind = octets[0] if octets else 0
    return outcome(FormatError, (whole, streams, texts)[kind % 3], octets[1:])


def seeds():
    for path in sorted((VECTORS / "msi").glob("*.msi")):
        octets = path.read_bytes()
        if len(octets) < 32 << 10:
            yield path.stem, b"\0" + octets
            yield path.stem + "-inside", b"\0MZ" + octets
        yield path.stem + "-streams", b"\1" + script_of(octets)
    (_offset, database), = _msi.find(*reader((VECTORS / "msi" / "played-tsp-x64.msi").read_bytes()))
    rows = [(table, row) for table in TABLES for row in database.rows(table)]
    yield "texts", b"\2" + b"".join(bytes([TABLES.index(table)]) + b"".join(
        short(row.get(column.name)) for column in COLUMNS[table]) for table, row in rows)


def short(value):
    octets = ("" if value is None else str(value)).encode()[:255]
    return bytes([len(octets)]) + octets


def script_of(octets):
    compound = _compound_file.CompoundFile(*reader(octets))
    named = {_msi.stream_name(name): name for name in compound.streams}
    found = [(number, compound.read(named[name])) for number, name in enumerate(STREAMS) if name in named]
    return b"".join(bytes([number]) + len(each).to_bytes(2, "big") + each for number, each in found if len(each) < 1 << 16)


def whole(octets):
    for _offset, database in _msi.find(*reader(octets)):
        package(database)


def streams(octets):
    script, found = Script(octets), {}
    while script.more:
        name, size = script.choice(STREAMS), script.number(2)
        found[name if name == _msi.SUMMARY else written_msi.encoded(name)] = script.take(size)
    written = written_msi.compound(found)
    compound = _compound_file.CompoundFile(*reader(written))
    assert {name: compound.read(name) for name in compound.streams} == found
    package(_msi.Database(compound))


def texts(octets):
    script, found = Script(octets), {}
    while script.more:
        table = script.choice(TABLES)
        found.setdefault(table, []).append([cell(column, script.short()) for column in COLUMNS[table]])
    written = written_msi.package({table: (COLUMNS[table], rows) for table, rows in found.items()}, code_page=_msi.UTF_8)
    (_offset, database), = _msi.find(*reader(written))
    for table, rows in found.items():
        assert [list(row.values()) for row in database.rows(table)] == rows
    package(database)


def cell(column, octets):
    text = octets.decode("utf-8", "replace")
    if column.is_text:
        return text
    digits = text.lstrip("-")
    return max(-0x7FFF, min(0x7FFF, int(text))) if digits.isascii() and digits.isdigit() and text.count("-") < 2 else None


def package(database):
    """Each table is read, or refused; what is told of the package is plain, and its draft is one that nothing is written from."""
    for table in database.columns:
        outcome(FormatError, lambda table=table: [*database.rows(table)])
    found = _tsp_installer.facts(database, KEYS)
    assert found == all_printable(found) and json.loads(json.dumps(found)) == found
    settings = found["draft"]["settings"]
    entries, problems = _tsp_settings.load_profile(settings)
    assert problems == [] and set(entries) == set(settings) and not any(entry.writable for entry in entries.values())
    assert len(settings) + len(found["draft"]["not_placed"]) <= len(found["registry"]) + len(settings)
    kept, rows = _tsp_installer.compared(settings, {}, 1, {})
    assert kept == settings and {row["verdict"] for row in rows} <= {_tsp_installer.ABSENT}
