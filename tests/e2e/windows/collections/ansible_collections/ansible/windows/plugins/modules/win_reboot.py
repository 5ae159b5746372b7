#!/bin/sh
# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from scripted_windows import create, play, scripted_host


def main():
    module = create(
        msg=dict(type="str", default="Reboot initiated by Ansible"),
        reboot_timeout=dict(type="float", default=600, aliases=["reboot_timeout_sec"]),
    )
    with scripted_host(module) as host:
        if not module.check_mode:
            host.state["reboots"] += 1
            host.open_providers()
    module.exit_json(changed=True, rebooted=True, elapsed=0)


if __name__ == "__main__":
    play(main, r"""<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>""")
