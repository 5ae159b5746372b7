# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Adoption: write lists of what hosts and clusters already have, to start using this collection. Changes nothing else."""

from __future__ import annotations

import collections
import os
from gettext import ngettext

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import (
    _adoption,
    _fleet,
    _lists_file,
    _run,
    _store_archive,
    _summary,
    _survey,
    _tsp_host,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._axl import accounts as axl_accounts
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import SecureTspError
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._foreign import WINDOWS_PATH, parted, printable, word
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._model import STORE_WINDOWS, complete
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._run import Refused, refuse_lists
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages import clusters, windows

KIND = "adopt"
GROUP = "secure_tsp"
COLUMNS = tuple(column for column in _summary.COLUMNS if column[0] != "certificate_expires")
LISTED, UNKNOWN_HOST = "listed", "listed, host unknown"
NO_CLUSTER = "secure_tsp_clusters is empty for %s. Define it for the group all, or pass it with -e @FILE.yml."
THERE_ALREADY = "%s already exists and is not overwritten. Move it away, or set another name with -e secure_tsp_adopt_file=NAME.yml."


def adopt(run, execute):
    """Addresses of a host, and the certificates of instances on it."""
    if run.is_windows(run.host):
        return of_windows(run, execute)
    answer = execute("adopt", [], {"places": run.option("adopt_paths")}, {})
    if answer.get("failed"):
        return dict(changed=False, addresses=[], certificates=[], why=answer.get("msg") or "failed without a message")
    return dict(changed=False, addresses=answer["addresses"], certificates=answer["certificates"], why="")


def of_windows(run, execute):
    """Addresses of a Windows host, and the stores of its Java applications. TSPs are identified by the cluster's connections, because
    their files do not name them."""
    nothing = dict(changed=False, addresses=[], certificates=[])
    missing = windows.lacking(run, [run.host])
    if missing:
        return dict(nothing, why=". ".join(missing))
    host = windows.Windows(run, execute)
    places = [parted(STORE_WINDOWS)[0]] + [path for path in run.option("adopt_paths") if WINDOWS_PATH.match(path)]
    try:
        told = host.ask("setup", gather_subset=windows.SUBSETS).get("ansible_facts") or {}
        stores = host.ask("win_find", paths=places, patterns=[_store_archive.NAME], recurse=True, get_checksum=False).get("files") or ()
    except windows.Unanswered as error:
        return dict(nothing, why=str(error))
    return dict(nothing, addresses=_tsp_host.addresses_of(told), certificates=sorted(one["path"] for one in stores), why="")


def adopted(run):
    """Read the clusters, and write the lists."""
    path = run.path(run.option("adopt_file"))
    if not run.listed("clusters"):
        raise Refused(NO_CLUSTER % run.host)
    model, wrong, _unusual = complete(run.listed("clusters"), [], [])
    mistakes = run.mistakes() + list(dict.fromkeys(map(str, wrong)))
    refuse_lists(mistakes, "read")
    if os.path.lexists(path):
        raise Refused(THERE_ALREADY % path)
    readings, unread = read_clusters(clusters.Access(run.clusters()), model.clusters)
    if not readings:
        raise Refused("%s Nothing was written." % " ".join(unread.values()))
    holdings, unsearched = holdings_of(run)
    found = _adoption.adopted_lists(readings, holdings, model.several)
    todo = list(unread.values()) + [one["remark"] for one in readings if one["remark"]] + unsearched + found["open"]
    lists = {"secure_tsp_users": found["users"], "secure_tsp_instances": found["instances"]}
    if not run.check:
        write(path, _lists_file.text_of(lists, head(path) + ["To do: %s" % one for one in todo]))
    rows = sorted((row_of(one, model) for one in found["instances"]), key=lambda row: row["state"] == LISTED)
    lines = _summary.table(rows, model.several, COLUMNS) + todo + ["%d %s and %d %s %s written to %s." % (
        len(found["users"]), ngettext("user", "users", len(found["users"])), len(rows), ngettext("instance", "instances", len(rows)),
        "would be" if run.check else "were", path)]
    run.show("", *lines, "")
    return dict(changed=True, msg=lines, ansible_stats=_summary.statistic(
        KIND, _summary.CLEAN, collections.Counter(row["state"] for row in rows), run.check,
        failed=[dict(dict.fromkeys(_summary.SUBJECT, ""), cluster=name, cause=why, step=KIND) for name, why in unread.items()]))


def row_of(listed, model):
    """A line of the summary."""
    unknown = listed["host"] == _adoption.UNKNOWN
    return dict(cluster=listed.get("cluster") or next(iter(model.clusters)), host="" if unknown else listed["host"], user=printable(listed["user"]),
                instance_id=listed["instance_id"], state=UNKNOWN_HOST if unknown else LISTED)


def read_clusters(access, names):
    """(readings of the clusters, {cluster: sentence} for those that could not be read)."""
    readings, unread = [], {}
    for name in names:
        try:
            readings.append(read_cluster(access, name))
        except SecureTspError as error:
            unread[name] = "Cluster %s could not be read, and nothing from it is listed: %s" % (name, error)
    return readings, unread


def read_cluster(access, name):
    """CAPF profiles of a cluster, their users, and the open connections."""
    with access.connect(name) as axl:
        profiles = _survey.Survey(axl, None, None).gather(["version", "profiles"])["profiles"]
        owners = dict.fromkeys((profile["user_type"], profile["user"]) for profile in profiles if not _adoption.wrong(profile["user"]))
        wish = _fleet.Wish(users=[{"name": user, "type": kind} for kind, user in owners], stages=("users",))
        users = axl_accounts.carry_out(axl, wish, apply=False, report_problems=True)[0]["users"]
    view = access.view(name, set(user for _kind, user in owners))
    remark = "" if view["available"] else (
        "The connections of cluster %s could not be read, so only files show the hosts of instances. %s" % (name, view["reason"]))
    return dict(cluster=name, profiles=profiles, users=[user for user in users if user["exists"]], connections=view["connections"],
                remark=remark)


def holdings_of(run):
    """({host: addresses and certificates}, sentences about hosts that were not searched)."""
    holdings, unsearched = {}, []
    for host in run.vars["groups"].get(GROUP, ()):
        held = run.of_host(host, _run.HELD)
        holdings[host] = {"addresses": held.get("addresses") or [], "certificates": held.get("certificates") or []}
        why = held.get("why", held.get("refused") or held.get("msg") or "it was not contacted")
        if why:
            unsearched.append("Host %s was not searched for certificates: %s" % (host, why))
    return holdings, unsearched


def head(path):
    return ["State of the clusters on %s. Review it, add what is missing, then run" % clusters.iso(clusters.now())[:10],
            "  ansible-playbook -i INVENTORY -e @%s voiceops.secure_tsp.drift" % word(os.path.basename(path)),
            "It contains no passwords. Add those of users whose providers are to be opened for verification."]


def write(path, text):
    """Write a new file that only its owner can read."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise Refused(THERE_ALREADY % path) from None
    except OSError as error:
        raise Refused("%s cannot be written: %s." % (path, error.strerror)) from None


ON_CLUSTERS = {"adopted": adopted}
ON_HOSTS = {"adopt": adopt}
