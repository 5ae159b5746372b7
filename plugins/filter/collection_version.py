# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: collection_version
short_description: Version of an installed collection
description:
  - Tells whether a collection that some tasks need is installed on the controller, before Ansible reads these tasks.
options:
  _input:
    description: Name of the collection.
    type: str
    required: true
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
"""

EXAMPLES = r"""
- name: Refuse to go on without it
  ansible.builtin.assert:
    that: "'ansible.windows' | voiceops.secure_tsp.collection_version is not none"
    fail_msg: "Install it with: ansible-galaxy collection install ansible.windows"
"""

RETURN = r"""
_value:
  description: The version, V(*) when it was not installed from a package, null when it is not installed.
  type: str
"""

import importlib
import json
import pathlib


def collection_version(name):
    """See DOCUMENTATION."""
    try:
        package = importlib.import_module("ansible_collections." + name)
    except ImportError:
        return None
    for folder in map(pathlib.Path, package.__path__):
        if (folder / "MANIFEST.json").exists():
            return json.loads((folder / "MANIFEST.json").read_text(encoding="utf-8"))["collection_info"]["version"]
    return "*"


class FilterModule:
    """Versions of collections."""

    def filters(self):
        return {"collection_version": collection_version}
