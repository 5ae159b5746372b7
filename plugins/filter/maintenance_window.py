# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: maintenance_window
short_description: Tell whether a maintenance window is open
description:
  - Judges a window with C(start), C(end) and C(timezone) at a moment.
  - C(start) and C(end) are both times of the day, C(HH:MM), for a window every day that may pass midnight, or both
    moments, C(YYYY-MM-DD HH:MM), for one window.
options:
  _input:
    description: The window. An empty one is always open.
    type: dict
    required: true
  now:
    description: Seconds since 1970, UTC.
    type: float
    required: true
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
"""

EXAMPLES = r"""
- name: Stop outside the window
  ansible.builtin.assert:
    that: my_window.open
    fail_msg: "{{ my_window.text }}"
  vars:
    my_window: "{{ {'start': '22:00', 'end': '04:00', 'timezone': 'Europe/Berlin'}
      | voiceops.secure_tsp.maintenance_window(now=now().timestamp()) }}"
"""

RETURN = r"""
_value:
  description:
    - C(open), C(seconds_left) until it closes (null when it is closed or has no end), and C(text), which says why.
    - C(starts) and C(ends) of the open window in seconds since 1970 (null when it is closed or has no end), and its C(timezone).
  type: dict
"""

import datetime
import zoneinfo

from ansible.errors import AnsibleFilterError

DAILY = "%H:%M"
ONCE = "%Y-%m-%d %H:%M"


def maintenance_window(window, now):
    """See DOCUMENTATION."""
    if not window:
        return {"open": True, "seconds_left": None, "starts": None, "ends": None, "timezone": "UTC",
                "text": "There is no maintenance window."}
    name = window.get("timezone") or "UTC"
    try:
        zone = zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        raise AnsibleFilterError("maintenance window: there is no time zone %s" % name) from None
    moment = datetime.datetime.fromtimestamp(float(now), zone)
    # As seconds, because times of one zone are compared and subtracted as if its clocks were never changed.
    start, end = (bound.timestamp() for bound in _bounds(window, moment))
    is_open = start <= float(now) < end
    return {
        "open": is_open,
        "seconds_left": int(end - float(now)) if is_open else None,
        "starts": int(start) if is_open else None,
        "ends": int(end) if is_open else None,
        "timezone": name,
        "text": "The maintenance window is from %s to %s, %s; it is %s there, so the window is %s." % (
            window["start"], window["end"], name, moment.strftime(ONCE), "open" if is_open else "closed"),
    }


def _bounds(window, moment):
    """Start and end of the window that the moment is in, or of one it is not in."""
    for pattern in (DAILY, ONCE):
        try:
            start, end = (datetime.datetime.strptime(str(window[key]), pattern) for key in ("start", "end"))
        except KeyError as error:
            raise AnsibleFilterError("maintenance window: %s is missing" % error.args[0]) from None
        except ValueError:
            continue
        if pattern == ONCE:
            return start.replace(tzinfo=moment.tzinfo), end.replace(tzinfo=moment.tzinfo)
        return _daily(start.time(), end.time(), moment)
    raise AnsibleFilterError("maintenance window: start and end are not both HH:MM or both YYYY-MM-DD HH:MM")


def _daily(start, end, moment):
    day, one_day = moment.date(), datetime.timedelta(days=1)
    first = last = day
    if end <= start:  # passes midnight
        if moment.time() < end:
            first = day - one_day
        else:
            last = day + one_day
    return (datetime.datetime.combine(first, start, moment.tzinfo),
            datetime.datetime.combine(last, end, moment.tzinfo))


class FilterModule:
    """Maintenance windows."""

    def filters(self):
        return {"maintenance_window": maintenance_window}
