# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: report_document
short_description: Build a report document from the results of a run
version_added: 0.1.0
description:
  - Builds the versioned document that the role P(voiceops.secure_tsp.report#role) writes as JSON, JUnit XML and a page, from the
    results of a provisioning, drift or upgrade run.
options:
  _input:
    description:
      - One dictionary for each TSP instance, with C(cluster), C(host), C(user), C(instance_id), C(state), C(message),
        C(certificate_expires) and C(stages).
      - C(stages) contains V(ok), V(changed), V(would), V(waiting), V(drift), V(failed), V(skipped) or V(unknown) for each of
        C(trust), C(accounts), C(profile), C(certificate), C(cutover) and C(verify).
    type: list
    elements: dictionary
    required: true
  now:
    description: Time of the report, ISO 8601 in UTC.
    type: str
    required: true
  kind:
    description: Kind of the run, such as V(drift).
    type: str
    required: true
  findings:
    description:
      - Dictionaries with C(severity) (V(critical), V(warning), V(info)), C(code), C(cluster), C(host), C(user),
        C(instance_id), C(what), C(fix) and C(command).
    type: list
    elements: dictionary
    default: []
  clusters:
    description:
      - Dictionaries with C(name), C(hostname), C(release), C(mixed_mode), C(read) (whether it could be read), C(services),
        C(certificates) and C(problems).
    type: list
    elements: dictionary
    default: []
  changes:
    description: Dictionaries with C(host), C(object) and C(action).
    type: list
    elements: dictionary
    default: []
  check_mode:
    description: Whether the run was in check mode.
    type: bool
    default: false
  soon_days:
    description: A certificate that expires within this number of days counts as a warning in the timeline.
    type: int
    default: 60
  exit_code:
    description: Exit code of the run, if it is known.
    type: int
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
"""

EXAMPLES = r"""
- name: Build a document with one instance
  ansible.builtin.debug:
    msg: >-
      {{ [{'host': 'recorder01', 'instance_id': 'recorder01x1', 'user': 'recorder_tapi', 'state': 'verified'}]
         | voiceops.secure_tsp.report_document(now='2026-11-24T12:00:00Z', kind='drift') }}
"""

RETURN = r"""
_value:
  description: The document. Its C(schema) contains the version.
  type: dictionary
"""

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _report


def report_document(instances, now, kind, findings=(), clusters=(), changes=(), check_mode=False, soon_days=_report.SOON_DAYS,
                    exit_code=None):
    """See DOCUMENTATION."""
    return _report.document(now, kind, instances, findings, clusters, changes, check_mode, int(soon_days),
                            None if exit_code is None else int(exit_code))


class FilterModule:
    """The report of a run."""

    def filters(self):
        return {"report_document": report_document}
