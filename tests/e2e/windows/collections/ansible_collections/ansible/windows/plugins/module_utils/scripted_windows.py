# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A scripted Windows host: one JSON file that the stand-in modules read and change.

The file is named by the environment variable SCRIPTED_WINDOWS, which the host's Python interpreter sets.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import re
import urllib.request

from ansible.module_utils.basic import AnsibleModule

HIVE = re.compile(r"HK(CC|CR|CU|LM|U):\\")
PROVIDERS = "HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Telephony\\Providers"
EMPTY = {
    "registry": {}, "files": {}, "acl": {}, "services": {}, "installers": {}, "commands": [], "calls": [], "reboots": 0,
    "telephony_restarts": 0, "addresses": [], "tsp_url": "",
}


class Host:
    """registry: {key: {name: {"type", "value"}}}; files: {path: {"content" (base64), "version", "modified"}}."""

    def __init__(self, state):
        self.state = {**EMPTY, **state}

    # registry

    def key(self, path):
        """The key as it is spelt in the registry, or None."""
        return next((known for known in self.state["registry"] if known.lower() == path.lower().rstrip("\\")), None)

    def values(self, path):
        known = self.key(path)
        if known is not None:
            return self.state["registry"][known]
        return {} if self.sub_keys(path) else None

    def sub_keys(self, path):
        prefix = path.rstrip("\\") + "\\"
        names = [known[len(prefix):].split("\\")[0] for known in self.state["registry"]
                 if known.lower().startswith(prefix.lower())]
        return sorted(dict.fromkeys(names))

    def value(self, path, name):
        values = self.values(path) or {}
        return next((values[known] for known in values if known.lower() == name.lower()), None)

    def set_value(self, path, name, kind, data):
        key = self.key(path) or path.rstrip("\\")
        values = self.state["registry"].setdefault(key, {})
        spelt = next((known for known in values if known.lower() == name.lower()), name)
        values[spelt] = {"type": kind, "value": data}

    # files

    def path(self, path):
        """A file's path as it is spelt on disk, or None."""
        return next((known for known in self.state["files"] if known.lower() == path.lower()), None)

    def read(self, path):
        known = self.path(path)
        return None if known is None else base64.b64decode(self.state["files"][known]["content"])

    def write(self, path, octets, **facts):
        known = self.path(path) or path
        self.state["files"][known] = {
            **self.state["files"].get(known, {}), "content": base64.b64encode(octets).decode(), "modified": 1000.0, **facts}

    def remove(self, path):
        gone = [known for known in self.state["files"]
                if known.lower() == path.lower() or known.lower().startswith(path.lower().rstrip("\\") + "\\")]
        for known in gone:
            del self.state["files"][known]
        return bool(gone)

    # restarts

    def open_providers(self):
        """TAPI starts its providers: tell the scripted TSP, and take over what it wrote."""
        if self.state["tsp_url"]:
            request = urllib.request.Request(self.state["tsp_url"], json.dumps(self.state).encode(), method="POST")
            with urllib.request.urlopen(request) as answer:
                self.state = {**EMPTY, **json.loads(answer.read())}


@contextlib.contextmanager
def scripted_host(module):
    """The host, locked; written back unless the module runs in check mode."""
    with open(os.environ["SCRIPTED_WINDOWS"], "r+", encoding="utf-8") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        host = Host(json.load(stream))
        host.state["calls"].append(module._name)
        yield host
        if not module.check_mode:
            stream.seek(0)
            stream.truncate()
            json.dump(host.state, stream, indent=1)


def create(**options):
    """An AnsibleModule of the real module's kind."""
    return AnsibleModule(argument_spec=options, supports_check_mode=True)
