# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated CUCM: AXL, RISPort70 and Control Center, TFTP, CAPF and CTI Manager on 127.0.0.1. See README.md."""

from __future__ import annotations

import collection_path  # registers the import path of the collection
from simulator.simulator import Simulator

__all__ = ["Simulator"]
