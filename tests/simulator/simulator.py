# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster and its front ends, started and stopped together."""

from __future__ import annotations

import importlib
import os
import shutil
import socket
import tempfile

from simulator.actions import ACTIONS
from simulator.cluster import Cluster
from simulator.connections import family_of
from simulator.faults import Faults
from simulator.log_collection import put_log

HOST = "127.0.0.1"
ANY = "::"
FRONT_ENDS = {
    # attribute: (module, class, further arguments)
    "axl": ("axl_server", "AxlServer", {}),
    "tftp": ("tftp_server", "TftpServer", {}),
    "http": ("tftp_server", "HttpFileServer", {}),
    "capf": ("capf_server", "CapfServer", {}),
    "cti": ("cti_manager", "CtiManager", {"tls": False}),
    "cti_tls": ("cti_manager", "CtiManager", {"tls": True}),
}
USERNAME = "axladmin"
PASSWORD = "Axl-Secret-4711"
READER = "axlreader"
NO_ROLE = "norole"


class Simulator:
    """One running cluster. Use it as a context manager, or C(start) and C(stop).

    ports: {"axl": 8443, ...}; absent ones are chosen by the kernel. fronts: which front ends run (default: all).
    listen: the address of all front ends; "::" stands for all addresses of IPv6 and IPv4, and needs a name in C(nodes).
    seed: mapping as C(seed) takes it. The rest goes to Cluster (release, nodes, mixed_mode, path, switches).
    The accounts of the web services: C(username) may do everything, "axlreader" may only read, "norole" nothing;
    all three have C(password).
    """

    def __init__(self, release="14", ports=None, fronts=None, seed=None, username=USERNAME, password=PASSWORD,
                 listen=HOST, nodes=None, **cluster_options):
        nodes = tuple(nodes or (listen,))
        if family_of(listen) == socket.AF_INET:
            cluster_options.setdefault("address", listen)
        self.cluster = Cluster(release, nodes=nodes, **cluster_options)
        self.faults = Faults()
        self.host = nodes[0] if listen == ANY else listen
        self.username = username
        self.password = password
        self._folder = None
        self._fronts = {}
        for name in FRONT_ENDS if fronts is None else fronts:
            module, class_name, arguments = FRONT_ENDS[name]
            front = getattr(importlib.import_module("simulator." + module), class_name)
            port = (ports or {}).get(name, 0)
            self._fronts[name] = front(self.cluster, self.faults, host=listen, port=port, **arguments)
        self._add_accounts()
        if seed:
            self.seed(seed)

    def _add_accounts(self):
        accounts = self.cluster.accounts
        groups = {self.username: ["Standard CCM Super Users"], READER: ["AXL Read Only"], NO_ROLE: []}
        for name, names in groups.items():
            if accounts.user("application", name) is None:
                accounts.add_user("application", name, password=self.password, groups=names)

    def seed(self, data):
        """Fill the cluster. Keys, all optional:

        devices: [{name, lines: [{number, partition, restricted}], description, model, registered, restricted}]
        end_users, application_users: [{name, password, devices: [], groups: [], lastname}]
        profiles: [{user, instance_id, operation, string, status, ...}]
        logs: [{service, name, content, node, minutes_old, ...}], see put_log of log_collection
        """
        cluster, accounts = self.cluster, self.cluster.accounts
        with cluster.writing():
            for device in data.get("devices", ()):
                accounts.add_device(**device)
            for kind, key in (("end", "end_users"), ("application", "application_users")):
                for user in data.get(key, ()):
                    accounts.add_user(kind, **user)
            for log in data.get("logs", ()):
                put_log(cluster, **log)
            for profile in data.get("profiles", ()):
                profile = dict(profile)
                status = profile.pop("status", None)
                kind, _row = accounts.find(profile["user"])
                accounts.add_profile(kind, **profile)
                if status:
                    accounts.set_profile(profile["instance_id"], status=status)

    def act(self, action, **arguments):
        """Do one of actions.ACTIONS: what an administrator, the passing of time or an attacker would do."""
        return ACTIONS[action](self, **arguments)

    def start(self):
        started = []
        try:
            for front in self._fronts.values():
                front.start()
                started.append(front)
        except BaseException:
            for front in started:
                front.stop()
            raise
        return self

    def stop(self):
        self.faults.stop()
        for front in self._fronts.values():
            front.stop()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
        self.cluster.close()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_exception):
        self.stop()

    def front(self, name):
        """The front end of that name, or None when it was not asked for."""
        return self._fronts.get(name)

    def port(self, name):
        """The port of front end "axl", "tftp", "http", "capf", "cti" or "cti_tls"."""
        return self._fronts[name].port

    @property
    def axl_port(self):
        return self.port("axl")

    @property
    def tftp_port(self):
        return self.port("tftp")

    @property
    def http_port(self):
        return self.port("http")

    @property
    def capf_port(self):
        return self.port("capf")

    @property
    def cti_port(self):
        return self.port("cti")

    @property
    def cti_tls_port(self):
        return self.port("cti_tls")

    @property
    def ca_path(self):
        """Path of a PEM file with the web certificate; it lives as long as the simulator."""
        if self._folder is None:
            self._folder = tempfile.mkdtemp(prefix="secure-tsp-simulator-")
        path = os.path.join(self._folder, "web.pem")
        if not os.path.exists(path):
            with open(path, "wb") as stream:
                stream.write(self.cluster.certificates.web.pem)
        return path

    def cluster_entry(self):
        """One value of C(secure_tsp_clusters)."""
        entry = {"hostname": self.host, "username": self.username, "password": self.password, "ca_path": self.ca_path}
        names = {"axl": "port", "tftp": "tftp_port", "capf": "capf_port", "cti_tls": "cti_port", "cti": "plain_cti_port"}
        entry.update({names[name]: front.port for name, front in self._fronts.items() if name in names})
        return entry

    def addresses(self):
        """Host and ports of all front ends."""
        return {"host": self.host, **{name: front.port for name, front in self._fronts.items()}}

    def inventory(self):
        """Inventory variables that point a playbook at this simulator."""
        extra = {"simulator_%s_port" % name: front.port for name, front in self._fronts.items()}
        return {"all": {"vars": {"secure_tsp_clusters": {"main": self.cluster_entry()}, **extra}}}
