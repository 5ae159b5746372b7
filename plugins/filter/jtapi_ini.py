# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: jtapi_ini
short_description: Set values in a jtapi.ini
version_added: 0.1.0
description:
  - Sets values in the text of a C(jtapi.ini), and leaves everything else unchanged. Values of documented keys are checked
    against their documented ranges. Values of other keys are not checked.
options:
  _input:
    description: The text of the file.
    type: str
    required: true
  values:
    description: Values by key.
    type: dict
    default: {}
  instances:
    description:
      - Instances that need a record in C(SecurityProperty), each with C(user), C(instance_id), C(capf_host), C(capf_port),
        C(tftp_servers) and C(tftp_port). Records of other users and instances stay.
    type: list
    elements: dict
    default: []
  removed:
    description: Instances whose records to remove, each with C(user) and C(instance_id).
    type: list
    elements: dict
    default: []
  folder:
    description:
      - Certificate folder for the records. A slash is added at its end, because without it JTAPI looks for the files next to the folder.
    type: str
    default: ""
  secure:
    description: Whether the records enable the secure connection.
    type: bool
    default: true
  status:
    description: Certificate status in new records. JTAPI ignores it.
    type: str
    default: "true"
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
"""

EXAMPLES = r"""
- name: Write traces to another folder
  ansible.builtin.copy:
    content: "{{ (my_ini | voiceops.secure_tsp.jtapi_ini(values={'TracePath': '/var/log/jtapi'})).text }}"
    dest: /opt/recorder/jtapi.ini
    mode: "0640"
"""

RETURN = r"""
_value:
  description:
    - C(text), which may contain authorization strings of other instances; C(changes), the keys whose values differ; C(problems) and
      C(warnings).
  type: dict
"""

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _jtapi


def jtapi_ini(text, values=None, instances=(), folder="", secure=True, status="true", removed=()):
    """See DOCUMENTATION."""
    problems = ["%s: %s" % (key, wrong) for key, wrong in
                ((key, _jtapi.problem_with(key, value)) for key, value in (values or {}).items()) if wrong]
    known, warnings = _jtapi.values(text), []
    wanted = dict(values or {})
    if instances or removed:
        records = [record_of(instance, folder, secure, status or "true") for instance in instances]
        problems += ["%s: a value of instance %s contains a comma or a semicolon" % (_jtapi.SECURITY, record.instance_id)
                     for record in records if ";" in record.text or record.text.count(",") != 10]
        problems += ["%s: a value of instance %s contains a line break" % (_jtapi.SECURITY, record.instance_id)
                     for record in records if len(record.text.splitlines()) > 1]
        before = known.get(_jtapi.SECURITY, "")
        after, warnings = _jtapi.merged(before, records, [(one["user"], one["instance_id"]) for one in removed])
        if after != before:
            wanted[_jtapi.SECURITY] = after
    return {
        "text": text if problems else _jtapi.edited(text, wanted),
        "changes": sorted(key for key, value in wanted.items() if known.get(key) != str(value)),
        "problems": problems, "warnings": warnings,
    }


def record_of(instance, folder, secure, status):
    """Without an authorization string: the collection enrolled the certificate, and CAPF accepts a string only once."""
    return _jtapi.Record(
        instance["user"], instance["instance_id"], "", str(instance["capf_host"]), str(instance["capf_port"]),
        str(instance["tftp_servers"][0]), str(instance["tftp_port"]), _jtapi.ended(folder), "true" if secure else "false", status,
        _jtapi.NO_FIPS)


class FilterModule:
    """Settings of Cisco JTAPI."""

    def filters(self):
        return {"jtapi_ini": jtapi_ini}
