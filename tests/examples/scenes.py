# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in the examples, and what stands in its place while they run.

A new plugin needs nothing here, unless its examples use variables, files or a state of the cluster that are not there yet.
"""

from __future__ import annotations

import base64
import datetime
import getpass
import grp
import os
import pathlib
import re
import shutil

import provisioned
from simulator import Simulator, log_collection
from trace_samples import JTAPI

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _pki
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._store import Store

VECTORS = pathlib.Path(__file__).resolve().parent.parent / "vectors"
PUBLISHER, SUBSCRIBER = "127.0.0.1", "localhost"  # two names of the one machine on which the simulator listens
USER, END_USER, INSTANCE, STRING = "recorder_tapi", "jdoe", "recorder01x1", "4711081547"
PROBE_SUFFIX = "probe"
DEVICES = ("SEP001122334455", "SEP001122334466")

# Words of the examples: (pattern, what stands in its place). Absolute paths are moved below the sandbox's root besides.
WORDS = (
    (r"\bcucm-pub\.example\.com\b", PUBLISHER),
    (r"\bcucm-sub[12]\.example\.com\b", SUBSCRIBER),
    (r"\bcucm-pub\b", PUBLISHER),
    (r"\b192\.0\.2\.10\b", PUBLISHER),
    (r"\bowner: recorder\b", "owner: " + getpass.getuser()),
    (r"\bgroup: recorder\b", "group: " + grp.getgrgid(os.getgid()).gr_name),
    (r"\bno_log: true\b", "no_log: false"),  # their results are looked at
)
PATHS = re.compile(r"(?<![\w./}])/(?=(?:etc|opt|srv|tmp|var)/)")

# How much the cluster and the host have before the examples of a plugin begin. All others begin with EVERYTHING.
NOTHING, USERS, ARMED, EVERYTHING = range(4)
BEGIN = {
    "application_user": NOTHING,
    "fleet_accounts": NOTHING,
    "ctl_file": NOTHING,
    "access_control_group": USERS,
    "end_user": USERS,
    "capf_profile": USERS,
    "capf_certificate": ARMED,
}
# Stages work on the instances that are listed for their host.
STAGES = ("tsp_cluster", "tsp_host")
# When the enrolment failed whose traces an example fetches: 16:30 on the nodes' clock, which is an hour east.
FAILED_ENROLMENT = datetime.datetime(2026, 11, 23, 15, 30, tzinfo=datetime.timezone.utc).timestamp()
# The application runs and has its provider open.
CONNECTED = ("cti_connection_info", "recorder01")
# The certificates of these examples expire within days.
LSC_DAYS = {"capf_certificate_info": 10}

# What happens to the cluster before a task: actions of simulator.actions with their words.
ARM_AGAIN = ("set_profile", {"instance_id": INSTANCE, "operation": "Install/Upgrade", "string": STRING,
                             "status": "Operation Pending", "deadline": 4102444800})
BEFORE = {
    "Keep the key encrypted, and write both into one file too": [ARM_AGAIN],
    "Open a provider without TLS, before the user gets the secure role": [
        ("remove_group_member", {"group": provisioned.SECURE, "user": USER})],
    "Activate and start CAPF on the publisher": [
        ("set_service", {"name": "Cisco Certificate Authority Proxy Function", "activated": False, "running": False})],
    # The tasks of further.yml
    "A profile that wants another key": [ARM_AGAIN],
    "A wrong string": [ARM_AGAIN],
    "A CAPF that the trust list does not know": [("regenerate", {"certificate": "capf"})],
    "A provider that is closed at once": [
        ("add_group_member", {"group": provisioned.SECURE, "user": USER}),
        ("fault", {"front": "cti", "kind": "close", "operation": "ProviderOpenResponse", "reason": 7})],
    "A certificate that the cluster does not know": [
        ("regenerate", {"certificate": "capf"}), ("distrust_former_capf", {})],
    "A CTI Manager that the trust list does not know": [("regenerate", {"certificate": "callmanager"})],
    "A cluster that breaks down in the middle": [("fault", {
        "front": "axl", "operation": "addApplicationUserCapfProfile", "after": 1, "kind": "fault", "code": 5003,
        "message": "No"})],
}


def in_sandbox(text, root, ports=()):
    """The text of an example with names, accounts, paths and ports of the sandbox.

    ports: pairs of a port as it is documented and the one that the kernel chose.
    """
    for pattern, word in WORDS:
        text = re.sub(pattern, word, text)
    for documented, chosen in ports:
        text = re.sub(r"\bport: %d\b" % documented, "port: %d" % chosen, text)
    return PATHS.sub(str(root) + "/", text)


class Scene:
    """One simulated cluster and one root folder, as the examples of one plugin find them."""

    def __init__(self, plugin, root):
        self.root = pathlib.Path(root)
        self.plugin = plugin
        self.sim = Simulator(username="axl", nodes=(PUBLISHER, SUBSCRIBER), seed={
            "devices": [{"name": name, "lines": [{"number": str(1001 + n)}]} for n, name in enumerate(DEVICES)],
            "end_users": [{"name": END_USER, "lastname": "Doe"}],
            "application_users": [{"name": "monitor", "password": "Monitor-Secret-0815",
                                   "groups": ["Standard CCM Server Monitoring"]}],
        })
        for name in ("etc/pki", "etc/ssl", "opt/recorder/certificates", "srv/traces/recorder01", "srv/reports", "srv/installers"):
            (self.root / name).mkdir(parents=True)
        begin = BEGIN.get(plugin, EVERYTHING)
        if begin > NOTHING:
            provisioned.add_user(self.sim.cluster, self.user(), secure=begin == EVERYTHING)
        if begin == ARMED:
            self._arm()
        if begin == EVERYTHING:
            self._provision(LSC_DAYS.get(plugin), plugin in CONNECTED)
        self._files()

    @staticmethod
    def user():
        return {"name": USER, "password": "Recorder-Secret-0002", "devices": list(DEVICES)}

    @property
    def store(self):
        return Store(str(self.root / "etc" / "secure_tsp" / INSTANCE))

    def _arm(self):
        """The host has its trust list, and the profile waits for it."""
        self.sim.cluster.accounts.add_profile(
            "application", USER, INSTANCE, operation="Install/Upgrade", string=STRING, key_size="3072")
        self.store.create()
        provisioned.keep_trust_list(self.store, self.sim.cluster.ctl_octets())

    def _provision(self, days, connected):
        cluster = self.sim.cluster
        provisioned.add_instance(
            cluster, self.store.folder, {"user": USER, "instance_id": INSTANCE}, probe_suffix=PROBE_SUFFIX)
        if days:
            provisioned.keep(self.store, *provisioned.issue(cluster, INSTANCE, days=days))
        if connected:
            cluster.list_application(USER, "127.0.0.1", 50001, instance_id=INSTANCE, devices=DEVICES,
                                     lines=[(name, str(1001 + n)) for n, name in enumerate(DEVICES)])

    def _files(self):
        for place in ("etc/pki/cucm-tomcat.pem", "etc/ssl/cucm.pem"):
            shutil.copy(self.sim.ca_path, self.root / place)
        traces = self.root / "srv" / "traces" / "recorder01" / "CiscoTSP001Log"
        traces.mkdir()
        shutil.copy(VECTORS / "tsptrace" / "success.txt", traces / "TSP001Debug000000.txt")
        (traces / "CiscoJtapi01.log").write_text(JTAPI)
        for played, name in (("played-tsp-x64.msi", "CiscoTSPx64.msi"), ("played-tsp-custom-action.msi", "CiscoTSP.msi")):
            shutil.copy(VECTORS / "msi" / played, self.root / "srv" / "installers" / name)
        (traces / "config.xml").write_text("<config/>\n")
        around_the_failure = (self.sim.cluster.now() - FAILED_ENROLMENT) / 60
        for service in (log_collection.CAPF, log_collection.TVS):
            log_collection.put_log(self.sim.cluster, service, "a line\n", name="trace00000002.txt")
            log_collection.put_log(
                self.sim.cluster, service, "a line\n", name="trace00000001.txt", minutes_old=around_the_failure)

    @property
    def ports(self):
        """(documented, chosen) of every port that an example may name."""
        sim = self.sim
        return ((8443, sim.axl_port), (69, sim.tftp_port), (6970, sim.http_port), (3804, sim.capf_port),
                (2748, sim.cti_port), (2749, sim.cti_tls_port))

    def variables(self):
        """Variables that the examples use."""
        certificate = self.root / "etc" / "secure_tsp" / INSTANCE / "QBEClient.cer"
        der = certificate.read_bytes() if certificate.exists() else b""
        return {
            "vault_axl_password": self.sim.password,
            "vault_monitor_password": "Monitor-Secret-0815",
            "vault_recorder_password": self.user()["password"],
            "vault_recorder_tapi": self.user()["password"],
            "vault_key_passphrase": "Correct horse battery 7",
            "vault_store_password": "Store-Secret-0003",
            "ctl_fingerprint_of_the_cluster": _pki.sha256(self.sim.cluster.ctl_octets()),
            "secure_tsp_clusters": {"main": self.sim.cluster_entry()},
            "secure_tsp_users": [{"name": USER, "password": self.user()["password"]}],
            "secure_tsp_instances": [{"user": USER, "instance_id": INSTANCE, "store": self.store.folder, **(
                {"host": self.plugin} if self.plugin in STAGES else {"host": "recorder01", "tsp_number": 1})}],
            "users": [self.user()],
            "instances": [{"host": "recorder01", "user": USER, "instance_id": "recorder01x2"}],
            "armed": {"strings": {INSTANCE: STRING}},
            "my_ini": "TracePath=.\nNumTraceFiles=10\n",
            "my_instances": [{"host": "recorder01", "user": USER, "instance_id": INSTANCE}],
            "my_slurped": {"content": base64.b64encode(der).decode()},
        }

    def facts(self):
        """Facts of the host that the examples use."""
        return {"default_ipv4": {"address": "127.0.0.1"}}

    def module_defaults(self):
        """Ports that the kernel chose, and the certificate of the simulator."""
        sim, own = self.sim, "voiceops.secure_tsp."
        return {
            "group/" + own + "axl": {"port": sim.axl_port, "ca_path": sim.ca_path},
            own + "ctl_file": {"tftp_port": sim.tftp_port, "http_port": sim.http_port},
            own + "capf_certificate": {"capf_port": sim.capf_port},
        }
