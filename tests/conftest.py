# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import hypothesis
import pytest

# Here and not in pytest.ini, which ansible-test does not read.
sys.path.insert(0, str(pathlib.Path(__file__).parent))

import collection_path  # pylint: disable=wrong-import-position

BIN = pathlib.Path(sys.executable).parent

# How long one example may take says nothing on a busy machine.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")


def pytest_configure(config):
    config.addinivalue_line("markers", "in_process: needs the module in the interpreter of the tests")


@pytest.fixture(scope="session")
def vectors():
    """Folder of the test vectors; every sub-folder has a README with their provenance."""
    return collection_path.ROOT / "tests" / "vectors"


@pytest.fixture(scope="session")
def tarball(tmp_path_factory):
    """The collection as C(ansible-galaxy collection build) makes it from what git knows."""
    folder = tmp_path_factory.mktemp("build")
    environment = dict(os.environ, RUN_TREE=str(folder / "tree"), PATH=f"{BIN}{os.pathsep}{os.environ['PATH']}")
    subprocess.run(
        [collection_path.ROOT / "run", "ansible-galaxy", "collection", "build", "--output-path", folder],
        env=environment, check=True, capture_output=True)
    return next(folder.glob("voiceops-secure_tsp-*.tar.gz"))


@pytest.fixture(scope="session")
def installed(tarball, tmp_path_factory):
    """A collections path that holds nothing but the installed tarball."""
    folder = tmp_path_factory.mktemp("collections")
    subprocess.run(
        [BIN / "ansible-galaxy", "collection", "install", tarball, "-p", folder, "--offline"],
        env=dict(os.environ, ANSIBLE_COLLECTIONS_PATH=str(folder)), check=True, capture_output=True)
    return folder
