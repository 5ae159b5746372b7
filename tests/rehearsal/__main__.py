# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Play the clusters of an inventory on this machine, and run site twice and drift on them. The playbook rehearse starts it.

Standard input: {clusters: [name], users, instances: as in the lists, hosts: {name: whether it has Windows}, options: {variable: value}}.
All files are in one temporary folder, which is removed at the end. Nothing but loopback is used.
"""

from __future__ import annotations

import contextlib
import json
import pathlib
import secrets
import shutil
import signal
import sys
import tempfile

import collection_path  # noqa: F401  pylint: disable=unused-import  # the collection as a package
from controller import Controller
from simulator import Simulator

# Options that say how the result shall be. The others are about hosts, files and times that are not rehearsed.
KEPT = ("cutover", "verify_with", "probe", "probe_suffix", "bundle", "renew_before_days", "soon_days", "key_passphrase", "rearm")
LOOPBACK = "127.0.0.1"
STEPS = (("site", "site, for the first time"), ("site", "site, once more"), ("drift", "drift"))
SUMMARY = {"site": "summary", "drift": "findings"}  # the stage that tells what came of it


def seed_of(users, instances):
    """What a cluster has before: the devices, groups and end users that the lists name. Application users are made by the run."""
    devices = dict.fromkeys(str(name) for user in users for name in user.get("devices") or ())
    groups = dict.fromkeys(str(name) for user in users for name in user.get("cti_groups") or ())
    ends = [{"name": user["name"], "lastname": user["name"], "password": str(user.get("password") or secrets.token_hex(16))}
            for user in users if user.get("type") == "end"]
    return {"devices": [{"name": name, "lines": [{"number": str(1000 + number)}]} for number, name in enumerate(devices)],
            "end_users": ends}, list(groups)


def mine(entries, cluster, clusters):
    return [one for one in entries if one.get("cluster", clusters[0]) == cluster]


@contextlib.contextmanager
def played(told):
    """{name: the simulated cluster}"""
    with contextlib.ExitStack() as running:
        found = {}
        for name in told["clusters"]:
            seed, groups = seed_of(mine(told["users"], name, told["clusters"]), mine(told["instances"], name, told["clusters"]))
            found[name] = Simulator(seed=seed)
            with found[name].cluster.writing():
                for group in groups:
                    if found[name].cluster.accounts.group(name=group) is None:
                        found[name].cluster.accounts.add_group(group)
            running.enter_context(found[name])
        yield found


def inventory_of(told, controller, clusters):
    instances = [{**{key: value for key, value in one.items() if key not in ("enrolment", "tsp_number")},
                  "store": str(controller.hosts / "{host}" / one.get("cluster", "main") / "{instance_id}"), "client_address": LOOPBACK,
                  "enrolment": "collection"} for one in told["instances"]]
    options = {name: value for name, value in told["options"].items() if name.partition("secure_tsp_")[2] in KEPT}
    return controller.write_inventory(list(told["hosts"]), {
        **options, "secure_tsp_clusters": {name: one.cluster_entry() for name, one in clusters.items()},
        "secure_tsp_users": told["users"], "secure_tsp_instances": instances,
        # No application runs here that CTI Manager could see.
        "secure_tsp_drift_ris": False})


def rehearse(told, folder):
    """Whether everything ended as wished."""
    windows = [name for name, has in told["hosts"].items() if has]
    print("A rehearsal with %d users and %d instances on %d hosts. The cluster is played on this machine; neither the real one nor any host"
          " is asked or changed." % (len(told["users"]), len(told["instances"]), len(told["hosts"])))
    if windows:
        print("Windows (%s): nobody plays a TSP here, so the collection fetches the certificates in its place." % ", ".join(windows))
    controller = Controller(folder / "controller")
    controller.more = {"PYTHONPYCACHEPREFIX": str(folder / "pycache")}
    good = True
    with played(told) as clusters:
        inventory = inventory_of(told, controller, clusters)
        for playbook, title in STEPS:
            print("\n%s:" % title, flush=True)
            run = controller.start(playbook, inventory).wait()
            lines = [line for event in run.events if event["event"] == "result" and event["stage"] == SUMMARY[playbook]
                     for line in event.get("msg") or ()]
            # Where it ended before there was a summary, its failures say why.
            shown = lines or [str(event["msg"]) for event in run.results(status="failed") if event.get("msg")]
            print(*shown, sep="\n", flush=True)
            good = good and run.rc == 0
    print("\nWhat a rehearsal does not show: whether your cluster has these devices, groups and end users, what your hosts lack, and the "
          "network between them. site --check on the real inventory does.")
    return good


def main():
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    told = json.load(sys.stdin)
    folder = tempfile.mkdtemp(prefix="secure-tsp-rehearsal-")
    tempfile.tempdir = folder
    try:
        return 0 if rehearse(told, pathlib.Path(folder)) else 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
