#!/bin/sh
# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import socket

from scripted_windows import create, play, scripted_host


def main():
    module = create(
        host=dict(type="str", default="127.0.0.1"),
        port=dict(type="int"),
        timeout=dict(type="int", default=300),
    )
    params = module.params
    with scripted_host(module):
        try:
            socket.create_connection((params["host"], params["port"]), params["timeout"]).close()
        except OSError:
            module.fail_json(
                msg="Timeout when waiting for %s:%s" % (params["host"], params["port"]), wait_attempts=1, elapsed=0.1)
    module.exit_json(changed=False, wait_attempts=1, elapsed=0.1)


if __name__ == "__main__":
    play(main, r"""<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>""")
