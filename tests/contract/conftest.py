# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import collection_path
import pytest

BIN = pathlib.Path(sys.executable).parent


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


@pytest.fixture(scope="session")
def documentation(installed):
    """{plugin type: {short name: what ansible-doc says}} of the installed collection."""
    plugins = installed / "ansible_collections" / "voiceops" / "secure_tsp" / "plugins"
    found = {}
    for kind, folder in (("module", "modules"), ("filter", "filter"), ("callback", "callback")):
        names = sorted(path.stem for path in (plugins / folder).glob("*.py") if not path.stem.startswith("_"))
        if names:
            answer = subprocess.run(
                [BIN / "ansible-doc", "--json", "--type", kind, *(f"voiceops.secure_tsp.{name}" for name in names)],
                env=dict(os.environ, ANSIBLE_COLLECTIONS_PATH=str(installed)), check=True, capture_output=True, text=True)
            found[kind] = {name.rpartition(".")[2]: said for name, said in json.loads(answer.stdout).items()}
    return found
