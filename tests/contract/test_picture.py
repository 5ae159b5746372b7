# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture of the layers in docs/images is what the imports draw."""

from __future__ import annotations

from xml.etree import ElementTree

import layers_picture

SVG = "{http://www.w3.org/2000/svg}"


def test_the_picture_is_current():
    drawn = layers_picture.PICTURE.read_text(encoding="utf-8")
    assert drawn == layers_picture.draw(), "the picture differs from the imports: run make picture, and commit what it writes"


def test_every_file_has_a_box_inside_the_picture():
    root = ElementTree.fromstring(layers_picture.draw())
    width, height = (float(number) for number in root.get("viewBox").split()[2:])
    boxes = root.findall(SVG + "rect")[1:]
    for box in boxes:
        left, top = float(box.get("x")), float(box.get("y"))
        assert 0 <= left and left + float(box.get("width")) <= width
        assert 0 <= top and top + float(box.get("height")) <= height
    names = {text.text for text in root.findall(SVG + "text")}
    assert set(layers_picture.load_layers().LAYER_OF) <= names


def test_imports_that_follow_from_others_are_left_out():
    imports = {"a": {"b", "c"}, "b": {"c"}, "c": set()}
    assert layers_picture.reduced(imports) == {"a": {"b"}, "b": {"c"}, "c": set()}
