# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inputs that are encrypted with ansible-vault, on a careless controller: no umask, no pipelining, facts in a cache. Then
whoever owns the files of an instance plants links where the next run will write.
"""

from __future__ import annotations

import json
import os
import pathlib
import pwd
import re
import shutil
import stat
import subprocess
import sys

import pytest
import yaml
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _store
from e2e.secrets.conftest import PASSPHRASE

VAULT = "Vault-Secret-0010"
AWKWARD = "Reco\"rder's\\Secret-0002"  # of a user: every way of escaping it shows it otherwise
OWNER = "nobody" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
GOOD, LINKED_KEY, SECOND_NAME, LINKED_FOLDER, LINKED_PENDING = (
    "recorder01x1", "recorder02x1", "recorder02x2", "recorder03x1", "recorder03x2")
DUMP = """
- name: Prove that the cache of facts works
  hosts: secure_tsp
  gather_facts: false
  tasks:
    - name: Remember one fact
      ansible.builtin.set_fact:
        seen: true
        cacheable: true

- ansible.builtin.import_playbook: voiceops.secure_tsp.site

- name: Look into the memory of the controller
  hosts: secure_tsp
  gather_facts: false
  tasks:
    - name: Write down what is registered and remembered
      ansible.builtin.copy:
        content: "{{ hostvars[inventory_hostname] | dict2items | rejectattr('key', 'in', given) | items2dict | to_json }}"
        dest: "%s/{{ inventory_hostname }}.json"
        mode: "0600"
      vars:
        given: [secure_tsp_clusters, secure_tsp_users, secure_tsp_instances, secure_tsp_key_passphrase, hostvars]
      delegate_to: localhost
      diff: false
      no_log: true
"""


# What those stages register that hold passwords and strings while they work.
STAGES_WITH_SECRETS = {"secure_tsp_preflight", "secure_tsp_accounts", "secure_tsp_enrolled", "secure_tsp_cut_over", "secure_tsp_proved"}


class Vaulted(str):
    """Text that stands encrypted in an inventory. C(plain) is what it stands for."""


yaml.SafeDumper.add_representer(
    Vaulted, lambda dumper, text: dumper.represent_scalar("!vault", str(text), style="|"))


class Vault:
    def __init__(self, folder):
        self.password_file = folder / "vault-password"
        self.password_file.touch(mode=0o600)
        self.password_file.write_text(VAULT)

    def encrypted(self, **secrets):
        """{name: Vaulted} of {name: secret}."""
        words = [word for name in secrets for word in ("--name", name)]
        done = subprocess.run(
            [pathlib.Path(sys.executable).with_name("ansible-vault"), "encrypt_string", "--vault-password-file",
             self.password_file, *words, *secrets.values()],
            env={"PATH": os.environ["PATH"], "HOME": str(self.password_file.parent), "LC_ALL": "C.UTF-8"},
            capture_output=True, text=True, check=True)
        found = re.findall(r"^(\w+): !vault \|\n((?: +\S+\n?)+)", done.stdout, re.MULTILINE)
        return {name: Vaulted("".join(line.strip() + "\n" for line in text.splitlines())) for name, text in found}


def owned(path):
    return pwd.getpwuid(path.stat().st_uid).pw_name


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(scope="module")
def loud(make_loud):
    loud = make_loud(("recorder01", "recorder02", "recorder03"))
    site, controller = loud.site, loud.site.controller
    site.user("recorder_tapi")["password"] = AWKWARD
    given = site.instance("recorder02x2")
    plain = {user["name"]: user["password"] for user in site.users}
    vaulted = Vault(controller.folder).encrypted(
        axl=site.cluster["password"], given=given["authorization_string"], passphrase=PASSPHRASE, **plain)
    assert set(vaulted) == {"axl", "given", "passphrase", *plain}
    site.cluster["password"], given["authorization_string"] = vaulted["axl"], vaulted["given"]
    for user in site.users:
        user["password"] = vaulted[user["name"]]
    site.settings.update(
        secure_tsp_key_passphrase=vaulted["passphrase"], secure_tsp_owner=OWNER, secure_tsp_bundle=True,
        ansible_pipelining=False)
    loud.further = {"vault": VAULT, **{"password of %s, in the clear" % name: secret for name, secret in plain.items()}}
    (controller.folder / "ansible.cfg").write_text(
        "[defaults]\nfact_caching = jsonfile\nfact_caching_connection = %s\n" % (controller.folder / "facts"))
    return loud


def play(loud, umask=None, rc=0):
    """Run, and give what the controller then holds in its memory: [{variable: value}] of the hosts."""
    folder = loud.site.controller.folder
    dumps = folder / "memory"
    dumps.mkdir(mode=0o700)
    playbook = folder / "site_and_dump.yml"
    playbook.write_text(DUMP % dumps)
    run = loud.run("--vault-password-file", str(folder / "vault-password"), umask=umask, rc=rc, playbook=playbook)
    memory = [json.loads(path.read_text(encoding="utf-8")) for path in dumps.glob("*.json")]
    shutil.rmtree(dumps)
    return run, memory, loud.leaks()


@pytest.fixture(scope="module")
def well(loud):
    return play(loud, umask=0)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """A place that no run has any business in, with a file and a folder, and a function that tells what is there."""
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "file").write_bytes(b"of somebody else")
    (folder / "folder").mkdir()
    for path in (folder / "file", folder / "folder"):
        path.chmod(0o755)

    def look():
        return [(str(path), path.stat().st_mode, path.stat().st_uid, path.is_file() and path.read_bytes())
                for path in sorted(folder.rglob("*"))]

    return folder, look


@pytest.fixture(scope="module")
def attacked(loud, well, elsewhere):
    site, (folder, look) = loud.site, elsewhere
    key = site.store(LINKED_KEY) / _store.KEY
    key.unlink()
    key.symlink_to(folder / "file")
    os.link(site.store(SECOND_NAME) / _store.KEY, folder / "second name")
    shutil.move(site.store(LINKED_FOLDER), folder / "folder" / "moved")
    site.store(LINKED_FOLDER).symlink_to(folder / "folder" / "moved")
    (folder / "folder" / "pending").mkdir(mode=0o700)
    (site.store(LINKED_PENDING) / _store.PENDING).symlink_to(folder / "folder" / "pending")
    for instance in site.instances:
        instance["force"] = True
    before = look()
    run, _memory, leaks = play(loud, umask=0, rc=None)
    return run, leaks, before, look()


def test_a_play_with_encrypted_inputs_works(loud, well):
    run, _memory, _leaks = well
    assert set(run.states) == {one["instance_id"] for one in loud.site.instances}
    assert set(run.states.values()) == {"verified"}
    inventories = b"".join(path.read_bytes() for path in loud.site.controller.folder.glob("inventory*"))
    assert inventories.count(b"$ANSIBLE_VAULT;1.1;AES256") == 6
    assert not any(secret in inventories for secret in loud.secrets().values())


def test_nothing_leaks(loud, well):
    """And nothing at all gets into the cache of facts."""
    run, _memory, leaks = well
    cached = [json.loads(path.read_text()) for path in (loud.site.controller.folder / "facts").iterdir()]
    cached = [json.loads(facts["__payload__"]) if "__payload__" in facts else facts for facts in cached]  # since ansible-core 2.19
    assert cached == [{"seen": True}] * 3
    assert all(task["task"] in run.output for task in run.events if task["event"] == "task") and len(run.output) > 30000
    assert len(loud.listener.strings) == 5 and len(loud.keys) == 5
    assert leaks == []


def test_temporary_files_cannot_be_read_by_others(loud, well):
    assert any("AnsiballZ_tsp_host" in path for path in loud.temporary)
    secrets = loud.secrets()
    assert [path for path, octets in loud.exposed if any(secret in octets for secret in secrets.values())] == []
    left = [path for path in loud.site.controller.temp.rglob("*") if path.is_file()]
    assert [path.suffix for path in left] == [".lock"] and mode(left[0]) == 0o600 and left[0].read_bytes() == b""


def test_registers_and_facts_hold_no_secret_once_it_was_used(loud, well):
    _run, memory, _leaks = well
    secrets = loud.secrets()
    assert len(memory) == 3 and all(STAGES_WITH_SECRETS <= set(facts) for facts in memory)
    assert [
        (variable, name) for facts in memory for variable, value in facts.items() for name, secret in secrets.items()
        if secret.decode() in json.dumps(value, ensure_ascii=False)
    ] == []


def test_modes_and_owner_without_a_umask(loud, well):
    site = loud.site
    for instance in site.instances:
        store = site.store(instance["instance_id"])
        files = {path.name: mode(path) for path in store.iterdir()}
        private = {_store.KEY, _store.BUNDLE, _store.LOCK}
        assert files == {name: 0o600 if name in private else 0o644 for name in files}
        assert private | {_store.CERTIFICATE, _store.TRUST_LIST} <= set(files)
        assert {owned(path) for path in [store, *store.iterdir()]} == {OWNER}
        assert mode(store) == 0o700 and mode(store.parent) == 0o755
        for name in (_store.KEY, _store.BUNDLE):
            assert b"ENCRYPTED" in (store / name).read_bytes()


def test_planted_links_are_refused_and_the_others_go_on(attacked):
    run, leaks, _before, _after = attacked
    assert run.rc == 2 and leaks == []
    assert {name for name, state in run.states.items() if state != "failed"} == {GOOD}
    assert run.rows[GOOD]["ACTION"] == "renewed"
    for instance_id, words in (
            (LINKED_KEY, "is a symbolic link"), (SECOND_NAME, "has a second name in the file system"),
            (LINKED_FOLDER, "the folder is a symbolic link"), (LINKED_PENDING, "is a symbolic link")):
        assert words in run.remarks[instance_id]


def test_planted_links_lead_nowhere(loud, attacked):
    _run, _leaks, before, after = attacked
    assert after == before
    assert loud.site.armed() == []
