# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""python bench.py [--quick] [--only NAME ...]: measure side by side, in one run, and write the figures as JSON.

Every playbook figure is that of a whole ansible-playbook process against the simulated cluster on this machine, less
that of a play without tasks. Seconds are wall clock, cpu seconds those of the process and all its workers and modules.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import collection_path
from benchmarks import counting, pieces, runs
from controller import ROOT, Controller, descendants
from simulator import Simulator

collection_path.register()

NEEDED = {"needed": True, "reason": "missing"}
HEALTHY = {"needed": False, "reason": ""}
USER_PASSWORD = "Bench-Secret-0001"
INSTANCES_PER_USER = 4
ENABLED = "Standard CTI Enabled"
DESCRIBED = (
    "import io, zeep\nfrom ansible_collections.voiceops.secure_tsp.plugins.module_utils._axl import schema, wsdl\n"
    "axl = schema.axl('12.5')\n")


def lists(size):
    """(users, instances) of a fleet."""
    users = [{"name": "user%04d" % n, "password": USER_PASSWORD} for n in range(-(-size // INSTANCES_PER_USER))]
    instances = [
        {"host": "host%04d" % (n // 2), "user": users[n // INSTANCES_PER_USER]["name"], "instance_id": "i%04dx1" % n}
        for n in range(size)
    ]
    return users, instances


# Playbooks, three ways to the same profiles


def by_fleet_accounts(size, login):
    users, instances = lists(size)
    return [{
        "voiceops.secure_tsp.fleet_accounts": {
            **login, "users": users, "instances": [{**one, "needs_certificate": NEEDED} for one in instances]},
        "no_log": True,
    }]


def by_single_modules(size, login):
    users, instances = lists(size)
    return [
        {"voiceops.secure_tsp.application_user": {
            **login, "name": "{{ item.name }}", "user_password": "{{ item.password }}"},
         "loop": users, "no_log": True},
        {"voiceops.secure_tsp.capf_profile": {
            **login, "user": "{{ item.user }}", "instance_id": "{{ item.instance_id }}", "needs_certificate": NEEDED},
         "loop": instances, "no_log": True},
    ]


def by_uri(size, login):
    """What is written by hand: blind adds, so that nothing is read, compared or done twice."""
    users, instances = lists(size)
    return [
        {"ansible.builtin.uri": _request(login, "addAppUser", (
            "<appUser><userid>{{ item.name }}</userid><password>{{ item.password }}</password><associatedGroups>"
            "<userGroup><name>%s</name></userGroup></associatedGroups></appUser>" % ENABLED)),
         "loop": users, "no_log": True},
        {"ansible.builtin.uri": _request(login, "addApplicationUserCapfProfile", (
            "<applicationUserCapfProfile><applicationUser>{{ item.user }}</applicationUser><instanceId>"
            "{{ item.instance_id }}</instanceId><certificateOperation>Install/Upgrade</certificateOperation>"
            "<authenticationMode>By Authentication String</authenticationMode><authenticationString>"
            "{{ 9999999999 | random }}</authenticationString><keySize>2048</keySize></applicationUserCapfProfile>")),
         "loop": instances, "no_log": True},
    ]


def _request(login, operation, body):
    return {
        "url": "https://%s:%d/axl/" % (login["hostname"], login["port"]), "method": "POST",
        "url_username": login["username"], "url_password": login["password"], "force_basic_auth": True,
        "ca_path": login["ca_path"],
        "headers": {"Content-Type": "text/xml", "SOAPAction": "CUCM:DB ver=12.5 " + operation},
        "body": "<soapenv:Envelope xmlns:soapenv='http://schemas.xmlsoap.org/soap/envelope/'><soapenv:Body><ns:%s xmlns:ns="
                "'http://www.cisco.com/AXL/API/12.5'>%s</ns:%s></soapenv:Body></soapenv:Envelope>" % (operation, body, operation),
    }


WAYS = {"fleet_accounts": by_fleet_accounts, "uri loop": by_uri, "module loop": by_single_modules}


class Peak(threading.Thread):
    """Highest memory of a process and its descendants, one by one.

    The kernel's own account of an ended child begins with the memory of the process that started it.
    """

    def __init__(self, pid):
        super().__init__(daemon=True)
        self._pid = pid
        self._ended = threading.Event()
        self.megabytes = 0.0

    def run(self):
        while not self._ended.wait(0.02):
            for pid in (self._pid, *descendants(self._pid)):
                with contextlib.suppress(OSError, IndexError, ValueError):
                    status = pathlib.Path("/proc/%d/status" % pid).read_text()
                    self.megabytes = max(self.megabytes, int(status.split("VmHWM:")[1].split()[0]) / 1024)

    def stop(self):
        self._ended.set()
        self.join()


class Bench:
    def __init__(self, folder, quick):
        self.folder = pathlib.Path(folder)
        self.quick = quick
        self.controller = Controller(self.folder / "controller")
        self.figures = {}
        self._number = 0

    def progress(self, text):
        print("  " + text, file=sys.stderr, flush=True)

    # Processes

    def process(self, words, **more):
        """{seconds, cpu, megabytes} of one child; megabytes: the peak of its largest process."""
        start = time.monotonic()
        child = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **more)
        peak = Peak(child.pid)
        peak.start()
        output = child.stdout.read()
        _pid, status, usage = os.wait4(child.pid, 0)
        seconds = time.monotonic() - start
        peak.stop()
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise RuntimeError("%s ended with %d:\n%s" % (words[:3], child.returncode, output.decode()[-2000:]))
        return {"seconds": seconds, "cpu": usage.ru_utime + usage.ru_stime, "megabytes": peak.megabytes}, output

    def play(self, tasks):
        self._number += 1
        path = self.folder / ("play%d.json" % self._number)
        path.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
        program = pathlib.Path(sys.executable).with_name("ansible-playbook")
        environment = self.controller.environment()
        del environment["ANSIBLE_CALLBACKS_ENABLED"]  # the tests' own, which writes each result
        figures, _output = self.process(
            [sys.executable, program, "-i", "localhost,", "-c", "local", "-e",
             "ansible_python_interpreter=%s" % sys.executable, path], env=environment, cwd=self.folder)
        return figures

    def module(self, which, /, **options):
        """Figures and result of one module in a process of its own, without Ansible around it."""
        arguments = self.folder / "arguments.json"
        arguments.write_text(json.dumps({**options, "_ansible_check_mode": False, "_ansible_diff": False}))
        with open(arguments) as stream:
            figures, output = self.process(
                [sys.executable, ROOT / "tests" / "unit" / "modules" / "module_process.py", which], stdin=stream,
                env={**os.environ, "PYTHONPATH": str(ROOT / "tests")})
        return figures, json.loads(output.decode().strip().splitlines()[-2])

    def warm_up(self, sim):
        """Let the simulated cluster pay what it pays once."""
        self.module("application_user", **login(sim), name="nobody", user_password=USER_PASSWORD, state="absent")
        sim.cluster.counters.clear()

    # Measurements

    def fleet(self):
        """fleet_accounts against loops."""
        self.play([])  # the first one compiles what the later ones read
        empty = self.play([])
        rows = [{"way": "a play without tasks", "instances": 0, **rounded(empty), "requests": 0}]
        sizes = (1, 20) if self.quick else (1, 20, 100)
        for way, playbook in WAYS.items():
            for size in sizes + ((1000,) if way == "fleet_accounts" and not self.quick else ()):
                self.progress("%s, %d instances" % (way, size))
                with Simulator(fronts=("axl",)) as sim:
                    self.warm_up(sim)
                    figures = self.play(playbook(size, login(sim)))
                    counted = sum(sim.cluster.counters.values())
                    made = len(sim.cluster.accounts.profiles())
                if made != size:
                    raise RuntimeError("%s made %d profiles of %d" % (way, made, size))
                for key in ("seconds", "cpu"):
                    figures[key] -= empty[key]
                rows.append({"way": way, "instances": size, **rounded(figures), "requests": counted})
        return rows

    def drift(self):
        """Reading and judging the accounts of a fleet that is as it should be, in one module process."""
        size = 100 if self.quick else 1000
        users, instances = lists(size)
        with Simulator(fronts=("axl",)) as sim:
            options = login(sim)
            self.progress("making %d instances" % size)
            _figures, made = self.module("fleet_accounts", **options, users=users, instances=[
                {**one, "needs_certificate": NEEDED} for one in instances])
            assert not made.get("failed"), made
            for one in instances:
                sim.cluster.accounts.set_profile(
                    one["instance_id"], operation="No Pending Operation", status="Upgrade Success", string="")
            self.progress("checking %d instances" % size)
            judged = [{**one, "needs_certificate": HEALTHY, "certificate_valid": True} for one in instances]
            rounds = []
            for _round in range(1 if self.quick else 5):
                sim.cluster.counters.clear()
                figures, result = self.module("fleet_accounts", **options, users=users, instances=judged, plan_only=True,
                                              stages=["users", "profiles"])
                assert not result.get("failed") and not result["changed"], result.get("msg")
                rounds.append({**figures, "requests": sum(sim.cluster.counters.values())})
        return {"instances": size, **medians(rounds)}

    def certificate(self):
        """What one certificate costs its host, split into what takes the time."""
        return pieces.certificate(self.folder / "certificate", 3 if self.quick else 20)

    def completion(self):
        """The lists of a large fleet, completed and checked."""
        return pieces.completion(1000 if self.quick else 10000, 2)

    def runs(self):
        """site as it is first and when nothing is to do, beside the floor play."""
        sizes = ((2, 2),) if self.quick else ((2, 5), (8, 5))
        return [self._told("site on %d hosts of %d" % size, runs.site_and_floor, size) for size in sizes]

    def further(self):
        """A first run for more certificates, beside plain Python doing the same."""
        hosts, sizes = (2, (1, 3)) if self.quick else (2, (5, 20))
        return self._told("first run on %d hosts of %d and %d" % (hosts, *sizes), runs.further, (hosts, sizes))

    def listed(self):
        """A run for a few hosts of a fleet of which few or many instances are listed."""
        hosts, more = (2, 20) if self.quick else (6, 996)
        return self._told("%d hosts, %d instances beside them" % (hosts, more), runs.listed, (hosts, 1, more))

    def upgrade(self):
        """New certificates for a fleet."""
        hosts, each = (2, 2) if self.quick else (8, 25)
        return self._told("upgrade on %d hosts of %d" % (hosts, each), runs.upgrade, (hosts, each))

    def _told(self, title, measure, size):
        self.progress(title)
        self._number += 1
        folder = self.folder / ("run%d" % self._number)
        folder.mkdir()
        return measure(folder / "fleet" if measure is runs.site_and_floor else folder, *size)

    def start_up(self):
        """A module that logs in and reads the version, against one that does nothing: per task of a play."""
        rounds = 3 if self.quick else 20
        library = self.folder / "library"
        library.mkdir()
        (library / "bench_empty.py").write_text(
            "#!/usr/bin/python\nfrom ansible.module_utils.basic import AnsibleModule\n\n"
            "AnsibleModule(argument_spec={}).exit_json(changed=False)\n")
        (self.folder / "controller" / "ansible.cfg").write_text("[defaults]\nlibrary = %s\n" % library)
        self.play([])  # the first one compiles what the later ones read
        empty = self.play([])
        loop = list(range(rounds))
        rows = {}
        with Simulator(fronts=("axl",)) as sim:
            self.warm_up(sim)
            modules = {
                "an empty module": {"bench_empty": {}},
                "cluster_info": {"voiceops.secure_tsp.cluster_info": {**login(sim), "gather": ["version"]}},
                "application_user": {"voiceops.secure_tsp.application_user": {
                    **login(sim), "name": "bench", "user_password": USER_PASSWORD}},
            }
            for name, task in modules.items():
                self.progress("start-up of %s" % name)
                figures = self.play([{**task, "loop": loop}])
                rows[name] = {key: round((figures[key] - empty[key]) / rounds * 1000, 1) for key in ("seconds", "cpu")}
            figures, result = self.module(
                "application_user", **login(sim), name="bench", user_password=USER_PASSWORD)
            assert result["changed"] is False, result
            rows["application_user"]["megabytes"] = round(figures["megabytes"], 1)
        (self.folder / "controller" / "ansible.cfg").write_text("")
        return rows

    def wsdl(self):
        """Loading a WSDL in a new process: generated from our table, and the vendor's, read from the package ciscoaxl."""
        code = {
            "imports alone": "import zeep",
            "one operation": DESCRIBED + "alone = axl._replace(operations={'updateUserGroup': axl.operations['updateUserGroup']})\n"
                             "zeep.Client(io.BytesIO(wsdl.describe(alone)))",
            "all of our table": DESCRIBED + "zeep.Client(io.BytesIO(wsdl.describe(axl)))",
            "vendor's": "import importlib.util, os, zeep\nfolder = os.path.dirname(importlib.util.find_spec('ciscoaxl').origin)\n"
                        "zeep.Client(os.path.join(folder, 'schema', '12.5', 'AXLAPI.wsdl'))",
        }
        rounds = 2 if self.quick else 7
        rows = {}
        for name, text in code.items():
            self.progress("WSDL: %s" % name)
            environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
            found = [self.process([sys.executable, "-c", "import collection_path\n" + text], env=environment)[0]
                     for _round in range(rounds)]
            rows[name] = medians(found)
        return rows


def login(sim):
    return {"hostname": sim.host, "port": sim.axl_port, "username": sim.username, "password": sim.password,
            "ca_path": sim.ca_path}


def rounded(figures):
    return {"seconds": round(figures["seconds"], 2), "cpu": round(figures["cpu"], 2), "megabytes": round(figures["megabytes"])}


def medians(rows):
    return {key: round(statistics.median(row[key] for row in rows), 3) for key in rows[0]}


MEASUREMENTS = (
    "fleet", "drift", "certificate", "completion", "start_up", "wsdl", "runs", "further", "listed", "upgrade")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes and few rounds, to see that it works")
    parser.add_argument("--only", nargs="+", choices=MEASUREMENTS, default=MEASUREMENTS)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    figures = {
        "when": time.strftime("%Y-%m-%d"), "took": {}, "quick": arguments.quick,
        "machine": counting.machine(),
    }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="secure-tsp-bench-") as folder:
        bench = Bench(folder, arguments.quick)
        for name in arguments.only:
            print("bench: %s" % name, file=sys.stderr, flush=True)
            begin = time.monotonic()
            figures[name] = getattr(bench, name)()
            figures["took"][name] = round(time.monotonic() - begin)
            arguments.output.write_text(json.dumps(figures, indent=1) + "\n")  # what there is, if the next one fails
    return 0


if __name__ == "__main__":
    sys.exit(main())
