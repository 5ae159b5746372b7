# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The committed corpora, and inputs made from the vectors, through the targets of C(make fuzz)."""

from __future__ import annotations

import importlib
import pathlib

import pytest

from fuzz import FOLDER, TARGETS

ENDS = {
    "capf": {"value", "FormatError"},
    "ctiqbe": {"value", "FormatError"},
    "ctl": {"value", "FormatError"},
    "enrolment": {"value", "CapfRefused", "FormatError", "InputError", "ProtocolError"},
    "msi": {"value", "FormatError"},
    "provider": {"value", "CtiRefused", "DeadlineExceeded", "FormatError", "ProtocolError"},
    "traces": {"value", "InputError"},
    "tsptrace": {"value"},
}
CORPUS = sorted(FOLDER.glob("corpus/*/*.bin"))


def test_every_target_is_known_here_and_has_a_corpus():
    assert set(ENDS) == set(TARGETS) == {path.parent.name for path in CORPUS}


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_kept_inputs(path: pathlib.Path):
    target = importlib.import_module("fuzz.fuzz_" + path.parent.name)
    assert target.check(path.read_bytes()) in ENDS[path.parent.name]


@pytest.mark.parametrize("name", TARGETS)
def test_inputs_made_from_the_vectors(name):
    target = importlib.import_module("fuzz.fuzz_" + name)
    ends = {target.check(octets) for _seed, octets in target.seeds()}
    assert "value" in ends and ends <= ENDS[name]
