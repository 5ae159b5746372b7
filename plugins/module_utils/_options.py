# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Table of all options that an inventory may set, with type, default, choices and help.

The role's argument specs and the page of variables are generated from it (make options). Preflight converts and checks values with
it, and the stages take their defaults from it. Pure.
"""

from __future__ import annotations

import datetime
import difflib
import ipaddress
import re
import unicodedata
from collections.abc import Mapping
from typing import Any, Callable, Iterable, NamedTuple, Optional, Tuple


PREFIX = "secure_tsp_"
PREFIX_WINDOWS = "client_windows_"
# What XML 1.0, and so AXL, cannot contain.
NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
CONTROL = re.compile("[\u0000-\u001f\u007f-\u009f\u2028\u2029]")
HOST_NAME = re.compile(r"(?=.{1,253}\Z)[^\W_]([\w-]*\w)?(\.\w([\w-]*\w)?)*\.?\Z")
NO_HOST = "is not a host name or an address"
NO_ADDRESS = "is not an IP address"
SIZE = re.compile("([0-9]{1,12})([KMGkmg]?)[Bb]?\\Z")
TRUE = ("yes", "on", "1", "true", "t", "y")
FALSE = ("no", "off", "0", "false", "f", "n")


class Option(NamedTuple):
    """One option. required: an entry without it is refused. secret: its value is never shown. least, most: bounds of an int.

    type: str, name (a text that is passed to the cluster or host unchanged), secret (the same, with any content), host (a host name or an
    address), address, int, bool, path, size (bytes, such as C(200M)), list, dict, or raw, which is checked elsewhere.
    """

    type: str
    default: Any
    help: Tuple[str, ...]
    choices: Tuple[str, ...] = ()
    elements: Optional[str] = None
    secret: bool = False
    required: bool = False
    least: Optional[int] = None
    most: Optional[int] = None


def converted(option: Option, value: Any) -> Any:
    """The value in the option's type. Raises ValueError with a clause such as C(is not a number), which never shows the value."""
    found = CONVERSIONS[option.type](value)
    if option.type == "list" and option.elements:
        found = [CONVERSIONS[option.elements](item) for item in found]
    if option.choices and found not in option.choices:
        raise ValueError("is not one of %s" % ", ".join(option.choices))
    if option.least is not None and found < option.least or option.most is not None and found > option.most:
        raise ValueError("is not %s" % bounds(option))
    return found


def options_of(spec: Mapping[str, Mapping[str, Any]], **given: Any) -> dict[str, Any]:
    """Options of a module with the defaults of its argument spec; None in given counts as not given."""
    options = dict((name, option.get("default")) for name, option in spec.items())
    options.update((name, value) for name, value in given.items() if value is not None)
    return options


def bounds(option: Option) -> str:
    """C(from 1 to 10), C(1 or more), or empty."""
    if option.least is None:
        return ""
    return "%d or more" % option.least if option.most is None else "from %d to %d" % (option.least, option.most)


def default_of(option: Option) -> Any:
    """The default in the option's type, as a fresh copy, so that callers do not share a list of the table."""
    if option.type == "size" and option.default is not None:
        return converted(option, option.default)
    if isinstance(option.default, tuple):
        return list(option.default)
    return dict(option.default) if isinstance(option.default, dict) else option.default


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that is most like this one, or empty."""
    return next(iter(difflib.get_close_matches(name, list(known), 1, 0.6)), "")


def _text(value: object) -> str:
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (Mapping, list, tuple, bool)) or value is None:
        raise ValueError("is not a text")
    return str(value)


def _quoted(value: object) -> str:
    """YAML reads C(0101) as a number, C(no) as a boolean and C(2026-01-01) as a date, so the value is not the text that was written."""
    if isinstance(value, bool):
        raise ValueError("is true or false instead of a text: put it in quotes")
    if isinstance(value, (int, float)):
        raise ValueError("is a number instead of a text: put it in quotes")
    if isinstance(value, (datetime.date, datetime.time)):
        raise ValueError("is a date instead of a text: put it in quotes")
    return _text(value)


def _name(value: object) -> str:
    text = str(value) if isinstance(value, str) else _quoted(value)
    if text.isalnum() and text.isascii():
        return text
    if NOT_IN_XML.search(text) or CONTROL.search(text):
        raise ValueError("has a control character, a line break, or a character that XML does not allow")
    if text != text.strip():
        raise ValueError("begins or ends with white space")
    return text


def _named(value: object) -> str:
    """A name as the cluster stores it: composed accents, and no invisible characters, such as those copied from web pages and sheets."""
    text = unicodedata.normalize("NFC", _name(value))
    hidden = next((one for one in text if unicodedata.category(one) == "Cf" or one != " " and unicodedata.category(one) == "Zs"), None)
    if hidden is not None:
        raise ValueError("has an invisible character (U+%04X): type it again" % ord(hidden))
    return text


def address_of(text: str) -> str:
    """The address in its canonical spelling: IPv6 compressed, and IPv4-mapped IPv6 as IPv4. Raises ValueError."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        raise ValueError(NO_ADDRESS) from None
    return str(getattr(address, "ipv4_mapped", None) or address)


def spelled_address(text: str) -> str:
    """The same for a text from elsewhere. A text that is not an address is returned unchanged."""
    try:
        return address_of(text)
    except ValueError:
        return text


def host_of(text: str) -> str:
    """A host name, or an address without its brackets. Raises ValueError for a text that would mean something else in a URL."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if bare == text and HOST_NAME.match(text):
        return text
    try:
        ipaddress.ip_address(bare.partition("%")[0])
    except ValueError:
        raise ValueError(NO_HOST) from None
    return bare


def _host(value: object) -> str:
    return host_of(_name(value))


def _number(value: Any) -> int:
    try:
        if isinstance(value, (bool, float)):
            raise ValueError
        return int(value)
    except (TypeError, ValueError):
        raise ValueError("is not a whole number") from None


def _size(value: object) -> int:
    found = SIZE.match(str(value).strip())
    if isinstance(value, bool) or not found or not int(found.group(1)):
        raise ValueError("is not a size such as 200M")
    return int(found.group(1)) << 10 * (" KMG".index(found.group(2).upper() or " "))


def _truth(value: object) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in TRUE or text in FALSE:
        return text in TRUE
    raise ValueError("is neither true nor false")


def _list(value: Any) -> list[Any]:
    if isinstance(value, (str, Mapping)) or not hasattr(value, "__iter__"):
        raise ValueError("is not a list")
    return list(value)


def _mapping(value: object) -> dict[Any, Any]:
    if not isinstance(value, Mapping):
        raise ValueError("is not a dictionary")
    return dict(value)


CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "str": _text, "name": _named, "secret": _name, "host": _host, "address": lambda value: address_of(_name(value)), "path": _text,
    "size": _size, "int": _number, "bool": _truth, "list": _list, "dict": _mapping,
    "raw": lambda value: value,
}

# The entries of the three lists

PORT: dict[str, Any] = {"least": 1, "most": 65535}
CLUSTER = {
    "hostname": Option("host", None, ("Host name or address of the publisher.",), required=True),
    "port": Option("int", 8443, ("TCP port of its web services.",), **PORT),
    "username": Option("name", None, ("The AXL user.",), required=True),
    "password": Option("secret", None, ("Password of the AXL user.",), secret=True, required=True),
    "validate_certs": Option("bool", True, ("Check the certificate of the web services.",)),
    "ca_path": Option("path", None, (
        "File on the controller with certificates to trust for these services. See "
        "O(voiceops.secure_tsp.fleet_accounts#module:ca_path).",)),
    "server_fingerprint": Option("str", None, (
        "SHA-256 of the web services' certificate. See O(voiceops.secure_tsp.fleet_accounts#module:server_fingerprint).",)),
    "tls_legacy": Option("bool", False, (
        "Accept TLS 1.0 and 1.1, old cipher suites and short keys from the web services, see "
        "O(voiceops.secure_tsp.fleet_accounts#module:tls_legacy). For CAPF and CTI Manager, use O(secure_tsp_tls_legacy).",)),
    "axl_version": Option("str", None, (
        "AXL version to use, by default determined from the cluster. See O(voiceops.secure_tsp.fleet_accounts#module:axl_version).",)),
    "timeout": Option("int", 60, ("Time limit for one request to the web services, in seconds.",), least=1, most=3600),
    "serviceability_username": Option("name", None, (
        "User for RISPort70 and Control Center, if the AXL user does not have the roles for them.",)),
    "serviceability_password": Option("secret", None, ("Password of that user.",), secret=True),
    "tftp_servers": Option("list", None, ("The file servers, by default C(hostname).",), elements="host"),
    "tftp_port": Option("int", 69, ("UDP port of the file servers.",), **PORT),
    "capf_host": Option("host", None, ("Host name or address of CAPF, by default C(hostname).",)),
    "capf_port": Option("int", 3804, ("TCP port of CAPF.",), **PORT),
    "cti_managers": Option("list", None, ("The nodes with CTI Manager, by default C(hostname).",), elements="host"),
    "cti_port": Option("int", 2749, ("TCP port of CTI Manager for secure connections.",), **PORT),
    "plain_cti_port": Option("int", 2748, (
        "TCP port of CTI Manager for connections without TLS. At the cutover, a user's applications leave this port.",), **PORT),
    "ctl_fingerprint": Option("str", None, (
        "Pins the trust list, see O(voiceops.secure_tsp.ctl_file#module:fingerprint).",)),
    "issuers": Option("list", (), (
        "PEM files on the controller with the authorities that issue certificates for CAPF, if an online CA does. If not set, the "
        "authorities in CAPF-trust are used, which are read through AXL.",), elements="path"),
}
USER = {
    "name": Option("name", None, ("The user ID.",), required=True),
    "cluster": Option("name", None, ("Name of the cluster. Required if there are several clusters.",)),
    "type": Option("str", "application", ("Type of the user. End users are never created or removed.",), choices=("application", "end")),
    "password": Option("secret", None, (
        "Password of the user. Used to create an application user and to verify the instances.",), secret=True),
    "update_password": Option("str", "on_create", (
        "V(on_create) sets the password only for a new user. V(always) sets it in every run.",), choices=("on_create", "always")),
    "devices": Option("list", None, ("The devices that the user controls. If not set, devices are not managed.",), elements="name"),
    "devices_mode": Option("str", "append", (
        "V(append) adds the devices that are missing. V(exact) also removes all others.",), choices=("append", "exact")),
    "srtp": Option("bool", None, ("Whether the user is in the SRTP group. If not set, the membership is not managed.",)),
    "cti_groups": Option("list", (), ("Names of further groups to add the user to.",), elements="name"),
    "state": Option("str", "present", (
        "V(absent) together with C(remove_user) removes an application user, once it has no CAPF profile.",
    ), choices=("present", "absent")),
    "remove_user": Option("bool", False, ("Confirms that V(absent) removes the user itself.",)),
}
KEY = {
    "type": Option("str", "rsa", ("Type of the key.",), choices=("rsa", "ec")),
    "size": Option("int", None, ("Size in bits. 2048 (the default), 3072 or 4096 for RSA; 256 (the default), 384 or 521 for EC.",)),
}
CAPF = {
    "dialect": Option("str", "cti", ("Message format of the client.",), choices=("cti", "phone")),
    "version": Option("int", 1, ("CAPF protocol version.",), least=1, most=3),
    "name_template": Option("name", "CTI-{instance_id}", ("Name that is sent to CAPF.",)),
}
INSTANCE = {
    "host": Option("name", None, ("Inventory name of the host.",), required=True),
    "user": Option("name", None, ("User of the instance, one of O(secure_tsp_users).",), required=True),
    "instance_id": Option("name", None, ("Instance ID, 1 to 128 characters of a-z, A-Z and 0-9, unique in the cluster.",), required=True),
    "cluster": Option("name", None, ("Name of the cluster. Required if there are several clusters.",)),
    "tsp_number": Option("int", None, ("Number of the TSP on a Windows host.",), least=1, most=10),
    "client": Option("str", "tsp", (
        "What uses the certificate on a Windows host, the Cisco TSP or a Java application. For V(jtapi), the controller enrols the "
        "certificate and hands it over to the host. On other hosts, both are the same.",
    ), choices=("tsp", "jtapi")),
    "enrolment": Option("str", None, (
        "Who enrols the certificate, this collection or the TSP itself. The default is V(tsp) on Windows, unless C(client) is V(jtapi), "
        "and V(collection) elsewhere.",
    ), choices=("collection", "tsp")),
    "key": Option("dict", None, ("Key of the certificate.",)),
    "store": Option("name", None, (
        "Folder of the instance, by default C(/etc/secure_tsp/{instance_id}), or C(/etc/secure_tsp/{cluster}/{instance_id}) with several "
        "clusters. C({host}) is replaced as well.",
        "For C(client) V(jtapi) on Windows, it is C(C:\\Program Files\\secure_tsp\\{instance_id}), with C({cluster}) before the "
        "last part if there are several. Ordinary users must not be able to write to the folder above it.",)),
    "capf": Option("dict", None, ("How the host communicates with CAPF.",)),
    "client_address": Option("address", None, (
        "Address of the host as CTI Manager sees it, if it is not one of the host's own addresses.",)),
    "authorization_string": Option("secret", None, ("Authorization string to use instead of a generated one.",), secret=True),
    "rearm": Option("bool", False, (
        "With C(enrolment) V(tsp), arm the profile again in every run that does not name the instance in O(secure_tsp_tsp_entered).",)),
    "force": Option("bool", False, ("Enrol a new certificate in every run.",)),
    "replace": Option("bool", False, ("Take over a profile that belongs to another user.",)),
    "state": Option("str", "present", ("V(absent) removes the profile and the files of the instance.",), choices=("present", "absent")),
    "probe_of": Option("name", None, ("Marks the probe of another instance. Never set by hand.",)),
}
LISTS = {
    "clusters": Option("raw", {}, (
        "The clusters by name. Most inventories have one.",)),
    "users": Option("raw", (), (
        "The users. Users that are not listed are not changed.",)),
    "instances": Option("raw", (), (
        "The TSP instances. One instance is one CAPF profile, one certificate and one connection. Instances that are not listed are not "
        "changed.",)),
}

# The scalar options, by their name without the prefix

OPTIONS = {
    "serial": Option("raw", None, (
        "Number of hosts per batch in the playbooks C(voiceops.secure_tsp.site) and C(voiceops.secure_tsp.upgrade_certificates), as a "
        "number, a percentage, or a list of these such as V([1, 10]), whose last value applies to all further batches. If not set, the "
        "first playbook runs all hosts at once, and the second runs one host, then all others.",
    )),
    "cutover": Option("str", "auto", (
        "When to move users to the secure port. After the cutover, CTI Manager accepts a user on port 2749 only.",
        "V(auto) cuts a user over as soon as every listed instance of the user holds a certificate. V(manual) only reports which users "
        "are due. V(never) does not check.",
    ), choices=("auto", "manual", "never")),
    "cut_connections": Option("raw", False, (
        "Which open connections on port 2748 a cutover may end. A user with any other open connection is not cut over yet.",
        "V(false) means none, V(true) all connections from listed hosts. A list contains names of users, whose connections from listed "
        "hosts may be ended, and addresses from which connections may be ended, even if they belong to no listed host.",
    )),
    "verify_with": Option("str", "auto", (
        "How to verify instances. V(offline) opens nothing. V(ris) reads from the cluster which connections are open. "
        "V(application) opens a provider with the application's own certificate, V(probe) with a second one.",
        "V(auto) uses the strongest method that cannot disturb a running application.",
    ), choices=("auto", "offline", "application", "ris", "probe")),
    "stop_handler": Option("str", "", (
        "Task file that stops the application of a host, so that its own certificate can be verified. A relative path "
        "is relative to the folder in which C(ansible-playbook) was started.",
    )),
    "start_handler": Option("str", "", (
        "Task file that starts the application again, even after a failure.",
    )),
    "batch_instances": Option("int", 10, (
        "Maximum number of instances that are armed at the same time. An upgrade divides them among the hosts that run in parallel, "
        "at least 5 for each host.",
    ), least=1),
    "enrol_throttle": Option("int", 0, (
        "Maximum number of hosts that connect to CAPF at the same time. With 0, only the number of forks is the limit.",
    ), least=0),
    "renew_before_days": Option("int", 0, (
        "Renew certificates that expire within this number of days. With 0, only expired certificates are renewed.",
        "The default in the playbook C(voiceops.secure_tsp.upgrade_certificates) is 60.",
    ), least=0, most=36500),
    "upgrade_instances": Option("list", (), (
        "Instances that get a new certificate in an upgrade, even if theirs is good. IDs, or C(cluster/instance_id).",
    ), elements="name"),
    "upgrade_issued_before": Option("str", "", (
        "Do not renew certificates of O(secure_tsp_upgrade_instances) whose validity starts at this time or later, so that "
        "an interrupted run continues where it stopped. Seconds since 1970, or ISO 8601 in UTC such as V(2026-11-25T22:00:00Z).",
        "If empty, the start of the maintenance window is used. Without a window, every run renews all named instances.",
        "The time is compared with the start of validity in the certificate. It is not known whether CAPF backdates certificates.",
    )),
    "compromised_instances": Option("list", (), (
        "Instances whose certificate CTI Manager considers compromised. An upgrade does not renew them, because "
        "they need a new C(instance_id).",
    ), elements="name"),
    "canary_instances": Option("int", 1, (
        "Number of instances in the first batch of an upgrade on each cluster. They are all on one host. If one of them fails, no other "
        "batch starts. With 0, there is no such batch.",
    ), least=0),
    "max_failures": Option("int", 3, (
        "Number of instances that may fail. If more fail, no further batch starts. With -1, there is no limit.",
    ), least=-1),
    "rollback_instances": Option("list", (), (
        "Instances whose previous key and certificate the playbook C(voiceops.secure_tsp.rollback) restores.",
    ), elements="name"),
    "tsp_entered": Option("list", (), (
        "TSPs on Windows hosts for which a person has entered in the dialog what the last run listed. IDs, or C(cluster/instance_id). Only "
        "then is the host restarted for them, and their users are cut over. Settings in the registry profile need no manual entry.",
    ), elements="name"),
    "tsp_operator": Option("bool", False, (
        "Wait at the terminal until a person has entered what the run lists and types C(entered), then continue as with "
        "O(secure_tsp_tsp_entered). Without a terminal, nothing counts as entered.",
    )),
    "sheet_folder": Option("str", "./secure_tsp_sheets", (
        "Folder on the controller for the sheets that list what a person has to enter or to upgrade. For each Windows host there is a page to print and "
        "a CSV table, both with mode 0600. They are removed when nothing is left to do. A relative path is relative to the folder in "
        "which C(ansible-playbook) was started. If empty, no sheets are written.",
    )),
    "sheet_strings": Option("bool", False, (
        "Print the authorization strings on the pages. Otherwise a page names the file that contains the string.",
    )),
    "fetch_deadline": Option("int", 600, (
        "Maximum number of seconds to wait, after a restart or a manual entry, until the cluster reports that it has issued certificates "
        "to the TSPs.",
    ), least=0, most=86400),
    "connect_deadline": Option("int", 300, (
        "Maximum number of seconds to wait after a restart until the cluster reports the TSPs as connected.",
    ), least=0, most=86400),
    "first_pause": Option("int", 5, (
        "First pause between two checks of the cluster, in seconds. Each pause is twice as long as the previous one.",
    ), least=1, most=3600),
    "longest_pause": Option("int", 60, (
        "Longest pause between two checks of the cluster, in seconds.",
    ), least=1, most=3600),
    "only_clusters": Option("list", (), (
        "Clusters of O(secure_tsp_clusters) to work on in this run. The others are neither read nor changed. Empty means all. The lists "
        "are still checked as a whole.",
    ), elements="str"),
    "uncut_users": Option("list", (), (
        "Users that the playbook C(voiceops.secure_tsp.rollback) removes from Standard CTI Secure Connection, so that CTI Manager "
        "accepts them on port 2748 and no longer on 2749. Names, or C(cluster/name) if the name exists on several clusters.",
    ), elements="name"),
    "handover_folder": Option("str", "~/.voiceops/handover", (
        "Folder on the controller for new certificates of Java applications on Windows, each with its key, until their host has them. If "
        "a handover fails, the next run completes it from here, without a new authorization string.",
    )),
    "operation_hours": Option("int", 24, (
        "Minimum number of hours that a profile stays armed. With 0, the cluster decides. In a maintenance window, profiles stay "
        "armed no longer than the window, rounded up to full hours.",
    ), least=0, most=720),
    "window": Option("dict", {}, (
        "Maintenance window. C(start) and C(end) are either both C(HH:MM), for every day, or both C(YYYY-MM-DD HH:MM). "
        "C(timezone) is a name such as V(Europe/Berlin), UTC by default.",
        "Outside the window, no run starts. No batch of enrolments starts that could not end within the window, judging by the time that "
        "earlier batches took. If empty, there is no restriction. Check mode ignores the window.",
    )),
    "ignore_window": Option("bool", False, (
        "Also run outside O(secure_tsp_window).",
    )),
    "clock_warn": Option("int", 60, (
        "Warn if the clocks of host and cluster differ by at least this many seconds.",
    ), least=0),
    "clock_refuse": Option("int", 300, (
        "Refuse the host if the clocks differ by at least this many seconds.",
    ), least=1),
    "port_timeout": Option("int", 5, (
        "Time limit for each TCP port in the checks before the run, in seconds.",
    ), least=1, most=300),
    "install_python_packages": Option("bool", False, (
        "Install missing Python packages on the hosts with pip.",
    )),
    "capf_issuer_parameter": Option("str", "", (
        "Name of the CAPF service parameter that specifies who issues certificates, as CUCM Administration shows it. "
        "If not set, an offline CA cannot be detected beforehand.",
    )),
    "probe": Option("bool", False, (
        "Enrol a probe for each instance, a second certificate that allows verification while the application is running. Leave "
        "it set when you remove instances, so that their probes are removed too.",
    )),
    "probe_suffix": Option("str", "probe", (
        "Suffix that turns an instance ID into the instance ID of its probe.",
    )),
    "ctl_on_missing": Option("str", "fail", (
        "What to do if no file server returns a trust list and one is stored.",
    ), choices=("fail", "keep_and_warn")),
    "ctl_reject_older": Option("bool", False, (
        "Refuse a trust list that is older than the stored one, even if its signature is good.",
    )),
    "ctl_from": Option("str", "auto", (
        "Who fetches the trust list. V(host) is the host itself. V(controller) is the controller, which passes on a list that AXL "
        "confirmed or that is pinned, so that hosts need neither TFTP nor tftpy. V(auto) is the host, or the controller if the host cannot "
        "fetch the list.",
    ), choices=("auto", "host", "controller")),
    "ctl_on_contradiction": Option("str", "fail", (
        "What to do if the cluster's own certificates contradict the first trust list, see "
        "O(voiceops.secure_tsp.ctl_file#module:on_contradiction).",
    ), choices=("fail", "warn")),
    "ctl_http": Option("bool", False, (
        "Try HTTP if a file server does not respond to TFTP.",
    )),
    "ctl_http_port": Option("int", 6970, (
        "TCP port for O(secure_tsp_ctl_http).",
    ), **PORT),
    "ctl_timeout": Option("int", 15, (
        "Time limit for one file from one server, in seconds.",
    ), least=1, most=300),
    "capf_timeout": Option("int", 60, (
        "Time limit for one enrolment, in seconds.",
    ), least=1, most=600),
    "capf_retries": Option("int", 0, (
        "Number of times to retry a connection to CAPF that broke before the authorization string was sent.",
    ), least=0, most=3),
    "cti_timeout": Option("int", 60, (
        "Time limit for one provider, from the first connection to the close, in seconds.",
    ), least=1, most=600),
    "tls_legacy": Option("bool", False, (
        "Also accept TLS 1.0 and 1.1, AES256-SHA and short keys from CAPF and CTI Manager.",
    )),
    "key_passphrase": Option("str", "", (
        "Passphrase of the private keys on the hosts. If empty, the keys are not encrypted.",
    ), secret=True),
    "bundle": Option("bool", False, (
        "Also write C(QBEClient.pem), which holds the certificate and the key in one file.",
    )),
    "owner": Option("str", "", (
        "Owner of the instances' files. If empty, it is the user that runs the tasks.",
    )),
    "group": Option("str", "", (
        "Group of the instances' files.",
    )),
    "drift_probe": Option("bool", False, (
        "When checking for drift, open a provider with each probe certificate and close it. This does not disturb any "
        "application.",
        "An instance without a probe certificate is reported as not probed, which is not drift.",
    )),
    "drift_ris": Option("bool", True, (
        "When checking for drift, expect the application of each instance on the secure port to be connected.",
    )),
    "soon_days": Option("int", 60, (
        "When checking for drift, report certificates that expire within this number of days.",
    ), least=0, most=36500),
    "report_folder": Option("str", "./secure_tsp_report", (
        "Folder on the controller for the report, see P(voiceops.secure_tsp.report#role). A relative path is relative to the folder in "
        "which C(ansible-playbook) was started. If empty, no report is written.",
    )),
    "run_report_folder": Option("str", "", (
        "Folder on the controller to which a run that ends with a summary writes its report, in the same format as the playbook "
        "C(drift). A relative path is relative to the folder in which C(ansible-playbook) was started. If empty, no report is written.",
    )),
    "report_title": Option("str", "Secure TSP fleet", (
        "Heading of the report.",
    )),
    "adopt_file": Option("str", "./adopted.yml", (
        "File on the controller for the lists of what the clusters already have. A relative path is relative to the folder in which "
        "C(ansible-playbook) was started. An existing file is never overwritten.",
    )),
    "adopt_paths": Option("list", ("/etc/secure_tsp",), (
        "Folders on the hosts in which to look for certificates of instances.",
    ), elements="str"),
    "diagnose_instance": Option("name", "", (
        "Diagnose only this instance, given as an ID or as C(cluster/instance_id). Empty means all instances on the hosts of the play.",
    )),
    "diagnose_folder": Option("path", "~/.voiceops/diagnosis", (
        "Folder on the controller for the pages, C(cluster-instance.txt), and for the clusters' traces. It is created "
        "with mode 0700, and files with mode 0600.",
    )),
    "diagnose_probe": Option("bool", False, (
        "Open a provider and close it, if no earlier step failed and the list contains the user's password. The probe certificate of "
        "the instance is used if there is a valid one. Otherwise its own certificate is used, but only while the cluster "
        "shows no open provider of the user from the host. Nothing is opened in check mode.",
    )),
    "diagnose_tsp_trace": Option("str", "", (
        "Trace file of a TSP, or folder with one rotating set, on the controller. Requires O(secure_tsp_diagnose_instance).",
    )),
    "diagnose_tsp_traces": Option("dict", {}, (
        "Trace files of several instances, as lists of files and folders by instance ID.",
    )),
    "diagnose_windows_trace_files": Option("int", 3, (
        "Number of trace files, newest first, to read from a Windows host for each of its instances. Their folder is the "
        "setting C(trace.directory) of C(client_windows_settings).",
    ), least=0),
    "diagnose_trace_minutes": Option("int", 0, (
        "Download and mask the clusters' own traces of this many minutes. With 0, none are downloaded.",
    ), least=0),
    "diagnose_trace_size": Option("size", "200M", (
        "Maximum size of these traces for each cluster.",
    )),
    "diagnose_trace_files": Option("int", 100, (
        "Maximum number of these trace files for each cluster.",
    ), least=1),
    "diagnose_port_timeout": Option("int", 10, (
        "Time limit for one TLS handshake with CAPF or CTI Manager, in seconds.",
    ), least=1, most=300),
    "diagnose_ris": Option("bool", True, (
        "Expect the application of each instance on the secure port to be connected.",
    )),
}

# Options of Windows hosts, by their name without the prefix client_windows_. Any of them may differ from host to host.

WINDOWS = {
    "registry_profile": Option("path", None, (
        "YAML file on the controller that specifies where the TSP stores its settings. A relative path is looked up next to the inventory, "
        "then in the folder in which C(ansible-playbook) was started. Without a profile, every setting has to be entered by hand.",
        "The playbook C(voiceops.secure_tsp.discover_registry_profile) writes this file.",
    )),
    "settings": Option("dict", {}, (
        "Settings for all instances of the host, by name. README.md lists the names.",
    )),
    "instance_settings": Option("dict", {}, (
        "Settings by instance ID. They take precedence over O(client_windows_settings).",
    )),
    "manage_installation": Option("bool", False, (
        "Install and upgrade the TSP.",
        "A TSP with several instances is not upgraded, because the silent installer does not support that. The end of the run and the sheet of "
        "the PC list the steps for a person.",
    )),
    "installer_version": Option("str", "", (
        "Version of the installer, as the list of installed programs shows it afterwards.",
    )),
    "installer_sha256": Option("str", "", (
        "SHA-256 of the installer, 64 hexadecimal digits.",
    )),
    "installer_path": Option("str", "", (
        "Path of the installer on the host or on a share that the host reads.",
    )),
    "installer_file": Option("str", "", (
        "Path of the installer on the controller. It is copied to the host.",
    )),
    "installer_url": Option("str", "", (
        "URL of the installer, used if neither O(client_windows_installer_path) nor O(client_windows_installer_file) is set.",
        "The default is the plug-in page of the cluster of the host's first instance.",
    )),
    "installer_name": Option("str", "", (
        "File name of the installer. The default is V(CiscoTSPx64.exe) on 64-bit Windows, which has been observed in the field, and "
        "V(CiscoTSP.exe) on 32-bit Windows.",
    )),
    "installer_validate_certs": Option("bool", True, (
        "Check the certificate of the server from which the installer is downloaded. The SHA-256 is checked in any case.",
    )),
    "installer_folder": Option("str", "C:\\Windows\\Temp", (
        "Folder on the host for the installer.",
    )),
    "installer_properties": Option("dict", {}, (
        "Further documented properties of the silent installer, such as C(AUTOUPGRADE_TYPE). C(USER), C(CTI1), C(CTI2) and their "
        "types are derived from the host's first instance.",
    )),
    "password_on_command_line": Option("bool", False, (
        "Let the silent installer set the password of the first instance's user. The password is then part of a command line.",
        "This is refused if Windows records command lines or the properties of installations.",
    )),
    "product_name": Option("str", r"(?i)cisco.*(\bTSP\b|\bTAPI\b|telephony service provider)", (
        "Regular expression for the name of the TSP in the list of installed programs. Cisco does not document the name.",
    )),
    "read_programs": Option("bool", True, (
        "Read the list of installed programs when checking for drift, to get the version of the TSP. This takes one query for each "
        "program, or a single query with O(client_windows_product_id).",
    )),
    "product_id": Option("str", "", (
        "Key of the TSP in the list of installed programs. If set, only that key is read.",
    )),
    "provider_file": Option("str", "", (
        "Provider file of the first instance. The default is the file in the Windows system folder.",
    )),
    "allow_reboot": Option("bool", False, (
        "Restart Windows if a change takes effect only after a restart.",
    )),
    "allow_telephony_restart": Option("bool", False, (
        "Restart the Telephony service instead, on hosts where this is sufficient according to the documentation.",
    )),
    "reboot_timeout": Option("int", 900, (
        "Time limit for a restart of Windows, in seconds.",
    ), least=1),
    "stop_handler": Option("str", "", (
        "Task file that stops the application before a restart.",
    )),
    "start_handler": Option("str", "", (
        "Task file that starts the application after a restart.",
    )),
    "certificate_folder": Option("str", "C:\\ProgramData\\Cisco\\certificates\\ciscotsp{number}", (
        "Folder of an instance's certificates, as observed in the field. C({number}) is the three-digit number of the TSP.",
    )),
    "try_ports": Option("bool", True, (
        "Check from the host whether the TCP ports of CAPF and CTI Manager are reachable.",
    )),
    "string_handover": Option("str", "file_on_controller", (
        "How to hand over an authorization string to the person who enters it, if the registry profile does not specify where the TSP "
        "stores it.",
        "V(file_on_controller) writes a file with mode 0600 to O(client_windows_string_folder), V(file_on_host) writes one to the folder "
        "O(client_windows_string_folder_on_host). V(none) works only with strings given in the list of instances.",
    ), choices=("file_on_controller", "file_on_host", "none")),
    "string_folder": Option("path", None, (
        "Folder on the controller for authorization strings. The default is C(.voiceops/strings) in the home folder.",
    )),
    "string_folder_on_host": Option("str", "C:\\ProgramData\\voiceops\\strings", (
        "Folder on the host for authorization strings. Its access rights are set.",
    )),
    "string_readers": Option("str", "BUILTIN\\Administrators", (
        "User or group that may read the authorization strings on the host. Nobody else may.",
    )),
    "discover_installer": Option("path", None, (
        "The MSI of the TSP, or a program that contains it, on the controller. If set, the playbook "
        "C(voiceops.secure_tsp.discover_registry_profile) drafts the registry profile from it, and compares the draft with one host.",
    )),
    "discover_setting": Option("str", "", (
        "Setting that is changed in the dialog, such as V(security.capf_port).",
    )),
    "discover_number": Option("int", 1, (
        "Number of the TSP whose dialog is used.",
    ), least=1, most=10),
    "discover_shown_before": Option("raw", "", (
        "Value that the dialog shows before the change. On-off settings are V(on) or V(off).",
    )),
    "discover_shown_after": Option("raw", "", (
        "Value that the dialog shows after the change.",
    )),
    "discover_stage": Option("str", "both", (
        "Take the snapshot V(before) or V(after) the change, or V(both) with a pause at the terminal in between.",
    ), choices=("before", "after", "both")),
    "discover_keys": Option("list", (
        "HKLM:\\SOFTWARE\\Cisco Systems, Inc.\\Cisco TSP", "HKLM:\\SOFTWARE\\WOW6432Node\\Cisco Systems, Inc.\\Cisco TSP",
    ), (
        "Registry keys to read, with all keys below them.",
    ), elements="str"),
    "discover_depth": Option("int", 4, (
        "Number of levels to read.",
    ), least=1),
    "discover_folder": Option("path", None, (
        "Folder on the controller for the snapshot. The default is C(.voiceops/discovery) in the home folder.",
    )),
}
