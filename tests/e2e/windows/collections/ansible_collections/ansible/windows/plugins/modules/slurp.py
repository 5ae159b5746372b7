#!/bin/sh
# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64

from scripted_windows import create, play, scripted_host


def main():
    module = create(src=dict(type="path", required=True, aliases=["path"]))
    with scripted_host(module) as host:
        octets = host.read(module.params["src"])
    if octets is None:
        module.fail_json(msg="Path %s is not found" % module.params["src"])
    module.exit_json(
        changed=False, content=base64.b64encode(octets).decode(), encoding="base64", source=module.params["src"])


if __name__ == "__main__":
    play(main, r"""<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>""")
