# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""What CTI Manager's error codes and close reasons mean, and what an operator does about them.

Codes and names are those of Cisco's JTAPI client library; many meanings are derived from the name only. Codes
are unsigned here and signed on the wire. Clients create codes outside 0x8CCCxxxx and never send them.
"""

from __future__ import annotations

_BUG = "Report this as a bug in the collection, with the trace of CTI Manager."
_TRACE = "Read the trace of CTI Manager for this time."
_LATER = "Try again later. If the error persists, read the trace of CTI Manager."

UNSUPPORTED_VERSION = 0x8CCC0050
#: Answers of a server that does not know a request.
NOT_KNOWN_TO_SERVER = (0x8CCC0045, 0x8CCC0051, 0x8CCC0052)

#: code: (name, meaning as a clause, remedy)
ERRORS = {
    0x8CCC0000: ("CTI_FAILURE", "general CTI failure", _TRACE),
    0x8CCC0001: (
        "TIMEOUT", "the request ran out of time",
        "Check the load of CTI Manager and whether the directory answers.",
    ),
    0x8CCC0004: ("ILLEGAL_HANDLE", "handle not known, for example an enumeration handle", _BUG),
    0x8CCC0005: ("UNDEFINED_LINE", "line not known", "Check the directory number and partition."),
    0x8CCC0012: (
        "DB_NO_MORE_DEVICES", "the database holds no further devices",
        "Check the controlled devices of the user.",
    ),
    0x8CCC0013: ("DEVICE_ALREADY_REGISTERED", "device is already registered", "Another application owns it."),
    0x8CCC0014: ("DB_ILLEGAL_DEVICE_TYPE", "device type not allowed", "Check the device type."),
    0x8CCC0015: ("DB_ERROR", "database error", "Check database replication."),
    0x8CCC0017: (
        "CALL_MANAGER_NOT_AVAILABLE", "no Cisco CallManager node available",
        "Check the Cisco CallManager service.",
    ),
    0x8CCC0018: (
        "ACCESS_TO_DEVICE_DENIED", "access to the device is refused",
        "Check the controlled devices of the user.",
    ),
    0x8CCC001E: ("DEVICE_NOT_REGISTERED", "device not registered", "Check the phone."),
    0x8CCC001F: ("DATA_SIZE_LIMIT_EXCEEDED", "data too large", _BUG),
    0x8CCC0022: ("INVALID_DEVICE_NAME", "device name not valid", "Check the name."),
    0x8CCC0023: ("INFORMATION_NOT_AVAILABLE", "information not available", _LATER),
    0x8CCC0041: ("CANNOT_OPEN_DEVICE", "device cannot be opened", "Check association and registration."),
    0x8CCC0045: ("OPERATION_NOT_AVAILABLE_IN_CURRENT_STATE", "operation not possible in this state", _BUG),
    0x8CCC0047: (
        "MAX_NUMBER_OF_CTI_CONNECTIONS_REACHED", "this node has reached its limit of CTI connections",
        "Close unused connections, raise the service parameter, or use another node.",
    ),
    0x8CCC004F: ("TEMPORARY_FAILURE", "temporary failure", _LATER),
    0x8CCC0050: (
        "INCOMPATIBLE_PROTOCOL_VERSION", "the protocol version of the message header is refused",
        "Compare with the versions that the alarm CtiIncompatibleProtocolVersion prints.",
    ),
    0x8CCC0051: ("UNRECOGNIZABLE_PDU", "message number not understood", _BUG),
    0x8CCC0052: ("ILLEGAL_MESSAGE_FORMAT", "message format wrong", _BUG),
    0x8CCC0053: ("INCOMPATIBLE_AUTOINSTALL_PROTOCOL_VERSION", "automatic installation version not compatible", _BUG),
    0x8CCC0054: ("INVALID_MESSAGE_LENGTH", "message length wrong", _BUG),
    0x8CCC0055: ("INVALID_MESSAGE_HEADER_INFO", "header wrong", _BUG),
    0x8CCC0056: ("MESSAGE_TOO_BIG", "message too big", _BUG),
    0x8CCC0057: ("INVALID_FILTER_SIZE", "event filter missing or of the wrong size", _BUG),
    0x8CCC0058: ("INVALID_USER_SETTINGS", "settings of the user not valid", "Check the user record."),
    0x8CCC005E: (
        "DIRECTORY_TEMPORARY_UNAVAILABLE", "the directory (LDAP or database) cannot be reached",
        "Check LDAP and the database of the cluster, then repeat.",
    ),
    0x8CCC005F: (
        "DIRECTORY_LOGIN_NOT_ALLOWED", "this user may not log in to CTI",
        "Put the user into the access control group Standard CTI Enabled; an end user also needs"
        " 'Allow control of device from CTI'.",
    ),
    0x8CCC0060: (
        "DIRECTORY_LOGIN_FAILED", "user name or password is wrong",
        "Correct them before the next run: repeated failures lock the account. Nothing was tried a second time.",
    ),
    0x8CCC0061: ("PROVIDER_NOT_OPEN", "provider is not open", _BUG),
    0x8CCC0062: ("PROVIDER_ALREADY_OPEN", "provider is already open", _BUG),
    0x8CCC0063: ("NOT_INITIALIZED", "not initialised", _BUG),
    0x8CCC0064: ("CLUSTER_LINK_FAILURE", "link between cluster nodes failed", "Check the cluster."),
    0x8CCC0065: ("LINE_INFO_DOES_NOT_EXIST", "no information for this line", "Check the line."),
    0x8CCC006A: ("LINE_GREATER_THAN_MAX_LINE", "line number above the limit of the device", "Check the line index."),
    0x8CCC0071: ("INVALID_LINE_HANDLE", "line handle not valid", _BUG),
    0x8CCC0075: (
        "DIRECTORY_LOGIN_TIMEOUT", "the directory did not answer the login in time",
        "Check LDAP and the database of the cluster, then repeat.",
    ),
    0x8CCC0076: ("LINE_OUT_OF_SERVICE", "line out of service", "Check the phone."),
    0x8CCC0077: ("DEVICE_OUT_OF_SERVICE", "device out of service", "Check the phone."),
    0x8CCC0086: ("ILLEGAL_DEVICE_TYPE", "device type not allowed", "Check the device type."),
    0x8CCC0090: ("INTERNAL_FAILURE", "internal failure", _TRACE),
    0x8CCC009A: ("DEVICE_SHUTTING_DOWN", "device is shutting down", _LATER),
    0x8CCC009C: ("UNKNOWN_EXCEPTION", "unknown exception in the server", _TRACE),
    0x8CCC009D: ("OPERATION_NOT_ALLOWED", "operation not allowed", "Check the roles of the user."),
    0x8CCC00A0: ("DEVICE_ALREADY_OPENED", "device is already open", _BUG),
    0x8CCC00A1: ("DEVICE_NOT_OPENED_YET", "device not yet open", _BUG),
    0x8CCC00B0: ("RESOURCE_NOT_AVAILABLE", "resource not available", _LATER),
    0x8CCC00B4: ("INVALID_PARAMETER", "parameter not valid", _BUG),
    0x8CCC00BB: ("SYSTEM_ERROR", "system error", _TRACE),
    0x8CCC00C5: (
        "CTIHANDLER_PROCESS_CREATION_FAILED", "the server could not start a handler for this connection",
        "Check the service Cisco CTIManager, or use another node.",
    ),
    0x8CCC00D0: (
        "USER_NOT_AUTH_FOR_SECURITY", "this user is not authorised for a secure connection",
        "Put the user into the access control group Standard CTI Secure Connection.",
    ),
    0x8CCC00D1: (
        "CONNECTION_ON_INVALID_PORT", "port and role of this user do not match",
        "A user in Standard CTI Secure Connection has to use TLS (2749), any other user the plain port (2748)."
        " The role counts only in mixed mode.",
    ),
    0x8CCC00D2: (
        "DEVICE_RESTRICTED", "the device is restricted",
        "Tick 'Allow Control of Device from CTI' on the device.",
    ),
    0x8CCC00D3: ("LINE_RESTRICTED", "the line is restricted", "Tick 'Allow Control of Device from CTI' on the line."),
    0x8CCC00D5: ("DEVICE_NOT_ACQUIRED", "device not acquired", "Acquire it first."),
    0x8CCC00D7: (
        "DUPLICATE_CERTIFICATE_USED", "another provider is open with the same certificate; both are disconnected now",
        "Give each client its own instance_id and certificate. Do not repeat:"
        " repeats mark the certificate as compromised.",
    ),
    0x8CCC00D8: (
        "INVALID_CERTIFICATE_USED", "the client certificate is not valid for this user",
        "Check that the CAPF profile of this instance id belongs to this user, then enrol a new certificate.",
    ),
    0x8CCC00D9: (
        "CERTIFICATE_COMPROMISED", "the client certificate is marked as compromised",
        "This instance needs a new instance_id: delete its CAPF profile, find who used the certificate twice, and enrol"
        " under a new instance id.",
    ),
    0x8CCC00DA: ("DB_INITIALIZATION_ERROR", "database could not be initialised", "Check the database service."),
    0x8CCC0107: (
        "SECURITY_NOT_ALLOWED", "secure use is not allowed",
        "Check the security settings of the user and the device.",
    ),
    0x8CCC0109: ("REQUEST_ALREADY_PENDING", "same request is still pending", "Wait for the first answer."),
    0x8CCC0114: ("LINE_ALREADY_OPENED", "line is already open", _BUG),
    0x8CCC0118: ("SSO_DISABLED", "single sign-on is off", "Enable it or log in by name."),
    0x8CCC0119: ("SSO_AUTH_SERVER_DOWN", "single sign-on server down", "Check the server."),
    0x8CCC011A: ("INVALID_AUTHENTICATION_TYPE", "authentication type not valid", _BUG),
    0x8CCC011D: (
        "LOGIN_FAILED_PWD_EXPIRED_USER_CAN_RESET", "the password has expired; the user can change it",
        "Set a new password for this user, and check the credential policy.",
    ),
    0x8CCC011E: (
        "LOGIN_FAILED_PWD_EXPIRED_USER_CANNOT_RESET", "the password has expired; only an administrator can change it",
        "Set a new password for this user, and check the credential policy.",
    ),
    0x8CCC011F: (
        "LOGIN_FAILED_ACCOUNT_LOCKED", "the account is locked after too many wrong passwords",
        "Find out who uses a wrong password, then unlock the account.",
    ),
    0x8CCC0125: ("DB_CONNECTION_FAILED", "database connection failed", "Check the database service."),
    0x8CCC0126: (
        "ENDUSER_NOT_ASSOCIATED_WITH_DEVICE", "end user is not associated with the device",
        "Associate the device.",
    ),
    0x8CCC0135: ("INVALID_SSO_TOKEN_SIZE", "single sign-on token of wrong size", _BUG),
    0x8CCC0138: (
        "AUTHENTICATION_TYPE_ON_UNSUPPORTED_PORT", "this kind of login is refused on the plain port",
        "Use TLS (2749).",
    ),
    0x8CCC0142: ("OAUTH_TOKEN_UNAUTHORIZED", "OAuth token not authorised", "Check the scope of the token."),
    0x8CCC0143: ("INVALID_OAUTH_TOKEN", "OAuth token not valid", "Get a new token."),
    0x8CCC0144: ("OAUTH_SERVER_NOT_REACHABLE", "OAuth server not reachable", "Check the server."),
    0x8CCC0145: (
        "LOGIN_FAILED_ACCOUNT_DISABLED", "the account is disabled",
        "Enable the account, if that is intended.",
    ),
    0x8DDD0001: (
        "SERVER_SHUTDOWN", "stream ended",
        "Look for a service restart or a network device that closes the stream.",
    ),
    0x8DDD0002: ("UNSPECIFIED_ERROR", "error without detail", "Read the client trace."),
    0x8DDD0003: ("HANDLE_ALREADY_OPEN", "handle is already open", _BUG),
    0x8DDD0004: ("INVALID_HANDLE", "handle not valid", _BUG),
    0x8DDD0005: ("INVALID_REQUEST", "request not valid", _BUG),
    0xBEEFBEEF: ("PROTOCOL_TIMEOUT", "time limit of the protocol layer", "See TIMEOUT."),
    0xDEADBEEF: ("PROVIDER_CLOSED", "provider closed", "None if the close was intended."),
}

#: Reason of a ProviderClosedEvent: (name, meaning as a clause, remedy). Clients create 100 to 106.
CLOSE_REASONS = {
    0: ("none", "no reason was given", _TRACE),
    1: ("heartbeat missed", "the server missed the client's heartbeats",
        "Check the network and the load of this host."),
    2: ("unexpected shutdown", "the service went down", "Check the service Cisco CTIManager on this node."),
    3: ("application request", "the application asked for it", ""),
    4: ("provider open failure", "the provider could not be opened", _TRACE),
    5: ("user deleted", "the user was deleted", "Restore the user, if that was not intended."),
    6: ("super-provider right removed", "the user lost the right to control all devices",
        "Restore the role, if that was not intended."),
    7: ("duplicate certificate used", "another provider was opened with the same certificate",
        "Give each client its own instance_id and certificate. Repeats mark the certificate as compromised."),
    8: ("CAPF information unavailable", "the cluster could not read the CAPF profile of this certificate",
        "Check that the CAPF profile still exists, and the service Cisco Certificate Authority Proxy Function."),
    9: ("certificate compromised", "the client certificate is marked as compromised",
        "This instance needs a new instance_id: delete its CAPF profile, find who used the certificate twice, and enrol"
        " under a new instance id."),
    10: ("other", "for another reason", _TRACE),
    11: ("unauthorised for TLS", "the user is no longer authorised for a secure connection",
         "Put the user into the access control group Standard CTI Secure Connection."),
    12: ("Standard CTI Enabled removed", "the user was removed from Standard CTI Enabled",
         "Put the user into the access control group Standard CTI Enabled."),
    13: ("authentication type on unsupported port", "this kind of login is refused on the plain port",
         "Use TLS (2749)."),
}


def unsigned(code: int) -> int:
    """A code as in the tables, from the signed number on the wire."""
    return code & 0xFFFFFFFF


def describe(code: int) -> tuple[str, str, str, str]:
    """C((hex text, name, meaning, cure)) of a code, also of an unknown one."""
    code = unsigned(code)
    name, meaning, cure = ERRORS.get(code, ("UNKNOWN", "an error code that is not in our table", _TRACE))
    return "0x%08X" % code, name, meaning, cure


def describe_close(reason: int) -> tuple[str, str, str]:
    """C((name, meaning, cure)) of the reason in a ProviderClosedEvent."""
    return CLOSE_REASONS.get(reason, ("unknown", "for reason %d, which is not in our table" % reason, _TRACE))
