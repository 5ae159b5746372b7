# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write documented_options.json: what the real modules of ansible.windows document, for those that have a stand-in.

    .venv/bin/pip install --no-deps --target .cache/ansible-package ansible==12.3.0
    .venv/bin/python tests/e2e/windows/documented_options.py .cache/ansible-package

The package is large, so the tests read the file; where the package is found, they compare the two.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
RECORD = HERE / "documented_options.json"
STAND_INS = HERE / "collections" / "ansible_collections" / "ansible" / "windows" / "plugins" / "modules"
MODULES = sorted(path.stem for path in STAND_INS.glob("*.py"))
OPTION = ("type", "elements", "required", "default", "choices", "aliases")


def documented(folder):
    """The facts of the record, read from the real collection below a folder that holds C(ansible_collections)."""
    environment = dict(os.environ, ANSIBLE_COLLECTIONS_PATH=str(folder), ANSIBLE_COLLECTIONS_SCAN_SYS_PATH="0")
    program = pathlib.Path(sys.executable).with_name("ansible-doc")
    answer = subprocess.run(
        [sys.executable, program, "--json", "--type", "module", *("ansible.windows." + name for name in MODULES)],
        env=environment, check=True, capture_output=True, text=True)
    manifest = json.loads((pathlib.Path(folder) / "ansible_collections/ansible/windows/MANIFEST.json").read_text())
    return {
        "collection": "ansible.windows", "version": manifest["collection_info"]["version"],
        "modules": {
            name.rpartition(".")[2]: {
                "options": {option: facts(said) for option, said in sorted(found["doc"]["options"].items())},
                "returns": sorted(found["return"] or {}),
            } for name, found in sorted(json.loads(answer.stdout).items())
        },
    }


def facts(option):
    return {key: option[key] for key in OPTION if option.get(key) not in (None, [], False)}


if __name__ == "__main__":
    RECORD.write_text(json.dumps(documented(pathlib.Path(sys.argv[1]).resolve()), indent=1) + "\n")
