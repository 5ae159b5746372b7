# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated web port, judged with requests and lxml alone."""

from __future__ import annotations

import email.utils
import time

import pytest
import requests
from lxml import etree
from simulator import Simulator, schema_check
from simulator.release import RELEASES

AXL = "http://www.cisco.com/AXL/API/"
AST = "http://schemas.cisco.com/ast/soap"
RIS = "/realtimeservice2/services/RISService70"
CONTROL_CENTER = "/controlcenterservice2/services/ControlCenterServices"
SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
XSI_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
SECURE = "Standard CTI Secure Connection"
ENABLED = "Standard CTI Enabled"


class Peer:
    """A client that knows no more than HTTP and XML."""

    def __init__(self, sim, username=None, version="12.5"):
        self.sim = sim
        self.version = version
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = sim.ca_path
        self.auth = (username or sim.username, sim.password)

    def post(self, operation, inner="", namespace=None, path="/axl/", auth=True):
        namespace = namespace or AXL + self.version
        body = (
            '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:n="%s"><s:Body><n:%s>%s</n:%s>'
            "</s:Body></s:Envelope>" % (namespace, operation, inner, operation)
        )
        auth = self.auth if auth and not self.session.cookies else None
        url = "https://127.0.0.1:%d%s" % (self.sim.axl_port, path)
        return self.session.post(url, data=body.encode(), auth=auth, headers={"Content-Type": "text/xml"}, timeout=10)

    def call(self, operation, inner="", **where):
        """The response element of a call that must succeed."""
        response = self.post(operation, inner, **where)
        assert response.status_code == 200, response.text
        element = etree.fromstring(response.content).find(SOAP + "Body")[0]
        assert etree.QName(element).localname == operation + "Response"
        return element

    def refused(self, operation, inner="", **where):
        """(axlcode, text) of a call that must end in a SOAP fault."""
        response = self.post(operation, inner, **where)
        assert response.status_code == 500
        fault = etree.fromstring(response.content).find(".//" + SOAP + "Fault")
        code = fault.find(".//axlcode")
        return int(code.text) if code is not None else fault.findtext("faultcode"), fault.findtext("faultstring")

    def sql(self, statement):
        answer = self.call("executeSQLQuery", "<sql>%s</sql>" % statement.replace("<", "&lt;"))
        return [{column.tag: column.text or "" for column in row} for row in answer.iter("row")]


@pytest.fixture
def simulated():
    """Start a simulator with only its web port; every request it saw was valid against the real schema."""
    started = []

    def start(**options):
        sim = Simulator(fronts=("axl",), **options).start()
        started.append(sim)
        sim.seed({
            "devices": [{"name": "SEP00112233445%d" % n, "lines": [{"number": "100%d" % n}]} for n in range(3)],
            "end_users": [{"name": "jdoe", "lastname": "Doe"}],
        })
        return sim

    yield start
    for sim in started:
        violations = sim.cluster.schema_violations
        sim.stop()
        assert violations == []


@pytest.fixture
def sim(simulated):
    return simulated()


@pytest.fixture
def peer(sim):
    return Peer(sim)


def add_user(peer, name="rec", more=""):
    peer.call("addAppUser", "<appUser><userid>%s</userid><password>pw</password>%s</appUser>" % (name, more))


def profile(instance_id="rec1", operation="Install/Upgrade", user="rec", string="1234567890", more=""):
    return (
        "<applicationUserCapfProfile><applicationUser>%s</applicationUser><instanceId>%s</instanceId>"
        "<certificateOperation>%s</certificateOperation><authenticationMode>By Authentication String"
        "</authenticationMode><authenticationString>%s</authenticationString><keySize>2048</keySize>%s"
        "</applicationUserCapfProfile>" % (user, instance_id, operation, string, more)
    )


# Versions and schema


@pytest.mark.parametrize("release", RELEASES)
def test_version_is_told_in_namespace_1_0_without_soap_action(simulated, release):
    sim = simulated(release=release)
    version = Peer(sim).call("getCCMVersion", namespace=AXL + "1.0").findtext(".//version")
    assert version == sim.cluster.features.version
    assert version.startswith(release)


@pytest.mark.parametrize("release, spoken, refused", [
    ("11.5", "11.5", "12.0"), ("12.5", "12.0", "14.0"), ("14", "14.0", "9.0"), ("15", "15.0", "11.5"),
])
def test_unsupported_schema_version_is_599_with_a_plain_text_list(simulated, release, spoken, refused):
    peer = Peer(simulated(release=release))
    assert peer.post("getCCMVersion", namespace=AXL + spoken).status_code == 200
    response = peer.post("getCCMVersion", namespace=AXL + refused)
    assert response.status_code == 599
    assert response.headers["Content-Type"] == "text/plain"
    assert spoken in response.text


READS = [
    ("getAppUser", "<userid>rec</userid>"),
    ("getUser", "<userid>jdoe</userid>"),
    ("listAppUser", "<searchCriteria><userid>%</userid></searchCriteria><returnedTags><userid/><presenceGroupName/>"
     "<isStandard/></returnedTags>"),
    ("listUser", "<searchCriteria><userid>jd%</userid></searchCriteria><returnedTags><lastName/><userid/><enableCti/>"
     "</returnedTags>"),
    ("getUserGroup", "<name>Standard CTI Enabled</name>"),
    ("listUserGroup", "<searchCriteria><name>Standard CTI%</name></searchCriteria><returnedTags><name/>"
     "</returnedTags>"),
    ("getApplicationUserCapfProfile", "<instanceId>rec1</instanceId>"),
    ("listApplicationUserCapfProfile", "<searchCriteria><instanceId>%</instanceId></searchCriteria><returnedTags>"
     "<applicationUser/><instanceId/><certificateOperation/><certificationOperationStatus/></returnedTags>"),
    ("getServiceParameter", "<processNodeName>EnterpriseWideData</processNodeName><name>ClusterSecurityMode</name>"
     "<service>Enterprise Wide</service>"),
    ("listServiceParameter", "<searchCriteria><processNodeName>%</processNodeName></searchCriteria><returnedTags>"
     "<name/><value/></returnedTags>"),
    ("getProcessNode", "<name>127.0.0.1</name>"),
    ("listProcessNode", "<searchCriteria><name>%</name></searchCriteria><returnedTags><name/><nodeUsage/>"
     "<processNodeRole/></returnedTags>"),
    ("listProcessNodeService", "<searchCriteria><processNodeName>%</processNodeName></searchCriteria><returnedTags>"
     "<processNodeName/><service/><isActive/></returnedTags>"),
    ("executeSQLQuery", "<sql>select name from dirgroup</sql>"),
    ("listChange", ""),
    ("getCCMVersion", ""),
]


@pytest.mark.parametrize("release, version", [("11.5", "11.5"), ("12.5", "12.5"), ("14", "14.0"), ("15", "15.0")])
def test_answers_are_valid_against_the_real_schema(simulated, release, version):
    assert schema_check.available()
    peer = Peer(simulated(release=release), version=version)
    add_user(peer, more="<associatedDevices><device>SEP001122334450</device></associatedDevices>"
             "<associatedGroups><userGroup><name>%s</name></userGroup></associatedGroups>" % ENABLED)
    peer.call("addApplicationUserCapfProfile", profile())
    for operation, inner in READS:
        answer = peer.call(operation, inner)
        for element in answer.iter():
            element.attrib.pop(XSI_NIL, None)  # CUCM sends it where its schema does not foresee it
        wrong = schema_check.violation(answer, version)
        out_of_order = release == "11.5" and operation in ("getProcessNode", "listProcessNode")
        assert (wrong is not None) == out_of_order, (operation, wrong)


def test_the_releases_14_and_15_are_judged_by_their_own_schemas_where_these_are_at_hand(monkeypatch, tmp_path):
    """Kind 9. They are fetched by the contract of schemas; a simulator fetches nothing."""
    monkeypatch.setattr(schema_check, "NPM_FOLDER", tmp_path)
    assert [schema_check.stands_for(version) for version in ("11.5", "12.5", "14.0", "15.0")] == ["11.5", "12.5", "12.5", "12.5"]
    for version in ("14.0", "15.0"):
        (tmp_path / version).mkdir()
        assert schema_check.stands_for(version) == version


def test_a_request_that_breaks_the_schema_is_refused_and_remembered(sim):
    peer = Peer(sim)
    code, text = peer.refused("getAppUser", "<unheardOf>1</unheardOf>")
    assert (code, "unheardOf" in text) == (5003, True)
    assert [name for name, _text in sim.cluster.schema_violations] == ["getAppUser"]
    sim.cluster.schema_violations.clear()


def test_ctl_provider_is_gone_in_15(simulated):
    request = ("listProcessNodeService", "<searchCriteria><processNodeName>%</processNodeName></searchCriteria>"
               "<returnedTags><service/></returnedTags>")
    services = {
        release: {element.text for element in Peer(simulated(release=release)).call(*request).iter("service")}
        for release in ("14", "15")
    }
    assert services["14"] - services["15"] == {"Cisco CTL Provider"}


@pytest.mark.parametrize("release, version, size, ec_size", [
    ("11.5", "11.5", "1024", "384"), ("12.5", "12.5", "2048", ""), ("15", "15.0", "2048", ""),
])
def test_key_size_defaults_of_the_release(simulated, release, version, size, ec_size):
    sim = simulated(release=release)
    sim.seed({"profiles": [{"user": "jdoe", "instance_id": "jdoe1"}]})
    found = Peer(sim, version=version).call("getEndUserCapfProfile", "<instanceId>jdoe1</instanceId>")
    assert (found.findtext(".//keySize"), found.findtext(".//ecKeySize") or "") == (size, ec_size)


@pytest.mark.parametrize("release, version, on_root", [("11.5", "11.5", False), ("12.5", "12.5", False),
                                                       ("14", "14.0", True)])
def test_where_the_namespace_of_nil_is_declared(simulated, release, version, on_root):
    answer = Peer(simulated(release=release), version=version).call("getProcessNode", "<name>127.0.0.1</name>")
    assert answer.find(".//lbmHubGroup").get(XSI_NIL) == "true"
    assert ("xsi" in answer.nsmap) == on_root


# Accounts and sessions


def test_wrong_password_is_401_html(sim):
    peer = Peer(sim)
    peer.auth = (sim.username, "wrong")
    response = peer.post("getCCMVersion")
    assert (response.status_code, response.headers["Content-Type"].split(";")[0]) == (401, "text/html")


def test_reader_reads_but_a_write_is_401(sim):
    peer = Peer(sim, "axlreader")
    assert peer.post("listChange").status_code == 200
    assert peer.sql("select name from applicationuser where name='axlreader'") == [{"name": "axlreader"}]
    assert peer.post("removeAppUser", "<userid>axlreader</userid>").status_code == 401
    assert sim.cluster.write_count == 0


def test_account_without_role_is_403(sim):
    assert Peer(sim, "norole").post("listChange").status_code == 403


def test_cookie_replaces_credentials_until_it_expires_as_404(sim):
    peer = Peer(sim)
    peer.call("getCCMVersion")
    assert "JSESSIONIDSSO" in peer.session.cookies
    assert peer.post("getCCMVersion", auth=False).status_code == 200
    sim.act("expire_sessions")
    assert peer.post("getCCMVersion").status_code == 404
    peer.session.cookies.clear()
    assert peer.post("getCCMVersion").status_code == 200


def test_idle_sessions_end(simulated):
    sim = simulated(session_idle_seconds=0.0)
    peer = Peer(sim)
    peer.call("getCCMVersion")
    assert peer.post("getCCMVersion").status_code == 404


def test_path_needs_its_slash(peer):
    assert peer.post("getCCMVersion", path="/axl").status_code == 404


def test_date_header_tells_the_cluster_clock(sim, peer):
    sim.act("set_clock_skew", seconds=400)
    date = peer.post("getCCMVersion").headers["Date"]
    assert email.utils.parsedate_to_datetime(date).timestamp() - time.time() > 390


# Users and groups


def test_add_ignores_password_credentials_and_update_sets_them(peer):
    credentials = "<passwordCredentials><pwdCredDoesNotExpire>true</pwdCredDoesNotExpire></passwordCredentials>"
    add_user(peer, more=credentials)

    def flag():
        return peer.call("getAppUser", "<userid>rec</userid>").findtext(".//pwdCredDoesNotExpire")

    assert flag() == "false"
    peer.call("updateAppUser", "<userid>rec</userid>" + credentials)
    assert flag() == "true"


@pytest.mark.parametrize("operation, inner, code", [
    ("getAppUser", "<userid>nobody</userid>", 5007),
    ("removeAppUser", "<userid>nobody</userid>", 5007),
    ("updateAppUser", "<userid>nobody</userid><password>x</password>", 5003),
    ("addAppUser", "<appUser><userid>CCMSysUser</userid></appUser>", -239),
    ("updateUserGroup", "<name>Standard CTI Enabled</name><addMembers><member><userId>nobody</userId></member>"
     "</addMembers>", 5007),
    ("updateAppUser", "<userid>CCMSysUser</userid><associatedDevices><device>SEP0</device></associatedDevices>", 5007),
    ("updateEndUserCapfProfile", "<instanceId>none</instanceId>", 5003),
    ("getApplicationUserCapfProfile", "<instanceId>none</instanceId>", 5007),
    ("listAppUser", "<searchCriteria/><returnedTags><userid/></returnedTags>", 5002),
])
def test_fault_codes(sim, peer, operation, inner, code):
    before = sim.cluster.state_hash()
    assert peer.refused(operation, inner)[0] == code
    assert sim.cluster.state_hash() == before
    assert sim.cluster.write_count == 0


@pytest.mark.parametrize("release, version, namespaced", [("11.5", "11.5", False), ("14", "14.0", True)])
def test_shape_of_axl_error(simulated, release, version, namespaced):
    response = Peer(simulated(release=release), version=version).post("getAppUser", "<userid>nobody</userid>")
    fault = etree.fromstring(response.content).find(".//" + SOAP + "Fault")
    error = fault.find("detail")[0]
    assert fault.findtext("faultcode") == "soapenv:Server"
    assert etree.QName(error).localname == "axlError"
    assert bool(etree.QName(error).namespace) == namespaced
    assert [etree.QName(child).localname for child in error] == ["axlcode", "axlmessage", "request"]


def test_lists_in_an_update_are_whole_lists_and_absent_ones_stay(peer):
    add_user(peer, more="<associatedDevices><device>SEP001122334450</device></associatedDevices>"
             "<associatedGroups><userGroup><name>%s</name></userGroup></associatedGroups>" % ENABLED)
    peer.call("updateAppUser", "<userid>rec</userid><associatedDevices><device>SEP001122334451</device>"
              "<device>SEP001122334452</device></associatedDevices>")
    user = peer.call("getAppUser", "<userid>rec</userid>")
    assert [device.text for device in user.iter("device")] == ["SEP001122334451", "SEP001122334452"]
    assert user.findtext(".//userGroup/name") == ENABLED
    peer.call("updateAppUser", "<userid>rec</userid><associatedGroups/>")
    assert peer.call("getAppUser", "<userid>rec</userid>").find(".//userGroup") is None


def test_group_delta_keeps_foreign_members(sim, peer):
    add_user(peer, "rec")
    add_user(peer, "other")
    for name in ("rec", "other", "jdoe"):
        peer.call("updateUserGroup", "<name>%s</name><addMembers><member><userId>%s</userId></member></addMembers>"
                  % (SECURE, name))
    peer.call("updateUserGroup", "<name>%s</name><removeMembers><member><userId>rec</userId></member></removeMembers>"
              % SECURE)
    members = peer.call("getUserGroup", "<name>%s</name>" % SECURE)
    assert [element.text for element in members.iter("userId")] == ["jdoe", "other"]


def test_standard_groups_can_refuse_deltas(sim, peer):
    add_user(peer)
    sim.cluster.features.standard_group_delta = False
    delta = "<addMembers><member><userId>rec</userId></member></addMembers>"
    assert peer.refused("updateUserGroup", "<name>%s</name>%s" % (SECURE, delta))[0] == 5003
    peer.call("addUserGroup", "<userGroup><name>Own group</name></userGroup>")
    peer.call("updateUserGroup", "<name>Own group</name>" + delta)
    peer.call("removeUserGroup", "<name>Own group</name>")
    assert peer.refused("removeUserGroup", "<name>%s</name>" % SECURE)[0] == 5003


def test_list_pages_by_skip_and_first(peer):
    def page(more):
        answer = peer.call("listUserGroup", "<searchCriteria><name>Standard CTI%%</name></searchCriteria><returnedTags>"
                           "<name/></returnedTags>%s" % more)
        return [element.text for element in answer.iter("name")]

    everything = page("")
    assert len(everything) == 10
    assert page("<skip>2</skip><first>3</first>") == everything[2:5]


def test_end_user_with_its_own_names(peer):
    peer.call("updateUser", "<userid>jdoe</userid><associatedDevices><device>SEP001122334450</device>"
              "</associatedDevices><enableCti>false</enableCti>")
    user = peer.call("getUser", "<userid>jdoe</userid>")
    assert (user.findtext(".//enableCti"), user.findtext(".//device")) == ("false", "SEP001122334450")


# CAPF profiles


def test_arming_and_disarming_a_profile(sim, peer):
    add_user(peer)
    peer.call("addApplicationUserCapfProfile", profile(operation="No Pending Operation"))
    read = ("getApplicationUserCapfProfile", "<instanceId>rec1</instanceId>")
    assert peer.call(*read).findtext(".//certificationOperationStatus") == "None"
    peer.call("updateApplicationUserCapfProfile", "<instanceId>rec1</instanceId><certificateOperation>Install/Upgrade"
              "</certificateOperation><authenticationMode>By Authentication String</authenticationMode>"
              "<authenticationString>12345</authenticationString><operationCompletion>2030:01:02:03:00"
              "</operationCompletion>")
    armed = sim.cluster.accounts.profile("rec1")
    assert (armed.status, armed.string, armed.armed) == ("Operation Pending", "12345", True)
    assert time.gmtime(armed.deadline)[:5] == (2030, 1, 2, 3, 0)
    peer.call("updateApplicationUserCapfProfile", "<instanceId>rec1</instanceId><certificateOperation>"
              "No Pending Operation</certificateOperation>")
    disarmed = sim.cluster.accounts.profile("rec1")
    assert (disarmed.status, disarmed.string, disarmed.armed) == ("None", "", False)


def test_fields_of_an_idle_profile_are_read_only(sim, peer):
    add_user(peer)
    peer.call("addApplicationUserCapfProfile", profile(operation="No Pending Operation"))
    change = ("updateApplicationUserCapfProfile", "<instanceId>rec1</instanceId><keySize>4096</keySize>")
    peer.call(*change)
    assert sim.cluster.accounts.profile("rec1").key_size == "2048"
    sim.cluster.features.idle_profile_update = "fault"
    assert peer.refused(*change)[0] == 5003


def test_end_user_profile_calls_its_operation_otherwise(peer):
    peer.call(
        "addEndUserCapfProfile",
        "<endUserCapfProfile><endUserId>jdoe</endUserId><instanceId>jdoe1</instanceId><certificationOperation>"
        "Install/Upgrade</certificationOperation><authenticationMode>By Authentication String</authenticationMode>"
        "<authenticationString>1234</authenticationString><keySize>2048</keySize></endUserCapfProfile>")
    found = peer.call("listEndUserCapfProfile", "<searchCriteria><endUserId>%</endUserId></searchCriteria>"
                      "<returnedTags><instanceId/><certificationOperation/></returnedTags>")
    assert found.findtext(".//certificationOperation") == "Install/Upgrade"
    assert found.find(".//certificateOperation") is None


def test_profiles_are_of_one_kind_but_share_their_instance_ids(peer):
    add_user(peer)
    peer.call("addApplicationUserCapfProfile", profile())
    assert peer.refused("getEndUserCapfProfile", "<instanceId>rec1</instanceId>")[0] == 5007
    assert peer.refused("addApplicationUserCapfProfile", profile())[0] == -239


def test_an_armed_profile_needs_its_string(peer):
    add_user(peer)
    assert peer.refused("addApplicationUserCapfProfile", profile(string=""))[0] == 5003


# SQL and changes


def test_sql_is_real_sql_on_the_documented_tables(peer):
    add_user(peer, more="<associatedDevices><device>SEP001122334451</device></associatedDevices>")
    peer.call("updateUserGroup", "<name>%s</name><addMembers><member><userId>rec</userId></member></addMembers>"
              % ENABLED)
    groups = peer.sql(
        "select au.name usr, au.isstandard std, dg.name grp from applicationuser au"
        " left outer join applicationuserdirgroupmap m on m.fkapplicationuser=au.pkid"
        " left outer join dirgroup dg on dg.pkid=m.fkdirgroup where au.name in ('rec', 'CCMSysUser') order by au.name")
    assert groups == [{"usr": "CCMSysUser", "std": "t", "grp": ""}, {"usr": "rec", "std": "f", "grp": ENABLED}]
    devices = peer.sql(
        "select 'a' kind, au.name usr, d.name device from applicationuser au, applicationuserdevicemap m, device d"
        " where au.pkid=m.fkapplicationuser and m.fkdevice=d.pkid and m.tkuserassociation=1 and au.name in ('rec')"
        " union all select 'e' kind, e.userid usr, d.name device from enduser e, enduserdevicemap m, device d"
        " where e.pkid=m.fkenduser and m.fkdevice=d.pkid and m.tkuserassociation=1 and e.userid in ('rec')")
    assert devices == [{"kind": "a", "usr": "rec", "device": "SEP001122334451"}]
    assert peer.sql("select paramvalue from processconfig where paramname='ClusterSecurityMode'") == [
        {"paramvalue": "1"}]
    certificates = peer.sql(
        "select s.name service, c.certificate pem from certificate c join certificateservicecertificatemap m on"
        " m.fkcertificate=c.pkid join typecertificateservice s on s.enum=m.tkcertificateservice")
    assert {"CAPF", "CallManager", "tomcat"} <= {row["service"] for row in certificates}
    assert all(row["pem"].startswith("-----BEGIN CERTIFICATE") for row in certificates)
    assert len(peer.sql("select skip 1 first 2 name from dirgroup order by name")) == 2


@pytest.mark.parametrize("statement", [
    "selec name from device",
    "select name from nosuchtable",
    "select name from device where name in ()",
    "delete from device",
    "update applicationuser set name='x'",
    "select string from sim_capfprofile",
    "select password from sim_credential",
    "select 1; select 2",
    "pragma table_info(device)",
])
def test_sql_that_is_refused(sim, peer, statement):
    before = sim.cluster.state_hash()
    assert peer.refused("executeSQLQuery", "<sql>%s</sql>" % statement)[0] == -201
    assert sim.cluster.state_hash() == before


def test_sql_can_be_forbidden(sim, peer):
    sim.cluster.features.sql = False
    assert peer.refused("executeSQLQuery", "<sql>select name from device</sql>")[0] == -1


def test_an_answer_over_the_limit_is_refused_with_a_hint(sim, peer):
    sim.cluster.features.max_answer = 2000
    code, text = peer.refused("executeSQLQuery", "<sql>select name, pkid from dirgroup</sql>")
    assert code == -1
    assert "Query request too large" in text and "Suggestive Row Fetch" in text


def test_list_change_is_a_cursor(sim, peer):
    start = peer.call("listChange").find("queueInfo")
    add_user(peer)
    asked = '<startChangeId queueId="%s">%s</startChangeId><objectList><object>AppUser</object></objectList>'
    queue, following = start.findtext("queueId"), start.findtext("nextStartChangeId")
    change, = peer.call("listChange", asked % (queue, following)).iter("change")
    assert (change.get("type"), change.findtext("action")) == ("AppUser", "a")
    assert peer.refused("listChange", asked % ("stale", following))[0] == 5007


# Counting


def test_requests_writes_and_state(sim, peer):
    add_user(peer)
    sim.cluster.reset_counters()
    before = sim.cluster.state_hash()
    peer.call("getAppUser", "<userid>rec</userid>")
    peer.call("updateAppUser", "<userid>rec</userid><associatedDevices/>")
    assert dict(sim.cluster.counters) == {"getAppUser": 1, "updateAppUser": 1}
    assert sim.cluster.write_count == 1
    assert sim.cluster.state_hash() == before
    peer.call("updateAppUser", "<userid>rec</userid><password>changed</password>")
    assert sim.cluster.state_hash() != before


# Faults


def test_throttling(sim, peer):
    sim.faults.add(front="axl", operation="addAppUser", kind="http", code=503, times=2)
    request = ("addAppUser", "<appUser><userid>rec</userid></appUser>")
    assert [peer.post(*request).status_code for dummy in range(3)] == [503, 503, 200]
    assert sim.cluster.counters["addAppUser"] == 3
    assert sim.cluster.write_count == 1


@pytest.mark.parametrize("when, applied", [("before", False), ("after", True)])
def test_a_cut_before_or_after_the_write(sim, peer, when, applied):
    peer.call("getCCMVersion")
    sim.faults.add(front="axl", kind="cut", when=when)
    with pytest.raises(requests.ConnectionError):
        add_user(peer)
    assert (sim.cluster.accounts.user("application", "rec") is not None) == applied


def test_injected_fault_expiry_garbage_and_truncation(sim, peer):
    sim.faults.add(front="axl", kind="fault", code=-1, message="Maximum AXL Memory Allocation Consumed")
    assert peer.refused("getCCMVersion") == (-1, "Maximum AXL Memory Allocation Consumed")
    sim.faults.add(front="axl", kind="garbage")
    with pytest.raises(etree.XMLSyntaxError):
        etree.fromstring(peer.post("getCCMVersion").content)
    sim.faults.add(front="axl", kind="truncate")
    with pytest.raises(requests.RequestException):
        peer.post("getCCMVersion")
    sim.faults.add(front="axl", kind="expire")
    assert peer.post("getCCMVersion").status_code == 404


@pytest.mark.parametrize("kind", ["unknown", "swapped"])
def test_answers_of_another_release(sim, peer, kind):
    sim.faults.add(front="axl", kind=kind)
    answer = peer.call("getAppUser", "<userid>CCMSysUser</userid>")
    assert schema_check.violation(answer, "12.5") is not None
    assert answer.findtext(".//userid") == "CCMSysUser"


# RISPort70 and Control Center


def select(peer, cti_class="Provider", users=(), status="Any", more="", **where):
    items = "".join("<n:item><n:AppItem>%s</n:AppItem></n:item>" % user for user in users)
    return peer.call(
        "selectCtiItem",
        "<n:StateInfo/><n:CtiSelectionCriteria><n:MaxReturnedItems>1000</n:MaxReturnedItems><n:CtiMgrClass>%s"
        "</n:CtiMgrClass><n:Status>%s</n:Status><n:NodeName/><n:SelectAppBy>UserId</n:SelectAppBy><n:AppItems>%s"
        "</n:AppItems><n:DevNames/><n:DirNumbers/></n:CtiSelectionCriteria>" % (cti_class, status, items),
        namespace=AST, path=RIS)


def texts(answer, name):
    return [element.text for element in answer.iter("{%s}%s" % (AST, name))]


def test_ris_shows_providers_devices_and_lines(sim, peer):
    add_user(peer)
    sim.act("open_application", user="rec", address="192.0.2.7", port=50123, devices=["SEP001122334450"],
            lines=[("SEP001122334450", "1000")])
    number = sim.act("open_application", user="jdoe", address="192.0.2.8", port=50124)
    assert texts(select(peer, users=["rec"]), "AppId") == ["rec-192.0.2.7-50123"]
    assert texts(select(peer, "Device", users=["rec"]), "DeviceName") == ["SEP001122334450"]
    assert texts(select(peer, "Line", users=["rec"]), "DirNumber") == ["1000"]
    sim.act("close_provider", number=number, reason=0x8CCC00D7)
    closed = select(peer, users=["jdoe"], status="Closed")
    assert (texts(closed, "AppStatus"), texts(closed, "AppStatusReason")) == (["Closed"], [str(0x8CCC00D7)])
    assert texts(select(peer, users=["jdoe"], status="Open"), "AppId") == []
    assert texts(select(peer), "TotalItemsFound") == ["2"]


def test_ris_rate_limit(simulated):
    peer = Peer(simulated(ris_per_minute=2))
    select(peer)
    select(peer)
    code, text = peer.refused("selectCtiItem", "<n:StateInfo/>", namespace=AST, path=RIS)
    assert code == "Server.RateControl"
    assert "Exceeded allowed rate for Reatime information" in text
    peer.sim.act("reset_rate")
    select(peer)


def test_serviceability_needs_its_role(sim):
    assert Peer(sim, "axlreader").post("selectCtiItem", namespace=AST, path=RIS).status_code == 403


def test_control_center_tells_running_from_activated(sim, peer):
    def status(name):
        answer = peer.call("soapGetServiceStatus", "<n:ServiceStatus>%s</n:ServiceStatus>" % name, namespace=AST,
                           path=CONTROL_CENTER)
        return texts(answer, "ServiceStatus")[0], int(texts(answer, "ReasonCode")[1])

    assert status("Cisco CTIManager") == ("Started", 0)
    sim.act("set_service", name="Cisco CTIManager", running=False)
    assert status("Cisco CTIManager") == ("Stopped", 0)
    sim.act("set_service", name="Cisco CTIManager", activated=False)
    assert status("Cisco CTIManager") == ("Stopped", -1068)
    order = "<n:%s><n:NodeName>127.0.0.1</n:NodeName><n:%s>%s</n:%s><n:ServiceList><n:item>Cisco CTIManager</n:item>" \
        "</n:ServiceList></n:%s>"
    deploy = ("DeploymentServiceRequest", "DeployType", "Deploy", "DeployType", "DeploymentServiceRequest")
    peer.call("soapDoServiceDeployment", order % deploy, namespace=AST, path=CONTROL_CENTER)
    assert status("Cisco CTIManager") == ("Started", 0)
    stop = ("ControlServiceRequest", "ControlType", "Stop", "ControlType", "ControlServiceRequest")
    peer.call("soapDoControlServices", order % stop, namespace=AST, path=CONTROL_CENTER)
    assert status("Cisco CTIManager") == ("Stopped", 0)
    everything = peer.call("soapGetServiceStatus", "<n:ServiceStatus/>", namespace=AST, path=CONTROL_CENTER)
    assert len(texts(everything, "ServiceName")) == len(sim.cluster.features.services)
