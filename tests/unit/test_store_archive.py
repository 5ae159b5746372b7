# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store as an archive: it comes back as it was, and no archive of somebody else gets out of its folder."""

from __future__ import annotations

import io
import os
import stat
import zipfile

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _store, _store_archive
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import StoreError


def made(tmp_path):
    """A store while an enrolment is open, whose pair in place was not verified."""
    store = _store.Store(str(tmp_path / "made"))
    store.create()
    store.write(_store.KEY, b"key")
    store.write(_store.CERTIFICATE, b"certificate")
    store.write("0123abcd.0", b"authority")
    store.begin(b"new key")
    store.previous.create()
    with store.lock():
        pass
    os.utime(store.path(_store.CERTIFICATE), (1700000000, 1700000000))
    return store


def archive(*entries):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made_:
        for name, octets in entries:
            made_.writestr(name, octets)
    return stream.getvalue()


def test_it_comes_back_as_it_was(tmp_path):
    store = made(tmp_path)
    back = tmp_path / "back"
    back.mkdir(mode=0o700)
    _store_archive.unpack(_store_archive.pack(store.folder), str(back), "there")
    again = _store.Store(str(back))
    assert _store_archive.contents(store.folder) == _store_archive.contents(str(back)) == {
        "QBEClient.key.pem": b"key", "QBEClient.cer": b"certificate", "0123abcd.0": b"authority", "pending/": None,
        "pending/QBEClient.key.pem": b"new key", "previous/": None}
    assert again.unconfirmed and again.pending.read(_store.KEY) == b"new key" and again.wrong_modes() == {}
    assert os.stat(again.path(_store.CERTIFICATE)).st_mtime == 1700000000
    assert stat.S_IMODE(os.stat(again.path(_store.KEY)).st_mode) == 0o600


def test_the_comment_is_kept(tmp_path):
    octets = _store_archive.pack(made(tmp_path).folder, b"da39a3ee")
    assert _store_archive.comment_of(octets) == b"da39a3ee" and _store_archive.comment_of(b"none") == b""


@pytest.mark.parametrize("octets", [
    b"", b"PK no archive", archive(("../outside", b"x")), archive(("/etc/outside", b"x")), archive(("a/b/c/d", b"x")), archive((".lock", b"x")),
    archive(("a b", b"x")), archive(("a\\b", b"x")), archive(("a", b"x" * (_store.MAX_SIZE + 1))), archive(("a", b"x"), ("a/b", b"y")),
    archive(*(("n%d" % number, b"") for number in range(_store_archive.MOST_ENTRIES + 1)))])
def test_what_is_no_store_is_refused(octets, tmp_path):
    folder = tmp_path / "inside"
    folder.mkdir()
    with pytest.raises(StoreError) as caught:
        _store_archive.unpack(octets, str(folder), "C:\\there")
    assert "C:\\there" in str(caught.value) and sorted(path.name for path in tmp_path.iterdir()) == ["inside"]


def test_one_that_was_cut_is_refused(tmp_path):
    octets = _store_archive.pack(made(tmp_path).folder)
    for size in range(0, len(octets), 37):
        folder = tmp_path / str(size)
        folder.mkdir()
        with pytest.raises(StoreError):
            _store_archive.unpack(octets[:size], str(folder), "there")
