# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scenario in docs/examples/molecule with Molecule itself, which C(make outside) installs."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess

import pytest
from controller import ROOT, Controller

OUTSIDE = os.environ.get("OUTSIDE")
pytestmark = pytest.mark.skipif(not OUTSIDE, reason="make outside runs these, with what they need")


def test_it_rehearses_an_inventory(tmp_path):
    controller = Controller(tmp_path / "controller")
    examples = tmp_path / "examples"
    shutil.copytree(ROOT / "docs" / "examples", examples)
    own = {name: value for name, value in controller.environment().items() if not name.startswith("ANSIBLE_CALLBACKS")}
    done = subprocess.run([pathlib.Path(OUTSIDE, "bin", "molecule"), "test"], cwd=examples, capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL, timeout=300, env={**own, "PATH": "%s/bin:%s" % (OUTSIDE, os.environ["PATH"])})
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    assert "site, once more:" in told and "0 changed." in told and "1 verified" in told
