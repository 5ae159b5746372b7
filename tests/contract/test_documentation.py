# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plugins and their documentation, beyond what ansible-test's validate-modules compares."""

from __future__ import annotations

import importlib
import re

import collection_path
import pytest
import yaml

ROOT = collection_path.ROOT
NAMESPACE = "voiceops.secure_tsp."
MODULES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("*.py"))
FRAGMENTS = "plugins/modules/%%s.py: extends_documentation_fragment needs %s%%s" % NAMESPACE
SECRET = re.compile(r"pass(word|phrase|wd)|secret|token|authorization_string|private|credential", re.IGNORECASE)


def test_every_plugin_is_documented(documentation):
    assert sorted(documentation["module"]) == MODULES


@pytest.mark.parametrize("module", MODULES)
def test_attributes_say_what_the_module_can_do(documentation, module):
    attributes = documentation["module"][module]["doc"].get("attributes", {})
    assert {"check_mode", "diff_mode", "idempotent", "platform"} <= set(attributes), FRAGMENTS % (module, "attributes")
    undecided = sorted(name for name, value in attributes.items() if value.get("support") not in ("full", "partial", "none", "N/A"))
    assert not undecided, "plugins/modules/%s.py: give support of %s, or extend %sattributes.info_module" % (
        module, ", ".join(undecided), NAMESPACE)
    if module.endswith("_info"):
        assert attributes["check_mode"]["support"] == "full"
        assert attributes["diff_mode"]["support"] == "N/A"


@pytest.mark.parametrize("module", MODULES)
def test_it_names_the_releases_it_is_for_and_its_relatives(documentation, module):
    doc = documentation["module"][module]["doc"]
    assert any("CUCM 11.5 to 15" in note for note in doc.get("notes", ())), FRAGMENTS % (module, "attributes")
    relatives = [relative["module"] for relative in doc.get("seealso", ()) if "module" in relative]
    assert relatives, "plugins/modules/%s.py: seealso names no module" % module
    assert not {name for name in relatives if name.startswith(NAMESPACE)} - {NAMESPACE + name for name in MODULES}
    assert NAMESPACE + module not in relatives


@pytest.mark.parametrize("module", MODULES)
def test_every_return_value_is_described(documentation, module):
    returns = documentation["module"][module]["return"]
    assert returns, "plugins/modules/%s.py: RETURN is empty" % module
    wrong = list(undescribed(returns))
    assert not wrong, "plugins/modules/%s.py: RETURN lacks description, type or sample of %s; make samples writes the samples" % (
        module, ", ".join(wrong))
    assert [name for name, said in returns.items() if not said.get("returned")] == []


def undescribed(returns, prefix=""):
    """Return values that lack a sentence, a type, or both a sample and parts."""
    for name, said in returns.items():
        if not (said.get("description") and said.get("type") and ("sample" in said or said.get("contains"))):
            yield prefix + name
        yield from undescribed(said.get("contains") or {}, f"{prefix}{name}.")


def test_the_action_group_holds_exactly_the_modules_with_the_login_of_a_cluster(documentation):
    runtime = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())
    with_login = {name for name, said in documentation["module"].items()
                  if {"hostname", "validate_certs", "axl_version"} <= set(said["doc"]["options"])}
    differ = sorted(set(runtime["action_groups"]["axl"]) ^ with_login)
    assert not differ, "meta/runtime.yml: the action group axl and the modules with the fragment cluster differ in %s" % ", ".join(differ)
    assert runtime["action_groups"]["axl"] == sorted(with_login), "meta/runtime.yml: sort the action group axl"
    for name in MODULES:
        attribute = documentation["module"][name]["doc"].get("attributes", {}).get("action_group")
        assert (attribute is not None) == (name in with_login), FRAGMENTS % (name, "attributes.actiongroup_axl, with cluster only,")


@pytest.mark.parametrize("module", MODULES)
def test_every_module_has_a_test(module):
    word = re.compile(rf"\b{module}\b")
    assert any(word.search(path.read_text()) for path in (ROOT / "tests" / "unit" / "modules").glob("test_*.py")), (
        "no test in tests/unit/modules names %s" % module)
    tasks = "tests/integration/targets/%s/tasks/main.yml" % module
    assert (ROOT / tasks).is_file() and NAMESPACE + module + ":" in (ROOT / tasks).read_text(), "%s: no task runs the module" % tasks


@pytest.mark.parametrize("module", MODULES)
def test_examples_parse_and_use_documented_options(documentation, module):
    said = documentation["module"]
    used = list(tasks_of_ours(yaml.safe_load(said[module]["examples"])))
    assert module in {name for name, given in used}
    for name, given in used:
        assert undocumented(given, said[name]["doc"]["options"]) == [], name


def test_examples_of_filters_parse(documentation):
    for name, said in documentation["filter"].items():
        assert yaml.safe_load(said["examples"]), name


def tasks_of_ours(node):
    """(short module name, options) of each task below this node of parsed YAML."""
    if isinstance(node, list):
        for item in node:
            yield from tasks_of_ours(item)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key.startswith(NAMESPACE) and (value is None or isinstance(value, dict)):
                yield key[len(NAMESPACE):], value or {}
            else:
                yield from tasks_of_ours(value)


def undocumented(given, options, prefix=""):
    known = {alias: option for name, option in options.items() for alias in [name, *option.get("aliases", [])]}
    wrong = []
    for name, value in given.items():
        if name not in known:
            wrong.append(prefix + name)
            continue
        suboptions = known[name].get("suboptions")
        for item in value if isinstance(value, list) else [value]:
            if suboptions and isinstance(item, dict):
                wrong += undocumented(item, suboptions, f"{prefix}{name}.")
    return wrong


def test_the_checker_of_examples_sees_a_wrong_option():
    options = {"users": {"suboptions": {"name": {}}}, "path": {"aliases": ["dest"]}}
    assert undocumented({"dest": "/x", "users": [{"name": "a"}]}, options) == []
    assert undocumented({"paht": "/x", "users": [{"nmae": "a"}]}, options) == ["paht", "users.nmae"]


@pytest.mark.parametrize("module", MODULES)
def test_every_option_that_looks_secret_is_decided(module, monkeypatch):
    """no_log true or false stands in the argument spec, so that somebody thought about it."""
    spec = argument_spec(module, monkeypatch)
    assert [name for name, option in flat(spec) if SECRET.search(name) and option.get("type") != "bool"
            and "options" not in option and "no_log" not in option and "choices" not in option] == []


class Caught(Exception):
    pass


def argument_spec(module, monkeypatch):
    loaded = importlib.import_module(f"ansible_collections.voiceops.secure_tsp.plugins.modules.{module}")
    edge = importlib.import_module("ansible_collections.voiceops.secure_tsp.plugins.module_utils._module")

    def catch(argument_spec, **more):
        raise Caught(argument_spec)

    monkeypatch.setattr(edge, "Module", catch)
    with pytest.raises(Caught) as caught:
        loaded.main()
    return caught.value.args[0]


def flat(spec, prefix=""):
    for name, option in spec.items():
        yield prefix + name, option
        yield from flat(option.get("options") or {}, f"{prefix}{name}.")
