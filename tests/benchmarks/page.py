# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""python page.py FIGURES.json: write the guide about speed and its plot from the figures of bench.py."""

from __future__ import annotations

import json
import pathlib
import sys

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plot  # noqa: E402  after the choice of the backend
from matplotlib import ticker  # noqa: E402

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
        [row["way"], row["instances"] or "", "%s%.1f" % ("about " if row.get("extrapolated") else "", row["seconds"]),
         "%.1f" % row["cpu"], row["requests"], row["megabytes"]]
        for row in rows
    ]
    return section(
        "Profiles for a fleet",
        "From an empty cluster to armed CAPF profiles, four instances to a user. The loop over ``ansible.builtin.uri`` is what "
        "is written by hand: it adds blindly, so it reads nothing and cannot run twice. Seconds are those of a whole "
        "``ansible-playbook`` process less those of a play without tasks; what begins with *about* is extrapolated from the "
        "line above; megabytes are those of the largest process.\n",
        table(["Way", "Instances", "Seconds", "CPU seconds", "Requests", "MB"], cells),
        "As a plot: `docs/images/speed.svg <https://github.com/voiceops/secure_tsp/blob/main/docs/images/speed.svg>`__.\n")


def enrolment(figures):
    named = (("key", "generating the RSA key of 2048 bits"), ("tls", "TCP and TLS"),
             ("round trips", "waiting for CAPF"), ("rest", "everything else"), ("total", "the whole"))
    return section("One certificate", "Milliseconds of one enrolment, medians; generating the key varies by itself.\n",
                   table(["Part", "ms"], [[text, figures[key]] for key, text in named]))


def targets(figures):
    """The design's own targets beside what was measured. Nothing is rounded in our favour."""
    drift, enrolment, start_up = figures["drift"], figures["enrolment"], figures["start_up"]
    module, empty = start_up["application_user"], start_up["an empty module"]
    rows = [
        ("requests to read a fleet of %d" % drift["instances"], 6, drift["requests"], "%d"),
        ("seconds to judge the accounts of %d instances" % drift["instances"], 3, drift["seconds"], "%.2f"),
        ("milliseconds of an enrolment beside key, TLS and waiting", 10, enrolment["rest"], "%.1f"),
        ("MB of a module that talks to AXL", 45, module["megabytes"], "%.1f"),
        ("a task with such a module, to one with an empty module", 1.7, module["cpu"] / empty["cpu"], "%.2f"),
    ]
    return section(
        "Targets", table(["What", "At most", "Measured", ""], [
            [title, limit, form % found, "met" if found <= limit else "not met"] for title, limit, found, form in rows]),
        "What a module that talks to AXL takes beside an empty one is mostly the import of zeep, requests and lxml. A task with "
        "a list, such as fleet_accounts, pays it once.\n")


def draw(rows):
    figure, axes = plot.subplots(figsize=(7, 4))
    for way in dict.fromkeys(row["way"] for row in rows if row["instances"]):
        mine = [row for row in rows if row["way"] == way]
        measured = [row for row in mine if not row.get("extrapolated")]
        line, = axes.plot([row["instances"] for row in mine], [max(row["seconds"], 0.01) for row in mine], label=way,
                          linestyle="--" if len(measured) < len(mine) else "-")
        axes.plot([row["instances"] for row in measured], [max(row["seconds"], 0.01) for row in measured], marker="o",
                  color=line.get_color())
    axes.set(xscale="log", yscale="log", xlabel="instances", ylabel="seconds (dashed: extrapolated)")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(ticker.FuncFormatter(lambda value, _position: "%g" % value))
    axes.grid(True, which="both", alpha=0.3)
    axes.legend()
    figure.tight_layout()
    PLOT.parent.mkdir(exist_ok=True)
    matplotlib.rcParams["svg.hashsalt"] = "secure_tsp"  # the same figures give the same file
    figure.savefig(PLOT, metadata={"Date": None})
    PLOT.write_text("\n".join(line.rstrip() for line in PLOT.read_text().splitlines()) + "\n")


def main():
    figures = json.loads(pathlib.Path(sys.argv[1]).read_text())
    drift, start_up, wsdl = figures["drift"], figures["start_up"], figures["wsdl"]
    empty = start_up["an empty module"]
    alone = wsdl["imports alone"]
    PAGE.write_text(HEAD.format(**figures) + targets(figures) + fleet(figures["fleet"]) + section(
        "Looking for drift",
        "The accounts of %d instances, read and judged in one module: %.2f seconds, of which the module's own processor time "
        "is %.2f seconds, with %d requests and %d MB.\n" % (
            drift["instances"], drift["seconds"], drift["cpu"], drift["requests"], drift["megabytes"]),
    ) + enrolment(figures["enrolment"]) + section(
        "Start of a module", "One task of a loop on the controller.\n",
        table(["Module", "ms", "CPU ms", "to an empty module"], [
            [name, row["seconds"], row["cpu"], "%.2f" % (row["cpu"] / empty["cpu"])] for name, row in start_up.items()]),
    ) + section(
        "The WSDL", "A process that imports zeep and loads a WSDL: for one operation, as a module does for each that it calls, for "
        "all operations of our table, and the vendor's.\n",
        table(["WSDL", "ms", "ms beside the imports", "MB"], [
            [name, "%.0f" % (row["seconds"] * 1000), "%.0f" % max(0, (row["seconds"] - alone["seconds"]) * 1000), "%.0f" % row["megabytes"]]
            for name, row in wsdl.items()])))
    draw(figures["fleet"])


if __name__ == "__main__":
    main()
