# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import stat
import threading

import collection_path
import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _ctl, _pki, _store
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import StoreError
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._store import KEY, Store

OLD, NEW, NEWEST = (b"old key", b"old der"), (b"new key", b"new der"), (b"newest key", b"newest der")


@pytest.fixture
def store(tmp_path):
    made = _store.Store(tmp_path / "store")
    made.create()
    return made


@pytest.fixture
def loose_umask():
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path):
    return "%04o" % stat.S_IMODE(os.lstat(path).st_mode)


def put(store, pair):
    store.begin(pair[0])
    store.stage(pair[1])
    store.commit()


# The folder


def test_folder_is_private_whatever_the_umask(tmp_path, loose_umask):
    store = _store.Store(str(tmp_path / "a" / "b" / "store") + "/")
    assert not store.exists and store.names() == []
    assert store.create(check=True) and not store.exists
    assert store.create() and not store.create()
    assert (mode(tmp_path / "a" / "b" / "store"), mode(tmp_path / "a")) == ("0700", "0755")


def test_parents_can_be_passed_whatever_the_umask(tmp_path):
    before = os.umask(0o077)
    try:
        _store.Store(tmp_path / "a" / "store").create()
    finally:
        os.umask(before)
    assert mode(tmp_path / "a") == "0755"


def test_folder_open_to_readers_is_closed(store):
    os.chmod(store.folder, 0o755)
    assert store.create(check=True) and mode(store.folder) == "0755"
    assert store.create() and mode(store.folder) == "0700"


def test_folder_that_others_may_write_to_is_refused(store):
    os.chmod(store.folder, 0o770)
    with pytest.raises(StoreError, match="write to the folder"):
        store.create()


def test_folder_of_something_else_is_not_closed(tmp_path):
    os.chmod(tmp_path, 0o755)
    (tmp_path / "passwd").write_text("x")
    with pytest.raises(StoreError, match="other files"):
        _store.Store(tmp_path).create()
    assert mode(tmp_path) == "0755"


def test_symbolic_link_as_folder_is_refused(store, tmp_path):
    (tmp_path / "link").symlink_to(store.folder)
    linked = _store.Store(tmp_path / "link")
    for call in (linked.create, linked.names, lambda: linked.read("ctl.tlv"), lambda: linked.write("ctl.tlv", b"")):
        with pytest.raises(StoreError, match="symbolic link"):
            call()


def test_file_as_folder_is_refused(tmp_path):
    (tmp_path / "store").write_text("")
    with pytest.raises(StoreError, match="cannot be opened"):
        _store.Store(tmp_path / "store").create()


def test_removed_only_when_empty(store):
    with store.lock():
        store.write(_store.TRUST_LIST, b"x")
        assert not store.remove_if_empty()
        store.remove(_store.TRUST_LIST)
        assert store.remove_if_empty() and not store.exists
    assert not store.remove_if_empty()


# The lock


def test_one_run_at_a_time(store):
    with store.lock(), pytest.raises(StoreError, match="another run"):
        with _store.Store(store.folder).lock(seconds=0):
            pass
    with store.lock(seconds=0):
        assert mode(store.path(_store.LOCK)) == "0600"


def test_a_run_waits_for_the_one_before(store):
    order = []

    def second():
        with _store.Store(store.folder).lock():
            order.append("second")

    with store.lock():
        waiting = threading.Thread(target=second)
        waiting.start()
        order.append("first")
    waiting.join()
    assert order == ["first", "second"]


def test_lock_of_a_removed_folder_is_not_taken_for_the_lock(store):
    with store.lock():
        store.remove_if_empty()
        store.create()
        with store.lock(seconds=0):
            assert store.exists


def test_lock_needs_the_folder_and_follows_no_link(store, tmp_path):
    with pytest.raises(StoreError, match="does not exist"), _store.Store(tmp_path / "none").lock():
        pass
    os.symlink(tmp_path / "elsewhere", store.path(_store.LOCK))
    with pytest.raises(StoreError, match="locked"), store.lock():
        pass
    assert not (tmp_path / "elsewhere").exists()


# Files


@pytest.mark.parametrize("name, private, wanted", [
    (_store.KEY, False, "0600"), (_store.BUNDLE, False, "0600"), (_store.CERTIFICATE, False, "0644"),
    ("other", True, "0600")])
def test_modes_do_not_depend_on_the_umask(store, loose_umask, name, private, wanted):
    assert store.write(name, b"x", private, check=True) and store.read(name) is None
    assert store.write(name, b"x", private) and mode(store.path(name)) == wanted
    assert not store.write(name, b"x", private)
    os.chmod(store.path(name), 0o666)
    assert store.write(name, b"x", private) and mode(store.path(name)) == wanted
    assert store.write(name, b"y", private) and store.read(name) == b"y"
    assert store.names() == [name]


def test_missing_files_and_folders(store, tmp_path):
    assert store.read(_store.KEY) is None and not store.remove(_store.KEY)
    missing = _store.Store(tmp_path / "none")
    assert missing.read(_store.KEY) is None and not missing.remove(_store.KEY) and missing.modes() == {}
    assert missing.write(_store.KEY, b"x", check=True)
    with pytest.raises(StoreError, match="does not exist"):
        missing.write(_store.KEY, b"x")


@pytest.mark.parametrize("name", [_store.KEY, _store.CERTIFICATE, _store.TRUST_LIST])
def test_planted_symbolic_link_is_neither_read_nor_written(store, tmp_path, name):
    target = tmp_path / "target"
    target.write_bytes(b"precious")
    os.symlink(target, store.path(name))
    for call in (
            lambda: store.read(name), lambda: store.write(name, b"x"), lambda: store.write(name, b"x", check=True)):
        with pytest.raises(StoreError, match="symbolic link"):
            call()
    assert target.read_bytes() == b"precious" and os.path.islink(store.path(name))
    assert store.remove(name) and target.exists()


def test_planted_pipe_does_not_keep_us_waiting(store):
    os.mkfifo(store.path(_store.KEY))
    with pytest.raises(StoreError, match="not a plain file"):
        store.read(_store.KEY)


def test_key_with_a_second_name_is_refused(store, tmp_path):
    store.write(_store.KEY, b"x")
    os.link(store.path(_store.KEY), tmp_path / "second")
    with pytest.raises(StoreError, match="second name"):
        store.read(_store.KEY)


def test_huge_file_is_refused(store):
    store.write(_store.TRUST_LIST, bytes(_store.MAX_SIZE + 1))
    with pytest.raises(StoreError, match="larger"):
        store.read(_store.TRUST_LIST)


def test_failure_leaves_nothing_behind(store):
    os.mkdir(store.path("taken"))
    with pytest.raises(StoreError, match="not a plain file"):
        store.write("taken", b"x")
    assert store.names() == ["taken"]


def test_unknown_owner(store):
    stranger = _store.Store(store.folder, owner="nobody-of-that-name")
    with pytest.raises(StoreError, match="no user"):
        stranger.write(_store.KEY, b"x")
    assert stranger.write(_store.KEY, b"x", check=True) and store.names() == []


def test_owner_and_group(store):
    theirs = _store.Store(store.folder, owner="12345", group=54321)
    if os.geteuid() != 0:  # only root may give files away
        with pytest.raises(StoreError, match="mode and owner"):
            theirs.create()
        assert store.names() == []
        return
    assert theirs.create() and not theirs.create()
    assert theirs.write(_store.KEY, b"x") and not theirs.write(_store.KEY, b"x")
    status = os.stat(store.path(_store.KEY))
    assert (status.st_uid, status.st_gid) == (12345, 54321)
    # Without an owner, what is there keeps its own.
    assert store.write(_store.KEY, b"y")
    assert os.stat(store.path(_store.KEY)).st_uid == 12345
    assert theirs.wrong_modes() == {}
    assert _store.Store(store.folder, owner="0").wrong_modes()[_store.KEY]["found"] == "0600 owner 12345"


def test_modes_and_wrong_modes(store):
    put(store, OLD)
    put(store, NEW)
    store.begin(b"next")
    assert store.modes() == {
        ".": "0700", "QBEClient.cer": "0644", "QBEClient.key.pem": "0600", "pending": "0700",
        "pending/QBEClient.key.pem": "0600", "previous": "0700", "previous/QBEClient.cer": "0644",
        "previous/QBEClient.key.pem": "0600"}
    assert store.wrong_modes() == {}
    os.chmod(store.path("previous/QBEClient.key.pem"), 0o640)
    os.chmod(store.folder, 0o755)
    assert store.wrong_modes() == {
        ".": {"found": "0755", "wanted": "0700"}, "previous/QBEClient.key.pem": {"found": "0640", "wanted": "0600"}}


# The trust list


def listed(name):
    octets = (collection_path.ROOT / "tests" / "vectors" / "ctl" / "cucm" / (name + ".tlv")).read_bytes()
    certificates = _ctl.parse(octets).certificates()
    return octets, {"%s.0" % _pki.subject_hash(der): _pki.certificate_pem(der) for der in certificates}


def test_trust_list_is_written_once(store):
    octets, certificates = listed("CTLFile-v12")
    names = sorted(certificates) + [_store.CALLMANAGER, _store.TRUST_LIST]
    assert store.write_trust_list(octets, certificates, b"der", check=True) == names and store.names() == []
    assert store.write_trust_list(octets, certificates, b"der") == names
    assert store.write_trust_list(octets, certificates, b"der") == []
    assert store.names() == sorted(names)


def test_trust_list_keeps_its_predecessor_and_removes_its_certificates_only(store):
    octets, certificates = listed("CTLFile-v12")
    store.write_trust_list(octets, certificates, b"der")
    store.write("0badcafe.0", next(iter(certificates.values())).replace(b"A", b"B"))
    os.symlink("ctl.tlv", store.path("somebody"))
    other, fewer = listed("CTLFile-stranger")
    gone = sorted(set(certificates) - set(fewer))
    expected = sorted(fewer) + [_store.CALLMANAGER, _store.FORMER_TRUST_LIST, _store.TRUST_LIST] + gone
    assert gone and store.write_trust_list(other, fewer, None, check=True) == expected
    assert store.write_trust_list(other, fewer, None) == expected
    assert store.read(_store.FORMER_TRUST_LIST) == octets and store.read(_store.TRUST_LIST) == other
    assert "0badcafe.0" in store.names() and not set(gone) & set(store.names())
    assert store.write_trust_list(other, fewer, None) == []


def test_remove_trust_list(store):
    octets, certificates = listed("CTLFile-v12")
    store.write_trust_list(octets, certificates, b"der")
    store.write(_store.KEY, b"key")
    names = sorted(certificates) + [_store.CALLMANAGER, _store.TRUST_LIST]
    assert store.remove_trust_list(check=True) == names
    assert store.remove_trust_list() == names and store.remove_trust_list() == []
    assert store.names() == [_store.KEY]


# The pair


def test_first_pair(store):
    assert store.pair() == (None, None) and not store.unconfirmed
    assert store.begin(OLD[0]) and not store.begin(OLD[0])
    assert store.pair() == (None, None) and not store.recover()
    store.stage(OLD[1])
    store.commit()
    assert store.pair() == OLD and store.unconfirmed and not store.pending.exists
    assert not store.unfinished and not store.recover()
    assert store.confirm() and not store.confirm() and not store.unconfirmed


def test_previous_pair_is_the_last_one_that_was_confirmed(store):
    put(store, OLD)
    store.confirm()
    put(store, NEW)
    assert store.previous.pair() == OLD
    put(store, NEWEST)
    assert (store.pair(), store.previous.pair()) == (NEWEST, OLD)
    store.restore()
    assert store.pair() == OLD and store.unconfirmed
    with pytest.raises(StoreError, match="no previous pair"):
        store.restore()
    assert store.pair() == OLD


def test_current_pair_that_is_not_worth_keeping(store):
    put(store, OLD)
    store.confirm()
    store.begin(NEW[0])
    store.stage(NEW[1])
    store.commit(keep_current=False)
    assert store.previous.names() == [] and store.unconfirmed


def test_new_key_throws_a_staged_certificate_out(store):
    store.begin(OLD[0])
    store.stage(OLD[1])
    assert store.begin(NEW[0]) and store.pending.pair() == (NEW[0], None)
    with pytest.raises(StoreError, match="complete"):
        store.commit()
    assert store.discard() and not store.discard()
    with pytest.raises(StoreError, match="pending key"):
        store.stage(NEW[1])


def test_remove_pair(store):
    put(store, OLD)
    put(store, NEW)
    store.begin(b"next")
    store.write(_store.BUNDLE, b"both")
    store.write(_store.TRUST_LIST, b"list")
    names = [_store.KEY, _store.BUNDLE, _store.CERTIFICATE, "pending", "previous"]
    assert store.remove_pair(check=True) == names
    assert store.remove_pair() == names and store.remove_pair() == []
    assert store.names() == [_store.TRUST_LIST]


# Killed at any point


CALLS = ("mkdir", "rename", "unlink", "rmdir", "chmod", "fchmod", "fsync")


def killed_at(number, work):
    """Whether work, in a process of its own, was killed before its call C(number) that changes the file system."""
    child = os.fork()
    if child == 0:
        left = [number]

        def deadly(call):
            def wrapper(*arguments, **words):
                if left[0] == 0:
                    os._exit(9)
                left[0] -= 1
                return call(*arguments, **words)
            return wrapper

        for name in CALLS:
            setattr(os, name, deadly(getattr(os, name)))
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert os.WIFEXITED(status) and os.WEXITSTATUS(status) in (0, 9)
    return os.WEXITSTATUS(status) == 9


def each_kill(tmp_path, prepare, work):
    """A store for each point at which work can be killed; it ends with the one that work finished."""
    for number in range(200):
        store = _store.Store(tmp_path / ("store%d" % number))
        store.create()
        prepare(store)
        killed = killed_at(number, lambda store=store: work(store))
        yield store
        if not killed:
            assert number > 3
            return
    raise AssertionError("work never ends")


def recovered(store):
    """The store after the next run began; what readers saw before that is what they see after."""
    seen = store.pair()
    with store.lock():
        store.recover()
        assert store.pair() == seen
    assert not any(name.endswith(".new") for name in store.names())
    assert not store.sub(_store.REPLACING).exists
    return store


def test_killed_while_the_folder_is_made(tmp_path):
    before = os.umask(0o077)
    try:
        for number in range(20):
            store = _store.Store(tmp_path / str(number) / "deep" / "store")
            killed = killed_at(number, store.create)
            store.create()
            assert {mode(tmp_path / str(number) / name) for name in (".", "deep")} == {"0755"}
            assert mode(store.folder) == "0700"
            if not killed:
                assert number > 3
                return
    finally:
        os.umask(before)


def test_killed_while_a_pair_is_replaced(tmp_path):
    def prepare(store):
        put(store, OLD)
        store.confirm()

    outcomes = set()
    for store in each_kill(tmp_path, prepare, lambda store: put(store, NEW)):
        recovered(store)
        assert store.pair() in (OLD, NEW)
        assert store.pair() == OLD or store.previous.pair() == OLD
        outcomes.add((store.pair(), store.pending.pair()))
        put(store, NEW)
        assert (store.pair(), store.previous.pair()) == (NEW, OLD)
    assert outcomes == {(OLD, (None, None)), (OLD, (NEW[0], None)), (OLD, NEW), (NEW, (None, None))}


def test_killed_while_the_first_pair_is_put_in_place(tmp_path):
    for store in each_kill(tmp_path, lambda store: None, lambda store: put(store, NEW)):
        recovered(store)
        assert store.pair() in ((None, None), NEW)
        assert store.pair() == (None, None) or store.unconfirmed


def test_killed_while_the_previous_pair_is_restored(tmp_path):
    def prepare(store):
        put(store, OLD)
        store.confirm()
        put(store, NEW)

    for store in each_kill(tmp_path, prepare, lambda store: store.restore()):
        recovered(store)
        assert store.pair() == OLD or (store.pair(), store.previous.pair()) == (NEW, OLD)
        assert store.unconfirmed


def test_killed_while_a_pair_is_confirmed(tmp_path):
    def prepare(store):
        put(store, OLD)
        store.confirm()
        put(store, NEW)

    for store in each_kill(tmp_path, prepare, lambda store: store.confirm()):
        assert recovered(store).pair() == NEW
        store.confirm()
        assert not store.unconfirmed


def test_killed_while_the_trust_list_is_written(tmp_path):
    before, after = listed("CTLFile-v12"), listed("CTLFile-stranger")
    for store in each_kill(tmp_path, lambda store: store.write_trust_list(*before, b"der"),
                           lambda store: store.write_trust_list(*after, None)):
        with store.lock():
            assert store.read(_store.TRUST_LIST) in (before[0], after[0])
            store.write_trust_list(*after, None)
        assert [name for name in store.names() if name.endswith(".0")] == sorted(after[1])
        assert store.read(_store.FORMER_TRUST_LIST) == before[0]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("planted", ["", "QBEClient.key.pem", "pending", "pending/QBEClient.key.pem"])
def test_what_belongs_to_somebody_else_is_refused(store, planted):
    """S3: a key that another user planted is never enrolled."""
    store.create()
    store.begin(b"key")
    store.write(KEY, b"key")
    store.refuse_foreign()
    path = os.path.join(store.folder, planted)
    os.chown(path, 12345, -1)
    with pytest.raises(StoreError, match="belongs to user 12345"):
        store.refuse_foreign()
    Store(store.folder, owner="12345").refuse_foreign()
