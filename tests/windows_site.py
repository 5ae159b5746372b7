# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scripted Windows hosts: Ansible is real, the cluster is simulated, Windows and the TSP on it are played.

A host is one JSON file, which stand-ins for modules of ansible.windows read and change. Its TSP lives in the test's own
process: a restart asks it to open its providers. Where it keeps its settings is invented here, since nobody knows where
the real one does.
"""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import os
import pathlib
import re
import sys
import threading

import yaml
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _ctl, _pki
from controller import ROOT, Controller
from wine_windows import Windows

HERE = ROOT / "tests" / "e2e" / "windows"
PACKAGE = ROOT / ".cache" / "ansible-package" / "ansible_collections" / "ansible" / "windows" / "MANIFEST.json"
STAND_INS = ROOT / "tests" / "e2e" / "windows" / "collections"
LIBRARY = STAND_INS / "ansible_collections" / "ansible" / "windows" / "plugins" / "module_utils"
sys.path.insert(0, str(LIBRARY))

import scripted_windows  # pylint: disable=wrong-import-position
from scripted_windows import PROVIDERS  # pylint: disable=wrong-import-position

ALL_WITH_WINE = bool(os.environ.get("SECURE_TSP_WINE"))  # all hosts with a registry of Wine's
UNINSTALL = "HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Uninstall\\"
WINDOWS = scripted_windows.WINDOWS
FOLDER = "C:\\ProgramData\\Cisco\\certificates\\ciscotsp%03d\\"
PATIENCE = 1200  # seconds for one playbook; one that restarts hosts has many tasks
USER = {"name": "recorder_tapi", "password": "Recorder-Secret-0002", "devices": ["SEP001122334450"]}
SEED = {"devices": [{"name": "SEP001122334450", "lines": [{"number": "1000"}, {"number": "1001"}]}]}
KEY = "HKLM:\\SOFTWARE\\Invented\\CiscoTSP{number}"


def entry(name, kind="string", transform="text", **more):
    return {"key": KEY, "name": name, "type": kind, "transform": transform, **more}


ON_OFF = {"map": {"on": 1, "off": 0}}
# The registry profile of the played TSP.
PROFILE = {
    "user.name": entry("X-User"),
    "cti_manager.primary": entry("X-Primary"),
    "security.secure_connection": entry("X-Secure", "dword", ON_OFF),
    "security.fetch_certificates": entry("X-Fetch", "dword", ON_OFF, readable=False),
    "security.authorization_string": entry("X-String", readable=False),
    "security.instance_id": entry("X-Instance"),
    "security.capf_address": entry("X-Capf"),
    "security.capf_port": entry("X-Port", "dword", "number"),
    "security.tftp_address": entry("X-Tftp"),
    "trace.on": entry("X-Trace", "dword", ON_OFF),
    "trace.file_size": entry("X-Size", "dword", {"multiply": 1024}),
}


class ScriptedTsp:
    """The TSPs of all hosts. C(dialog) is what people entered: {(host, number): {setting: value}}."""

    def __init__(self, simulator, addresses):
        self.sim = simulator
        self.addresses = addresses
        self.dialog = {}
        self.opened = {}
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                state = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                owner.open_providers(self.path.strip("/"), state)
                octets = json.dumps(state).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(octets)))
                self.end_headers()
                self.wfile.write(octets)

            def log_message(self, *_arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def url(self, host):
        return "http://127.0.0.1:%d/%s" % (self.server.server_address[1], host)

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def settings(self, host, state, number):
        """What the TSP of this number is set to: its registry, and what a person entered."""
        values = state["registry"].get(KEY.replace("{number}", "%03d" % number), {})
        found = {name: values[place["name"]]["value"] for name, place in PROFILE.items() if place["name"] in values}
        return {**found, **self.dialog.get((host, number), {})}

    def open_providers(self, host, state):
        files = state["registry"].get(PROVIDERS, {})
        for name, value in files.items():
            found = re.match(r"ProviderFilename\d+", name) and re.match(r"CiscoTSP(\d+)", value["value"])
            if found:
                self._open(host, state, int(found.group(1)))

    def _open(self, host, state, number):
        settings = self.settings(host, state, number)
        if settings.get("security.fetch_certificates"):
            self._fetch(host, state, number, settings)
        if (host, number) in self.opened:
            self.sim.cluster.close_provider(self.opened.pop((host, number)))
        if settings.get("security.secure_connection") and FOLDER % number + "QBEClient.cer" in state["files"]:
            self.opened[host, number] = self.sim.cluster.list_application(
                settings["user.name"], self.addresses[host], 50000 + number, instance_id=settings["security.instance_id"],
                devices=["SEP001122334450"], lines=[("SEP001122334450", "1000"), ("SEP001122334450", "1001")])

    def _fetch(self, host, state, number, settings):
        """Trust list, then CAPF, then the files; the tick goes in any case."""
        self.dialog.get((host, number), {}).pop("security.fetch_certificates", None)
        values = state["registry"].get(KEY.replace("{number}", "%03d" % number), {})
        values.pop(PROFILE["security.fetch_certificates"]["name"], None)
        cluster = self.sim.cluster
        for name, pem in _pki.certificates_of(_ctl.parse(cluster.ctl_octets()))[0].items():
            self.put(state, number, name, pem)
        profile = cluster.capf_session("CTI-" + settings["security.instance_id"])
        if profile is None or not cluster.capf_open(profile) or profile.string != settings["security.authorization_string"]:
            return
        key = _pki.generate_key("rsa", 2048)
        der = cluster.capf_issue(profile, _pki.public_key_der(key), "CTI-" + settings["security.instance_id"])
        self.put(state, number, "QBEClient.cer", der)
        self.put(state, number, "QBEClient.pem", _pki.key_to_pem(key) + _pki.certificate_pem(der))

    @staticmethod
    def put(state, number, name, octets):
        state["files"][FOLDER % number + name] = {"content": base64.b64encode(octets).decode(), "modified": 1000.0}


class WindowsController(Controller):
    """Finds the stand-ins before any real ansible.windows."""

    stand_ins = True

    def environment(self):
        found = super().environment()
        if self.stand_ins:
            found["ANSIBLE_COLLECTIONS_PATH"] = "%s:%s" % (STAND_INS, found["ANSIBLE_COLLECTIONS_PATH"])
        return found


class WindowsSite:
    """A cluster and scripted Windows hosts. C(users), C(instances), C(hosts) and C(settings) may be changed between runs."""

    def __init__(self, simulator, folder, hosts, template=None):
        self.template = template
        self.sim = simulator
        self.controller = WindowsController(folder)
        self.addresses = {host: "192.0.2.%d" % number for number, host in enumerate(hosts, 31)}
        self.tsp = ScriptedTsp(simulator, self.addresses)
        self.users = [dict(USER)]
        self.instances = [
            {"host": host, "user": "recorder_tapi", "instance_id": host + "x1", "tsp_number": 1} for host in hosts]
        self.bench = False
        self.reached = {"ansible_os_family": "Windows"}  # variables of all hosts
        self.hosts = {}  # further variables of single hosts
        self.windows = {}  # {host: its Windows of Wine's}
        self.others = {}  # hosts that are no Windows hosts, with their variables
        self.strings = self.controller.folder / "strings"
        self.settings = {
            "client_windows_string_folder": str(self.strings), "client_windows_try_ports": False,
            "secure_tsp_first_pause": 1, "secure_tsp_longest_pause": 2,
            "secure_tsp_fetch_deadline": 0, "secure_tsp_connect_deadline": 0,
            "client_windows_discover_folder": str(self.controller.folder / "discovery"),
            "secure_tsp_sheet_folder": str(self.controller.folder / "sheets"),
        }
        for host in hosts:
            self._make_host(host)

    def _make_host(self, host):
        prefix = ""
        if self.template is not None:
            prefix = self.controller.hosts / (host + "-wine")
            self.windows[host] = Windows(prefix, self.template)
        self.write(host, {
            "wine": str(prefix),
            "services": {
                "TapiSrv": {"display_name": "Telephony", "state": "started", "start_mode": "manual", "dependencies": ["RasMan"]},
                "RasMan": {"display_name": "Remote Access Connection Manager", "state": "started", "start_mode": "manual",
                           "dependencies": []},
            },
            "registry": {PROVIDERS: {}}, "files": {}, "addresses": [self.addresses[host]], "tsp_url": self.tsp.url(host),
        })
        self.add_providers(host, 1)
        # The interpreter carries the name of the host's state, because modules take no options beside the real ones. Without
        # packages (-S), of which the stand-ins use none, it starts sooner.
        interpreter = self.interpreter(host)
        interpreter.write_text("#!/bin/sh\nSCRIPTED_WINDOWS='%s' PYTHONPATH='%s' exec '%s' -S \"$@\"\n" % (
            self.file(host), "%s:%s" % (LIBRARY, ROOT / "tests"), sys.executable))
        interpreter.chmod(0o700)

    def on_bench(self):
        """Put the hosts behind a connection for Windows, and use the real ansible.windows: only the PowerShell interpreter is played."""
        programs = self.controller.folder / "bin"
        programs.mkdir()
        (programs / "PowerShell").write_text("#!/bin/sh\nexec '%s' '%s' \"$@\"\n" % (sys.executable, HERE / "bench" / "powershell.py"))
        (programs / "PowerShell").chmod(0o700)
        # Nothing else of the package, which is large.
        collections = self.controller.folder / "collections" / "ansible_collections" / "ansible"
        collections.mkdir()
        (collections / "windows").symlink_to(PACKAGE.parent)
        self.bench, self.controller.stand_ins = True, False
        self.controller.more.update(
            PATH="%s:%s" % (programs, os.environ["PATH"]), ANSIBLE_CONNECTION_PLUGINS=str(HERE / "bench" / "connection"),
            PLAYED_HOSTS=str(self.controller.hosts))
        self.reached = {"ansible_connection": "played", "ansible_shell_type": "powershell", "ansible_os_family": None}

    @contextlib.contextmanager
    def without_modules(self):
        """As on a controller on which the collection ansible.windows is not installed."""
        place = self.controller.folder / "collections" / "ansible_collections" / "ansible" / "windows"
        self.controller.stand_ins = False
        if self.bench:
            place.unlink()
        try:
            yield
        finally:
            self.controller.stand_ins = not self.bench
            if self.bench:
                place.symlink_to(PACKAGE.parent)

    def file(self, host):
        return self.controller.hosts / (host + ".json")

    def interpreter(self, host):
        return self.controller.hosts / (host + "-python")

    def state(self, host):
        found = json.loads(self.file(host).read_text())
        return {**found, "registry": scripted_windows.seen(self.windows[host])} if host in self.windows else found

    def write(self, host, state):
        if host in self.windows:
            self.windows[host].change(scripted_windows.seen(self.windows[host]), state["registry"])
            state = {**state, "registry": {}}
        self.file(host).write_text(json.dumps(state))

    def change(self, host, **parts):
        self.write(host, {**self.state(host), **parts})

    def add_providers(self, host, *numbers):
        """Providers as the installer's dialog adds them."""
        state = self.state(host)
        listed = state["registry"].setdefault(PROVIDERS, {})
        for number in numbers:
            index = sum(name.startswith("ProviderFilename") for name in listed)
            listed["ProviderID%d" % index] = {"type": "REG_DWORD", "value": index + 1}
            listed["ProviderFilename%d" % index] = {"type": "REG_SZ", "value": "CiscoTSP%03dx64.tsp" % number}
        self.write(host, state)

    def add_program(self, host, name, version):
        state = self.state(host)
        state["registry"][UNINSTALL + "{%s}" % name] = {
            "DisplayName": {"type": "REG_SZ", "value": name}, "DisplayVersion": {"type": "REG_SZ", "value": version}}
        self.write(host, state)

    def install(self, host, version="14.0.1.5", numbers=(1,), octets=b"the provider", day="20260102"):
        """The program and its providers' files, as the installer leaves them; Windows is older."""
        self.add_program(host, "Cisco TSP", version)
        state = self.state(host)
        state["registry"][UNINSTALL + "{Cisco TSP}"]["InstallDate"] = {"type": "REG_SZ", "value": day}
        state["registry"][WINDOWS] = {
            "SystemRoot": {"type": "REG_SZ", "value": "C:\\Windows"}, "InstallDate": {"type": "REG_DWORD", "value": 1704067200}}
        for number in numbers:
            state["files"]["C:\\Windows\\System32\\CiscoTSP%03dx64.tsp" % number] = {
                "content": base64.b64encode(octets).decode(), "modified": 1000.0}
        self.write(host, state)

    def registry(self, host, number=1):
        """{value name: value} of the played TSP."""
        values = self.state(host)["registry"].get(KEY.replace("{number}", "%03d" % number), {})
        return {name: value["value"] for name, value in values.items()}

    def read(self, host, path):
        """Octets of a file, or None."""
        file = self.state(host)["files"].get(path)
        return base64.b64decode(file["content"]) if file else None

    def certificate(self, host, number=1):
        """The TSP's certificate as DER, or None."""
        return self.read(host, FOLDER % number + "QBEClient.cer")

    def use_profile(self, **settings):
        """Give the role a registry profile, by default the whole one of the played TSP."""
        path = self.controller.folder / "profile.yml"
        path.write_text(yaml.safe_dump({"settings": settings or PROFILE}))
        self.settings["client_windows_registry_profile"] = str(path)

    def inventory(self):
        hosts = {
            host: {"ansible_sh_interpreter": str(self.interpreter(host)), **self.reached, **self.hosts.get(host, {})}
            for host in self.addresses}
        hosts.update(self.others)
        return self.controller.write_inventory(hosts, {
            "secure_tsp_clusters": {"main": self.sim.cluster_entry()}, "secure_tsp_users": self.users,
            "secure_tsp_instances": self.instances, **self.settings,
        })

    def add_other(self, host, **instance):
        """A host on which the collection enrols, with an instance."""
        self.others[host] = {}
        self.instances.append({"host": host, "instance_id": host + "x1", "user": "recorder_tapi", "client_address": "127.0.0.1",
                               "store": self.controller.store(), **instance})

    def start(self, *words, playbook="site"):
        return self.controller.start(playbook, self.inventory(), *words)

    def run(self, *words, rc=0, playbook="site"):
        """Run a playbook of the collection."""
        run = self.start(*words, playbook=playbook).wait(PATIENCE)
        assert rc is None or run.rc == rc, run.output
        assert "Traceback (most recent call last)" not in run.output, run.output
        return run

    def secrets(self):
        """Every password and string that must never be seen, the generated ones included."""
        strings = [path.read_text().strip() for path in self.strings.glob("*")] if self.strings.exists() else []
        return [user["password"] for user in self.users] + [self.sim.password] + strings

    def everywhere(self):
        """All that was printed, logged or left behind outside of the hosts and the folder of strings."""
        for folder, _names, files in os.walk(self.controller.folder):
            for name in files:
                path = pathlib.Path(folder) / name
                kept = path.parent in (self.controller.hosts, self.strings) or name.startswith("inventory") or any(
                    windows.folder in path.parents for windows in self.windows.values())
                if not kept and not path.is_symlink():
                    yield path, path.read_text(errors="replace")
