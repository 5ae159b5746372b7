# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run one module in this interpreter: its arguments as JSON on standard input, its result as JSON on standard output.

It is the other interpreter's half of the fixture C(run_module), and the only file of these tests that runs in it.
"""

from __future__ import annotations

import importlib
import json
import sys

import collection_path
from ansible.module_utils.basic import AnsibleModule
from module_arguments import patch_module_args


collection_path.register()


def main(name):
    arguments = json.load(sys.stdin)
    warnings = []
    AnsibleModule.warn = lambda module, warning, **more: warnings.append(warning)
    try:
        with patch_module_args(arguments):
            importlib.import_module("ansible_collections.voiceops.secure_tsp.plugins.modules." + name).main()
    finally:
        print(json.dumps(warnings))


if __name__ == "__main__":
    main(sys.argv[1])
