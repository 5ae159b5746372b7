# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The report of a run: JSON, JUnit XML and the page, from the variables of the role report."""

from __future__ import annotations

import json
import os

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _report, _report_page
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._run import Refused
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages import clusters, files

PREFIX = "report_"
NAMES = ("folder", "folder_mode", "file_mode", "title", "kind", "instances", "findings", "clusters", "changes", "soon_days", "exit_code")


def report(run):
    """Write the three files. This is not reported as a change."""
    given = dict((name, run.template(PREFIX + name, run.vars[PREFIX + name])) for name in NAMES if run.vars.get(PREFIX + name) is not None)
    code = given.get("exit_code")  # ansible-core 2.18 and earlier convert None to an empty string
    document = _report.document(
        clusters.iso(clusters.now()), kind=given["kind"], instances=given["instances"], findings=given["findings"], clusters=given["clusters"],
        changes=given["changes"], check_mode=run.check, soon_days=int(given["soon_days"]), exit_code=None if code in (None, "") else int(code))
    folder, mode, mode_of_folder = run.path(given["folder"]), mode_of("file_mode", given), mode_of("folder_mode", given)
    texts = {
        "report.json": json.dumps(document, indent=4, sort_keys=True) + "\n", "report.xml": _report.junit(document),
        "report.html": _report_page.page(document, given["title"])}
    try:
        files.make_folder(folder, mode_of_folder)
        for name, text in texts.items():
            files.keep(os.path.join(folder, name), text, mode)
    except OSError as error:
        raise Refused("%s: %s" % (error.filename or folder, error.strerror)) from None
    return dict(changed=False, folder=folder)


def mode_of(name, given):
    """The mode of octal digits, also if YAML parsed them as a number."""
    value = given[name]
    try:
        return value if isinstance(value, int) else int(value, 8)
    except ValueError:
        raise Refused("%s%s must be octal digits, such as '0640'." % (PREFIX, name)) from None


ON_CLUSTERS = {"report": report}
ON_HOSTS = {}
