# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole way with the real ansible.windows, its own part on the controller included: only the PowerShell interpreter is played.

All tests of this folder use it where "make ansible-windows" has fetched its package. Where it is missing, these are skipped and say so.
"""

from __future__ import annotations

import pytest
from controller import ROOT
from windows_site import PACKAGE


@pytest.fixture
def bench(make_windows_site):
    """A scripted host behind a connection for Windows."""
    if not PACKAGE.exists():
        pytest.skip("The package ansible is not in .cache/ansible-package, so no test here runs the real ansible.windows.")
    return make_windows_site("recorder01", user=False, fronts=None)


def test_the_real_modules_take_what_is_asked_and_a_second_run_changes_nothing(bench):
    bench.use_profile()
    bench.install("recorder01")
    bench.settings.update(client_windows_allow_reboot=True, secure_tsp_report_folder=str(bench.controller.folder / "report"))
    first = bench.run("-vvv")
    assert first.states == {"recorder01x1": "verified"}
    assert bench.state("recorder01")["reboots"] == 2, "by the real win_reboot"
    assert "ansible/windows/plugins/modules/win_regedit.ps1" in first.output
    string = bench.registry("recorder01")["X-String"]
    assert len(string) == 10 and string not in first.output

    second = bench.run()
    assert second.states == {"recorder01x1": "verified"} and second.count("changed") == 0
    bench.run(playbook="drift")


def test_a_java_application_gets_its_files_by_the_real_win_copy(bench):
    bench.instances[0].update(client="jtapi", tsp_number=None)
    bench.settings.update(
        client_jtapi_folder="C:\\Recorder\\certificates", client_jtapi_store_password="Store-Secret-0007",
        client_jtapi_ini_path="C:\\Recorder\\jtapi.ini")
    first = bench.run("-vvv", playbook=ROOT / "docs" / "examples" / "jtapi.yml")
    assert first.states == {"recorder01x1": "verified"} and "ansible/windows/plugins/modules/win_copy.ps1" in first.output
    files = bench.state("recorder01")["files"]
    assert set(files) == {"C:\\Program Files\\secure_tsp\\recorder01x1\\store.zip", "C:\\Recorder\\jtapi.ini",
                          "C:\\Recorder\\certificates\\JtapiClientKeyStore-recorder_tapi-recorder01x1"}
    assert "Store-Secret-0007" not in first.output and not list(bench.controller.temp.glob("ansible-tmp-*"))
    second = bench.run(playbook=ROOT / "docs" / "examples" / "jtapi.yml")
    assert second.count("changed") == 0 and bench.state("recorder01")["files"] == files
