# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The stages that find out where the TSP stores a setting."""

from __future__ import annotations

import contextlib
import json
import os

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _tsp_discovery, _tsp_sitting
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._run import Refused
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages.windows import Windows, as_file_name, write_private


def snapshot(run, execute):
    """Save the registry below the keys to a file that only its owner can read, because it may contain secrets."""
    windows = discovering(run, execute)
    path = snapshot_file(run, windows)
    write_private(path, json.dumps(taken(windows)))
    return dict(changed=False, msg="The current registry is saved in %s" % path)


def discover(run, execute):
    """Compare the registry with the snapshot, and return the profile with the findings."""
    windows = discovering(run, execute)
    path = snapshot_file(run, windows)
    try:
        with open(path, encoding="utf-8") as stream:
            before = json.load(stream)
    except (OSError, ValueError):
        return dict(failed=True, msg="There is no snapshot %s. Start with client_windows_discover_stage=before." % path)
    options = windows.options
    try:
        whole = {"settings": windows.profile}
    except Refused:
        whole = {}
    found = _tsp_discovery.registry_change(
        before, taken(windows), options["discover_setting"], options["discover_number"], options["discover_shown_before"],
        options["discover_shown_after"], whole)
    told = found["changes"] + found["remarks"]
    run.show(*told)
    if found["problems"]:
        return dict(failed=True, msg=" ".join(found["problems"]), changes=told)
    os.unlink(path)
    return dict(changed=False, msg=told, profile=found["profile"], path=run.profile_path(options["registry_profile"]))


def sit(run, execute):
    """Take the next snapshot of a sitting, and show what to enter before the following one. After the last one, return the profile.

    The snapshots are kept in a file that only its owner can read, so that a later run continues the sitting.
    """
    windows = Windows(run, execute)
    options, number = windows.options, windows.options["discover_number"]
    windows.refuse_mistakes()
    if not options["registry_profile"]:
        raise Refused("Set client_windows_registry_profile to a file of your own. The profile is written to it.")
    path = snapshot_file(run, windows, "%s-sitting.json")
    try:
        with open(path, encoding="utf-8") as stream:
            snapshots = json.load(stream)
    except FileNotFoundError:
        snapshots = []
    except (OSError, ValueError):
        return dict(failed=True, msg="The snapshots in %s cannot be read. Remove the file, and start the sitting again." % path)
    snapshots.append(taken(windows))
    lines, page = _tsp_sitting.step(len(snapshots), number), snapshot_file(run, windows, "%s-sitting.txt")
    if lines:
        write_private(path, json.dumps(snapshots))
        write_private(page, "\n".join(lines) + "\n")
        lines += ["These lines are also in %s. To start again, remove %s." % (page, path)]
        run.show("", *lines, "")
        return dict(changed=False, next=True, msg=lines)
    try:
        before = windows.profile
    except Refused:
        before = {}
    found = _tsp_sitting.result(snapshots, number, before)
    for file in (path, page):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(file)
    told = found["told"] + ["Changes by itself: %s" % one for one in found["noise"]] + [
        "Changed, but not a known setting: %s" % one for one in found["unexplained"]]
    if not found["found"]:
        run.show(*told)
        return dict(failed=True, next=False, msg=(
            "No setting was found, so no profile was written. Check that each dialog was closed with OK."))
    told.append("Restore in the dialog what it showed before the sitting.")
    run.show(*told)
    return dict(changed=False, next=False, msg=told,
                profile={"settings": found["settings"]}, path=run.profile_path(options["registry_profile"]))


def discovering(run, execute):
    windows = Windows(run, execute)
    options = windows.options
    windows.refuse_mistakes()
    if not options["discover_setting"] or not options["registry_profile"]:
        raise Refused("Set client_windows_discover_setting, such as security.capf_port, and client_windows_registry_profile to a file of "
                      "your own. The profile is written to it.")
    return windows


def snapshot_file(run, windows, name="%s.json"):
    folder = windows.options["discover_folder"] or os.path.join("~", ".voiceops", "discovery")
    return os.path.join(os.path.expanduser(folder), name % as_file_name(run.host))


def taken(windows):
    """{key: {name: {type, value}}} of the keys and all keys below them, down to the depth."""
    found, level = {}, list(windows.options["discover_keys"])
    for _depth in range(windows.options["discover_depth"]):
        below = []
        for key in level:
            answer = windows.ask("win_reg_stat", path=key)
            if answer.get("properties") is not None:
                found[key] = answer["properties"]
            below += ["%s\\%s" % (key, name) for name in answer.get("sub_keys") or ()]
        level = below
    return found


STAGES = {"snapshot": snapshot, "discover": discover, "sit": sit}
