# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Opening a provider while the network or CTI Manager misbehaves at, and inside, each of its messages."""

from __future__ import annotations

import pytest

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _ctiqbe

SECURE_GROUPS = ["Standard CTI Enabled", "Standard CTI Secure Connection"]

#: What the server sends to open, list and close: (message, stage that a failure there has, what is overdue there).
ALL = [
    ("ProviderInitResponse", "init", "did not answer the first request"),
    ("ProviderOpenResponse", "open", "did not finish checking the login"),
    ("ProviderOpenCompletedEvent", "open", "did not finish checking the login"),
    ("ProviderGetAllDevicesAndLinesResponse", "list", "did not finish the list of devices"),
    ("DeviceLineInfoEvent", "list", "did not finish the list of devices"),
    ("ProviderGetAllDevicesAndLinesCompletedEvent", "list", "did not finish the list of devices"),
    ("ProviderCloseResponse", "close", "did not confirm the close"),
]
#: The same for a server that only knows the older requests for devices and lines.
OLDER = [(message, "list", "did not finish the list of devices") for message in (
    "ProviderGetDeviceInfoResponse", "GetDeviceInfoFetchResponse", "GetDeviceInfoCloseResponse",
    "DeviceGetLineInfoResponse", "GetLineInfoFetchResponse", "GetLineInfoCloseResponse")]
MESSAGES = [(message, stage, overdue, False) for message, stage, overdue in ALL] + [
    (message, stage, overdue, True) for message, stage, overdue in OLDER]
IDS = [message for message, _stage, _overdue, _older in MESSAGES]
#: The server goes on by itself after these, so that they can travel with what follows.
FOLLOWED = ["ProviderOpenResponse", "ProviderGetAllDevicesAndLinesResponse", "DeviceLineInfoEvent"]

#: Octets of a message that arrive before the connection ends: none, in the length, between and in the words of the
#: header, after the header, all but the last.
CUTS = [0, 1, 4, 21, 32, -1]
#: A frame of 4 GiB; one whose areas contradict its length; a well-formed one that only clients send.
NONSENSE = {
    "huge": "ffffffff" + "00" * 28,
    "contradiction": _ctiqbe.frame(4, b"\0" * 8).hex()[:56] + "ffffffff" + "00" * 8,
    "of a client": _ctiqbe.encode("ProviderCloseRequest", sequenceNumber=1).hex(),
}


@pytest.fixture
def enrolled(cluster, instance, key):
    """The instance with a certificate, its user with all that a provider needs."""
    cluster.seed({"application_users": [dict(instance.user, groups=SECURE_GROUPS)],
                  "profiles": [{"user": instance.user["name"], "instance_id": instance.instance_id}]})
    instance.hold(key)
    return instance


@pytest.fixture
def opening(cluster, enrolled, told):
    """Open with a fault and without one: nothing else changes, and the login goes out once a run."""

    class Opening:
        place = "127.0.0.1:%d" % cluster.cti_tls_port

        def __init__(self):
            self.before = cluster.cluster.state_hash(), enrolled.files()

        def older(self):
            cluster.faults.add("cti", "failure", "ProviderGetAllDevicesAndLinesResponse", code=0x8CCC0051, times=None)

        def fails(self, stage, *words, **options):
            result = enrolled.open(**options)
            told(result, self.place, *words)
            assert result["stage"] == stage
            assert enrolled.count("ProviderOpenRequest") == int(result["login_sent"])
            cluster.faults.clear()
            self.unchanged()

        def unchanged(self):
            # Also that no certificate counts as used twice: the profile is part of the state.
            assert not enrolled.open_providers()
            assert (cluster.cluster.state_hash(), enrolled.files()) == self.before

        def completes(self, enumeration="all"):
            result = enrolled.open()
            assert not result.get("failed"), result
            assert result["totals"] == {"devices": 2, "lines": 9, "registered": 1 if enumeration == "all" else 0,
                                        "restricted_devices": 0, "restricted_lines": 0}
            assert result["enumeration"] == enumeration
            self.unchanged()

    return Opening()


@pytest.mark.parametrize("message, stage, older, octets", [
    (message, stage, older, octets) for message, stage, _overdue, older in MESSAGES
    for octets in ([0, 21] if older else CUTS)])
def test_cut(cluster, opening, message, stage, older, octets):
    if older:
        opening.older()
    cluster.faults.add("cti", "cut", message, octets=octets)
    opening.fails("tls" if (stage, octets) == ("init", 0) else stage, "the connection")
    opening.completes()


@pytest.mark.parametrize("message, stage, overdue", [*ALL, OLDER[0], OLDER[-1]])
def test_delay_past_the_deadline(cluster, opening, message, stage, overdue):
    if (message, stage, overdue) in OLDER:
        opening.older()
    cluster.faults.add("cti", "delay", message, seconds=60)
    opening.fails(stage, overdue, "within 1 second", timeout=1)
    opening.completes()


@pytest.mark.parametrize("message, stage, _overdue, older", MESSAGES, ids=IDS)
def test_garbage(cluster, opening, message, stage, _overdue, older):
    if older:
        opening.older()
    cluster.faults.add("cti", "garbage", message)
    opening.fails(stage, "CTIQBE", "Check that this is the port of CTI Manager")
    opening.completes()


@pytest.mark.parametrize("nonsense", NONSENSE.values(), ids=NONSENSE)
@pytest.mark.parametrize("message, stage, _overdue", ALL, ids=[message for message, _stage, _overdue in ALL])
def test_nonsense_in_place_of_a_message(cluster, opening, message, stage, _overdue, nonsense):
    cluster.faults.add("cti", "replace", message, hex=nonsense)
    opening.fails(stage, "Check that")
    opening.completes()


@pytest.mark.parametrize("kind", ["duplicate", "split", "unknown"])
@pytest.mark.parametrize("message, _stage, _overdue, older", MESSAGES, ids=IDS)
def test_what_does_no_harm(cluster, opening, message, _stage, _overdue, older, kind):
    if older:
        opening.older()
    rule = cluster.faults.add("cti", kind, message, size=1, times=None)
    opening.completes("stepwise" if older else "all")
    assert rule.applied
    cluster.faults.clear()
    opening.completes()


@pytest.mark.parametrize("kind", ["coalesce", "swap"])
@pytest.mark.parametrize("message", FOLLOWED)
def test_together_with_the_next_message(cluster, opening, message, kind):
    rule = cluster.faults.add("cti", kind, message)
    opening.completes()
    assert rule.applied
    opening.completes()


@pytest.mark.parametrize("kind, words, cure", [
    ("cut", "the server closed the connection", "read the trace"),
    ("silence", "not finished within 1 second", "Check the network"),
    ("delay", "not finished within 1 second", "Check the network"),
    ("garbage", "the TLS handshake failed", "check the port"),
])
def test_before_the_first_message(cluster, opening, kind, words, cure):
    cluster.faults.add("cti", kind, "accept", seconds=60)
    opening.fails("tls", words, cure, timeout=1)
    opening.completes()
