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
import pathlib
import re
import sys
import types

import collection_path
import pytest
import yaml
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages import windows
from module_arguments import patch_module_args

HERE = collection_path.ROOT / "tests" / "e2e" / "windows"
COLLECTION = HERE / "collections" / "ansible_collections" / "ansible" / "windows"
RECORD = json.loads((HERE / "documented_options.json").read_text())["modules"]
MODULES = sorted(path.stem for path in (COLLECTION / "plugins" / "modules").glob("*.py"))
ROLE = collection_path.ROOT / "roles" / "client_windows" / "tasks"
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


@pytest.fixture
def stand_in(monkeypatch):
    """stand_in(name): the module, imported as Ansible would."""
    for name, path in (("ansible_collections.ansible", []), ("ansible_collections.ansible.windows", [str(COLLECTION)])):
        package = types.ModuleType(name)
        package.__path__ = path
        monkeypatch.setitem(sys.modules, name, package)
    names = [name for name in sys.modules if name.startswith("ansible_collections.ansible.windows.")]
    for name in names:
        monkeypatch.delitem(sys.modules, name)
    yield lambda name: importlib.import_module("ansible_collections.ansible.windows.plugins.modules." + name)
    for name in [name for name in sys.modules if name.startswith("ansible_collections.ansible.windows.")]:
        del sys.modules[name]


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


@pytest.mark.parametrize("name", MODULES)
def test_results_are_documented(name, stand_in, monkeypatch, tmp_path, capsys):
    path = tmp_path / "state.json"
    path.write_text(json.dumps(STATE))
    monkeypatch.setenv("SCRIPTED_WINDOWS", str(path))
    with patch_module_args(CALLS[name]), pytest.raises(SystemExit):
        stand_in(name).main()
    result = json.loads(capsys.readouterr().out)
    assert result.get("failed") or result["changed"] in (True, False)
    assert set(result) - ALWAYS - set(RECORD[name]["returns"]) == set()


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
    used = [use for path in ROLE.glob("*.yml") for use in uses(yaml.safe_load(path.read_text()))]
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
