#!/bin/sh
# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from scripted_windows import create, play, scripted_host


def main():
    module = create(
        src=dict(type="path"),
        content=dict(type="str", no_log=True),
        dest=dict(type="path", required=True),
    )
    params = module.params
    if params["src"]:
        with open(params["src"], "rb") as stream:
            octets = stream.read()
    else:
        octets = params["content"].encode()
    with scripted_host(module) as host:
        changed = host.read(params["dest"]) != octets
        if changed and host.state["room"] is not None and not module.check_mode:
            if host.state["room"] == 0:
                module.fail_json(msg="There is not enough space on the disk.")
            host.state["room"] -= 1
        host.write(params["dest"], octets)
    module.exit_json(changed=changed, dest=params["dest"], size=len(octets), operation="file_copy")


if __name__ == "__main__":
    play(main, r"""<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>""")
