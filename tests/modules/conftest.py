# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args


@pytest.fixture
def run_module(capsys, monkeypatch):
    """Run a module's main() with options and give its result; check and diff mode by keyword.

    run_module(ctl_info, path="/x", check=True)

    Warnings stand in the result as plain texts. Left to itself, ansible-core prints them instead as soon as another
    test has imported one of its controller's modules.
    """
    warnings = []
    monkeypatch.setattr(AnsibleModule, "warn", lambda module, warning, **more: warnings.append(warning))

    def run(module, check=False, diff=False, **options):
        arguments = dict(options, _ansible_check_mode=check, _ansible_diff=diff)
        del warnings[:]
        capsys.readouterr()
        with patch_module_args(arguments), pytest.raises(SystemExit):
            module.main()
        result = json.loads(capsys.readouterr().out)
        result.pop("invocation", None)
        if warnings:
            result["warnings"] = list(warnings)
        return result

    return run
