#!/bin/sh
# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from scripted_windows import HIVE, create, play, scripted_host

TYPES = {
    "none": "REG_NONE", "binary": "REG_BINARY", "dword": "REG_DWORD", "expandstring": "REG_EXPAND_SZ",
    "multistring": "REG_MULTI_SZ", "string": "REG_SZ", "qword": "REG_QWORD",
}


def converted(kind, data):
    if kind in ("dword", "qword"):
        return int(str(data), 0)
    if kind in ("binary", "none"):
        return list(data) if isinstance(data, list) else [
            int(part, 16) for part in str(data).replace("hex:", "").split(",") if part]
    if kind == "multistring":
        return [str(text) for text in (data if isinstance(data, list) else [data])]
    return "" if data is None else str(data)


def main():
    module = create(
        path=dict(type="str", required=True, aliases=["key"]),
        name=dict(type="str", aliases=["entry", "value"]),
        data=dict(type="raw"),
        type=dict(type="str", choices=list(TYPES), default="string", aliases=["datatype"]),
    )
    params = module.params
    if not HIVE.match(params["path"]):
        module.fail_json(msg="path: %s is not a valid registry path, see module documentation for examples." % params["path"])
    name, wanted = params["name"] or "", converted(params["type"], params["data"])
    with scripted_host(module) as host:
        found = host.value(params["path"], name) or {"type": None, "value": None}
        kind = TYPES[params["type"]]
        result = {"data_changed": found["value"] != wanted, "data_type_changed": found["type"] != kind}
        host.set_value(params["path"], name, kind, wanted)
    module.exit_json(changed=any(result.values()), diff={"before": str(found["value"]), "after": str(wanted)}, **result)


if __name__ == "__main__":
    play(main, r"""<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>""")
