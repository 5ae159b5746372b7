# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""What a person has to enter in the dialogs of TSPs."""

from __future__ import annotations

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import (
    _run,
    _tsp_settings,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._model import Key, key_of


# What a person enters


def sheet(run, host, rows):
    """Lines with what a person has to enter on a host, nothing of instances that the cluster sees connected."""
    done = set(key_of(row) for row in rows if row.get("online"))
    looked, handed, ticked = (run.of_host(host, name) for name in (_run.LOOKED, _run.HANDED, _run.TICKED))
    files = dict((Key(cluster, name), path) for cluster, name, path in handed.get("files") or ())
    found = {}
    for row in (looked.get("tsp") or {}).get("by_hand", []) + (handed.get("by_hand") or []) + (ticked.get("by_hand") or []):
        key = Key(row["cluster"], row["instance_id"])
        if key not in done:
            line = "%s = %s" % (row["place"], row["value"])
            if row["setting"] == _tsp_settings.STRING and key in files:
                line += ", which is in %s" % files[key]
            found.setdefault(key, {})[row["setting"]] = line
    lines = []
    for key, settings in found.items():
        order = sorted(settings, key=list(_tsp_settings.SETTINGS).index)
        lines += ["%s, instance %s:" % (host, key.name)] + ["    " + settings[name] for name in order]
    return lines + ["%s: %s" % (host, said) for said in run.of_host(host, _run.SETTLED).get("said") or ()]
