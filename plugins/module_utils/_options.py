# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The one table of options: what the inventory may say, with type, default, choices and help.

The role's argument specs and the page of variables are written from it (make options), preflight converts and refuses by
it, and the stages take their defaults from it. Pure.
"""

from __future__ import annotations

import datetime
import difflib
import ipaddress
import re
import unicodedata
from collections.abc import Mapping
from typing import Any, NamedTuple, Optional, Tuple


PREFIX = "secure_tsp_"
PREFIX_WINDOWS = "client_windows_"
# What XML 1.0, and with it AXL, cannot carry.
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

    type: str, name (a text that goes to cluster or host as it is), secret (the same, whatever is in it), host (a name of a host or an
    address), address, int, bool, path, size (octets, as C(200M)), list,
    dict, or raw, which is looked at elsewhere.
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


def converted(option, value):
    """The value in the option's type. Raises ValueError with a clause such as C(is not a number), which never shows the value."""
    found = CONVERSIONS[option.type](value)
    if option.type == "list" and option.elements:
        found = [CONVERSIONS[option.elements](item) for item in found]
    if option.choices and found not in option.choices:
        raise ValueError("is not one of %s" % ", ".join(option.choices))
    if option.least is not None and found < option.least or option.most is not None and found > option.most:
        raise ValueError("is not %s" % bounds(option))
    return found


def options_of(spec, **given):
    """Options of a module with its defaults, by its argument spec; None in given counts as not given."""
    options = dict((name, option.get("default")) for name, option in spec.items())
    options.update((name, value) for name, value in given.items() if value is not None)
    return options


def bounds(option):
    """C(from 1 to 10), C(1 or more), or empty."""
    if option.least is None:
        return ""
    return "%d or more" % option.least if option.most is None else "from %d to %d" % (option.least, option.most)


def default_of(option):
    """In the option's type, and a fresh copy, so that nobody shares a list of the table."""
    if option.type == "size" and option.default is not None:
        return converted(option, option.default)
    if isinstance(option.default, tuple):
        return list(option.default)
    return dict(option.default) if isinstance(option.default, dict) else option.default


def nearest(name, known):
    """The known name that is most like this one, or empty."""
    return next(iter(difflib.get_close_matches(name, list(known), 1, 0.6)), "")


def _text(value):
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (Mapping, list, tuple, bool)) or value is None:
        raise ValueError("is not a text")
    return str(value)


def _quoted(value):
    """YAML takes C(0101) for a number, C(no) for a boolean, C(2026-01-01) for a date: what is read then is not what was written."""
    if isinstance(value, bool):
        raise ValueError("is true or false where a text is due: put it in quotes")
    if isinstance(value, (int, float)):
        raise ValueError("is a number where a text is due: put it in quotes")
    if isinstance(value, (datetime.date, datetime.time)):
        raise ValueError("is a date where a text is due: put it in quotes")
    return _text(value)


def _name(value):
    text = str(value) if isinstance(value, str) else _quoted(value)
    if text.isalnum() and text.isascii():
        return text
    if NOT_IN_XML.search(text) or CONTROL.search(text):
        raise ValueError("has a control character or a line break, or one that XML cannot carry")
    if text != text.strip():
        raise ValueError("begins or ends with white space")
    return text


def _named(value):
    """A name as the cluster stores it: letters with their accents in one, and nothing that nobody sees, as pages and sheets bring it along."""
    text = unicodedata.normalize("NFC", _name(value))
    hidden = next((one for one in text if unicodedata.category(one) == "Cf" or one != " " and unicodedata.category(one) == "Zs"), None)
    if hidden is not None:
        raise ValueError("has a character that nobody sees (U+%04X): type it anew" % ord(hidden))
    return text


def address_of(text):
    """The address in its one spelling: IPv6 in short, and IPv4 in the clothes of IPv6 as IPv4. Raises ValueError."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        raise ValueError(NO_ADDRESS) from None
    return str(getattr(address, "ipv4_mapped", None) or address)


def spelled_address(text):
    """The same for what somebody else wrote, which may be no address and stays as it is then."""
    try:
        return address_of(text)
    except ValueError:
        return text


def host_of(text):
    """A name of a host, or an address without its brackets. Raises ValueError for what a URL would read otherwise."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if bare == text and HOST_NAME.match(text):
        return text
    try:
        ipaddress.ip_address(bare.partition("%")[0])
    except ValueError:
        raise ValueError(NO_HOST) from None
    return bare


def _host(value):
    return host_of(_name(value))


def _number(value):
    try:
        if isinstance(value, (bool, float)):
            raise ValueError
        return int(value)
    except (TypeError, ValueError):
        raise ValueError("is not a whole number") from None


def _size(value):
    found = SIZE.match(str(value).strip())
    if isinstance(value, bool) or not found or not int(found.group(1)):
        raise ValueError("is not a size such as 200M")
    return int(found.group(1)) << 10 * (" KMG".index(found.group(2).upper() or " "))


def _truth(value):
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in TRUE or text in FALSE:
        return text in TRUE
    raise ValueError("is neither true nor false")


def _list(value):
    if isinstance(value, (str, Mapping)) or not hasattr(value, "__iter__"):
        raise ValueError("is not a list")
    return list(value)


def _mapping(value):
    if not isinstance(value, Mapping):
        raise ValueError("is not a dictionary")
    return dict(value)


CONVERSIONS = {
    "str": _text, "name": _named, "secret": _name, "host": _host, "address": lambda value: address_of(_name(value)), "path": _text,
    "size": _size, "int": _number, "bool": _truth, "list": _list, "dict": _mapping,
    "raw": lambda value: value,
}

# The entries of the three lists

PORT = {"least": 1, "most": 65535}
CLUSTER = {
    "hostname": Option("host", None, ("The publisher.",), required=True),
    "port": Option("int", 8443, ("Port of its web services.",), **PORT),
    "username": Option("name", None, ("The AXL user.",), required=True),
    "password": Option("secret", None, ("Its password.",), secret=True, required=True),
    "validate_certs": Option("bool", True, ("Check the certificate of the web services.",)),
    "ca_path": Option("path", None, (
        "File on the controller with the certificates that vouch for it, see O(voiceops.secure_tsp.fleet_accounts#module:ca_path).",)),
    "server_fingerprint": Option("str", None, (
        "SHA-256 of that certificate, see O(voiceops.secure_tsp.fleet_accounts#module:server_fingerprint).",)),
    "tls_legacy": Option("bool", False, (
        "Let the web services offer TLS 1.0 and 1.1, old cipher suites and short keys, see "
        "O(voiceops.secure_tsp.fleet_accounts#module:tls_legacy). It says nothing of CAPF and CTI Manager, for which there is "
        "O(secure_tsp_tls_legacy).",)),
    "axl_version": Option("str", None, (
        "AXL version of the requests, found out when left out. See O(voiceops.secure_tsp.fleet_accounts#module:axl_version).",)),
    "timeout": Option("int", 60, ("Seconds for one request to the web services.",), least=1, most=3600),
    "serviceability_username": Option("name", None, (
        "Another user for RISPort70 and Control Center, if the AXL user may not.",)),
    "serviceability_password": Option("secret", None, ("Its password.",), secret=True),
    "tftp_servers": Option("list", None, ("The file servers, by default C(hostname).",), elements="host"),
    "tftp_port": Option("int", 69, ("Their port.",), **PORT),
    "capf_host": Option("host", None, ("CAPF, by default C(hostname).",)),
    "capf_port": Option("int", 3804, ("Its port.",), **PORT),
    "cti_managers": Option("list", None, ("The nodes with CTI Manager, by default C(hostname).",), elements="host"),
    "cti_port": Option("int", 2749, ("Their port for secure connections.",), **PORT),
    "plain_cti_port": Option("int", 2748, (
        "Their port for connections without TLS, which a user's applications leave with the cutover.",), **PORT),
    "ctl_fingerprint": Option("str", None, (
        "Pins the trust list, see O(voiceops.secure_tsp.ctl_file#module:fingerprint).",)),
    "issuers": Option("list", (), (
        "PEM files on the controller with the authorities that issue certificates for CAPF, where an online CA does. Without it those in "
        "CAPF-trust count, which AXL tells.",), elements="path"),
}
USER = {
    "name": Option("name", None, ("The user ID.",), required=True),
    "cluster": Option("name", None, ("Required where there are several.",)),
    "type": Option("str", "application", ("End users are never made or removed.",), choices=("application", "end")),
    "password": Option("secret", None, ("Makes an application user, and proves the instances.",), secret=True),
    "update_password": Option("str", "on_create", ("When the password is written.",), choices=("on_create", "always")),
    "devices": Option("list", None, ("The controlled devices; not managed when left out.",), elements="name"),
    "devices_mode": Option("str", "append", ("Whether further devices are taken away.",), choices=("append", "exact")),
    "srtp": Option("bool", None, ("Whether the user is in the SRTP group; not managed when left out.",)),
    "cti_groups": Option("list", (), ("Names of further groups.",), elements="name"),
    "state": Option("str", "present", ("V(absent) needs C(remove_user) to remove an application user, once it has no CAPF profile.",),
                    choices=("present", "absent")),
    "remove_user": Option("bool", False, ("Confirms that the user itself is to be removed.",)),
}
KEY = {
    "type": Option("str", "rsa", ("Kind of the key.",), choices=("rsa", "ec")),
    "size": Option("int", None, ("2048 (the default), 3072 or 4096 for RSA, 256 (the default), 384 or 521 for EC.",)),
}
CAPF = {
    "dialect": Option("str", "cti", ("How the client speaks with CAPF.",), choices=("cti", "phone")),
    "version": Option("int", 1, ("Version of CAPF's protocol.",), least=1, most=3),
    "name_template": Option("name", "CTI-{instance_id}", ("The name that is told to CAPF.",)),
}
INSTANCE = {
    "host": Option("name", None, ("The inventory name.",), required=True),
    "user": Option("name", None, ("One of O(secure_tsp_users).",), required=True),
    "instance_id": Option("name", None, ("1 to 128 characters of a-z, A-Z and 0-9, unique in the cluster.",), required=True),
    "cluster": Option("name", None, ("Required where there are several.",)),
    "tsp_number": Option("int", None, ("Number of the TSP on a Windows host.",), least=1, most=10),
    "enrolment": Option("str", None, ("V(tsp) is the default on Windows, V(collection) elsewhere.",), choices=("collection", "tsp")),
    "key": Option("dict", None, ("Key of the certificate.",)),
    "store": Option("name", None, (
        "The folder, by default C(/etc/secure_tsp/{instance_id}), with several clusters C(/etc/secure_tsp/{cluster}/{instance_id}). "
        "C({host}) is known too.",)),
    "capf": Option("dict", None, ("How the host speaks with CAPF.",)),
    "client_address": Option("address", None, ("The host's address as CTI Manager sees it, where that is none of the host's own.",)),
    "authorization_string": Option("secret", None, ("Is used in place of a string made for this run.",), secret=True),
    "rearm": Option("bool", False, (
        "Arm the profile again in every run that does not name the instance in O(secure_tsp_tsp_entered), for C(enrolment) V(tsp).",)),
    "force": Option("bool", False, ("Fetches a new certificate in every run.",)),
    "replace": Option("bool", False, ("Take over a profile of another user.",)),
    "state": Option("str", "present", ("V(absent) removes the profile and the instance's files.",), choices=("present", "absent")),
    "probe_of": Option("name", None, ("Marks the probe of another instance; never written by hand.",)),
}
LISTS = {
    "clusters": Option("raw", {}, (
        "The clusters by name. One is the normal case.",)),
    "users": Option("raw", (), (
        "The users. A user that is not listed is not touched.",)),
    "instances": Option("raw", (), (
        "The TSP instances. One is one CAPF profile, one certificate and one connection. An instance that is not listed is not touched.",)),
}

# The scalar options, by their name without the prefix

OPTIONS = {
    "serial": Option("raw", None, (
        "Hosts at a time in the playbooks C(voiceops.secure_tsp.site) and C(voiceops.secure_tsp.upgrade_certificates), as a number, a "
        "percentage, or a list of these such as V([1, 10]), of which the last holds for the rest. When left out, all in the first, and "
        "one, then all others, in the second.",
    )),
    "cutover": Option("str", "auto", (
        "When users move to the secure port. From then on CTI Manager accepts a user on port 2749 only.",
        "V(auto) as soon as every listed instance of a user holds a certificate, V(manual) only tells which are "
        "due, V(never) does not look.",
    ), choices=("auto", "manual", "never")),
    "cut_connections": Option("raw", False, (
        "Which open connections on port 2748 a cutover may end. A user whose application is connected waits otherwise.",
        "V(false) is none. V(true) is all that come from listed hosts. A list has names of users, whose connections from listed hosts "
        "may end, and addresses that are those of no listed host.",
    )),
    "verify_with": Option("str", "auto", (
        "How instances are verified. V(offline) opens nothing, V(ris) asks CTI Manager which connections are open, "
        "V(application) opens a provider with the application's own certificate, V(probe) with a second one.",
        "V(auto) takes the strongest way that cannot disturb a running application.",
    ), choices=("auto", "offline", "application", "ris", "probe")),
    "stop_handler": Option("str", "", (
        "Task file that stops the application of a host, so that its own certificate can be verified. A relative path "
        "begins in the folder that C(ansible-playbook) was started in.",
    )),
    "start_handler": Option("str", "", (
        "Task file that starts the application again, also after a failure.",
    )),
    "batch_instances": Option("int", 10, (
        "Instances that are armed at a time, 1 or more. An upgrade divides them among the hosts that work at a time, 5 or more for each.",
    ), least=1),
    "enrol_throttle": Option("int", 0, (
        "Hosts that talk to CAPF at a time; 0 is no limit beside forks.",
    ), least=0),
    "renew_before_days": Option("int", 0, (
        "Renew certificates that expire within this number of days; 0 renews expired ones only.",
        "The playbook C(voiceops.secure_tsp.upgrade_certificates) takes 60 when it is not given.",
    ), least=0, most=36500),
    "upgrade_instances": Option("list", (), (
        "Instances that get a new certificate in an upgrade, whatever theirs is like. IDs, or "
        "C(cluster/instance_id).",
    ), elements="name"),
    "upgrade_issued_before": Option("str", "", (
        "Certificates of O(secure_tsp_upgrade_instances) that begin at this moment or later are new enough, so that "
        "a run that was stopped goes on where it was when it is started again. Seconds since 1970, or ISO 8601 in "
        "UTC such as V(2026-11-25T22:00:00Z).",
        "Empty is the start of the window. Without a window every run renews all that are named.",
        "The moment is compared with the one in the certificate. Whether CAPF dates certificates back is not known.",
    )),
    "compromised_instances": Option("list", (), (
        "Instances whose certificate CTI Manager holds for compromised. An upgrade does not renew them, because "
        "only a new C(instance_id) helps.",
    ), elements="name"),
    "canary_instances": Option("int", 1, (
        "Instances of the first batch of an upgrade on each cluster, which are on one host. When one of them fails, no other batch "
        "begins. 0 is no canary.",
    ), least=0),
    "max_failures": Option("int", 3, (
        "How many instances may fail in an upgrade before no further batch begins; -1 is no limit.",
    ), least=-1),
    "rollback_instances": Option("list", (), (
        "Instances whose former key and certificate the playbook C(voiceops.secure_tsp.rollback) puts back.",
    ), elements="name"),
    "tsp_entered": Option("list", (), (
        "TSPs on Windows hosts in whose dialog a person has entered what the last run listed. IDs, or C(cluster/instance_id). Only then "
        "a host is restarted for them, and their users are cut over. What the registry profile knows needs no person.",
    ), elements="name"),
    "tsp_operator": Option("bool", False, (
        "Wait at the terminal until a person has entered what the run lists and types C(entered), then go on as with "
        "O(secure_tsp_tsp_entered). Without a terminal nothing counts as entered.",
    )),
    "sheet_folder": Option("str", "./secure_tsp_sheets", (
        "Folder on the controller for the sheets of what a person has to enter: for each Windows host a page to print and a CSV table, "
        "both with mode 0600, which go when nothing is left. A relative one is in the folder in which C(ansible-playbook) was started. "
        "Empty writes none.",
    )),
    "sheet_strings": Option("bool", False, (
        "Print the authorization strings on the pages. Without it a page names the file that its string is in.",
    )),
    "fetch_deadline": Option("int", 600, (
        "Seconds to wait until the cluster says that TSPs were issued their certificates, after a restart or a person's word.",
    ), least=0, most=86400),
    "connect_deadline": Option("int", 300, (
        "Seconds to wait until the cluster sees the TSPs connected, after a restart.",
    ), least=0, most=86400),
    "first_pause": Option("int", 5, (
        "Seconds of the first pause between two looks at the cluster. Each pause is twice as long as the one before.",
    ), least=1, most=3600),
    "longest_pause": Option("int", 60, (
        "Seconds of the longest pause between two looks.",
    ), least=1, most=3600),
    "only_clusters": Option("list", (), (
        "Clusters of O(secure_tsp_clusters) that this run works on; the others are left alone and not asked. Empty means all. The lists are "
        "still checked as a whole.",
    ), elements="str"),
    "uncut_users": Option("list", (), (
        "Users that the playbook C(voiceops.secure_tsp.rollback) takes out of Standard CTI Secure Connection again, so that CTI Manager "
        "accepts them on port 2748 and no more on 2749. Names, or C(cluster/name) where a name is on several clusters.",
    ), elements="name"),
    "operation_hours": Option("int", 24, (
        "Hours that an armed profile stays armed at least; 0 leaves that to the cluster. While a window is open, no "
        "longer than that.",
    ), least=0, most=720),
    "window": Option("dict", {}, (
        "Maintenance window. C(start) and C(end) are both C(HH:MM), every day, or both C(YYYY-MM-DD HH:MM). "
        "C(timezone) is a name such as V(Europe/Berlin), UTC by default.",
        "Outside of it no run starts, and no batch of enrolments begins that could not end in it, by the time that "
        "those before took. Empty is always open. Check mode ignores it.",
    )),
    "ignore_window": Option("bool", False, (
        "Run outside of O(secure_tsp_window), too.",
    )),
    "clock_warn": Option("int", 60, (
        "Seconds between the clocks of host and cluster from which there is a warning.",
    ), least=0),
    "clock_refuse": Option("int", 300, (
        "Seconds from which the host is refused.",
    ), least=1),
    "port_timeout": Option("int", 5, (
        "Seconds to wait for each TCP port in the check beforehand.",
    ), least=1, most=300),
    "install_python_packages": Option("bool", False, (
        "Install missing Python packages on the hosts with pip.",
    )),
    "capf_issuer_parameter": Option("str", "", (
        "Name of the CAPF service parameter that tells who issues certificates, as CUCM's administration shows it. "
        "Without it an off-line CA cannot be noticed beforehand.",
    )),
    "probe": Option("bool", False, (
        "Enrol a probe for each instance, a second certificate for verification beside a running application. Keep "
        "it set when instances are removed, so that their probes go too.",
    )),
    "probe_suffix": Option("str", "probe", (
        "What is added to an instance ID to get that of its probe.",
    )),
    "ctl_on_missing": Option("str", "fail", (
        "What to do when no file server has the trust list and one is stored.",
    ), choices=("fail", "keep_and_warn")),
    "ctl_reject_older": Option("bool", False, (
        "Refuse a trust list that is older than the stored one, although its signature is good.",
    )),
    "ctl_from": Option("str", "auto", (
        "Who fetches the trust list. V(host) is the host. V(controller) is the controller, which hands a list over that AXL confirmed, so "
        "that hosts need neither TFTP nor tftpy. V(auto) is the host, and the controller where the host cannot.",
    ), choices=("auto", "host", "controller")),
    "ctl_on_contradiction": Option("str", "fail", (
        "What to do with a first trust list that the cluster's own certificates contradict, see "
        "O(voiceops.secure_tsp.ctl_file#module:on_contradiction).",
    ), choices=("fail", "warn")),
    "ctl_http": Option("bool", False, (
        "Try HTTP where TFTP does not answer.",
    )),
    "ctl_http_port": Option("int", 6970, (
        "TCP port for O(secure_tsp_ctl_http).",
    ), **PORT),
    "ctl_timeout": Option("int", 15, (
        "Seconds for one file from one server.",
    ), least=1, most=300),
    "capf_timeout": Option("int", 60, (
        "Seconds for one enrolment.",
    ), least=1, most=600),
    "capf_retries": Option("int", 0, (
        "How often a connection to CAPF that broke before the string was sent is tried again.",
    ), least=0, most=3),
    "cti_timeout": Option("int", 60, (
        "Seconds for one provider, from the first connection to the close.",
    ), least=1, most=600),
    "tls_legacy": Option("bool", False, (
        "Also accept TLS 1.0 and 1.1, AES256-SHA and short keys.",
    )),
    "key_passphrase": Option("str", "", (
        "Passphrase of the private keys on the hosts; empty leaves them unencrypted.",
    ), secret=True),
    "bundle": Option("bool", False, (
        "Also write C(QBEClient.pem), certificate and key in one file.",
    )),
    "owner": Option("str", "", (
        "Owner of the instances' files; empty is whoever runs the tasks.",
    )),
    "group": Option("str", "", (
        "Group of the instances' files.",
    )),
    "drift_probe": Option("bool", False, (
        "In a search for drift, open a provider with each probe certificate, and close it. It disturbs no "
        "application.",
        "An instance without one is told as not probed, which is no drift.",
    )),
    "drift_ris": Option("bool", True, (
        "In a search for drift, expect that the application of each instance on the secure port is connected.",
    )),
    "soon_days": Option("int", 60, (
        "In a search for drift, certificates that expire within this number of days are a finding.",
    ), least=0, most=36500),
    "report_folder": Option("str", "./secure_tsp_report", (
        "Folder on the controller for the report, see P(voiceops.secure_tsp.report#role). A relative one is in the folder in "
        "which C(ansible-playbook) was started. Empty writes none.",
    )),
    "run_report_folder": Option("str", "", (
        "Folder on the controller in which a run that ends with a summary writes its report, in the form of that of the playbook "
        "C(drift). A relative one is in the folder in which C(ansible-playbook) was started. Empty writes none.",
    )),
    "report_title": Option("str", "Secure TSP fleet", (
        "Heading of the report.",
    )),
    "adopt_file": Option("str", "./adopted.yml", (
        "File on the controller for the lists of what the clusters have already. A relative one is in the folder in which "
        "C(ansible-playbook) was started. It is never overwritten.",
    )),
    "adopt_paths": Option("list", ("/etc/secure_tsp",), (
        "Folders on the hosts in which certificates of instances are looked for.",
    ), elements="str"),
    "diagnose_instance": Option("name", "", (
        "Only this instance, by its ID, or as C(cluster/instance_id). Empty is all instances on the hosts of the play.",
    )),
    "diagnose_folder": Option("path", "~/.voiceops/diagnosis", (
        "Folder on the controller for the pages, C(cluster-instance.txt), and for the clusters' traces. It is made "
        "with mode 0700, and files with 0600.",
    )),
    "diagnose_probe": Option("bool", False, (
        "Open a provider and close it, where no earlier step failed and the list has the user's password. With the "
        "probe certificate of the instance if there is a valid one, else with its own, but only while the cluster "
        "shows no open provider of the user from the host. Nothing is opened in check mode.",
    )),
    "diagnose_tsp_trace": Option("str", "", (
        "Trace file of a TSP, or folder of one rotating set, on the controller. Goes with O(secure_tsp_diagnose_instance).",
    )),
    "diagnose_tsp_traces": Option("dict", {}, (
        "The same for several instances, lists of files and folders by instance ID.",
    )),
    "diagnose_windows_trace_files": Option("int", 3, (
        "Newest trace files that are read from a Windows host for each of its instances. Their folder is the "
        "setting C(trace.directory) of C(client_windows_settings).",
    ), least=0),
    "diagnose_trace_minutes": Option("int", 0, (
        "Minutes of the clusters' own traces that are downloaded and masked. 0 downloads none.",
    ), least=0),
    "diagnose_trace_size": Option("size", "200M", (
        "Size of these traces at most, for each cluster.",
    )),
    "diagnose_trace_files": Option("int", 100, (
        "Number of these traces at most, for each cluster.",
    ), least=1),
    "diagnose_port_timeout": Option("int", 10, (
        "Seconds for one TLS handshake with CAPF or CTI Manager.",
    ), least=1, most=300),
    "diagnose_ris": Option("bool", True, (
        "Expect that the application of each instance on the secure port is connected.",
    )),
}

# Options of Windows hosts, by their name without the prefix client_windows_. Any of them may differ from host to host.

WINDOWS = {
    "registry_profile": Option("path", None, (
        "YAML file on the controller that tells where the TSP keeps its settings, beside the inventory where it is no absolute path. "
        "Without one every setting is one to be set by hand.",
        "The playbook C(voiceops.secure_tsp.discover_registry_profile) writes one.",
    )),
    "settings": Option("dict", {}, (
        "Values of settings for all instances of the host, by name. README.md lists the names.",
    )),
    "instance_settings": Option("dict", {}, (
        "Values of settings by instance ID; they win over O(client_windows_settings).",
    )),
    "manage_installation": Option("bool", False, (
        "Install and upgrade the TSP.",
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
        "URL of the installer, taken where neither O(client_windows_installer_path) nor O(client_windows_installer_file) is given.",
        "The default is the plug-in page of the cluster of the host's first instance.",
    )),
    "installer_name": Option("str", "", (
        "File name of the installer. The default is V(CiscoTSPx64.exe) on 64-bit Windows, which was seen in the field, and "
        "V(CiscoTSP.exe) on 32-bit Windows.",
    )),
    "installer_validate_certs": Option("bool", True, (
        "Check the certificate of the server that the installer is downloaded from. The SHA-256 is checked in any case.",
    )),
    "installer_folder": Option("str", "C:\\Windows\\Temp", (
        "Folder on the host that the installer is put into.",
    )),
    "installer_properties": Option("dict", {}, (
        "Further documented properties of the silent installer, such as C(AUTOUPGRADE_TYPE). C(USER), C(CTI1), C(CTI2) and their "
        "types follow from the host's first instance.",
    )),
    "password_on_command_line": Option("bool", False, (
        "Let the silent installation set the password of the first instance's user. The password is then part of a command line.",
        "Refused where Windows records command lines or the properties of installations.",
    )),
    "product_name": Option("str", r"(?i)cisco.*(\bTSP\b|\bTAPI\b|telephony service provider)", (
        "Regular expression that finds the TSP in the list of installed programs. Cisco does not document the name.",
    )),
    "read_programs": Option("bool", True, (
        "Read the list of installed programs when drift is looked for, for the version of the TSP. That is a question for each program; "
        "with O(client_windows_product_id) it is one.",
    )),
    "product_id": Option("str", "", (
        "Key of the TSP in the list of installed programs. If set, only that key is read.",
    )),
    "provider_file": Option("str", "", (
        "File of the first instance's provider. The default is the one in Windows' system folder.",
    )),
    "allow_reboot": Option("bool", False, (
        "Restart Windows when something changed that acts only then.",
    )),
    "allow_telephony_restart": Option("bool", False, (
        "Restart the Telephony service instead, on hosts where the documentation says that it is enough.",
    )),
    "reboot_timeout": Option("int", 900, (
        "Seconds that a restart of Windows may take.",
    ), least=1),
    "stop_handler": Option("str", "", (
        "Task file that stops the application before a restart.",
    )),
    "start_handler": Option("str", "", (
        "Task file that starts the application after a restart.",
    )),
    "certificate_folder": Option("str", "C:\\ProgramData\\Cisco\\certificates\\ciscotsp{number}", (
        "Folder of an instance's certificates, as seen in the field. C({number}) is the TSP's three digits.",
    )),
    "try_ports": Option("bool", True, (
        "Try the TCP ports of CAPF and the CTI Managers from the host.",
    )),
    "string_handover": Option("str", "file_on_controller", (
        "How a string reaches the person who enters it, where the registry profile does not say where the TSP keeps it.",
        "V(file_on_controller) is a file with mode 0600 in O(client_windows_string_folder), V(file_on_host) one in "
        "O(client_windows_string_folder_on_host). V(none) works only with strings given in the list of instances.",
    ), choices=("file_on_controller", "file_on_host", "none")),
    "string_folder": Option("path", None, (
        "Folder on the controller for strings. The default is C(.voiceops/strings) in the home folder.",
    )),
    "string_folder_on_host": Option("str", "C:\\ProgramData\\voiceops\\strings", (
        "Folder on the host for strings. Its access rights are set.",
    )),
    "string_readers": Option("str", "BUILTIN\\Administrators", (
        "User or group that may read the strings on the host; nobody else may.",
    )),
    "discover_installer": Option("path", None, (
        "The MSI of the TSP, or a program with it inside, on the controller. If given, the playbook "
        "C(voiceops.secure_tsp.discover_registry_profile) makes a draft of the registry profile from it, and holds it against one host.",
    )),
    "discover_setting": Option("str", "", (
        "The setting that is changed in the dialog, such as V(security.capf_port).",
    )),
    "discover_number": Option("int", 1, (
        "Number of the TSP whose dialog is used.",
    ), least=1, most=10),
    "discover_shown_before": Option("raw", "", (
        "What the dialog shows before the change. On-off settings are V(on) or V(off).",
    )),
    "discover_shown_after": Option("raw", "", (
        "What the dialog shows after the change.",
    )),
    "discover_stage": Option("str", "both", (
        "Take the snapshot V(before), the one V(after), or V(both) with a pause at the terminal between them.",
    ), choices=("before", "after", "both")),
    "discover_keys": Option("list", (
        "HKLM:\\SOFTWARE\\Cisco Systems, Inc.\\Cisco TSP", "HKLM:\\SOFTWARE\\WOW6432Node\\Cisco Systems, Inc.\\Cisco TSP",
    ), (
        "Registry keys that are read with all below them.",
    ), elements="str"),
    "discover_depth": Option("int", 4, (
        "How many levels are read.",
    ), least=1),
    "discover_folder": Option("path", None, (
        "Folder on the controller for the snapshot. The default is C(.voiceops/discovery) in the home folder.",
    )),
}
