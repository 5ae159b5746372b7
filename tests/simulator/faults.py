# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults as rules: which front end, which operation, after how many, how often, what happens.

A front end asks C(match) once per operation and does what the rule says; the simulated behaviour itself is
never patched. Kinds are the front end's own vocabulary (README.md lists them); C(delay) is understood by all.
"""

from __future__ import annotations

import dataclasses
import itertools
import threading


@dataclasses.dataclass
class Rule:
    """One rule. C(times) None means for ever; C(args) are the words of its kind, such as seconds or code."""

    number: int
    front: str
    operation: str | None
    after: int
    times: int | None
    kind: str
    args: dict
    seen: int = 0
    applied: int = 0

    def __getitem__(self, name):
        return self.args[name]

    def get(self, name, default=None):
        return self.args.get(name, default)

    def concerns(self, front, operation):
        return self.front == front and self.operation in (None, operation)

    def facts(self):
        """What GET /faults shows; file contents are shown by their size."""
        shown = {k: ("%d octets" % len(v) if isinstance(v, bytes) else v) for k, v in self.args.items()}
        return {
            "number": self.number, "front": self.front, "operation": self.operation, "after": self.after,
            "times": self.times, "kind": self.kind, "args": shown, "seen": self.seen, "applied": self.applied,
        }


class Faults:
    """The rules of one simulator, safe to use from any thread."""

    def __init__(self):
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._rules = []
        self._impatient = threading.Event()
        self._stopped = False

    def add(self, front, kind, operation=None, after=0, times=1, **args):
        """Let the first C(after) matching operations pass, then apply C(kind) to the next C(times) (None: all)."""
        with self._lock:
            rule = Rule(next(self._numbers), front, operation, after, times, kind, args)
            self._rules.append(rule)
            return rule

    def match(self, front, operation):
        """The rule that applies to this very operation, or None. Asking counts, so ask once per operation."""
        with self._lock:
            for rule in self._rules:
                if not rule.concerns(front, operation):
                    continue
                rule.seen += 1
                if rule.seen > rule.after and (rule.times is None or rule.applied < rule.times):
                    rule.applied += 1
                    return rule
            return None

    def remove(self, number):
        with self._lock:
            self._rules = [rule for rule in self._rules if rule.number != number]

    def clear(self):
        """Drop all rules; delays that still run end."""
        with self._lock:
            self._rules = []
            self._impatient.set()
            if not self._stopped:
                self._impatient = threading.Event()

    def statistics(self):
        with self._lock:
            return [rule.facts() for rule in self._rules]

    def delay(self, seconds):
        """Wait as a slow server would, but no longer than until C(clear) or C(stop)."""
        self._impatient.wait(seconds)

    def stop(self):
        """End all delays, those to come as well."""
        with self._lock:
            self._stopped = True
            self._impatient.set()
