# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What programs that run playbooks keep of a run: artifacts, job events, a database. Of C(site) and C(drift), as loud as they can be,
no secret is among it; of a careless playbook there is, which shows that the search finds it.

The programs are in a virtual environment of their own, which C(make runners) makes and names in RUNNERS.
"""

from __future__ import annotations

import base64
import contextlib
import html
import json
import os
import pathlib
import shlex
import sqlite3
import subprocess
import sys
import urllib.parse
import zlib

import pytest
from e2e.secrets.conftest import AXL, GIVEN, HEADINGS, PASSPHRASE, Listener

RUNNERS = os.environ.get("RUNNERS")
pytestmark = pytest.mark.skipif(not RUNNERS, reason="make runners runs these, with what they need")
HOST = "recorder02"
RC = {"site": 0, "drift": 2}  # its applications do not run
LOUD = ("-vvvv", "--diff")
VAULT = "Vault-Secret-0010"
# Every way of escaping the second password shows it otherwise.
SECRETS = {"axl": AXL, "recorder_tapi": "Recorder-Secret-0002", "dialer": "Dial\"er's\\<Secret>&0003", "given": GIVEN,
           "passphrase": PASSPHRASE}

# The careless playbook, and how its user's secrets come into it. When its second play begins, the files of the first one are known.
PRINTED, TYPED, FILED, IN_ENVIRONMENT = "Printed-Secret-0020", "Typed-Secret-0021", "Filed-Secret-0022", "Environment-Secret-0023"
CARELESS = """
- name: Print a secret
  hosts: secure_tsp
  gather_facts: false
  tasks:
    - name: Print it
      ansible.builtin.debug:
        msg: "{{ printed }}"

- name: Do nothing
  hosts: secure_tsp
  gather_facts: false
"""
OWN = {"printed": PRINTED, "typed": TYPED, "filed": FILED, "in the environment": IN_ENVIRONMENT}
# What each program keeps of these, and in which files. The guide on security says so.
KEPT = {
    "runner": {"printed": {"job_events", "stdout"}, "typed": {"command", "cmdline"}, "in the environment": {"command"}},
    "navigator": dict.fromkeys(("printed", "typed"), {"artifact.json", "navigator.log"}),
    "ara": dict.fromkeys(("printed", "filed"), {"ansible.sqlite"}),
}


def runner(kept, inventory, playbook, *words):
    (kept / "project").mkdir(parents=True)
    return ["ansible-runner", "run", kept, "-p", playbook, "--inventory", inventory, "--cmdline=" + shlex.join(words)], {}


def navigator(kept, inventory, playbook, *words):
    kept.mkdir(parents=True)
    return ["ansible-navigator", "run", playbook, "-i", inventory, "--ee", "false", "--mode", "stdout", "--log-level", "debug",
            "--log-file", kept / "navigator.log", "--playbook-artifact-enable", "true", "--playbook-artifact-save-as",
            kept / "artifact.json", *words], {}


def ara(kept, inventory, playbook, *words):
    kept.mkdir(parents=True)
    plugins = subprocess.run([pathlib.Path(RUNNERS, "bin", "python"), "-m", "ara.setup.callback_plugins"],
                             check=True, capture_output=True, text=True).stdout.strip()
    return ["ansible-playbook", "-i", inventory, playbook, *words], {
        "ANSIBLE_CALLBACK_PLUGINS": plugins, "ANSIBLE_CALLBACKS_ENABLED": "ara_default", "ARA_API_CLIENT": "offline",
        "ARA_BASE_DIR": str(kept)}


PROGRAMS = {"runner": runner, "navigator": navigator, "ara": ara}


class Fleet:
    """Two instances on one host. All secrets of the lists come from an encrypted file beside the inventory."""

    def __init__(self, site, program):
        self.site, self.program = site, program
        self.folder = site.controller.folder
        self.listener = site.sim.front("capf").sessions = Listener(site)
        site.instances = [one for one in site.instances if one["host"] == HOST]
        site.instance("recorder02x2")["authorization_string"] = "{{ vault_given }}"
        site.users = [dict(user, password="{{ vault_%s }}" % user["name"]) for user in site.users if user["name"] in SECRETS]
        site.cluster["password"] = "{{ vault_axl }}"
        site.settings["secure_tsp_key_passphrase"] = "{{ vault_passphrase }}"
        self.inventory = self.folder / "inventory"
        vault = self.inventory / "group_vars" / "all" / "vault.yml"
        vault.parent.mkdir(parents=True)
        vault.write_text(json.dumps({"vault_" + name: secret for name, secret in SECRETS.items()}))
        self.password_file = self.folder / "vault-password"
        self.password_file.write_text(VAULT)
        ansible_vault = pathlib.Path(sys.executable).with_name("ansible-vault")
        subprocess.run([ansible_vault, "encrypt", "--vault-password-file", self.password_file, vault],
                       env=site.controller.environment(), check=True, capture_output=True)
        site.inventory().rename(self.inventory / "hosts.yml")

    def run(self, name, playbook, *words, rc=0, **environment):
        """Run a playbook with the program. All that the program keeps of it is in the folder of that name."""
        kept = self.folder / "kept" / name
        words, more = PROGRAMS[self.program](kept, self.inventory, playbook, *words)
        own = {name: value for name, value in self.site.controller.environment().items() if not name.startswith("ANSIBLE_CALLBACKS")}
        environment = {**own, **more, **environment, "TERM": "xterm",
                       "PATH": "%s/bin:%s" % (RUNNERS, os.environ["PATH"]), "ANSIBLE_VAULT_PASSWORD_FILE": str(self.password_file)}
        done = subprocess.run([str(word) for word in words], env=environment, cwd=self.folder, capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL, timeout=300)
        (kept / "screen.txt").write_text(done.stdout + done.stderr)
        assert done.returncode == rc, done.stdout + done.stderr

    def places(self, *below):
        """{path: octets} of all files of the controller, or of those below a folder, except the vault's password and keys."""
        top = self.folder.joinpath(*below)
        left_out = {self.folder / "collections", self.site.controller.hosts}
        return {str(path.relative_to(self.folder)): contents(path) for path in sorted(top.rglob("*"))
                if path.is_file() and path != self.password_file and not left_out & set(path.parents)}

    def secrets(self):
        found = {**SECRETS, "vault": VAULT, **{"string %s" % one: one for one in self.listener.strings}}
        for path in sorted(self.site.controller.hosts.rglob("QBEClient.key.pem")):
            lines = path.read_text().splitlines()
            found["key of " + path.parent.name] = lines[len(lines) // 2]
        return found


def contents(path):
    """The octets of a file, and those of every value in it that is compressed, if it is a database."""
    octets = path.read_bytes()
    if not octets.startswith(b"SQLite format 3\0"):
        return octets
    with contextlib.closing(sqlite3.connect("file:%s?mode=ro" % path, uri=True)) as database:
        for (table,) in database.execute("select name from sqlite_master where type = 'table'").fetchall():
            for row in database.execute('select * from "%s"' % table):
                for value in row:
                    with contextlib.suppress(zlib.error, TypeError):
                        octets += b"\n" + zlib.decompress(value)
    return octets


def forms(secret):
    """A secret in the encodings in which a program may keep it."""
    octets, in_json = secret.encode(), json.dumps(secret)[1:-1]
    texts = {secret, in_json, json.dumps(in_json)[1:-1], repr(secret)[1:-1], html.escape(secret), html.escape(in_json),
             urllib.parse.quote(secret), urllib.parse.quote_plus(secret), shlex.quote(secret), secret.replace("'", "''"), octets.hex()}
    found = {text.encode() for text in texts} | {secret.encode("utf-16-le"), secret.encode("utf-16-be"), zlib.compress(octets)}
    for before in range(3):  # whatever stands before it in the same Base64
        coded = base64.b64encode(b"\0" * before + octets)
        inner = coded[-(-before * 8 // 6):(before + len(octets)) * 8 // 6]
        found |= {inner, inner.translate(bytes.maketrans(b"+/", b"-_"))}
    return found


def leaks(places, secrets):
    return sorted({(name, where) for name, secret in secrets.items() for form in forms(secret)
                   for where, octets in places.items() if form in octets})


@pytest.fixture(scope="module", params=PROGRAMS)
def fleet(request, make_site):
    """A first run of site and a search for drift, with this program."""
    found = Fleet(make_site(hosts=[HOST], password=AXL), request.param)
    for playbook, rc in RC.items():
        found.run(playbook, "voiceops.secure_tsp." + playbook, *LOUD, rc=rc)
    return found


@pytest.mark.parametrize("playbook", RC)
def test_the_run_is_kept(fleet, playbook):
    """Else nothing would be proven."""
    places = fleet.places("kept", playbook)
    assert [where for where, octets in places.items() if b"recorder02x1" in octets and not where.endswith("screen.txt")]
    secrets = fleet.secrets()
    assert len(fleet.listener.strings) == 2 and len([name for name in secrets if name.startswith("key of")]) == 2 and not fleet.site.armed()
    assert all(len(secret) >= 10 for secret in secrets.values())


def test_nothing_that_is_kept_holds_a_secret(fleet):
    places = fleet.places()
    assert leaks(places, fleet.secrets()) == []
    assert [(where, heading) for where, octets in places.items() for heading in HEADINGS if heading in octets] == []


def test_what_is_kept_of_a_careless_playbook(fleet):
    """The search finds it; and what its user typed, or has in a file or in the environment, is kept by these programs themselves."""
    filed, printed, careless = fleet.inventory / "group_vars" / "all" / "own.yml", fleet.folder / "own.txt", fleet.folder / "careless.yml"
    filed.write_text(json.dumps({"filed": FILED, "printed": "{{ lookup('ansible.builtin.unvault', '%s') }}" % printed}))
    printed.write_text(PRINTED)
    careless.write_text(CARELESS)
    try:
        fleet.run("careless", str(careless), "-e", "typed=" + TYPED, CUCM_PASSWORD=IN_ENVIRONMENT)
    finally:
        filed.unlink()
    found = leaks(fleet.places("kept", "careless"), OWN)
    kept = {}
    for name, where in found:
        parts = pathlib.PurePath(where).parts
        kept.setdefault(name, set()).add("job_events" if "job_events" in parts else parts[-1])
    assert {name: files - {"screen.txt"} for name, files in kept.items()} == KEPT[fleet.program], found


@pytest.mark.parametrize("secret", SECRETS.values())
def test_a_secret_is_found_in_each_encoding(secret):
    whole = b"the password is %s."
    for before in (b"", b"1", b"12"):
        for coded in (base64.b64encode(before + whole % secret.encode()), base64.urlsafe_b64encode(before + whole % secret.encode())):
            assert leaks({"a file": coded}, {"it": secret}) == [("it", "a file")]
    once = json.dumps({"it": secret})
    for text in (once, json.dumps(once), repr(secret), html.escape(secret), urllib.parse.urlencode({"it": secret})):
        assert leaks({"a file": text.encode()}, {"it": secret}) == [("it", "a file")]
    assert leaks({"a file": whole % b"another"}, {"it": secret}) == []
