# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""python page.py FIGURES.json [FLEET.json]: write the guide about speed and its plot.

From the figures of bench.py and, where there are some, those of tests/fleet/test_thousand.py. What was not measured is not shown.
"""

from __future__ import annotations

import json
import pathlib
import sys

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plot  # noqa: E402  after the choice of the backend
from matplotlib import ticker  # noqa: E402

from benchmarks import limits  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "docs" / "docsite" / "rst" / "speed.rst"
PLOT = ROOT / "docs" / "images" / "speed.svg"
HEAD = """\
.. Copyright (c) 2026 The voiceops.secure_tsp maintainers
   GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
   SPDX-License-Identifier: GPL-3.0-or-later

.. _ansible_collections.voiceops.secure_tsp.docsite.speed:

Speed
=====

Measured on {when} with {machine}, side by side in one run against the simulated cluster on the same machine:

.. code-block:: bash

    make bench

``make bench`` writes this page and its plot. Look at the ratios: seconds depend on the machine, and a real cluster adds
tens to hundreds of milliseconds to each request.
"""


def table(titles, rows):
    lines = [".. list-table::", "    :header-rows: 1", ""]
    for row in [titles, *rows]:
        lines += [("    %s %s" % ("* -" if index == 0 else "  -", cell)).rstrip() for index, cell in enumerate(row)]
    return "\n".join(lines) + "\n"


def section(title, *parts):
    return "\n".join(["", title, "-" * len(title), "", *parts])


def fleet(rows):
    cells = [
        [row["way"], row["instances"] or "", "%.1f" % row["seconds"], "%.1f" % row["cpu"], row["requests"], row["megabytes"]]
        for row in rows
    ]
    return section(
        "Profiles for a fleet",
        "From an empty cluster to armed CAPF profiles, four instances to a user. The loop over ``ansible.builtin.uri`` is what "
        "is written by hand: it adds blindly, so it reads nothing and cannot run twice. Seconds are those of a whole "
        "``ansible-playbook`` process less those of a play without tasks; megabytes are those of the largest process.\n",
        table(["Way", "Instances", "Seconds", "CPU seconds", "Requests", "MB"], cells),
        "As a plot: `docs/images/speed.svg <https://github.com/voiceops/secure_tsp/blob/main/docs/images/speed.svg>`__.\n")


PIECES = (
    ("enrolment", "key", "enrolment: generating the RSA key of 2048 bits"), ("enrolment", "tls", "enrolment: TCP and TLS"),
    ("enrolment", "round trips", "enrolment: messages of CAPF"), ("enrolment", "rest", "enrolment: everything else"),
    ("enrolment", "total", "enrolment: the whole"),
    ("provider", "tls", "provider: TLS"), ("provider", "round trips", "provider: messages of CTI Manager"),
    ("provider", "rest", "provider: everything else, with reading key and certificate"), ("provider", "total", "provider: the whole"),
    ("info", "total", "looking at the files"),
)


def certificate(figures):
    return section(
        "One certificate", "An enrolment, a provider opened and closed, and a look at the files, without Ansible around them: "
        "milliseconds of the clock, and of them those that the host itself computes; medians. Generating the key varies by "
        "itself.\n", table(["Part", "ms", "computing"], [
            [text, figures[piece][part]["ms"], figures[piece][part]["cpu"]] for piece, part, text in PIECES]))


def judged(title, limit, found, form="%d"):
    return [title, limit, form % found, "met" if found <= limit else "not met"]


def size_of(row):
    return "%d x %d" % (row["hosts"], row["each"])


def ratio(row, run):
    """Processor time of a run to that of the floor play on the same fleet."""
    return row[run]["cpu"] / row["floor"]["cpu"]


def targets_of_runs(figures, fleet_figures):
    rows = []
    for row in figures.get("runs", ()):
        hosts, size = row["hosts"], size_of(row)
        for run, title in (("first", "first run"), ("again", "nothing to do")):
            rows.append(judged("worker processes, %s, %s" % (title, size), limits.workers(hosts), row[run]["workers"]))
            rows.append(judged(
                "module processes, %s, %s" % (title, size), limits.modules(hosts, run == "first"), row[run]["modules"]))
        rows.append(judged("AXL sessions, nothing to do, %s" % size, limits.SESSIONS, row["again"]["sessions"]))
        rows.append(judged("requests, nothing to do, %s" % size, limits.REQUESTS, row["again"]["requests"]))
        rows.append(judged("CPU with nothing to do, to the floor play, %s" % size, limits.AGAIN, ratio(row, "again"), "%.2f"))
    if "further" in figures:
        found = figures["further"]
        rows.append(judged("CPU of a first run for each further certificate, to plain Python", limits.FURTHER,
                           found["site"] / found["plain"], "%.2f"))
    if "listed" in figures:
        found = figures["listed"]
        rows.append(judged("CPU for each host with %d instances listed, to that with %d" % (found["many"], found["few"]),
                           limits.LISTED, found["ratio"], "%.2f"))
    if fleet_figures:
        for run, title, limit in (("first", "first run", limits.FIRST), ("again", "nothing to do", limits.AGAIN),
                                  ("drift", "drift", limits.DRIFT)):
            if run not in fleet_figures or "floor" not in fleet_figures:
                continue
            rows.append(judged("CPU to the floor play, %s, %s" % (title, size_of(fleet_figures)), limit,
                               ratio(fleet_figures, run), "%.2f"))
    if "upgrade" in figures:
        rows.append(target_of_upgrade(figures["upgrade"]))
    return rows


def target_of_upgrade(found):
    title = "seconds to upgrade %d certificates on %d hosts, to plain Python" % (found["hosts"] * found["each"], found["hosts"])
    peer = found["plain"]["seconds"]
    if found["upgrade"] is None:
        return [title, limits.UPGRADE, "ended after %d seconds with %d certificates, %.1f times" % (
            found["patience"], found["issued"], found["patience"] / peer), "not met"]
    return judged(title, limits.UPGRADE, found["upgrade"]["seconds"] / peer, "%.2f")


def targets(figures, fleet_figures):
    """The design's own targets beside what was measured. Nothing is rounded in our favour."""
    rows = targets_of_runs(figures, fleet_figures)
    if "certificate" in figures:
        found = figures["certificate"]
        rows += [
            judged("ms that an enrolment computes beside key, TLS and messages", limits.ENROLMENT, found["enrolment"]["rest"]["cpu"],
                   "%.1f"),
            judged("ms that opening a provider computes", limits.PROVIDER, found["provider"]["total"]["cpu"], "%.1f"),
            judged("ms of looking at the files of an instance", limits.INFO, found["info"]["total"]["cpu"], "%.1f"),
        ]
    if "completion" in figures:
        found = figures["completion"]
        rows.append(judged("CPU seconds to complete the lists of %d instances" % found["instances"], limits.COMPLETION,
                           found["cpu"], "%.2f"))
    if "drift" in figures:
        found = figures["drift"]
        rows += [judged("requests to read a fleet of %d" % found["instances"], 6, found["requests"]),
                 judged("seconds to judge the accounts of %d instances" % found["instances"], 3, found["seconds"], "%.2f")]
    if "start_up" in figures:
        module, empty = figures["start_up"]["application_user"], figures["start_up"]["an empty module"]
        rows += [judged("MB of a module that talks to AXL", 45, module["megabytes"], "%.1f"),
                 judged("a task with such a module, to one with an empty module", 1.7, module["cpu"] / empty["cpu"], "%.2f")]
    return section(
        "Targets", "*3 x 2* is a fleet of 3 hosts with 2 instances each. The floor play has two modules for each host and three "
        "for the cluster (``tests/benchmarks/floor.yml``); plain Python fetches certificates in one process without looking at "
        "anything (``tests/benchmarks/plain.py``).\n", table(["What", "At most", "Measured", ""], rows),
        "What a module that talks to AXL takes beside an empty one is mostly the import of zeep, requests and lxml. A task with "
        "a list, such as fleet_accounts, pays it once.\n")


def taken(fleet, name, row):
    return [fleet, name, row["workers"], row["modules"], "%.1f" % row["cpu"], "%.0f" % row["seconds"], row["sessions"],
            row["requests"]]


def whole_runs(figures, fleet_figures):
    """Every run of a playbook that was measured."""
    rows = []
    for row in [*figures.get("runs", ()), *([fleet_figures] if fleet_figures else [])]:
        rows += [taken(size_of(row), name, row[run]) for run, name in (
            ("first", "first run"), ("again", "nothing to do"), ("drift", "drift"), ("floor", "floor play")) if run in row]
    parts = []
    if "further" in figures:
        found = figures["further"]
        fleet = "%d x %d" % (found["hosts"], found["many"])
        rows.append(taken(fleet, "first run", found["site_with_many"]))
        parts.append(
            "A further certificate of a first run took %.3f CPU seconds, one of plain Python %.3f (from %d to %d on each of %d "
            "hosts); with the start of its process, which reads the vendor's WSDL, it took %.3f for each of %d.\n" % (
                found["site"], found["plain"], found["few"], found["many"], found["hosts"], found["plain_with_start"],
                found["hosts"] * found["many"]))
    if "upgrade" in figures:
        found = figures["upgrade"]
        if found["upgrade"]:
            rows.append(taken(size_of(found), "upgrade of all", found["upgrade"]))
        parts.append("Plain Python fetched %d certificates in %.0f seconds.\n" % (
            found["hosts"] * found["each"], found["plain"]["seconds"]))
    if "listed" in figures:
        found = figures["listed"]
        parts.append(
            "A host with nothing to do took %.2f CPU seconds where %d instances were listed and %.2f where %d were; the others "
            "were on hosts that ``--limit`` kept out.\n" % (
                found["cpu_few"], found["few"], found["cpu_many"], found["many"]))
    if fleet_figures:
        parts.append("The fleet of %s was measured by ``make fleet`` on %s with %s; every key of it was made and every provider "
                     "opened.\n" % (size_of(fleet_figures), fleet_figures["when"], fleet_figures["machine"]))
    if not rows and not parts:
        return ""
    return section(
        "Runs", "Processes are counted, seconds are those of the CPU of ``ansible-playbook`` with everything that it starts, and of "
        "the clock. All hosts are this machine.\n",
        table(["Fleet", "Run", "Workers", "Modules", "CPU seconds", "Seconds", "AXL sessions", "Requests"], rows), *parts)


def draw(rows):
    figure, axes = plot.subplots(figsize=(7, 4))
    for way in dict.fromkeys(row["way"] for row in rows if row["instances"]):
        mine = [row for row in rows if row["way"] == way]
        axes.plot([row["instances"] for row in mine], [max(row["seconds"], 0.01) for row in mine], label=way, marker="o")
    axes.set(xscale="log", yscale="log", xlabel="instances", ylabel="seconds")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(ticker.FuncFormatter(lambda value, _position: "%g" % value))
    axes.grid(True, which="both", alpha=0.3)
    axes.legend()
    figure.tight_layout()
    PLOT.parent.mkdir(exist_ok=True)
    matplotlib.rcParams["svg.hashsalt"] = "secure_tsp"  # the same figures give the same file
    figure.savefig(PLOT, metadata={"Date": None})
    PLOT.write_text("\n".join(line.rstrip() for line in PLOT.read_text().splitlines()) + "\n")


def drift(found):
    return section(
        "Looking for drift",
        "The accounts of %d instances, read and judged in one module: %.2f seconds, of which the module's own processor time "
        "is %.2f seconds, with %d requests and %d MB.\n" % (
            found["instances"], found["seconds"], found["cpu"], found["requests"], found["megabytes"]))


def start_up(rows):
    empty = rows["an empty module"]
    return section("Start of a module", "One task of a loop on the controller.\n", table(
        ["Module", "ms", "CPU ms", "to an empty module"],
        [[name, row["seconds"], row["cpu"], "%.2f" % (row["cpu"] / empty["cpu"])] for name, row in rows.items()]))


def wsdl(rows):
    alone = rows["imports alone"]
    return section(
        "The WSDL", "A process that imports zeep and loads a WSDL: for one operation, as a module does for each that it calls, for "
        "all operations of our table, and the vendor's.\n", table(["WSDL", "ms", "ms beside the imports", "MB"], [
            [name, "%.0f" % (row["seconds"] * 1000), "%.0f" % max(0, (row["seconds"] - alone["seconds"]) * 1000),
             "%.0f" % row["megabytes"]] for name, row in rows.items()]))


def main():
    figures, fleet_figures = ([json.loads(pathlib.Path(path).read_text()) for path in sys.argv[1:]] + [None])[:2]
    head = HEAD.format(**figures)
    sections = (("fleet", fleet), ("drift", drift), ("certificate", certificate), ("start_up", start_up), ("wsdl", wsdl))
    PAGE.write_text(head + targets(figures, fleet_figures) + whole_runs(figures, fleet_figures) + "".join(
        write(figures[name]) for name, write in sections if name in figures))
    if "fleet" in figures:
        draw(figures["fleet"])


if __name__ == "__main__":
    main()
