# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The stages in which TSPs move to the secure port: enable the secure connection before the cutover, and restart after it."""

from __future__ import annotations

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import (
    _outcome,
    _run,
    _tsp_settings,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._model import Key, key_of, keys_in, owner_of
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages.windows import (
    BY_NOBODY,
    SECURE_CONNECTION,
    Unanswered,
    Windows,
    entered,
    listed,
    restart_of,
    rows_by_hand,
    typed,
)

STILL_TICKED = (
    "The users of %s left the secure port, but Secure Connection of these TSPs could not be turned off, so they cannot connect: %s Untick "
    "it in the dialog, and restart this host.")
OFF_THE_AIR = (
    "The TSPs of %s cannot connect until Secure Connection is unticked in the dialog and this host is restarted, because their users left "
    "the secure port.")
NOT_TICKED = (
    "waiting: Secure Connection is not ticked in the dialog of %s, so it could no longer connect; tick it at a time of your choice, then "
    "run this with secure_tsp_tsp_entered, which cuts over the user and restarts the TSP")


def ticked_by_hand(run, model, by_operator):
    """{Key} of instances whose secure connection a person has ticked. If they needed a certificate, the last run listed only that."""
    found = entered(run, model, by_operator)
    if by_operator:
        return found
    for host in run.vars["ansible_play_hosts_all"]:
        found -= set(key_of(row) for row in run.of_host(host, _run.LOOKED).get("rows") or () if row["needed"])
    return found


# The secure connection


def untick(run, execute, mine):
    """Disable the secure connection of these instances, whose users left the secure port, if the registry profile specifies its location.

    Their TSPs cannot connect until it is off and they are restarted. by_hand: what a person has to untick; restart: as in settle.
    """
    windows = Windows(run, execute)
    nothing = dict(by=BY_NOBODY, reasons=[], said="")
    try:
        facts, _strings = windows.facts(mine)
        plan = windows.against(mine, only=[_tsp_settings.SECURE], by_instance=ticks(mine, False))
        written = set() if run.check else switch(windows, mine, plan)
    except Unanswered as error:
        message = STILL_TICKED % (", ".join(one["instance_id"] for one in mine), error)
        return dict(changed=False, restart=nothing, by_hand=[], said=[message], warnings=[message])
    restart = restart_of(windows, facts, [SECURE_CONNECTION]) if written else nothing
    by_hand = rows_by_hand(mine, plan)
    said = [restart["said"]] if restart["said"] else []
    said += [OFF_THE_AIR % ", ".join(sorted(set(row["instance_id"] for row in by_hand)))] if by_hand else []
    return dict(changed=bool(written or run.check and plan.writes), restart=restart, by_hand=by_hand, said=said, warnings=said)


def tick(run, execute):
    """Enable the secure connection, if the registry profile specifies its location, for users that are on the secure port or will be
    moved to it by this run. It takes effect at the TSP's next start, so existing connections continue until then."""
    model, told = run.model(), run.register(_run.DUE)
    chosen = keys_in((told.get("going") or []) + (told.get("secure") or []))
    rows = _outcome.by_key(run.newest(run.host) or ())
    mine = [one for one in listed(run, model) if key_of(one) in rows and owner_of(one) in chosen
            and rows[key_of(one)]["certificate_valid"] and not rows[key_of(one)]["failed"]]
    result = dict(rows=list(rows.values()), changed=False, diff=[], ticked=[], ready=[], by_hand=[])
    if not mine:
        return result
    windows = Windows(run, execute)
    try:
        plan = windows.against(mine, only=[_tsp_settings.SECURE], by_instance=ticks(mine, True))
        written = switch(windows, mine, plan)
    except Unanswered as error:
        rows.update((key_of(one), _outcome.failed(rows[key_of(one)], str(error))) for one in mine)
        return dict(result, rows=list(rows.values()))
    by_hand = rows_by_hand(mine, plan)
    left = set(Key(row["cluster"], row["instance_id"]) for row in by_hand)
    return dict(
        result, changed=bool(written), ticked=sorted(map(list, written)), by_hand=by_hand,
        ready=[list(key_of(one)) for one in mine if key_of(one) not in left])


def ticks(instances, value):
    return dict((one["instance_id"], {_tsp_settings.SECURE: value}) for one in instances)


def switch(windows, instances, plan):
    """{Key} of the instances whose value changed."""
    written = set()
    for one in instances:
        for write in plan.writes:
            if write["instance_id"] == one["instance_id"] and windows.write(write):
                written.add(key_of(one))
    return written


def not_ticked(run, model, register):
    """{Key of a user: sentence} for users with a TSP that is not configured to use the secure port. register: LOOKED, for what can be set
    in the registry, or TICKED, for what was set."""
    tsps = [one for one in model.listed() if one["enrolment"] == "tsp" and one["state"] == "present"]
    if not tsps:
        return {}
    # Before the pause, it is not known yet what the operator will do.
    ready, missing = ticked_by_hand(run, model, run.option("tsp_operator") if register == _run.LOOKED else typed(run)), {}
    for host in run.vars["ansible_play_hosts_all"]:
        found = run.of_host(host, register)
        ready |= keys_in((found.get("tsp") or found).get("ready"))
    for one in tsps:
        if key_of(one) not in ready:
            missing.setdefault(owner_of(one), []).append("%s on %s" % (one["instance_id"], one["host"]))
    return dict((owner, NOT_TICKED % ", ".join(places)) for owner, places in missing.items())


def to_restart(run):
    """Hosts whose TSPs this run may restart, so that a cutover may cut their connections."""
    return set(host for host in run.vars["ansible_play_hosts_all"]
               if (run.of_host(host, _run.LOOKED).get("tsp") or {}).get("may_restart"))


def settle(run, execute):
    """Determine what still needs a restart after the cutover. If a user was not cut over, its secure connection is disabled again."""
    model, begun, ticked = run.model(), run.register(_run.READY), run.register(_run.TICKED)
    was = keys_in(run.register(_run.DUE).get("secure"))
    secure = keys_in(run.register(_run.CUTOVER).get("secure"))
    rows = _outcome.by_key(run.newest(run.host) or ())
    mine = [one for one in listed(run, model) if key_of(one) in rows and not rows[key_of(one)]["failed"]]
    written = keys_in(ticked.get("ticked"))
    by_hand = set(Key(row["cluster"], row["instance_id"]) for row in ticked.get("by_hand") or ()) & ticked_by_hand(run, model, typed(run))
    windows, result = Windows(run, execute), dict(changed=False, warnings=[])
    back = [one for one in mine if key_of(one) in written and owner_of(one) not in secure]
    if back and not run.check:
        try:
            plan = windows.against(back, only=[_tsp_settings.SECURE], by_instance=ticks(back, False))
            result["changed"] = bool(switch(windows, back, plan))
            if plan.by_hand or plan.problems:
                raise Unanswered("the registry profile does not specify how to turn it off")
        except Unanswered as error:
            message = ("Secure Connection is on, but the user is not cut over, so the TSP cannot connect after its next start. It could "
                       "not be turned off again: %s" % error)
            rows.update((key_of(one), _outcome.also_failed(rows[key_of(one)], message)) for one in back)
    again = run.register(_run.SETTLED).get("restart") or {}  # from the batch of this host
    reasons = [] if again.get("by", BY_NOBODY) != BY_NOBODY else list(begun.get("deferred") or ())
    if any(key_of(one) in written and owner_of(one) in secure or key_of(one) in by_hand and owner_of(one) in secure - was for one in mine):
        reasons.append(SECURE_CONNECTION)
    restart = restart_of(windows, run.register(_run.LOOKED)["tsp"]["facts"], reasons)
    said = [text for text in ((begun.get("restart") or {}).get("said"), restart["said"]) if text]
    return dict(result, rows=list(rows.values()), restart=restart, said=said)


STAGES = {"tick": tick, "settle": settle}
