# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The report as one page, from the template of the role report. Only for the controller, which has Jinja."""

from __future__ import annotations

import os
import traceback

try:
    import jinja2
except ImportError:  # on a host, which has no Ansible
    JINJA_IMPORT_ERROR = traceback.format_exc()
else:
    JINJA_IMPORT_ERROR = None

ROLE = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__)))), "roles", "report")


def page(document, title):
    """The HTML text. document: that of _report.document()."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([os.path.join(ROLE, "templates"), os.path.join(ROLE, "files")]), trim_blocks=True, keep_trailing_newline=True)
    style, script = (environment.loader.get_source(environment, name)[0].rstrip() for name in ("report.css", "report.js"))
    return environment.get_template("report.html.j2").render(report=document, report_title=title, style=style, script=script)
