#!/bin/sh
# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import fnmatch
import ntpath

from scripted_windows import create, play, scripted_host


def facts(path, file, octets, get_checksum):
    checksum = {}
    if get_checksum:
        import hashlib  # pylint: disable=import-outside-toplevel

        checksum["checksum"] = hashlib.sha1(octets).hexdigest()
    return {
        **checksum,
        "path": path, "filename": ntpath.basename(path), "extension": ntpath.splitext(path)[1], "exists": True,
        "isdir": False, "isreg": True, "size": len(octets), "lastwritetime": file["modified"],
    }


def main():
    module = create(
        paths=dict(type="list", elements="str", required=True),
        patterns=dict(type="list", elements="str", aliases=["regex", "regexp"]),
        recurse=dict(type="bool", default=False),
        get_checksum=dict(type="bool", default=True),
    )
    params = module.params
    found, examined = [], 0
    with scripted_host(module) as host:
        for folder in params["paths"]:
            prefix = folder.lower().rstrip("\\") + "\\"
            inside = [path for path in host.state["files"] if path.lower().startswith(prefix)]
            if not inside:
                module.warn("Argument path '%s' does not exist or is not accessible, skipping" % folder)
            for path in sorted(inside):
                examined += 1
                deep = "\\" in path[len(prefix):]
                name = ntpath.basename(path).lower()
                if (params["recurse"] or not deep) and any(
                        fnmatch.fnmatchcase(name, pattern.lower()) for pattern in params["patterns"] or ["*"]):
                    found.append(facts(path, host.state["files"][path], host.read(path), params["get_checksum"]))
    module.exit_json(changed=False, examined=examined, matched=len(found), files=found)


if __name__ == "__main__":
    play(main, r"""<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>""")
