# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A look harms nothing: an application holds its provider open where no run can know it for one of its hosts, and every playbook is run
beside it. A second provider with its certificate would throw it out.
"""

from __future__ import annotations

import sys

import provisioned
import pytest

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _pki

HOST, INSTANCE, NAT = "recorder01", "recorder01x1", "198.51.100.30"
USER = {"name": "recorder_tapi", "password": "Recorder-Secret-0002", "devices": ["SEP001122334450"]}
# A host whose tables of addresses cannot be read, and that has no way to ask.
BLIND = """
import builtins, socket
_open = builtins.open
def _shut(path, *more, **named):
    if str(path).startswith("/proc/net/"):
        raise OSError(13, "Permission denied")
    return _open(path, *more, **named)
builtins.open = _shut
_ask = socket.getaddrinfo
def _mute(*given, **named):
    if named.get("type") == socket.SOCK_DGRAM:
        raise OSError(97, "Address family not supported")
    return _ask(*given, **named)
socket.getaddrinfo = _mute
"""
PLAYBOOKS = ("verify", "drift", "diagnose", "site", "upgrade_certificates", "rollback", "adopt")
WORDS = {"rollback": ["-e", '{"secure_tsp_rollback_instances": ["%s"]}' % INSTANCE], "drift": ["-e", "secure_tsp_drift_probe=true"]}
FORCED = ("application", "auto")


class Held:
    """A provisioned instance whose certificate is due, and an application that is connected with it."""

    def __init__(self, site, where):
        self.site, self.where = site, where
        cluster = site.sim.cluster
        provisioned.add_user(cluster, USER)
        cluster.accounts.add_profile("application", USER["name"], INSTANCE)
        store = provisioned.Store(str(site.store(INSTANCE)))
        store.create()
        provisioned.keep_trust_list(store, cluster.ctl_octets())
        provisioned.keep(store, *provisioned.issue(cluster, INSTANCE, days=30, key=_pki.generate_key("rsa", 2048)))
        if where != "of an unlisted host":
            site.instances[0]["client_address"] = None
        if where == "of a host that does not know its addresses":
            folder = site.controller.folder / "blind"
            folder.mkdir()
            (folder / "sitecustomize.py").write_text(BLIND)
            python = folder / "python"
            python.write_text('#!/bin/sh\nPYTHONPATH=%s exec %s "$@"\n' % (folder, sys.executable))
            python.chmod(0o755)
            site.settings["ansible_python_interpreter"] = str(python)
        self.address = "127.0.0.1" if where == "of a host that does not know its addresses" else NAT
        self.number = cluster.list_application(USER["name"], self.address, 50000, instance_id=INSTANCE, devices=["SEP001122334450"])
        cluster.reset_counters()

    def is_open(self):
        return any(one.number == self.number and one.status == "Open" for one in self.site.sim.cluster.providers())


@pytest.fixture(scope="module", params=["from behind NAT", "of a host that does not know its addresses", "of an unlisted host"])
def held(request, make_site):
    return Held(make_site(hosts=[HOST], users=[USER], instances=[{"host": HOST, "user": USER["name"], "instance_id": INSTANCE}]), request.param)


@pytest.mark.parametrize("way", FORCED)
@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_it_stays_open(held, playbook, way):
    if way == "application" and playbook not in ("verify", "site", "upgrade_certificates"):
        pytest.skip("this playbook has no way to choose")
    run = held.site.run("-e", "secure_tsp_verify_with=%s" % way, *WORDS.get(playbook, ()), playbook=playbook, rc=None)
    assert held.is_open() and held.site.sim.cluster.counters["ProviderOpenRequest"] == 0, run.output
    assert "compromised" not in run.output
    if playbook in ("verify", "drift", "diagnose"):
        assert "client_address" in run.output and held.address in run.output
