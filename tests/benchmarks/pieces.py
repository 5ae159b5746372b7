# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of a run without Ansible around it: one enrolment, one opened provider, one look at files, completed lists.

The simulated cluster has a process of its own meanwhile: python pieces.py JOB.json is the other side of certificate().
"""

from __future__ import annotations

import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import collection_path

collection_path.register()

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _instance, _pki, _transport
from ansible_collections.voiceops.secure_tsp.plugins.modules import (
    capf_certificate,
    capf_certificate_info,
    cti_provider_info,
)
from benchmarks import fleets

NEW, STRING = "new", "0123456789"
ROUND_TRIPS = tuple((_transport.TlsChannel, name, "round trips") for name in ("send", "receive"))


def certificate(folder, rounds):
    """{enrolment, provider, info: {part: {"ms", "cpu"}}}, medians: what one certificate costs its host.

    ms: wall clock. cpu: what this side computes, so without waiting for the cluster.
    """
    with fleets.fleet(folder, hosts=1, each=rounds) as site:
        cluster = site.sim.cluster
        site.provision()
        for one in site.instances:
            cluster.accounts.add_profile("application", one["user"], one["instance_id"] + NEW,
                                         operation="Install/Upgrade", string=STRING)
            (site.store(one["instance_id"]) / "new").mkdir(0o700)
            (site.store(one["instance_id"]) / "new" / "ctl.tlv").write_bytes(cluster.ctl_octets())
        job = site.controller.folder / "pieces.json"
        job.write_text(json.dumps({
            "cluster": site.cluster, "user": site.users[0],
            "instances": [[one["instance_id"], str(site.store(one["instance_id"]))] for one in site.instances]}))
        done = subprocess.run([sys.executable, __file__, job], check=True, stdout=subprocess.PIPE,
                              env={**os.environ, "PYTHONPATH": str(pathlib.Path(__file__).parent.parent)})
    rows = json.loads(done.stdout)
    return {piece: {part: {name: round(statistics.median(row[part][clock] for row in rows[piece]) * 1000, 1)
                           for name, clock in (("ms", "clock"), ("cpu", "cpu"))} for part in rows[piece][0]} for piece in rows}


class Spent:
    """Seconds of the clock and of this thread's computing, in all and in chosen functions, by title.

    The functions must not call each other.
    """

    def __init__(self, *functions):
        """functions: C((owner, name, title))."""
        self._functions = functions
        self._plain = []
        self._parts = {}
        self._begin = None

    @staticmethod
    def _now():
        return time.perf_counter(), time.thread_time()

    def __enter__(self):
        for owner, name, title in self._functions:
            plain = getattr(owner, name)
            self._plain.append((owner, name, plain))
            setattr(owner, name, self._timed(plain, title))
        self._begin = self._now()
        return self

    def __exit__(self, *exception):
        total = [now - begin for now, begin in zip(self._now(), self._begin)]
        for owner, name, plain in self._plain:
            setattr(owner, name, plain)
        if self._functions:
            self._parts["rest"] = [whole - sum(parts) for whole, parts in zip(total, zip(*self._parts.values()))]
        self._parts["total"] = total

    def _timed(self, plain, title):
        def wrapper(*arguments, **more):
            begin = self._now()
            try:
                return plain(*arguments, **more)
            finally:
                before = self._parts.get(title, (0, 0))
                self._parts[title] = [sum(both) for both in zip(before, (now - then for now, then in zip(self._now(), begin)))]

        return wrapper

    @property
    def parts(self):
        return {title: dict(zip(("clock", "cpu"), spent)) for title, spent in self._parts.items()}


def _defaults(spec):
    return {name: option.get("default") for name, option in spec.items()}


def enrol(cluster, instance_id, path):
    params = _defaults(capf_certificate.ARGUMENT_SPEC)
    params.update(path=path, instance_id=instance_id, capf_host=cluster["hostname"], capf_port=cluster["capf_port"],
                  authorization_string=STRING, protocol_version=1)
    instance = capf_certificate.Instance(params, False)
    with Spent((_pki, "generate_key", "key"), (_transport, "connect_tls", "tls"),
               *ROUND_TRIPS) as spent:
        instance.present()
    if instance.result["action"] != "enrolled":
        raise RuntimeError(instance.result)
    return spent.parts


def open_provider(cluster, user, path):
    params = _defaults(cti_provider_info.ARGUMENT_SPEC)
    params.update(cti_managers=[cluster["hostname"]], port=cluster["cti_port"], path=path, user=user["name"],
                  password=user["password"])
    with Spent((_transport, "secure", "tls"), *ROUND_TRIPS) as spent:
        cti_provider_info.probe(cti_provider_info.checked(params))
    return spent.parts


def look(instance_id, path):
    wish = _instance.wish_of({**_defaults(_instance.OPTIONS), "instance_id": instance_id})
    with Spent() as spent:
        result, _warnings = capf_certificate_info.of_folder(wish, path)
    if result["needs_certificate"]["needed"]:
        raise RuntimeError(result)
    return spent.parts


def main():
    job = json.loads(pathlib.Path(sys.argv[1]).read_text())
    cluster, user = job["cluster"], job["user"]
    rows = {"enrolment": [], "provider": [], "info": []}
    for instance_id, path in job["instances"]:
        rows["info"].append(look(instance_id, path))
        rows["provider"].append(open_provider(cluster, user, path))
        rows["enrolment"].append(enrol(cluster, instance_id + NEW, os.path.join(path, "new")))
    print(json.dumps(rows))
    return 0


def completion(instances, rounds):
    """Seconds, of the clock and computed, to complete and check lists of that length, four instances to a user."""
    users = [{"name": "user%05d" % number, "password": fleets.PASSWORD} for number in range(-(-instances // 4))]
    listed = [{"host": "host%05d" % (number // 10), "user": users[number // 4]["name"], "instance_id": "i%05dx1" % number}
              for number in range(instances)]
    clusters = {"main": {"hostname": "192.0.2.1", "username": "axl", "password": fleets.PASSWORD}}
    hosts = list(dict.fromkeys(one["host"] for one in listed))
    name, complete = completing(clusters, users, listed, hosts)
    found = []
    for _round in range(rounds):
        with Spent() as spent:
            mistakes = complete()
        found.append(spent.parts["total"])
        if mistakes:
            raise RuntimeError("the lists are refused: %s" % mistakes[:3])
    return {"instances": instances, "by": name, "seconds": round(min(row["clock"] for row in found), 2),
            "cpu": round(min(row["cpu"] for row in found), 2)}


def completing(clusters, users, instances, hosts):
    """C((what does it, a function that does and gives the mistakes)): the model, or the filter of before."""
    try:
        from ansible_collections.voiceops.secure_tsp.plugins.module_utils._model import complete
    except ImportError:
        from ansible_collections.voiceops.secure_tsp.plugins.filter.fleet import fleet

        return "filter fleet", lambda: fleet(users, instances=instances, clusters=clusters, hosts=hosts)["problems"]
    return "model", lambda: complete(clusters, users, instances, inventory=hosts, group=hosts)[1]


if __name__ == "__main__":
    sys.exit(main())
