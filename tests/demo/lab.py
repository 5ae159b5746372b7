# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A laboratory: a simulated cluster on fixed ports of this computer, and an inventory for it, until Ctrl-C.

Folder: where inventory, state of the cluster and files of the hosts are. They stay, so that the next start goes on with them.
"""

from __future__ import annotations

import os
import pathlib
import sys

import yaml
from simulator import __main__ as simulator_program

PORTS = {"axl": 18443, "tftp": 10069, "http": 16970, "capf": 13804, "cti": 12748, "cti_tls": 12749}
HOST, USER, DEVICE = "lab01", "recorder_tapi", "SEP001122334455"
TOLD = """A simulated CUCM 14 runs on 127.0.0.1: AXL {axl}, TFTP {tftp}, CAPF {capf},
CTI Manager {cti} and, with TLS, {cti_tls}. Ctrl-C ends it; its state is kept.

In another terminal:
  ansible-playbook -i {folder} voiceops.secure_tsp.site
  ansible-playbook -i {folder} voiceops.secure_tsp.verify
  ansible-playbook -i {folder} voiceops.secure_tsp.drift

The inventory, {folder}/lab.yml:
"""


def inventory(folder):
    """Hosts and lists; the cluster's own entry is written beside it by the simulator."""
    return {"all": {
        "children": {"secure_tsp": {"hosts": {HOST: {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}}}},
        "vars": {
            "secure_tsp_users": [{"name": USER, "password": "Lab-Password-0001", "devices": [DEVICE]}],
            "secure_tsp_instances": [{
                "host": HOST, "user": USER, "instance_id": "lab01x1", "client_address": "127.0.0.1",
                "store": str(folder / "hosts" / "{host}" / "{instance_id}")}],
        },
    }}


def main():
    os.umask(0o077)
    folder = pathlib.Path(sys.argv[1]).resolve()
    (folder / "inventory").mkdir(parents=True, exist_ok=True)
    state, seed = folder / "cluster.sqlite", folder / "seed.yml"
    seed.write_text(yaml.safe_dump({"devices": [{"name": DEVICE, "lines": [{"number": "2001"}]}]}))
    text = yaml.safe_dump(inventory(folder), sort_keys=False)
    (folder / "inventory" / "lab.yml").write_text("---\n" + text)
    print(TOLD.format(folder=os.path.relpath(folder / "inventory"), **PORTS) + text, flush=True)
    words = ["--inventory", str(folder / "inventory" / "cluster.yml"), "--state-file", str(state)]
    words += [] if state.exists() else ["--seed", str(seed)]
    return simulator_program.main(words + ["--port=%s=%d" % pair for pair in PORTS.items()])


if __name__ == "__main__":
    sys.exit(main())
