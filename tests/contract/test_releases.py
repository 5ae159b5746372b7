# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The releases of CUCM: whatever names them names those of the one table (C(_axl/schema.py))."""

from __future__ import annotations

import pathlib
import re

import pytest
from simulator import axl_operations, release

from ansible_collections.voiceops.secure_tsp.plugins.module_utils._axl import schema

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TEXTS = [ROOT / "README.md", *sorted(path for folder in ("docs", "plugins", "roles") for path in (ROOT / folder).rglob("*")
                                     if path.suffix in (".md", ".rst", ".py", ".yml"))]
SPAN = re.compile(r"(?<![0-9.])(11\.5 to [0-9]+(?:\.[0-9]+)?)")
OF_OTHER_THINGS = ("JTAPI", "schemas of")  # Cisco's clients, and the schemas of one package
OLDEST, NEWEST = schema.VERSIONS[0], schema.VERSIONS[-1].removesuffix(".0")


def spans(text):
    """Each C(11.5 to ...) of a text that means the releases of CUCM."""
    flat = " ".join(text.split())
    for found in SPAN.finditer(flat):
        if not any(word in flat[max(found.start() - 40, 0):found.start()] for word in OF_OTHER_THINGS):
            yield found.group(1).removesuffix(".0")


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_text_names_the_releases_of_the_table(path):
    wrong = set(spans(path.read_text(encoding="utf-8"))) - {"%s to %s" % (OLDEST, NEWEST)}
    assert not wrong, "%s says %s; _axl/schema.py has %s to %s" % (path.relative_to(ROOT), ", ".join(wrong), OLDEST, NEWEST)


def test_some_texts_name_them():
    assert sum(1 for path in TEXTS if list(spans(path.read_text(encoding="utf-8")))) > 10
    assert list(spans("for CUCM 11.5 to 14")) == ["11.5 to 14"], "one that is behind is seen"


def test_the_newest_and_the_oldest_are_simulated():
    newest = {features["schemas"][-1] for features in release._RELEASES.values()}
    assert {OLDEST, schema.VERSIONS[-1]} <= newest, "tests/simulator/release.py has no release whose newest schema is this one"
    assert newest <= set(schema.VERSIONS), "plugins/module_utils/_axl/schema.py lacks a version of the simulated releases"


def test_every_simulated_release_is_in_the_table_of_the_readme():
    row = next(line for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines() if line.startswith("| CUCM |"))
    assert "simulated " + ", ".join(release.RELEASES) in row, "README.md, row CUCM: it does not name the simulated releases"


def test_the_notes_of_modules_name_every_simulated_release():
    *others, newest = release.RELEASES
    text = (ROOT / "plugins" / "doc_fragments" / "attributes.py").read_text(encoding="utf-8")
    assert "simulated clusters of %s and %s," % (", ".join(others), newest) in text, (
        "plugins/doc_fragments/attributes.py, notes: they do not name the simulated releases")


def test_the_readme_names_every_schema_that_requests_are_compared_with():
    row = next(line for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines() if line.startswith("| CUCM |"))
    assert "published schemas %s |" % ", ".join(schema.VERSIONS) in row, "README.md, row CUCM: it lacks schemas of _axl/schema.py"


def test_the_simulated_cluster_answers_every_operation_of_the_table():
    lacking = set(schema.OPERATIONS) - set(axl_operations.OPERATIONS)
    assert not lacking, "tests/simulator/axl_operations.py: OPERATIONS lacks %s" % ", ".join(sorted(lacking))
