# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Rehearsal: pass the lists to the program that simulates the cluster. It is in the folder tests, so it is optional."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from ansible_collections.voiceops.secure_tsp.plugins.module_utils._foreign import printable
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._options import LISTS, OPTIONS
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._run import PREFIX, Refused
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages import fleet

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__)))))
PROGRAM = os.path.join(ROOT, "tests", "rehearsal")
NO_PROGRAM = "The simulated cluster is not installed: there is no folder %s. Install the collection from its tarball, which contains it, " \
             "with ansible-galaxy collection install voiceops.secure_tsp --force."
FAILED = "The rehearsal did not end as expected. See the output above."


def rehearse(run):
    """Check the lists, and show the program's output. Secrets are passed only through its standard input."""
    if not os.path.isdir(PROGRAM):
        raise Refused(NO_PROGRAM % PROGRAM)
    model = fleet.look_at_lists(run)["known"]
    secrets = run.every_secret(model)
    told = json.dumps(dict(
        clusters=sorted(model.clusters), users=run.listed("users"), instances=run.listed("instances"),
        hosts=dict((host, run.is_windows(host)) for host in run.vars["groups"].get("secure_tsp") or ()),
        options=dict((PREFIX + name, run.option(name)) for name in OPTIONS if name not in LISTS and run.vars.get(PREFIX + name) is not None)),
        default=str)
    process = subprocess.Popen(
        [sys.executable, PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=dict(os.environ, PYTHONPATH=os.path.dirname(PROGRAM), PYTHONDONTWRITEBYTECODE="1"))
    with process:
        process.stdin.write(told)
        process.stdin.close()
        lines = []
        for line in process.stdout:
            for secret in secrets:
                line = line.replace(secret, "********")
            lines.append(printable(line.rstrip("\n")))
            run.show(lines[-1])
    return dict(changed=False, failed=process.returncode != 0, msg=FAILED if process.returncode else lines)


ON_CLUSTERS = dict(rehearse=rehearse)
ON_HOSTS = {}
