# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users, groups and CAPF profiles while the network or the web services misbehave at each operation.

Each row makes a user with its groups and devices and arms a profile, in one task, then lets the next run do the same
without the fault.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time

import collection_path
import pytest
from simulator import Simulator

from .conftest import DEVICES, ENABLED, PASSWORD, PATIENCE, SECURE

READS = ["getCCMVersion", "listApplicationUserCapfProfile", "listEndUserCapfProfile", "executeSQLQuery"]
WRITES = ["addAppUser", "updateAppUser", "updateUserGroup", "addApplicationUserCapfProfile",
          "updateApplicationUserCapfProfile"]
NEEDED = {"needed": True, "reason": "missing"}
UNARMED = "No Pending Operation"
LARGE = "x" * (10 << 20)


@pytest.fixture
def bringing(cluster, instance, told):
    """Bring user, group and profile in line, with a fault and without one."""

    class Bringing:
        before = cluster.cluster.state_hash()
        late = 0  # writes that the cluster applies after the client has given up

        def fault(self, operation, kind, **words):
            """A profile that exists already is armed by an update, one that does not by an add."""
            if operation == "updateApplicationUserCapfProfile":
                assert not instance.accounts("users", "profiles").get("failed")
                self.before = cluster.cluster.state_hash()
                cluster.cluster.reset_counters()
            return cluster.faults.add("axl", kind, operation, **words)

        def run(self, **options):
            result = instance.accounts("users", "profiles", instance_needs_certificate=NEEDED, **options)
            instance.secrets.update(result.get("strings", {}).values())
            if not result.get("failed"):
                instance.results.remove(result)  # the one that holds the string, which a play registers under no_log
            return result

        def fails(self, operation, *words, armed=False, **options):
            """One failing run: the operator is told, and nothing stays armed."""
            result = self.run(**options)
            told(result, "%s at 127.0.0.1:%d" % (operation, cluster.axl_port), *words)
            assert "strings" not in result
            if operation in READS:
                assert cluster.cluster.state_hash() == self.before
                assert sum(instance.count(write) for write in WRITES) == 0
            assert bool(instance.profile and instance.profile.armed) is armed
            cluster.faults.clear()
            self.await_late_writes()
            return result

        def await_late_writes(self):
            end = time.monotonic() + PATIENCE
            while cluster.cluster.write_count < self.late and time.monotonic() < end:
                time.sleep(0.01)

        def completes(self, **options):
            """One run that needs nobody ends with what was asked for, and a further one changes nothing."""
            result = self.run(**options)
            assert not result.get("failed"), result
            assert result["armed"] == [instance.instance_id]
            self.in_line(result["strings"][instance.instance_id])
            further = instance.accounts("users", "profiles", instance_needs_certificate=NEEDED,
                                        instance_string_held=True)
            assert not further["changed"], further["plan"]
            return result

        def in_line(self, string):
            accounts = cluster.cluster.accounts
            key = accounts.user("application", instance.user["name"])["pkid"]
            assert accounts.groups_of("application", key) == [ENABLED]
            assert accounts.controlled_devices("application", key) == [device["name"] for device in DEVICES]
            credential = accounts.credential(key)
            assert credential["password"] == PASSWORD
            assert [credential[flag] for flag in ("cantchange", "mustchange", "doesnotexpire")] == ["t", "f", "t"]
            profile = instance.profile
            assert (profile.user, profile.armed, profile.string) == (instance.user["name"], True, string)

    return Bringing()


# What a run survives


@pytest.mark.parametrize("operation", READS + WRITES)
def test_a_session_that_expires(bringing, instance, operation):
    rule = bringing.fault(operation, "expire")
    bringing.completes()
    assert rule.applied and instance.count("web.401") == 0


@pytest.mark.parametrize("operation, kind, words", [
    ("getCCMVersion", "cut", {}), ("listEndUserCapfProfile", "cut", {"when": "after"}),
    ("executeSQLQuery", "cut", {}), ("executeSQLQuery", "truncate", {}),
    ("listApplicationUserCapfProfile", "http", {"code": 503}), ("updateUserGroup", "http", {"code": 503}),
])
def test_reads_that_break_and_a_server_that_is_busy_for_a_while(bringing, instance, operation, kind, words):
    rule = bringing.fault(operation, kind, **words)
    result = bringing.completes()
    assert rule.applied == 1
    once = 4 if operation == "executeSQLQuery" else 1  # of four statements, one comes again
    assert result["requests"]["by_operation"][operation] == once + 1


@pytest.mark.parametrize("kind", ["unknown", "swapped"])
def test_answers_with_unknown_or_swapped_elements(cluster, bringing, kind):
    rule = cluster.faults.add("axl", kind, times=None)
    bringing.completes()
    assert rule.applied > 8


def test_answers_that_would_pass_8_mb_are_asked_for_in_parts(cluster, bringing):
    bringing.completes()
    features = cluster.cluster.features
    usual, features.max_answer = features.max_answer, 2000
    try:
        bringing.completes()
    finally:
        features.max_answer = usual


@pytest.mark.parametrize("operation, way", [("listApplicationUserCapfProfile", "sql"), ("executeSQLQuery", "get")])
def test_an_answer_larger_than_the_server_allows_itself_is_asked_for_otherwise(bringing, operation, way):
    bringing.fault(operation, "garbage", body=LARGE)
    assert bringing.completes()["read_way"] == way


@pytest.mark.parametrize("rule", [dict(kind="http", code=401), dict(kind="http", code=403),
                                  dict(kind="fault", code=-201, message="syntax")])
def test_users_are_read_one_by_one_where_queries_are_refused(bringing, rule):
    bringing.fault("executeSQLQuery", times=None, **rule)
    assert bringing.completes()["read_way"] == "get"


def test_a_refused_change_of_members_is_made_user_by_user(bringing):
    bringing.fault("updateUserGroup", "fault", code=5003, message="no")
    assert bringing.completes()["group_way"] == "user"


# What ends it

ENDINGS = [
    # rule, what is told, the cure
    (dict(kind="http", code=401), "the server refused the login (HTTP 401)", "not retried"),
    (dict(kind="http", code=403), "the user may not use this service (HTTP 403)", "The user is axladmin"),
    (dict(kind="http", code=404), "the service was not found (HTTP 404)", "Cisco AXL Web Service is activated"),
    (dict(kind="http", code=500), "the server sent an HTML page instead of a SOAP response (HTTP 500)", "that AXL is activated"),
    (dict(kind="http", code=200, title="Welcome"), "the server sent an HTML page instead of a SOAP response (HTTP 200), a page"
     ' titled "Welcome"', "that AXL is activated"),
    (dict(kind="http", code=302), "an unexpected response: HTTP 302", "not of a proxy"),
    (dict(kind="http", code=599), "does not support this AXL schema version (HTTP 599)", "This collection supports 11.5"),
    (dict(kind="garbage"), "the server sent unreadable data instead of a SOAP response", "that AXL is activated"),
    (dict(kind="fault", code=5000, message="The database is down"), "The database is down (code 5000)",
     "Check the log of the service"),
]
NAMES = ["401", "403", "404", "HTML 500", "HTML 200", "302", "599", "garbage", "fault"]


@pytest.mark.parametrize("rule, what, cure", ENDINGS, ids=NAMES)
@pytest.mark.parametrize("operation", ["getCCMVersion", "listApplicationUserCapfProfile"])
def test_answers_that_end_a_read(bringing, operation, rule, what, cure):
    bringing.fault(operation, times=None, **rule)
    bringing.fails(operation, what, cure)
    bringing.completes()


# A fault does not end a change of members: see test_a_refused_change_of_members_is_made_user_by_user.
@pytest.mark.parametrize("operation, rule, what, cure", [
    pytest.param(operation, *ending, id="%s-%s" % (operation, name)) for operation in WRITES
    for name, ending in zip(NAMES, ENDINGS) if (operation, name) != ("updateUserGroup", "fault")])
def test_answers_that_end_a_write(bringing, operation, rule, what, cure):
    bringing.fault(operation, times=2, **rule)
    bringing.fails(operation, what, cure)
    bringing.completes()


@pytest.mark.parametrize("rule", [dict(kind="cut"), dict(kind="cut", when="after"), dict(kind="truncate")],
                         ids=["before", "after", "half an answer"])
@pytest.mark.parametrize("operation", WRITES)
def test_a_connection_that_breaks_at_a_write(bringing, operation, rule):
    """Applied or not: it is not repeated, what was armed is disarmed, and the next run finds out what there is."""
    bringing.fault(operation, **rule)
    result = bringing.fails(operation, "the connection broke before the response was complete",
                            "may or may not have been made", "Run it again")
    assert result.get("still_armed", []) == []
    bringing.completes()


@pytest.mark.parametrize("operation", READS)
def test_a_slow_answer_to_a_read(bringing, operation):
    bringing.fault(operation, "delay", seconds=60)
    bringing.fails(operation, "no complete response within 1 second", "Increase timeout", timeout=1)
    bringing.completes()


@pytest.mark.parametrize("operation", WRITES)
def test_a_slow_answer_to_a_write(bringing, cluster, operation):
    """The cluster applies it when we have long given up, and so may leave armed what was disarmed before."""
    bringing.fault(operation, "delay", seconds=60)
    number = {"addAppUser": 1, "updateAppUser": 2, "updateUserGroup": 3, "addApplicationUserCapfProfile": 4,
              "updateApplicationUserCapfProfile": 2}[operation]
    bringing.late = cluster.cluster.write_count + number
    bringing.fails(operation, "no complete response within 1 second", "Run it again", timeout=1)
    bringing.completes()


@pytest.mark.parametrize("operation", ["listApplicationUserCapfProfile", "addAppUser"])
def test_an_answer_larger_than_the_server_allows_itself(bringing, operation):
    bringing.fault(operation, "garbage", body=LARGE, times=None)
    bringing.fails(operation, "the response is larger than the 8 MB that AXL allows", "Request fewer objects")
    bringing.completes()


def test_nobody_listens_any_more(bringing, cluster, told):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    told(bringing.run(port=port), "getCCMVersion at 127.0.0.1:%d" % port, "the connection was refused",
         "Cisco Tomcat runs")
    bringing.completes()


# What was armed and cannot be disarmed


def test_a_cluster_that_goes_away_after_the_arming(cluster, bringing, instance):
    """The string is lost, the profile stays armed; the next run arms again, since nobody holds the former string."""
    bringing.fault("addApplicationUserCapfProfile", "cut", when="after")
    cluster.faults.add("axl", "cut", "updateApplicationUserCapfProfile", times=None)
    result = bringing.fails(
        "addApplicationUserCapfProfile", "may still be armed: %s" % instance.instance_id, armed=True)
    assert (result["disarmed"], result["still_armed"]) == ([], [instance.instance_id])
    lost = instance.profile.string
    bringing.completes()
    assert instance.profile.string != lost


@pytest.mark.parametrize("rule", [dict(kind="cut"), dict(kind="cut", when="after"), dict(kind="http", code=401)],
                         ids=["before", "after", "401"])
def test_a_disarming_that_fails(cluster, bringing, instance, told, rule):
    """That of a run after it armed. The next run disarms what the host does not need."""
    bringing.completes()
    cluster.faults.add("axl", operation="updateApplicationUserCapfProfile", times=2 if rule["kind"] == "http" else 1, **rule)
    told(instance.accounts("disarm"), "updateApplicationUserCapfProfile at 127.0.0.1:%d" % cluster.axl_port, "HTTP 401"
         if rule["kind"] == "http" else "may or may not")
    instance.disarm()
    assert (instance.profile.operation, instance.profile.string) == (UNARMED, "")


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_cutover_that_fails(cluster, bringing, instance, told, when):
    bringing.completes()
    cluster.cluster.accounts.set_profile(instance.instance_id, operation=UNARMED, string="", status="Upgrade Success")
    valid = dict(instance_needs_certificate={"needed": False, "reason": ""}, instance_certificate_valid=True)
    cluster.faults.add("axl", "cut", "updateUserGroup", when=when)
    told(instance.accounts("cutover", **valid), "updateUserGroup at 127.0.0.1:%d" % cluster.axl_port, "may or may not")
    result = instance.accounts("cutover", **valid)
    assert result["changed"] is (when == "before") and result["cutover"][0]["done"]
    groups = cluster.cluster.snapshot()["users"]["application:" + instance.user["name"]]["groups"]
    assert groups == [ENABLED, SECURE]
    assert not instance.accounts("users", "profiles", "cutover", **valid)["changed"]


@pytest.mark.parametrize("operation", ["removeApplicationUserCapfProfile", "removeAppUser"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_removal_that_fails(cluster, bringing, instance, told, operation, when):
    bringing.completes()
    cluster.faults.add("axl", "cut", operation, when=when)
    gone = dict(users=[{"name": instance.user["name"], "state": "absent", "remove_user": True}],
                instance_state="absent")
    told(instance.accounts("profiles", **gone), "%s at 127.0.0.1:%d" % (operation, cluster.axl_port), "may or may not")
    assert not instance.accounts("profiles", **gone).get("failed")
    assert instance.profile is None
    assert cluster.cluster.accounts.user("application", instance.user["name"]) is None
    assert not instance.accounts("profiles", **gone)["changed"]


# A server that stays busy. The module waits longer and longer, so it does that beside the other tests of this file.


@pytest.fixture(scope="module", autouse=True)
def overloaded():
    """(simulator, process of fleet_accounts): the change of members meets 503 for ever."""
    with Simulator(fronts=["axl"], seed={"devices": DEVICES}) as simulator:
        simulator.faults.add("axl", "http", "updateUserGroup", times=None, code=503)
        options = dict(hostname=simulator.host, port=simulator.axl_port, username=simulator.username,
                       password=simulator.password, ca_path=simulator.ca_path, stages=["users"],
                       users=[{"name": "recorder_tapi", "password": PASSWORD}])
        tests = collection_path.ROOT / "tests"
        with subprocess.Popen([sys.executable, tests / "unit" / "modules" / "module_process.py", "fleet_accounts"],
                              env=dict(os.environ, PYTHONPATH=str(tests), PYTHONDONTWRITEBYTECODE="1"),
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            process.stdin.write(json.dumps(options))
            process.stdin.close()
            try:
                yield simulator, process
            finally:
                process.kill()


def test_a_server_that_stays_busy(overloaded, told):
    simulator, process = overloaded
    result = json.loads(process.stdout.read().strip().splitlines()[-2])
    told(result, "updateUserGroup at 127.0.0.1:%d" % simulator.axl_port, "throttles changes (HTTP 503), 5 times in a"
         " row", "This request changed nothing. Run it again")
    assert result["done"] == ["user recorder_tapi"] and simulator.cluster.counters["updateUserGroup"] == 5
    assert simulator.cluster.snapshot()["users"]["application:recorder_tapi"]["groups"] == []
