# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of hypothesis in the normal run: the same examples each time. C(make fuzz) looks for new ones."""

from __future__ import annotations

import hypothesis

examples = hypothesis.settings(deadline=None, derandomize=True, max_examples=200)
