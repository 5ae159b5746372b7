# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of ansible.windows, and read of its answers, is in the text of the real modules, the newest and the oldest release.

The stages can ask and read only what their table ASKED names. The words are recorded in shipped_words.json with the releases they
were found in; where these are installed, the record is compared with them.
"""

from __future__ import annotations

import importlib.util
import json
import pathlib
import re
import sys

import collection_path
import pytest
import yaml
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _tsp_host
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages import windows

ROOT = collection_path.ROOT
HERE = ROOT / "tests" / "e2e" / "windows"
RECORD = HERE / "shipped_words.json"
PLACES = ("ansible-package", "ansible-package-oldest")
# Options that are handed on as a whole, so that no text of the collection spells them.
PASSED_ON = {("win_get_url", "validate_certs"), ("win_reboot", "msg"), ("win_reboot", "reboot_timeout")}
YAML = [*(ROOT / "roles/client_windows/tasks").glob("*.yml"), *(ROOT / "roles/secure_tsp/tasks").glob("windows*.yml"),
        *(ROOT / "roles/client_jtapi/tasks").glob("*.yml")]


def tasks(node):
    """(module, options) of each task of ansible.windows below this node of parsed YAML."""
    if isinstance(node, list):
        for item in node:
            yield from tasks(item)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key.startswith("ansible.windows."):
                yield key.rpartition(".")[2], value or {}
            else:
                yield from tasks(value)


def relied_on():
    """{module: words that its text must have}."""
    found = {name: set(taken) | set(read) for name, (taken, read) in windows.ASKED.items()}
    found["setup"] |= {word.lstrip("!") for word in windows.SUBSETS} - {"all"}
    found["win_service_info"] |= {*_tsp_host.RUNNING[:1], "disabled"}
    for path in YAML:
        for module, options in tasks(yaml.safe_load(path.read_text())):
            found.setdefault(module, set()).update(options)
    for module, option in PASSED_ON:
        found[module].discard(option)
    return found


RELEASES = json.loads(RECORD.read_text())["releases"] if RECORD.exists() else []


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release["version"])
def test_every_word_is_in_the_text_of_the_real_modules(release):
    missing = {name: sorted(words - set(release["modules"].get(name, {"words": ()})["words"])) for name, words in relied_on().items()}
    assert {name: words for name, words in missing.items() if words} == {}


def test_newest_and_oldest_release_were_read():
    versions = [tuple(map(int, release["version"].split("."))) for release in RELEASES]
    assert len(versions) == 2 and versions[0] > versions[1] and ".".join(map(str, versions[1])) == windows.OLDEST


def test_facts_are_read_by_the_names_that_the_real_module_gives_first():
    assert {_tsp_host.ADDRESS_FACTS[0], _tsp_host.DATE_FACTS[0]} <= set(windows.ASKED["setup"][1])


def test_stages_reach_a_host_by_the_table_alone():
    """Outside of the one function that reads ASKED, no stage calls a module of ansible.windows."""
    stages = sorted((ROOT / "plugins/module_utils/_stages").glob("windows*.py"))
    source = "".join(path.read_text() for path in stages)
    calls = re.findall(r"execute\.(?:module|action)\(", source)
    answer = source[source.index("    def answer("):source.index("    def ask(")]
    assert len(calls) == len(re.findall(r"execute\.(?:module|action)\(", answer)) == 2
    asked = set(re.findall(r"""(?:ask|answer)\("(\w+)",""", source))
    assert asked == set(windows.ASKED)


def test_what_is_not_in_the_table_can_neither_be_asked_nor_read():
    class Execute:
        def module(self, name, options, secret=False):
            return {"content": "x", "source": "y", "changed": False, "options": options}

    host = windows.Windows.__new__(windows.Windows)
    host.execute = Execute()
    assert host.ask("slurp", src="C:\\x") == {"content": "x", "changed": False}
    with pytest.raises(KeyError):
        host.ask("slurp", path="C:\\x")


def script():
    spec = importlib.util.spec_from_file_location("shipped_words", HERE / "shipped_words.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_record_is_that_of_the_releases():
    """Compared wherever a recorded release is found."""
    folders = [ROOT / ".cache" / name for name in PLACES] + [pathlib.Path(folder) for folder in sys.path if folder]
    for folder in folders:
        if (folder / "ansible_collections/ansible/windows/MANIFEST.json").exists():
            found = script().shipped(folder, relied_on())
            assert found in RELEASES or found["version"] not in [release["version"] for release in RELEASES]
