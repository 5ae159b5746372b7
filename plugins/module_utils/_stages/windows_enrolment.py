# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The stages in which TSPs enrol their certificates: arm profiles, hand over strings, and read the new certificates."""

from __future__ import annotations

import contextlib
import os

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import (
    _outcome,
    _run,
    _tsp_enrolment,
    _tsp_settings,
    _upgrade,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._model import Key, key_of, keys_in
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages import hosts
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages.windows import (
    BY_NOBODY,
    FETCHING,
    FULL,
    INSTALLATION,
    NEEDS,
    ON_CONTROLLER,
    ON_HOST,
    TO_NOBODY,
    Unanswered,
    Windows,
    as_file_name,
    entered,
    listed,
    restart_of,
    rows_by_hand,
    typed,
    write_private,
)

NOBODY_LEARNS = (
    "Nobody would know the authorization strings of %s: the registry profile does not specify where the TSP stores them, and "
    "client_windows_string_handover is none. Set it to another value, or set authorization_string.")


# handed


def hand_over(run, execute):
    """Arm the profiles of instances that need a certificate, and hand over their strings, in the registry if the profile specifies the
    location, else in a file. A profile whose string reached its TSP stays armed, because the TSP may enrol later; others are disarmed."""
    model, windows = run.model(), Windows(run, execute)
    rows = _outcome.by_key(run.newest(run.host) or ())
    mine = [one for one in listed(run, model) if key_of(one) in rows]
    said = entered(run, model, False)
    # A string that a person has entered is not replaced by a new one.
    waiting = [dict(one, rearm=one["rearm"] and key_of(one) not in said) for one in mine if awaited(rows[key_of(one)])]
    rows.update((key_of(one), _upgrade.begun(rows[key_of(one)])) for one in waiting if "upgrade" in rows[key_of(one)])
    work = HandOver(run, windows, model, rows)
    if run.check:
        work.changed = bool(waiting)
    else:
        work.work(work.of_use(waiting))
    work.rows.update((key_of(one), _upgrade.settled(work.rows[key_of(one)])) for one in waiting if "upgrade" in work.rows[key_of(one)])
    waiting = [one for one in waiting if not (work.rows[key_of(one)]["failed"] or work.rows[key_of(one)]["not_begun"])]
    left = {}
    for one in waiting:
        plan = _tsp_settings.against([dict(one)], windows.profile, windows.options["settings"], known_of(windows, one),
                                     strings={one["instance_id"]: _tsp_settings.HIDDEN}, properties={})
        left[key_of(one)] = rows_by_hand([one], plan)
    return work.result(
        armed=sorted(map(list, work.armed)), waiting=[list(key_of(one)) for one in waiting],
        by_hand=[row for one in waiting for row in left[key_of(one)]], files=work.files_of(waiting, left))


def ready(run, execute):
    """Determine which TSPs to restart so that they enrol: those with nothing left to enter, and those where it has been entered."""
    model, handed = run.model(), run.register(_run.HANDED)
    said = entered(run, model, typed(run))
    left = set(Key(row["cluster"], row["instance_id"]) for row in handed.get("by_hand") or ())
    found = [pair for pair in handed.get("waiting") or () if Key(*pair) not in left or Key(*pair) in said]
    reasons = reasons_of(run) + ([FETCHING] if found else [])
    restart = restart_of(Windows(run, execute), run.register(_run.LOOKED)["tsp"]["facts"], reasons) if found else dict(
        by=BY_NOBODY, reasons=[], said="")
    return dict(changed=False, ready=found, restart=restart, deferred=[] if found else reasons)


def known_of(windows, instance):
    """Settings of one instance, as input for _tsp_settings."""
    mine = windows.options["instance_settings"].get(instance["instance_id"])
    return {instance["instance_id"]: mine} if mine else {}


def awaited(row):
    """Whether an instance has to enrol a certificate, and this was not checked in an earlier part of the run."""
    if row.get("upgrade") == _upgrade.BY_TSP:
        return row["state"] == _upgrade.LEFT
    return bool(row["needed"]) and not row["failed"] and "state" not in row


def reasons_of(run):
    """What the role changed on the host that takes effect only after a restart."""
    reasons = [INSTALLATION] if run.of_role("installed").get("changed") else []
    for found in run.of_role("written").get("results") or ():
        if found.get("changed") and found["item"]["restart"]:
            reasons.append(found["item"]["setting"])
    return list(dict.fromkeys(reasons))


class HandOver(hosts.Enrolment):
    """Arms profiles of one host, chunk by chunk, and hands over strings instead of enrolling."""

    def __init__(self, run, windows, model, rows):
        super().__init__(run, windows.execute, model, rows)
        self.windows, self.armed = windows, set()
        self.has_place = _tsp_settings.has_a_place(_tsp_settings.STRING, windows.profile)
        self.way = None if self.has_place else windows.options["string_handover"]

    def of_use(self, due):
        """The instances whose string can be handed over. The others fail."""
        if self.way != TO_NOBODY:
            return due
        lost = [one for one in due if not one["string_given"]]
        if lost:
            self.fail(lost, NOBODY_LEARNS % ", ".join(one["instance_id"] for one in lost))
        return [one for one in due if one["string_given"]]

    def hindrance(self, cluster, chunk, canary, number):
        """As for others. In an upgrade, the gate is checked as well."""
        stopped = (self.run.register(_run.GATE).get("stopped") or {}).get(cluster)
        return tuple(stopped) if stopped else super().hindrance(cluster, chunk, canary, number)

    def enrol(self, due, arming, used):
        self.armed |= set(Key(arming.cluster, name) for name in arming.armed)
        strings = dict((one["instance_id"], arming.strings[one["instance_id"]]) for one in due if one["instance_id"] in arming.strings)
        for text in strings.values():
            self.run.keep_secret(text)
        plan = self.windows.against(due, strings=strings, by_instance=dict(
            pair for one in due for pair in known_of(self.windows, one).items()))
        for one in due:
            name = one["instance_id"]
            try:
                for write in plan.writes:
                    if write["instance_id"] == name:
                        self.changed |= self.windows.write(write, secret=write["secret"])
                if name in strings and self.way == ON_CONTROLLER:
                    write_private(self.path(one), strings[name] + "\n")
                elif name in strings and self.way == ON_HOST:
                    self.put(one, strings[name])
            except (Unanswered, OSError) as error:
                self.fail([one], "The authorization string could not be handed over: %s" % (
                    error.strerror if isinstance(error, OSError) else error))
                continue
            used.add(name)
            if name in arming.armed:
                self.rows[key_of(one)] = dict(self.rows[key_of(one)], changed=True)

    def path(self, instance):
        """Path of the file with an instance's string."""
        name = instance["instance_id"] if not self.model.several else "%s-%s" % (
            as_file_name(instance["cluster"]), instance["instance_id"])
        if self.way == ON_HOST:
            return "%s\\%s.txt" % (self.windows.options["string_folder_on_host"].rstrip("\\"), name)
        folder = self.windows.options["string_folder"] or os.path.join("~", ".voiceops", "strings")
        return os.path.join(os.path.expanduser(folder), name + ".txt")

    def put(self, instance, string):
        """Write the authorization string to a file on the host, in a folder that only its readers can open."""
        self.windows.closed_folder(self.windows.options["string_folder_on_host"], [(self.windows.options["string_readers"], FULL)])
        answer = self.windows.answer("win_copy", dict(content=string + "\r\n", dest=self.path(instance)), action=True)
        if answer.get("failed"):
            raise Unanswered("%s.win_copy failed on this host." % NEEDS)

    def files_of(self, waiting, left):
        """[cluster, instance ID, path] of the files that a person has to read."""
        return [[*key_of(one), self.path(one)] for one in waiting
                if self.way in (ON_CONTROLLER, ON_HOST) and left[key_of(one)]]


# fetched


def fetched(run, execute):
    """Read the certificates that the TSPs enrolled, and remove strings that were used."""
    model, windows = run.model(), Windows(run, execute)
    handed = run.register(_run.HANDED)
    rows = _outcome.by_key(run.newest(run.host) or ())
    waiting = keys_in(handed.get("waiting"))
    if run.check or not waiting:
        return dict(rows=list(rows.values()), changed=forget(run, windows, model, rows, run.register(_run.LOOKED)["tsp"]["strings"]))
    armed = keys_in(handed["armed"])
    begun = run.register(_run.READY)
    started = keys_in(begun["ready"]) if begun["restart"]["by"] != BY_NOBODY else set()
    profiles = dict((Key(cluster, name), profile) for cluster, name, profile in run.register(_run.WAITED).get("profiles") or ())
    mine = [one for one in listed(run, model) if key_of(one) in rows]
    found, strings = {}, []
    with contextlib.suppress(Unanswered):
        facts, strings = windows.facts(mine)
        found = _tsp_enrolment.by_key(facts)
    for key in waiting:
        rows[key] = _tsp_enrolment.judged(rows[key], found.get(key), profiles.get(key), key in armed, key in started,
                                          run.option("fetch_deadline"))
    changed = any(rows[key]["action"] in _outcome.NEW for key in waiting)
    return dict(rows=list(rows.values()), changed=forget(run, windows, model, rows, strings) or changed)


def forget(run, windows, model, rows, on_host):
    """Remove the strings of instances that have their certificate."""
    if run.check:
        return False
    work, changed = HandOver(run, windows, model, rows), False
    for one in listed(run, model):
        row = rows.get(key_of(one))
        if not row or row["failed"] or not row["certificate_valid"] or row["needed"] or row["action"] == _outcome.WAITS_ARMED:
            continue
        path = work.path(one)
        if work.way == ON_CONTROLLER and os.path.lexists(path):
            os.unlink(path)
            changed = True
        elif work.way == ON_HOST and path.lower() in [there.lower() for there in on_host]:
            changed |= bool(windows.answer("win_file", dict(path=path, state="absent")).get("changed"))
    return changed


STAGES = {"hand_over": hand_over, "ready": ready, "fetched": fetched}
