# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rulebook with a real ansible-rulebook, which C(make events) installs and names in EVENTS: an alert starts drift by its name in
the collection, its findings start diagnose, and nothing is changed."""

from __future__ import annotations

import json
import os
import pathlib
import re
import secrets
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest
import yaml

EVENTS = os.environ.get("EVENTS")
pytestmark = pytest.mark.skipif(not EVENTS, reason="make events runs these, with what they need")
HOST = "recorder01"
PATIENCE = 180


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


def until(happened, process, output):
    end = time.monotonic() + PATIENCE
    while not happened():
        assert process.poll() is None and time.monotonic() < end, output.read_text()
        time.sleep(0.2)


def post(port, token, **payload):
    request = urllib.request.Request("http://127.0.0.1:%d/endpoint" % port, data=json.dumps(payload).encode(), method="POST",
                                     headers={"Content-Type": "application/json", "Authorization": "Bearer " + token})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.status


def test_an_alert_leads_to_a_diagnosis_and_to_no_change(make_site, tmp_path):
    site = make_site(hosts=[HOST])
    site.instances = [one for one in site.instances if one["host"] == HOST]
    site.users = site.users[:1]
    site.run()
    port, token = free_port(), secrets.token_hex(16)
    report, pages = tmp_path / "report", tmp_path / "pages"
    report.mkdir()
    variables = tmp_path / "watch.yml"
    variables.write_text(yaml.safe_dump({
        "watch_port": port, "watch_token": token, "watch_report": str(report), "watch_pages": str(pages)}))
    before, writes = site.everything(), site.sim.cluster.write_count
    output = tmp_path / "output.txt"
    own = {name: value for name, value in site.controller.environment().items() if not name.startswith("ANSIBLE_CALLBACKS")}
    environment = {**own, "PATH": "%s/bin:%s" % (EVENTS, os.environ["PATH"])}
    with open(output, "wb") as stream:
        process = subprocess.Popen(
            [pathlib.Path(EVENTS, "bin", "ansible-rulebook"), "--rulebook", "voiceops.secure_tsp.watch", "-i", site.inventory(),
             "--vars", variables, "--verbose"], stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT, env=environment, cwd=tmp_path)
    try:
        def listens():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        until(listens, process, output)
        with pytest.raises(urllib.error.HTTPError) as refused:
            post(port, "another token", alert="certificate_expiry")
        assert refused.value.code in (401, 403)
        refused.value.close()
        assert post(port, token, alert="disk_full") == 200
        assert post(port, token, alert="certificate_expiry") == 200
        until((report / "report.json").exists, process, output)
        until(lambda: pages.exists() and list(pages.iterdir()), process, output)
        time.sleep(2)
    finally:
        process.terminate()
        process.wait(30)
    findings = json.loads((report / "report.json").read_text())["findings"]
    assert [one["code"] for one in findings if one["severity"] != "info"] == ["provider_not_seen"]
    assert site.everything() == before and site.sim.cluster.write_count == writes
    told = output.read_text()
    # The exit code of drift is 2, so that ansible-rulebook shows its output once more, as that of a failure.
    assert set(re.findall(r"^PLAY \[(.*)\]", told, re.MULTILINE)) == {"Check for drift", "Find the first thing that does not work"}
    for secret in (site.sim.password, site.users[0]["password"]):
        assert secret not in told
