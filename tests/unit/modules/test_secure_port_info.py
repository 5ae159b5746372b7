# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import socket
import ssl

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.modules import secure_port_info
from simulator import Simulator, pki


@pytest.fixture
def sim():
    with Simulator(fronts=("capf", "cti_tls", "cti")) as simulator:
        yield simulator


@pytest.fixture
def look(sim, tmp_path, run_module):
    (tmp_path / "ctl.tlv").write_bytes(sim.cluster.ctl_octets())

    def run(*services, **options):
        ports = {"CAPF": sim.capf_port, "CTI Manager": sim.cti_tls_port}
        given = dict(path=str(tmp_path), ports=[
            {"service": service, "host": "127.0.0.1", "port": ports[service]} for service in services])
        return run_module(secure_port_info, **dict(given, **options))

    return run


def port(result):
    assert not result.get("failed") and result["changed"] is False, result
    [row] = result["ports"]
    return row


@pytest.mark.parametrize("highest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_servers_are_vouched_for_and_nothing_is_said(sim, look, highest):
    for front in ("capf", "cti_tls"):
        sim.front(front).tls_versions = (ssl.TLSVersion.TLSv1_2, highest)
    before = sim.cluster.state_hash()
    result = look("CAPF", "CTI Manager", check=True)
    assert [(row["service"], row["stage"], row["problem"], row["trusted"]) for row in result["ports"]] == [
        ("CAPF", "", "", True), ("CTI Manager", "", "", True)]
    capf, manager = result["ports"]
    assert capf["version"] == {"TLSv1_2": "TLSv1.2", "TLSv1_3": "TLSv1.3"}[highest.name] and capf["cipher"]
    assert capf["certificate"]["common_name"].startswith("CAPF-")
    # Where TLS 1.2 is the highest it says so in the handshake.
    assert manager["demands_certificate"] is (highest is ssl.TLSVersion.TLSv1_2)
    assert manager["certificate"]["common_name"] and manager["certificate"] != capf["certificate"]
    assert result["trust_list"] == "" and sim.cluster.state_hash() == before
    assert sim.cluster.providers() == [] and sim.cluster.write_count == 0


@pytest.mark.parametrize("service, front", [("CAPF", "capf"), ("CTI Manager", "cti_tls")])
def test_a_server_that_the_list_does_not_name(sim, look, service, front):
    sim.front(front).identity = pki.server("stranger")
    row = port(look(service))
    assert (row["stage"], row["trusted"]) == ("trust", False)
    assert "stranger" in row["problem"] and "ctl_file" in row["problem"]


def test_one_server_does_not_pass_for_the_other(sim, look):
    sim.front("capf").identity = sim.cluster.certificates.callmanager
    assert port(look("CAPF"))["stage"] == "trust"


def test_nobody_listens(look):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        row = port(look(ports=[{"service": "CAPF", "host": "127.0.0.1", "port": holder.getsockname()[1]}]))
    assert row["stage"] == "connect" and "no service listens" in row["problem"] and row["certificate"] is None


def test_a_port_without_tls(sim, look):
    row = port(look(ports=[{"service": "CTI Manager", "host": "127.0.0.1", "port": sim.cti_port}], timeout=2))
    assert row["stage"] == "tls" and row["trusted"] is None and row["problem"]


def test_a_server_with_an_outdated_version_is_told_from_one_that_wants_a_certificate(sim, look):
    sim.front("cti_tls").ciphers = "AES256-SHA"
    sim.front("cti_tls").tls_versions = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2)
    row = port(look("CTI Manager"))
    assert row["stage"] == "tls" and not row["demands_certificate"] and "tls_legacy" in row["problem"]
    assert port(look("CTI Manager", tls_legacy=True))["trusted"] is True


@pytest.mark.parametrize("octets, words", [(None, "there is no trust list"), (b"\0" * 40, "ctl.tlv")])
def test_without_a_list_only_the_ports_are_judged(look, tmp_path, octets, words):
    (tmp_path / "ctl.tlv").unlink()
    if octets:
        (tmp_path / "ctl.tlv").write_bytes(octets)
    result = look("CAPF")
    row = port(result)
    assert (row["stage"], row["trusted"]) == ("", None) and row["certificate"] and words in result["trust_list"]


@pytest.mark.parametrize("options, words", [
    (dict(timeout=0), "timeout must be from 1 to 300"),
    (dict(ports=[{"service": "CAPF", "host": "a", "port": 0}]), "port must be from 1 to 65535"),
])
def test_values_out_of_range_are_refused(look, options, words):
    result = look("CAPF", **options)
    assert result["failed"] and words in result["msg"]
