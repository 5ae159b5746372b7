# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever is raised at whatever stage, nothing is left: nothing stays armed, nothing ends 0 untold, and the next run finishes it."""

from __future__ import annotations

import pytest

SECRET = "what-an-exception-may-quote"
ALL = ("recorder01x1", "recorder02x1", "recorder02x2")
STAGES = ("cluster:preflight", "host:look", "cluster:accounts", "host:enrol", "cluster:cutover", "host:prove", "cluster:summary", "host:tell")


@pytest.fixture(scope="module")
def site(make_site):
    site = make_site(hosts=("recorder01", "recorder02"))
    site.instances = [one for one in site.instances if one["host"] != "recorder03"]
    site.users = [user for user in site.users if user["name"] != "jdoe"]
    site.controller.callbacks.append("broken_stages")
    return site


def broken(site, stage, how):
    site.controller.more = {"BROKEN_STAGE": stage, "BROKEN_HOW": how}
    try:
        # A worker that is killed while it starts may show a traceback of Ansible's own.
        return site.start().wait() if "kill" in how else site.run(rc=None)
    finally:
        site.controller.more = {}


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("how", ["raise", "late_raise", "refuse"])
def test_a_stage_that_raises(site, stage, how):
    run = broken(site, stage, how)
    assert run.rc != 0 and site.armed() == []
    assert SECRET not in run.text and "Traceback" not in run.text
    if stage not in ("cluster:preflight", "cluster:summary"):
        assert set(run.states) == set(ALL), run.output
    if how == "raise" and stage == "cluster:preflight":
        assert "Nothing was changed." in run.text and not site.files()


@pytest.mark.parametrize("stage", ["cluster:accounts", "host:enrol", "cluster:cutover", "host:prove"])
@pytest.mark.parametrize("how", ["kill", "late_kill"])
def test_a_stage_that_is_killed(site, stage, how):
    """A worker of Ansible that dies ends its host or the run; what it left is told by no summary, so the exit code says it."""
    assert broken(site, stage, how).rc != 0


def test_the_next_run_finishes_it(site):
    site.controller.callbacks.remove("broken_stages")
    run = site.run()
    assert set(run.states) == set(ALL) and site.armed() == []
    assert not set(run.states.values()) - {"verified", "ok"}
