#!/bin/sh
# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from scripted_windows import HIVE, create, play, scripted_host


def shown(value):
    raw = ["0x%02x" % octet for octet in value["value"]] if value["type"] == "REG_BINARY" else value["value"]
    return dict(value, raw_value=raw)


def main():
    module = create(
        path=dict(type="str", required=True, aliases=["key"]),
        name=dict(type="str", aliases=["entry", "value", "property"]),
    )
    path, name = module.params["path"], module.params["name"]
    if not HIVE.match(path):
        module.fail_json(msg="path: %s is not a valid registry path, see module documentation for examples." % path)
    with scripted_host(module) as host:
        values = host.values(path)
        if values is None:
            result = {"exists": False}
        elif name is None:
            result = {"exists": True, "sub_keys": host.sub_keys(path),
                      "properties": dict((known, shown(value)) for known, value in values.items())}
        else:
            found = host.value(path, name)
            result = {"exists": found is not None, **(shown(found) if found else {})}
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    play(main, r"""<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>""")
