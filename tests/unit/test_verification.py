# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How each instance is proven, and what came of it."""

from __future__ import annotations

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _outcome
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._model import Key, key_of
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._verification import CLOCKS_APART, Verifier, results

HERE, THERE = "192.0.2.1", "192.0.2.2"
REC = Key("main", "rec")
PLACED = 1000.0
LATER = PLACED + CLOCKS_APART + 1


def instance(number=1, **more):
    return {"cluster": "main", "host": "lin1", "user": "rec", "user_type": "application", "instance_id": "rec%d" % number,
            "store": "/s/rec%d" % number, "probe_of": None, "client_address": None, "enrolment": "collection", **more}


def row(number=1, of=None, **more):
    """The row of an instance with a certificate that is good and was proven before."""
    made = _outcome.fresh(of or instance(number))
    return dict(made, needed=False, certificate_valid=True, **more)


def new(number=1, **more):
    """The row of an instance that was enrolled in this run."""
    return row(number, **{"action": "enrolled", "changed": True, "unconfirmed": True, "placed": PLACED, **more})


def without(number=1, **more):
    """The row of an instance that has no certificate."""
    return dict(row(number, **more), needed=True, certificate_valid=False, reason="missing", explanation="There is no certificate.")


NEW, PROVEN, BROKEN = new(), row(), dict(without(), failed=True, message="it broke", action="failed")
PROBE = instance(9, instance_id="rec1probe", probe_of="rec1")


def view(*connections, **more):
    return {"main": {"available": True, "reason": "", "connections": list(connections), **more}}


def connection(**more):
    return {"user": "rec", "address": HERE, "status": "Open", "lines": [{}, {}], "time": LATER, **more}


def plan(rows, views=None, instances=(), **more):
    options = dict(secure={REC}, addresses={"lin1": [HERE], "lin2": [THERE]}, with_password={REC})
    options.update(more)
    named = ("cluster", "host", "user", "instance_id", "probe_of")
    known = {key_of(one): instance(**{key: one[key] for key in named}) for one in rows}
    known.update((key_of(one), one) for one in instances)
    return Verifier(views=view() if views is None else views, instances=list(known.values()), **options).plan(rows)


def result(chosen, **more):
    (one,) = results([chosen], **more)
    return one


# The way that is chosen


@pytest.mark.parametrize(("one", "options", "way", "why"), [
    (NEW, {}, "application", ""),
    (PROVEN, {}, "offline", "verified before"),
    (PROVEN, {"again": True}, "application", ""),
    (PROVEN, {"stopped": lambda host: True}, "offline", "verified before"),
    (PROVEN, {"stopped": lambda host: True, "views": view(connection())}, "ris", ""),
    (NEW, {"stopped": lambda host: True, "views": view(connection())}, "application", ""),
    (NEW, {"stopped": lambda host: host == "lin2", "views": view(connection())}, "ris", ""),
    (NEW, {"with_password": set()}, "offline", "no password for rec"),
    (NEW, {"views": view(connection())}, "ris", ""),
    (NEW, {"views": view(connection(status="Closed"))}, "application", ""),
    (NEW, {"views": view(connection(address=THERE))}, "application", ""),
    (NEW, {"views": view(connection(user="other"))}, "application", ""),
    (NEW, {"views": view(connection(address="198.51.100.7")), "instances": [instance(client_address="198.51.100.7")]}, "ris", ""),
    (NEW, {"views": view(connection()), "instances": [instance(client_address="198.51.100.7")]}, "application", ""),
    (NEW, {"views": {}}, "offline", "the cluster was not asked"),
    (NEW, {"views": {"main": {"available": False, "reason": "HTTP 503"}}}, "offline", "HTTP 503"),
    (NEW, {"instances": [instance(enrolment="tsp")]}, "offline", "0 open provider(s)"),
    (NEW, {"wanted": "offline", "views": view(connection())}, "offline", ""),
    (NEW, {"wanted": "ris", "views": view(connection())}, "ris", ""),
    (NEW, {"wanted": "application"}, "application", ""),
    (NEW, {"wanted": "application", "views": view(connection()), "stopped": lambda host: True}, "application", ""),
    (NEW, {"wanted": "application", "views": {}, "stopped": lambda host: True}, "application", ""),
    (NEW, {"wanted": "application", "views": {}}, "offline", "the cluster was not asked"),
    (NEW, {"wanted": "probe"}, "offline", "not probed"),
    (NEW, {"secure": set()}, "offline", "waiting for the cutover of user rec"),
    (NEW, {"secure": {Key("lab", "rec")}}, "offline", "waiting for the cutover of user rec"),
    (NEW, {"secure": set(), "views": view(waits={"rec": "waiting for the cutover: application connected from 192.0.2.9"})}, "offline",
     "application connected from 192.0.2.9"),
])
def test_the_way_that_is_chosen(one, options, way, why):
    (chosen,) = plan([one], **options)
    assert (chosen["way"], chosen["failed"], chosen["waiting"]) == (way, False, "cutover" in why or "connected from" in why)
    assert why in chosen["why"] if why else chosen["why"] == ""


@pytest.mark.parametrize(("options", "message"), [
    ({"wanted": "application", "views": view(connection())}, "would disconnect both"),
    ({"wanted": "application", "with_password": set()}, "no password for rec"),
    ({"wanted": "ris"}, "Start the application"),
    ({"views": {"main": {"available": False, "reason": "wrong password", "users_read": False}}}, "wrong password"),
    ({"wanted": "probe", "with_password": set(), "rows": [NEW, row(of=PROBE)]}, "no password for rec"),
])
def test_ways_that_are_refused(options, message):
    chosen = plan(options.pop("rows", [NEW]), **options)[0]
    assert chosen["way"] == "none" and chosen["failed"] and message in chosen["message"]


@pytest.mark.parametrize("one", [without(), BROKEN])
def test_without_a_certificate_there_is_nothing_to_verify(one):
    (chosen,) = plan([one])
    assert (chosen["way"], chosen["failed"]) == ("none", one["failed"])


# Who is connected


@pytest.mark.parametrize("addresses", [{"lin1": [], "lin2": [THERE]}, {"lin2": [THERE]}])
def test_nothing_is_opened_from_a_host_whose_address_is_not_known(addresses):
    """Field report S17: not recognised was taken for not connected, which threw out the application and its certificate."""
    (chosen,) = plan([NEW], view(connection()), addresses=addresses)
    assert chosen["way"] == "offline" and "the address of its host is not known; give client_address" in chosen["why"]
    (chosen,) = plan([NEW], view(connection()), addresses=addresses, wanted="application")
    assert chosen["failed"] and "give client_address" in chosen["message"]


def test_nothing_is_opened_beside_a_connection_from_an_address_that_nobody_is_known_by():
    """Field report S17: a host behind NAT without client_address."""
    strange = view(connection(address="198.51.100.30"))
    for again in (False, True):
        (chosen,) = plan([NEW], strange, again=again)
        assert chosen["way"] == "offline"
        assert "give client_address: the cluster sees rec from 198.51.100.30" in chosen["why"]
    (chosen,) = plan([NEW], strange, wanted="application")
    assert chosen["failed"] and "198.51.100.30" in chosen["message"]


@pytest.mark.parametrize("wanted", ["auto", "ris", "application"])
def test_a5_nothing_is_opened_while_a_node_has_not_told_its_connections(wanted):
    """Not seen is not the same as not connected: the application may be at the node that did not answer."""
    doubt = "RISPort70 has no answer from node sub1 (NodeNotResponding)"
    (chosen,) = plan([NEW], view(doubt=doubt), wanted=wanted)
    assert chosen["way"] == "offline" and "no answer from node sub1" in chosen["why"] and not chosen["failed"]
    assert plan([NEW], view(connection(), doubt=doubt))[0]["way"] == "ris", "what is seen is seen"


def test_a_connection_from_an_address_that_another_host_has_is_not_this_one():
    assert plan([NEW], view(connection(address=THERE)))[0]["way"] == "application"
    other = instance(2, host="lin2", client_address="198.51.100.30")
    (chosen,) = plan([NEW], view(connection(address="198.51.100.30")), instances=[instance(), other])
    assert chosen["way"] == "application"


def test_a_stopped_application_is_opened_for_although_a_stranger_is_connected():
    assert plan([NEW], view(connection(address="198.51.100.30")), stopped=lambda host: True)[0]["way"] == "application"


def test_two_instances_of_a_user_need_two_connections():
    rows = [new(1), new(2)]
    assert [one["way"] for one in plan(rows, view(connection()))] == ["offline", "offline"]
    assert [one["way"] for one in plan(rows, view(connection(), connection()))] == ["ris", "ris"]


def test_connections_are_counted_over_all_hosts_that_share_an_address():
    """Field report S18: with one application running, both were verified."""
    rows = [new(1), new(2, of=instance(2, host="lin2"))]
    shared = {"lin1": [HERE], "lin2": [HERE]}
    assert [one["way"] for one in plan(rows, view(connection()), addresses=shared)] == ["offline", "offline"]
    assert [one["way"] for one in plan(rows, view(connection(), connection()), addresses=shared)] == ["ris", "ris"]
    by_hand = [instance(1, client_address="198.51.100.1"), instance(2, host="lin2", client_address="198.51.100.1")]
    seen = view(connection(address="198.51.100.1"))
    assert [one["way"] for one in plan(rows, seen, instances=by_hand)] == ["offline", "offline"]


def test_users_behind_one_address_are_counted_by_themselves():
    other = new(2, of=instance(2, host="lin2", user="dialer"))
    rows = plan([new(1), other], view(connection()), addresses={"lin1": [HERE], "lin2": [HERE]},
                secure={REC, Key("main", "dialer")}, with_password={REC, Key("main", "dialer")})
    assert [one["way"] for one in rows] == ["ris", "application"]


@pytest.mark.parametrize(("time", "way", "why"), [
    (LATER, "ris", ""), (PLACED, "offline", "still uses the previous certificate"),
    (PLACED + CLOCKS_APART, "offline", "still uses the previous certificate"), (None, "offline", "still uses the previous certificate"),
])
def test_an_older_connection_does_not_prove_a_new_certificate(time, way, why):
    (chosen,) = plan([NEW], view(connection(time=time)))
    assert chosen["way"] == way and why in chosen["why"]
    (chosen,) = plan([NEW], view(connection(time=time)), wanted="ris")
    assert chosen["failed"] is (way != "ris")


def test_an_older_connection_proves_what_was_confirmed_before():
    assert plan([dict(PROVEN, placed=PLACED)], view(connection(time=1)))[0]["way"] == "ris"


@pytest.mark.parametrize(("probe", "way"), [
    (new(of=PROBE), "probe"), (dict(BROKEN, **{key: PROBE[key] for key in ("instance_id", "probe_of")}), "offline"),
    (dict(without(), **{key: PROBE[key] for key in ("instance_id", "probe_of")}), "offline"),
])
def test_a_probe_is_opened_on_behalf_of_its_instance(probe, way):
    chosen = plan([NEW, probe], view(connection()), wanted="probe")
    assert chosen[0]["way"] == way
    assert chosen[1]["way"] == ("offline" if way == "probe" else "none")


def test_a_probe_is_no_connection_of_the_application():
    assert [one["way"] for one in plan([NEW, new(of=PROBE)], view(connection()))] == ["ris", "offline"]


# What came of it


OPENED = {"totals": {"devices": 1, "lines": 2}}


def opened(chosen, answer=None):
    return {key_of(chosen): OPENED if answer is None else answer}


def test_a_provider_that_was_opened_proves_and_confirms():
    (chosen,) = plan([NEW])
    one = result(chosen, opened=opened(chosen))
    assert (one["state"], one["verified_by"], one["online"], one["confirm"]) == (
        "verified", "application (1 device, 2 lines)", True, True)
    assert "seen" not in one and "why" not in one


def test_what_was_verified_before_needs_no_confirmation():
    (chosen,) = plan([PROVEN], again=True)
    one = result(chosen, opened=opened(chosen))
    assert (one["online"], one["confirm"]) == (True, False)


def test_a_provider_that_failed():
    (chosen,) = plan([NEW])
    one = result(chosen, opened=opened(chosen, {"failed": True, "msg": "0x8CCC00D9", "compromised": True}))
    assert (one["state"], one["failed"], one["message"], one["compromised"], one["confirm"]) == ("failed", True, "0x8CCC00D9", True, False)


def test_a_provider_that_was_never_opened_failed():
    one = result(plan([NEW])[0], message="Stop the application failed: rc 1")
    assert (one["state"], one["failed"], one["message"]) == ("failed", True, "Stop the application failed: rc 1")


@pytest.mark.parametrize(("answer", "disproved"), [
    ({"stage": "tls"}, True), ({"stage": "open", "cti_code": "0x8CCC00D8"}, True), ({"stage": "open", "cti_close_reason": 8}, True),
    ({"stage": "open", "cti_code": "0x8CCC00D1"}, False), ({"stage": "connect"}, False), ({"stage": "local"}, False), ({}, False),
    ({"stage": "tls", "server_certificate": "other"}, False), ({"stage": "tls", "compromised": True}, False),
])
def test_only_what_is_about_the_certificate_disproves_it(answer, disproved):
    (chosen,) = plan([NEW])
    assert result(chosen, opened=opened(chosen, {"failed": True, "msg": "x", **answer}))["disproved"] is disproved


@pytest.mark.parametrize(("chosen", "state", "verified_by", "online", "confirm"), [
    (plan([NEW], view(connection())), "verified", "ris (1 open, 2 lines)", True, True),
    (plan([NEW], wanted="offline"), "verified", "offline", False, False),
    (plan([PROVEN]), "ok", "offline", False, False),
    (plan([NEW], secure=set()), "enrolled, waiting for cutover", "offline", False, False),
    (plan([BROKEN]), "failed", "", False, False),
])
def test_ways_that_open_nothing(chosen, state, verified_by, online, confirm):
    one = result(chosen[0])
    assert (one["state"], one["verified_by"], one["online"], one["confirm"]) == (state, verified_by, online, confirm)


def test_a_probe_that_was_opened_confirms_itself_and_not_the_application():
    chosen = plan([NEW, new(of=PROBE)], wanted="probe")
    rows = results(chosen, opened(chosen[0]))
    assert [(one["verified_by"], one["confirm"]) for one in rows] == [("probe (1 device, 2 lines)", False), ("offline", True)]


@pytest.mark.parametrize(("one", "options", "state", "is_failed"), [
    (without(), {"check_mode": True}, "would enrol", False),
    (dict(PROVEN, needed=True, reason="expiring", explanation="It expires."), {"check_mode": True}, "would enrol", False),
    (without(), {"check_mode": True, "enrolling": False}, "no certificate", True),
    (without(), {}, "no certificate", True),
    (NEW, {"check_mode": True}, "would verify", False),
    (BROKEN, {"check_mode": True}, "failed", True),
])
def test_check_mode_and_missing_certificates(one, options, state, is_failed):
    made = result(plan([one])[0], **options)
    assert (made["state"], made["failed"]) == (state, is_failed)
    assert made["message"] == {"would verify": "would open a provider", "failed": "it broke"}.get(state, one["explanation"])
