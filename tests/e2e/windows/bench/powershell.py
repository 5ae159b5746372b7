# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In place of the PowerShell interpreter, and of nothing else: it gets what the real Ansible and the real ansible.windows send.

A module comes as a manifest behind Ansible's wrapper; the stand-in of that name does its work on the played host. What the real
win_reboot asks of PowerShell itself is answered here. Everything else is refused, so that nothing is taken for done.
"""

from __future__ import annotations

import base64
import importlib
import json
import pathlib
import re
import sys
import types

HERE = pathlib.Path(__file__).resolve().parent
PLUGINS = HERE.parent / "collections" / "ansible_collections" / "ansible" / "windows" / "plugins"
sys.path[:0] = [str(PLUGINS / "modules"), str(PLUGINS / "module_utils")]
SEPARATOR = b"\0\0\0\0"
MODULE = re.compile(r"ansible_collections\.ansible\.windows\.plugins\.modules\.(\w+)\.ps1\Z")


def run_module(manifest):
    """The stand-in for the module, with exactly the options that arrived."""
    import scripted_windows  # pylint: disable=import-outside-toplevel

    (action,) = manifest["actions"]
    name = MODULE.match(action["params"]["Script"]).group(1)
    (given,) = [one["Value"] for one in action["params"]["Variables"] if one["Name"] == "complex_args"]
    scripted_windows.play(importlib.import_module(name).main, json.dumps(given))


def run_script(text):
    """What win_reboot asks: when Windows started, to restart it, and whether somebody could log in."""
    import scripted_windows  # pylint: disable=import-outside-toplevel

    with scripted_windows.scripted_host(types.SimpleNamespace(_name="powershell", check_mode=False)) as host:
        if "shutdown.exe /r" in text:
            host.state["reboots"] += 1
            host.open_providers()
            return json.dumps({"stdout": "", "stderr": "", "rc": 0})
        if "LastBootUpTime" in text:
            return str(host.state["reboots"])
        return re.search(r"'(success-[0-9a-f-]+)'", text).group(1)


def main():
    sent = b"" if sys.stdin.isatty() else sys.stdin.buffer.read()
    if SEPARATOR in sent:
        run_module(json.loads(sent.split(SEPARATOR)[1]))
    else:
        script = base64.b64decode(sys.argv[sys.argv.index("-EncodedCommand") + 1]).decode("utf-16-le")
        print(run_script(script))


if __name__ == "__main__":
    main()
