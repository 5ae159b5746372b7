# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compound files and tables of MSI files, as msitools made and read them, and as pymsi and olefile read them."""

from __future__ import annotations

import io
import json
import os
import pathlib
import struct

import collection_path
import played_installer
import pytest
import written_msi
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _compound_file, _msi
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import FormatError
from played_installer import reader

VECTORS = collection_path.ROOT / "tests" / "vectors" / "msi"
FILES = sorted(path.name for path in VECTORS.glob("*.msi"))
READINGS = json.loads((VECTORS / "tables.json").read_text(encoding="utf-8"))
# Where packages of Wine put real ones.
REAL = [path for folder in ("wine/mono", "wine/gecko") for path in pathlib.Path("/usr/share", folder).glob("*.msi")]
wants_msitools = pytest.mark.skipif(bool(played_installer.missing()), reason=played_installer.missing() or "-")

# Code pages of Windows, and 16 octets of text in each.
PAGES = {
    874: "\u0e42\u0e17\u0e23\u0e28\u0e31\u0e1e\u0e17\u0e4c", 932: "\u96fb\u8a71\u6a5f", 936: "\u7535\u8bdd", 949: "\uc804\ud654", 950: "\u96fb\u8a71",
    1250: "telef\u00f3n \u0159", 1251: "\u0442\u0435\u043b\u0435\u0444\u043e\u043d", 1252: "t\u00e9l\u00e9phone \u20ac",
    1253: "\u03c4\u03b7\u03bb\u03ad\u03c6\u03c9\u03bd\u03bf", 1254: "\u015fifre", 1255: "\u05d8\u05dc\u05e4\u05d5\u05df", 1256: "\u0647\u0627\u062a\u0641",
    1257: "t\u0101lrunis", 1258: "m\u00e1y", 20127: "telephone", 28592: "telef\u00f3n \u0159", 65001: "\u96fb\u8a71 \u260e",
}


def opened(octets):
    ((offset, database),) = _msi.find(*reader(octets))
    assert offset == 0
    return database


def shown(value):
    """A cell as msiinfo prints it."""
    if value is None or value == "":
        return ""
    return str(value).replace("\r", "\x11").replace("\n", "\x19").replace("\t", "\x10")


def rows_of(database, table):
    """As texts, without streams, which msiinfo writes into files."""
    plain = [column.name for column in database.columns[table] if not column.is_stream]
    return plain, [[shown(row[name]) for name in plain] for row in database.rows(table)]


def without_streams(database, table, names, rows):
    keep = [place for place, column in enumerate(database.columns[table]) if not column.is_stream]
    return [names[place] for place in keep], [[row[place] for place in keep] for row in rows]


def compare_with_msiinfo(database, readings):
    assert sorted(database.columns) == sorted(readings)
    for table, (names, rows) in readings.items():
        ours, theirs = rows_of(database, table), without_streams(database, table, names, rows)
        assert (ours[0], sorted(ours[1])) == (theirs[0], sorted(theirs[1])), table


def compare_with_pymsi(octets, database):
    pymsi = pytest.importorskip("pymsi", reason="pymsi is not installed: it is in requirements/development.txt")
    theirs = pymsi.Package(io.BytesIO(octets))
    for table in database.columns:
        theirs.get(table)
        ours = [dict(row) for row in database.rows(table)]
        streams = {column.name for column in database.columns[table] if column.is_stream}
        expected = [{name: value for name, value in row.items() if name not in streams} for row in theirs.get(table)]
        texts = {column.name for column in database.columns[table] if column.is_text}
        for row in expected:
            row.update((name, row[name] or "") for name in texts)
        assert [{name: value for name, value in row.items() if name not in streams} for row in ours] == expected, table


@pytest.mark.parametrize("name", FILES)
def test_each_table_is_read_as_msiinfo_read_it(name):
    compare_with_msiinfo(opened((VECTORS / name).read_bytes()), READINGS[name])


@pytest.mark.parametrize("name", FILES)
def test_each_table_is_read_as_pymsi_reads_it(name):
    octets = (VECTORS / name).read_bytes()
    compare_with_pymsi(octets, opened(octets))


def with_code_page(octets, page, text):
    """A package of UTF-8 with another code page, and a text of that in the place that was left for it."""
    compound = _compound_file.CompoundFile(*reader(octets))
    pool = next(name for name in compound.streams if _msi.stream_name(name) == "!_StringPool")
    assert octets.count(compound.read(pool)[:64]) == 1 and octets.count(played_installer.PLACE.encode()) == 1
    codec = {20127: "ascii", 28592: "iso8859-2", 65001: "utf-8"}.get(page, "cp%d" % page)
    place = text.encode(codec)
    place += b" " * (len(played_installer.PLACE) - len(place))
    where = octets.index(compound.read(pool)[:64])
    octets = octets[:where] + struct.pack("<I", page) + octets[where + 4:]
    return octets.replace(played_installer.PLACE.encode(), place)


@pytest.mark.parametrize("page", sorted(PAGES))
def test_texts_of_each_code_page(page):
    octets = with_code_page((VECTORS / "played-utf-8.msi").read_bytes(), page, PAGES[page])
    database = opened(octets)
    assert [row["Text"].strip() for row in database.rows("Played")][1] == PAGES[page]
    assert database.code_page == page and database.warnings == []


@pytest.mark.parametrize("page", sorted(set(PAGES) - {874, 20127}))  # the first pymsi does not know; the other table has more than ASCII
def test_texts_of_each_code_page_are_those_that_pymsi_reads(page):
    octets = (VECTORS / "played-utf-8.msi").read_bytes()
    if page != 65001:
        octets = octets.replace("\u96fb\u8a71 \u260e".encode(), b"plain text")
    octets = with_code_page(octets, page, PAGES[page])
    compare_with_pymsi(octets, opened(octets))


def test_a_code_page_that_nobody_knows_is_said_and_octets_are_shown():
    octets = (VECTORS / "played-utf-8.msi").read_bytes()
    database = opened(with_code_page(octets, 65001, "").replace(struct.pack("<I", 65001), struct.pack("<I", 4711), 1))
    assert "Code page 4711 is unknown" in database.warnings[0]
    assert "\\xe9\\x9b\\xbb" in [row["Text"] for row in database.rows("Played")][0]


@wants_msitools
@pytest.mark.parametrize(("what", "options"), [
    ("two octets for a reference", {}),
    ("three octets for a reference", {"tables": {"PlayedMany": played_installer.many(70000)}}),
    ("a cabinet that needs a second list of allocation tables", {"payload": os.urandom(8 << 20)}),
    ("32 bits", {"bits": 32, "tables": played_installer.DIALOGS}),
    ("texts of UTF-8", {"code_page": 65001, "tables": {"Played": played_installer.WORDS % "telephone \u260e"}}),
], ids=lambda value: value if isinstance(value, str) else "")
def test_what_msitools_make_is_read_as_they_and_pymsi_read_it(tmp_path, what, options):
    path = played_installer.build(tmp_path / "played.msi", **options)
    octets = path.read_bytes()
    database = opened(octets)
    assert database.long_references == what.startswith("three")
    compare_with_msiinfo(database, {table: played_installer.exported(path, table) for table in played_installer.tables_of(path)})
    compare_with_pymsi(octets, database)


@wants_msitools
def test_the_summary_is_read_as_msiinfo_reads_it(tmp_path):
    path = played_installer.build(tmp_path / "played.msi")
    told = dict(line.split(": ", 1) for line in played_installer.run("msiinfo", "suminfo", str(path)).decode().splitlines())
    found = opened(path.read_bytes()).summary()
    assert found[_msi.TEMPLATE] == told["Template"] == "x64;1033"
    assert found[_msi.PACKAGE_CODE] == told["Revision number (UUID)"]
    assert (found[_msi.SUBJECT], found[_msi.AUTHOR], found[_msi.APPLICATION]) == (told["Subject"], told["Author"], told["Application"])


@pytest.mark.skipif(not REAL, reason="no package with a real MSI on this machine (wine-mono or wine-gecko of some distributions)")
@pytest.mark.parametrize("path", REAL or [None])
def test_real_packages_are_read_as_pymsi_reads_them(path):
    octets = path.read_bytes()
    compare_with_pymsi(octets, opened(octets))


# Files as no tool makes them

PLAIN = {"Property": (written_msi.columns("Property", "Value"), [("ProductName", "Played"), ("USER", None), ("Long", "y" * 70000)])}


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize("long_references", [False, True])
def test_both_sizes_of_sectors_and_references(version, long_references):
    octets = written_msi.package(PLAIN, long_references=long_references, version=version)
    found = opened(octets)
    assert list(found.rows("Property"))[0] == {"Property": "ProductName", "Value": "Played"}
    assert [len(row["Value"]) for row in found.rows("Property")] == [6, 0, 70000]
    olefile = pytest.importorskip("olefile", reason="olefile is not installed: it comes with pymsi")
    theirs, ours = olefile.OleFileIO(io.BytesIO(octets)), _compound_file.CompoundFile(*reader(octets))
    assert {name: theirs.openstream([name]).read() for (name,) in theirs.listdir()} == {name: ours.read(name) for name in ours.streams}


@pytest.mark.parametrize(("kind", "words"), [(_msi.PATCH, "a patch (.msp)"), (_msi.TRANSFORM, "a transform (.mst)")])
def test_what_is_no_package_is_named(kind, words):
    with pytest.raises(FormatError, match="not a package") as caught:
        opened(written_msi.package(PLAIN, class_id=kind))
    assert words in str(caught.value)


def test_a_compound_file_without_tables_is_no_package():
    with pytest.raises(FormatError, match="it has no tables"):
        opened(written_msi.compound({"WordDocument": b"x"}))


def streams_of(octets):
    compound = _compound_file.CompoundFile(*reader(octets))
    return {name: compound.read(name) for name in compound.streams}


def changed(name, change):
    """A package with one stream changed."""
    found = streams_of(written_msi.package(PLAIN))
    name = written_msi.encoded(name)
    found[name] = change(found[name])
    return written_msi.compound(found)


@pytest.mark.parametrize(("name", "change", "words"), [
    ("!_StringPool", lambda pool: pool[:2], "a string pool of 2 octets"),
    ("!_StringPool", lambda pool: pool + b"\7\0\1\0", "announces"),
    ("!_StringPool", lambda pool: pool[:4] + b"\xff\xff\1\0" + pool[8:], "announces"),
    ("!_StringPool", lambda pool: pool[:-4], "ends inside an entry"),
    ("!_StringPool", lambda pool: pool + bytes(4 * _msi.MAX_STRINGS), "a string pool of"),
    ("!_StringData", lambda data: data[:-1], "announces"),
    ("!_Columns", lambda columns: columns[:-1], "octets for rows of"),
    ("!_Columns", lambda columns: columns[:4] + b"\1\x80\3\x80" + columns[8:], "not numbered consecutively"),
    ("!Property", lambda rows: b"\xff\xff" + rows[2:], "there is no text 65535"),
    ("!Property", lambda rows: rows + b"\0", "octets for rows of"),
    ("!Property", lambda rows: bytes(4 * (_msi.MAX_ROWS + 1)), "octets for rows of"),
])
def test_tables_that_lie_are_refused(name, change, words):
    with pytest.raises(FormatError, match=words):
        list(opened(changed(name, change)).rows("Property"))


def test_one_text_in_every_row_does_not_fill_the_memory():
    rows = [("y" * 70000, None)] * 2000
    with pytest.raises(FormatError, match="more than %d characters" % _msi.MAX_TEXT):
        list(opened(written_msi.package({"Property": (written_msi.columns("Property", "Value"), rows)})).rows("Property"))


def put(octets, offset, number, width=4):
    return octets[:offset] + number.to_bytes(width, "little") + octets[offset + width:]


GOOD = written_msi.package(PLAIN)
FIRST_FAT = struct.unpack_from("<I", GOOD, 76)[0]
DIRECTORY = struct.unpack_from("<I", GOOD, 48)[0]


def fat(sector):
    """Where the allocation table names what follows this sector."""
    return (FIRST_FAT + 1) * 512 + sector * 4


def entry(number, offset):
    return (DIRECTORY + 1) * 512 + number * 128 + offset


@pytest.mark.parametrize(("octets", "words"), [
    (GOOD[:60], "octets wanted"),
    (put(GOOD, 26, 5, 2), "unknown kind"), (put(GOOD, 30, 20, 2), "unknown kind"), (put(GOOD, 56, 0), "unknown kind"),
    (put(GOOD, 44, 0xFFFFFFFF), "an allocation table of 4294967295 sectors"),
    (put(GOOD, 44, 120), "beyond the end|loops|cut off"),
    (put(GOOD, 76, 0x7FFFFFFF), "beyond the end"),
    (put(GOOD, 48, 0x7FFFFFFF), "a chain breaks"),
    (put(GOOD, fat(DIRECTORY), DIRECTORY), "loops"),
    (put(GOOD, entry(0, 66), 2, 1), "no root"),
    (put(GOOD, entry(1, 64), 66, 2), "a name of 66 octets"),
    (put(GOOD, entry(0, 76), 99999), "entry 99999"),
    (put(GOOD, entry(2, 72), 1), "occurred before"),
    (GOOD[:-512], "beyond the end"),
])
def test_broken_compound_files_are_refused(octets, words):
    with pytest.raises(FormatError, match=words):
        opened(octets)


def test_a_stream_that_turns_in_a_circle_is_refused():
    compound = _compound_file.CompoundFile(*reader(GOOD))
    name = next(name for name, one in compound.streams.items() if one.size >= _compound_file.MINI_CUTOFF)
    start = compound.streams[name].start
    broken = _compound_file.CompoundFile(*reader(put(GOOD, fat(start + 3), start)))
    with pytest.raises(FormatError, match="loops"):
        broken.read(name)


@pytest.mark.parametrize("size", [_compound_file.MAX_STREAM + 1, 0xFFFFFFFF])
def test_a_stream_that_is_said_to_be_huge_is_refused(size):
    number = 1 + list(_compound_file.CompoundFile(*reader(GOOD)).streams).index(written_msi.encoded("!_StringData"))
    places = [entry(each, 120) for each in range(1, 6)]
    assert any("exceeds the limit" in refusal(put(GOOD, place, size)) for place in places), number


def refusal(octets):
    try:
        opened(octets)
    except FormatError as error:
        return str(error)
    return ""


# Inside another file


def test_a_package_is_found_inside_a_program():
    octets = b"MZ" + bytes(5000) + _compound_file.SIGNATURE + b"no file" + bytes(2 << 20) + GOOD + b"after it"
    ((offset, database),) = _msi.find(*reader(octets))
    assert octets[offset:offset + 512] == GOOD[:512] and database.count("Property") == 3


@pytest.mark.parametrize("octets", [b"", b"MZ" + bytes(99), _compound_file.SIGNATURE[:7], b"MZ" + _compound_file.SIGNATURE * 500])
def test_nothing_is_found_where_there_is_none(octets):
    assert _msi.find(*reader(octets)) == []


def test_a_signature_across_two_blocks_is_found():
    size = 1 << 20
    for before in range(size - 8, size + 2):
        octets = bytes(before) + _compound_file.SIGNATURE + bytes(20)
        assert _compound_file.places(*reader(octets), 5) == [before]
