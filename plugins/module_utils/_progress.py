# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""How far enrolment in batches has got, when it ends, and whether a further batch may begin. Pure.

A batch is what one host has armed at a time. Events of a Journal report what happened: planned (total, batches, closes,
timezone), begins (host, size, canary), ended (host, size, canary, done, failed, seconds), stopped (by, why) and looked (at
the services).
"""

from __future__ import annotations

import datetime
from gettext import ngettext
from typing import TYPE_CHECKING

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _window

if TYPE_CHECKING:
    from typing import Any, Iterable, Mapping

    Event = Mapping[str, Any]

SERVICES, FAILURES, WINDOW, LOST = "services", "failures", "window", "lost"  # what keeps a batch from beginning
CANARY_FAILED = "An instance of the canary batch failed, so no other batch begins."


class Progress:
    """The enrolments on one cluster, or those of one host. Times are seconds since 1970. failed: names of those that failed."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.total = self.batches = self.begun = self.ended = self.done = 0
        self.failed: set[str] = set()
        self.closes: float | None = None
        self.timezone = "UTC"
        self.started: float | None = None
        self.looked: float | None = None
        self.at_work: dict[str, int] = {}
        self.canary = False  # whether the batch that began last is the canary batch
        self.canary_failed: bool | None = None  # None before it ended
        self.stopped_by = self.stopped = ""
        self.stopped_at = 0.0
        self.size = 0
        self.timings: list[tuple[int, float]] = []
        self.event = ""

    def take(self, event: Event) -> None:
        getattr(self, "_" + event["event"])(event)
        self.event = event["event"]

    def _planned(self, event: Event) -> None:
        self.total += event["total"]
        self.batches += event["batches"]
        self.closes, self.timezone = event["closes"], event["timezone"]

    def _begins(self, event: Event) -> None:
        self.started = event["at"] if self.started is None else self.started
        self.begun += 1
        self.size, self.canary = event["size"], event["canary"]
        self.at_work[event["host"]] = event["size"]
        self.stopped_by = self.stopped = ""

    def _ended(self, event: Event) -> None:
        self.ended += 1
        self.at_work.pop(event["host"], None)
        self.done += event["done"]
        self.failed |= set(event["failed"])
        self.timings.append((event["size"], event["seconds"]))
        if event["canary"]:
            self.canary_failed = bool(self.canary_failed or event["failed"])

    def _failed(self, event: Event) -> None:
        """Instances that failed outside a batch, because only their verification was missing."""
        self.failed |= set(event["failed"])

    def _stopped(self, event: Event) -> None:
        self.stopped_by, self.stopped, self.stopped_at = event["by"], event["why"], event["at"]

    def _looked(self, event: Event) -> None:
        self.looked = event["at"]

    # Numbers

    @property
    def left(self) -> int:
        return max(0, self.total - self.finished)

    @property
    def finished(self) -> int:
        return self.done + len(self.failed)

    @property
    def of(self) -> int:
        """How many batches there are, as far as that is known."""
        return max(self.batches, self.begun)

    def per_minute(self, now: float) -> float:
        began = now if self.started is None else self.started
        return self.finished * 60.0 / (now - began) if self.finished and now > began else 0.0

    def ends(self, now: float) -> float | None:
        """When all will be done; None if that is not known yet, and afterwards."""
        rate = self.per_minute(now)
        return now + self.left * 60.0 / rate if rate and self.left else None

    def left_over(self, now: float) -> int:
        """How many will not be done when the window closes."""
        ends = self.ends(now)
        if ends is None or self.closes is None or ends <= self.closes:
            return 0
        done_by_then = self.per_minute(now) * max(0.0, self.closes - now) / 60.0
        return min(self.left, max(1, int(round(self.left - done_by_then))))

    def estimate(self, size: int, least: int) -> int:
        """Estimated seconds for a batch: the slowest so far counts, and a larger one takes longer in proportion."""
        if not self.timings:
            return least
        return int(round(max(seconds * max(1.0, float(size) / max(1, of)) for of, seconds in self.timings)))

    # Words

    def counts(self) -> str:
        return "%d done, %d failed, %d left" % (self.done, len(self.failed), self.left)

    def outlook(self, now: float) -> str:
        """Rate, end, and whether the window is long enough."""
        ends, rate = self.ends(now), self.per_minute(now)
        parts = ["%.1f a minute" % rate] if rate else []
        if ends is not None:
            parts.append("ends about %s" % self.clock(ends, now))
        if self.closes is not None and self.left:
            over = self.left_over(now)
            parts.append("window closes %s%s" % (self.clock(self.closes, now), (
                ", before it is done: about %d will be left" % over) if over else ""))
        return ", ".join(parts)

    def outlook_in_short(self, now: float) -> str:
        closes, ends = self.closes, self.ends(now)
        if ends is None:
            return "" if closes is None or not self.left else "until %s" % self.clock(closes, now)
        over = self.left_over(now)
        spare = "" if closes is None else (
            ", %d too many by %s" % (over, self.clock(closes, now)) if over else ", %s spare" % duration(closes - ends))
        return "%.1f/min, ends %s%s" % (self.per_minute(now), self.clock(ends, now), spare)

    def clock(self, moment: float, now: float) -> str:
        """Time of the day in the zone of the window, with the weekday when that is another day."""
        zone = _window.zone(self.timezone) if self.closes is not None else None
        then, today = (datetime.datetime.fromtimestamp(value, zone) for value in (moment, now))
        return then.strftime("%H:%M" if then.date() == today.date() else "%a %H:%M")

    def stage(self) -> str:
        """What is in progress, such as C(enrolling 10 on 2 hosts)."""
        if not self.at_work:
            return "between batches" if self.left else "all batches ended"
        hosts = len(self.at_work)
        return "enrolling %d%s" % (sum(self.at_work.values()), " on %d hosts" % hosts if hosts > 1 else "")

    def batch(self, number: int) -> str:
        return "%s %d of %d" % ("canary batch" if self.canary and number == 1 else "batch", number, self.of)

    def line(self, now: float) -> str:
        """For logs: what happened last, how far the enrolment has got, and when it ends."""
        if self.stopped:
            event, more = "stopped before batch %d of %d" % (min(self.begun + 1, self.of), self.of), self.stopped
        elif self.event == "ended":
            event, more = "batch %d of %d ended" % (self.ended, self.of), self.outlook(now)
        elif self.event == "begins":
            event, more = "%s begins (%d)" % (self.batch(self.begun), self.size), self.outlook(now)
        else:
            event, more = self.still(), self.outlook(now)
        return self._line(event, more)

    def at_work_line(self, now: float) -> str:
        """For logs while nothing begins or ends."""
        return self._line(self.still(), self.outlook(now))

    def still(self) -> str:
        return "%s, %s" % (self.batch(max(1, self.begun)), self.stage())

    def _line(self, event: str, more: str) -> str:
        return "%s: %s; %s%s" % (self.name, event, self.counts(), "; " + more if more else "")

    def short(self, now: float) -> str:
        """For one row of a terminal: the most important first, because a narrow one cuts it off."""
        at = "stopped: %s" % self.stopped if self.stopped else self.stage()
        parts = ["%s %d/%d" % (self.name, self.ended, self.of), self.counts(), at]
        return " | ".join(parts + [part for part in [self.outlook_in_short(now)] if part])

    def of_host(self, now: float) -> str:
        """For people who watch one host."""
        more = self.outlook(now)
        return "%s: %d of %d done, %d failed%s" % (self.name, self.done, self.total, len(self.failed), "; " + more if more else "")

    def at_the_end(self, now: float) -> str:
        rate = self.per_minute(now)
        took = "" if self.started is None else " in %s" % duration(now - self.started)
        return "%s: %s%s%s" % (self.name, self.counts(), took, ", %.1f a minute" % rate if rate else "")


def taken(known: dict[str, Progress], events: Iterable[Event]) -> dict[str, Progress]:
    """The events taken by {cluster: Progress}, which grows with them."""
    for event in events:
        known.setdefault(event["cluster"], Progress(event["cluster"])).take(event)
    return known


def hindrance(known: Mapping[str, Progress], cluster: str, size: int, window: _window.Window, least: int, most: int = -1,
              canary: bool = False, ignore_window: bool = False) -> tuple[str, str]:
    """(by, why) a batch of that size may not begin, both empty where it may.

    known: {cluster: Progress}. canary: it is the canary batch itself, which waits for no other. window: of maintenance_window.
    most: how many instances may fail, on all clusters; -1 is no limit.
    """
    mine = known.get(cluster) or Progress(cluster)
    if mine.canary_failed and not canary:
        return FAILURES, CANARY_FAILED
    failed = sum(len(one.failed) for one in known.values())
    if 0 <= most < failed:
        return FAILURES, ngettext(
            "%d instance failed, and at most %d may fail, so no further batch begins.",
            "%d instances failed, and at most %d may fail, so no further batch begins.", failed) % (failed, most)
    if ignore_window:
        return "", ""
    if not window["open"]:
        return WINDOW, window["text"]
    needs, left = mine.estimate(size, least), window["seconds_left"]
    if left is not None and left < needs:
        return WINDOW, "%s It closes in %d s, and a batch of %d takes about %d s%s." % (
            window["text"], left, size, needs, ", as measured" if mine.timings else " at most, because none was measured yet")
    return "", ""


def duration(seconds: float) -> str:
    """Such as C(45 s), C(12 min) or C(1 h 05 min)."""
    seconds = int(seconds)
    if seconds < 60:
        return "%d s" % seconds
    minutes = seconds // 60
    return "%d min" % minutes if minutes < 60 else "%d h %02d min" % divmod(minutes, 60)
