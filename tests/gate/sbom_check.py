# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show a bill of materials as a table, and fail where it misses a package that the collection asks for, or a version or licence."""

from __future__ import annotations

import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def licences(component):
    found = [one.get("expression") or one["license"].get("id") or one["license"].get("name") for one in component.get("licenses", ())]
    return ", ".join(dict.fromkeys(found))


def wrong(components):
    asked = re.findall(r"^[A-Za-z0-9_-]+", (ROOT / "meta" / "ee-requirements.txt").read_text(), re.MULTILINE)
    known = {one["name"].lower().replace("_", "-") for one in components}
    yield from ("%s is missing" % name for name in asked if name.lower() not in known)
    for one in components:
        if not one.get("version") or not one.get("purl"):
            yield "%s has no version" % one["name"]
        if not licences(one):
            yield "%s tells no licence" % one["name"]


def main():
    components = json.loads(pathlib.Path(sys.argv[1]).read_text())["components"]
    for one in components:
        print("%-24s %-12s %s" % (one["name"], one["version"], licences(one)))
    found = list(wrong(components))
    print("%d packages" % len(components), *found, sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
