# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Search for inputs that break something: C(python -m fuzz TARGET [option of libFuzzer]...), with atheris installed.

Seeds are made from the test vectors; inputs that reach new code are added to C(.cache/fuzz/TARGET/found), inputs that
break something are written to C(.cache/fuzz/TARGET/broken).
"""

from __future__ import annotations

import importlib
import sys

import atheris
import collection_path

from fuzz import FOLDER, TARGETS


def main(arguments):
    if not arguments or arguments[0] not in TARGETS:
        sys.exit("usage: python -m fuzz TARGET [option of libFuzzer]...; targets: %s" % ", ".join(TARGETS))
    name, options = arguments[0], arguments[1:]
    with atheris.instrument_imports(include=["ansible_collections.voiceops.secure_tsp"]):
        target = importlib.import_module("fuzz.fuzz_" + name)
    work = collection_path.ROOT / ".cache" / "fuzz" / name
    for folder in ("found", "seeds", "broken"):
        (work / folder).mkdir(parents=True, exist_ok=True)
    for seed, octets in target.seeds():
        (work / "seeds" / seed).write_bytes(octets)
    folders = [work / "found", work / "seeds", FOLDER / "corpus" / name]
    atheris.Setup([
        sys.argv[0], "-artifact_prefix=%s/" % (work / "broken"), "-timeout=20", "-rss_limit_mb=1024", "-max_len=65536",
        "-print_final_stats=1", *options, *map(str, folders)
    ], target.check)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
