# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from bench import BASE, FOLDER, Bench  # pylint: disable=wrong-import-position


def pytest_configure(config):
    config.addinivalue_line("markers", "long: left out of the short form")


@pytest.fixture(scope="session")
def bench():
    """One bench for all tests: hosts are added as tests need them."""
    if not BASE:
        pytest.fail("these tests change the network: run them with tests/hosts/run, in namespaces of their own")
    made = Bench(FOLDER)
    yield made
    made.end()
    assert not made.sim.cluster.schema_violations
