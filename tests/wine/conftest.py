# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from wine_windows import WINE, Windows


@pytest.fixture(scope="session")
def windows(tmp_path_factory):
    if not WINE:
        pytest.skip("There is no Wine here. What it would show is taken from the source and the documentation alone.")
    made = Windows(tmp_path_factory.mktemp("wine") / "prefix")
    yield made
    made.end()
