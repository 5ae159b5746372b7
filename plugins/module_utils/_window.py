# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Maintenance windows: every day from HH:MM to HH:MM, or once from one moment to another, in a time zone."""

from __future__ import annotations

import datetime
from typing import Any, Iterable, Mapping, Optional, TypedDict

try:
    import zoneinfo
except ImportError:  # Python 3.8, on hosts; only the controller uses windows
    zoneinfo = None  # type: ignore[assignment]

from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import InputError

DAILY = ("%H:%M",)
ONCE = ("%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S")
SHOWN = ONCE[0]


class Window(TypedDict):
    """Times are seconds since 1970, None where the window is closed, or always open."""

    open: bool
    seconds_left: Optional[int]
    starts: Optional[int]
    ends: Optional[int]
    timezone: str
    text: str


def maintenance_window(window: Mapping[str, Any] | None, now: float | str) -> Window:
    """Whether it is open. now: seconds since 1970.

    window: dict of start, end and timezone; empty is always open. Raises InputError.
    """
    if not window:
        return {"open": True, "seconds_left": None, "starts": None, "ends": None, "timezone": "UTC",
                "text": "There is no maintenance window."}
    unknown = sorted(set(window) - {"start", "end", "timezone"})
    if unknown:
        raise InputError("the maintenance window has no key %s; its keys are start, end and timezone" % ", ".join(unknown))
    there = zone(window.get("timezone") or "UTC")
    moment = datetime.datetime.fromtimestamp(float(now), there)
    # As seconds, because times of one zone are compared and subtracted as if its clocks were never changed.
    start, end = (bound.timestamp() for bound in _bounds(window, moment))
    is_open = start <= float(now) < end
    return {
        "open": is_open,
        "seconds_left": int(end - float(now)) if is_open else None,
        "starts": int(start) if is_open else None,
        "ends": int(end) if is_open else None,
        "timezone": str(there),
        "text": "The maintenance window is from %s to %s, %s; it is %s there, so the window is %s." % (
            _text(window["start"]), _text(window["end"]), there, moment.strftime(SHOWN), "open" if is_open else "closed"),
    }


def operation_hours(hours: int, window: Window) -> int:
    """Hours that profiles stay armed: no longer than the window is open, and in full hours. window: of maintenance_window."""
    left = window["seconds_left"]
    return hours if left is None or not hours else min(hours, left // 3600 + 1)


def zone(name: str) -> datetime.tzinfo:
    """The time zone. Raises InputError if it is not known here."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        pass
    if name == "UTC":
        return datetime.timezone.utc
    raise InputError("the maintenance window names the time zone %s, which this controller does not know" % name,
                     cure="Correct the name, or install the time zones there (package tzdata).")


def _text(value: object) -> str:
    """YAML reads 22:00 without quotes as a number to the base of 60."""
    return "%02d:%02d" % divmod(value, 60) if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _bounds(window: Mapping[str, Any], moment: datetime.datetime) -> Iterable[datetime.datetime]:
    """Start and end of the window that the moment is in, or of one it is not in."""
    for key in ("start", "end"):
        if window.get(key) is None:
            raise InputError("the maintenance window has no %s" % key)
    start, end = (_parsed(_text(window[key]), DAILY) for key in ("start", "end"))
    if start and end:
        return _daily(start.time(), end.time(), moment)
    start, end = (_parsed(_text(window[key]), ONCE) for key in ("start", "end"))
    if not (start and end):
        raise InputError("start and end of the maintenance window are not both HH:MM or both YYYY-MM-DD HH:MM")
    return [time.replace(tzinfo=moment.tzinfo) for time in (start, end)]


def _parsed(text: str, patterns: Iterable[str]) -> datetime.datetime | None:
    for pattern in patterns:
        try:
            return datetime.datetime.strptime(text, pattern)
        except ValueError:
            continue
    return None


def _daily(start: datetime.time, end: datetime.time, moment: datetime.datetime) -> tuple[datetime.datetime, datetime.datetime]:
    """The window of that day, or that of the day before if it continues past midnight.

    Compared in seconds: in the night in which clocks go forward, 02:30 is the moment an hour and a half after 01:00.
    """
    one_day = datetime.timedelta(days=1)
    for day in (moment.date() - one_day, moment.date()):
        last = day + one_day if end <= start else day
        found = datetime.datetime.combine(day, start, moment.tzinfo), datetime.datetime.combine(last, end, moment.tzinfo)
        if found[0].timestamp() <= moment.timestamp() < found[1].timestamp():
            break
    return found
