# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The stage that drafts a registry profile from the result of tsp_installer_info, and compares the draft with one host."""

from __future__ import annotations

import os

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _tsp_installer, _tsp_settings
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._model import complete
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._run import Refused
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages.windows import Unanswered, Windows

NOTHING = "This installer does not show where any setting is stored, so no profile was written."


def draft(run, execute):
    """The profile with what the installer and this host reveal. What was measured or confirmed before stays as it is."""
    windows = Windows(run, execute)
    options, found = windows.options, run.of_role("package").get("draft")
    windows.refuse_mistakes()
    if not options["registry_profile"]:
        raise Refused("Set client_windows_registry_profile to a file of your own. The draft is written to it.")
    path, number = run.profile_path(options["registry_profile"]), options["discover_number"]
    before = windows.profile if os.path.exists(path) else {}
    sure = dict((name, entry) for name, entry in before.items() if entry.get("grade", _tsp_settings.MEASURED) != _tsp_settings.FROM_INSTALLER)
    drafted = dict((name, entry) for name, entry in found["settings"].items() if name not in sure)
    try:
        values, unread = windows.properties(_tsp_installer.paths(drafted, number)), []
    except Unanswered as error:
        values, unread = {}, ["The host was not read: %s" % error]
    kept, rows = _tsp_installer.compared(drafted, values, number, {} if unread else dialog(run, options, number))
    told = unread + ["%s: %s" % (name, "already known") for name in sure] + [
        "%s: %s" % (row["setting"], _tsp_settings.FROM_INSTALLER if unread else "%(verdict)s, %(place)s: %(found)s" % row) for row in rows] + [
        "%(key)s\\%(name)s: %(reason)s" % row for row in found["not_placed"]]
    run.show(*told)
    settings = dict((name, sure.get(name) or kept.get(name)) for name in _tsp_settings.SETTINGS if name in sure or name in kept)
    if not settings:
        return dict(failed=True, msg=NOTHING)
    return dict(changed=False, verdicts=rows, profile={"settings": settings}, path=path)


def dialog(run, options, number):
    """What the dialog of this TSP shows according to the lists and settings; only the settings if the lists cannot be read."""
    try:
        model, _mistakes, _unusual = complete(
            run.listed("clusters"), run.listed("users"), run.listed("instances"), is_windows=run.is_windows)
    except Refused:
        return dict(options["settings"])
    mine = [one for one in model.hosts.get(run.host, ()) if one["enrolment"] == "tsp" and one["state"] == "present"]
    for one, its_number in _tsp_settings.numbered(mine)[0]:
        if its_number == number:
            return _tsp_settings.with_kinds({
                **_tsp_settings.derived(one), **options["settings"], **options["instance_settings"].get(one["instance_id"], {})})
    return dict(options["settings"])


STAGES = {"draft": draft}
