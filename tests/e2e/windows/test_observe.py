# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person with one PC finds out about the claims that are not confirmed: a PC on which they hold, and one on which they do not."""

from __future__ import annotations

import pytest
from windows_site import FOLDER, KEY, USER

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _tsp_observation

CLAIMS = _tsp_observation.CLAIMS
PRODUCT = "HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Installer\\UserData\\S-1-5-18\\Products"
GOOD, ODD = "recorder01", "recorder02"
SECRET = "Value-Of-The-Registry-1"


def sz(value):
    return {"type": "REG_SZ", "value": value}


@pytest.fixture(scope="module")
def site(make_windows_site):
    """Both PCs have the TSP. On the second, nothing is called or placed as the role assumes, and no certificate was fetched."""
    site = make_windows_site(GOOD, ODD)
    site.use_profile()
    site.users.append({"name": "other", "password": "Other-Secret-0003"})
    site.instances[1]["user"] = "other"
    site.settings.update(client_windows_allow_reboot=True, client_windows_discover_keys=["HKLM:\\SOFTWARE\\Invented"])
    site.install(GOOD)
    registry = site.state(GOOD)["registry"]
    site.change(GOOD, registry={**registry, PRODUCT: {}, PRODUCT + "\\{1}\\InstallProperties": {
        "DisplayName": sz("Cisco TSP"), "LocalPackage": sz("C:\\Windows\\Installer\\1a2b.msi")}})
    site.run("--limit", GOOD)
    assert site.certificate(GOOD)
    state = site.state(GOOD)
    state["registry"][KEY.replace("{number}", "001")]["X-Further"] = sz(SECRET)
    site.tsp.put(state, 1, "CallManager.cer", b"which the played TSP does not write")
    site.write(GOOD, state)
    site.add_program(ODD, "Cisco Unified TSP", "14.0.1.5")
    site.hosts[ODD] = {"client_windows_product_name": "Another Name", "client_windows_discover_keys": ["HKLM:\\SOFTWARE\\Absent"]}
    return site


@pytest.fixture(scope="module")
def observed(site):
    def everything():
        return site.sim.cluster.state_hash(), [
            {part: value for part, value in site.state(host).items() if part in ("registry", "files", "services")} for host in (GOOD, ODD)]

    before = everything()
    run = site.run("-vvvv", playbook="observe")
    assert everything() == before, "nothing is changed"
    return run, (site.controller.folder / "secure_tsp_report" / "tsp_observations.md")


def rows_of(run, host):
    [result] = run.results("Compare the claims with what was read", status="ok")[:1]
    return {row["code"]: row for row in result["rows"] if row["host"] == host}


def test_a_pc_on_which_the_claims_hold(observed):
    run, _page = observed
    rows = rows_of(run, GOOD)
    assert set(rows) == set(CLAIMS), "each claim has a row"
    assert {code for code, row in rows.items() if row["verdict"] == "open"} == {"windows_date", "notifier", "traces"}
    assert rows["fetch_tick"]["verdict"] == "contradicted" and rows["fetch_tick"]["found"] == "the registry profile has its place"
    assert {code for code, row in rows.items() if row["verdict"] == "contradicted"} == {"fetch_tick"}
    assert rows["package"]["found"] == "C:\\Windows\\Installer\\1a2b.msi" and rows["program"]["found"] == "Cisco TSP 14.0.1.5"
    assert rows["subject"]["found"] == "CN CTI-recorder01x1; expected CTI-recorder01x1"
    assert rows["address"]["found"] == "CTI Manager sees 192.0.2.31; the host reports 192.0.2.31"


def test_a_pc_on_which_they_do_not(observed):
    run, _page = observed
    rows = rows_of(run, ODD)
    wrong = {code: row["found"] for code, row in rows.items() if row["verdict"] == "contradicted"}
    assert wrong == {
        "program": "no program matches; similar names: Cisco Unified TSP", "provider_files": "nothing", "registry": "0 values below HKLM:\\SOFTWARE\\Absent",
        "fetch_tick": "the registry profile has its place"}
    assert {code for code, row in rows.items() if row["verdict"] == "open"} >= {"files", "hashed_names", "subject", "issuer", "address", "package"}
    assert "CONTRADICTED recorder02" in run.text and CLAIMS["registry"].next in run.text and CLAIMS["program"].next in run.text


def test_the_table_can_be_shared(site, observed):
    run, page = observed
    text = page.read_text()
    assert oct(page.stat().st_mode & 0o777) == "0o600"
    assert "X-Further" in text and "REG_SZ" in text, "names and types are what nobody knows"
    for secret in (SECRET, USER["password"], site.sim.password):
        assert secret not in text and secret not in run.output
    assert text.count("\n| ") == 2 * len(CLAIMS) + 2 + len(site.registry(GOOD)), "one row for each claim and PC, and one for each name"
    key = site.state(GOOD)["files"][FOLDER % 1 + "QBEClient.pem"]["content"]
    assert key[:60] not in run.output, "slurp would have shown it"


def test_without_a_pc_it_says_so(site):
    site.instances, kept = [], site.instances
    run = site.run(playbook="observe", rc=2)
    site.instances = kept
    assert "No host of this run is a Windows host with a TSP" in run.text


def test_a_pc_that_cannot_be_read_is_told(site):
    site.hosts[ODD] = {"client_windows_discover_keys": "x", "client_windows_read_programs": "perhaps"}
    run = site.run(playbook="observe", rc=2)
    assert "client_windows_read_programs" in run.text
