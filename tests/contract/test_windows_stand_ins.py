# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-ins for ansible.windows take and return what the real modules document, and the role uses nothing else.

The documentation is recorded in documented_options.json with the version it was read from. Where the real collection is
found, the record is compared with it as well.
"""

from __future__ import annotations

import base64
import importlib
import importlib.util
import json
import os
import pathlib
import re
import subprocess
import sys

import collection_path
import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages import windows

HERE = collection_path.ROOT / "tests" / "e2e" / "windows"
COLLECTION = HERE / "collections" / "ansible_collections" / "ansible" / "windows"
RECORD = json.loads((HERE / "documented_options.json").read_text())["modules"]
MODULES = sorted(path.stem for path in (COLLECTION / "plugins" / "modules").glob("*.py"))
ROLES = [collection_path.ROOT / "roles" / name / "tasks" for name in ("client_windows", "client_jtapi")]
# What every module may return, and what setup returns by its nature.
ALWAYS = {"changed", "msg", "failed", "invocation", "diff", "warnings", "ansible_facts", "rc"}

FILE = "C:\\x\\a.cer"
STATE = {
    "registry": {"HKLM:\\SOFTWARE\\X": {"A": {"type": "REG_BINARY", "value": [1, 2]}}},
    "files": {FILE: {"content": base64.b64encode(b"octets").decode(), "modified": 1.0, "version": "1.0"}},
    "services": {"TapiSrv": {"display_name": "Telephony", "state": "started", "start_mode": "manual", "dependencies": []}},
    "acl": {"C:\\x": {"inherits": True, "rules": []}}, "addresses": ["192.0.2.1"],
}
# One call of each stand-in that shows all it returns.
CALLS = {
    "setup": {},
    "slurp": {"src": FILE},
    "win_acl": {"path": "C:\\x", "user": "u", "type": "allow", "rights": "FullControl"},
    "win_acl_inheritance": {"path": "C:\\x"},
    "win_copy": {"content": "x", "dest": FILE},
    "win_file": {"path": FILE, "state": "absent"},
    "win_find": {"paths": ["C:\\x"]},
    "win_get_url": {"url": (HERE / "documented_options.json").as_uri(), "dest": FILE},
    "win_package": {"path": FILE, "arguments": "", "creates_path": FILE},
    "win_reboot": {},
    "win_reg_stat": {"path": "HKLM:\\SOFTWARE\\X", "name": "A"},
    "win_regedit": {"path": "HKLM:\\SOFTWARE\\X", "name": "B", "data": 1, "type": "dword"},
    "win_service": {"name": "TapiSrv", "state": "restarted"},
    "win_service_info": {},
    "win_wait_for": {"port": 1, "timeout": 1},
}


def documentation_script():
    spec = importlib.util.spec_from_file_location("documented_options", HERE / "documented_options.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


LIBRARY = COLLECTION / "plugins" / "module_utils"
MARKER = "<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>"  # of ansible-core, which writes the arguments in its place


@pytest.fixture
def library(monkeypatch):
    """The library of the stand-ins."""
    monkeypatch.syspath_prepend(str(LIBRARY))
    yield importlib.import_module("scripted_windows")
    del sys.modules["scripted_windows"]


def source(name):
    return COLLECTION / "plugins" / "modules" / (name + ".py")


@pytest.fixture
def stand_in(library):
    """stand_in(name): the module, imported."""
    def load(name):
        spec = importlib.util.spec_from_file_location("stand_in_" + name, source(name))
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


def played(name, given, state, check_mode=False):
    """(exit code, result) of a stand-in that runs as Ansible runs it, its text on standard input."""
    arguments = {**given, "_ansible_module_name": "ansible.windows." + name, "_ansible_check_mode": check_mode}
    run = subprocess.run(
        [sys.executable, "-S"], input=source(name).read_text().replace(MARKER, json.dumps(arguments)), stdout=subprocess.PIPE,
        env={**os.environ, "SCRIPTED_WINDOWS": str(state), "PYTHONPATH": str(LIBRARY)}, text=True, timeout=60, check=False)
    return run.returncode, json.loads(run.stdout)


class Caught(Exception):
    pass


def options_of(module, monkeypatch):
    def catch(**options):
        raise Caught(options)

    monkeypatch.setattr(module, "create", catch)
    with pytest.raises(Caught) as caught:
        module.main()
    return caught.value.args[0]


def wrong_options(given, documented):
    """Sentences about what a stand-in takes otherwise than the real module."""
    for name, option in given.items():
        said = documented["options"].get(name)
        if said is None:
            yield "%s is not documented" % name
            continue
        for key in ("type", "elements", "required", "default"):
            found, wanted = option.get(key), said.get(key)
            if (found or None) != (wanted or None) and not (key == "type" and found is None):
                yield "%s: %s is %r, documented %r" % (name, key, found, wanted)
        if set(option.get("choices") or ()) - set(said.get("choices") or option.get("choices") or ()):
            yield "%s: choices that are not documented" % name
        if set(option.get("aliases") or ()) - set(said.get("aliases") or ()):
            yield "%s: aliases that are not documented" % name


@pytest.mark.parametrize("name", MODULES)
def test_options_are_documented(name, stand_in, monkeypatch):
    assert list(wrong_options(options_of(stand_in(name), monkeypatch), RECORD[name])) == []


def test_the_checker_sees_what_is_wrong():
    documented = {"options": {"path": {"type": "str", "required": True, "aliases": ["key"]}}}
    assert list(wrong_options({"path": {"type": "str", "required": True}}, documented)) == []
    assert len(list(wrong_options({"path": {"type": "path", "required": True, "aliases": ["k"]}, "x": {}}, documented))) == 3


@pytest.fixture
def state(tmp_path):
    path = tmp_path / "state.json"
    path.write_text(json.dumps(STATE))
    return path


@pytest.mark.parametrize("name", MODULES)
def test_results_are_documented(name, state):
    rc, result = played(name, CALLS[name], state)
    assert set(result) - ALWAYS - set(RECORD[name]["returns"]) == set()
    if result.get("failed"):
        assert rc == 1
    else:
        assert rc == 0 and result["changed"] in (True, False)
        # A stand-in that ends while it holds the host leaves it as it was.
        assert json.loads(state.read_text()).get("calls") == (None if name == "win_package" else ["ansible.windows." + name])


@pytest.mark.parametrize("name", MODULES)
def test_ansible_starts_a_stand_in_as_it_is(name):
    """It packs whatever imports from a collection or from itself. The first line is what it and its sanity tests agree on."""
    text = source(name).read_text()
    assert text.startswith("#!/bin/sh\n") and "module_utils" not in text and text.count(MARKER) == 1
    assert text.endswith('\n    play(main, r"""%s""")\n' % MARKER)


@pytest.mark.parametrize("value", [
    "", '"', '""', '"""', '\\"""', "\\", 'C:\\folder\\"', "'''", "\\u0041", "\\N{DASH}", "two\nlines\r\t\0", "Stra\u00dfe \u2028", "\U0001f600"])
def test_every_text_arrives_as_it_is(value, state):
    """Arguments stand in the module's text: nothing in them may end the literal there, or be read as Python."""
    path = "HKLM:\\SOFTWARE\\X"
    assert played("win_regedit", {"path": path, "name": "B", "data": value}, state)[0] == 0
    assert json.loads(state.read_text())["registry"][path]["B"] == {"type": "REG_SZ", "value": value}


OPTIONS = {
    "path": {"type": "str", "required": True, "aliases": ["key"]},
    "kind": {"type": "str", "choices": ["a", "b"], "default": "a"},
    "state": {"type": "str", "choices": ["up", "down"]},
    "name": {"type": "str", "aliases": ["entry", "value"]},
    "count": {"type": "int", "default": 3},
    "share": {"type": "float"},
    "force": {"type": "bool", "default": True},
    "words": {"type": "list", "elements": "str", "default": "all"},
    "codes": {"type": "list", "elements": "int"},
    "few": {"type": "list", "elements": "str", "choices": ["a", "b"]},
    "folder": {"type": "path"},
    "data": {"type": "raw"},
}
VALUES = [
    "", "a", "b", "up", "on", "A", "yes", "True", " No ", "f", "maybe", "1", "0", "7", "7.0", "7.5", "1e3", "-1", "x", "a,b", "1,2", "1,x", "a,c",
    "~/x", "$HOME\\x", "C:\\x", "nan", 0, 1, 2, -5, 7.0, 7.5, 1.0, True, False, [], ["a"], ["a", "c"], ["1", 2], [1, "x"], [True]]


def by_ansible(given):
    """The options by the checks of AnsibleModule, or None where these refuse them. As text: True is no 1."""
    result = ArgumentSpecValidator(OPTIONS).validate(given)
    return None if result.error_messages else repr([result.validated_parameters[name] for name in OPTIONS])


def by_library(library, given):
    params, wrong = library.checked(OPTIONS, given)
    assert all(isinstance(sentence, str) for sentence in wrong)
    return None if wrong else repr([params[name] for name in OPTIONS])


@pytest.mark.parametrize("name", OPTIONS)
def test_values_are_checked_as_by_ansible(name, library):
    values = [value for value in VALUES if not (isinstance(value, list) and OPTIONS[name]["type"] in ("str", "path"))]
    for value in values:
        given = {"path": "p", name: value}
        assert by_library(library, given) == by_ansible(given), value


@pytest.mark.parametrize("given", [
    {}, {"key": "p"}, {"path": "p", "unknown": 1}, {"key": "p", "entry": "x"}, {"key": "p", "value": "x"}, {"entry": "x"},
    {"path": "p", "name": None}, {"path": "p", "state": None}, {"path": "p", "count": None}, {"path": "p", "force": None},
    {"path": "p", "data": None}, {"path": "p", "data": {"a": [1]}}, {"path": "p", "codes": {"a": 1}}, {"path": "p", "few": None},
    {"path": "p", "count": [1]}, {"path": "p", "share": {}}, {"path": "p", "force": [True]}], ids=repr)
def test_options_are_checked_as_by_ansible(given, library):
    assert by_library(library, given) == by_ansible(given)


@pytest.mark.parametrize("given", [
    {"path": "p", "key": "q"}, {"path": None}, {"path": ["p"]}, {"path": {"p": 1}}, {"path": "p", "kind": None},
    {"path": "p", "folder": ["x"]}, {"path": "p", "words": [["x"]]}, {"path": "p", "words": None}], ids=repr)
def test_what_no_task_means_is_refused(given, library):
    """AnsibleModule lets some of these pass."""
    assert by_library(library, given) is None


def test_a_refused_call_says_why_and_changes_nothing(state):
    before = state.read_text()
    rc, result = played("win_acl", {"path": "C:\\x", "type": "maybe", "user": "u", "right": "all"}, state)
    assert rc == 1 and result["failed"] and state.read_text() == before
    for part in ("Unsupported parameters: right", "missing required arguments: rights", "must be one of: allow, deny, got: maybe"):
        assert part in result["msg"]


def told(node):
    """All names and values of a result."""
    if isinstance(node, dict):
        return [*node, *(part for value in node.values() for part in told(value))]
    return [part for item in node for part in told(item)] if isinstance(node, list) else [node]


def test_a_secret_is_in_no_result(state):
    secret = "Ver\"y-secr\\et"
    calls = {"done": {"dest": FILE}, "elsewhere": {"dest": "C:\\" + secret}, "no dest": {}, "unknown": {"dest": FILE, "more": secret}}
    for name, given in calls.items():
        rc, result = played("win_copy", {"content": secret, **given}, state)
        assert rc == (name in ("no dest", "unknown")), name
        assert result["invocation"]["module_args"]["content"] == "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"
        assert not [part for part in told(result) if secret in str(part)], name
    assert base64.b64decode(json.loads(state.read_text())["files"][FILE]["content"]).decode() == secret


def test_a_change_in_check_mode_is_told_and_not_made(state):
    before = state.read_text()
    rc, result = played("win_copy", CALLS["win_copy"], state, check_mode=True)
    assert rc == 0 and result["changed"] is True and state.read_text() == before


def uses(node):
    """(module, options) of each task of ansible.windows below this node of parsed YAML."""
    if isinstance(node, list):
        for item in node:
            yield from uses(item)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key.startswith("ansible.windows."):
                yield key.rpartition(".")[2], value or {}
            else:
                yield from uses(value)


def test_the_role_uses_what_is_played_and_documented(stand_in, monkeypatch):
    used = [use for role in ROLES for path in role.glob("*.yml") for use in uses(yaml.safe_load(path.read_text()))]
    used += [(name, taken) for name, (taken, _read) in windows.ASKED.items()]  # by the stages
    assert {name for name, given in used} == set(MODULES), "a stand-in that nobody needs, or one that is missing"
    known = {name: options_of(stand_in(name), monkeypatch) for name in MODULES}
    assert [(name, option) for name, given in used for option in given if option not in known[name]] == []


def real_collections():
    """Folders with the real collection: the installed package's, and the one that development.txt's readers unpack."""
    candidates = [pathlib.Path(folder) for folder in sys.path if folder] + [collection_path.ROOT / ".cache" / "ansible-package"]
    return [folder for folder in candidates if (folder / "ansible_collections/ansible/windows/MANIFEST.json").exists()]


def test_the_record_is_that_of_a_named_release():
    """And it is what the real collection documents, wherever that is found in the recorded version."""
    record = json.loads((HERE / "documented_options.json").read_text())
    script = documentation_script()
    assert record["collection"] == "ansible.windows" and re.fullmatch(r"\d+\.\d+\.\d+", record["version"])
    assert sorted(record["modules"]) == MODULES == script.MODULES
    for folder in real_collections():
        found = script.documented(folder)
        assert found["version"] != record["version"] or found == record
