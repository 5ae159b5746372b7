# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""cluster_info: its judgement on tables of facts, and the whole module against the simulated cluster."""

from __future__ import annotations

import pytest
from simulator import Simulator

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _survey
from ansible_collections.voiceops.secure_tsp.plugins.modules import cluster_info

NOW = "2026-01-01T00:00:00Z"
CAPF = _survey.CAPF


def service(name, node="pub", activated=True, running=True, status="Started"):
    return dict(node=node, service=name, activated=activated, running=running, status=status)


GOOD = [service(CAPF), service(_survey.CTI_MANAGER), service(_survey.TFTP)]


@pytest.mark.parametrize(
    "facts, texts",
    [
        (dict(mixed_mode=True, security_mode=1, services=GOOD, publisher="pub"), []),
        (dict(mixed_mode=None, security_mode=None), []),
        (dict(mixed_mode=False, security_mode=0), ["utils ctl set-cluster mixed-mode"]),
        (dict(services=GOOD[1:], publisher="pub"), ["Proxy Function is not activated on the publisher pub"]),
        (
            dict(services=[service(CAPF, node="sub")] + GOOD[1:], publisher="pub"),
            ["Proxy Function is not activated on the publisher pub"],
        ),
        (
            dict(services=[service(CAPF, running=False, status="Stopped")] + GOOD[1:], publisher="pub"),
            ["Proxy Function is activated on pub but not running (Stopped)"],
        ),
        (
            dict(services=[GOOD[0], service(_survey.CTI_MANAGER, activated=False), GOOD[2]], publisher="pub"),
            ["Cisco CTIManager is not activated on any node"],
        ),
        (
            dict(services=GOOD + [service(_survey.TFTP, "sub", running=False, status="Stopped")], publisher="pub"),
            ["Cisco Tftp is activated on sub but not running"],
        ),
        (dict(services=GOOD + [service(CAPF, "sub", running=None, status=None)], publisher="pub"), []),
        (dict(capf=dict(issuer="offline")), ["offline CA"]),
        (dict(capf=dict(issuer="unknown")), []),
        (
            dict(certificates=[dict(service="CAPF", node="pub", not_after="2025-12-31T00:00:00Z"),
                               dict(service="CallManager", node="pub", not_after="2030-12-31T00:00:00Z")]),
            ["CAPF certificate of node pub expired on 2025-12-31"],
        ),
    ],
)
def test_problems_are_sentences_with_a_cure(facts, texts):
    problems = _survey.problems_of(facts, NOW)
    assert len(problems) == len(texts)
    for problem, text in zip(problems, texts):
        assert text in problem


@pytest.mark.parametrize(
    "value, issuer",
    [
        ("Offline CA", "offline"), ("Off-line CA", "offline"), ("Online CA", "online"), ("CAPF", "self"),
        ("Cisco Certificate Authority Proxy Function", "self"), ("2", "unknown"), ("", "unknown"), (None, "unknown"),
    ],
)
def test_the_issuer_is_read_from_words_and_never_guessed(value, issuer):
    assert _survey.issuer_of(value) == issuer


def test_values_that_look_like_a_credential_are_not_shown():
    assert _survey.shown_value("Online CA Password", "hush") == "(not shown)"
    assert _survey.shown_value("Key Size", "2048") == "2048"


# The simulated cluster


@pytest.fixture
def survey(run_module):
    def run(sim, **options):
        defaults = dict(
            hostname="127.0.0.1", port=sim.axl_port, username=sim.username, password=sim.password, ca_path=sim.ca_path
        )
        return run_module(cluster_info, **dict(defaults, **options))

    return run


@pytest.mark.parametrize("release, axl_version", [("11.5", "11.5"), ("12.5", "12.5"), ("14", "14.0"), ("15", "15.0")])
def test_a_good_cluster_has_no_problems(survey, release, axl_version):
    with Simulator(release=release, fronts=("axl",)) as sim:
        sim.seed(
            {
                "application_users": [{"name": "recorder", "password": "x"}],
                "end_users": [{"name": "jdoe", "lastname": "Doe", "password": "x"}],
                "profiles": [
                    {"user": "recorder", "instance_id": "rec01x1", "status": "Upgrade Success"},
                    {"user": "jdoe", "instance_id": "jdoe01x1"},
                ],
            }
        )
        before = sim.cluster.state_hash()
        result = survey(sim)
        assert sim.cluster.state_hash() == before
        assert sim.cluster.schema_violations == []
        assert result["requests"]["write"] == 0
        assert result["requests"]["read"] <= 8
    assert result["problems"] == []
    assert [text for text in result["doubts"] if "issues" not in text] == []
    assert not result["changed"]
    assert result["release"].startswith(release)
    assert result["axl_version"] == axl_version
    assert result["mixed_mode"] is True and result["security_mode"] == 1
    assert result["publisher"] == "127.0.0.1"
    assert [node["usage"] for node in result["nodes"]] == ["Publisher"]
    assert all(one["activated"] and one["running"] for one in result["services"])
    assert {one["service"] for one in result["services"]} == set(_survey.SERVICES)
    assert {one["service"] for one in result["certificates"]} >= {"CAPF", "CallManager"}
    assert all(len(one["sha256_fingerprint"].replace(":", "")) == 64 for one in result["certificates"])
    assert abs(result["clock_skew_s"]) <= 2
    found = {one["instance_id"]: one for one in result["profiles"]}
    assert found["rec01x1"]["user"] == "recorder" and found["rec01x1"]["user_type"] == "application"
    assert found["rec01x1"]["status"] == "Upgrade Success"
    assert found["jdoe01x1"]["user_type"] == "end"
    assert found["jdoe01x1"]["operation"] == "No Pending Operation"


def test_everything_wrong_at_once_is_all_told(survey):
    with Simulator(release="14", fronts=("axl",), mixed_mode=False) as sim:
        sim.cluster.set_service("127.0.0.1", CAPF, activated=False, running=False)
        sim.cluster.set_service("127.0.0.1", _survey.CTI_MANAGER, running=False)
        problems = survey(sim)["problems"]
    assert len(problems) == 3
    assert "utils ctl set-cluster mixed-mode" in problems[0]
    assert "Proxy Function is not activated on the publisher" in problems[1]
    assert "Cisco CTIManager is activated on 127.0.0.1 but not running" in problems[2]


def test_sql_refused_leaves_doubts_and_never_a_pass(survey):
    with Simulator(release="14", fronts=("axl",)) as sim:
        sim.cluster.features.sql = False
        result = survey(sim)
    assert result["mixed_mode"] is None and result["security_mode"] is None
    assert result["certificates"] == []
    assert any("security mode could not be read" in text for text in result["doubts"])
    assert any("certificates could not be read" in text for text in result["doubts"])
    assert not result.get("failed")


def test_an_account_without_control_center_leaves_running_open(survey):
    with Simulator(release="14", fronts=("axl",)) as sim:
        options = dict(serviceability_username="norole", serviceability_password=sim.password)
        result = survey(sim, gather=["services"], **options)
    assert all(one["activated"] and one["running"] is None for one in result["services"])
    assert any("could not be determined" in text for text in result["doubts"])
    assert result["problems"] == []


@pytest.mark.parametrize(
    "value, issuer, problems", [("Offline CA", "offline", 1), ("Online CA", "online", 0), ("something", "unknown", 0)]
)
def test_the_issuer_comes_from_the_named_parameter(survey, value, issuer, problems):
    parameter = "Certificate Issuer to Endpoint"
    with Simulator(release="14", fronts=("axl",)) as sim:
        sim.cluster.set_parameter(parameter, value)
        result = survey(sim, gather=["capf"], capf_issuer_parameter=parameter)
        assert result["capf"]["parameters"][parameter] == value
        assert result["capf"]["issuer"] == issuer
        assert len(result["problems"]) == problems
        assert len(result["doubts"]) == (issuer == "unknown")
        assert survey(sim, gather=["capf"])["capf"]["issuer"] == "unknown"


def test_a_node_that_does_not_answer_is_a_doubt(survey):
    with Simulator(release="14", fronts=("axl",), nodes=("127.0.0.1", "127.0.0.2")) as sim:
        result = survey(sim, gather=["services"])
    assert len(result["nodes"]) == 2
    silent = [one for one in result["services"] if one["node"] == "127.0.0.2"]
    assert silent and all(one["running"] is None for one in silent)
    assert any("node 127.0.0.2" in text and "refused" in text for text in result["doubts"])


def test_only_what_is_asked_for_is_read(survey):
    with Simulator(release="14", fronts=("axl",)) as sim:
        result = survey(sim, gather=["security"], axl_version="14.0")
    assert result["requests"] == {"read": 1, "write": 0, "by_operation": {"executeSQLQuery": 1}}
    assert "nodes" not in result and "profiles" not in result


@pytest.mark.parametrize(
    "options, text",
    [
        (dict(password="wrong"), "refused the login"),
        (dict(username="norole"), "HTTP 40"),
        (dict(ca_path=None), "not trusted"),
        (dict(port=1), "connection was refused"),
        (dict(axl_version="11.5", gather=["nodes"]), "does not support this AXL schema version"),
    ],
)
def test_what_goes_wrong_is_one_clear_sentence(survey, options, text):
    with Simulator(release="15", fronts=("axl",)) as sim:
        result = survey(sim, **options)
    assert result["failed"]
    assert text in result["msg"]
    assert "exception" not in result


def test_the_login_may_come_from_the_environment(run_module, monkeypatch):
    with Simulator(fronts=("axl",)) as sim:
        for name, value in (("HOSTNAME", "127.0.0.1"), ("USERNAME", sim.username), ("PASSWORD", sim.password)):
            monkeypatch.setenv("CUCM_" + name, value)
        given = dict(port=sim.axl_port, ca_path=sim.ca_path, gather=["version"])
        assert run_module(cluster_info, **given)["release"].startswith("14")
        monkeypatch.setenv("CUCM_PASSWORD", "another")
        assert run_module(cluster_info, password=sim.password, **given)["release"], "an option comes first"
        assert run_module(cluster_info, **given)["code"] == 401
