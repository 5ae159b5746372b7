# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The stages of the action tsp_cluster for hosts whose TSP enrols its certificate itself: waiting, and what a person enters.

Each contacts the clusters only if a host of the batch has such an instance.
"""

from __future__ import annotations

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _outcome, _run, _tsp_enrolment, _tsp_settings
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._model import Key, key_of, keys_in, owner_of
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages import clusters, fleet, windows, windows_sheet

KEPT = ("failures", "plan", "secure", "told", "cut", "changes")  # keys of the result of the cutover


def pauses(run, name):
    """Seconds to wait between checks until a deadline."""
    return list(_tsp_settings.delays(run.option(name), run.option("first_pause"), run.option("longest_pause")))


def restarted(run, host, *registers):
    """Whether the role restarted the host, or its Telephony service, successfully."""
    found = [(run.of_host(host, name).get("restart") or {}).get("by", windows.BY_NOBODY) for name in registers]
    return any(by != windows.BY_NOBODY for by in found)


# waited


def wait(run):
    """Check the armed profiles until the TSPs have enrolled or the deadline has passed, or once without a restart or a confirmed entry."""
    model, surveys = run.model(), fleet.usable(run)
    asked, fetching = {}, set()
    for host in run.batch():
        handed, ready = run.of_host(host, _run.HANDED), run.of_host(host, _run.READY).get("ready") or ()
        failed = set(key_of(row) for row in run.newest(host) or () if row["failed"])
        for key in map(lambda pair: Key(*pair), handed.get("waiting") or ()):
            if key not in failed and key.cluster in surveys:
                asked.setdefault(key.cluster, set()).add(key.name)
                if list(key) in ready and (restarted(run, host, _run.READY) or windows.typed(run)):
                    fetching.add(key)
    said = [text for text in [windows.not_typed(run)] if text]
    if run.check or not asked:
        return dict(changed=False, profiles=[], warnings=said)
    access, left, known = clusters.Access(run.clusters()), pauses(run, "fetch_deadline") if fetching else [], {}
    if fetching:
        run.show("Waiting at most %d seconds until %d TSP(s) have fetched their certificates." % (
            run.option("fetch_deadline"), len(fetching)))
    while True:
        for cluster, names in asked.items():
            mine = [one for one in model.instances(cluster) if one["instance_id"] in names]
            found = clusters.profiles_of(access, cluster, model, mine, surveys[cluster])
            known.update((Key(cluster, name), profile) for name, profile in found.items())
        pending = [key for key in fetching if key not in known or known[key]["state"] in _tsp_enrolment.STILL_PENDING]
        if not pending or not left:
            break
        clusters.pause(left.pop(0))
    return dict(changed=False, profiles=[[*key, profile] for key, profile in known.items()], warnings=said)


# sheet


def sheet(run):
    """Show what a person has to enter now, and return whether to wait for that."""
    if not run.option("tsp_operator") or run.check:
        return dict(changed=False, ask=False)
    left = dict((host, windows_sheet.rows_of(run, host, run.newest(host) or ())) for host in run.batch())
    # Only what this run waits for is requested now; the summary shows the rest as well.
    asking = [host for host in left if run.of_host(host, _run.HANDED).get("by_hand") or run.of_host(host, _run.TICKED).get("by_hand")]
    lines = windows_sheet.told(run, [host for host in asking if left[host]])
    if lines:
        run.show("", "Enter in the dialogs of the TSPs now:", *lines, "")
    return dict(changed=False, ask=bool(lines))


# seen


def see(run):
    """After restarts, check until the clusters report the TSPs as connected or the deadline has passed. Returns an updated result of the
    cutover, with the methods of verification that follow."""
    model, before = run.model(), run.needed(_run.CUTOVER, "Cut over users to the secure port")
    kept = dict((key, before[key]) for key in KEPT if key in before)
    seen = clusters.Seen(secure=keys_in(before.get("secure")))
    tsps = set(key_of(one) for one in model.instances() if one["enrolment"] == "tsp")
    awaited = [row for host in run.batch() if restarted(run, host, _run.READY, _run.SETTLED) for row in run.newest(host) or ()
               if key_of(row) in tsps and owner_of(row) in seen.secure and row["certificate_valid"] and not row["failed"]
               and row["action"] != _outcome.WAITS_ARMED]
    said = [text for text in [windows.not_typed(run)] if text]
    if run.check or not awaited:
        return dict(kept, changed=False, warnings=said)
    access, left = clusters.Access(run.clusters()), pauses(run, "connect_deadline")
    run.show("Waiting at most %d seconds until the cluster reports %d TSP(s) as connected." % (
        run.option("connect_deadline"), len(awaited)))
    while True:
        for cluster in sorted(set(row["cluster"] for row in awaited)):
            users = set(key.name for key in seen.secure if key.cluster == cluster)
            seen.views[cluster] = dict(access.view(cluster, users, ["lines"]), users_read=True, waits={})
        found = dict((key_of(row), row) for rows in fleet.plan_of(run, model, seen, awaited).values() for row in rows)
        if all(row["way"] == "ris" for row in found.values()) or not left:
            break
        clusters.pause(left.pop(0))
    plan = dict((host, [found.get(key_of(row), row) for row in rows]) for host, rows in before["plan"].items())
    return dict(kept, changed=False, plan=plan, warnings=said)


STAGES = {"wait": wait, "sheet": sheet, "see": see}
