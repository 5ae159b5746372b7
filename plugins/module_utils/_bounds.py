# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Limits of instance IDs, keys, authorization strings and numbers. Small, because every process on a host loads it. Pure."""

from __future__ import annotations

import re
from typing import Any, Mapping

from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import InputError

INSTANCE_ID = re.compile(r"[A-Za-z0-9]{1,128}\Z")
CERTIFICATE_NAME_LIMIT = 60  # "CTI-" and the id fit the 64 characters of an X.509 common name
USUAL_STRING = re.compile(r"[0-9]{4,10}\Z")
KEY_SIZES = {"rsa": (2048, 3072, 4096), "ec": (256, 384, 521)}


def check_ranges(params: Mapping[str, Any], ranges: Mapping[str, tuple[int, int]]) -> None:
    """Raise InputError if an option of a module is out of range. ranges: C({name: (lowest, highest)}); None means no value."""
    for name, (low, high) in ranges.items():
        if params[name] is not None and not low <= params[name] <= high:
            raise InputError("%s must be from %d to %d, not %d" % (name, low, high, params[name]))
