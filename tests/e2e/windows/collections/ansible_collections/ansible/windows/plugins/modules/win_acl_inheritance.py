#!/bin/sh
# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from scripted_windows import create, play, scripted_host


def main():
    module = create(
        path=dict(type="str", required=True),
        state=dict(type="str", choices=["absent", "present"], default="absent"),
    )
    path, wanted = module.params["path"], module.params["state"] == "present"
    with scripted_host(module) as host:
        if path not in host.state["acl"]:
            module.fail_json(msg="%s does not exist on the host" % path)
        changed = host.state["acl"][path]["inherits"] != wanted
        host.state["acl"][path]["inherits"] = wanted
    module.exit_json(changed=changed)


if __name__ == "__main__":
    play(main, r"""<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>""")
