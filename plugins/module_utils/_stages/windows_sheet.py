# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""What a person has to enter in the dialogs of TSPs: the remaining rows for each PC, and its sheet as files on the controller."""

from __future__ import annotations

import contextlib
import os

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _run, _tsp_settings, _work_sheet
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._model import Key, key_of
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages import clusters
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages.windows import as_file_name, write_private

MOST_OF_A_STRING = 200  # characters
PAGE, TABLE = "html", "csv"


def rows_of(run, host, outcomes):
    """What is left to enter on a host, with the files that contain strings."""
    looked, handed, ticked, restored = (run.of_host(host, name) for name in (_run.LOOKED, _run.HANDED, _run.TICKED, _run.RESTORED))
    files = dict((Key(cluster, name), path) for cluster, name, path in handed.get("files") or ())
    rows = _work_sheet.left(outcomes, (looked.get("tsp") or {}).get("by_hand") or (), handed.get("by_hand") or (),
                            (ticked.get("by_hand") or []) + (restored.get("by_hand") or []))
    return [dict(row, file=files.get(key_of(row), "") if row["setting"] == _tsp_settings.STRING else "") for row in rows]


def said_of(run, host):
    """What else has to be done on a host."""
    return list(run.of_host(host, _run.SETTLED).get("said") or run.of_host(host, _run.RESTORED).get("said") or ())


def looked_at(run, host):
    """Whether the TSPs of a host were read in this run."""
    return "tsp" in run.of_host(host, _run.LOOKED)


def upgrade_of(run, host):
    """The upgrade of the TSP that is left for a person, as the host was read at the beginning of the run; None if there is nothing."""
    return (run.of_host(host, _run.LOOKED).get("tsp") or {}).get("upgrade")


def told(run, hosts):
    """Return lines for the terminal with everything that is left on these hosts, and update their sheets."""
    lines, written, several = [], [], run.model().several
    for host in hosts:
        rows, said, upgrade = rows_of(run, host, run.newest(host) or ()), said_of(run, host), upgrade_of(run, host)
        lines += _work_sheet.lines(host, rows, upgrade) + ["%s: %s" % (host, one) for one in said]
        if rows or upgrade or looked_at(run, host):  # else what is left is not known
            written += put(run, host, rows, said, several, upgrade)
    return lines + (["Sheets to print: %s" % ", ".join(written)] if written else [])


def put(run, host, rows, said, several, upgrade=None):
    """Write the page and the table of a host, or remove those of an earlier run if nothing is left. Returns the path of the page."""
    folder = run.option("sheet_folder")
    if not folder or run.check:
        return []
    paths = dict((kind, os.path.join(run.path(folder), "%s.%s" % (as_file_name(host), kind))) for kind in (PAGE, TABLE))
    if not rows and not upgrade:
        if ours(paths[PAGE]):
            for path in paths.values():
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)
        return []
    strings = strings_of(run, rows) if run.option("sheet_strings") else {}
    write_private(paths[PAGE], _work_sheet.page(host, rows, said, clusters.iso(clusters.now()), several, strings, upgrade))
    write_private(paths[TABLE], _work_sheet.table(host, rows, upgrade))
    return [paths[PAGE]]


def ours(path):
    try:
        with open(path, encoding="utf-8") as stream:
            return _work_sheet.MARK in stream.read(MOST_OF_A_STRING)
    except (OSError, ValueError):
        return False


def strings_of(run, rows):
    """{Key: string} for the strings in files on the controller."""
    found = {}
    for row in rows:
        if row["file"]:
            with contextlib.suppress(OSError, ValueError), open(row["file"], encoding="utf-8") as stream:
                found[key_of(row)] = stream.read(MOST_OF_A_STRING).strip()
                run.keep_secret(found[key_of(row)])
    return found
