# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rounds on module processes: tsp_host, capf_certificate, ctl_file and fleet_accounts get a signal at a random time.

Half of the times are spread over the measured duration of the module, start of the interpreter included; the other half
over its steps, the calls that change the file system or use a socket, since these are few milliseconds of it.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import itertools
import json
import os
import random
import re
import stat
import subprocess
import sys
import time

from ansible.module_utils.testing import patch_module_args
from collection_path import ROOT
from e2e.faults.conftest import DEVICES, PASSWORD, Instance
from simulator import Simulator
from stage_options import model_of, options_of_stage

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _fleet, _pki, _store
from ansible_collections.voiceops.secure_tsp.plugins.modules import (
    capf_certificate,
    ctl_file,
    fleet_accounts,
    tsp_host,
)
from torture.rounds import ENDED, INTERRUPT, KILL, NAMES, Rounds, expect

PATIENCE = 60  # seconds for a module; only a broken one takes so long
ENABLED, SECURE = "Standard CTI Enabled", "Standard CTI Secure Connection"
SRTP = "Standard CTI Allow Reception of SRTP Key Material"
TEMPORARY = re.compile(r"\.(.+)\.[0-9a-f]{16}\.new\Z")


def run_here(module, check=False, diff=False, **options):
    """Run a module in this process and give its result, as the fixture C(run_module) does."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()), \
            contextlib.suppress(SystemExit), \
            patch_module_args(dict(options, _ansible_check_mode=check, _ansible_diff=diff)):
        module.main()
    result = json.loads(said.getvalue())
    result.pop("invocation", None)
    return result


class Scenario:
    """One kind of work that is interrupted. C(module) and C(options) are its process."""

    module = None
    reached = "nothing was done"  # the stage of a signal that came before all others

    def __init__(self, sim, instance, chance):
        self.sim = sim
        self.instance = instance
        self.chance = chance
        self.options = {}

    def prepare(self):
        raise NotImplementedError

    def stage(self):
        """What had been reached by the signal, and what must hold right after it."""
        raise NotImplementedError

    def clean(self):
        """One run without a signal, and what must hold after it."""
        raise NotImplementedError

    def good(self, result):
        expect(not failures(result), "the clean run failed: %s" % failures(result))
        return result


def failures(result):
    """Messages of a module that failed, or of the instances that failed in it."""
    return [one.get("msg") for one in (result, *result.get("rows", ())) if one.get("failed")]


# The files of an instance


class OnHost(Scenario):
    @property
    def store(self):
        return _store.Store(str(self.instance.folder))

    def staged(self, stage, secrets=None, **more):
        """Options of tsp_host for a stage with this instance."""
        instance = self.instance
        model = model_of(self.sim, [instance.user], [{
            "host": "recorder01", "user": instance.user["name"], "instance_id": instance.instance_id, "store": str(instance.folder)}])
        return {name: value for name, value in options_of_stage(
            model, stage, secrets, settings={"places": [str(instance.folder.parent)]}, **more).items() if value is not None}

    def private(self):
        """Whatever is there may be read by nobody else, and nobody holds the lock."""
        folder = self.instance.folder
        for path in [folder, *folder.rglob("*")] if folder.exists() else []:
            mode = stat.S_IMODE(path.stat().st_mode)
            half = TEMPORARY.match(path.name)
            wanted = 0o700 if path.is_dir() else 0o600 if (half.group(1) if half else path.name) in _store.PRIVATE \
                else 0o644
            expect(mode & ~wanted == 0, "%s has mode %04o" % (path, mode))
        lock = folder / _store.LOCK
        if lock.exists():
            with open(lock, "rb") as stream:
                try:
                    fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    expect(False, "the lock is held although its process is gone")

    def tidy(self, *further):
        """Nothing but the files of an instance at rest is there, and whoever may use them can reach them."""
        folder = self.instance.folder
        names = {path.name for path in folder.iterdir() if not _store.HASHED.match(path.name)}
        wanted = {_store.LOCK, _store.TRUST_LIST, _store.CALLMANAGER, *further}
        expect(names == wanted, "files after the clean run: %s" % sorted(names))
        expect(not self.store.wrong_modes(), "modes after the clean run: %s" % self.store.wrong_modes())
        made = folder.parent
        expect(stat.S_IMODE(made.stat().st_mode) == 0o755, "%s has mode %o" % (made, made.stat().st_mode))


class Enrolment(OnHost):
    module = capf_certificate

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.before = (None, None)  # the pair in place, verified
        self.issued = 0

    def prepare(self):
        self.accounts()
        self.good(self.instance.trust())
        self.begin()
        self.issued = self.sim.cluster.counters["capf issued"]
        self.sessions = self.sim.cluster.counters["capf session"]

    def accounts(self):
        self.good(self.instance.accounts("users"))

    def begin(self):
        self.options = self.enrolling(self.instance.arm())

    def enrolling(self, string, **options):
        instance = self.instance
        given = dict(path=str(instance.folder), instance_id=instance.instance_id, capf_host=self.sim.host,
                     capf_port=self.sim.capf_port, authorization_string=string, timeout=10, **options)
        return {name: value for name, value in given.items() if value is not None}

    def stage(self):
        self.private()
        store, instance = self.store, self.instance
        self._nothing_lost()
        pair = store.pair()
        if store.sub(_store.REPLACING).exists:
            return "the pair was being replaced"
        if pair != self.before:
            return "the new pair was in place"
        if None not in store.pending.pair():
            return "the certificate was staged"
        if self.sim.cluster.counters["capf issued"] > self.issued:
            return "a certificate was issued"
        if self.sim.cluster.counters["capf session"] > self.sessions:
            return "CAPF was connected"
        if instance.folder.exists() and store.pending.read(_store.KEY):
            return "the key was kept"
        return self.reached

    def _nothing_lost(self):
        """The pair that was verified is there, what is in place fits together, and a certificate that was issued has
        its key."""
        store = self.store
        key_pem, certificate = pair = store.pair()
        known = [pair, store.previous.pair()]
        expect(self.before in known or self.before == (None, None), "the former pair is lost")
        expect((key_pem is None) == (certificate is None), "half a pair is in place")
        if certificate is not None:
            expect(_pki.matches_key(certificate, _pki.key_from_pem(key_pem)), "the pair in place does not fit")
        keys = [each[0] for each in known + [store.pending.pair()] if each[0] is not None]
        for der in self.latest():
            expect(any(_pki.matches_key(der, _pki.key_from_pem(pem)) for pem in keys),
                   "the key of the certificate that was issued is lost")

    def latest(self):
        """The certificate (DER) that the cluster issued last for this profile, if any."""
        return self.sim.cluster.database.column(
            "select l.der from sim_lsc l join sim_capfprofile p on p.pkid=l.fkprofile where p.instance_id=?"
            " and l.superseded='f'", self.instance.instance_id)

    def clean(self):
        """What a run does: trust list, a look, what needs no connection, profile, enrolment, proof, confirmation."""
        instance = self.instance
        self.good(instance.trust())
        seen = self.good(instance.look())
        needed = seen["needs_certificate"]["needed"]
        if seen["unfinished"] or not needed and (seen["wrong_modes"] or seen["bundle"] != "absent"):
            self.good(instance.enrol(None))
        needs = self.good(instance.look())["needs_certificate"]
        if needs["needed"]:
            self.good(instance.provision())
        else:
            self.good(instance.accounts("profiles", instance_needs_certificate=needs))
        self.verify()
        if self.good(instance.look())["unconfirmed"]:
            self.good(instance.confirm())
        self.settled()
        result = self.good(instance.enrol(None))
        expect(not result["changed"], "one more run changes the host: %s" % result["action"])

    def verify(self):
        self.good(self.instance.accounts("cutover", instance_certificate_valid=True))
        opened = self.good(self.instance.open())
        expect(opened["totals"]["devices"] == len(DEVICES), "the provider shows no devices")
        expect(not self.instance.open_providers(), "a provider stays open")

    def settled(self):
        self.tidy(_store.KEY, _store.CERTIFICATE)
        profile, store = self.instance.profile, self.store
        expect(not profile.armed, "the profile stays armed")
        expect(store.pair()[1] in self.latest(), "the certificate in place is not the last one")
        expect(not store.unconfirmed, "the certificate is not confirmed")


class Renewal(Enrolment):
    def begin(self):
        self.have_a_pair()
        string = self.instance.arm(instance_force=True)
        self.options = self.enrolling(string, force=True)

    def have_a_pair(self):
        self.good(self.instance.provision())
        self.good(self.instance.confirm())
        self.before = self.store.pair()


class Resumption(Enrolment):
    """The certificate of an earlier run arrived, but was not put in place."""

    def begin(self):
        self.good(self.instance.accounts("profiles"))
        key = _pki.generate_key("rsa", 2048)
        self.store.begin(_pki.key_to_pem(key))
        self.store.stage(self.sim.cluster.capf_issue(
            self.instance.profile, _pki.public_key_der(key), "CTI-" + self.instance.instance_id))
        self.options = self.enrolling(None)


class Confirmation(Renewal):
    def begin(self):
        self.have_a_pair()
        self.good(self.instance.enrol(self.instance.arm(instance_force=True), force=True))
        self.before = self.store.pair()
        self.options = dict(path=str(self.instance.folder), instance_id=self.instance.instance_id, state="confirmed")

    def stage(self):
        super().stage()
        previous = self.store.previous
        if not previous.exists:
            return "the former pair was gone"
        return self.reached if None not in previous.pair() else "half of the former pair was gone"


class TrustList(OnHost):
    module = ctl_file

    def prepare(self):
        self.former = None
        self.asked = self._asked()
        self.options = self.fetching()

    def fetching(self):
        return dict(path=str(self.instance.folder), tftp_servers=[self.sim.host], tftp_port=self.sim.tftp_port,
                    capf_host=self.sim.host, timeout=10)

    def _asked(self):
        return sum(count for name, count in self.sim.cluster.counters.items() if name.startswith("tftp"))

    def stage(self):
        self.private()
        stored = self.store.read(_store.TRUST_LIST)
        expect(stored in (self.former, self.sim.cluster.ctl_octets()), "the stored list is neither the old nor the new one")
        if stored != self.former:
            return "the list was stored"
        if self._half():
            return "some of its files were written"
        return "the list was asked for" if self._asked() > self.asked else self.reached

    def _half(self):
        return bool(set(self.store.names()) - {_store.LOCK})

    def clean(self):
        self.good(self.instance.trust())
        self.tidy(*self.further)
        store, cluster = self.store, self.sim.cluster
        hashed = {name: store.read(name) for name in store.names() if _store.HASHED.match(name)}
        expect(store.read(_store.TRUST_LIST) == cluster.ctl_octets(), "the list is not that of the cluster")
        expect(store.read(_store.CALLMANAGER) == cluster.certificates.callmanager.der, "CallManager.cer is another")
        expect(hashed == self.certificates(), "the certificates beside the list are others")
        expect(not self.good(self.instance.trust())["changed"], "one more run changes the host")

    further = ()

    def certificates(self):
        """{name: PEM} as a run that nobody interrupts stores them."""
        fresh = self.instance.folder.parent / "fresh"
        self.good(self.instance.trust(path=str(fresh)))
        return {path.name: path.read_bytes() for path in fresh.iterdir() if _store.HASHED.match(path.name)}


class NewTrustList(TrustList):
    """The cluster got a new list, with another certificate in it."""

    further = (_store.FORMER_TRUST_LIST,)

    def prepare(self):
        super().prepare()
        self.good(self.instance.trust())
        self.former = self.store.read(_store.TRUST_LIST)
        self.files = set(self.store.names())
        self.sim.act("regenerate", certificate="callmanager")
        self.asked = self._asked()

    def _half(self):
        return set(self.store.names()) != self.files


class NoTrustList(OnHost):
    module = ctl_file

    def prepare(self):
        self.good(self.instance.trust())
        self.files = set(self.store.names())
        self.options = dict(path=str(self.instance.folder), state="absent")

    def stage(self):
        self.private()
        names = set(self.store.names())
        return self.reached if names == self.files else "some files were gone" if names else "all files were gone"

    def clean(self):
        self.good(run_here(ctl_file, **self.options))
        expect(not self.instance.folder.exists(), "%s is left" % list(self.instance.folder.glob("*")))


# The same by the stages of a run


class EnrolStage(Renewal):
    module = tsp_host

    def begin(self):
        self.have_a_pair()
        self.options = self.staged("enrol", {"strings": [self.instance.arm(instance_force=True)]})


class ProveStage(Confirmation):
    module = tsp_host

    def begin(self):
        super().begin()
        self.good(self.instance.accounts("cutover", instance_certificate_valid=True))
        self.options = self.staged("prove", {"passwords": [PASSWORD]}, way="application", confirm=True)


class LookStage(NewTrustList):
    module = tsp_host

    def fetching(self):
        return self.staged("look")


class RemoveStage(OnHost):
    module = tsp_host

    def prepare(self):
        self.good(self.instance.accounts("users"))
        self.good(self.instance.trust())
        self.good(self.instance.provision())
        self.files = set(self.store.names())
        self.options = self.staged("remove")

    def stage(self):
        self.private()
        names = set(self.store.names())
        return self.reached if names == self.files else "some files were gone" if names else "all files were gone"

    def clean(self):
        self.good(run_here(tsp_host, **self.options))
        expect(not self.instance.folder.exists(), "%s is left" % list(self.instance.folder.glob("*")))


# The cluster


class Accounts(Scenario):
    """Users of their own with two instances each, and all that belongs to them."""

    module = fleet_accounts
    stages = ["users", "profiles"]
    needed = True

    def __init__(self, *arguments):
        super().__init__(*arguments)
        name = self.instance.user["name"]
        self.users = [
            dict(self.instance.user, name=name + letter, srtp=True, cti_groups=["Standard CTI Allow Call Monitoring"])
            for letter in "ab"]
        self.listed = [
            dict(host="recorder0%d" % number, user=user["name"], instance_id="%sx%d" % (user["name"], number))
            for user in self.users for number in (1, 2)]
        self.sim.cluster.features.standard_group_delta = self.chance.random() < 0.7

    def prepare(self):
        self.options = self.given()
        self._start()

    def _start(self):
        self.writes = self.sim.cluster.write_count
        self.reads = self._requests()

    def _requests(self):
        return sum(self.sim.cluster.counters.values())

    def given(self, stages=None, **options):
        wish = dict(needs_certificate={"needed": True, "reason": "missing"}) if self.needed else {}
        return dict(
            hostname=self.sim.host, port=self.sim.axl_port, username=self.sim.username, password=self.sim.password,
            ca_path=self.sim.ca_path, users=self.users, instances=[dict(one, **wish) for one in self.listed],
            stages=stages or self.stages, **options)

    def stage(self):
        written = self.sim.cluster.write_count - self.writes
        if written:
            return "%d to %d changes were made" % (written - (written - 1) % 5, written + (-written) % 5)
        return "the cluster was asked" if self._requests() > self.reads else self.reached

    def run(self, *stages, **options):
        return self.good(run_here(fleet_accounts, **self.given(list(stages) or None, **options)))

    def profiles(self):
        return [self.sim.cluster.accounts.profile(one["instance_id"]) for one in self.listed]

    def clean(self):
        result = self.run()
        strings = result["strings"]
        for profile in self.profiles():
            expect(profile.armed and profile.string == strings[profile.instance_id],
                   "profile %s is not armed with a string that is known" % profile.instance_id)
        self.settle()

    def settle(self):
        """The strings are not used: nothing may stay armed, and everything else is as listed."""
        self.run("disarm")
        expect(not any(profile.armed for profile in self.profiles()), "a profile stays armed")
        self.needed = False
        result = self.run()
        expect(not result["changed"], "one more run changes the cluster: %s" % result["plan"])
        self.check_users(ENABLED, "Standard CTI Allow Call Monitoring")

    def check_users(self, *groups):
        cluster = self.sim.cluster
        shown = cluster.snapshot()["users"]
        for user in self.users:
            found = shown["application:" + user["name"]]
            expect(found["devices"] == sorted(user["devices"]), "devices of %s: %s" % (user["name"], found["devices"]))
            expect(found["groups"] == sorted(groups), "groups of %s: %s" % (user["name"], found["groups"]))
            flags = cluster.accounts.credential(cluster.user(user["name"]).pkid)
            wrong = [flag for flag, value in FLAGS.items() if flags[flag] != value]
            expect(not wrong, "credential flags of %s: %s" % (user["name"], wrong))
            expect(flags["password"] == PASSWORD, "password of %s" % user["name"])
        for profile, one in zip(self.profiles(), self.listed):
            expect((profile.user, profile.key_size) == (one["user"], "2048"), "profile %s" % profile.instance_id)


FLAGS = {"cantchange": "t", "mustchange": "f", "doesnotexpire": "t"}


class Cutover(Accounts):
    stages = ["cutover"]
    needed = False

    def prepare(self):
        self.run("users", "profiles")
        for profile in self.profiles():
            self.sim.act("set_status", instance_id=profile.instance_id, status=_fleet.SUCCESS)
        super().prepare()

    def clean(self):
        self.run()
        result = self.run()
        expect(not result["changed"], "one more run changes the cluster: %s" % result["plan"])
        expect(all(row["done"] for row in result["cutover"]), "not everybody was cut over")
        self.check_users(ENABLED, "Standard CTI Allow Call Monitoring", SECURE, SRTP)


class Disarming(Accounts):
    stages = ["disarm"]

    def prepare(self):
        self.run("users", "profiles")
        super().prepare()

    def clean(self):
        self.stages = Accounts.stages
        self.settle()


class Removal(Accounts):
    stages = ["profiles"]

    def prepare(self):
        self.run("users", "profiles")
        gone = dict(state="absent", remove_user=True)
        self.users = [dict(user, **gone) for user in self.users]
        self.listed = [dict(one, state="absent") for one in self.listed]
        super().prepare()

    def clean(self):
        self.run()
        left = [name for name in self.sim.cluster.snapshot()["users"] if self.instance.user["name"] in name]
        expect(not left and not any(self.profiles()), "left on the cluster: %s %s" % (left, self.profiles()))
        expect(not self.run()["changed"], "one more run changes the cluster")


SCENARIOS = {
    # name: (class, how often among the others)
    "capf: enrol": (Enrolment, 5), "capf: renew": (Renewal, 5), "capf: resume": (Resumption, 2),
    "capf: confirm": (Confirmation, 2),
    "host: enrol": (EnrolStage, 5), "host: prove": (ProveStage, 3), "host: look": (LookStage, 3), "host: remove": (RemoveStage, 2),
    "ctl: first list": (TrustList, 3), "ctl: new list": (NewTrustList, 4), "ctl: absent": (NoTrustList, 1),
    "fleet: make and arm": (Accounts, 5), "fleet: cut over": (Cutover, 2), "fleet: disarm": (Disarming, 1),
    "fleet: remove": (Removal, 2),
}


class ModuleRounds(Rounds):
    kind = "module"

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._sim = Simulator(seed={"devices": DEVICES})
        self._names = itertools.count(1)
        self._measured = {}  # {scenario: (seconds, steps)}

    def run(self, numbers, end):
        with self._sim:
            super().run(numbers, end)
        violations = self._sim.cluster.schema_violations
        if violations:
            self.findings.append((0, "requests that the schema forbids: %s" % violations))

    def _scenario(self, name, chance, folder):
        user = "torture%d" % next(self._names)
        instance = Instance(self._sim, run_here, folder / "etc" / "secure_tsp" / user, user)
        return SCENARIOS[name][0](self._sim, instance, chance)

    def _measure(self, name, folder):
        """Seconds and steps of the module when nobody interrupts it."""
        if name not in self._measured:
            chance = random.Random(self.seed)
            scenario = self._scenario(name, chance, folder)
            scenario.prepare()
            begin = time.monotonic()
            self._end(self._start(scenario), None, ENDED)
            seconds = time.monotonic() - begin
            scenario = self._scenario(name, chance, folder)
            scenario.prepare()
            steps = self._end(self._start(scenario, 0, 0), None, ENDED)
            self._measured[name] = seconds, int(steps.splitlines()[-1])
        return self._measured[name]

    def _start(self, scenario, *step):
        process = subprocess.Popen(
            [sys.executable, "-m", "torture.victim", scenario.module.__name__.rpartition(".")[2], *map(str, step)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
            env=dict(os.environ, PYTHONPATH=str(ROOT / "tests"), PYTHONDONTWRITEBYTECODE="1"))
        process.stdin.write(json.dumps(scenario.options))
        process.stdin.close()
        process.stdin = None
        return process

    def _end(self, process, number, what):
        """Its standard error, once it ended as it should: well, or by the signal."""
        said, errors = process.communicate(timeout=PATIENCE)
        rc = process.returncode
        if rc == 0:
            expect(not failures(json.loads(said)), "%s, it failed: %s" % (what, said))
        else:
            wanted = {KILL: (-KILL,), INTERRUPT: (-INTERRUPT, 1)}.get(number, ())
            expect(rc in wanted and (rc != 1 or "KeyboardInterrupt" in errors),
                   "%s, it ended with %d: %s%s" % (what, rc, said, errors))
        secrets = [PASSWORD, self._sim.password]
        expect(not any(secret in errors or secret in said for secret in secrets), "a secret was told: %s" % errors)
        return errors

    def play(self, number, chance, folder):
        name = chance.choices(list(SCENARIOS), [weight for _class, weight in SCENARIOS.values()])[0]
        what = INTERRUPT if chance.random() < 0.3 else KILL
        seconds, steps = self._measure(name, folder)
        scenario = self._scenario(name, chance, folder)
        scenario.prepare()
        if chance.random() < 0.5:
            step = chance.randrange(steps)
            when = "at step %d of %d" % (step, steps)
            process = self._start(scenario, step, int(what))
        else:
            after = chance.uniform(0, 1.05 * seconds)
            when = "after %.3f of %.3f s" % (after, seconds)
            process = self._start(scenario)
            time.sleep(after)
            process.send_signal(what)
        self._end(process, what, "%s %s" % (NAMES[what], when))
        stage = scenario.stage()
        self.interrupted(name, NAMES[what], when, stage if process.returncode else ENDED)
        scenario.clean()
        expect(scenario.instance.kept_secrets(), "a result tells a secret")
        self._forget()

    def _forget(self):
        """So that the cluster of the last round is as small as that of the first."""
        accounts = self._sim.cluster.accounts
        for profile in accounts.profiles():
            self._sim.act("remove_profile", instance_id=profile.instance_id)
        for name in list(self._sim.cluster.snapshot()["users"]):
            if name.startswith("application:torture"):
                self._sim.act("remove_user", user=name.partition(":")[2])
