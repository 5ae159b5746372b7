# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What rounds of both kinds share: chance that can be repeated, findings, figures."""

from __future__ import annotations

import collections
import random
import shutil
import signal
import time
import traceback

from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import SecureTspError

INTERRUPT, KILL = signal.SIGINT, signal.SIGKILL
NAMES = {INTERRUPT: "SIGINT", KILL: "SIGKILL"}
ENDED = "ended before the signal"
BROKEN = (AssertionError, LookupError, OSError, SecureTspError, TypeError, ValueError)  # findings as well


class Finding(Exception):
    """Something that must not be so after an interrupt."""


def expect(fact, message):
    if not fact:
        raise Finding(message)


class Rounds:
    """A number of rounds of one kind. Each has a chance of its own, so that one can be repeated alone."""

    kind = None

    def __init__(self, seed, folder, say):
        self.seed = seed
        self.folder = folder
        self.say = say
        self.stages = collections.defaultdict(collections.Counter)  # {scenario: {stage: rounds}}
        self.signals = collections.Counter()
        self.findings = []
        self.done = 0
        self.seconds = 0.0

    def run(self, numbers, end):
        """Rounds of these numbers, until C(end) (of the monotonic clock)."""
        begin = time.monotonic()
        try:
            for number in numbers:
                if time.monotonic() >= end:
                    break
                self._round(number, random.Random("%s/%s/%d" % (self.seed, self.kind, number)))
        finally:
            self.seconds = time.monotonic() - begin

    def _round(self, number, chance):
        begin, folder = time.monotonic(), self.folder / ("%s-%d" % (self.kind, number))
        folder.mkdir(parents=True)
        self.said = "%s round %d: " % (self.kind, number)
        try:
            self.play(number, chance, folder)
        except Finding as finding:
            self._found(number, folder, str(finding))
        except BROKEN:
            self._found(number, folder, traceback.format_exc())
        else:
            shutil.rmtree(folder)
        self.done += 1
        self.say("%s (%.1f s)" % (self.said, time.monotonic() - begin))

    def _found(self, number, folder, text):
        self.findings.append((number, text))
        self.said += "\n  FOUND: %s\n  left in %s;" % (text, folder)

    def play(self, number, chance, folder):
        raise NotImplementedError

    def interrupted(self, scenario, sent, when, stage):
        """Remember what a signal came upon."""
        self.stages[scenario][stage] += 1
        self.signals[ENDED if stage == ENDED else sent] += 1
        self.said += "%s, %s %s: %s" % (scenario, sent, when, stage)

    def figures(self):
        """Lines of text."""
        yield "%s rounds: %d in %.0f s, %d findings; %s" % (
            self.kind, self.done, self.seconds, len(self.findings),
            ", ".join("%s %d" % pair for pair in sorted(self.signals.items())))
        for scenario in sorted(self.stages):
            yield "  %-24s %s" % (scenario, ", ".join(
                "%s %d" % pair for pair in sorted(self.stages[scenario].items())))
