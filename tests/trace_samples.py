# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines as Cisco JTAPI, CTI Manager, Tftp, TVS and CAPF write them; shapes as in public tech notes, names invented."""

from __future__ import annotations


def jtapi(text, clock="07:09:02.973"):
    return "9364: Nov 23 %s CET %%JTAPI-PROTOCOL-7-UNK:(P53-192.0.2.10) %s\n" % (clock, text)


def cti(text, clock="07:49:58.670", number="33401907.005", level="AppInfo "):
    return "%s |%s |%s |%s\n" % (number, clock, level, text)


_REQUEST = jtapi("""[main] sending: com.cisco.cti.protocol.ProviderOpenRequest {
provider = 192.0.2.10
login = com.cisco.cti.protocol.UnicodeString {
unicodedisplayName = recorder_tapi
count = 13
sizeofElement = 2
}
applicationID = JTAPI[1]@recorder01
}
""")
JTAPI = "a heading of the file\n" + _REQUEST + jtapi("""received Event: com.cisco.cti.protocol.ProviderOpenCompletedEvent {
eventSequence = 211
reason = -1932787425
sequenceNumber = 17
failureDescription = Directory login failed - locked due to too many attempts.
daysUntilPasswordExpiry = -1
totalControllableDevices = 0
}
""", "07:09:03.121") + jtapi("""received Event: com.cisco.cti.protocol.ProviderClosedEvent {
eventSequence = 212
reason = 4
}
""", "07:09:03.122")
JTAPI_OPENED = _REQUEST.replace("07:09", "07:12") + jtapi("""received Event: com.cisco.cti.protocol.ProviderOpenCompletedEvent {
eventSequence = 211
reason = 0
totalControllableDevices = 2
}
""", "07:12:03.121")

CTI_REFUSED = "".join((
    cti("[CTI-APP] [CTIHandler::processIncomingMessage] CTI ProviderOpenRequest ( seq#=2 provider=UCProvider login=recorder_tapi heartbeat=60 )",
        number="33401900.002"),
    cti("CtiProviderOpenReq |init_complete_await_provopen |CTIHandler(1,200,22,7) |CTIHandler(1,200,22,7) |1,200,13,8.3^*^* |[R:N-H:0] "
        "LoginId=recorder_tapi ApplName=Recorder", number="33401901.000", level="SdlSig  "),
    cti("[CTI-APP] [CTIHandler::OutputCtiMessage ] CTI ProviderOpenResponse (seq#=2) provider id=16777366 FIPSMode = 0", number="33401901.004"),
    cti("[CTI-APP] [CTIHandler::OutputCtiMessage ] CTI ProviderOpenCompletedEvent (seq#=2) provider id=16777366 CM Version=14.0.1 "
        "error code=2362179679 description=Directory login failed - User not present in Standard CTI Users group. enableIpv6=0 "
        "NoOfDaysPwdToExp=4294967295"),
    cti("CtiProviderOpenFailure - CTI application failed to open provider; application startup failed CTIconnectionId:150 "
        "Reason code.:-1932787617 IPAddress:192.0.2.31 IPv6Address: App ID:Cisco CTIManager Cluster ID:StandAloneCluster Node ID:cucm-pub",
        number="33401907.006", clock="07:49:58.673"),
))
CTI_TWO_USERS = "".join((
    cti("[CTI-APP] CTI ProviderOpenRequest ( seq#=2 provider=UCProvider login=first heartbeat=60 )", number="00000100.002"),
    cti("CtiProviderOpenReq |x |CTIHandler(1,200,22,7) |CTIHandler(1,200,22,7) |LoginId=first ApplName=A", number="00000101.000", level="SdlSig"),
    cti("[CTI-APP] CTI ProviderOpenRequest ( seq#=2 provider=UCProvider login=second heartbeat=60 )", number="00000102.002"),
    cti("[CTI-APP] CTI ProviderOpenResponse (seq#=2) provider id=11 FIPSMode = 0", number="00000101.004"),
    cti("CtiProviderOpenReq |x |CTIHandler(1,200,22,8) |CTIHandler(1,200,22,8) |LoginId=second ApplName=B", number="00000103.000", level="SdlSig"),
    cti("[CTI-APP] CTI ProviderOpenResponse (seq#=2) provider id=12 FIPSMode = 0", number="00000103.004"),
    cti("[CTI-APP] CTI ProviderOpenCompletedEvent (seq#=2) provider id=12 CM Version=14.0.1 error code=2362179680 description=Login failed "
        "enableIpv6=0", number="00000105.004"),
    cti("[CTI-APP] CTI ProviderOpenCompletedEvent (seq#=2) provider id=11 dscpForCTI2Apps =96 LoginUserID = TotalControllableDevices =0 "
        "ClusterId =StandAloneCluster", number="00000106.004"),
))
TFTP = "".join((
    cti("-->TID[e71f5b70] TFTPEngine::getRequest[0xf4d26318](), server socket(24)", "07:28:32.738", "00004388.000"),
    cti("TFTPEngine::isReadRequest[0xf4d26318~5~192.0.2.31~51909], [CTLCAPFA6A63C5.tlv] opcode(1), Mode(octet), Serving Count(0)",
        "07:28:32.738", "00004392.000"),
    cti("INFO: TFTPEngine::sendNAK[0xf4d26318~5~192.0.2.31~51909], File[CTLCAPFA6A63C5.tlv], Error(1)", "07:28:32.739", "00004410.000"),
    cti("   HTTPConnection::wait_SdlDataInd Decode successful - Filename is : CTLFile.tlv", "07:28:32.946", "00004418.005"),
    cti("   ServeDynamicFile::FindAndServe File Not Found - 404 - Failure", "07:28:32.946", "00004420.011"),
    cti("   TID[b44f0b70] TFTPServer::recvMessage[0x8954318]() sockets:8 Reached max count, returning 503", "20:56:50.807", "00004501.000"),
))
TVS = "".join("04:04:15.27%d |%s\n" % pair for pair in enumerate((
    "-->debug", "   debug 2:UNKNOWN:Incoming Phone Msg: . .", "<--debug", "   debug     MsgType               : TVS_MSG_CERT_VERIFICATION_REQ")))
CAPF = "".join("04:04:15.27%d |%s\n" % pair for pair in enumerate((
    "-->debug", "   debug 2:CTI-recorder01x1:Incoming Phone Msg: . .", "<--debug", "   debug     MsgType               : CAPF_MSG_AUTH_RESP",
    "   debug 2:CTI-recorder01x1:CAPF CORE: session goes to its end", "   debug     MsgType               : CAPF_MSG_END_SESSION",
    "   debug     Reason                : 7")))
