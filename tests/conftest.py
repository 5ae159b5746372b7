# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib
import sys

import hypothesis
import pytest

# Here and not in pytest.ini, which ansible-test does not read.
sys.path.insert(0, str(pathlib.Path(__file__).parent))

import collection_path  # pylint: disable=wrong-import-position

# How long one example may take says nothing on a busy machine.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")


def pytest_configure(config):
    config.addinivalue_line("markers", "in_process: needs the module in the interpreter of the tests")


@pytest.fixture(scope="session")
def vectors():
    """Folder of the test vectors; every sub-folder has a README with their provenance."""
    return collection_path.ROOT / "tests" / "vectors"
