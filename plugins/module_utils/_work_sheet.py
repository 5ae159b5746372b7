# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""What a person still has to enter in the dialogs of the TSPs of one PC: the rows that are left, also as text, page and table. Pure.

A row is one field of one dialog: cluster, instance_id, number of the TSP, setting, place, value, and file, which contains the
authorization string. No row contains the authorization string itself.
"""

from __future__ import annotations

import html
import json
from typing import TYPE_CHECKING

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _tsp_settings
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._foreign import printable, word
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._model import key_of
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._outcome import WAITS_ARMED

if TYPE_CHECKING:
    from typing import Collection, Iterable, Mapping, TypedDict

    from ansible_collections.voiceops.secure_tsp.plugins.module_utils._model import Key
    from ansible_collections.voiceops.secure_tsp.plugins.module_utils._outcome import Outcome

    class Entry(TypedDict, total=False):
        cluster: str
        instance_id: str
        number: int
        setting: str
        place: str
        value: str
        file: str

    class Upgrade(TypedDict):
        """A TSP with several instances that a person upgrades. source: URL, FILE on the controller, or PATH on the host."""

        installed: str
        version: str
        numbers: list[int]
        source: str
        installer: str
        sha256: str

MARK = "voiceops.secure_tsp: sheet for a person"  # by which our own files are recognised
DIALOG = "Cisco TAPI Configuration"
INSTALLER = "installer of Cisco TSP"
STEP = "Upgrade, step %d"
# Where the installer comes from.
URL, FILE, PATH = "url", "file", "path"
SOURCES = {
    URL: "Download the installer of version %s: %s",
    FILE: "Copy the installer of version %s from the controller: %s",
    PATH: "Use this installer of version %s: %s",
}
# How the dialog is opened, according to Cisco's guides.
OPENED_BY = "Start menu &gt; Cisco TAPI, or Control Panel &gt; Phone and Modem &gt; Advanced &gt; %s &gt; Configure"
COLUMNS = ("host", "cluster", "instance_id", "tsp", "dialog", "tab", "field", "value")
FORMULA = ("=", "+", "-", "@")  # first characters that make a cell of a spreadsheet a formula
# What a certificate confirms that the cluster's CAPF issued to the TSP.
OF_A_FETCH = ("security.capf_address", "security.capf_port", "security.tftp_address", "security.instance_id", *_tsp_settings.WHILE_FETCHING)
STYLE = """
body {font: 11pt sans-serif; margin: 2em} h2 {margin-bottom: 0.2em} table {border-collapse: collapse; margin: 0.5em 0 1.5em}
th, td {border: 1px solid #777; padding: 0.25em 0.7em; text-align: left} td.value {font-family: monospace} td.done {width: 2em}
@media print {section {break-inside: avoid} body {margin: 0}}
"""


def left(outcomes: Iterable[Outcome], settings: Iterable[Entry], fetch: Iterable[Entry], tick: Iterable[Entry]) -> list[Entry]:
    """The rows that are left, in the order of the dialog.

    outcomes: newest rows of the host. settings: what was missing at the first check; fetch: what the fetch of a certificate needs; tick:
    the secure connection. Rows that the cluster confirms are not left: all of an instance that it sees connected, and those for the
    fetch of an instance to which it issued a certificate.
    """
    known, found = dict((key_of(row), row) for row in outcomes), {}
    for part, rows in (("settings", settings), ("fetch", fetch), ("tick", tick)):
        for row in rows:
            outcome = known.get(key_of(row)) or {}
            valid, renewing = outcome.get("certificate_valid"), outcome.get("action") == WAITS_ARMED or outcome.get("needed")
            if outcome.get("online") or valid and renewing and part == "settings":
                continue
            if valid and not renewing and row["setting"] in OF_A_FETCH:
                continue
            found[key_of(row), row["setting"]] = row
    order = list(_tsp_settings.SETTINGS)
    return sorted(found.values(), key=lambda row: (row["number"], row["instance_id"], order.index(row["setting"])))


def by_instance(rows: Iterable[Entry]) -> list[tuple[Key, list[Entry]]]:
    """[(Key, rows)] of each instance, in order."""
    found: dict[Key, list[Entry]] = {}
    for row in rows:
        found.setdefault(key_of(row), []).append(row)
    return list(found.items())


def steps(upgrade: Upgrade) -> list[str]:
    """How a person upgrades a TSP with several instances, as Cisco's guides describe it."""
    return [
        SOURCES[upgrade["source"]] % (upgrade["version"], upgrade["installer"]),
        "Compare its SHA-256: %s" % upgrade["sha256"],
        "Start it on this PC, and upgrade version %s in its dialog. The dialog keeps the configuration of all %d instances (%s)." % (
            upgrade["installed"], len(upgrade["numbers"]), ", ".join("%03d" % number for number in upgrade["numbers"])),
        "Restart Windows.",
    ]


def lines(host: str, rows: Iterable[Entry], upgrade: Upgrade | None = None) -> list[str]:
    """For the terminal."""
    found = []
    if upgrade:
        found.append("%s, upgrade of TSP %s to %s:" % (host, upgrade["installed"], upgrade["version"]))
        found += ["    %d. %s" % (number, step) for number, step in enumerate(steps(upgrade), 1)]
    for key, mine in by_instance(rows):
        found.append("%s, instance %s:" % (host, key.name))
        found += ["    %s = %s%s" % (row["place"], row["value"], ", which is in %s" % row["file"] if row.get("file") else "") for row in mine]
    return found


def command(host: str, rows: Iterable[Entry], several: bool) -> str:
    """The command to run when everything is done."""
    names = [str(key) if several else key.name for key, _rows in by_instance(rows)]
    entered = " -e %s" % word(json.dumps({"secure_tsp_tsp_entered": names})) if names else ""
    return "ansible-playbook -i INVENTORY voiceops.secure_tsp.site --limit %s%s" % (word(host), entered)


def page(host: str, rows: Collection[Entry], said: Iterable[str], made: str, several: bool = False,
         strings: Mapping[Key, str] | None = None, upgrade: Upgrade | None = None) -> str:
    """One printable HTML page for a PC. strings: {Key: authorization string}, if they are to be printed on the page."""
    parts = []
    if upgrade:
        parts.append("<section>\n<h2>Upgrade of TSP %s to %s</h2>\n<ol>\n%s\n</ol>\n</section>" % (
            text(upgrade["installed"]), text(upgrade["version"]), "\n".join("<li>%s</li>" % text(step) for step in steps(upgrade))))
    for key, mine in by_instance(rows):
        name = _tsp_settings.provider_name(mine[0]["number"])
        cells = "\n".join(
            '<tr><td>%s</td><td>%s</td><td class="value">%s</td><td class="done">&#9744;</td></tr>' % (
                text(_tsp_settings.SETTINGS[row["setting"]].tab), text(_tsp_settings.SETTINGS[row["setting"]].label),
                text(shown(row, strings or {}))) for row in mine)
        parts.append(
            "<section>\n<h2>%s, instance %s%s</h2>\n<p>Dialog <b>%s</b>: %s.</p>\n<table>\n"
            "<tr><th>Tab</th><th>Field</th><th>Value</th><th>Done</th></tr>\n%s\n</table>\n</section>" % (
                text(name), text(key.name), " (cluster %s)" % text(key.cluster) if several else "", DIALOG, OPENED_BY % text(name), cells))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<!-- %s -->\n<head>\n<meta charset="utf-8">\n<title>%s</title>\n<style>%s</style>\n</head>\n<body>\n'
        "<h1>%s</h1>\n<p>To be done by a person, as of %s.</p>\n%s\n%s<p>%sThen run:</p>\n<pre>%s</pre>\n</body>\n"
        "</html>\n") % (MARK, text(host), STYLE, text(host), text(made), "\n".join(parts), "".join(
            "<p>%s</p>\n" % text(one) for one in said), "Close each dialog with OK. " if rows else "", text(command(host, rows, several)))


def shown(row: Entry, strings: Mapping[Key, str]) -> str:
    """The value of a field, or where to read it."""
    if row["setting"] == _tsp_settings.STRING and key_of(row) in strings:
        return strings[key_of(row)]
    return "%s, which is in %s" % (row["value"], row["file"]) if row.get("file") else row["value"]


def table(host: str, rows: Iterable[Entry], upgrade: Upgrade | None = None) -> str:
    """The same as CSV; instead of an authorization string, it names its file."""
    cells = [COLUMNS]
    if upgrade:
        tsps = ", ".join(map(_tsp_settings.provider_name, upgrade["numbers"]))
        cells += [(host, "", "", tsps, INSTALLER, "", STEP % number, step) for number, step in enumerate(steps(upgrade), 1)]
    for row in rows:
        setting = _tsp_settings.SETTINGS[row["setting"]]
        cells.append((host, row["cluster"], row["instance_id"], _tsp_settings.provider_name(row["number"]), DIALOG, setting.tab,
                      setting.label, shown(row, {})))
    return "".join(",".join(cell(one) for one in line) + "\r\n" for line in cells)


def cell(value: object) -> str:
    """A quoted cell that no spreadsheet takes as a formula."""
    value = printable(value)
    return '"%s"' % ("'" + value if value.startswith(FORMULA) else value).replace('"', '""')


def text(value: object) -> str:
    return html.escape(printable(value))
