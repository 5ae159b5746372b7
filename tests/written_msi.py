# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compound files and packages as no tool makes them: for damage at a place that a test chooses. Real ones: played_installer."""

from __future__ import annotations

import struct

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _compound_file, _msi

END, FREE, FAT = _compound_file.END, _compound_file.NONE, 0xFFFFFFFD


def encoded(name):
    """A stream's name as an MSI writes it; one that begins with an exclamation mark is a table."""
    result = chr(_msi.TABLE) if name.startswith("!") else ""
    letters = [_msi.ALPHABET.index(letter) for letter in name.lstrip("!")]
    while letters:
        first, *rest = letters[:2]
        result += chr(_msi.PAIRS + first + (rest[0] << 6)) if rest else chr(_msi.SINGLES + first)
        letters = letters[2:]
    return result


def compound(streams, version=3, class_id=_msi.PACKAGE):
    """A compound file of these streams, by their names as they stand in the directory."""
    shift = _compound_file.SECTOR_SHIFTS[version]
    size, sectors, table = 1 << shift, [], []

    def put(octets):
        """The first sector of the octets; C(table) is the allocation table."""
        first, pieces = len(sectors), [octets[at:at + size].ljust(size, b"\0") for at in range(0, len(octets), size)]
        sectors.extend(pieces)
        table.extend(list(range(first + 1, first + len(pieces))) + [END] if pieces else [])
        return first if pieces else END

    small, small_table, starts = b"", [], {}
    for name, octets in streams.items():
        if len(octets) >= _compound_file.MINI_CUTOFF:
            starts[name] = put(octets)
            continue
        count = -(-len(octets) // 64)
        starts[name] = len(small_table) if count else END
        small_table += list(range(len(small_table) + 1, len(small_table) + count)) + [END] if count else []
        small += octets.ljust(count * 64, b"\0")
    mini_start, mini_table = put(small), put(struct.pack("<%dI" % len(small_table), *small_table))
    entries = [_entry("Root Entry", _compound_file.ROOT, FREE, 1 if streams else FREE, class_id, mini_start, len(small))]
    for number, (name, octets) in enumerate(streams.items(), 1):
        right = number + 1 if number < len(streams) else FREE
        entries.append(_entry(name, _compound_file.STREAM, right, FREE, bytes(16), starts[name], len(octets)))
    directory = put(b"".join(entries).ljust(-(-len(entries) * 128 // size) * size, b"\0"))
    per_sector = size // 4
    count = 0
    while len(table) + count > count * per_sector:
        count += 1
    fats = list(range(len(sectors), len(sectors) + count))
    table += [FAT] * count
    table += [FREE] * (count * per_sector - len(table))
    put_table = struct.pack("<%dI" % len(table), *table)
    assert count <= _compound_file.FIRST_FAT_SECTORS
    header = _compound_file.SIGNATURE + bytes(16) + struct.pack("<5H", 62, version, 0xFFFE, shift, 6) + bytes(6) + struct.pack(
        "<9I", 0, count, directory, 0, 4096, mini_table, 1, END, 0) + struct.pack("<109I", *fats, *[FREE] * (109 - count))
    return header.ljust(size, b"\0") + b"".join(sectors) + put_table


def _entry(name, kind, right, child, class_id, start, length):
    text = name.encode("utf-16-le", "surrogatepass") + b"\0\0"
    return text.ljust(64, b"\0") + struct.pack("<HBB3I", len(text), kind, 1, FREE, right, child) + class_id + bytes(20) + struct.pack(
        "<IQ", start, length)


def package(tables, code_page=0, long_references=False, **more):
    """An MSI of C({table: (columns, rows)}); columns are _msi.Column, values are texts, numbers or None. more: of compound()."""
    texts = []

    def reference(text):
        if text and text not in texts:
            texts.append(text)
        return texts.index(text) + 1 if text else 0

    def packed(columns, rows):
        result = bytearray()
        for place, column in enumerate(columns):
            width = column.width(long_references)
            for row in rows:
                value = row[place]
                stored = reference(value) if column.is_text else 0 if value is None else value + (1 << 8 * width - 1)
                result += stored.to_bytes(width, "little")
        return bytes(result)

    names = _msi.Column("Name", _msi.STRING | 64)
    columns = [_msi.Column("Table", _msi.STRING | 64), _msi.Column("Number", 2), names, _msi.Column("Type", 2)]
    described = [(table, number, column.name, column.type - (1 << 16) if column.type > 0x7FFF else column.type)
                 for table, (found, _rows) in tables.items() for number, column in enumerate(found, 1)]
    streams = {"!_Tables": packed([names], [(table,) for table in tables]), "!_Columns": packed(columns, described)}
    streams.update(("!" + table, packed(found, rows)) for table, (found, rows) in tables.items())
    octets = [text.encode("utf-8") for text in texts]
    pool = struct.pack("<I", code_page | (_msi.LONG_REFERENCES if long_references else 0)) + b"".join(
        struct.pack("<HH", len(each), 1) if len(each) < 1 << 16 else struct.pack("<HHI", 0, 1, len(each)) for each in octets)
    streams.update({"!_StringPool": pool, "!_StringData": b"".join(octets)})
    return compound(dict((encoded(name), value) for name, value in streams.items()), **more)


TEXT, NUMBER = _msi.STRING | _msi.VALID | 0x400 | 255, 0x502  # types of columns


def columns(*names, numbers=()):
    return [_msi.Column(name, NUMBER if name in numbers else TEXT) for name in names]
