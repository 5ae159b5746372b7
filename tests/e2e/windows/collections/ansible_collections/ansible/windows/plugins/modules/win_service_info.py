#!/bin/sh
# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from scripted_windows import create, play, scripted_host


def main():
    module = create(name=dict(type="str"))
    wanted = (module.params["name"] or "").lower()
    with scripted_host(module) as host:
        found = [dict(service, name=name) for name, service in host.state["services"].items()
                 if not wanted or wanted in (name.lower(), service["display_name"].lower())]
    module.exit_json(changed=False, exists=bool(found), services=found)


if __name__ == "__main__":
    play(main, r"""<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>""")
