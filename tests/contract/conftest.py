# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest

BIN = pathlib.Path(sys.executable).parent


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
