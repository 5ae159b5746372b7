# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles say in their argument specs exactly what they take."""

from __future__ import annotations

import re

import collection_path
import generate_options
import guides
import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _options

ROOT = collection_path.ROOT
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir() if path.is_dir())
TEXT = (".yml", ".yaml", ".j2")


def load(role, name):
    path = ROOT / "roles" / role / name
    return yaml.safe_load(path.read_text()) or {} if path.exists() else {}


def entry_points(role):
    return load(role, "meta/argument_specs.yml")["argument_specs"]


@pytest.mark.parametrize("role", ROLES)
def test_it_is_described(role):
    assert (ROOT / "roles" / role / "README.md").exists()
    assert load(role, "meta/main.yml")["galaxy_info"]["license"] == "GPL-3.0-or-later"
    for name, spec in entry_points(role).items():
        assert spec["short_description"] and spec["description"], name
        assert (ROOT / "roles" / role / "tasks" / f"{name}.yml").exists(), name


def test_nothing_made_from_the_table_of_options_is_stale():
    assert generate_options.stale() == [], "plugins/module_utils/_options.py says something else: run make options, and commit what it writes"


def test_the_role_of_the_run_has_no_defaults_of_its_own():
    """The stages take them from the table."""
    assert load("secure_tsp", "defaults/main.yml") == {} and load("secure_tsp", "vars/main.yml") == {}


def test_every_option_is_read_somewhere():
    unread = sorted(name for name, places in generate_options.uses().items() if not places)
    assert not unread, "nothing reads %s: a stage in plugins/module_utils/_stages must, with run.option(...)" % ", ".join(unread)


def test_the_table_has_every_option_that_a_stage_reads():
    """C(run.option("ctl_" + name)) names the beginning of several."""
    read = re.compile(r'\.(?:safe_)?option\("(\w+)"')
    lacking = sorted({"%s (%s)" % (name, path.name) for path in (ROOT / "plugins" / "module_utils").rglob("*.py")
                      for name in read.findall(path.read_text(encoding="utf-8"))
                      if not any(known == name or name.endswith("_") and known.startswith(name) for known in _options.OPTIONS)})
    assert not lacking, "plugins/module_utils/_options.py: OPTIONS lacks %s" % ", ".join(lacking)


def test_the_table_names_all_entry_points():
    """Every task file that a playbook names is one, and every one has a task file."""
    called = set()
    for path in (ROOT / "playbooks").glob("*.yml"):
        called |= set(re.findall(r"name: voiceops\.secure_tsp\.secure_tsp\n *tasks_from: (\w+)", path.read_text()))
    assert called - set(generate_options.ENTRY_POINTS) == set()
    assert {name for name in generate_options.ENTRY_POINTS if not (ROOT / "roles/secure_tsp/tasks" / f"{name}.yml").exists()} == set()


def test_options_are_used_where_the_page_of_variables_says():
    uses = generate_options.uses()
    assert "site" in uses["window"] and "verify" not in uses["window"]
    assert "site" in uses["cti_timeout"] and "verify" in uses["cti_timeout"]
    assert uses["serial"] == ["playbook site", "playbook upgrade_certificates"]
    assert "site" in uses["batch_instances"] and "verify" not in uses["batch_instances"]


def test_the_markup_of_options_becomes_that_of_pages():
    assert generate_options.rst("C(a) O(secure_tsp_b), V(c d); P(voiceops.secure_tsp.report#role), M(voiceops.secure_tsp.ctl_file), "
                                "O(voiceops.secure_tsp.ctl_file#module:path)") == (
        "``a`` ``secure_tsp_b``, ``c d``; :ansplugin:`voiceops.secure_tsp.report#role`, "
        ":ansplugin:`voiceops.secure_tsp.ctl_file#module`, :ansopt:`voiceops.secure_tsp.ctl_file#module:path`")


@pytest.mark.parametrize("role", [role for role in ROLES if role != "secure_tsp"])
def test_defaults_and_argument_specs_agree(role):
    defaults = load(role, "defaults/main.yml")
    options = {}
    for spec in entry_points(role).values():
        options.update(spec.get("options", {}))
    assert set(defaults) - set(options) == set(), "a default without an option"
    stated = {name: option["default"] for name, option in options.items() if "default" in option}
    if role != "client_windows":  # the stages take its defaults from the table of options, as the spec does
        assert {name: value for name, value in stated.items() if name not in defaults} == {}, "a default only in the spec"
    different = {name: (value, defaults[name]) for name, value in stated.items()
                 if name in defaults and defaults[name] != value and not templated(defaults[name])}
    assert different == {}


def templated(value):
    return isinstance(value, str) and "{{" in value


@pytest.mark.parametrize("role", ROLES)
def test_every_option_is_described(role):
    assert list(undescribed(entry_points(role))) == []


def undescribed(specs):
    for spec in specs.values():
        for name, option in (spec.get("options") or {}).items():
            if not option.get("description") or not option.get("type"):
                yield name
            yield from undescribed({name: option})


@pytest.mark.parametrize("role", ROLES)
def test_variables_carry_the_prefix_of_the_role(role):
    own = re.compile(rf"(__)?{role}_")
    assert [name for name in load(role, "defaults/main.yml") if not own.match(name)] == []
    assert [name for name in load(role, "vars/main.yml") if not own.match(name)] == []


@pytest.mark.parametrize("role", [role for role in ROLES if role != "secure_tsp"])
def test_only_the_entry_role_reads_the_inventory(role):
    """Other roles get what they need as variables of their own."""
    word = re.compile(r"(?<![\w./])secure_tsp_\w+")
    found = []
    for path in sorted((ROOT / "roles" / role).rglob("*")):
        if path.suffix in TEXT and "meta" not in path.parts:
            found += [f"{path.relative_to(ROOT)}: {name}" for name in word.findall(path.read_text())]
    assert found == []


def inclusions():
    """(guide, role, entry point, variables) of each include_role in a YAML block of a guide."""
    for guide in guides.GUIDES:
        for block in guides.blocks(guide, "yaml"):
            content = yaml.safe_load(block)
            for task in content if isinstance(content, list) else []:
                called = task.get("ansible.builtin.include_role")
                if called:
                    yield (guides.name_of(guide), called["name"].rpartition(".")[2], called.get("tasks_from", "main"),
                           task.get("vars", {}))


@pytest.mark.parametrize(("guide", "role", "entry_point", "variables"), list(inclusions()), ids=lambda value: str(value)[:40])
def test_guides_call_roles_as_their_argument_specs_say(guide, role, entry_point, variables):
    options = entry_points(role)[entry_point].get("options", {})
    assert set(variables) - set(options) == set(), guide
    assert {name for name, option in options.items() if option.get("required")} - set(variables) == set(), guide
    given = {name: value for name, value in variables.items() if not templated(value)}
    spec = {name: {key: options[name][key] for key in ("type", "elements", "choices") if key in options[name]} for name in given}
    assert ArgumentSpecValidator(spec).validate(given).error_messages == []
