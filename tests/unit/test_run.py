# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a stage knows of its run: options, registers of hosts, and what it must not tell."""

from __future__ import annotations

import fcntl
import os
import subprocess

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _run
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import InputError
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._model import Key, complete
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._run import Ansible, Refused, Run

LISTS = {
    "secure_tsp_clusters": {"main": {"hostname": "pub", "username": "axl", "password": "Cluster-Secret"}},
    "secure_tsp_users": [{"name": "rec", "password": "User-Secret"}, {"name": "dialer", "password": "Dialer-Secret"}, {"name": "end", "type": "end"}],
    "secure_tsp_instances": [{"host": "a", "user": "rec", "instance_id": "rec1", "authorization_string": "8675309"},
                             {"host": "a", "user": "rec", "instance_id": "rec2"}],
}


SHOWN = []


class HostVars(dict):
    def raw_get(self, host):
        return self[host]


class Templar:
    """Text between braces is looked up; nothing else is done."""

    def __init__(self, values):
        self.values = values

    def template(self, value):
        if isinstance(value, str) and value.startswith("{{"):
            return self.values[value.strip("{} ")]
        return value


def run(hosts=None, values=None, **variables):
    hosts = HostVars({"a": {}} if hosts is None else hosts)
    return Run(Templar(values or {}), {
        "inventory_hostname": "a", "hostvars": hosts, "ansible_play_hosts_all": list(hosts), "ansible_play_batch": list(hosts), **LISTS,
        **variables}, False, False, Ansible(SHOWN.append, (LookupError,), "/tmp/x/y"))


def model():
    return complete(LISTS["secure_tsp_clusters"], LISTS["secure_tsp_users"], LISTS["secure_tsp_instances"])[0]


# Options


def test_an_option_is_its_default_or_what_was_given_in_its_type():
    one = run(secure_tsp_port_timeout="7", secure_tsp_tls_legacy="{{ legacy }}", values={"legacy": "yes"})
    assert (one.option("port_timeout"), one.option("tls_legacy"), one.option("batch_instances")) == (7, True, 10)


@pytest.mark.parametrize(("name", "value", "clause"), [
    ("cutover", "sometimes", "is not one of auto, manual, never."), ("port_timeout", 0, "is not from 1 to 300."),
    ("upgrade_instances", "rec1", "is not a list."),
])
def test_a_wrong_option_refuses_the_run(name, value, clause):
    with pytest.raises(Refused, match="^secure_tsp_%s %s Nothing was changed.$" % (name, clause)):
        run(**{"secure_tsp_" + name: value}).option(name)


def test_all_wrong_options_and_unknown_variables_are_told_at_once():
    """Field report S10: a misspelt variable was ignored, and the default acted."""
    hosts = {"a": {"secure_tsp_cutovr": "never"}, "b": {"secure_tsp_cutovr": "never", "secure_tsp_zzz": 1, "secure_tsp_preflight": {}, "other": 1}}
    assert run(hosts, secure_tsp_port_timeout=0, secure_tsp_bundle="x").mistakes() == [
        "secure_tsp_port_timeout is not from 1 to 300", "secure_tsp_bundle is neither true nor false",
        "there is no variable secure_tsp_cutovr; did you mean secure_tsp_cutover?", "there is no variable secure_tsp_zzz"]


def test_a_misspelt_variable_of_the_play_is_told_too():
    """Variables of a play or of a role's call are no host's."""
    assert run(secure_tsp_cutovr="never", secure_tsp_looked={}, other=1).mistakes() == [
        "there is no variable secure_tsp_cutovr; did you mean secure_tsp_cutover?"]


def test_what_cannot_be_worked_out_refuses_the_run():
    with pytest.raises(Refused, match="^secure_tsp_owner cannot be evaluated: 'nothing'. Nothing was changed.$"):
        run(secure_tsp_owner="{{ nothing }}").option("owner")


# Secrets


def test_passwords_of_those_only_that_are_wanted():
    one = run()
    assert one.passwords(model(), {Key("main", "rec")}) == {("main", "rec"): "User-Secret"}
    assert set(one.passwords(model())) == {("main", "rec"), ("main", "dialer")}


def test_given_strings():
    assert run().strings("main", {"rec1", "rec2"}, model()) == {"rec1": "8675309"}
    assert run().strings("main", {"rec2"}, model()) == {}


@pytest.mark.parametrize("result", [
    {"msg": "login of rec with User-Secret failed"}, {"diff": [{"before": "x", "after": "User-Secret\n"}]}, {"warnings": ["User-Secret"]},
])
def test_a_result_with_a_secret_in_it_is_not_shown(result):
    one = run()
    one.passwords(model())
    shown = one.sealed(dict(result, changed=True))
    assert shown["failed"] and shown["changed"] and "User-Secret" not in str(shown)


def test_a_secret_with_quotes_is_found_too():
    one = run(secure_tsp_users=[{"name": "rec", "password": 'a"b\\c'}, *LISTS["secure_tsp_users"][1:]])
    one.passwords(model())
    assert one.sealed({"msg": 'x a"b\\c'})["failed"]
    assert one.masked('x a"b\\c') == "x ********"


@pytest.mark.parametrize("secret", ["connected", "2749", "2026", "r", "SEP0011", "198.51.100"])
def test_a_word_a_number_or_a_part_of_a_name_is_no_sign_of_a_secret(secret):
    """Field report A1: a stage whose result had such a word in it was ended by it."""
    result = {"msg": "application connected from 198.51.100.7 on port 2749 since 2026-11-28", "rows": [{"device": "SEP001122334450"}]}
    one = run(secure_tsp_users=[{"name": "rec", "password": secret}, *LISTS["secure_tsp_users"][1:]])
    one.passwords(model())
    assert one.sealed(dict(result)) == result


def test_other_results_are_shown():
    assert run().sealed({"msg": "fine", "diff": [1]}) == {"msg": "fine"}


def test_what_is_shown_is_masked():
    one = run()
    one.passwords(model())
    one.show("rec", "login with User-Secret")
    assert SHOWN[-2:] == ["rec", "login with ********"]


def test_foreign_errors_are_told_by_their_type():
    with pytest.raises(ValueError, match="User-Secret") as caught:
        raise ValueError("User-Secret")
    told = _run.reason_of(caught.value)
    assert "User-Secret" not in told and "ValueError" in told and "test_run.py" in told
    assert _run.reason_of(InputError("the list is wrong")) == "the list is wrong."


def test_one_process_at_a_time_writes_to_a_cluster(tmp_path):
    one = run()
    one.ansible = one.ansible._replace(local_tmp=str(tmp_path / "process"))
    with one.alone("pub"), one.alone("lab"):
        locks = list(tmp_path.iterdir())
        assert len(locks) == 2
        for lock in locks:
            with open(lock, "a", encoding="ascii") as stream, pytest.raises(BlockingIOError):
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    for lock in locks:
        with open(lock, "a", encoding="ascii") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_lock_is_ours_alone_and_no_link_leads_elsewhere(tmp_path):
    one = run()
    one.ansible = one.ansible._replace(local_tmp=str(tmp_path / "process"))
    before = os.umask(0)
    try:
        with one.alone("pub"):
            (lock,) = tmp_path.iterdir()
    finally:
        os.umask(before)
    assert lock.stat().st_mode & 0o777 == 0o600 and lock.read_bytes() == b""
    lock.unlink()
    lock.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError), one.alone("pub"):
        pass
    assert not (tmp_path / "elsewhere").exists()


# Registers


def test_a_stage_that_was_left_out_is_named():
    with pytest.raises(Refused, match="The stage 'Look' did not run before this one"):
        run().needed(_run.LOOKED, "Look")


def test_the_newest_rows_of_a_host():
    hosts = {"a": {"secure_tsp_looked": {"rows": [1]}, "secure_tsp_enrolled": {"rows": [2]}}, "b": {"secure_tsp_looked": {"rows": []}}, "c": {}}
    one = run(hosts)
    assert [one.newest(host) for host in hosts] == [[2], [], None]
    assert one.rows() == one.rows(["a", "b"]) == [2]
    assert one.rows([]) == one.rows(["c"]) == []


def test_hosts_that_can_go_on():
    hosts = {"a": {"secure_tsp_looked": {"rows": []}}, "b": {"secure_tsp_looked": {"rows": [], "refused": "no Python"}},
             "c": {"secure_tsp_looked": {"unreachable": True, "msg": "timeout"}}, "d": {}}
    one = run(hosts)
    assert one.fit() == ["a"]
    assert [one.refusal(host) for host in hosts] == ["", "no Python", "This host cannot be reached: timeout", ""]


@pytest.mark.parametrize(("variables", "windows"), [
    ({"ansible_connection": "winrm"}, True), ({"ansible_connection": "psrp"}, True), ({"ansible_connection": "ansible.builtin.psrp"}, True), ({}, False),
    ({"ansible_connection": "ssh", "ansible_shell_type": "powershell"}, True),
    ({"ansible_facts": {"os_family": "Windows"}}, True), ({"ansible_os_family": "Windows"}, True),
    ({"ansible_facts": {"os_family": "Debian"}}, False),
])
def test_windows_hosts(variables, windows):
    assert run({"a": variables}).is_windows("a") is windows
    assert run({"a": variables}).is_windows("nowhere") is False


# Runs beside this one


def at_work(folder, process, check=False):
    """A run whose own folder is this one, on the cluster pub."""
    folder.mkdir(exist_ok=True)
    found = run()
    found.ansible, found.check = found.ansible._replace(local_tmp=str(folder)), check
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_run.os, "getppid", lambda: process)
        found.announce(["pub"])
    return found


def test_another_run_of_the_controller_is_seen_while_it_lives(tmp_path):
    ended = subprocess.Popen(["true"])
    ended.wait()
    mine = at_work(tmp_path / "ansible-local-1", os.getpid())
    assert mine.beside() == {}
    at_work(tmp_path / "ansible-local-2", ended.pid)
    at_work(tmp_path / "ansible-local-3", os.getpid(), check=True)
    assert mine.beside() == {}
    at_work(tmp_path / "ansible-local-4", os.getpid())
    assert list(mine.beside()) == ["pub"]
