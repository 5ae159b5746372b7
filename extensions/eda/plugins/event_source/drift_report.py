# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import asyncio
import collections
import json
import os

DOCUMENTATION = r"""
---
short_description: Watch for reports of the playbook drift
description:
  - Emits an event C(drift) for each new C(report.json) in a folder. It contains C(findings), the number of critical findings and
    warnings, C(codes), the number of findings with each code, and C(generated), the time of the report.
  - A report that exists at the start does not cause an event. Names, addresses and texts of findings stay in the report.
options:
  folder:
    description:
      - Folder to which the playbook drift writes its reports.
    type: str
    required: true
  delay:
    description:
      - Seconds between two checks.
    type: float
    default: 5
"""
EXAMPLES = r"""
- voiceops.secure_tsp.drift_report:
    folder: /var/lib/secure_tsp/report
"""
NAME = "report.json"


def stamp_of(path):
    """What distinguishes a report from the previous one; None if there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def event_of(path):
    """The event for a report; None while it is incomplete."""
    try:
        with open(path, encoding="utf-8") as stream:
            report = json.load(stream)
        codes = collections.Counter(one["code"] for one in report["findings"] if one["severity"] in ("critical", "warning"))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return {"drift": {"findings": sum(codes.values()), "codes": dict(codes), "generated": report.get("generated")}}


async def main(queue, args):
    path = os.path.join(args["folder"], NAME)
    told = stamp_of(path)
    while True:
        await asyncio.sleep(float(args.get("delay", 5)))
        stamp = stamp_of(path)
        if stamp not in (None, told):
            event = event_of(path)
            if event is not None:
                told = stamp
                await queue.put(event)
