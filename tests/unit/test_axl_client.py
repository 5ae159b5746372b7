# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The AXL client against a server that misbehaves on demand."""

from __future__ import annotations

import base64
import logging
import socket
import threading
import time

import pytest
import scripted_axl
import scripted_https
from scripted_axl import GOOD_READ, OK, UUID, change, read
from scripted_https import DROP, ScriptedServer, answer, fault, version_answer

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _errors
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._axl import client, schema

PASSWORD = "Geheim-äöü-4711"
HTML = "<html><head><title>HTTP Status %d</title></head><body>no</body></html>"


def html(status, headers=()):
    return status, dict({"Content-Type": "text/html"}, **dict(headers)), (HTML % status).encode()


@pytest.fixture(scope="module")
def identity(tmp_path_factory):
    return scripted_https.Identity(tmp_path_factory.mktemp("identity"))


@pytest.fixture
def cluster(identity):
    with scripted_axl.clients(identity, PASSWORD, jitter=0.5) as start:
        yield start


# What goes out


def test_a_request_carries_credentials_action_and_body(cluster):
    server, axl = cluster(OK)
    assert change(axl) == UUID
    request = server.requests[0]
    assert request.path == "/axl/"
    assert request.headers["SOAPAction"] == '"CUCM:DB ver=12.5 updateAppUser"'
    assert request.headers["Content-Type"].startswith("text/xml")
    expected = base64.b64encode(("axl:" + PASSWORD).encode("utf-8")).decode()
    assert request.headers["Authorization"] == "Basic " + expected
    assert "<userid>recorder</userid><password>TopSecret-99</password>" in request.text


def test_one_connection_and_the_cookie_instead_of_credentials(cluster):
    status, headers, body = OK
    cookie = {"Set-Cookie": "JSESSIONIDSSO=ABC123; Path=/; Secure; HttpOnly"}
    server, axl = cluster((status, cookie, body), OK, OK)
    for attempt in range(3):
        change(axl)
    assert server.connections == 1
    assert "Authorization" in server.requests[0].headers
    for request in server.requests[1:]:
        assert "Authorization" not in request.headers
        assert "JSESSIONIDSSO=ABC123" in request.headers["Cookie"]


def test_an_expired_session_logs_in_once_more(cluster):
    status, headers, body = OK
    cookie = {"Set-Cookie": "JSESSIONIDSSO=OLD; Path=/"}
    server, axl = cluster((status, cookie, body), html(404), OK)
    change(axl)
    change(axl)
    assert "Authorization" not in server.requests[1].headers
    assert "Authorization" in server.requests[2].headers
    assert "Cookie" not in server.requests[2].headers
    assert axl.pauses == []


def test_a_second_404_after_the_new_login_is_final(cluster):
    status, headers, body = OK
    cookie = {"Set-Cookie": "JSESSIONIDSSO=OLD; Path=/"}
    server, axl = cluster((status, cookie, body), html(404), html(404))
    change(axl)
    with pytest.raises(_errors.AxlError) as refused:
        change(axl)
    assert refused.value.code == 404
    assert len(server.requests) == 3


def test_requests_are_counted_by_operation(cluster):
    server, axl = cluster(version_answer(), GOOD_READ, OK, axl_version=None)
    read(axl)
    change(axl)
    assert axl.requests == {
        "read": 2,
        "write": 1,
        "by_operation": {"getCCMVersion": 1, "getAppUser": 1, "updateAppUser": 1},
    }


def test_environment_variables_neither_choose_the_ca_nor_a_proxy(cluster, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nonexistent.pem")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    server, axl = cluster(OK)
    assert change(axl) == UUID


def test_fields_called_name_do_not_clash_with_ours(cluster):
    server, axl = cluster(answer("updateUserGroup", "<return>%s</return>" % UUID))
    assert axl.call("updateUserGroup", name="G", addMembers=[{"userId": "a"}]) == UUID
    assert "<name>G</name><addMembers><member><userId>a</userId></member></addMembers>" in server.requests[0].text


# Trust


def test_an_unknown_certificate_stops_it_before_the_password_is_sent(cluster):
    server, axl = cluster(OK, ca_path=None)
    with pytest.raises(_errors.TrustError, match="not trusted.*ca_path"):
        change(axl)
    assert server.requests == []


def test_another_host_name_is_named_as_the_cause(tmp_path):
    other = scripted_https.Identity(tmp_path, names=("cucm.example.com",))
    with ScriptedServer(other, [OK]) as server:
        login = client.ClusterLogin("127.0.0.1", "axl", PASSWORD, port=server.port, ca_path=other.ca_path)
        with client.AxlClient(login) as axl, pytest.raises(_errors.TrustError, match="another host name"):
            axl.call("getCCMVersion")
        assert server.requests == []


def with_colons(digits):
    return ":".join(map("".join, zip(digits[::2], digits[1::2])))


@pytest.mark.parametrize("dress", [str, str.upper, with_colons])
def test_the_pinned_certificate_is_accepted_whatever_its_name(tmp_path, dress):
    other = scripted_https.Identity(tmp_path, names=("cucm.example.com",))
    with ScriptedServer(other, [version_answer()]) as server:
        login = client.ClusterLogin(
            "127.0.0.1", "axl", PASSWORD, port=server.port, server_fingerprint=dress(other.fingerprint)
        )
        with client.AxlClient(login) as axl:
            assert axl.version == "12.5.1.11900(146)"


def test_another_certificate_than_the_pinned_one_gets_no_password(cluster):
    server, axl = cluster(OK, server_fingerprint="00" * 32)
    with pytest.raises(_errors.TrustError, match="not the pinned one"):
        change(axl)
    assert server.requests == []


def test_a_pin_holds_even_with_validate_certs_off(cluster):
    server, axl = cluster(OK, server_fingerprint="00" * 32, validate_certs=False)
    with pytest.raises(_errors.TrustError):
        change(axl)
    assert server.requests == []


def test_validate_certs_off_is_the_only_way_around(cluster):
    server, axl = cluster(OK, ca_path=None, validate_certs=False)
    assert change(axl) == UUID
    assert axl.session.login.unverified


@pytest.mark.parametrize(
    "options, text",
    [
        (dict(server_fingerprint="beef"), "not a SHA-256 fingerprint"),
        (dict(ca_path="/nonexistent/ca.pem"), "ca_path does not exist"),
        (dict(axl_version="9.0"), "axl_version 9.0 is not one of 11.5"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_sent(cluster, options, text):
    with pytest.raises(_errors.InputError, match=text):
        cluster(**options)


def test_a_ca_file_without_a_certificate_is_named(cluster, tmp_path):
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing\n")
    server, axl = cluster(OK, ca_path=str(empty))
    with pytest.raises(_errors.TrustError, match="contains no certificate in PEM format.*empty.pem"):
        change(axl)


# HTTP statuses


@pytest.mark.parametrize(
    "status, text",
    [
        (401, "refused the login.*wrong, or the user may read but not change.*not retried"),
        (403, "may not use this service.*Standard AXL API Access"),
        (404, "not found.*Cisco AXL Web Service"),
        (302, "unexpected response: HTTP 302.*proxy"),
        (418, 'HTTP 418, a page titled "HTTP Status 418"'),
    ],
)
def test_a_final_status_is_one_clear_sentence(cluster, status, text):
    server, axl = cluster(html(status, {"Location": "https://example.com/"}))
    with pytest.raises(_errors.AxlError, match=text) as refused:
        change(axl)
    assert refused.value.code == status
    assert "updateAppUser at 127.0.0.1:%d" % server.port in str(refused.value)
    assert len(server.requests) == 1
    assert axl.pauses == []


def test_401_to_a_change_after_a_successful_read_points_at_the_role(cluster):
    server, axl = cluster(GOOD_READ, html(401))
    read(axl)
    with pytest.raises(_errors.AxlError, match="could read, so most likely the user may read but not change"):
        change(axl)


def test_503_is_tried_again_with_growing_pauses(cluster):
    server, axl = cluster(html(503), html(503), html(503), OK)
    assert change(axl) == UUID
    assert axl.pauses == [1.25, 2.5, 5.0]


def test_503_honours_retry_after_up_to_the_longest_pause(cluster):
    server, axl = cluster(html(503, {"Retry-After": "7"}), html(503, {"Retry-After": "900"}), OK)
    change(axl)
    assert axl.pauses == [7.0, client.LONGEST_PAUSE]


def test_503_without_end_gives_up(cluster):
    server, axl = cluster(*[html(503)] * client.TRIES)
    with pytest.raises(_errors.AxlError, match="throttles") as refused:
        change(axl)
    assert refused.value.code == 503
    assert axl.requests["write"] == client.TRIES


def test_a_memory_fault_is_tried_again(cluster):
    server, axl = cluster(fault(-1, "Maximum AXL Memory Allocation Consumed. Please retry."), GOOD_READ)
    assert read(axl)["userid"] == "recorder"
    assert axl.pauses == [1.25]


@pytest.mark.parametrize("body", [b"", b"<html><title>Welcome</title></html>", b"{}", b"<Envelope/>",
                                  scripted_https.envelope("")])
def test_something_else_than_soap_is_said_so(cluster, body):
    server, axl = cluster((200, {}, body))
    with pytest.raises(_errors.ProtocolError) as broken:
        read(axl)
    assert "getAppUser at 127.0.0.1" in str(broken.value)


def test_a_document_type_is_refused(cluster):
    entity = scripted_https.envelope("<getAppUserResponse>&a;</getAppUserResponse>")
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa">]>' + entity
    server, axl = cluster((200, {}, bomb))
    with pytest.raises(_errors.ProtocolError):
        read(axl)


# Connections


def closed_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def test_a_refused_connection_fails_at_once(cluster):
    server, axl = cluster(port=closed_port())
    with pytest.raises(_errors.TransportError, match="refused.*Cisco Tomcat"):
        change(axl)
    assert axl.pauses == []


def test_an_unknown_host_name_is_named(cluster):
    server, axl = cluster(hostname="cucm.invalid")
    with pytest.raises(_errors.TransportError, match="cannot be resolved"):
        change(axl)


def test_a_server_without_tls_is_named():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        login = client.ClusterLogin("127.0.0.1", "axl", PASSWORD, port=port, timeout=5)

        def plain():
            connection = listener.accept()[0]
            with connection:
                connection.recv(100)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=plain)
        thread.start()
        with client.AxlClient(login) as axl, pytest.raises(_errors.TransportError, match="no TLS session.*wrong version number.*8443"):
            axl.call("getCCMVersion")
        thread.join()


def test_a_read_is_repeated_after_a_dropped_connection(cluster):
    server, axl = cluster(DROP, DROP, GOOD_READ)
    assert read(axl)["userid"] == "recorder"
    assert axl.pauses == [1.25, 2.5]


def test_a_write_is_repeated_when_no_connection_was_made(cluster, identity):
    """The server stops for a moment: nothing can have arrived, so the change may be sent again."""
    restarted = []

    def restart(seconds):
        restarted.append(ScriptedServer(identity, [OK], server.port))
        restarted[0].__enter__()

    status, headers, body = GOOD_READ
    server, axl = cluster((status, {"Connection": "close"}, body), sleep=restart)
    read(axl)
    server.__exit__()
    assert change(axl) == UUID
    restarted[0].__exit__()
    assert len(restarted[0].requests) == 1


def test_a_write_is_never_repeated_after_it_may_have_arrived(cluster):
    server, axl = cluster(GOOD_READ, DROP)
    read(axl)
    with pytest.raises(_errors.TransportError, match="may or may not have been made"):
        change(axl)
    assert len(server.requests) == 2


def test_a_truncated_answer_counts_as_a_dropped_connection(cluster):
    status, headers, body = GOOD_READ
    short = (200, {"Content-Length": str(len(body)), "Connection": "close"}, body[:-30])
    server, axl = cluster(GOOD_READ, short, GOOD_READ)
    read(axl)
    assert read(axl)["userid"] == "recorder"
    assert len(server.requests) == 3


def test_silence_ends_at_the_timeout_and_is_not_repeated(cluster):
    release = threading.Event()

    def silence(request):
        release.wait(10)
        return DROP

    server, axl = cluster(silence, timeout=0.3)
    with pytest.raises(_errors.DeadlineExceeded, match="0.3 seconds.*starts by reading"):
        change(axl)
    release.set()
    assert len(server.requests) == 1


def test_a_body_that_trickles_ends_at_the_timeout(identity):
    stop = threading.Event()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def trickle():
            context = ScriptedServer(identity).context
            with context.wrap_socket(listener.accept()[0], server_side=True) as connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                while not stop.wait(0.02):
                    try:
                        connection.sendall(b" ")
                    except OSError:
                        return

        thread = threading.Thread(target=trickle)
        thread.start()
        login = client.ClusterLogin(
            "127.0.0.1", "axl", PASSWORD, port=listener.getsockname()[1], ca_path=identity.ca_path, timeout=0.3
        )
        with client.AxlClient(login) as axl, pytest.raises(_errors.DeadlineExceeded):
            axl.call("getCCMVersion")
        stop.set()
        thread.join()


# Faults


@pytest.mark.parametrize(
    "detail",
    [
        '<axlError xmlns="">%s</axlError>',
        '<ns2:axlError xmlns:ns2="http://www.cisco.com/AXL/API/12.5">%s</ns2:axlError>',
        '<axlError xmlns="http://www.cisco.com/AXL/API/12.5">%s</axlError>',
    ],
)
def test_a_fault_is_read_with_and_without_namespace(cluster, detail):
    server, axl = cluster(fault(5007, "Item not valid: The specified recorder was not found", detail))
    with pytest.raises(_errors.AxlError, match="specified recorder was not found.*5007") as refused:
        read(axl)
    assert refused.value.code == client.NOT_FOUND


@pytest.mark.parametrize("code", [5003, -239, -201])
def test_fault_codes_are_numbers_and_have_a_cure(cluster, code):
    server, axl = cluster(fault(code, "Something"))
    with pytest.raises(_errors.AxlError) as refused:
        change(axl)
    assert refused.value.code == code
    assert refused.value.cure


def test_a_fault_without_axl_error_keeps_its_fault_code(cluster):
    server, axl = cluster(fault(None, "Exceeded allowed rate", code="ns1:Server.RateControl"))
    with pytest.raises(_errors.AxlError) as refused:
        read(axl)
    assert refused.value.code == "Server.RateControl"


def test_secrets_that_a_fault_repeats_are_masked(cluster):
    server, axl = cluster(fault(5003, "bad password TopSecret-99 for %s" % PASSWORD))
    with pytest.raises(_errors.AxlError) as refused:
        change(axl)
    assert "TopSecret-99" not in str(refused.value)
    assert PASSWORD not in str(refused.value)


def test_the_password_is_in_no_repr(cluster):
    server, axl = cluster()
    assert PASSWORD not in repr(axl.session.login)


def test_bodies_reach_no_log(cluster, caplog):
    caplog.set_level(logging.DEBUG)
    server, axl = cluster(OK)
    change(axl)
    assert "TopSecret-99" not in caplog.text
    assert PASSWORD not in caplog.text


# Versions


@pytest.mark.parametrize(
    "release, chosen",
    [
        ("11.5.1.11900(26)", "11.5"),
        ("12.0.1.10000(10)", "12.0"),
        ("12.5.1.13900(152)", "12.5"),
        ("14.0.1.13900(155)", "14.0"),
        ("15.0.1.10000(32)", "15.0"),
        ("16.0.1.10000(1)", "15.0"),
    ],
)
def test_the_newest_common_schema_is_spoken(cluster, release, chosen):
    server, axl = cluster(version_answer(release), GOOD_READ, axl_version=None)
    read(axl)
    assert axl.axl_version == chosen
    assert axl.version == release
    assert "SOAPAction" not in server.requests[0].headers
    assert "http://www.cisco.com/AXL/API/1.0" in server.requests[0].text
    assert server.requests[1].headers["SOAPAction"] == '"CUCM:DB ver=%s getAppUser"' % chosen


def test_an_old_release_is_refused_by_name(cluster):
    server, axl = cluster(version_answer("10.5.2.10000(5)"), axl_version=None)
    with pytest.raises(_errors.AxlError, match="CUCM 10.5.2.10000.5. is older than 11.5"):
        read(axl)


SUPPORTED = b"Incorrect axl version. Supported axl versions: 10.0, 11.5, 12.0, 12.5"
REFUSED = (599, {"Content-Type": "text/plain"}, SUPPORTED)


def test_599_is_renegotiated_from_its_list(cluster):
    server, axl = cluster(version_answer("14.0.1.1(1)"), REFUSED, GOOD_READ, axl_version=None)
    assert read(axl)["userid"] == "recorder"
    assert axl.axl_version == "12.5"
    assert "ver=12.5 getAppUser" in server.requests[2].headers["SOAPAction"]


def test_599_to_the_version_question_itself_uses_the_list(cluster):
    server, axl = cluster(REFUSED, version_answer("12.5.1.1(1)"), GOOD_READ, axl_version=None)
    read(axl)
    assert axl.axl_version == "12.5"


def test_599_to_a_version_that_the_user_chose_is_final(cluster):
    server, axl = cluster(REFUSED, axl_version="15.0")
    with pytest.raises(_errors.AxlError, match="It supports 12.5, 12.0, 11.5, 10.0. Remove axl_version") as refused:
        read(axl)
    assert refused.value.code == 599


def test_599_twice_is_final(cluster):
    server, axl = cluster(version_answer("12.5.1.1(1)"), REFUSED, axl_version=None)
    with pytest.raises(_errors.AxlError):
        read(axl)
    assert len(server.requests) == 2


# Large answers


def profiles(first, count):
    rows = "".join(
        "<applicationUserCapfProfile><instanceId>id%d</instanceId></applicationUserCapfProfile>" % number
        for number in range(first, first + count)
    )
    return answer("listApplicationUserCapfProfile", "<return>%s</return>" % rows)


def test_a_list_that_is_too_large_is_fetched_in_pages(cluster):
    too_large = fault(
        -1, "Query request too large. Total rows matched: 7 rows. Suggestive Row Fetch: less than 5 rows"
    )
    server, axl = cluster(too_large, profiles(0, 4), profiles(4, 3))
    found = axl.call("listApplicationUserCapfProfile", searchCriteria={"instanceId": "%"})
    assert [one["instanceId"] for one in found] == ["id%d" % number for number in range(7)]
    assert "<skip>0</skip><first>4</first>" in server.requests[1].text
    assert "<skip>4</skip><first>4</first>" in server.requests[2].text


def test_a_query_that_is_too_large_says_how_much(cluster):
    too_large = fault(
        -1, "Query request too large. Total rows matched: 90000 rows. Suggestive Row Fetch: less than 5000 rows"
    )
    server, axl = cluster(too_large)
    with pytest.raises(client.AnswerTooLarge) as refused:
        axl.sql("select name from device")
    assert (refused.value.total_rows, refused.value.suggested_rows) == (90000, 4999)


def test_an_answer_beyond_the_limit_is_not_swallowed(cluster):
    server, axl = cluster((200, {}, b" " * (client.ANSWER_LIMIT + 1)))
    with pytest.raises(client.AnswerTooLarge):
        axl.sql("select name from device")


def test_clock_skew_comes_from_the_date_header(identity):
    with ScriptedServer(identity, [version_answer()]) as server:
        login = client.ClusterLogin("127.0.0.1", "axl", PASSWORD, port=server.port, ca_path=identity.ca_path)
        with client.AxlClient(login, clock=lambda: time.time() - 300) as axl:
            assert axl.clock_skew is None
            assert axl.version
            assert 290 <= axl.clock_skew <= 310


def test_every_version_of_the_table_loads_strictly(cluster):
    for version in schema.VERSIONS:
        soap = client.SoapClient(None, client.AXL_PATH, schema.axl(version))
        octets, headers = soap.envelope(schema.OPERATIONS["removeAppUser"], {"userid": "x"})
        assert ("http://www.cisco.com/AXL/API/%s" % version).encode() in octets
