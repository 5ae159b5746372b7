# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import grp
import hashlib
import os
import pwd
import stat

import pytest
from simulator import Simulator
from simulator.faults import Faults
from simulator.tftp_server import TftpServer

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _ctl, _pki
from ansible_collections.voiceops.secure_tsp.plugins.modules import ctl_file

STORED = "CTLFile-v12"
NAME = "CTLCAPF7F000001.tlv"
# The certificates of CTLFile-v12 in file order: itlrecovery, ccm1, capf, ccm2. Names as by openssl x509 -hash.
HASHED = ["6c7c3153.0", "9467be5d.0", "ede044fd.0", "103fc1d1.0"]
FILES = sorted(HASHED + ["CallManager.cer", "ctl.tlv"])


@pytest.fixture
def sim():
    with Simulator(fronts=("tftp", "http")) as simulator:
        yield simulator


@pytest.fixture
def octets_of(vectors):
    return lambda name: (vectors / "ctl" / "cucm" / (name + ".tlv")).read_bytes()


@pytest.fixture
def serve(sim, octets_of):
    """Let the file server have a vector as its trust list, or None."""
    def put(name):
        sim.cluster.put_file("CTLFile.tlv", None if name is None else octets_of(name))

    put(STORED)
    return put


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "instances" / "recorder01x1"


@pytest.fixture
def keep(sim, serve, folder, run_module):
    def run(check=False, diff=False, **options):
        given = dict(path=str(folder), tftp_servers=["127.0.0.1"], tftp_port=sim.tftp_port, http_port=sim.http_port,
                     capf_host="127.0.0.1", timeout=10)
        given.update(options)
        given = {name: value for name, value in given.items() if value is not None}
        return run_module(ctl_file, check=check, diff=diff, **given)

    return run


@pytest.fixture
def stored(keep):
    """The vector STORED is in place."""
    assert keep()["verdict"] == "first_trust"


def contents(folder):
    """{name: (octets, mode)} of all files; nothing where there is no folder."""
    return {path.name: (path.read_bytes(), stat.S_IMODE(path.stat().st_mode))
            for path in folder.iterdir() if path.name != ".lock"} if folder.exists() else {}


def der(vectors, name):
    return _pki.certificate_der((vectors / "ctl" / "certs" / (name + ".pem")).read_bytes())


def texts(result):
    return " ".join(result.get("warnings", []))


# First trust, and what is written


def test_first_trust_writes_the_list_and_its_certificates(keep, folder, vectors, octets_of):
    result = keep()
    assert result["changed"] and result["verdict"] == "first_trust" and sorted(result["files"]) == FILES
    assert (result["server"], result["file_name"], result["protocol"]) == ("127.0.0.1", NAME, "tftp")
    found = contents(folder)
    assert sorted(found) == FILES and {mode for _octets, mode in found.values()} == {0o644}
    assert found["ctl.tlv"][0] == octets_of(STORED)
    assert found["CallManager.cer"][0] == der(vectors, "ccm1")
    for name, certificate in zip(HASHED, ("itlrecovery", "ccm1", "capf", "ccm2")):
        assert found[name][0].startswith(b"-----BEGIN CERTIFICATE-----\n")
        assert _pki.certificate_der(found[name][0]) == der(vectors, certificate)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert "trusted on first use" in texts(result) and hashlib.sha1(octets_of(STORED)).hexdigest() in texts(result)


def test_facts_of_the_list(keep):
    ctl = keep()["ctl"]
    assert ctl["mixed_mode"] and ctl["has_capf"] and (ctl["signature"], ctl["digest"]) == ("valid", "sha1")
    assert ctl["signer"].startswith("CN=ITLRECOVERY_lab1-pub;") and ctl["timestamp"] == "2023-11-14T22:13:20Z"
    assert [record["role"] for record in ctl["records"]] == ["SAST", "SAST", "CCM+TFTP", "CAPF", "CCM+TFTP"]
    assert [certificate["file"] for certificate in ctl["certificates"]] == HASHED


def test_second_run_changes_nothing(keep, folder, stored):
    before = contents(folder)
    result = keep(diff=True)
    assert not result["changed"] and result["verdict"] == "unchanged" and result["files"] == []
    assert "warnings" not in result and result["diff"]["before"] == result["diff"]["after"]
    assert contents(folder) == before


def test_check_mode_on_an_empty_host_fetches_and_writes_nothing(keep, sim, folder):
    result = keep(check=True, diff=True)
    assert result["changed"] and result["verdict"] == "first_trust" and sorted(result["files"]) == FILES
    assert result["ctl"]["has_capf"] and sim.cluster.counters["tftp.RRQ"] == 1
    assert result["diff"]["before"] == {} and len(result["diff"]["after"]["records"]) == 5
    assert not folder.parent.exists()


# The verdict on every list. Reasons: tests/vectors/ctl/README.md

VERDICTS = [
    # file, on first use, against CTLFile-v12
    ("CTLFile-v12", "first_trust", "unchanged"),
    ("CTLFile-v11.5", "first_trust", "update"),
    ("CTLFile-sha512", "first_trust", "update"),
    ("CTLFile-code4-sha512", "first_trust", "update"),
    ("CTLFile-code3-sha384", "first_trust", "update"),
    ("CTLFile-sha256", "first_trust", "update"),
    ("CTLFile-update-later", "first_trust", "update"),
    ("CTLFile-nonsecure", "first_trust", "update"),
    ("CTLFile-ec-record", "first_trust", "update"),
    ("CTLFile-capf-profile", "first_trust", "update"),
    ("CTLFile-stranger", "first_trust", "stranger"),
    ("CTLFile-tampered", "tampered", "tampered"),
    ("CTLFile-truncated", "damaged", "damaged"),
    ("ITLFile-hashonly", "first_trust", "update"),
    ("ITLFile-v11", "first_trust", "update"),
]
REFUSED = ("stranger", "tampered", "damaged")


def listed(octets):
    """Names and contents that belong to a list, made without the module."""
    trust_list = _ctl.parse(octets)
    wanted = {_pki.subject_hash(certificate) + ".0": _pki.certificate_pem(certificate)
              for certificate in trust_list.certificates()}
    if trust_list.callmanager_certificates():
        wanted["CallManager.cer"] = trust_list.callmanager_certificates()[0]
    return dict(wanted, **{"ctl.tlv": octets})


@pytest.mark.parametrize("name, verdict, _update", VERDICTS)
def test_verdict_on_first_use(keep, serve, folder, octets_of, name, verdict, _update):
    serve(name)
    result = keep()
    assert result["verdict"] == verdict and bool(result.get("failed")) == (verdict in REFUSED)
    if verdict in REFUSED:
        assert not folder.parent.exists()
    else:
        assert {name: octets for name, (octets, _mode) in contents(folder).items()} == listed(octets_of(name))


@pytest.mark.parametrize("name, _first, verdict", VERDICTS)
@pytest.mark.parametrize("check", [True, False])
def test_verdict_against_a_stored_list(keep, serve, folder, octets_of, stored, name, _first, verdict, check):
    before = contents(folder)
    serve(name)
    result = keep(check=check)
    assert result["verdict"] == verdict and bool(result.get("failed")) == (verdict in REFUSED), result
    assert result["changed"] == (verdict == "update") if verdict not in REFUSED else "changed" not in result or \
        not result["changed"]
    if check or verdict != "update":
        assert contents(folder) == before
        return
    found = {name: octets for name, (octets, _mode) in contents(folder).items()}
    assert found.pop("ctl.tlv.previous") == octets_of(STORED)
    assert found == listed(octets_of(name))
    again = keep()
    assert not again["changed"] and again["verdict"] == "unchanged"


def test_a_refusal_says_what_to_do(keep, serve, stored):
    serve("CTLFile-stranger")
    message = keep()["msg"]
    assert "none of the security tokens" in message and "show ctl" in message and "unchanged" in message
    assert "tftp://127.0.0.1:" in message and NAME in message


def test_an_update_replaces_the_certificates_of_the_former_list(keep, sim, folder):
    sim.act("rebuild_ctl")
    keep()
    former = contents(folder)
    sim.act("regenerate", certificate="callmanager")
    result = keep(diff=True)
    assert result["verdict"] == "update" and "CallManager.cer" in result["files"]
    found = {name: octets for name, (octets, _mode) in contents(folder).items()}
    assert found.pop("ctl.tlv.previous") == former["ctl.tlv"][0]
    assert found == listed(sim.cluster.ctl_octets())
    assert found["CallManager.cer"] == sim.cluster.certificates.callmanager.der != former["CallManager.cer"][0]
    assert result["diff"]["before"]["records"] != result["diff"]["after"]["records"]


def test_a_new_signer_needs_a_fingerprint(keep, sim, folder):
    sim.act("rebuild_ctl")
    keep()
    before = contents(folder)
    sim.act("regenerate", certificate="itlrecovery")
    assert keep()["verdict"] == "stranger" and contents(folder) == before
    result = keep(fingerprint=hashlib.sha1(sim.cluster.ctl_octets()).hexdigest())
    assert (result["verdict"], result["changed"]) == ("pinned", True)
    assert "accepted because of its fingerprint" in texts(result)


def test_a_list_of_a_cluster_that_is_not_secure(keep, serve, folder, stored):
    serve("CTLFile-nonsecure")
    result = keep()
    assert not result["ctl"]["mixed_mode"] and "not in mixed mode" in texts(result)
    assert "CallManager.cer" in result["files"] and not (folder / "CallManager.cer").exists()


def test_a_list_without_capf(keep, serve):
    serve("CTLFile-stranger")
    result = keep()
    assert not result["ctl"]["has_capf"] and "names no CAPF server" in texts(result)


def test_an_older_list(keep, serve, folder, stored):
    serve("CTLFile-update-later")
    keep()
    before = contents(folder)
    serve("CTLFile-v11.5")
    assert keep(reject_older=True)["verdict"] == "older" and contents(folder) == before
    result = keep()
    assert result["verdict"] == "update" and "older than the stored one" in texts(result)


# The fingerprint


def with_colons(digits):
    return ":".join(digits[index:index + 2] for index in range(0, len(digits), 2)).upper()


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256"])
@pytest.mark.parametrize("form", [str, with_colons])
def test_a_pinned_list(keep, octets_of, algorithm, form):
    fingerprint = form(hashlib.new(algorithm, octets_of(STORED)).hexdigest())
    result = keep(fingerprint=fingerprint)
    assert result["verdict"] == "pinned" and result["changed"] and "warnings" not in result
    result = keep(fingerprint=fingerprint)
    assert result["verdict"] == "unchanged" and not result["changed"]


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256"])
def test_another_list_than_the_pinned_one(keep, folder, octets_of, algorithm):
    fingerprint = hashlib.new(algorithm, octets_of("CTLFile-v11.5")).hexdigest()
    result = keep(fingerprint=fingerprint)
    assert result["failed"] and result["verdict"] == "fingerprint_mismatch" and not folder.exists()
    assert hashlib.new(algorithm, octets_of(STORED)).hexdigest() in result["msg"]


def test_a_pin_that_does_not_fit_the_stored_list_is_told(keep, folder, octets_of, stored):
    before = contents(folder)
    result = keep(fingerprint=hashlib.sha1(octets_of("CTLFile-v11.5")).hexdigest())
    assert result["verdict"] == "fingerprint_mismatch" and contents(folder) == before


# Nothing there


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("missing, verdict", [("not there", "not_found"), ("empty", "empty"), ("silent", "no_answer")])
@pytest.mark.parametrize("on_missing", ["fail", "keep_and_warn"])
def test_nothing_fetched_while_one_is_stored(keep, sim, folder, stored, missing, verdict, on_missing, check):
    before = contents(folder)
    if missing == "silent":
        sim.faults.add(front="tftp", kind="silence", times=None)
    else:
        sim.cluster.put_file("CTLFile.tlv", None if missing == "not there" else b"")
    result = keep(on_missing=on_missing, timeout=1, check=check)
    assert contents(folder) == before
    if on_missing == "fail":
        assert result["failed"] and result["verdict"] == verdict and NAME in result["msg"]
    else:
        assert (result["verdict"], result["changed"], result["server"]) == ("kept", False, "")
        assert result["ctl"]["has_capf"] and "stored trust list was kept" in texts(result)


@pytest.mark.parametrize("text", ["File not found", "No such file or directory", "file does not exist"])
def test_T11_not_found_by_error_0_goes_on_to_the_next_name(keep, sim, text):
    sim.faults.add(front="tftp", kind="error", code=0, text=text)
    result = keep()
    assert result["changed"] and len(result["failures"]) == 1 and "no such file" in result["failures"][0]


@pytest.mark.parametrize(("code", "text"), [
    (0, "Datei nicht gefunden"), (0, ""), (0, "Fichier introuvable"), (2, "Access violation"), (0, "Server busy"), (7, "No such user"),
])
def test_T11_a_refusal_in_whatever_words_goes_on_to_the_next_name_and_server(keep, sim, code, text):
    """The first name is that of newer releases. What an older server says of it is no reason not to ask for the other."""
    sim.faults.add(front="tftp", kind="error", code=code, text=text)
    result = keep()
    assert not result.get("failed") and result["changed"], result
    sim.faults.add(front="tftp", kind="error", code=code, text=text, times=None)
    refused = keep(tftp_servers=["127.0.0.1", "localhost"])
    assert len(refused["failures"]) == 4 and "refused with error %d" % code in str(refused["failures"])


def test_T11_not_found_by_error_0_everywhere_means_that_there_is_no_list(keep, sim):
    sim.faults.add(front="tftp", kind="error", code=0, text="File not found", times=None)
    result = keep(tftp_servers=["127.0.0.1", "localhost"])
    assert result["failed"] and result["verdict"] == "not_found" and len(result["failures"]) == 4


@pytest.mark.parametrize("on_missing", ["fail", "keep_and_warn"])
def test_nothing_fetched_and_nothing_stored(keep, serve, folder, on_missing):
    serve(None)
    result = keep(on_missing=on_missing)
    assert result["failed"] and result["verdict"] == "not_found" and "show ctl" in result["msg"]
    assert not folder.parent.exists()


def test_a_damaged_list_is_never_overlooked_because_of_on_missing(keep, serve, folder, stored):
    before = contents(folder)
    for name in ("CTLFile-tampered", "CTLFile-truncated", "CTLFile-stranger"):
        serve(name)
        assert keep(on_missing="keep_and_warn")["failed"] and contents(folder) == before


def test_a_name_that_cannot_be_resolved(keep, stored):
    result = keep(capf_host="no-such-host.invalid")
    assert result["verdict"] == "no_answer" and "no-such-host.invalid" in result["msg"]
    assert keep(capf_host="no-such-host.invalid", on_missing="keep_and_warn")["verdict"] == "kept"
    result = keep(tftp_servers=["no-such-host.invalid", "127.0.0.1"])
    assert result["verdict"] == "unchanged" and "no-such-host.invalid" in texts(result)


# Names and servers


@pytest.mark.parametrize("capf_host, names", [
    ("10.1.2.3", ["CTLCAPF0A010203.tlv", "CTLCAPFA010203.tlv", "CTLFile.tlv"]),
    ("192.0.2.10", ["CTLCAPFC000020A.tlv", "CTLFile.tlv"]),
    ("2001:db8::12", ["CTLCAPF20010DB8000000000000000000000012.tlv", "CTLFile.tlv"]),
    ("localhost", ["CTLCAPF7F000001.tlv", "CTLFile.tlv"]),
])
def test_names_are_tried_in_order(keep, sim, capf_host, names):
    for wanted in range(len(names)):
        sim.faults.clear()
        for name in names[:wanted]:
            sim.faults.add(front="tftp", operation=name, kind="error", code=1)
        result = keep(capf_host=capf_host)
        assert result["file_name"] == names[wanted]
        assert [text.split("/")[-1].rstrip(")") for text in result["failures"]] == names[:wanted]
        assert not [text for text in result.get("warnings", []) if "came from" in text]


def test_an_empty_file_is_no_list_and_the_next_name_is_tried(keep, sim):
    sim.cluster.put_file(NAME, b"")
    assert keep()["file_name"] == "CTLFile.tlv"


def test_a_name_of_ones_own(keep, sim, octets_of):
    sim.cluster.put_file("MyList.tlv", octets_of("CTLFile-v11.5"))
    result = keep(file_name="MyList.tlv", capf_host=None)
    assert result["file_name"] == "MyList.tlv" and result["ctl"]["sha1_fingerprint"] == \
        hashlib.sha1(octets_of("CTLFile-v11.5")).hexdigest()
    result = keep(file_name="Other.tlv")
    assert result["verdict"] == "not_found" and len(result["failures"]) == 1


@pytest.fixture
def second(sim):
    """A second file server of the cluster: 127.0.0.2 with the same port."""
    server = TftpServer(sim.cluster, Faults(), "127.0.0.2", sim.tftp_port)
    server.start()
    yield "127.0.0.2"
    server.stop()


@pytest.mark.parametrize("fault, words", [
    (dict(kind="silence"), "not finished within 1 seconds"), (dict(kind="error", code=1), "no such file"),
    (dict(kind="error", code=2), "refused with error 2"), (dict(kind="truncate", size=0), "empty"),
    (dict(kind="cut", block=3), "not finished within 1 seconds"), (dict(kind="endless"), "larger than 20000"),
    (dict(kind="opcode", block=2), "unexpected packet"),
])
def test_the_next_server_is_asked(keep, sim, second, fault, words):
    sim.faults.add(front="tftp", times=None, **fault)
    result = keep(tftp_servers=["127.0.0.1", second], timeout=1, max_size=20000)
    assert (result["verdict"], result["server"], result["file_name"]) == ("first_trust", second, NAME)
    assert words in texts(result) and "tftp://127.0.0.2" in texts(result)


@pytest.mark.parametrize("fault", [
    dict(kind="stray", block=2), dict(kind="lost", block=3), dict(kind="duplicate", block=2),
    dict(kind="reorder", block=4), dict(kind="delay", seconds=0.2),
])
def test_a_transfer_survives_strangers_and_a_bad_network(keep, sim, octets_of, folder, fault):
    sim.faults.add(front="tftp", **fault)
    assert keep()["verdict"] == "first_trust"
    assert (folder / "ctl.tlv").read_bytes() == octets_of(STORED)
    assert sim.faults.statistics()[0]["applied"] == 1


def test_source_address(keep):
    assert keep(source_address="127.0.0.9")["verdict"] == "first_trust"
    assert keep(source_address="192.0.2.1")["verdict"] == "no_answer"


# HTTP


def test_http_only_where_tftp_fails(keep, sim):
    assert keep(http=True)["protocol"] == "tftp"
    sim.faults.add(front="tftp", kind="error", code=2, times=None)
    result = keep(http=True)
    assert (result["verdict"], result["protocol"], result["file_name"]) == ("unchanged", "http", NAME)
    assert "came from http://" in texts(result)
    assert keep()["verdict"] == "no_answer"


def test_http_is_not_asked_for_what_tftp_has_not(keep, sim, serve):
    serve(None)
    assert keep(http=True)["verdict"] == "not_found"
    assert sim.cluster.counters["http.GET"] == 0


def test_names_are_tried_by_http_too(keep, sim):
    sim.faults.add(front="tftp", kind="error", code=2, times=None)
    sim.faults.add(front="http", operation=NAME, kind="error", code=404)
    assert keep(http=True)["file_name"] == "CTLFile.tlv"


def test_a_busy_http_server_is_asked_again_then_the_next_by_tftp(keep, sim, second):
    sim.faults.add(front="tftp", kind="error", code=2, times=None)
    sim.faults.add(front="http", kind="error", code=503, times=2)
    assert keep(http=True)["protocol"] == "http"
    sim.faults.add(front="http", kind="error", code=503, times=None)
    result = keep(http=True, tftp_servers=["127.0.0.1", second])
    assert (result["server"], result["protocol"]) == (second, "tftp") and "HTTP 503" in texts(result)


@pytest.mark.parametrize("fault, words", [
    (dict(kind="silence", seconds=3), "not finished within 1 seconds"),
    (dict(kind="cut", size=100), "connection broke"),
    (dict(kind="endless"), "larger than 20000"), (dict(kind="error", code=500), "HTTP 500"),
])
def test_http_failures_are_told(keep, sim, folder, fault, words):
    sim.faults.add(front="tftp", kind="error", code=2, times=None)
    sim.faults.add(front="http", times=None, **fault)
    result = keep(http=True, timeout=1, max_size=20000)
    assert result["verdict"] == "no_answer" and words in result["msg"] and not folder.exists()


# The store


@pytest.mark.parametrize("name", [HASHED[1], "CallManager.cer"])
@pytest.mark.parametrize("spoil", ["remove", "alter", "mode"])
@pytest.mark.parametrize("reachable", [True, False])
def test_what_was_lost_or_altered_is_written_again(keep, serve, folder, stored, name, spoil, reachable):
    before = contents(folder)
    if spoil == "remove":
        (folder / name).unlink()
    if spoil == "alter":
        (folder / name).write_bytes(b"-----BEGIN CERTIFICATE-----\nrubbish\n-----END CERTIFICATE-----\n")
    if spoil == "mode":
        (folder / name).chmod(0o600)
    if not reachable:
        serve(None)
    planned = keep(check=True, on_missing="keep_and_warn")
    assert planned["changed"] and planned["files"] == [name] and contents(folder) != before
    result = keep(on_missing="keep_and_warn", diff=True)
    assert result["changed"] and result["files"] == [name]
    assert result["verdict"] == ("unchanged" if reachable else "kept")
    assert result["diff"]["after"]["written again"] == [name]
    assert contents(folder) == before


def test_other_files_of_the_instance_stay(keep, folder, stored):
    for name in ("QBEClient.cer", "deadbeef.0"):
        (folder / name).write_bytes(b"not ours")
    assert not keep()["changed"]
    keep(state="absent")
    assert sorted(contents(folder)) == ["QBEClient.cer", "deadbeef.0"]


@pytest.mark.parametrize("octets", [b"", b"rubbish", "CTLFile-truncated", "CTLFile-tampered"])
def test_a_stored_list_that_is_damaged_vouches_for_nothing(keep, folder, octets_of, stored, octets):
    (folder / "ctl.tlv").write_bytes(octets_of(octets) if isinstance(octets, str) else octets)
    before = contents(folder)
    result = keep()
    assert result["failed"] and result["verdict"] == "stored_damaged" and "ctl.tlv.previous" in result["msg"]
    assert contents(folder) == before
    result = keep(fingerprint=hashlib.sha1(octets_of(STORED)).hexdigest())
    assert result["verdict"] == "pinned" and (folder / "ctl.tlv").read_bytes() == octets_of(STORED)


def test_a_folder_that_others_may_write_is_refused(keep, folder):
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    result = keep()
    assert result["failed"] and "write to the folder" in result["msg"] and contents(folder) == {}


def test_owner_and_group(keep, folder):
    names = dict(owner=pwd.getpwuid(os.getuid()).pw_name, group=grp.getgrgid(os.getgid()).gr_name)
    assert keep(**names)["changed"] and not keep(**names)["changed"]
    assert keep(group="no-such-group", check=True)["changed"]
    result = keep(group="no-such-group")
    assert result["failed"] and "no-such-group" in result["msg"]


def test_absent_removes_what_was_written(keep, serve, folder, stored):
    serve("CTLFile-update-later")
    keep()
    before = contents(folder)
    only = dict(tftp_servers=None, capf_host=None, state="absent")
    planned = keep(check=True, **only)
    assert planned["changed"] and contents(folder) == before
    result = keep(**only)
    assert result["changed"] and sorted(result["files"]) == sorted(planned["files"]) == sorted(before)
    assert not folder.exists() and folder.parent.exists()
    assert not keep(**only)["changed"] and not keep(check=True, **only)["changed"]


def test_absent_touches_no_folder_that_is_not_ours(keep, folder):
    folder.mkdir(parents=True)
    only = dict(tftp_servers=None, capf_host=None, state="absent")
    assert not keep(**only)["changed"] and list(folder.iterdir()) == []


# Options


@pytest.mark.parametrize("options, words", [
    (dict(tftp_servers=None), "tftp_servers"), (dict(capf_host=None), "capf_host, file_name"),
    (dict(tftp_servers=[]), "tftp_servers"), (dict(tftp_servers=[" "]), "tftp_servers"),
    (dict(file_name="../etc/passwd"), "file_name"), (dict(file_name="a b\r\n"), "file_name"),
    (dict(tftp_port=0), "tftp_port"), (dict(http_port=65536), "http_port"), (dict(timeout=0), "timeout"),
    (dict(max_size=1 << 21), "max_size"), (dict(fingerprint="abc"), "fingerprint"), (dict(state="gone"), "state"),
])
def test_wrong_options_are_named(keep, sim, folder, options, words):
    result = keep(**options)
    assert result["failed"] and words in result["msg"] and "verdict" not in result
    assert not folder.exists() and sim.cluster.counters["tftp.RRQ"] == 0
