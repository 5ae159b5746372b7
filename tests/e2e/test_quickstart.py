# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The quick start as it is printed: its inventory and its commands, with the installed tarball, against a simulated cluster."""

from __future__ import annotations

import guides
import pytest
import yaml
from controller import Controller
from simulator import Simulator

README = guides.ROOT / "README.md"
QUICKSTART = guides.ROOT / "docs" / "docsite" / "rst" / "quickstart.rst"
SECRETS = {"vault_axl_password": "Axl-Secret-4711", "vault_recorder_password": "Recorder-Secret-0002"}


class Installed(Controller):
    """A controller with the tarball that the guides build, not with the checkout."""

    def __init__(self, folder, collections):
        super().__init__(folder)
        self.collections = collections

    def environment(self):
        return {**super().environment(), "ANSIBLE_COLLECTIONS_PATH": str(self.collections)}


def inventory_of(guide):
    """The block that a guide tells to write into inventory.yml."""
    return yaml.safe_load(guides.blocks(guide, "yaml")[0])


def plays_of(guide):
    """The commands that run a playbook, in order, as (short name of the playbook, further words)."""
    found = []
    for words in guides.commands(guide):
        if words[0] == "ansible-playbook":
            assert words[1:3] == ["-i", "inventory.yml"]
            found.append((words[3].rpartition(".")[2], words[4:]))
    return found


@pytest.fixture(scope="module")
def runs(installed, tmp_path_factory):
    """What came of the README's commands, one after the other, and the simulated cluster."""
    controller = Installed(tmp_path_factory.mktemp("quickstart") / "controller", installed)
    found = []
    with Simulator(username="axl", password=SECRETS["vault_axl_password"],
                   seed={"devices": [{"name": "SEP001122334455", "lines": [{"number": "1001"}]}]}) as sim:
        inventory = in_sandbox(inventory_of(README), sim, controller)
        for playbook, words in plays_of(README):
            before = sim.cluster.state_hash()
            run = controller.start(playbook, inventory, *words).wait()
            found.append((words, run, before, sim.cluster.state_hash()))
        yield found


def in_sandbox(inventory, sim, controller):
    """All that is different from the printed one: address, ports and CA of the simulator, folder of the host, passwords."""
    variables = inventory["all"]["vars"]
    variables["secure_tsp_clusters"]["main"].update(
        {name: value for name, value in sim.cluster_entry().items() if name not in ("username", "password")})
    for instance in variables["secure_tsp_instances"]:
        instance.update(store=controller.store(), client_address="127.0.0.1")
    hosts = inventory["all"]["children"]["secure_tsp"]["hosts"]
    return controller.write_inventory(dict(hosts), {**variables, **SECRETS})


def test_the_rehearsal_asks_no_cluster(runs):
    words, run, before, after = runs[0]
    assert words == [] and run.rc == 0, run.output
    assert before == after and "recorder01x1" in run.output


def test_the_check_run_changes_nothing_anywhere(runs):
    words, run, before, after = runs[1]
    assert "--check" in words and run.rc == 0, run.output
    assert before == after and run.states == {"recorder01x1": "would enrol"}


def test_the_run_provisions_and_proves(runs):
    words, run, _before, _after = runs[2]
    assert words == [] and run.rc == 0, run.output
    assert run.states == {"recorder01x1": "verified"}
    assert run.rows["recorder01x1"]["VERIFIED BY"] == "application (1 device, 1 line)"


def test_readme_and_guide_say_the_same():
    assert inventory_of(README) == inventory_of(QUICKSTART)
    assert plays_of(README) == plays_of(QUICKSTART)[:3]
