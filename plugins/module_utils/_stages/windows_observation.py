# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The stages that compare claims about the TSP that nobody outside Cisco has confirmed with PCs that have it. Nothing is changed.

Only the name of a private key file is read. Names and types of registry values leave the host, the values never do.
"""

from __future__ import annotations

import ntpath
import os

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _run, _tsp_observation, _tsp_settings, _tsp_software
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._model import key_of
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._run import Refused
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages import (
    clusters,
    drift,
    files,
    windows,
    windows_discovery,
    windows_reading,
)

PRODUCTS = "HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Installer\\UserData\\S-1-5-18\\Products"
PAGE = "tsp_observations.md"
NO_PC = "No host of this run is a Windows host with a TSP in secure_tsp_instances, so there is nothing to read."


def observe(run, execute):
    """Read from a PC what drift reads, and what it shows about the claims."""
    mine = windows.tsps_of(run.model(), run.host) if run.is_windows(run.host) else []
    if not mine:
        return dict(changed=False, rows=[])
    missing = windows.not_looked_at(run)
    if missing:
        raise Refused(missing)
    pc = windows.Windows(run, execute)
    pc.refuse_mistakes()
    read = windows_reading.reading(pc)
    return dict(read, seen=dict(
        of_programs(pc), keys=pc.options["discover_keys"], registry=dict(
            (key, dict((name, one.get("type") or "") for name, one in values.items()))
            for key, values in windows_discovery.taken(pc).items()),
        files=dict((one["instance_id"], names_in(pc, one["folder"])) for one in pc.placed(mine)),
        traces=windows_reading.traces(run, execute, set(key_of(one) for one in mine), run.every_secret(run.model())),
        profile=sorted(name for name, entry in pc.profile.items() if entry.get("grade") != _tsp_settings.FROM_INSTALLER)))


def of_programs(pc):
    """The programs that look like the TSP, and their packages. Takes one query for each package."""
    if not (pc.options["read_programs"] or pc.options["product_id"]):
        return dict(programs=None, related=[], packages=[])
    programs, related = _tsp_observation.named(pc.programs, pc.options["product_name"])
    names, packages = set(name for name, _version in programs), []
    for product in (pc.ask("win_reg_stat", path=PRODUCTS).get("sub_keys") or ()) if names else ():
        values = pc.values("%s\\%s\\InstallProperties" % (PRODUCTS, product))
        if _tsp_software.value(values, "DisplayName") in names and _tsp_software.value(values, "LocalPackage"):
            packages.append(_tsp_software.value(values, "LocalPackage"))
    return dict(programs=programs, related=related, packages=packages)


def names_in(pc, folder):
    found = pc.ask("win_find", paths=[folder], patterns=["*"], get_checksum=False)["files"]
    return [ntpath.basename(one["path"]) for one in found]


def observed(run):
    """Compare the claims with what PCs and clusters show, and write the table."""
    model, names = run.model(), run.vars["ansible_play_hosts_all"]
    told = dict((host, run.of_host(host, _run.READ)) for host in names)
    unread = [(host, drift.reading_of(one)) for host, one in told.items() if "seen" not in one and windows.tsps_of(model, host)
              and run.is_windows(host)]
    told = dict((host, one) for host, one in told.items() if "seen" in one)
    if not told:
        raise Refused("; ".join([NO_PC] if not unread else ["%s: %s" % (host, why(reading)) for host, reading in unread]))
    readings, _hosts = drift.gathered(run, model, list(told), True)
    rows = []
    for host, one in told.items():
        rows += rows_of(host, one, readings)
    folder = run.path(run.option("report_folder") or ".")
    path = os.path.join(folder, PAGE)
    text = _tsp_observation.page(rows, dict((host, one["seen"]["registry"]) for host, one in told.items()), clusters.iso(clusters.now()))
    try:
        files.make_folder(folder)
        files.keep(path, run.masked(text))
    except OSError as error:
        raise Refused("%s: %s" % (error.filename or folder, error.strerror)) from None
    shown = list(_tsp_observation.lines(rows)) + ["%s was not read: %s" % (host, why(reading)) for host, reading in unread]
    shown += ["%s could not be read: %s" % (name, failure) for name, one in readings.items() for failure in one["failures"]]
    run.show("", *shown, "Table: %s" % path, "")
    return dict(changed=False, rows=rows, msg=shown, path=path)


def why(reading):
    return "the host cannot be reached" if reading is None else reading["failure"]


def rows_of(host, told, readings):
    releases = list(dict.fromkeys((one["info"] or {}).get("release") or "" for name, one in readings.items()
                                  if name in set(told["tsp"]["software"]["listed"].values())))
    yield from _tsp_observation.of_host(host, dict(seen=told["seen"], software=told["tsp"]["software"]), told["seen"]["profile"],
                                        [one for one in releases if one])
    for one in told["tsp"]["facts"]["instances"]:
        item = one["item"]
        view = readings[item["cluster"]]["connections"] if item["cluster"] in readings else None
        mine = None if view is None or not view["available"] else [row for row in view["connections"] if row["user"] == item["user"]]
        traces = [row for row in told["seen"]["traces"] if row["item"]["instance_id"] == item["instance_id"]]
        yield from _tsp_observation.of_instance(
            host, one, told["seen"]["files"].get(item["instance_id"]) or [], told["tsp"]["addresses"], mine, traces[0] if traces else None)


ON_CLUSTERS = {"observed": observed}
ON_HOSTS = {"observe": observe}
