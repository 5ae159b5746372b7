# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""README and guides name only what exists. Options of modules in the guides are checked by antsibull-docs, commands by
test_commands.py."""

from __future__ import annotations

import re

import generate_troubleshooting
import pytest
import yaml
from guides import GUIDES, ROOT, blocks, name_of

each_guide = pytest.mark.parametrize("guide", GUIDES, ids=map(name_of, GUIDES))

# Names of the collection's own that are neither plugin nor role nor playbook.
OTHER_NAMES = {"docsite", "axl", "report"}


def existing():
    folders = (("plugins/modules", "*.py"), ("plugins/filter", "*.py"), ("plugins/callback", "*.py"), ("roles", "*"),
               ("playbooks", "*.yml"), ("extensions/eda/rulebooks", "*.yml"), ("extensions/eda/plugins/event_source", "*.py"))
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


def test_the_tables_about_troubleshooting_are_those_of_the_messages():
    assert generate_troubleshooting.page() == generate_troubleshooting.PAGE.read_text(encoding="utf-8"), "run make options, and commit what it writes"


def test_the_readme_links_every_guide_so_that_the_tarball_can_be_read_alone():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    guides = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs" / "docsite" / "rst").glob("*.rst")}
    assert {name for name in guides if "](%s)" % name not in text} == set()


HEADINGS = ("Description", "Requirements", "Installation", "Use cases", "Testing", "Contributing", "Support",
            "Release notes and roadmap", "Related information", "License information")


def test_the_readme_has_the_headings_of_a_certified_collection_in_their_order():
    found = re.findall(r"(?m)^## (.*)$", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert tuple(name for name in found if name in HEADINGS) == HEADINGS


def test_the_readme_names_every_module_role_and_playbook():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    folders = (("plugins/modules", "*.py"), ("plugins/callback", "*.py"), ("roles", "*"), ("playbooks", "*.yml"))
    names = {path.stem for folder, pattern in folders for path in (ROOT / folder).glob(pattern)}
    lacking = sorted(name for name in names if f"[`{name}`](" not in text)
    assert not lacking, "README.md, What is in it: no link named %s" % ", ".join(lacking)


def test_every_role_readme_names_its_entry_points():
    for path in ROOT.glob("roles/*/meta/argument_specs.yml"):
        text = (path.parent.parent / "README.md").read_text(encoding="utf-8")
        others = set(yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"]) - {"main"}
        assert {name for name in others if f"`{name}`" not in text and f"tasks_from: {name}" not in text} == set(), path


def test_the_guide_for_developers_names_every_folder_of_tests():
    text = (ROOT / "docs" / "docsite" / "rst" / "development.rst").read_text(encoding="utf-8")
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and path.name not in ("output", "__pycache__")}
    assert {name for name in folders if f"``tests/{name}``" not in text} == set()
