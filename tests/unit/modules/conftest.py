# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import pathlib
import subprocess

import ansible
import collection_path
import pytest
from ansible.module_utils.basic import AnsibleModule
from module_arguments import patch_module_args


MODULE_PYTHON = os.environ.get("MODULE_PYTHON")  # run the modules in this interpreter instead of the tests' own


@pytest.fixture
def run_module(request):
    """Run a module's main() with options and give its result; check and diff mode by keyword.

    run_module(ctl_info, path="/x", check=True)

    Warnings stand in the result as plain texts.
    """
    execute = request.getfixturevalue("in_other_interpreter" if MODULE_PYTHON else "in_this_interpreter")

    def run(module, check=False, diff=False, **options):
        result, warnings = execute(module, dict(options, _ansible_check_mode=check, _ansible_diff=diff))
        result.pop("invocation", None)
        result.pop("warnings", None)
        if warnings:
            result["warnings"] = warnings
        return result

    return run


@pytest.fixture
def in_this_interpreter(capsys, monkeypatch):
    """Left to itself, ansible-core prints warnings as soon as another test has imported a module of its controller."""
    warnings = []
    monkeypatch.setattr(AnsibleModule, "warn", lambda module, warning, **more: warnings.append(warning))

    def execute(module, arguments):
        del warnings[:]
        capsys.readouterr()
        with patch_module_args(arguments), pytest.raises(SystemExit):
            module.main()
        return json.loads(capsys.readouterr().out), list(warnings)

    return execute


@pytest.fixture
def in_other_interpreter(tmp_path_factory):
    """ansible.module_utils of the controller runs on older Pythons, the rest of ansible-core is not needed."""
    path = tmp_path_factory.mktemp("module-path")
    (path / "ansible").symlink_to(pathlib.Path(ansible.__file__).parent)
    environment = dict(os.environ, PYTHONPATH=f"{path}{os.pathsep}{collection_path.ROOT / 'tests'}",
                       PYTHONDONTWRITEBYTECODE="1")

    def execute(module, arguments):
        done = subprocess.run(
            [MODULE_PYTHON, collection_path.ROOT / "tests" / "unit" / "modules" / "module_process.py", module.__name__.rpartition(".")[2]],
            input=json.dumps(arguments), env=environment, capture_output=True, text=True, check=False)
        assert done.returncode in (0, 1) and not done.stderr, done.stderr
        result, warnings = done.stdout.strip().splitlines()[-2:]
        return json.loads(result), json.loads(warnings)

    return execute
