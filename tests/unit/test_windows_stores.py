# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stores of a Windows host as copies on the controller: what is read, handed back, kept, and taken up again."""

from __future__ import annotations

import base64
import os
import types

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _store
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import StoreError
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages import windows_stores

FOLDER = "C:\\Program Files\\secure_tsp\\rec1"
ARCHIVE = FOLDER + "\\store.zip"


class Host:
    """Files of a Windows host, by path, and what was asked."""

    def __init__(self):
        self.files, self.calls, self.full = {}, [], False

    def module(self, name, options, secret=False):
        name = name.rpartition(".")[2]
        self.calls.append((name, options))
        if name == "win_find":
            return {"files": [{"path": path, "checksum": windows_stores.sha1(octets)} for path, octets in self.files.items()
                              if path.rpartition("\\")[0].lower() in [folder.lower() for folder in options["paths"]]
                              and ("*" in options["patterns"] or path.endswith("store.zip"))]}
        if name == "slurp":
            (octets,) = [octets for path, octets in self.files.items() if path.lower() == options["src"].lower()]
            return {"content": base64.b64encode(octets).decode()}
        if name == "win_file" and options["state"] == "absent":
            self.files = {path: octets for path, octets in self.files.items() if not (path + "\\").startswith(options["path"] + "\\")}
        return {"changed": True}

    def action(self, name, options):
        self.calls.append((name.rpartition(".")[2], options))
        if self.full:
            return {"failed": True, "msg": "no space"}
        with open(options["src"], "rb") as stream:
            self.files[options["dest"]] = stream.read()
        return {"changed": True}

    def asked(self):
        return [name for name, _options in self.calls]


@pytest.fixture
def host():
    return Host()


@pytest.fixture
def borrow(host, tmp_path):
    """borrow(): copies, as for one stage of a run."""
    run = types.SimpleNamespace(
        host="win01", check=False, windows=lambda: ({}, []), ansible=types.SimpleNamespace(local_tmp=str(tmp_path)),
        path=os.path.abspath, option={"handover_folder": str(tmp_path / "handover")}.__getitem__)
    return lambda: windows_stores.borrowed(run, host)


def enrol(stores, key=b"key of certificate", between=lambda: None):
    """A new key, then its certificate, as an enrolment leaves them. between: happens before CAPF issues."""
    unit = stores.unit(FOLDER)
    store = _store.Store(unit.local)
    store.begin(key)
    stores.put(unit)
    between()
    store.stage(b"certificate")
    store.commit()
    stores.keep_and_put(unit)
    return unit


def enrol_in_vain(host, stores):
    """The same, but the host takes no more files once it has the key."""
    return enrol(stores, key=b"key", between=lambda: setattr(host, "full", True))


def kept(tmp_path):
    folder = tmp_path / "handover"
    return list(folder.iterdir()) if folder.exists() else []


def test_nothing_is_written_that_did_not_change(host, borrow):
    with borrow() as stores:
        stores.take([FOLDER])
        enrol(stores)
    before = dict(host.files)
    host.calls.clear()
    with borrow() as stores:
        stores.take([FOLDER.upper()])  # Windows does not tell case apart
        root, unit = stores.root, stores.unit(FOLDER)
        assert _store.Store(unit.local).read(_store.CERTIFICATE) == b"certificate" and stores.unit(FOLDER + "\\probe") is unit
        stores.hand_over()
    assert host.asked() == ["win_find", "slurp"] and host.files == before and not os.path.exists(root)


def test_the_folder_gets_its_rights_first(host, borrow):
    with borrow() as stores:
        stores.take([FOLDER])
        enrol(stores)
    assert host.asked()[1:7] == ["win_file", "win_acl", "win_acl", "win_acl_inheritance", "win_copy", "win_file"]


def test_a_certificate_is_kept_until_the_host_has_it(host, borrow, tmp_path):
    with borrow() as stores:
        stores.take([FOLDER])
        unit = enrol_in_vain(host, stores)
        assert "are kept in" in str(unit.failure)
    (path,) = kept(tmp_path)
    assert path.stat().st_mode & 0o777 == 0o600
    with borrow() as stores:  # a stage that only reads
        stores.take([FOLDER])
        assert stores.warnings([{"instance_id": "rec1", "store": FOLDER}]) == [windows_stores.WAITS % ("rec1", path)]
        assert _store.Store(stores.local(FOLDER)).pending.read(_store.KEY) == b"key"
    host.full = False
    with borrow() as stores:
        stores.take([FOLDER], take_up=True)
        assert stores.unit(FOLDER).taken_up
        assert _store.Store(stores.local(FOLDER)).read(_store.CERTIFICATE) == b"certificate"
    assert kept(tmp_path) == []


def test_what_was_kept_does_not_replace_what_came_later(host, borrow, tmp_path):
    with borrow() as stores:
        stores.take([FOLDER])
        enrol_in_vain(host, stores)
    host.full = False
    with borrow() as stores:  # another controller enrolled meanwhile
        stores.take([FOLDER])
        store = _store.Store(stores.local(FOLDER))
        store.begin(b"other key")
        store.stage(b"other certificate")
        store.commit()
        stores.hand_over()
    with borrow() as stores:
        stores.take([FOLDER], take_up=True)
        assert _store.Store(stores.local(FOLDER)).read(_store.CERTIFICATE) == b"other certificate"
        (said,) = stores.warnings([{"instance_id": "rec1", "store": FOLDER}])
        assert "have changed since" in said and len(kept(tmp_path)) == 1


def test_an_archive_that_arrived_although_the_answer_did_not(host, borrow, tmp_path):
    with borrow() as stores:
        stores.take([FOLDER])
        enrol(stores)
        unit = stores.unit(FOLDER)
    (tmp_path / "handover").mkdir(mode=0o700, exist_ok=True)
    with open(unit.kept, "wb") as stream:
        stream.write(host.files[ARCHIVE])
    with borrow() as stores:
        stores.take([FOLDER], take_up=True)
        assert not stores.unit(FOLDER).taken_up
    assert kept(tmp_path) == []


def test_what_was_kept_goes_with_its_instance(borrow, tmp_path):
    (tmp_path / "handover").mkdir(mode=0o700)
    with borrow() as stores:
        path = stores.unit(FOLDER).kept
        with open(path, "wb") as stream:
            stream.write(b"a key")
        stores.take([FOLDER], discard=True)
        stores.hand_over()
        assert kept(tmp_path)
        stores.hand_over(forget=True)
    assert kept(tmp_path) == []


def test_a_folder_that_others_can_open_keeps_nothing(borrow, tmp_path):
    (tmp_path / "handover").mkdir(mode=0o755)
    with borrow() as stores, pytest.raises(StoreError, match="others can open it"):
        stores.folder_of_kept()
    assert (tmp_path / "handover").stat().st_mode & 0o777 == 0o755


def test_a_broken_archive_is_a_failure_of_its_instance(host, borrow):
    host.files[ARCHIVE] = b"nothing"
    with borrow() as stores:
        stores.take([FOLDER])
        assert "it is not an archive of a store" in str(stores.unit(FOLDER).failure)
        stores.hand_over()
    assert host.files == {ARCHIVE: b"nothing"}
    with borrow() as stores:
        stores.take([FOLDER], discard=True)
        stores.hand_over()
    assert host.files == {}


def test_only_an_empty_folder_goes(host, borrow):
    for others in ({}, {FOLDER + "\\notes.txt": b"of somebody"}):
        with borrow() as stores:
            stores.take([FOLDER])
            enrol(stores)
        host.files.update(others)
        host.calls.clear()
        with borrow() as stores:
            stores.take([FOLDER])
            _store.Store(stores.local(FOLDER)).remove_pair()
            stores.hand_over()
        assert host.files == others
        assert ("win_file", {"path": FOLDER, "state": "absent"}) in host.calls or others


def test_paths_are_those_of_the_host(host, borrow):
    with borrow() as stores:
        stores.take([FOLDER], ["D:\\other"])
        told = stores.translated({"msg": "(%s/ctl.tlv)." % stores.local(FOLDER), "keys": [stores.local("D:\\other\\probe") + "/QBEClient.key.pem"]})
    assert told == {"msg": "(%s\\ctl.tlv)." % FOLDER, "keys": ["D:\\other\\probe\\QBEClient.key.pem"]}


def test_the_name_of_what_is_kept_is_that_of_one_store(borrow):
    with borrow() as stores:
        names = {stores.unit(folder).kept for folder in (FOLDER, FOLDER.lower(), "D:\\rec1", "D:\\a b\\rec1")}
    assert len(names) == 3
