# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make C(ansible_collections.voiceops.secure_tsp) importable from a checkout in a folder of any name."""

from __future__ import annotations

import importlib
import pathlib
import sys
import types

ROOT = pathlib.Path(__file__).resolve().parent.parent


def register():
    """Do nothing when ansible-test's own loader, or an installed collection, already answers."""
    try:
        importlib.import_module("ansible_collections.voiceops.secure_tsp.plugins")
        return
    except ImportError:
        pass
    for name, path in (
        ("ansible_collections", []),
        ("ansible_collections.voiceops", []),
        ("ansible_collections.voiceops.secure_tsp", [str(ROOT)]),
    ):
        package = types.ModuleType(name)
        package.__path__ = path
        sys.modules[name] = package


register()
