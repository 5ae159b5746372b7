# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scenario in docs/examples/molecule with Molecule itself, which C(make runners) installs."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess

import pytest
import yaml
from controller import ROOT, Controller

RUNNERS = os.environ.get("RUNNERS")
pytestmark = pytest.mark.skipif(not RUNNERS, reason="make runners runs these, with what they need")
INVENTORY = pathlib.Path("one_host", "inventory.yml")


@pytest.fixture
def molecule(tmp_path):
    """molecule(change): what C(molecule test) ends with in the examples, whose inventory was changed; and the folder."""
    controller, examples = Controller(tmp_path / "controller"), tmp_path / "examples"
    shutil.copytree(ROOT / "docs" / "examples", examples)
    own = {name: value for name, value in controller.environment().items() if not name.startswith("ANSIBLE_CALLBACK")}

    def run(change=lambda variables: None):
        inventory = yaml.safe_load((examples / INVENTORY).read_text())
        change(inventory["all"]["vars"])
        (examples / INVENTORY).write_text(yaml.safe_dump(inventory))
        done = subprocess.run([pathlib.Path(RUNNERS, "bin", "molecule"), "test"], cwd=examples, capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL, timeout=300, env={**own, "PATH": "%s/bin:%s" % (RUNNERS, os.environ["PATH"])})
        return done.returncode, done.stdout + done.stderr

    return run


def test_it_rehearses_an_inventory(molecule):
    rc, told = molecule()
    assert rc == 0, told
    assert "A rehearsal with 1 users and 1 instances on 1 hosts." in told
    second = told.partition("site, once more:")[2]
    assert "1 ok. 0 changed." in second and "No drift" in second, told
    settings = (ROOT / "docs" / "examples" / "molecule" / "default" / "molecule.yml").read_text()
    assert "Rehearsal-0002" in settings and "Rehearsal-0002" not in told.partition("A rehearsal with")[2]


def test_mistakes_in_the_lists_fail_it(molecule):
    rc, told = molecule(lambda variables: variables["secure_tsp_instances"][0].update(instance_id="recorder-01"))
    assert rc != 0 and "1 mistake(s) in the lists" in told and "A rehearsal with" not in told, told
