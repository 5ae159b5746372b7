# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time

import pytest
import written_msi
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _compound_file, _msi, _tsp_installer
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import FormatError
from hypothesis import given
from hypothesis import strategies as st
from played_installer import reader

from fuzz import VECTORS, fuzz_msi, outcome, peak_of, repeatable

FILES = {path.stem: path.read_bytes() for path in sorted((VECTORS / "msi").glob("*.msi"))}
SMALL = FILES["played-tsp-x64.msi".rpartition(".")[0]]
ENDS = ("value", "FormatError")


def test_every_cut_of_a_package_is_refused_or_read():
    """What follows the last sector that is needed is not missed."""
    ends = [fuzz_msi.check(b"\0" + SMALL[:size]) for size in range(1000, len(SMALL), 509)]
    assert set(ends) <= set(ENDS) and ends.count("FormatError") > len(ends) // 2


def test_every_number_of_the_structure_changed():
    """Header, allocation table and directory, number by number, to what stands at a border."""
    compound = _compound_file.CompoundFile(*reader(SMALL))
    directory = int.from_bytes(SMALL[48:52], "little")
    table = int.from_bytes(SMALL[76:80], "little")
    places = [*range(24, 84, 2), *range((table + 1) * 512, (table + 1) * 512 + 120, 4),
              *((directory + 1) * 512 + offset for offset in range(0, 512, 4))]
    outcomes = set()
    for place in places:
        for number in (1, 0x7FFFFFFF, 0xFFFFFFFE):
            outcomes.add(fuzz_msi.check(b"\0" + SMALL[:place] + number.to_bytes(4, "little") + SMALL[place + 4:]))
    assert outcomes == set(ENDS) and len(compound.streams) > 20


@repeatable.examples
@given(st.sampled_from(sorted(FILES)), st.lists(st.tuples(st.integers(0, 14000), st.binary(max_size=4)), max_size=6))
def test_any_damage_gives_a_value_or_a_format_error(name, changes):
    octets = bytearray(FILES[name])
    for place, new in changes:
        octets[place:place + len(new)] = new
    assert fuzz_msi.check(b"\0" + bytes(octets)) in ENDS


WORDS = st.sampled_from(["", "[USER]", "#[PASS]", "#x00", "[~]", "Text", "Edit", "GroupBox", "Port:", "{\\f}&CAPF", "1", "256", "CiscoTSP001",
                         "SOFTWARE\\Cisco Systems, Inc.\\Cisco TSP\\CiscoTSP001", "TARGETDIR", "ALLUSERS", "a.tsp"]) | st.text(max_size=8)


@repeatable.examples
@given(st.lists(st.tuples(st.sampled_from(fuzz_msi.TABLES), st.lists(WORDS, min_size=11, max_size=11)), max_size=12))
def test_any_texts_in_good_tables_are_told(rows):
    octets = b"\2"
    for table, words in rows:
        octets += bytes([fuzz_msi.TABLES.index(table)])
        octets += b"".join(fuzz_msi.short(word.encode("utf-8", "replace").decode()) for word in words[:len(fuzz_msi.COLUMNS[table])])
    assert fuzz_msi.check(octets) == "value"


# Memory and time


def refused(octets):
    assert outcome(FormatError, facts, octets) == "FormatError"


def facts(octets):
    for _offset, database in _msi.find(*reader(octets)):
        _tsp_installer.facts(database, fuzz_msi.KEYS)


def test_announced_sizes_take_no_memory():
    for place in (44, 64, 72):
        octets = SMALL[:place] + (0x00FFFFFF).to_bytes(4, "little") + SMALL[place + 4:]
        assert peak_of(outcome, FormatError, facts, octets) < 1 << 20


def many(table, row, count=_msi.MAX_ROWS):
    return written_msi.package({table: (fuzz_msi.COLUMNS[table], [row] * count)})


LONG = "[AA]" * 20000
CONTROL = ("Dialog", "Control", "Text", 1, 1, 1, 1, 1, "PROPERTY", "Text", "Control")
WORST = {
    "many properties": ("Property", ("NAME", "value")),
    "many rows of the registry": ("Registry", ("r", 2, fuzz_msi.KEYS[0], "n", "[USER]", "c")),
    "long rows of the registry": ("Registry", ("r", 2, fuzz_msi.KEYS[0], "n", LONG, "c"), 190),
    "long keys": ("Registry", ("r", 2, fuzz_msi.KEYS[0] + "\\" + LONG, "n", "v", "c"), 190),
    "many controls": ("Control", CONTROL),
    "a dialog with many controls": ("Control", CONTROL, 4000),
    "many providers": ("File", ("f", "c", "a.tsp", 1, "v")),
    "many choices": ("ComboBox", ("PROPERTY", 1, "v", "t")),
    "many actions": ("CustomAction", ("a", 51, "s", LONG), 190),
}


@pytest.mark.parametrize("what", WORST)
def test_memory_and_time_of_the_worst_packages(what):
    octets, start = many(*WORST[what]), time.process_time()
    outcome(FormatError, facts, octets)
    assert time.process_time() - start < 20
    assert peak_of(outcome, FormatError, facts, octets) < 100 << 20


def test_folders_in_a_circle_end():
    octets = written_msi.package({
        "Directory": (fuzz_msi.COLUMNS["Directory"], [("a", "b", "x"), ("b", "a", "y")]),
        "Component": (fuzz_msi.COLUMNS["Component"], [("c", "a", 0, "")]),
        "File": (fuzz_msi.COLUMNS["File"], [("f", "c", "a.tsp", 1, "")])})
    ((_offset, database),) = _msi.find(*reader(octets))
    (provider,) = _tsp_installer.facts(database, fuzz_msi.KEYS)["providers"]
    assert provider["folder"] == "[a]\\y\\x"
