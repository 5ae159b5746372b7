# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In place of the PowerShell interpreter, and of nothing else: it gets what the real Ansible and the real ansible.windows send.

A module comes as a manifest behind Ansible's wrapper; the stand-in of that name does its work on the played host. What the real
win_reboot asks of PowerShell itself is answered here. Everything else is refused, so that nothing is taken for done.
"""

from __future__ import annotations

import base64
import hashlib
import importlib
import json
import os
import pathlib
import re
import shutil
import sys
import types

HERE = pathlib.Path(__file__).resolve().parent
PLUGINS = HERE.parent / "collections" / "ansible_collections" / "ansible" / "windows" / "plugins"
sys.path[:0] = [str(PLUGINS / "modules"), str(PLUGINS / "module_utils"), str(HERE.parents[2])]
SEPARATOR = b"\0\0\0\0"
MODULE = re.compile(r"ansible_collections\.ansible\.windows\.plugins\.modules\.(\w+)\.ps1\Z")


def run_module(manifest):
    """The stand-in for the module, with exactly the options that arrived."""
    import scripted_windows  # pylint: disable=import-outside-toplevel

    (action,) = manifest["actions"]
    name = MODULE.match(action["params"]["Script"]).group(1)
    (given,) = [one["Value"] for one in action["params"]["Variables"] if one["Name"] == "complex_args"]
    if name == "win_copy":
        given = copied(given)
    if given:
        scripted_windows.play(importlib.import_module(name).main, json.dumps(given))


def copied(given):
    """The real win_copy asks first which files differ, which is answered here, and then sends one. Returns options for the stand-in."""
    import scripted_windows  # pylint: disable=import-outside-toplevel

    if given["_copy_mode"] == "query":
        with scripted_windows.scripted_host(types.SimpleNamespace(_name="win_copy query", check_mode=True)) as host:
            there = {one["dest"]: host.read("%s\\%s" % (given["dest"].replace("/", "\\"), one["dest"])) for one in given["files"]}
        different = [one for one in given["files"] if there[one["dest"]] is None or hashlib.sha1(there[one["dest"]]).hexdigest() != one["checksum"]]
        print(json.dumps({"changed": False, "files": different, "directories": [], "symlinks": []}))
        return None
    assert given["_copy_mode"] == "single", given
    kept = {name: value for name, value in given.items() if name in ("src", "dest") or name.startswith("_ansible")}
    return {**kept, "src": here(given["src"])}


def here(path):
    """Temporary files of the host are on this machine; Ansible spells their paths as on Windows."""
    return path.replace("\\", "/")


def make_folder(path):
    os.makedirs(path)
    return path


def run_script(text):
    """What win_reboot asks: when Windows started, to restart it, and whether somebody could log in. And temporary folders of win_copy."""
    removed = re.search(r"Remove-Item '([^']+-tmp-[^']+)' -Force -Recurse", text)
    if removed:
        shutil.rmtree(here(removed.group(1)))
        return ""
    made = re.search(r"-Name '(ansible-tmp-[^']+)'", text)
    if made:
        return make_folder(os.path.join(os.environ["TMPDIR"], made.group(1)))
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
        manifest = json.loads(sent.split(SEPARATOR)[1])
        if "actions" in manifest:
            run_module(manifest)
        else:  # of ansible-core 2.19 and later
            print(make_folder(os.path.join(os.environ["TMPDIR"], manifest["params"]["Name"])))
    else:
        script = base64.b64decode(sys.argv[sys.argv.index("-EncodedCommand") + 1]).decode("utf-16-le")
        print(run_script(script))


if __name__ == "__main__":
    main()
