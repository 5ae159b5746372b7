# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""What an argument spec cannot say of the values of options."""

from __future__ import annotations

from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import InputError


def check_ranges(params, ranges):
    """Raise InputError for an option out of its range. ranges: C({name: (lowest, highest)}); None is no value."""
    for name, (low, high) in ranges.items():
        if params[name] is not None and not low <= params[name] <= high:
            raise InputError("%s must be from %d to %d, not %d" % (name, low, high, params[name]))
