# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""README and guides name only what exists. Options of modules in the guides are checked by antsibull-docs."""

from __future__ import annotations

import re

import collection_path
import pytest
import yaml

ROOT = collection_path.ROOT
GUIDES = [ROOT / "README.md", *sorted((ROOT / "docs" / "docsite" / "rst").glob("*.rst")), *sorted(ROOT.glob("roles/*/README.md"))]
IDS = [path.relative_to(ROOT).as_posix() for path in GUIDES]
each_guide = pytest.mark.parametrize("guide", GUIDES, ids=IDS)

# Names of the collection's own that are neither plugin nor role nor playbook.
OTHER_NAMES = {"docsite", "axl", "report"}


def existing():
    folders = (("plugins/modules", "*.py"), ("plugins/filter", "*.py"), ("plugins/callback", "*.py"), ("roles", "*"),
               ("playbooks", "*.yml"))
    return OTHER_NAMES | {path.stem for folder, pattern in folders for path in (ROOT / folder).glob(pattern)}


def role_variables():
    specs = yaml.safe_load((ROOT / "roles" / "secure_tsp" / "meta" / "argument_specs.yml").read_text())
    return {name for spec in specs["argument_specs"].values() for name in spec["options"]}


@each_guide
def test_plugins_roles_and_playbooks_exist(guide):
    named = set(re.findall(r"voiceops\.secure_tsp\.(\w+)", guide.read_text()))
    assert named - existing() == set()


@each_guide
def test_variables_are_options_of_the_entry_role(guide):
    text = re.sub(r"voiceops[./-]secure_tsp\S*", "", guide.read_text())
    named = set(re.findall(r"(?<![\w./-])secure_tsp_[a-z_]+", text))
    assert named - role_variables() == set()


@each_guide
def test_yaml_blocks_parse(guide):
    for block in blocks(guide, "yaml"):
        assert yaml.safe_load(block) is not None


@each_guide
def test_make_targets_and_scripts_exist(guide):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for block in blocks(guide, "bash"):
        assert set(re.findall(r"\bmake ([a-z]+)", block)) <= targets
        for script in re.findall(r"^\s*\./(\S+)", block, re.MULTILINE):
            assert (ROOT / script).exists()


@each_guide
def test_paths_of_the_repository_exist(guide):
    named = re.findall(r"``?((?:tests|meta|requirements|changelogs|plugins|docs)/[\w./-]*)``?", guide.read_text())
    assert [name for name in named if not (ROOT / name).exists() and not (guide.parent / name).exists()] == []


@each_guide
def test_links_into_the_repository_lead_somewhere(guide):
    named = re.findall(r"github\.com/voiceops/secure_tsp/blob/main/([\w./-]+)", guide.read_text())
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_guide_is_in_the_table_of_contents():
    sections = yaml.safe_load((ROOT / "docs" / "docsite" / "extra-docs.yml").read_text())["sections"]
    listed = [name for section in sections for name in section["toctree"]]
    assert sorted(listed) == sorted(path.stem for path in (ROOT / "docs" / "docsite" / "rst").glob("*.rst"))


def blocks(guide, language):
    """The code blocks of a language in Markdown or reStructuredText."""
    text = guide.read_text()
    if guide.suffix == ".md":
        return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    found = re.findall(rf"\.\. code-block:: {language}\n\n((?: +\S.*\n|\n)+)", text)
    return [re.sub(r"^    ", "", block, flags=re.MULTILINE) for block in found]
