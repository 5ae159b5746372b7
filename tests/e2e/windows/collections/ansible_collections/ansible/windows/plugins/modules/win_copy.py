# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib

from ansible_collections.ansible.windows.plugins.module_utils.scripted_windows import create, scripted_host


def main():
    module = create(
        src=dict(type="path"),
        content=dict(type="str", no_log=True),
        dest=dict(type="path", required=True),
    )
    params = module.params
    octets = pathlib.Path(params["src"]).read_bytes() if params["src"] else params["content"].encode()
    with scripted_host(module) as host:
        changed = host.read(params["dest"]) != octets
        host.write(params["dest"], octets)
    module.exit_json(changed=changed, dest=params["dest"], size=len(octets), operation="file_copy")


if __name__ == "__main__":
    main()
