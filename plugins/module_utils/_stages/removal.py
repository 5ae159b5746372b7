# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The stages that undo: restore previous certificates, and remove what is listed as absent.

They enrol nothing, so they do not check CAPF. The summary shows the result for everything that was named.
"""

from __future__ import annotations

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _outcome, _run, _upgrade
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._model import Key, by_controller, key_of, keys_in, owner_of
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._run import Refused, refuse_lists
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages import clusters, fleet, hosts, windows, windows_secure

ROLLBACK = "rollback_instances"
NOTHING_NAMED = (
    "Name the instances whose previous certificate to restore in secure_tsp_rollback_instances, or the users to move back from the secure "
    "port in secure_tsp_uncut_users. Nothing was changed.")
NOT_BY_THIS = "not by this playbook"
NOT_OURS = (
    "Its TSP stores its certificates itself and keeps no previous one, so nothing is restored. To make it fetch a new one, run "
    "voiceops.secure_tsp.upgrade_certificates with this instance in secure_tsp_upgrade_instances.")
NONE_TO_PUT_BACK = (
    "There is no previous certificate to restore: the current one was verified, or there was none before. The current one stays.")
WOULD_BE_BACK = "The previous key and certificate would be restored."
KEEPS_STRING = "its authorization string is in the list, or was handed over to its TSP"
BUSY = "A run of this controller is working on %s and may hold authorization strings. Wait until it ends. Nothing was changed."
FILES_STAY = "Its profile stays, because its files are still on the host."
BACK_AGAIN = (
    "The next run of voiceops.secure_tsp.site %s to the secure port again, unless secure_tsp_cutover is manual or never in that run. To "
    "prevent this, keep secure_tsp_cutover: manual beside the lists.")
IN_OTHER_RUN = "not in this run: its hosts are outside of --limit, or not in this inventory"


# Rollback


def rollback_preflight(run):
    """Check lists, names and window. No cluster is contacted."""
    found = fleet.look_at_lists(run, (ROLLBACK,))
    users, mistakes = found.pop("known").named_users(run.option("uncut_users"), _run.PREFIX + "uncut_users")
    if mistakes:
        raise Refused("%s. Nothing was changed." % "; ".join(map(str, mistakes)))
    if not found["named"][ROLLBACK] and not users:
        raise Refused(NOTHING_NAMED)
    model = _run.Model.of(found["model"])
    named = keys_in(found["named"][ROLLBACK])
    back = [host for host in windows.managed_hosts(run, model) if any(owner_of(one) in users for one in windows.tsps_of(model, host))
            or any(key_of(one) in named and by_controller(one) for one in model.hosts[host])]
    refuse_lists(windows.lacking(run, back))
    return dict(found, uncut=sorted(map(list, users)), window=fleet.open_window(run), clusters={}, chosen=found["named"][ROLLBACK], stopped="",
                kind="rollback")


def uncut(run):
    """Move the named users back from the secure port. The connections that this cuts are shown, also in check mode."""
    model, done, told = run.model(), clusters.Done(), []
    access = clusters.Access(run.clusters())
    named = [Key(*pair) for pair in run.needed(_run.PREFLIGHT, "Check lists, names and window")["uncut"]]
    for cluster in sorted(set(key.cluster for key in named)):
        names = set(key.name for key in named if key.cluster == cluster)
        told += clusters.uncut(access, cluster, model, names, run.check, done)
    listed = [str(key) for key in named if key.cluster not in done.failures and any(
        one["user"] == key.name and one["state"] == "present" for one in model.listed(key.cluster))]
    if listed and run.option("cutover") == "auto":
        told.append(BACK_AGAIN % ("moves user %s" % listed[0] if len(listed) == 1 else "moves users %s" % ", ".join(listed)))
    run.show(*told)
    return dict(changed=done.changed, diff=done.diff, failures=done.failures, warnings=list(done.failures.values()), changes=done.changes,
                told=told + list(done.failures.values()))


def restore(run, execute):
    """Restore the previous keys and certificates of named instances on this host, and reset TSPs whose users left the secure port."""
    model = run.model()
    chosen = keys_in(run.register(_run.PREFLIGHT)["chosen"])
    named = [one for one in model.hosts.get(run.host, ()) if key_of(one) in chosen]
    mine = [one for one in named if one["enrolment"] == "collection"]
    rows = [dict(_outcome.fresh(one), state=NOT_BY_THIS, message=NOT_OURS) for one in named if one not in mine]
    users = keys_in(run.register(_run.PREFLIGHT)["uncut"])
    off = [one for one in windows.tsps_of(model, run.host) if owner_of(one) in users] if run.is_windows(run.host) else []
    result = windows_secure.untick(run, execute, off) if off else dict(changed=False)
    if not mine:
        return dict(result, rows=rows)
    answer = execute("restore", mine, hosts.settings_of(run, model, mine), {})
    for one, found in hosts.answers(mine, answer):
        rows.append(put_back(one, found, run.check))
    return dict(result, changed=bool(answer.get("changed")) or result["changed"], rows=rows,
                diff=list(result.get("diff") or ()) + answer.get("diff", []),
                warnings=list(result.get("warnings") or ()) + answer.get("warnings", []))


def put_back(instance, found, check):
    row = _outcome.updated(_outcome.fresh(instance), found, instance)
    if row["failed"]:
        return dict(row, state="failed")
    if row["action"] != "restored":
        return dict(row, action="none", state="nothing to put back", message=NONE_TO_PUT_BACK)
    if check:
        return dict(row, action="none", state="would be restored", message=WOULD_BE_BACK)
    return dict(row, state="restored", message=_upgrade.RESTORED)


# Disarm


def disarm_preflight(run):
    """Check the lists, and that no other run that may know authorization strings is working. No cluster is contacted."""
    found = fleet.look_at_lists(run)
    beside, model = run.beside(), found.pop("known")
    busy = [name for name, cluster in model.clusters.items() if cluster["hostname"] in beside]
    if busy:
        raise Refused(BUSY % ", ".join(busy))
    return dict(found, clusters={}, stopped="", window=None, kind="disarm")


def disarm(run):
    """Disarm profiles on this run's hosts whose strings were generated by a run that is over. Returns the rows of all hosts, by host."""
    model, done = run.model(), clusters.Done()
    access = clusters.Access(run.clusters())
    rows = dict((host, []) for host in run.batch())
    for name in model.clusters:
        mine = [one for one in model.instances(name, run.batch()) if one["state"] == "present"]
        if mine:
            clusters.disarm(access, name, model, [one for one in mine if one["enrolment"] == "collection" and not one["string_given"]],
                            run.check, done)
        for one in mine:
            rows[one["host"]].append(disarmed(one, done, run.check))
    return dict(changed=done.changed, diff=done.diff, failures=done.failures, warnings=list(done.failures.values()), rows=rows,
                changes=done.changes, told=[])


def disarmed(instance, done, check):
    row = _outcome.fresh(instance)
    if instance["cluster"] in done.failures:
        return dict(_outcome.failed(row, done.failures[instance["cluster"]]), state="failed")
    if list(key_of(instance)) in done.of_instance:
        return dict(row, changed=True, state="would be disarmed" if check else "disarmed")
    kept = instance["enrolment"] != "collection" or instance["string_given"]
    return dict(row, state="left as it is" if kept else "not armed", message=KEEPS_STRING if kept else "")


# Decommission


def decommission_preflight(run):
    """Check lists and window. The clusters are contacted only if something has to be removed there."""
    found = fleet.look_at_lists(run)
    model = found.pop("known")
    chosen = [list(key_of(one)) for one in model.listed() if one["state"] == "absent"]
    return dict(found, window=fleet.open_window(run), clusters=dict((name, dict(failure="")) for name in model.clusters), chosen=chosen,
                stopped="", kind="decommission")


def remove(run, execute):
    """Remove keys, certificates and trust lists of absent instances from this host."""
    model = run.model()
    absent = [one for one in model.hosts.get(run.host, ()) if one["state"] == "absent"]
    mine = [one for one in absent if one["enrolment"] == "collection"]
    rows = dict((key_of(one), dict(_outcome.fresh(one), changed=False)) for one in absent)
    answer = execute("remove", mine, hosts.settings_of(run, model, mine), {}) if mine else {}
    for one, found in hosts.answers(mine, answer):
        row = _outcome.updated(rows[key_of(one)], found, one)
        rows[key_of(one)] = dict(row, action="removed" if row["changed"] else "none") if not row["failed"] else dict(
            row, state="failed", message="%s %s" % (row["message"], FILES_STAY))
    return dict(changed=bool(answer.get("changed")), rows=list(rows.values()), diff=answer.get("diff", []),
                warnings=answer.get("warnings", []))


def remove_accounts(run):
    """Remove profiles of instances whose files are gone, and users with remove_user. Returns the rows of all hosts, by host."""
    model, done = run.model(), clusters.Gone()
    run.needed(_run.REMOVED, "Remove keys and certificates")
    here = [host for host in run.batch() if not run.refusal(host)]
    rows = run.rows(here)
    free = set(key_of(row) for row in rows if not row["failed"])
    access = clusters.Access(run.clusters())
    for name in model.clusters:
        clusters.remove(access, name, model, free, here, {}, run.check, done)
    by_host = dict((host, []) for host in here)
    for row in rows:
        by_host[row["host"]].append(removed(row, done, run.check))
    return dict(changed=done.changed, diff=done.diff, failures=done.failures, warnings=done.warnings + list(done.failures.values()),
                rows=by_host, changes=done.changes, told=list(lines_of(run, model, done)))


def removed(row, done, check):
    """The row of an instance with the result for its profile."""
    if row["failed"]:
        return row
    if row["cluster"] in done.failures and key_of(row) not in done.of_instance:
        return dict(_outcome.failed(row, done.failures[row["cluster"]]), state="failed")
    action, why = done.of_instance.get(key_of(row), ("none", ""))
    if action == "kept":
        return dict(_outcome.failed(row, why), state="failed")
    changed = row["changed"] or action == "removed"
    if not changed:
        return dict(row, state="gone already", action="none")
    parts = [what for what, there in (("files", row["changed"]), ("CAPF profile", action == "removed")) if there]
    return dict(row, changed=True, action="none" if check else "removed", state="would be removed" if check else "removed",
                message="%s %s." % (" and ".join(parts), "would be removed" if check else "removed"))


def lines_of(run, model, done):
    """The result for each absent user, and the users that can no longer connect to either port."""
    for user in model.users:
        if user["state"] == "absent":
            key = Key(user["cluster"], user["name"])
            came = done.users.get(key) or done.failures.get(key.cluster) or IN_OTHER_RUN
            yield "User %s%s: %s%s" % ("%s/" % key.cluster if model.several else "", key.name, came, "" if came.endswith(".") else ".")
    yield from done.told


ON_CLUSTERS = {"disarm_preflight": disarm_preflight, "disarm": disarm,
               "rollback_preflight": rollback_preflight, "decommission_preflight": decommission_preflight, "remove": remove_accounts, "uncut": uncut}
ON_HOSTS = {"restore": restore, "remove": remove}
