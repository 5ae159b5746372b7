# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Key stores for Java applications, read back by OpenSSL, and by Java's own keytool where there is one."""

from __future__ import annotations

import datetime
import json
import shutil
import stat
import subprocess

import bouncy_castle
import pytest
from simulator import pki

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _pki, _store
from ansible_collections.voiceops.secure_tsp.plugins.modules import jtapi_key_store

ALIAS, PASSWORD, PASSPHRASE = "recorder_tapi5", "Store-Secret-0001", "Key-Secret-0002"
CAPF = pki.vector("capf-profile")


def issue(key, name="CTI-5"):
    now = datetime.datetime.now(datetime.timezone.utc)
    return pki.issue_lsc(CAPF, _pki.public_key_der(key), name, now, now + datetime.timedelta(days=30))


@pytest.fixture
def store(tmp_path):
    """An instance's folder with a pair and CAPF's certificate."""
    made = _store.Store(tmp_path / "instance")
    made.create()
    key = pki.vector("ccm2").key
    made.write(_store.KEY, _pki.key_to_pem(key))
    made.write(_store.CERTIFICATE, issue(key))
    made.write(_pki.subject_hash(CAPF.der) + ".0", CAPF.pem)
    return made


@pytest.fixture
def deliver(store, tmp_path, run_module):
    """Run the module; every result must be free of secrets."""
    def run(check=False, **options):
        given = dict(path=store.folder, dest=str(tmp_path / "store.p12"), password=PASSWORD, alias=ALIAS)
        given.update(options)
        result = run_module(jtapi_key_store, check=check, diff=True, **{
            name: value for name, value in given.items() if value is not None})
        for secret in (PASSWORD, PASSPHRASE, "PRIVATE KEY"):
            assert secret not in json.dumps(result)
        return result

    return run


def by_openssl(path, password):
    """C((key PEM, [certificate DER], friendly names)) as OpenSSL reads them."""
    legacy = ["-legacy"] if b"legacy" in subprocess.run(
        ["openssl", "pkcs12", "-help"], capture_output=True, check=True).stderr else []
    text = subprocess.run(
        ["openssl", "pkcs12", "-in", path, "-nodes", "-passin", "pass:" + password, *legacy],
        capture_output=True, check=True, text=True).stdout
    end = "-----END CERTIFICATE-----"
    certificates = [part[part.index("-----BEGIN CERTIFICATE"):] + end for part in text.split(end)[:-1]]
    key = text[text.index("-----BEGIN PRIVATE"):text.index("-----END PRIVATE")] + "-----END PRIVATE KEY-----\n"
    names = {line.split(": ", 1)[1] for line in text.splitlines() if "friendlyName" in line}
    return key.encode(), [_pki.certificate_der(one.encode()) for one in certificates], names


def by_keytool(path, password, kind):
    """C([certificate DER]) of the entry as Java reads it; none where this machine has no Java."""
    if shutil.which("keytool") is None:
        return None
    text = subprocess.run(
        ["keytool", "-list", "-rfc", "-alias", ALIAS, "-keystore", path, "-storepass", password, "-storetype", kind],
        capture_output=True, check=True, text=True).stdout
    assert "PrivateKeyEntry" in text
    end = "-----END CERTIFICATE-----"
    return [_pki.certificate_der((part[part.index("-----BEGIN"):] + end).encode()) for part in text.split(end)[:-1]]


@pytest.mark.parametrize("encryption", ["modern", "compatible"])
@pytest.mark.parametrize("chain", [False, True])
def test_foreign_readers_find_key_and_certificate(deliver, store, tmp_path, encryption, chain):
    result = deliver(encryption=encryption, chain=chain)
    path = tmp_path / "store.p12"
    assert (result["changed"], result["reason"]) == (True, "missing")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    wanted = [store.read(_store.CERTIFICATE)] + ([CAPF.der] if chain else [])
    key, certificates, names = by_openssl(path, PASSWORD)
    assert certificates == wanted and ALIAS in names
    assert _pki.matches_key(wanted[0], _pki.key_from_pem(key))
    for kind in ("PKCS12", "JKS"):
        assert by_keytool(path, PASSWORD, kind) in (None, wanted)
    assert result["certificate"]["common_name"] == "CTI-5"
    assert result["diff"]["before"] == "" and "alias: " + ALIAS in result["diff"]["after"]


@pytest.mark.skipif(bool(bouncy_castle.MISSING), reason=bouncy_castle.MISSING)
def test_java_makes_a_bcfks_store_for_jtapi_15(deliver, store, tmp_path):
    options = {"format": "bcfks", "bouncy_castle": bouncy_castle.JARS and bouncy_castle.JARS[0], "chain": True}
    result = deliver(**options)
    path = tmp_path / "store.p12"
    assert (result["changed"], result["reason"], stat.S_IMODE(path.stat().st_mode)) == (True, "missing", 0o600)
    octets = path.read_bytes()
    assert octets[0] == 0x30 and bytes.fromhex("06092a864886f70d01050d") in octets[:40]
    again = deliver(**options)
    assert (again["changed"], again["reason"], path.read_bytes()) == (False, "", octets)
    assert deliver(password="Another-Secret-3", check=True, **options)["reason"] == "unreadable"
    key = pki.vector("ccm1").key
    store.write(_store.KEY, _pki.key_to_pem(key))
    store.write(_store.CERTIFICATE, issue(key))
    assert deliver(**options)["reason"] == "certificate" and deliver(**options)["changed"] is False
    assert sorted(one.name for one in tmp_path.iterdir()) == ["instance", "store.p12"]


@pytest.mark.parametrize(("options", "words"), [
    ({"keytool": "/nonexistent/keytool"}, "no keytool on this host"), ({"bouncy_castle": "/nonexistent"}, "no library of Bouncy Castle"),
    ({}, "bouncy_castle is not given"),
])
def test_bcfks_says_what_it_needs(deliver, tmp_path, options, words):
    given = {"format": "bcfks", "keytool": shutil.which("true"), **options}
    result = deliver(**given)
    assert result["failed"] and words in result["msg"] and not (tmp_path / "store.p12").exists()


def test_a_keytool_that_fails_is_quoted_without_the_password(deliver, tmp_path):
    tool, jar = tmp_path / "keytool", tmp_path / "bc-fips-1.jar"
    tool.write_text("#!/bin/sh\necho \"keytool error: wrong $SECURE_TSP_STORE\"\nexit 1\n")
    tool.chmod(0o755)
    jar.write_bytes(b"")
    result = deliver(format="bcfks", keytool=str(tool), bouncy_castle=str(tmp_path))
    assert result["failed"] and "keytool error: wrong ********" in result["msg"]


def test_a_second_run_leaves_every_octet(deliver, tmp_path):
    deliver()
    before = (tmp_path / "store.p12").read_bytes()
    again = deliver()
    assert (again["changed"], again["reason"], (tmp_path / "store.p12").read_bytes()) == (False, "", before)
    assert again["diff"]["before"] == again["diff"]["after"]


@pytest.mark.parametrize(("options", "reason"), [
    ({"password": "Another-Secret-3"}, "unreadable"), ({"chain": True}, "chain"),
    # Old releases of the library do not tell the alias.
    pytest.param({"alias": "other"}, "alias", marks=pytest.mark.in_process),
])
def test_what_differs_is_written_anew(deliver, tmp_path, options, reason):
    deliver()
    check = deliver(check=True, **options)
    before = (tmp_path / "store.p12").read_bytes()
    assert (check["changed"], check["reason"]) == (True, reason)
    changed = deliver(**options)
    assert (changed["changed"], changed["reason"]) == (True, reason)
    assert (tmp_path / "store.p12").read_bytes() != before
    assert deliver(**options)["changed"] is False


def test_a_renewed_certificate_is_delivered(deliver, store):
    deliver()
    key = pki.vector("ccm1").key
    store.write(_store.KEY, _pki.key_to_pem(key, PASSPHRASE))
    store.write(_store.CERTIFICATE, issue(key))
    assert deliver(key_passphrase=PASSPHRASE)["reason"] == "certificate"
    assert "passphrase" in deliver()["msg"]


def test_a_file_that_others_may_read_is_closed(deliver, tmp_path):
    deliver()
    path = tmp_path / "store.p12"
    before = path.read_bytes()
    path.chmod(0o644)
    assert deliver()["reason"] == "mode"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and path.read_bytes() == before


@pytest.mark.parametrize("password", [None, PASSWORD])
def test_pem_holds_certificate_and_key(deliver, store, tmp_path, password):
    options = {"dest": str(tmp_path / "both.pem"), "format": "pem", "password": password, "chain": True}
    assert deliver(**options)["reason"] == "missing"
    path = tmp_path / "both.pem"
    answer = subprocess.run(
        ["openssl", "pkey", "-in", path, "-passin", "pass:" + (password or ""), "-pubout", "-outform", "DER"],
        capture_output=True, check=True)
    assert answer.stdout == _pki.public_key_der(_pki.load_certificate(store.read(_store.CERTIFICATE)).public_key())
    assert path.read_text().count("BEGIN CERTIFICATE") == 2
    assert ("ENCRYPTED" in path.read_text()) == bool(password)
    assert deliver(**options)["changed"] is False
    assert deliver(**{**options, "password": "Other-Secret-9"})["reason"] == "unreadable"


def test_check_mode_writes_nothing(deliver, tmp_path):
    assert deliver(check=True)["changed"] is True
    assert not (tmp_path / "store.p12").exists()


def test_absent(deliver, tmp_path):
    assert deliver(state="absent")["changed"] is False
    deliver()
    assert deliver(state="absent", check=True)["changed"] is True and (tmp_path / "store.p12").exists()
    assert deliver(state="absent", path=None, password=None, alias=None)["changed"] is True
    assert not (tmp_path / "store.p12").exists()


@pytest.mark.parametrize(("options", "words"), [
    ({"alias": None}, "alias"), ({"password": None}, "password"), ({"path": None}, "path"),
])
def test_what_is_missing_is_said(deliver, options, words):
    result = deliver(**options)
    assert result["failed"] and words in result["msg"]


def test_a_folder_without_a_certificate_says_what_to_do(deliver, store):
    store.remove(_store.CERTIFICATE)
    assert deliver(check=True)["changed"] is True
    assert "Enrol one first" in deliver()["msg"]
    store.write(_store.CERTIFICATE, pki.vector("ccm1").der)
    assert "not for the key beside it" in deliver()["msg"]


@pytest.fixture
def online(store):
    """The certificate of the instance is one of an online CA below a root. Gives (root, CA), which no trust list has."""
    root = pki.capf_authority("Example Root CA", path_length=None)
    authority = pki.capf_authority("Example Issuing CA 1", issuer=root)
    now = datetime.datetime.now(datetime.timezone.utc)
    key = pki.vector("ccm2").key
    store.write(_store.CERTIFICATE, pki.issue_lsc(
        authority, _pki.public_key_der(key), "CTI-5", now, now + datetime.timedelta(days=30)))
    return root.der, authority.der


@pytest.mark.parametrize("with_root", [False, True])
def test_t4_the_chain_of_an_online_ca(deliver, store, tmp_path, online, with_root):
    root, authority = online
    refused = deliver(chain=True)
    assert "online CA issues certificates for CAPF, give its certificate in issuers" in refused["msg"] and not (tmp_path / "store.p12").exists()
    given = [_pki.certificate_pem(der).decode() for der in ([root] * with_root + [authority])]
    assert deliver(chain=True, issuers=["".join(given)])["changed"]
    _key, certificates, _names = by_openssl(tmp_path / "store.p12", PASSWORD)
    assert certificates == [store.read(_store.CERTIFICATE), authority] + [root] * with_root
    assert not deliver(chain=True, issuers=given)["changed"]
    assert not deliver(chain=True, issuers=given, check=True)["changed"]


def test_t4_issuers_that_are_no_certificates_are_refused(deliver, tmp_path, online):
    assert "issuers: entry 1 has no certificate in PEM" in deliver(chain=True, issuers=["/etc/ssl/ca.pem"])["msg"]
    assert not (tmp_path / "store.p12").exists()


def test_a_chain_needs_its_issuer(deliver, store):
    store.remove(_pki.subject_hash(CAPF.der) + ".0")
    assert "Fetch the trust list first" in deliver(chain=True)["msg"]


def test_foreign_files_are_not_trusted(deliver, tmp_path):
    (tmp_path / "store.p12").symlink_to(tmp_path / "elsewhere")
    assert "symbolic link" in deliver()["msg"]
    assert "does not exist" in deliver(dest=str(tmp_path / "nowhere" / "store.p12"))["msg"]
