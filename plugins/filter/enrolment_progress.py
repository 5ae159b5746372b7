# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: enrolment_progress
short_description: How far enrolment in batches has come, and whether the next batch may begin
description:
  - Counts what the batches before did, and judges whether the next one may begin. It may not when the cluster's services are
    not up, when too many instances failed, when one of a canary batch failed, or when it could not end before the
    maintenance window does.
  - How long the next batch takes is estimated from the batches before, the slowest counts, and a larger one takes longer in
    proportion. Before any was measured it is O(least).
  - The callback P(voiceops.secure_tsp.fleet_progress#callback) shows the results of this filter.
options:
  _input:
    description: The batches of one cluster, from P(voiceops.secure_tsp.enrolment_batches#filter).
    type: list
    elements: list
    required: true
  cluster:
    description: Name of the cluster.
    type: str
    required: true
  number:
    description: How many batches have ended.
    type: int
    required: true
  begins:
    description: Whether the next batch is about to begin. Otherwise one has just ended, and nothing is judged.
    type: bool
    default: true
  outcomes:
    description: Rows of all hosts, from P(voiceops.secure_tsp.instance_outcomes#filter).
    type: list
    elements: dict
    required: true
  timings:
    description: What batches took so far, as C(size) and C(seconds).
    type: list
    elements: dict
    default: []
  window:
    description: The maintenance window, from P(voiceops.secure_tsp.maintenance_window#filter). If not set, it is always open.
    type: dict
  ignore_window:
    description: Whether a batch may begin and end outside of the window.
    type: bool
    default: false
  least:
    description: Seconds that the first batch is taken to need.
    type: int
    default: 60
  canary:
    description: Instances of a canary batch; 0 when there is none.
    type: int
    default: 0
  max_failures:
    description: How many instances may fail before no further batch begins; -1 is no limit.
    type: int
    default: -1
  problems:
    description: What is wrong with the cluster's services.
    type: list
    elements: str
    default: []
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
"""

EXAMPLES = r"""
- name: Judge whether the second batch may begin
  ansible.builtin.debug:
    msg: >-
      {{ [['recorder01x1'], ['recorder02x1', 'recorder03x1']] | voiceops.secure_tsp.enrolment_progress(
         cluster='main', number=1, outcomes=my_outcomes, timings=[{'size': 1, 'seconds': 9}], max_failures=3) }}
"""

RETURN = r"""
_value:
  description: The progress.
  type: dict
  contains:
    cluster:
      description: Name of the cluster.
      type: str
    begins:
      description: Whether the batch is about to begin.
      type: bool
    batch:
      description: Number of the batch that is next, from 1. After the last one it is RV(_value.batches).
      type: int
    batches:
      description: Number of batches.
      type: int
    size:
      description: Instances of that batch; 0 after the last one.
      type: int
    canary:
      description: Whether that batch is the canary batch.
      type: bool
    total:
      description: Instances of all batches.
      type: int
    done:
      description: Instances that were enrolled and did not fail.
      type: int
    failed:
      description: Instances of ended batches that did not get there.
      type: int
    left:
      description: Instances of batches that have not ended.
      type: int
    estimate:
      description: Seconds that the batch is taken to need; 0 after the last one.
      type: int
    closes:
      description: When the window closes, in seconds since 1970; null when it does not.
      type: int
    timezone:
      description: Time zone of the window.
      type: str
    stopped:
      description: Why the batch may not begin; empty when it may.
      type: str
    stopped_by:
      description: V(services), V(failures) or V(window); empty when it may begin.
      type: str
"""

from gettext import ngettext

GOT_ONE = ("enrolled", "renewed", "resumed")


class Progress:
    def __init__(self, batches, number, outcomes, timings, window, least):
        self.batches = batches
        self.number = number
        self.ended = [instance_id for batch in batches[:number] for instance_id in batch]
        self.total = sum(len(batch) for batch in batches)
        self.size = len(batches[number]) if number < len(batches) else 0
        good = set(row["instance_id"] for row in outcomes if not row["failed"] and row["action"] in GOT_ONE)
        self.done = len([instance_id for instance_id in self.ended if instance_id in good])
        self.failed = len(self.ended) - self.done
        self.timings = timings
        self.window = window or {"open": True, "ends": None, "seconds_left": None, "timezone": "UTC", "text": ""}
        self.least = least

    @property
    def estimate(self):
        if not self.size:
            return 0
        if not self.timings:
            return self.least
        return int(round(max(
            float(timing["seconds"]) * max(1.0, float(self.size) / max(1, int(timing["size"]))) for timing in self.timings)))

    def stopped(self, problems, canary, max_failures, ignore_window):
        """(by, why), both empty when the next batch may begin."""
        if not self.size:
            return "", ""
        if problems:
            return "services", " ".join(problems)
        if canary and self.number == 1 and self.failed:
            return "failures", "The canary batch did not go well, so no other batch begins."
        if 0 <= max_failures < self.failed:
            return "failures", ngettext(
                "%d instance failed and %d may, so no further batch begins.",
                "%d instances failed and %d may, so no further batch begins.", self.failed) % (self.failed, max_failures)
        return ("", "") if ignore_window else self._stopped_by_window()

    def _stopped_by_window(self):
        if not self.window["open"]:
            return "window", self.window["text"]
        left = self.window["seconds_left"]
        if left is not None and left < self.estimate:
            return "window", "%s It closes in %d s, and a batch of %d takes about %d s%s." % (
                self.window["text"], left, self.size, self.estimate,
                ", as measured" if self.timings else " at the most before any was measured")
        return "", ""


def enrolment_progress(batches, cluster, number, outcomes, begins=True, timings=(), window=None, ignore_window=False, least=60,
                       canary=0, max_failures=-1, problems=()):
    """See DOCUMENTATION."""
    number = int(number)
    progress = Progress(batches, number, outcomes, timings, window, int(least))
    by, why = progress.stopped(problems, int(canary), int(max_failures), ignore_window) if begins else ("", "")
    return {
        "cluster": cluster, "begins": bool(begins), "batch": min(number + 1, len(batches)), "batches": len(batches), "size": progress.size,
        "canary": bool(int(canary) and number == 0), "total": progress.total, "done": progress.done,
        "failed": progress.failed, "left": progress.total - len(progress.ended), "estimate": progress.estimate,
        "closes": progress.window["ends"], "timezone": progress.window["timezone"], "stopped": why, "stopped_by": by,
    }


class FilterModule:
    """Progress in batches."""

    def filters(self):
        return {"enrolment_progress": enrolment_progress}
