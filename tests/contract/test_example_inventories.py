# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventories in docs/examples and in the guides, read by Ansible and checked as the stage preflight checks them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import guides
import pytest
import yaml
from ansible.inventory.manager import InventoryManager
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible.vars.manager import VariableManager

from ansible_collections.voiceops.secure_tsp.plugins.module_utils._model import complete

ROOT = guides.ROOT
FOLDERS = sorted(path for path in (ROOT / "docs" / "examples").iterdir() if path.is_dir())
EXAMPLES = [path for path in FOLDERS if path.name != "molecule"]  # that one rehearses another one's inventory
BLOCKS = [(guide, block) for guide in guides.GUIDES for block in guides.blocks(guide, "yaml")
          if isinstance(yaml.safe_load(block), dict) and "all" in yaml.safe_load(block)]
ROLES_WITH_VARIABLES = ("secure_tsp", "client_windows", "client_jtapi")
VAULTED = re.compile(r"\{\{ *(vault_\w+) *\}\}")


def options(role):
    """The options of all entry points of a role."""
    specs = yaml.safe_load((ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    found = {}
    for spec in specs["argument_specs"].values():
        found.update(spec.get("options", {}))
    return found


def read(path):
    """{host: variables} of the group secure_tsp, templated. Secrets are what their names are."""
    loader = DataLoader()
    inventory = InventoryManager(loader=loader, sources=[str(path)])
    manager = VariableManager(loader=loader, inventory=inventory)
    files = [path] if path.is_file() else list(path.rglob("*.yml"))
    vault = {name: name for one in files for name in VAULTED.findall(one.read_text(encoding="utf-8"))}
    found = {}
    for host in inventory.get_hosts("secure_tsp"):
        variables = {**manager.get_vars(host=host), **vault}
        own = {name: value for name, value in variables.items() if name.startswith(("secure_tsp_", "client_", "ansible_"))}
        found[host.name] = plain(Templar(loader=loader, variables=variables).template(own))
    return found


def plain(value):
    """Without the marks that Ansible puts on values, and without variables that no JSON has."""
    return json.loads(json.dumps(value, default=str))


def complaints(hosts):
    """What the stage preflight and the argument specs would say."""
    wrong = []
    for host, variables in hosts.items():
        for role in ROLES_WITH_VARIABLES:
            known = options(role)
            given = {name: value for name, value in variables.items() if name.startswith(role + "_")}
            wrong += ["%s: %s is no option" % (host, name) for name in given if name not in known]
            spec = {name: {**known[name], "required": False} for name in given if name in known}
            # Elements of the lists are described and not specified.
            spec = {name: {key: value for key, value in one.items() if key in ("type", "elements", "choices")}
                    for name, one in spec.items()}
            result = ArgumentSpecValidator(spec).validate({name: given[name] for name in spec})
            wrong += ["%s: %s" % (host, message) for message in result.error_messages]
    first = next(iter(hosts.values()))
    model, mistakes, warnings = complete(
        first.get("secure_tsp_clusters", {}), first.get("secure_tsp_users", []), first.get("secure_tsp_instances", []),
        inventory=set(hosts), group=set(hosts), is_windows=lambda host: hosts[host].get("ansible_connection") in ("winrm", "psrp"))
    return wrong + [str(one) for one in mistakes + warnings], model


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda path: path.name)
def test_the_program_reads_it(folder):
    done = subprocess.run(
        [sys.executable, os.path.join(os.path.dirname(sys.executable), "ansible-inventory"), "-i", folder, "--list"],
        capture_output=True, text=True, check=False)
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert "secure_tsp" in json.loads(done.stdout)


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda path: path.name)
def test_preflight_has_nothing_to_say(folder):
    assert complaints(read(folder))[0] == []


@pytest.mark.parametrize(("guide", "block"), BLOCKS, ids=[guides.name_of(guide) for guide, _block in BLOCKS])
def test_inventories_in_guides_too(guide, block, tmp_path):
    path = tmp_path / "inventory.yml"
    path.write_text(block, encoding="utf-8")
    missing = [] if "secure_tsp_clusters" in block else ["there is no cluster"]  # a block that shows other variables only
    assert complaints(read(path))[0] == missing


@pytest.mark.parametrize(("name", "hosts", "instances", "enrolments", "clusters"), [
    ("one_host", 1, 1, {"collection"}, {"main"}),
    ("fleet", 24, 29, {"collection"}, {"north", "south"}),
    ("jtapi", 2, 2, {"collection"}, {"main"}),
    ("jtapi_windows", 3, 3, {"collection", "tsp"}, {"main"}),
    ("windows", 2, 3, {"tsp"}, {"main"}),
])
def test_it_shows_what_it_is_called(name, hosts, instances, enrolments, clusters):
    found = read(ROOT / "docs" / "examples" / name)
    listed = complaints(found)[1].instances()
    assert (len(found), len(listed)) == (hosts, instances)
    assert {one["enrolment"] for one in listed} == enrolments
    assert {one["cluster"] for one in listed} == clusters


def test_every_example_is_tested_by_name_and_named_in_a_guide():
    assert {path.name for path in EXAMPLES} == {"one_host", "fleet", "jtapi", "jtapi_windows", "windows"}
    text = "".join(guide.read_text(encoding="utf-8") for guide in guides.GUIDES)
    assert [path.name for path in FOLDERS if "docs/examples/" + path.name not in text] == []


@pytest.mark.parametrize(("change", "words"), [
    (("instance_id: recorder01x1", "instance_id: recorder-01"), "instance_id"),
    (("user: recorder_tapi", "user: recorder"), "recorder"),
    (("  vars:", "  vars:\n    secure_tsp_cutovr: auto"), "secure_tsp_cutovr is no option"),
    (("  vars:", "  vars:\n    secure_tsp_cutover: soon"), "secure_tsp_cutover must be one of"),
    (("hostname: cucm-pub", "hostnme: cucm-pub"), "hostn"),
])
def test_mistakes_are_noticed(change, words, tmp_path):
    text = (ROOT / "docs" / "examples" / "one_host" / "inventory.yml").read_text(encoding="utf-8")
    path = tmp_path / "inventory.yml"
    path.write_text(text.replace(*change), encoding="utf-8")
    assert any(words in sentence for sentence in complaints(read(path))[0])
