# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: report_junit
short_description: Convert a report document to JUnit XML
version_added: 0.1.0
description:
  - Creates one test case for each TSP instance, each cluster, and each user or host that a finding concerns.
  - A test case with a failed stage, a critical finding or a warning is a failure. An instance that is waiting, or whose state is not
    known, is skipped.
options:
  _input:
    description: The result of P(voiceops.secure_tsp.report_document#filter).
    type: dictionary
    required: true
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
"""

EXAMPLES = r"""
- name: Write JUnit XML
  ansible.builtin.copy:
    content: >-
      {{ [] | voiceops.secure_tsp.report_document(now='2026-11-24T12:00:00Z', kind='drift') | voiceops.secure_tsp.report_junit }}
    dest: /srv/reports/drift.xml
    mode: "0644"
"""

RETURN = r"""
_value:
  description: The XML text.
  type: str
"""

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _report


class FilterModule:
    """The report of a run, for continuous integration."""

    def filters(self):
        return {"report_junit": _report.junit}
