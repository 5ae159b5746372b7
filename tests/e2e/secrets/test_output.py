# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No secret comes out of a run, however loud it is: not in output, logs, events, files, or arguments of processes."""

from __future__ import annotations

import copy

import pytest
from e2e.secrets.conftest import AXL, GIVEN, PASSPHRASE


@pytest.fixture(scope="module")
def loud(make_loud):
    return make_loud(("recorder02", "recorder03"))


@pytest.fixture(scope="module")
def well(loud):
    return loud.run(), loud.leaks()


@pytest.fixture(scope="module")
def failing(loud, well):
    """CAPF refuses one host, CTI Manager refuses a user of the other."""
    site = loud.site
    for instance in site.instances:
        instance["force"] = True
    site.sim.faults.add(front="capf", kind="reason", operation="KEY_GENERATE_REQUEST", code=7)
    site.sim.faults.add(front="cti", kind="result", operation="ProviderOpenCompletedEvent", code=0x8CCC0060, times=None)
    run = loud.run(rc=2)
    site.sim.faults.clear()
    return run, loud.leaks()


def misspelt(site):
    site.user("dialer")["passwort"] = site.user("dialer")["password"]


def list_in_list(site):
    site.users = [site.users]


def text_as_list(site):
    site.users = repr(site.users)


def empty_entry(site):
    site.users.insert(0, None)


def text_as_cluster(site):
    site.cluster = "%(username)s:%(password)s@%(hostname)s" % site.cluster


def password_as_port(site):
    site.cluster = dict(site.cluster, port=AXL)


def list_as_passphrase(site):
    site.settings["secure_tsp_key_passphrase"] = [PASSPHRASE]


def string_as_key(site):
    site.instance("recorder02x2")["key"] = GIVEN


SLIPS = (misspelt, list_in_list, text_as_list, empty_entry, text_as_cluster, password_as_port, list_as_passphrase,
         string_as_key)


@pytest.fixture(scope="module", params=SLIPS, ids=[slip.__name__ for slip in SLIPS])
def refused(loud, well, request):
    """Runs whose lists have a slip of the pen."""
    site = loud.site
    kept = copy.deepcopy((site.users, site.instances, site.cluster, site.settings))
    request.param(site)
    run = loud.run(rc=None)
    site.users, site.instances, site.cluster, site.settings = kept
    return run, loud.leaks()


@pytest.fixture(scope="module")
def failing_to_arm(loud, failing):
    """The task that holds all strings fails, and so does the one that makes a user."""
    site = loud.site
    site.sim.faults.add(front="axl", kind="fault", operation="updateApplicationUserCapfProfile", after=1, code=5003,
                        message="No")
    run = loud.run(rc=2)
    site.sim.faults.clear()
    site.sim.act("remove_user", user="dialer")
    site.sim.faults.add(front="axl", kind="fault", operation="addAppUser", code=5003, message="No")
    return [run, loud.run(rc=2)], loud.leaks()


def test_the_secrets_are_known(loud, well):
    """Else the others would prove nothing."""
    secrets = loud.secrets()
    assert GIVEN in loud.listener.strings and len(loud.listener.strings) >= 4 and len(loud.keys) >= 4
    assert all(len(secret) >= 10 for secret in secrets.values())
    inventories = b"".join(path.read_bytes() for path in loud.site.controller.folder.glob("inventory*"))
    assert all(secret in inventories for name, secret in secrets.items() if name.startswith("password of"))
    places = [where for where, _octets in loud.places()]
    assert {"ansible.log", "output2.txt", "events2.jsonl", "arguments of a process", "environment of a process"} <= \
        set(places)


def test_a_run_that_goes_well(well):
    run, leaks = well
    assert all(task["task"] in run.output for task in run.events if task["event"] == "task")
    assert all("<%s> EXEC " % host in run.output for host in ("recorder02", "recorder03")), "That is no output at -vvvv."
    assert set(run.states.values()) == {"verified"}
    assert leaks == []


def test_a_run_that_fails(failing):
    run, leaks = failing
    assert "failed" in run.states.values()
    assert leaks == []


def test_lists_that_are_refused(refused):
    run, leaks = refused
    assert run.rc != 0 and "fatal: " in run.output and run.states.get("recorder02x1", "failed") == "failed"
    assert leaks == []


def test_runs_that_fail_while_they_write_secrets_to_the_cluster(failing_to_arm):
    runs, leaks = failing_to_arm
    assert all("fault" in run.output or "No (code 5003)" in run.output for run in runs)
    assert leaks == []


def test_keys_are_encrypted_and_private(loud, well):
    for path in loud.key_files():
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
