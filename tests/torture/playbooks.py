# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rounds on ansible-playbook: a playbook for a small fleet gets a signal at a random time, and all must be right after one
more run of site.

Half of the times are spread over the duration of a run that nobody interrupts; the other half over its stages, since some of
them are short. What counts is how far the run has come, told by the events that it wrote, so that a busy machine makes no
difference.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import pathlib
import shutil
import signal
import time

from controller import PATIENCE
from e2e.conftest import SEED, Site
from simulator import Simulator

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _pki, _store
from torture.rounds import ENDED, INTERRUPT, KILL, NAMES, Rounds, expect

HOSTS = ("recorder01", "recorder02")
USERS = (
    {"name": "recorder_tapi", "password": "Recorder-Secret-0002", "srtp": True, "devices": ["SEP001122334450"]},
    {"name": "dialer", "password": "Dialer-Secret-0003", "devices": ["SEP001122334452"]},
)
INSTANCES = (
    {"host": "recorder01", "user": "recorder_tapi", "instance_id": "recorder01x1"},
    {"host": "recorder02", "user": "recorder_tapi", "instance_id": "recorder02x1"},
    {"host": "recorder02", "user": "dialer", "instance_id": "recorder02x2"},
)
GOOD = {"verified", "ok", "enrolled, not verified online"}
POLL = 0.02      # seconds between looks at a run
ORPHANS = 90     # seconds that processes may live on when only ansible-playbook itself was killed
POWER = "the loss of power"


def living(mark):
    """Process ids whose environment has this text."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark.encode() in path.read_bytes():
                found.append(int(path.parent.name))
    return found


def profiles_of(site):
    return site.sim.cluster.accounts.profiles()


# What the fleet is like before a round


def nothing(site, _chance):
    """Neither users nor files."""
    for profile in profiles_of(site):
        site.sim.act("remove_profile", instance_id=profile.instance_id)
    for user in site.users:
        if "application:" + user["name"] in site.sim.cluster.snapshot()["users"]:
            site.sim.act("remove_user", user=user["name"])
    shutil.rmtree(site.controller.hosts)
    site.controller.hosts.mkdir(mode=0o700)


def forced(site, _chance):
    """New certificates are asked for."""
    for instance in site.instances:
        instance["force"] = True


def damaged(site, chance):
    """A key is lost, and an administrator took a device away."""
    (site.store(chance.choice(site.instances)["instance_id"]) / _store.KEY).unlink()
    site.sim.act("set_devices", user="dialer", devices=[])


def expiring(site, chance):
    """Certificates are about to end, and the cluster has a new trust list."""
    site.sim.act("rebuild_ctl")
    site.settings["secure_tsp_renew_before_days"] = 10000


def unlisted(site, chance):
    """One instance is listed as absent."""
    chance.choice(site.instances)["state"] = "absent"


START = "start"  # before the first stage
SCENARIOS = {
    # name, which begins with that of the playbook: (what is done before, how often among the others)
    "site: nothing there": (nothing, 4), "site: forced": (forced, 3), "site: damaged": (damaged, 2), "site: expiring": (expiring, 2),
    "upgrade_certificates: expiring": (expiring, 3), "decommission: one": (unlisted, 1),
}
WISHES = ("force", "state")


def reached(events):
    """The last stage that a run began."""
    return next((event["stage"] for event in reversed(events) if event.get("stage")), START)


def spans(timeline):
    """[(begin, end)] of the stages that a timeline went through."""
    begins = [next(points)[0] for _stage, points in itertools.groupby(timeline, key=lambda point: point[2])]
    return list(zip(begins, begins[1:] + [timeline[-1][0]]))


class PlaybookRounds(Rounds):
    kind = "playbook"

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._timelines = {}  # {scenario: [(seconds, events, stage)]}
        self._longest = 0.0
        self._site = None
        self._playing = None

    def run(self, numbers, end):
        with Simulator(seed=SEED) as simulator:
            site = self._site = Site(simulator, self.folder / "fleet", HOSTS, USERS, INSTANCES)
            try:
                super().run(numbers, end)
            finally:
                if self._playing is not None:
                    self._playing.end()
                if not self.findings:
                    shutil.rmtree(site.controller.folder)
            if simulator.cluster.schema_violations:
                self.findings.append((0, "requests that the schema forbids: %s" % simulator.cluster.schema_violations))

    def figures(self):
        yield from super().figures()
        yield "  processes lived on for up to %.1f s after their ansible-playbook was killed" % self._longest

    def play(self, number, chance, folder):
        name = chance.choices(list(SCENARIOS), [weight for _work, weight in SCENARIOS.values()])[0]
        what = chance.choice((INTERRUPT, KILL, POWER))
        moment, stays, by_stage = chance.random(), chance.random() < 0.5, chance.random() < 0.5
        timeline = self._timeline(name, chance)
        begin, end = chance.choice(spans(timeline)) if by_stage else (0.0, timeline[-1][0])
        self._prepare(name, chance)
        pairs = self._pairs()
        after = begin + moment * (end - begin)
        known = max(point for point in timeline if point[0] <= after)
        playing, seconds = self._until(name, known[1], after - known[0])
        stage = self._end(playing, what)
        when = "after %.1f of %.1f s" % (seconds, timeline[-1][0])
        self.interrupted(name, NAMES.get(what, what), when, stage)
        self._check(pairs)
        if not stays or any("state" in one for one in self._site.instances):
            self._forget_wishes()
        self._clean()

    def _start(self, name="site"):
        """Start the playbook of a scenario; it ends with the rounds, whatever happens to them."""
        self._playing = self._site.start(playbook=name.partition(":")[0])
        return self._playing

    def _prepare(self, name, chance):
        self._forget_wishes()
        if not profiles_of(self._site) and name != "site: nothing there":
            self._clean()
        SCENARIOS[name][0](self._site, chance)

    def _forget_wishes(self):
        """What was asked for in the round is asked for no longer."""
        self._site.settings.clear()
        for instance, wish in itertools.product(self._site.instances, WISHES):
            instance.pop(wish, None)

    def _timeline(self, name, chance):
        """When a run that nobody interrupts had written how many events, and in which stage: [(seconds, events, stage)]."""
        if name not in self._timelines:
            self._prepare(name, chance)
            playing, begin, timeline = self._start(name), time.monotonic(), [(0.0, 0, START)]
            while playing.process.poll() is None:
                events = playing.events()
                if len(events) > timeline[-1][1]:
                    timeline.append((time.monotonic() - begin, len(events), reached(events)))
                time.sleep(POLL)
            run = playing.wait()
            expect(run.rc == 0, "a run that nobody interrupted failed: %s" % run.output)
            self._timelines[name] = timeline
        return self._timelines[name]

    def _until(self, name, count, seconds):
        """A run that has written so many events, and some time after that, with its age."""
        playing, begin = self._start(name), time.monotonic()
        while playing.process.poll() is None and len(playing.events()) < count:
            expect(time.monotonic() - begin < PATIENCE, "the run does not get on")
            time.sleep(POLL)
        time.sleep(seconds)
        return playing, time.monotonic() - begin

    def _end(self, playing, what):
        """Send the signal and wait until nothing of the run is left. The stage that it had reached."""
        if playing.process.poll() is not None:
            playing.wait()
            return ENDED
        if what == POWER:
            playing.kill()
        else:
            playing.process.send_signal(what)
        begin = time.monotonic()
        rc = playing.process.wait(ORPHANS)
        mark = "PLAYBOOK_EVENTS=%s\0" % playing._events
        while living(mark) and time.monotonic() - begin < ORPHANS:
            time.sleep(POLL)
        self._longest = max(self._longest, time.monotonic() - begin)
        left = living(mark)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        expect(not left, "%d processes live on" % len(left))
        run = playing.wait()
        # A signal that comes while Python still imports Ansible ends in a traceback of Python's own.
        expect(not run.events or "Traceback (most recent call last)" not in run.output, run.output)
        expect(rc != 0 or what == INTERRUPT, "killed, but it ended with 0")
        return reached(run.events)

    def _pairs(self):
        """{instance id: pair in place} where there is a good one."""
        found = {}
        for instance in self._site.instances:
            pair = _store.Store(str(self._site.store(instance["instance_id"]))).pair()
            if None not in pair:
                found[instance["instance_id"]] = pair
        return found

    def _check(self, pairs):
        """Right after the signal: no pair is lost, none is half, nothing can be read by others."""
        for instance in self._site.instances:
            store = _store.Store(str(self._site.store(instance["instance_id"])))
            key_pem, certificate = pair = store.pair()
            known = [pair, store.previous.pair()]
            former = pairs.get(instance["instance_id"]) if instance.get("state") != "absent" else None
            # A pair that is confirmed takes the place of the former one: it was proven.
            proven = certificate is not None and key_pem is not None and not store.unconfirmed
            expect(former is None or former in known or proven, "the former pair of %(instance_id)s is lost" % instance)
            if None not in pair:
                expect(_pki.matches_key(certificate, _pki.key_from_pem(key_pem)), "the pair of %(instance_id)s does not fit"
                       % instance)
        for path in self._site.controller.hosts.rglob("*"):
            if path.name.startswith((".QBEClient.key", "QBEClient.key", "QBEClient.pem")):
                expect(path.stat().st_mode & 0o077 == 0, "%s can be read by others" % path)

    def _clean(self):
        """One run, and nothing is left to be done by hand."""
        site = self._site
        run = self._start().wait()
        expect(run.rc == 0, "the clean run failed: %s" % run.output)
        expect(set(run.states) == {one["instance_id"] for one in INSTANCES} and set(run.states.values()) <= GOOD,
               "the clean run says %s %s" % (run.states, run.remarks))
        expect(site.armed() == [], "armed after the clean run: %s" % site.armed())
        for instance_id in run.states:
            self._settled(instance_id)
        for user in site.users:
            found = site.sim.cluster.snapshot()["users"]["application:" + user["name"]]
            expect(found["devices"] == sorted(user["devices"]), "devices of %(name)s" % user)
            expect(("Standard CTI Secure Connection" in found["groups"]), "%(name)s was not cut over" % user)
        compromised = [profile.instance_id for profile in profiles_of(site) if profile.compromised]
        expect(not compromised, "compromised: %s" % compromised)

    def _settled(self, instance_id):
        store = _store.Store(str(self._site.store(instance_id)))
        names = {name for name in store.names() if not _store.HASHED.match(name)} - {_store.FORMER_TRUST_LIST}
        wanted = {_store.LOCK, _store.TRUST_LIST, _store.CALLMANAGER, _store.KEY, _store.CERTIFICATE}
        expect(names == wanted, "files of %s: %s" % (instance_id, sorted(names)))
        expect(not store.wrong_modes(), "modes of %s: %s" % (instance_id, store.wrong_modes()))
        key_pem, certificate = store.pair()
        known = self._site.sim.cluster.cti_certificate(certificate)
        expect(_pki.matches_key(certificate, _pki.key_from_pem(key_pem)), "the pair of %s does not fit" % instance_id)
        expect(known and known.instance_id == instance_id and not (known.superseded or known.expired),
               "the certificate of %s is %s" % (instance_id, known))
