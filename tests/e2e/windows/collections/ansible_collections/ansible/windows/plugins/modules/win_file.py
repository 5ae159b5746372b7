#!/bin/sh
# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from scripted_windows import create, play, scripted_host


def main():
    module = create(
        path=dict(type="path", required=True, aliases=["dest", "name"]),
        state=dict(type="str", choices=["absent", "directory", "file", "touch"]),
    )
    path, state = module.params["path"], module.params["state"]
    if state not in ("absent", "directory"):
        module.fail_json(msg="The scripted host knows absent and directory only.")
    with scripted_host(module) as host:
        if state == "absent":
            changed = host.remove(path)
            for folder in [folder for folder in host.state["acl"] if (folder.lower() + "\\").startswith(path.lower() + "\\")]:
                del host.state["acl"][folder]
                changed = True
        else:
            changed = path not in host.state["acl"]
            host.state["acl"].setdefault(path, {"inherits": True, "rules": []})
    module.exit_json(changed=changed)


if __name__ == "__main__":
    play(main, r"""<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>""")
