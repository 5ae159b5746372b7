# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A look harms nothing: an application holds its provider open where no run can know it for one of its hosts, and every playbook is run
beside it. A second provider with its certificate would throw it out.
"""

from __future__ import annotations

import shlex
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
_name = socket.socket.getsockname
def _mute(self):
    if self.type == socket.SOCK_DGRAM:
        raise OSError(22, "Invalid argument")
    return _name(self)
socket.socket.getsockname = _mute
"""
PLAYBOOKS = ("verify", "drift", "diagnose", "site", "upgrade_certificates", "rollback", "adopt", "disarm", "decommission")
GONE = "recorder01x9"  # another instance of the user, which decommission takes away
WORDS = {"rollback": ["-e", '{"secure_tsp_rollback_instances": ["%s"]}' % INSTANCE], "drift": ["-e", "secure_tsp_drift_probe=true"]}
WAYS = [(playbook, way) for playbook in PLAYBOOKS for way in (
    ("auto", "application") if playbook in ("verify", "site", "upgrade_certificates") else ("auto",))]


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
            python.write_text('#!/bin/sh\nPYTHONPATH=%s exec %s "$@"\n' % (shlex.quote(str(folder)), shlex.quote(sys.executable)))
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


@pytest.mark.parametrize(("playbook", "way"), WAYS)
def test_it_stays_open(held, playbook, way):
    if playbook == "decommission":
        held.site.sim.cluster.accounts.add_profile("application", USER["name"], GONE)
        held.site.instances.append({"host": HOST, "user": USER["name"], "instance_id": GONE, "state": "absent"})
    run = held.site.run("-e", "secure_tsp_verify_with=%s" % way, *WORDS.get(playbook, ()), playbook=playbook, rc=None)
    assert held.is_open() and held.site.sim.cluster.counters["ProviderOpenRequest"] == 0, run.output
    assert playbook != "decommission" or GONE not in held.site.statuses(), run.output
    assert "compromised" not in run.output and "unexpected" not in run.output
    told = run.output
    if playbook == "drift":
        told = (held.site.controller.folder / "secure_tsp_report" / "report.json").read_text(encoding="utf-8")
    if playbook in ("verify", "drift", "diagnose"):
        assert "client_address: the cluster sees recorder_tapi from %s" % held.address in " ".join(told.split()), run.output
