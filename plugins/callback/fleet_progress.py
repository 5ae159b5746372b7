# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: fleet_progress
type: aggregate
short_description: Show how far enrolment in batches is, and when it ends
description:
  - Shows the batch, how many instances are done, failed and left, how many it does in a minute, and when it will be done,
    compared with the end of the maintenance window.
  - On a terminal this is one live line at the bottom, below whatever else is printed. Elsewhere, and in Ansible's log file,
    these are plain lines when a batch begins and ends, and now and then in between.
  - Works beside any other callback, and with every playbook that enrols by the role P(voiceops.secure_tsp.certificate#role), such
    as C(voiceops.secure_tsp.upgrade_certificates) and C(voiceops.secure_tsp.site).
  - It looks at results of tasks only, and of these at the fact C(certificate_progress) and at which instances were enrolled and
    opened a provider.
options:
  live:
    description:
      - V(auto) shows the live line when the output is a terminal, and no plain lines then.
      - V(never) prints plain lines on terminals, too.
    type: str
    choices: [auto, never]
    default: auto
    env:
      - name: SECURE_TSP_PROGRESS_LIVE
    ini:
      - section: callback_fleet_progress
        key: live
  interval:
    description: Seconds between plain lines while a batch is at work.
    type: int
    default: 30
    env:
      - name: SECURE_TSP_PROGRESS_INTERVAL
    ini:
      - section: callback_fleet_progress
        key: interval
requirements:
  - enabled in the configuration, C(callbacks_enabled = voiceops.secure_tsp.fleet_progress)
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
seealso:
  - plugin: voiceops.secure_tsp.enrolment_progress
    plugin_type: filter
"""

EXAMPLES = r"""
# In ansible.cfg:
#
# [defaults]
# callbacks_enabled = voiceops.secure_tsp.fleet_progress
#
# Or for one run:
#
# ANSIBLE_CALLBACKS_ENABLED=voiceops.secure_tsp.fleet_progress ansible-playbook voiceops.secure_tsp.upgrade_certificates
"""

import atexit
import datetime
import os
import sys
import time
import zoneinfo

from ansible.plugins.callback import CallbackBase

FACT = "certificate_progress"
ENROLLING = "capf_certificate"
OPENING = "cti_provider_info"
GOT_ONE = ("enrolled", "renewed", "resumed")


class Tracker:
    """What is known about the batches of one cluster. Times are seconds since 1970."""

    def __init__(self, progress, now):
        self.progress = progress
        self.started = now
        self.at_work = False
        self.enrolled = set()
        self.opened = set()
        self.failed = set()

    def take(self, progress):
        """What the role says when a batch begins, ends, or may not begin."""
        self.progress = progress
        self.at_work = bool(progress["begins"]) and not progress["stopped"]
        for seen in (self.enrolled, self.opened, self.failed):
            seen.clear()

    def item(self, kind, instance_id, good):
        """One instance of the batch was enrolled, or opened a provider, or failed to."""
        (self.enrolled if kind == ENROLLING else self.opened).add(instance_id)
        if not good:
            self.failed.add(instance_id)

    @property
    def finished(self):
        """Instances that are through, those of the batch at work included."""
        return self.progress["done"] + self.progress["failed"] + len(self.opened | self.failed)

    @property
    def left(self):
        return self.progress["total"] - self.finished

    def per_minute(self, now):
        """What was enrolled and not verified yet counts half."""
        through = self.finished + len(self.enrolled - self.opened - self.failed) / 2.0
        return through * 60.0 / (now - self.started) if through and now > self.started else 0.0

    def counts(self):
        return "%d done, %d failed, %d left" % (
            self.progress["done"] + len(self.opened - self.failed), self.progress["failed"] + len(self.failed), self.left)

    def ends(self, now):
        """When all will be done; None before that can be told, and afterwards."""
        rate = self.per_minute(now)
        return now + self.left * 60.0 / rate if rate and self.left else None

    def left_over(self, now):
        """How many will not be done when the window closes."""
        ends, closes = self.ends(now), self.progress["closes"]
        if ends is None or closes is None or ends <= closes:
            return 0
        done_by_then = self.per_minute(now) * max(0.0, closes - now) / 60.0
        return min(self.left, max(1, int(round(self.left - done_by_then))))

    def outlook(self, now):
        """Rate, end, and what the window says to that."""
        closes, ends = self.progress["closes"], self.ends(now)
        rate = self.per_minute(now)
        parts = ["%.1f a minute" % rate] if rate else []
        if ends is not None:
            parts.append("ends about %s" % self.clock(ends, now))
        if closes is not None and self.left:
            over = self.left_over(now)
            parts.append("window closes %s%s" % (self.clock(closes, now), (
                ", before it is done: about %d stay left" % over) if over else ""))
        return ", ".join(parts)

    def outlook_in_short(self, now):
        closes, ends = self.progress["closes"], self.ends(now)
        if ends is None:
            return "" if closes is None or not self.left else "until %s" % self.clock(closes, now)
        over = self.left_over(now)
        spare = "" if closes is None else (
            ", %d too many by %s" % (over, self.clock(closes, now)) if over else ", %s spare" % duration(closes - ends))
        return "%.1f/min, ends %s%s" % (self.per_minute(now), self.clock(ends, now), spare)

    def clock(self, moment, now):
        """Time of the day in the zone of the window, with the weekday when that is another day."""
        zone = zoneinfo.ZoneInfo(self.progress["timezone"]) if self.progress["closes"] is not None else None
        then, today = (datetime.datetime.fromtimestamp(value, zone) for value in (moment, now))
        return then.strftime("%H:%M" if then.date() == today.date() else "%a %H:%M")

    def stage(self):
        """What the batch is at, such as C(verifying 3/10)."""
        if not self.at_work:
            return "between batches" if self.progress["size"] else "all batches ended"
        at, seen = ("verifying", self.opened) if self.opened else ("enrolling", self.enrolled)
        return "%s %d/%d" % (at, len(seen), self.progress["size"])

    def batch(self):
        return "%s %d of %d" % (
            "canary batch" if self.progress["canary"] else "batch", self.progress["batch"], self.progress["batches"])

    def ended(self):
        """How many batches ended."""
        return self.progress["batch"] - 1 if self.progress["size"] else self.progress["batches"]

    def line(self, now):
        """For logs."""
        if self.progress["stopped"]:
            event, more = "stopped before %s" % self.batch(), self.progress["stopped"]
        elif not self.at_work:
            event, more = "batch %d of %d ended" % (self.ended(), self.progress["batches"]), self.outlook(now)
        elif self.enrolled or self.opened or self.failed:
            event, more = "%s, %s" % (self.batch(), self.stage()), self.outlook(now)
        else:
            event, more = "%s begins (%d)" % (self.batch(), self.progress["size"]), self.outlook(now)
        return "%s: %s; %s%s" % (self.progress["cluster"], event, self.counts(), "; " + more if more else "")

    def short(self, now):
        """For the live line: the most important first, since a narrow terminal cuts it."""
        at = "stopped: %s" % self.progress["stopped"] if self.progress["stopped"] else self.stage()
        number = self.progress["batch"] if self.at_work else self.ended()
        parts = ["%s %d/%d" % (self.progress["cluster"], number, self.progress["batches"]), self.counts(), at]
        return " | ".join(parts + [part for part in [self.outlook_in_short(now)] if part])

    def total(self, now):
        """The line at the end of the run."""
        rate = self.per_minute(now)
        return "%s: %s in %s%s" % (
            self.progress["cluster"], self.counts(), duration(now - self.started), ", %.1f a minute" % rate if rate else "")


def duration(seconds):
    """Such as C(45 s), C(12 min) or C(1 h 05 min)."""
    seconds = int(seconds)
    if seconds < 60:
        return "%d s" % seconds
    minutes = seconds // 60
    return "%d min" % minutes if minutes < 60 else "%d h %02d min" % divmod(minutes, 60)


class LiveLine:
    """The bottom row of a terminal. Everything else scrolls above it, since no callback could take a line away before
    another one prints. Control sequences are those of the VT100, which all terminals know."""

    def __init__(self, stream):
        self._stream = stream
        self._size = None
        self._owner = os.getpid()

    @staticmethod
    def possible(stream):
        return stream.isatty() and os.environ.get("TERM", "dumb") not in ("", "dumb")

    def show(self, text):
        columns, rows = os.get_terminal_size(self._stream.fileno())
        if rows < 3:
            return
        sequence = ""
        if (columns, rows) != self._size:
            # One row up from a new one, so that the cursor is never in the bottom row.
            sequence = "\n\0337\033[1;%dr\0338\033[1A" % (rows - 1)
            self._size = (columns, rows)
        self._write(sequence + "\0337\033[%d;1H\033[K%s\0338" % (rows, text[:columns - 1]))

    def hide(self):
        """Give the row back. A worker process that ends must not do so."""
        if self._size is not None and os.getpid() == self._owner:
            self._write("\0337\033[r\033[%d;1H\033[K\0338" % self._size[1])
            self._size = None

    def _write(self, sequence):
        self._stream.write(sequence)
        self._stream.flush()


class CallbackModule(CallbackBase):
    """See DOCUMENTATION."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "voiceops.secure_tsp.fleet_progress"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._trackers = {}
        self._now = None  # the tracker of the cluster that is at work
        self._told = 0.0
        self._live = None

    def v2_playbook_on_start(self, playbook):
        if self.get_option("live") == "auto" and LiveLine.possible(sys.stdout):
            self._live = LiveLine(sys.stdout)
            atexit.register(self._live.hide)

    def v2_runner_on_ok(self, result):
        progress = (data_of(result).get("ansible_facts") or {}).get(FACT)
        if progress:
            self._take(progress, time.time())

    def v2_runner_item_on_ok(self, result):
        self._item(result)

    def v2_runner_item_on_failed(self, result):
        self._item(result)

    def v2_playbook_on_stats(self, stats):
        if self._live:
            self._live.hide()
        for tracker in self._trackers.values():
            self._display.display("PROGRESS %s" % tracker.total(time.time()))

    def v2_playbook_on_task_start(self, task, is_conditional):
        if self._live and self._now:
            self._live.show(self._now.short(time.time()))

    def _take(self, progress, now):
        known = self._trackers.get(progress["cluster"])
        if known is None:
            known = self._trackers[progress["cluster"]] = Tracker(progress, now)
        known.take(progress)
        self._now = known
        self._tell(now)

    def _item(self, result):
        kind = task_of(result).action.rpartition(".")[2]
        data = data_of(result)
        tracker = self._now
        if kind not in (ENROLLING, OPENING) or tracker is None or not tracker.at_work:
            return
        good = not data.get("failed")
        if kind == ENROLLING and good and data.get("action") not in GOT_ONE:
            return  # confirmed, restored, ...
        tracker.item(kind, instance_of(data), good)
        now = time.time()
        if self._live:
            self._live.show(tracker.short(now))
        elif now - self._told >= self.get_option("interval"):
            self._tell(now)

    def _tell(self, now):
        """A plain line, which goes to Ansible's log alone while there is a live line."""
        self._told = now
        self._display.display("PROGRESS %s" % self._now.line(now), log_only=self._live is not None)
        if self._live:
            self._live.show(self._now.short(now))


def data_of(result):
    """What the task returned. C(result) is new in ansible-core 2.19, C(_result) is older."""
    found = getattr(result, "result", None)
    return result._result if found is None else found


def task_of(result):
    found = getattr(result, "task", None)
    return result._task if found is None else found


def instance_of(data):
    item = data.get("item")
    if hasattr(item, "get") and item.get("instance_id"):
        return item["instance_id"]
    return str(data.get("_ansible_item_label") or item).split(" ", maxsplit=1)[0]
