# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs with all there is to say, while their processes and temporary files are watched for what others could see."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import pathlib
import re
import threading
import time

import pytest
from controller import descendants
from simulator import capf_server, cti_manager

GIVEN = "8273645190"
PASSPHRASE = "Passphrase-Secret-0009"
AXL = "Axl-Secret-0008"
HEADINGS = (b"-----BEGIN PRIVATE KEY", b"-----BEGIN ENCRYPTED PRIVATE KEY", b"-----BEGIN RSA PRIVATE KEY")


class Listener:
    """Session ids of CAPF, which learn the authorization strings of the profiles that are armed by then; and whoever asks."""

    def __init__(self, site):
        self.strings = set()
        self._site = site
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def __next__(self):
        with self._lock:
            self.learn()
            return next(self._numbers)

    def learn(self):
        self.strings |= {one.string for one in self._site.sim.cluster.accounts.profiles() if one.string}


class Given:
    """What modules and the cluster's front ends were given: [(who, text)]. C(keys): {stage of tsp_host: secrets by their names}."""

    def __init__(self, site, path, patch):
        self.path, self.told, self.site = path, [], site
        site.controller.callbacks.append("given")
        site.controller.more["PLAYBOOK_GIVEN"] = str(path)
        web = site.sim.front("axl")
        respond, arrived, opened, password = web.respond, capf_server._Session._next_message, cti_manager._Session._take, \
            cti_manager._Session._password

        def of_web(path, headers, body):
            self.told.append((body.partition(b"Body>")[2][:400].decode(), body.decode()))
            return respond(path, headers, body)

        def of_capf(session):
            message = arrived(session)
            self.told.append(("CAPF " + message.command_name, repr(message.elements)))
            return message

        def of_cti(session, octets):
            self.told.append(("CTI Manager", repr(octets)))
            return opened(session, octets)

        def of_login(session, message):
            plain = password(session, message)
            self.told.append(("CTI Manager, encrypted in " + message.name, plain or ""))
            return plain

        patch.setattr(web, "respond", of_web)
        patch.setattr(capf_server._Session, "_next_message", of_capf)
        patch.setattr(cti_manager._Session, "_take", of_cti)
        patch.setattr(cti_manager._Session, "_password", of_login)

    def modules(self):
        """[(module, stage, options)]"""
        with open(self.path, encoding="utf-8") as lines:
            for line in lines:
                found = json.loads(line)
                yield found["module"].rpartition(".")[2], found["options"].get("stage", ""), found["options"]

    def by_name(self, secrets):
        """{who: kinds of secrets}. secrets: {what kind: [secret]}."""
        found = {}
        for who, text in [(" ".join(filter(None, (name, stage))), json.dumps(options, ensure_ascii=False))
                          for name, stage, options in self.modules()] + self.told:
            who = re.sub(r"^<(?:\w+:)?(\w+).*", r"AXL \1", who, flags=re.DOTALL)
            kinds = {kind for kind, known in secrets.items() if any(json.dumps(one)[1:-1] in text or one in text for one in known)}
            if kinds:
                found.setdefault(who, set()).update(kinds)
        return found


class Loud:
    """A site that is run with all there is to say, while its processes are watched."""

    def __init__(self, site, belongs=()):
        """belongs: folders in which secrets belong."""
        self.site = site
        self.belongs = belongs
        self.listener = Listener(site)
        if site.sim.front("capf"):
            site.sim.front("capf").sessions = self.listener
        site.controller.more["PLAYBOOK_EVENTS_WHOLE"] = "1"  # what stages register is looked at, too
        self.arguments = set()
        self.environments = set()
        self.temporary = set()   # paths of temporary files that were seen
        self.exposed = set()     # (path, octets) of those that others could have read
        self.keys = set()
        self.further = {}        # {name: secret} besides those of the lists

    def run(self, *words, rc=0, umask=None, playbook="site"):
        before = os.umask(umask) if umask is not None else None
        try:
            playing = self.site.start("-vvvv", "--diff", *words, playbook=playbook)
        finally:
            if before is not None:
                os.umask(before)
        while playing.process.poll() is None:
            self._watch_processes([playing.process.pid, *descendants(playing.process.pid)])
            self._watch_files(self.site.controller.temp)
            self.listener.learn()
            time.sleep(0.05)
        run = playing.wait()
        assert rc is None or run.rc == rc, run.output
        self.keys |= {path.read_bytes() for path in self.key_files() if path.name == "QBEClient.key.pem"}
        return run

    def _watch_processes(self, pids):
        for pid in pids:
            with contextlib.suppress(OSError):
                self.arguments.add(pathlib.Path("/proc/%d/cmdline" % pid).read_bytes())
                self.environments.add(pathlib.Path("/proc/%d/environ" % pid).read_bytes())

    def _watch_files(self, folder, private=False):
        """private: nobody else can get into the folder."""
        with contextlib.suppress(OSError):
            private = private or not folder.stat().st_mode & 0o011
            for path in list(folder.iterdir()):
                if path.is_dir() and not path.is_symlink():
                    self._watch_files(path, private)
                    continue
                self.temporary.add(str(path.relative_to(self.site.controller.folder)))
                with contextlib.suppress(OSError):
                    if not private and path.stat().st_mode & 0o044:
                        self.exposed.add((str(path), path.read_bytes()))

    def key_files(self):
        """Keys, alone or with their certificate."""
        return [path for path in self.site.controller.hosts.rglob("QBEClient*.pem") if path.is_file()]

    def secrets(self):
        """{name: octets}"""
        found = {"string %s" % string: string for string in self.listener.strings}
        found.update(("password of " + user["name"], user["password"]) for user in self.site.users)
        found.update(axl=self.site.sim.password, passphrase=PASSPHRASE, given=GIVEN, **self.further)
        secrets = {name: secret.encode() for name, secret in found.items()}
        for number, key in enumerate(sorted(self.keys)):
            # A line of base64 from the middle of each key.
            secrets["key %d" % number] = key.splitlines()[len(key.splitlines()) // 2]
        return secrets

    def places(self):
        """(where, octets) of everything that a run left, except the inventories and keys, where secrets belong."""
        controller = self.site.controller
        keys = set(self.key_files())
        for path in sorted(controller.folder.rglob("*")):
            if path.is_file() and path not in keys and not path.name.startswith(("inventory", "vault")) and \
                    not {controller.folder / "collections", *self.belongs} & set(path.parents):
                yield str(path.relative_to(controller.folder)), path.read_bytes()
        for arguments in self.arguments:
            yield "arguments of a process", arguments
        for environment in self.environments:
            yield "environment of a process", environment
        yield from self.exposed

    def leaks(self):
        secrets = {**self.secrets(), **{heading.decode(): heading for heading in HEADINGS}}
        return sorted({
            (name, where) for where, octets in self.places() for name, secret in secrets.items() if secret in octets
        })


@pytest.fixture(scope="module")
def make_loud(make_site):
    """make_loud(hosts): a site on these hosts, with all kinds of secrets in its lists."""

    def make(hosts):
        site = make_site(hosts=hosts, password=AXL)
        site.instances = [one for one in site.instances if one["host"] in hosts]
        site.instance("recorder02x2")["authorization_string"] = GIVEN
        site.settings["secure_tsp_key_passphrase"] = PASSPHRASE
        return Loud(site)

    return make
