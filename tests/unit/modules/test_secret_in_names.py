# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Field report A1: a secret decides nothing. Every module that takes one is run on a cluster where all secrets are parts of names,
ids, addresses, numbers and words, and returns what it returns with others.
"""

from __future__ import annotations

import importlib
import json

import pytest
import stage_options
from ansible.module_utils.common.parameters import PASS_VARS
from simulator import Simulator
from unit.modules.test_kept_secrets import OPTIONS

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _store
from ansible_collections.voiceops.secure_tsp.plugins.modules import tsp_host

pytestmark = pytest.mark.in_process

OTHER = "Plain-Secret-0815"
SECRETS = ["recorder", "0101", "SEP0011", "127.0.0", "Standard", "2048", "started", "CTI", "success", "8.0", "enrolled"]
USER, INSTANCE, DEVICE, CTI = "recorder_tapi", "pc0101x1", "SEP001122334450", "Cisco CTIManager"
GROUPS = ["Standard CTI Enabled", "Standard CTI Secure Connection"]
TOLD = {"_ansible_inject_invocation": True} if "inject_invocation" in PASS_VARS else {}
TRACE = "16:31:06.000 |   started with recorder_tapi and SEP0011 on 127.0.0.1, 0101\n" * 3


class World:
    """A cluster, and the folder of an instance that is armed on it: every secret of all is C(secret)."""

    def __init__(self, secret, folder, execute):
        self.secret, self.folder, self.execute = secret, folder, execute
        self.sim = Simulator(password=secret)
        self.sim.seed({
            "devices": [{"name": DEVICE, "lines": [{"number": "1010101"}]}],
            "end_users": [{"name": "jdoe", "lastname": "Doe", "password": secret}],
            "application_users": [{"name": USER, "password": secret, "groups": GROUPS, "devices": [DEVICE]}],
            "profiles": [{"user": USER, "instance_id": INSTANCE, "operation": "Install/Upgrade", "string": secret}],
            "logs": [dict(service=CTI, name="recorder0101.txt", content=TRACE.encode(), minutes_old=5)],
        })
        store = _store.Store(folder / INSTANCE)
        store.create()
        store.write(_store.TRUST_LIST, self.sim.cluster.ctl_octets())
        self.store = store.folder
        (folder / "TSP001Debug000000.txt").write_text(TRACE)

    def run(self, called, options):
        module = importlib.import_module("ansible_collections.voiceops.secure_tsp.plugins.modules." + called)
        return self.execute(module, dict(options, _ansible_diff=True, **TOLD))[0]

    def login(self):
        return dict(hostname="127.0.0.1", port=self.sim.axl_port, username=self.sim.username, password=self.secret,
                    ca_path=self.sim.ca_path)

    def results(self):
        """{module: result} of every module that takes a secret, in an order in which each has something to say."""
        login, secret = self.login(), self.secret
        both = dict(login, serviceability_username=self.sim.username, serviceability_password=secret)
        key = dict(path=self.store, instance_id=INSTANCE, key_passphrase=secret)
        provider = dict(path=self.store, cti_managers=["127.0.0.1"], user=USER, password=secret, key_passphrase=secret)
        listed = {"host": "recorder01", "user": USER, "instance_id": "pc0101x2", "authorization_string": secret,
                  "needs_certificate": {"needed": True, "reason": "missing"}, "key": {"type": "rsa", "size": 2048}}
        steps = [
            ("capf_certificate", dict(key, capf_host="127.0.0.1", capf_port=self.sim.capf_port, authorization_string=secret)),
            ("capf_certificate_info", key),
            ("cti_provider_info", dict(provider, port=self.sim.cti_tls_port)),
            ("jtapi_key_store", dict(path=self.store, key_passphrase=secret, dest=str(self.folder / "recorder.p12"),
                                     alias="recorder_tapi0101", password=secret)),
            ("application_user", dict(login, name="recorder_two", user_password=secret, devices=[DEVICE])),
            ("end_user", dict(login, name="jdoe")),
            ("access_control_group", dict(login, name=GROUPS[0], members=[USER, "recorder_two"])),
            ("fleet_accounts", dict(login, users=[{"name": USER, "password": secret, "update_password": "always", "devices": [DEVICE]}],
                                    instances=[listed])),
            ("capf_profile", dict(login, user=USER, instance_id="pc0101x3", authorization_string=secret, rearm=True)),
            ("cluster_info", both),
            ("cluster_service", dict(both, services=[CTI], state="started")),
            ("cti_connection_info", dict(both, users=[USER])),
            ("cluster_trace_files", dict(both, services=[CTI], last_minutes=60, dest=str(self.folder / "recorder"))),
            ("tsp_trace_info", dict(paths=[str(self.folder)], mask=[secret])),
        ]
        return {name: self.run(name, options) for name, options in steps}

    def of_hosts(self):
        """{stage: result} of the module tsp_host, all secrets in its one option."""
        self.sim.password = OTHER  # no list would pass that has such a secret
        model = stage_options.model_of(self.sim, [{"name": USER, "password": OTHER}], [
            {"host": "recorder01", "user": USER, "instance_id": "pc0101x4", "store": str(self.folder / "{instance_id}")}])
        self.sim.cluster.accounts.add_profile("application", USER, "pc0101x4", operation="Install/Upgrade", string=self.secret)
        secrets = dict(strings=[self.secret], passwords=[self.secret], key_passphrase=self.secret)
        found = {}
        for stage in ("look", "enrol", "prove", "read", "open", "inspect", "remove"):
            given = stage_options.options_of_stage(model, stage, secrets, settings={"places": [str(self.folder)], "ports": []},
                                                   way="application", confirm=True)
            found[stage] = self.execute(tsp_host, dict(given, _ansible_diff=True, **TOLD))[0]
        return found


def shape(value):
    """What is there and of which kind; words, ids and numbers differ from cluster to cluster."""
    if isinstance(value, dict):
        return {key.rpartition("/")[2]: shape(one) for key, one in value.items() if key != "invocation"}
    return [shape(one) for one in value] if isinstance(value, list) else type(value).__name__


def hidden_in(result):
    text = json.dumps({key: value for key, value in result.items() if key != "invocation"})
    return "****" in text or "VALUE_SPECIFIED" in text


@pytest.fixture
def world(tmp_path_factory, in_this_interpreter):
    running = []

    def make(secret):
        made = World(secret, tmp_path_factory.mktemp("world"), in_this_interpreter)
        running.append(made.sim.start())
        return made

    yield make
    for simulator in running:
        simulator.stop()


@pytest.fixture(scope="module")
def known():
    return {}


@pytest.fixture
def others(world, known):
    """(results, results of tsp_host) with a secret that is part of nothing."""
    if not known:
        one = world(OTHER)
        known.update(results=one.results(), hosts=one.of_hosts())
    return known["results"], known["hosts"]


def test_every_module_with_a_secret_is_run_and_works(others):
    results, hosts = others
    assert not any(row.get("failed") for result in hosts.values() for row in result.get("rows", ()))
    assert set(results) == set(OPTIONS)
    assert {name: result["msg"] for name, result in results.items() if result.get("failed")} == {}
    assert results["capf_certificate"]["action"] == "enrolled" and results["cti_provider_info"]["open"]
    assert results["fleet_accounts"]["armed"] == ["pc0101x2"]


@pytest.mark.parametrize("secret", SECRETS)
def test_secrets_that_are_parts_of_names_ids_addresses_and_words_hide_nothing(world, others, secret):
    one = world(secret)
    results, hosts = one.results(), one.of_hosts()
    assert {name for name, result in {**results, **hosts}.items() if hidden_in(result) and name != "tsp_trace_info"} == set()
    assert (shape(results), shape(hosts)) == (shape(others[0]), shape(others[1]))
    assert results["application_user"]["user"]["name"] == "recorder_two" and results["fleet_accounts"]["armed"] == ["pc0101x2"]
    assert results["capf_certificate"]["certificate"]["common_name"] == "CTI-" + INSTANCE


def test_the_options_of_a_result_never_show_a_secret(world):
    results = world("recorder").results()
    for result in results.values():
        given = result["invocation"]["module_args"]
        assert "recorder" not in [value for name, value in given.items() if name not in ("name", "dest")]
        assert not [value for name, value in given.items() if name.endswith(("password", "passphrase", "string", "mask")) and value not in (
            None, "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER", "on_create")]
    assert results["fleet_accounts"]["invocation"]["module_args"]["users"][0]["password"] == "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"
