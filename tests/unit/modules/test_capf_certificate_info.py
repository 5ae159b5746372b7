# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import datetime
import json
import os

import pytest
from simulator import pki

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _pki, _store
from ansible_collections.voiceops.secure_tsp.plugins.modules import capf_certificate_info

INSTANCE, PASSPHRASE = "recorder01x1", "Correct horse battery 7"
CAPF = pki.vector("capf-profile")
LIST = "CTLFile-capf-profile.tlv"


@pytest.fixture(scope="module")
def key():
    return _pki.generate_key("rsa", 2048)


@pytest.fixture(scope="module")
def other_key():
    return _pki.generate_key("rsa", 2048)


def issue(key, days=365, name="CTI-" + INSTANCE, authority=CAPF, begins=0):
    """A certificate that ends in so many days and a few hours."""
    now = datetime.datetime.now(datetime.timezone.utc)
    begin = now + datetime.timedelta(days=begins)
    end = now + datetime.timedelta(days=days, hours=3)
    return pki.issue_lsc(authority, _pki.public_key_der(key), name, min(begin, end - datetime.timedelta(days=1)), end)


@pytest.fixture
def store(key, tmp_path, vectors):
    """A healthy instance."""
    made = _store.Store(tmp_path / "store")
    made.create()
    made.write(_store.TRUST_LIST, (vectors / "ctl" / "cucm" / LIST).read_bytes())
    made.write(_store.KEY, _pki.key_to_pem(key))
    made.write(_store.CERTIFICATE, issue(key))
    return made


@pytest.fixture
def info(store, run_module):
    def run(**options):
        given = dict(path=store.folder, instance_id=INSTANCE)
        given.update(options)
        before = snapshot(store)
        result = run_module(capf_certificate_info, **{
            name: value for name, value in given.items() if value is not None})
        assert snapshot(store) == before and not result.get("changed") and not result.get("exception")
        assert "PRIVATE KEY" not in json.dumps(result) and PASSPHRASE not in json.dumps(result)
        return result

    return run


def snapshot(store):
    statuses = [(name, os.lstat(store.path(name))) for name in store.names()]
    return [(name, status.st_mtime_ns, status.st_mode) for name, status in statuses]


def need(result):
    assert not result.get("failed"), result
    wanted = result["needs_certificate"]
    assert wanted["needed"] == bool(wanted["reason"]) == bool(result["explanation"])
    return wanted["reason"]


def content(octets):
    return base64.b64encode(octets).decode()


def test_healthy(info, store):
    result = info(key={"type": "rsa", "size": 2048}, renew_before_days=364)
    assert need(result) == "" and not result.get("warnings")
    assert result["certificate"]["common_name"] == result["name"] == "CTI-" + INSTANCE
    assert result["key"] == {"exists": True, "type": "rsa", "size": 2048, "encrypted": False}
    assert (result["exists"], result["key_matches"], result["issuer_trusted"], result["name_matches"]) == (True,) * 4
    assert (result["days_left"], result["unconfirmed"]) == (365, False)
    assert (result["pending"], result["previous"]) == ("none", None)
    assert result["trust_list"] == {"exists": True, "has_capf": True} and result["bundle"] == "absent"
    assert result["modes"] == {
        ".": "0700", "ctl.tlv": "0644", "QBEClient.cer": "0644", "QBEClient.key.pem": "0600"}
    assert result["wrong_modes"] == {}


def test_check_mode_does_the_same(store, run_module):
    assert need(run_module(capf_certificate_info, check=True, path=store.folder, instance_id=INSTANCE)) == ""


def test_nothing_at_all(info, tmp_path):
    result = info(path=str(tmp_path / "none"))
    assert need(result) == "missing" and not result["exists"] and result["certificate"] is None
    assert result["key"] == {"exists": False, "type": None, "size": None, "encrypted": None}
    assert (result["issuer_trusted"], result["key_matches"], result["days_left"]) == (None,) * 3 and result["modes"] == {}
    assert result["trust_list"] == {"exists": False, "has_capf": False}
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("name, reason", [(_store.CERTIFICATE, "missing"), (_store.KEY, "key_lost")])
def test_missing_file(info, store, name, reason):
    store.remove(name)
    assert need(info()) == reason


@pytest.mark.parametrize("name", [_store.CERTIFICATE, _store.KEY])
def test_unreadable_file(info, store, name):
    store.write(name, b"rubbish")
    result = info()
    assert need(result) == "unreadable" and result["key_matches"] is None


def test_a_key_with_a_damaged_letter_is_unreadable(info, store):
    """Its public half may still be that of the certificate."""
    lines = store.read(_store.KEY).decode().splitlines(keepends=True)
    for number in range(8, len(lines) - 2, 3):
        wrong = "B" if lines[number][7] == "A" else "A"
        damaged = lines[:number] + [lines[number][:7] + wrong + lines[number][8:]] + lines[number + 1:]
        store.write(_store.KEY, "".join(damaged).encode())
        result = info()
        assert need(result) == "unreadable" and result["key_matches"] is None


def test_key_of_another_certificate(info, store, other_key):
    store.write(_store.KEY, _pki.key_to_pem(other_key))
    result = info()
    assert need(result) == "key_mismatch" and result["key_matches"] is False


@pytest.mark.parametrize("days, before, reason", [
    (-1, 0, "expired"), (-1, 30, "expired"), (0, 0, ""), (10, 10, ""), (10, 11, "expiring"), (400, 365, "")])
def test_expiry(info, store, key, days, before, reason):
    store.write(_store.CERTIFICATE, issue(key, days))
    result = info(renew_before_days=before)
    assert need(result) == reason and result["days_left"] == days


def test_issuer_that_is_not_the_capf_of_the_trust_list(info, store, key):
    store.write(_store.CERTIFICATE, issue(key, authority=pki.capf_authority("CAPF-0badcafe", key)))
    result = info()
    assert need(result) == "wrong_issuer" and result["issuer_trusted"] is False
    store.remove(_store.TRUST_LIST)
    result = info()
    assert need(result) == "" and result["issuer_trusted"] is None


def test_key_of_another_kind(info):
    assert need(info(key={"type": "rsa", "size": 3072})) == "key_changed"
    result = info(key={"type": "ec"})
    assert need(result) == "key_changed" and "EC" in result["explanation"].upper()


def test_the_gravest_reason_is_told(info, store, key):
    store.write(_store.CERTIFICATE, issue(key, -1))
    assert need(info(key={"type": "rsa", "size": 4096}, renew_before_days=30)) == "expired"
    store.remove(_store.KEY)
    assert need(info(renew_before_days=30)) == "key_lost"


def test_interrupted_enrolment(info, store, key, other_key):
    store.begin(_pki.key_to_pem(other_key))
    result = info(renew_before_days=4000)
    assert need(result) == "interrupted" and result["pending"] == "key"
    store.stage(issue(other_key))
    assert info()["pending"] == "certificate"
    store.remove(_store.CERTIFICATE)
    assert need(info()) == "missing"


def test_certificate_that_waits_and_is_no_good_is_none(info, store, key, other_key):
    """It cannot be put in place, so that a new one has to be fetched for its key."""
    store.begin(_pki.key_to_pem(other_key))
    store.stage(issue(other_key, -1))
    result = info()
    assert (result["pending"], result["unfinished"], need(result)) == ("key", False, "interrupted")


def test_what_can_be_finished_without_capf(info, store, key, other_key):
    assert not info()["unfinished"]
    store.pending.create()  # the run died before the key was in it
    assert info()["unfinished"] and info()["pending"] == "none"
    store.begin(_pki.key_to_pem(other_key))
    assert not info()["unfinished"]
    store.stage(issue(other_key))
    assert info()["unfinished"]
    os.rename(store.path("pending"), store.path("replacing"))
    assert info()["unfinished"] and need(info()) == ""
    store.remove_pair()
    store.pending.create()
    assert not info()["unfinished"] and need(info()) == "missing"


def test_interrupted_replacement_is_seen_as_done(info, store, key, other_key):
    store.begin(_pki.key_to_pem(other_key))
    store.stage(issue(other_key))
    os.rename(store.path("pending"), store.path("replacing"))
    os.rename(store.path("replacing/" + _store.KEY), store.path(_store.KEY))
    result = info()
    assert need(result) == "" and result["key_matches"] and result["unconfirmed"]


def test_unconfirmed_certificate_with_the_one_before(info, store, key, other_key):
    store.begin(_pki.key_to_pem(other_key))
    store.stage(issue(other_key))
    store.commit()
    result = info()
    assert result["unconfirmed"] and result["previous"]["common_name"] == "CTI-" + INSTANCE
    store.confirm()
    assert not info()["unconfirmed"]


def test_encrypted_key(info, store, key):
    store.write(_store.KEY, _pki.key_to_pem(key, PASSPHRASE))
    result = info(key_passphrase=PASSPHRASE)
    assert need(result) == "" and result["key"]["encrypted"]
    for wrong in (None, "Wrong horse battery 8"):
        result = info(key_passphrase=wrong)
        assert result["failed"] and "key_passphrase" in result["msg"] and "QBEClient.key.pem" in result["msg"]
    store.write(_store.KEY, _pki.key_to_pem(key))
    result = info(key_passphrase=PASSPHRASE)
    assert need(result) == "" and any("not encrypted" in warning for warning in result["warnings"])


def test_another_name_and_a_begin_in_the_future_are_warned_about(info, store, key):
    store.write(_store.CERTIFICATE, issue(key, name="CTI-other", begins=1))
    result = info()
    assert need(result) == "" and result["name_matches"] is False
    assert any("CTI-other" in warning for warning in result["warnings"])
    assert any("not valid before" in warning for warning in result["warnings"])


def test_wrong_modes(info, store):
    os.chmod(store.path(_store.KEY), 0o644)
    result = info()
    assert result["wrong_modes"] == {"QBEClient.key.pem": {"found": "0644", "wanted": "0600"}}
    assert any("0644 instead of 0600" in warning for warning in result["warnings"])


def test_bundle(info, store):
    key_pem, der = store.pair()
    store.write(_store.BUNDLE, _pki.certificate_pem(der) + key_pem)
    assert info()["bundle"] == "current"
    store.write(_store.BUNDLE, b"old")
    assert info()["bundle"] == "stale"


def test_symbolic_links_are_not_followed(info, store, tmp_path):
    (tmp_path / "elsewhere").write_bytes(store.read(_store.CERTIFICATE))
    store.remove(_store.CERTIFICATE)
    os.symlink(tmp_path / "elsewhere", store.path(_store.CERTIFICATE))
    result = info()
    assert result["failed"] and "symbolic link" in result["msg"]


def test_damaged_trust_list(info, store):
    store.write(_store.TRUST_LIST, b"rubbish")
    result = info()
    assert result["failed"] and "ctl_file" in result["msg"]


# The content of files, for hosts whose TSP enrols itself


def test_content(info, key, vectors):
    listed = content((vectors / "ctl" / "cucm" / LIST).read_bytes())
    result = info(path=None, certificate=content(issue(key)), trust_list=listed)
    assert need(result) == "" and result["issuer_trusted"] and result["key"]["exists"] is None
    assert "modes" not in result and "unconfirmed" not in result
    pem = content(_pki.certificate_pem(issue(key, 5)))
    assert need(info(path=None, certificate=pem, renew_before_days=30)) == "expiring"
    stranger = issue(key, authority=pki.capf_authority("CAPF-0badcafe", key))
    assert need(info(path=None, certificate=content(stranger), trust_list=listed)) == "wrong_issuer"
    assert need(info(path=None, certificate=content(stranger))) == ""
    assert need(info(path=None, certificate=content(issue(key)), key={"type": "rsa", "size": 4096})) == "key_changed"


@pytest.mark.parametrize("octets, reason", [(b"", "missing"), (b"rubbish", "unreadable")])
def test_content_without_a_certificate(info, octets, reason):
    assert need(info(path=None, certificate=content(octets))) == reason


@pytest.mark.parametrize("options, word", [
    ({"certificate": "AAAA"}, "mutually exclusive"), ({"path": None}, "path"),
    ({"path": None, "certificate": "?"}, "Base64"),
    ({"path": None, "certificate": "", "trust_list": "AAAA"}, "trust list"), ({"instance_id": "a b"}, "instance_id"),
    ({"name_template": "x"}, "name_template"), ({"renew_before_days": 40000}, "renew_before_days"),
    ({"key": {"type": "ec", "size": 2048}}, "2048")])
def test_wrong_options(info, options, word):
    result = info(**options)
    assert result["failed"] and word in result["msg"]
