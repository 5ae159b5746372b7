# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import itertools

import pytest
from simulator import Simulator
from windows_site import ALL_WITH_WINE, PACKAGE, SEED, USER, WindowsSite
from wine_windows import WINE, Windows


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    """Folder of a Windows of Wine's, which is copied for each host."""
    if not WINE:
        pytest.skip("There is no Wine here, so the registry of all Windows hosts is played.")
    made = Windows(tmp_path_factory.mktemp("wine") / "template")
    made.end()
    return made.folder


@pytest.fixture(scope="module")
def make_windows_site(tmp_path_factory, request):
    """make_windows_site("recorder01", ...): scripted hosts on a cluster of their own, which has the user already.

    With the real ansible.windows where "make ansible-windows" has fetched it, else with stand-ins for its modules. wine: with a registry of
    Wine's, as all have where the environment has SECURE_TSP_WINE.
    """
    made, numbers = [], itertools.count(1)
    with contextlib.ExitStack() as ends:

        def make(*hosts, user=True, fronts=("axl",), wine=ALL_WITH_WINE):
            simulator = Simulator(seed=SEED, fronts=fronts, ris_per_minute=1000).start()
            ends.callback(simulator.stop)
            if user:
                simulator.cluster.accounts.add_user(
                    "application", USER["name"], password=USER["password"], groups=["Standard CTI Enabled"], devices=USER["devices"])
            site = WindowsSite(simulator, tmp_path_factory.mktemp("windows") / str(next(numbers)), hosts,
                               request.getfixturevalue("template") if wine else None)
            ends.callback(site.tsp.close)
            for windows in site.windows.values():
                ends.callback(windows.end)
            if PACKAGE.exists():
                site.on_bench()
            made.append(site)
            return site

        yield make
        violations = [violation for site in made for violation in site.sim.cluster.schema_violations]
    assert not violations
