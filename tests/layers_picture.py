# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draw docs/images/layers.svg, the layers of plugins/ as their imports show them: C(make picture).

The order of the layers and what is without input and output stand in tests/contract/test_layers.py; files, imports and
packages are read.
"""

from __future__ import annotations

import ast
import html
import importlib.util
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
SPEC = importlib.util.spec_from_file_location("test_layers", HERE / "contract" / "test_layers.py")
PICTURE = HERE.parent / "docs" / "images" / "layers.svg"
WIDTH, MARGIN, BOX, ROW, SWEEPS = 1080, 16, 44, 92, 4
LETTER, PADDING = 7.3, 18  # width of a letter, and what a box has beside its name
LEGEND = 84
STYLE = """
  svg { font-family: ui-sans-serif, system-ui, sans-serif; }
  .ground { fill: #ffffff; } .box { fill: #f3f5f8; stroke: #5b6675; } .pure { fill: #e3f1e4; stroke: #3f7d46; }
  .name { fill: #15191f; font-size: 13px; } .small { fill: #4a5361; font-size: 11px; }
  .line { fill: none; stroke: #8a94a3; stroke-width: 1.2; } .head { fill: #8a94a3; }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0f1319; } .box { fill: #1d2430; stroke: #8792a3; } .pure { fill: #17301b; stroke: #6cb276; }
    .name { fill: #eef1f5; } .small { fill: #b3bcc9; } .line { stroke: #6d7888; } .head { fill: #6d7888; }
  }
"""


def load_layers():
    module = importlib.util.module_from_spec(SPEC)
    SPEC.loader.exec_module(module)
    return module


def read(layers):
    """({file or group of files: what it imports of ours}, {file: third-party packages}, {group: number of files})."""
    ours, packages, sizes = {}, {}, {}
    utils = set(layers.LAYER_OF)
    for path, source in layers.sources().items():
        name = layers.util_name(path)
        if name == "" or name in layers.EMPTY:
            continue
        if name is None:
            folder = path.split("/")[0]
            if path.count("/") != 1 or folder == "doc_fragments":
                continue
            name = "plugins/" + folder
            sizes[name] = sizes.get(name, 0) + 1
        elif name not in utils:
            continue
        found = ours.setdefault(name, set())
        for _node, imported in layers.imports(ast.parse(source)):
            package = imported.split(".")[0]
            if package in layers.HOME:
                packages.setdefault(name, set()).add(package)
            rest = imported[len(layers.UTILS) + 1:].split(".") if imported.startswith(layers.UTILS + ".") else []
            found |= {target for target in (".".join(rest[:2]), rest[0] if rest else "") if target in utils}
    return {name: found - {name} for name, found in ours.items()}, packages, sizes


def reduced(ours):
    """The imports that do not follow from others."""
    def below(name, seen):
        for target in ours.get(name, ()):
            if target not in seen:
                seen.add(target)
                below(target, seen)
        return seen

    return {
        name: {target for target in found if not any(target in below(other, set()) for other in found - {target})}
        for name, found in ours.items()}


def rows_of(layers, ours, sizes):
    """Rows from the top, each ordered so that lines cross little."""
    rows = [sorted(sizes)] + [sorted(set(names) & set(ours)) for names in reversed(layers.LAYERS)]
    rows = [row for row in rows if row]
    place = {}
    for _sweep in range(SWEEPS):
        for direction in (1, -1):
            for row in rows[::direction]:
                row.sort(key=lambda name: (_middle(name, ours, place), name))
                for number, name in enumerate(row):
                    place[name] = (number + 0.5) / len(row)
    return rows


def _middle(name, ours, place):
    near = [place[other] for other in place if other in ours[name] or name in ours[other]]
    return round(sum(near) / len(near), 4) if near else 0.5


def draw():
    """The picture as text. The same imports give the same text."""
    layers = load_layers()
    ours, packages, sizes = read(layers)
    lines = reduced(ours)
    rows = rows_of(layers, lines, sizes)
    label = {name: "%s  (%d)" % (name, sizes[name]) if name in sizes else name for name in ours}
    below = {name: ", ".join(sorted(packages[name], key=str.lower)) for name in packages}
    width = {name: PADDING + LETTER * max(len(label[name]), 0.85 * len(below.get(name, ""))) for name in ours}
    where = {}
    for number, row in enumerate(rows):
        space = (WIDTH - 2 * MARGIN - sum(width[name] for name in row)) / (len(row) + 1)
        left = MARGIN + space
        for name in row:
            where[name] = (left, MARGIN + number * ROW)
            left += width[name] + space
    height = MARGIN + len(rows) * ROW + LEGEND - (ROW - BOX)
    parts = [_line(where, width, name, target) for name in ours for target in sorted(lines[name])]
    parts += [_box(where[name], width[name], label[name], below.get(name), name in layers.SANS_IO) for name in ours]
    return "\n".join([
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-labelledby="title">' % (WIDTH, height),
        '<title id="title">The layers of plugins/: files and what they import</title>',
        "<style>%s</style>" % STYLE,
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path class="head" d="M0 0 L8 4 L0 8 z"/></marker></defs>',
        '<rect class="ground" width="%d" height="%d"/>' % (WIDTH, height),
        *parts, *_legend(height), "</svg>", ""])


def _line(where, width, name, target):
    left, top = where[name]
    x1, y1 = left + width[name] / 2, top + BOX
    left, y2 = where[target]
    x2, bend = left + width[target] / 2, min(60, (y2 - y1) / 2)
    return '<path class="line" marker-end="url(#head)" d="M%.0f %.0f C%.0f %.0f %.0f %.0f %.0f %.0f"/>' % (
        x1, y1, x1, y1 + bend, x2, y2 - bend, x2, y2 - 1)


def _box(place, width, name, below, pure):
    left, top = place
    middle = left + width / 2
    parts = ['<rect class="%s" x="%.0f" y="%.0f" width="%.0f" height="%d" rx="6"/>' % (
        "pure" if pure else "box", left, top, width, BOX)]
    parts.append('<text class="name" text-anchor="middle" x="%.0f" y="%.0f">%s</text>' % (
        middle, top + (19 if below else 27), html.escape(name)))
    if below:
        parts.append('<text class="small" text-anchor="middle" x="%.0f" y="%.0f">%s</text>' % (
            middle, top + 35, html.escape(below)))
    return "".join(parts)


def _legend(height):
    top = height - 44
    return [
        '<rect class="pure" x="%d" y="%d" width="18" height="18" rx="4"/>' % (MARGIN, top),
        '<text class="small" x="%d" y="%d">without input and output: clock, files, sockets and randomness are arguments</text>' % (
            MARGIN + 26, top + 13),
        '<text class="small" x="%d" y="%d">small: the third-party packages of a file, which no other file imports</text>' % (
            MARGIN + 500, top + 13),
        '<text class="small" x="%d" y="%d">An arrow is an import; one that follows from others is left out. '
        'In brackets: number of files.</text>' % (MARGIN + 26, top + 33)]


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")
