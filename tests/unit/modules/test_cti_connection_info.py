# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""cti_connection_info against a scripted server for what may go wrong, and against the simulated cluster."""

from __future__ import annotations

import json
import subprocess
import sys

import collection_path
import pytest
import scripted_https
from scripted_https import ScriptedServer, fault
from simulator import Simulator

from ansible_collections.voiceops.secure_tsp.plugins.modules import cti_connection_info


@pytest.fixture(scope="module")
def identity(tmp_path_factory):
    return scripted_https.Identity(tmp_path_factory.mktemp("identity"))


@pytest.fixture
def ask(run_module, identity):
    """ask(replies, **options) -> (result, requests that the scripted server saw)."""

    def run(replies, **options):
        with ScriptedServer(identity, replies) as server:
            defaults = dict(
                hostname="127.0.0.1", port=server.port, username="ris", password="s3cret-pw", ca_path=identity.ca_path,
                users=["recorder"], rate_limit_wait=0,
            )
            return run_module(cti_connection_info, **dict(defaults, **options)), server.requests

    return run


def answer(*items, **total):
    rows = "".join(
        "<s:item>%s</s:item>" % "".join("<s:%s>%s</s:%s>" % (name, value, name) for name, value in item.items())
        for item in items
    )
    return 200, {}, scripted_https.envelope(
        '<s:selectCtiItemResponse xmlns:s="http://schemas.cisco.com/ast/soap"><s:selectCtiItemReturn>'
        "<s:SelectCtiItemResult><s:TotalItemsFound>%d</s:TotalItemsFound><s:CtiNodes><s:item>"
        "<s:ReturnCode>Ok</s:ReturnCode><s:Name>cucm1</s:Name><s:CtiItems>%s</s:CtiItems></s:item></s:CtiNodes>"
        "</s:SelectCtiItemResult></s:selectCtiItemReturn></s:selectCtiItemResponse>"
        % (total.get("total", len(items)), rows)
    )


def item(port, **more):
    base = dict(
        AppId="recorder-192.0.2.7-%d" % port, UserId="recorder", AppIpAddr="192.0.2.7", AppStatus="Open",
        AppStatusReason="0", AppTimeStamp="1762000000",
    )
    return dict(base, **more)


DEVICE = "<s:DeviceName>SEP001122334455</s:DeviceName><s:DeviceStatus>Open</s:DeviceStatus>"
LINE = "<s:DirNumber>1001</s:DirNumber><s:LineStatus>Open</s:LineStatus>"


def test_users_with_more_than_one_answer_carries_are_asked_for_in_halves(ask):
    result, requests = ask([
        answer(item(1), total=1001),
        answer(item(2), item(3)),
        answer(item(4, UserId="dialer"), total=1001),
    ], users=["recorder", "dialer"], include=[])
    assert [connection["app_id"][-1] for connection in result["connections"]] == ["2", "3", "4"]
    assert len(requests) == 3 and not result["complete"], "one user alone has too many"


def test_three_answers_become_one_connection(ask):
    result, requests = ask([
        answer(item(58667)),
        answer(item(58667, CtiDevice=DEVICE)),
        answer(item(58667, CtiDevice="<s:DeviceName>SEP001122334455</s:DeviceName>", CtiLine=LINE)),
    ])
    assert result["available"] and result["complete"] and not result["changed"]
    assert result["connections"] == [
        dict(
            app_id="recorder-192.0.2.7-58667", user="recorder", address="192.0.2.7", node="cucm1", status="Open",
            reason=0, time=1762000000,
            devices=[dict(name="SEP001122334455", status="Open", reason=None, time=None, controls_media=None)],
            lines=[dict(number="1001", device="SEP001122334455", status="Open", reason=None, time=None)],
        )
    ]
    assert [request.text.count("CtiMgrClass>%s<" % name) for request, name in
            zip(requests, ("Provider", "Device", "Line"))] == [1, 1, 1]


def test_only_providers_cost_one_request_for_all_users(ask):
    result, requests = ask([answer()], users=["a", "b", "c"], include=[])
    assert result["connections"] == []
    assert len(requests) == 1
    assert requests[0].text.count("AppItem>") == 6


def test_no_users_cost_no_request(ask):
    result, requests = ask([], users=[])
    assert result["available"] and result["connections"] == [] and requests == []


@pytest.mark.parametrize("options, count", [(dict(addresses=["192.0.2.8"]), 0), (dict(addresses=["192.0.2.7"]), 2),
                                            (dict(status="Closed"), 1), (dict(status="Any"), 2)])
def test_connections_are_filtered(ask, options, count):
    replies = [answer(item(1), item(2, AppStatus="Closed"))]
    result, requests = ask(replies, include=[], **options)
    assert len(result["connections"]) == count


def test_the_address_is_taken_from_the_application_id_where_it_is_missing(ask):
    result, requests = ask([answer(item(1, AppIpAddr="", AppId="my-user-192.0.2.9-4711"))], include=[])
    assert result["connections"][0]["address"] == "192.0.2.9"


def test_an_incomplete_answer_is_told(ask):
    result, requests = ask([answer(item(1), total=5000)], include=[])
    assert result["complete"] is False


RATE = fault(None, "Exceeded allowed rate for Reatime information", code="Server.RateControl")


@pytest.mark.parametrize(
    "reply, text",
    [
        (RATE, "no more real-time requests this minute"),
        ((401, {}, b"<html/>"), "refused the login"),
        ((403, {}, b"<html/>"), "Standard CCM Server Monitoring"),
        ((404, {}, b"<html/>"), "service was not found"),
        ((200, {}, b"<html><title>Welcome</title></html>"), "HTML page"),
    ],
)
def test_not_available_is_a_result_unless_it_is_required(ask, reply, text):
    result, requests = ask([reply])
    assert result["available"] is False and not result.get("failed")
    assert text in result["reason"]
    assert result["connections"] == []
    result, requests = ask([reply], required=True)
    assert result["failed"] and text in result["msg"]


def test_an_untrusted_server_always_fails(ask):
    result, requests = ask([], ca_path=None)
    assert result["failed"] and "not trusted" in result["msg"]
    assert requests == []


def test_a_wait_beyond_the_range_is_refused(ask):
    result, requests = ask([], rate_limit_wait=301)
    assert result["failed"] and "rate_limit_wait" in result["msg"]


WITHOUT = """
import sys
sys.path.insert(0, %r)
sys.modules[%r] = None
import collection_path
from module_arguments import patch_module_args
from ansible_collections.voiceops.secure_tsp.plugins.modules import cti_connection_info
options = dict(hostname="cucm.invalid", username="u", password="s3cret-pw", users=["recorder"])
with patch_module_args(options):
    cti_connection_info.main()
"""


@pytest.mark.parametrize("library", ["zeep", "requests", "lxml"])
def test_a_missing_library_is_named(library):
    script = WITHOUT % (str(collection_path.ROOT / "tests"), library)
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    result = json.loads(ran.stdout)
    assert result["failed"]
    assert "Failed to import the required Python library (zeep" in result["msg"]
    assert "s3cret-pw" not in ran.stdout + ran.stderr


# The simulated cluster


class Connection:
    def drop(self, reason):
        """Nobody listens."""


def test_the_open_provider_of_a_user_is_seen(run_module):
    with Simulator(release="14", fronts=("axl",)) as sim:
        sim.seed({"application_users": [{"name": "plain", "password": "x", "groups": ["Standard CTI Enabled"]}]})
        options = dict(
            hostname="127.0.0.1", port=sim.axl_port, username=sim.username, password=sim.password,
            ca_path=sim.ca_path, users=["plain"],
        )
        assert run_module(cti_connection_info, **options)["connections"] == []
        code, user = sim.cluster.cti_login("plain", "x")
        assert code == 0
        sim.cluster.open_provider(user, None, "192.0.2.31", 58667, False, Connection())
        result = run_module(cti_connection_info, **options)
        assert [one["app_id"] for one in result["connections"]] == ["plain-192.0.2.31-58667"]
        assert result["connections"][0]["status"] == "Open"
        assert run_module(cti_connection_info, **dict(options, username="norole"))["available"] is False


def test_the_rate_limit_of_the_cluster(run_module):
    with Simulator(release="14", fronts=("axl",), ris_per_minute=2) as sim:
        result = run_module(
            cti_connection_info, hostname="127.0.0.1", port=sim.axl_port, username=sim.username,
            password=sim.password, ca_path=sim.ca_path, users=["anybody"], rate_limit_wait=0,
        )
        assert result["available"] is False
        assert "this minute" in result["reason"]
