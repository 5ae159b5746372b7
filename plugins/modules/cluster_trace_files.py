#!/usr/bin/python
# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_trace_files
short_description: List or download CUCM traces of a time window from every node
description:
  - Lists the trace files of CAPF, TFTP, TVS and CTI Manager, or of other services, that log collection shows for a time
    window, and downloads them into a folder per node.
  - A file is streamed to disk in small pieces, one at a time, and appears under its name when it is whole. Compressed
    files stay compressed.
  - Files that are there with the size of the listing are not fetched again. One that the node still writes grows, so it
    is fetched again by the next run.
  - Each node has a folder below O(dest), in which the node's own folders are repeated without C(/var/log/active).
  - Traces may contain names of users, addresses and numbers. Nothing is masked in them without O(mask). Folders are made with
    mode 0700 and files with 0600.
  - CUCM 11.5 to 15.
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
extends_documentation_fragment:
  - voiceops.secure_tsp.attributes
  - voiceops.secure_tsp.attributes.actiongroup_axl
  - voiceops.secure_tsp.cluster
  - voiceops.secure_tsp.cluster.serviceability
attributes:
  check_mode:
    support: full
    details:
      - Lists, and says which files would be downloaded.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - A trace that grew, or a new one, is downloaded by the next run. O(overwrite) downloads all of them every time.
options:
  services:
    description:
      - Names of the services whose traces are wanted, as log collection writes them, in any case.
      - A service that a node does not have is named in RV(nodes). One that no node has is a warning, and if no node
        has any of them that is an error.
    type: list
    elements: str
    default:
      - Cisco Certificate Authority Proxy Function
      - Cisco Tftp
      - Cisco Trust Verification Service
      - Cisco CTIManager
  nodes:
    description:
      - Names of the nodes, as the cluster knows them.
      - If not set, all nodes that log collection lists are asked.
    type: list
    elements: str
  node_addresses:
    description:
      - Host name or address to reach a node under, by the node's name in the cluster, where it cannot be reached by
        that. O(hostname) is used for itself, for its own first label, and for the only node of a cluster.
    type: dict
  last_minutes:
    description:
      - Length in minutes, from 1 to 43200, of a window that ends now. The service counts it in minutes up to 127, then
        in full hours, then in full days.
    type: int
  from:
    description:
      - Begin of the window as V(YYYY-MM-DD HH:MM), on the clock of O(time_zone).
      - Some releases take no notice of the window. Files whose last change is certainly before its begin are left out
        in any case.
    type: str
  to:
    description: End of the window as V(YYYY-MM-DD HH:MM), on the clock of O(time_zone).
    type: str
  time_zone:
    description:
      - Time zone of O(from) and O(to), as log collection names it.
      - If not set, it is each node's own, by the name that the node gives it (C(getTimeZone)).
    type: str
  dest:
    description:
      - Folder on the host that runs the module. It is made when it is missing.
      - If not set, files are listed only.
    type: path
  overwrite:
    description: Whether files that are there with the same size are downloaded again.
    type: bool
    default: false
  mask:
    description:
      - Texts to mask in each file before it gets its name, such as authorization strings. What stands behind a label such as
        C(AuthString=) or C(password:) is masked as well, also with an empty list.
      - Files then have another size than on the node, so that every run fetches them again.
    type: list
    elements: str
  max_files:
    description:
      - Files to select at most, from 1 to 10000. The newest of each node and service come first.
      - Files that are there already count, so that the next run selects the same ones.
    type: int
    default: 200
  max_file_size:
    description: Size of one file at most, in bytes or with a unit such as V(100M). Larger ones are left out.
    type: bytes
    default: 100M
  max_total_size:
    description: Size of all selected files together at most, in bytes or with a unit such as V(1G).
    type: bytes
    default: 1G
  file_timeout:
    description: Seconds for one download, from 1 to 7200. O(timeout) applies to silence on the connection.
    type: int
    default: 600
  rate_limit_wait:
    description:
      - Seconds to wait in all for one node, from 0 to 600, while it allows no more requests.
    type: int
    default: 60
seealso:
  - module: voiceops.secure_tsp.tsp_trace_info
"""

EXAMPLES = r"""
- name: What traces are there of the last hour
  voiceops.secure_tsp.cluster_trace_files:
    hostname: cucm-pub.example.com
    username: axl
    password: "{{ vault_axl_password }}"
    last_minutes: 60
  delegate_to: localhost
  register: traces

- name: Fetch what CAPF and TVS wrote around a failed enrolment, from the publisher only
  voiceops.secure_tsp.cluster_trace_files:
    hostname: cucm-pub.example.com
    username: axl
    password: "{{ vault_axl_password }}"
    services:
      - Cisco Certificate Authority Proxy Function
      - Cisco Trust Verification Service
    nodes: [cucm-pub]
    from: "2026-11-23 16:00"
    to: "2026-11-23 17:00"
    dest: /srv/traces/case-4711
    max_total_size: 500M
  delegate_to: localhost
"""

RETURN = r"""
files:
  description: Files of the window, the newest of each node and service first.
  returned: success
  type: list
  elements: dict
  contains:
    node:
      description: Name of the node.
      type: str
      sample: cucm-pub.example.com
    service:
      description: Service that wrote it.
      type: str
      sample: Cisco Certificate Authority Proxy Function
    path:
      description: Absolute path on the node.
      type: str
      sample: /var/log/active/cm/trace/capf/sdi/trace00000001.txt
    size:
      description: Octets by the node's listing, V(null) when it does not tell; of the file itself after a download.
      type: int
      sample: 7
    modified:
      description: Time of its last change in the node's words.
      type: str
      sample: Mon Nov 23 16:41:07 CET 2026
    dest:
      description: Place on this host, V(null) without O(dest).
      type: str
      sample: /srv/traces/case-4711/cucm-pub.example.com/cm/trace/capf/sdi/trace00000001.txt
    status:
      description:
        - V(listed) without O(dest), V(to_download) in check mode, V(downloaded), or V(present) with the same size.
        - V(too_large) for O(max_file_size), V(over_limit) for O(max_files) and O(max_total_size).
        - V(refused) when the path is not one that may be written here, V(failed) when it could not be fetched, and
          V(not_fetched) when its node was given up.
      type: str
      sample: listed
    problem:
      description: Why a file is V(refused) or V(failed), else V(null).
      type: str
      sample: null
nodes:
  description: The nodes that were asked.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name in the cluster.
      type: str
      sample: cucm-pub.example.com
    address:
      description: Name or address it was reached under.
      type: str
      sample: 192.0.2.10
    time_zone:
      description: Zone of the window, V(null) for O(last_minutes).
      type: str
      sample: "Client: (GMT+1:0)Europe/Berlin"
    services:
      description: Services that were asked for.
      type: list
      elements: str
      sample: [Cisco Certificate Authority Proxy Function, Cisco Tftp]
    missing_services:
      description: Wanted services that this node does not have.
      type: list
      elements: str
      sample: [Cisco Certificate Authority Proxy Function]
    left_out:
      description: Files that the node listed although their last change was certainly before the window.
      type: int
      sample: 0
    problem:
      description: Why the node did not give its files, or not all, else V(null).
      type: str
      sample: null
missing_services:
  description: Wanted services that no node has.
  returned: success
  type: list
  elements: str
  sample: []
complete:
  description: Whether every file of the window was listed and, with O(dest), is there now (in check mode, would be).
  returned: success
  type: bool
  sample: true
downloaded:
  description: Number of files downloaded by this run.
  returned: success
  type: int
  sample: 0
downloaded_size:
  description: Octets downloaded by this run.
  returned: success
  type: int
  sample: 0
requests:
  description: Requests sent, C(read), C(write) and C(by_operation).
  returned: success
  type: dict
  sample: {read: 3, write: 0, by_operation: {listNodeServiceLogs: 1, selectLogFiles: 2}}
code:
  description: AXL's error code, or the HTTP status.
  returned: when the server refused
  type: int
  sample: 401
"""

import contextlib
import datetime
import gzip
import itertools
import os
import re
import tempfile
import zlib
from typing import NamedTuple

from ansible_collections.voiceops.secure_tsp.plugins.module_utils._attachment import TooLarge
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import (
    AxlError,
    FormatError,
    InputError,
    ProtocolError,
    StoreError,
    TransportError,
    TrustError,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._module import (
    cluster_options,
    create,
    finish,
    reporting,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._serviceability import (
    LogCollection,
    between,
    last_minutes,
    serviceability_login,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._tsptrace import mask

SERVICES = [
    "Cisco Certificate Authority Proxy Function",
    "Cisco Tftp",
    "Cisco Trust Verification Service",
    "Cisco CTIManager",
]
SERVER_ROOT = "/var/log/active/"
MOMENT = "%Y-%m-%d %H:%M"
SAFE = re.compile(r"[^A-Za-z0-9._@+=-]")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# Java's way to print a date. The zone's abbreviation is not unique, except for the two names of UTC.
MODIFIED = re.compile(r"\w{3} (\w{3}) +(\d{1,2}) (\d\d):(\d\d):(\d\d) (\S+) (\d{4})\Z")
UTC_NAMES = ("UTC", "GMT")
FARTHEST_EAST = 14  # hours that a zone is ahead of UTC
FARTHEST_WEST = 12  # and behind it
SUMMER_TIME = 1  # hour that a zone's clock may have been set since
RANGES = dict(last_minutes=(1, 43200), max_files=(1, 10000), file_timeout=(1, 7200), rate_limit_wait=(0, 600))
LOCKED_OUT = (401, 403)  # the next node would say the same, and an account may be locked
NODE_FAILURES = (AxlError, ProtocolError, TransportError, TrustError)
DONE = ("listed", "downloaded", "present", "to_download")
GZIP = b"\x1f\x8b"
PIECE = 1 << 20  # octets of a line that are masked at a time


class Window:
    """The wanted time, as the service takes it, and as far as we can check it ourselves."""

    def __init__(self, params):
        self._zone = params["time_zone"]
        self._minutes = params["last_minutes"]
        self._start = self._end = None
        if self._minutes is None:
            self._start, self._end = moment(params, "from"), moment(params, "to")
            if self._start >= self._end:
                raise InputError("from is not before to")
        elif params["time_zone"]:
            raise InputError("time_zone is for from and to, and last_minutes needs none")

    def criteria(self, logs):
        """What to send to one node, and the name of the zone or None."""
        if self._minutes is not None:
            return last_minutes(self._minutes), None
        zone = self._zone or logs.time_zone()
        if not zone:
            raise ProtocolError(
                "the node does not tell its time zone", where=logs.session.where("getTimeZone"), cure="Set time_zone."
            )
        return between(self._start, self._end, zone), zone

    def ended_before(self, change, now):
        """Whether a change was certainly before the window. now: UTC by the node's clock."""
        if self._minutes is not None:
            # A clock behind UTC showed L when UTC was as much as 12 hours later.
            slack, begin = 0 if change.is_utc else FARTHEST_WEST, now - datetime.timedelta(minutes=self._minutes)
        else:
            # The node's own clock, or two zones that nobody can tell from their names.
            slack, begin = FARTHEST_EAST + FARTHEST_WEST if self._zone else SUMMER_TIME, self._start
        return change.local + datetime.timedelta(hours=slack) < begin


class Change(NamedTuple):
    """The time of a file's last change: what the node's clock showed, and whether that was UTC."""

    local: datetime.datetime
    is_utc: bool


def change_of(text):
    """A Change out of the node's words, None when they are not understood."""
    found = MODIFIED.match((text or "").strip())
    if not found or found.group(1) not in MONTHS:
        return None
    month = MONTHS.index(found.group(1)) + 1
    day, hour, minute, second, year = (int(found.group(position)) for position in (2, 3, 4, 5, 7))
    try:
        local = datetime.datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None
    return Change(local, found.group(6) in UTC_NAMES)


def moment(params, name):
    try:
        return datetime.datetime.strptime(params[name].replace("T", " "), MOMENT)
    except ValueError:
        raise InputError("%s is not a time such as 2026-11-23 16:30" % name) from None


class Destination:
    """The folder for the traces. Nothing is ever written outside it, whatever a server calls its files."""

    def __init__(self, root):
        self.root = os.path.abspath(root)

    def place(self, node, path):
        """Where a node's file belongs. Raises InputError for a path that is none to follow."""
        inner = path[len(SERVER_ROOT):] if path.startswith(SERVER_ROOT) else path
        parts = [part for part in inner.split("/") if part not in ("", ".")]
        if not parts or ".." in parts or "\0" in path:
            raise InputError("the node gave a path that is not followed", where=path[:200])
        return os.path.join(self.root, *[safe_name(part) for part in [node] + parts])

    def holds(self, place, size):
        """Whether the file is there with that size."""
        return size is not None and os.path.isfile(place) and os.path.getsize(place) == size

    @contextlib.contextmanager
    def incoming(self, place):
        """An Incoming for a file; what was not kept is gone afterwards."""
        with reported(place):
            self._make_folder(os.path.dirname(place))
            descriptor, temporary = tempfile.mkstemp(prefix=".incoming-", dir=os.path.dirname(place))  # mode 0600
        with os.fdopen(descriptor, "wb") as stream:
            incoming = Incoming(stream, temporary, place)
            try:
                yield incoming
            finally:
                incoming.clear()

    def _make_folder(self, folder):
        missing = []
        while not os.path.isdir(folder):
            missing.append(folder)
            folder = os.path.dirname(folder)
        root = os.path.realpath(self.root)
        if self.root not in missing and os.path.commonpath([root, os.path.realpath(folder)]) != root:
            raise StoreError(
                "a link leads out of the folder for the traces", where=folder,
                cure="Remove the link, or set another dest.",
            )
        for one in reversed(missing):
            os.mkdir(one, 0o700)


class Incoming:
    """One file on its way, beside its place."""

    def __init__(self, stream, temporary, place):
        self._stream = stream
        self._temporary = temporary
        self._place = place

    def start(self):
        """Begin from nothing; gives the function that takes the octets."""
        with reported(self._place):
            self._stream.seek(0)
            self._stream.truncate()
        return self._write

    def _write(self, octets):
        with reported(self._place):
            self._stream.write(octets)

    def mask(self, secrets):
        """Put a masked file in place of this one; a compressed one stays compressed. Raises FormatError."""
        with reported(self._place):
            self._stream.flush()
            descriptor, masked = tempfile.mkstemp(prefix=".incoming-", dir=os.path.dirname(self._place))  # mode 0600
            plain, self._temporary = self._temporary, masked
            with open(plain, "rb") as source:
                os.unlink(plain)
                with os.fdopen(descriptor, "wb") as target:
                    mask_file(source, target, secrets)

    def keep(self):
        """Put it in its place in one step."""
        with reported(self._place):
            self._stream.flush()
            os.replace(self._temporary, self._place)
            self._temporary = None

    def clear(self):
        if self._temporary is not None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._temporary)


def mask_file(source, target, secrets):
    """Copy a file line by line without its secrets. Raises FormatError for a compressed file that is damaged."""
    compressed = source.read(len(GZIP)) == GZIP
    source.seek(0)
    if not compressed:
        mask_lines(source, target, secrets)
        return
    with gzip.GzipFile(fileobj=source) as plain, gzip.GzipFile(filename="", fileobj=target, mode="wb") as packed:
        try:
            mask_lines(plain, packed, secrets)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise FormatError("the compressed file is damaged, so that nothing can be masked in it") from None


def mask_lines(source, target, secrets):
    for line in iter(lambda: source.readline(PIECE), b""):
        text, ending = line.rstrip(b"\r\n"), line[len(line.rstrip(b"\r\n")):]
        target.write(mask(text.decode("utf-8", "surrogateescape"), secrets).encode("utf-8", "surrogateescape") + ending)


@contextlib.contextmanager
def reported(place):
    """An OSError becomes a StoreError that names the file."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            "the file cannot be written: %s" % error.strerror, where=place,
            cure="Check free space and permissions of dest. What is whole stays; the next run fetches the rest.",
        ) from error


def safe_name(part):
    """A name of one file or folder that means nothing to any shell or file system."""
    name = SAFE.sub("_", part)
    return "_" + name if name.startswith((".", "-")) else name


class Collection:
    """Traces of the nodes: first all lists, then what is to be fetched, then the files, one by one."""

    def __init__(self, login, params):
        self.login = login
        self.params = params
        self.window = Window(params)
        self.destination = Destination(params["dest"]) if params["dest"] else None
        self.nodes = []
        self.files = []
        self.warnings = []
        self.requests = dict(read=0, write=0, by_operation={})
        self.missing = []

    def survey(self):
        """Fill nodes and files. Raises what the first node says when no node answers."""
        with self._session(self.login.hostname) as logs:
            everywhere = logs.logs()
        self._match_services(chosen_nodes(self.params["nodes"], everywhere), is_only=len(everywhere) == 1)
        failures = []
        listed = []
        for node in self.nodes:
            if not node["services"]:
                continue
            try:
                listed.extend(self._list_node(node))
            except NODE_FAILURES as error:
                if error.facts.get("code") in LOCKED_OUT:
                    raise
                failures.append(error)
                self._give_up(node, error)
        if failures and len(failures) == sum(1 for node in self.nodes if node["services"]):
            raise failures[0]
        self.files = interleaved(listed)

    def _match_services(self, chosen, is_only):
        wanted = list(dict.fromkeys(name.strip() for name in self.params["services"]))
        for logs in chosen:
            by_lower = dict((name.lower(), name) for name in logs.services)
            self.nodes.append(dict(
                name=logs.node,
                address=self._address(logs.node, is_only),
                time_zone=None,
                services=[by_lower[name.lower()] for name in wanted if name.lower() in by_lower],
                missing_services=[name for name in wanted if name.lower() not in by_lower],
                left_out=0,
                problem=None,
            ))
        self.missing = [name for name in wanted if all(name in node["missing_services"] for node in self.nodes)]
        if len(self.missing) == len(wanted):
            known = sorted(set(name for logs in chosen for name in logs.services))
            raise InputError(
                "no node has logs of %s" % ", ".join(wanted), cure="There are: %s." % (", ".join(known) or "none")
            )
        if self.missing:
            self.warnings.append("No node has logs of %s." % ", ".join(self.missing))

    def _address(self, node, is_only):
        given = (self.params["node_addresses"] or {}).get(node)
        if given:
            return str(given)
        own = self.login.hostname.lower()
        return self.login.hostname if is_only or node.lower() in (own, own.split(".")[0]) else node

    @contextlib.contextmanager
    def _session(self, address):
        with LogCollection(self.login.at(address), patience=self.params["rate_limit_wait"]) as logs:
            try:
                yield logs
            finally:
                self._count(logs.session.requests)

    def _count(self, requests):
        for name in ("read", "write"):
            self.requests[name] += requests[name]
        for name, count in requests["by_operation"].items():
            self.requests["by_operation"][name] = self.requests["by_operation"].get(name, 0) + count

    def _list_node(self, node):
        with self._session(node["address"]) as logs:
            criteria, node["time_zone"] = self.window.criteria(logs)
            found = logs.select(node["services"], criteria)
            now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
            now += datetime.timedelta(seconds=logs.session.clock_skew or 0)
        alone = node["services"][0] if len(node["services"]) == 1 else None
        rows = []
        for file in found:
            change = change_of(file.modified)
            if change is not None and self.window.ended_before(change, now):
                node["left_out"] += 1
                continue
            rows.append(dict(
                node=node["name"], service=file.service or alone, path=file.path, size=file.size, modified=file.modified,
                dest=None, status="listed", problem=None, when=change.local if change else datetime.datetime.min,
            ))
        return rows

    def _give_up(self, node, error):
        node["problem"] = str(error)
        self.warnings.append("Node %s was given up: %s" % (node["name"], error))

    def decide(self):
        """Give every file its place and status, within the limits."""
        count = total = 0
        taken = set()
        for file in self.files:
            del file["when"]
            file["status"] = self._decision(file, count, total, taken)
            if file["status"] in DONE:
                count += 1
                total += file["size"] or 0

    def _decision(self, file, count, total, taken):
        size = file["size"] or 0
        if size > self.params["max_file_size"]:
            return "too_large"
        if count >= self.params["max_files"] or total + size > self.params["max_total_size"]:
            return "over_limit"
        if self.destination is None:
            return "listed"
        try:
            place = self.destination.place(file["node"], file["path"])
        except InputError as error:
            file["problem"] = str(error)
            return "refused"
        if place in taken:
            file["problem"] = "Another file of the node has the same place here."
            return "refused"
        taken.add(place)
        file["dest"] = place
        if not self.params["overwrite"] and self.destination.holds(place, file["size"]):
            return "present"
        return "to_download"

    def download(self):
        """Fetch what is to be downloaded, node by node. Raises StoreError when this host cannot keep it."""
        present = sum(file["size"] for file in self.files if file["status"] == "present")
        left = self.params["max_total_size"] - present
        for node in self.nodes:
            mine = [one for one in self.files if one["node"] == node["name"] and one["status"] == "to_download"]
            if not mine:
                continue
            with self._session(node["address"]) as logs:
                for file in mine:
                    if node["problem"] is None:
                        left -= self._fetch(logs, node, file, left)
                    else:
                        file["status"] = "not_fetched"

    def _fetch(self, logs, node, file, left):
        """Fetch one file and give its size. What it says about the whole node makes the rest be left alone."""
        try:
            with self.destination.incoming(file["dest"]) as incoming:
                limit = min(self.params["max_file_size"], left)
                size = logs.fetch(file["path"], incoming.start, limit, self.params["file_timeout"])
                if self.params["mask"] is not None:
                    incoming.mask(self.params["mask"])
                incoming.keep()
        except TooLarge as error:
            file.update(status="too_large", problem=str(error))
        except FormatError as error:
            file.update(status="failed", problem=str(error))
        except (AxlError, ProtocolError, TransportError) as error:
            code = error.facts.get("code")
            if code in LOCKED_OUT:
                raise
            file.update(status="failed", problem=str(error))
            if isinstance(error, TransportError) or code in (404, 503, "Server.RateControl"):
                self._give_up(node, error)
        else:
            file.update(status="downloaded", size=size)
            return size
        return 0

    def result(self, before):
        done = [file for file in self.files if file["status"] == "downloaded"]
        changing = [file for file in self.files if file["status"] in ("downloaded", "to_download")]
        missed = [file for file in self.files if file["status"] not in DONE]
        return dict(
            changed=bool(changing),
            files=self.files,
            nodes=self.nodes,
            missing_services=self.missing,
            complete=not missed and not any(node["problem"] for node in self.nodes),
            downloaded=len(done),
            downloaded_size=sum(file["size"] for file in done),
            requests=self.requests,
            diff=dict(before=before, after=dict(before, **dict((file["dest"], file["size"]) for file in changing))),
        )

    def held(self):
        """{place: size} of the selected files that are on this host."""
        return dict(
            (file["dest"], os.path.getsize(file["dest"]))
            for file in self.files if file["dest"] and os.path.isfile(file["dest"])
        )


def chosen_nodes(wanted, everywhere):
    """The nodes to ask. Raises InputError for a name that the cluster does not know."""
    if not everywhere:
        raise ProtocolError("log collection lists no nodes", cure="Check that its services run on the publisher.")
    if not wanted:
        return everywhere
    by_lower = dict((logs.node.lower(), logs) for logs in everywhere)
    unknown = [name for name in wanted if name.lower() not in by_lower]
    if unknown:
        raise InputError(
            "the cluster has no node %s" % ", ".join(unknown),
            cure="Its nodes are: %s." % ", ".join(logs.node for logs in everywhere),
        )
    return [by_lower[name.lower()] for name in dict.fromkeys(wanted)]


def interleaved(files):
    """The newest file of each node and service, then the second newest, and so on: a limit then hits all alike."""
    groups = {}
    for file in sorted(files, key=lambda one: one["when"], reverse=True):
        groups.setdefault((file["node"], file["service"]), []).append(file)
    rounds = itertools.zip_longest(*groups.values())
    return [file for one in rounds for file in one if file is not None]


def check_ranges(params):
    for name, (least, most) in RANGES.items():
        if params[name] is not None and not least <= params[name] <= most:
            raise InputError("%s is not from %d to %d" % (name, least, most))
    for name in ("max_file_size", "max_total_size"):
        if params[name] < 1:
            raise InputError("%s is not a size" % name)


def main():
    spec = cluster_options(serviceability=True)
    spec.update({
        "services": dict(type="list", elements="str", default=SERVICES),
        "nodes": dict(type="list", elements="str"),
        "node_addresses": dict(type="dict"),
        "last_minutes": dict(type="int"),
        "from": dict(type="str"),
        "to": dict(type="str"),
        "time_zone": dict(type="str"),
        "dest": dict(type="path"),
        "overwrite": dict(type="bool", default=False),
        "mask": dict(type="list", elements="str", no_log=True),
        "max_files": dict(type="int", default=200),
        "max_file_size": dict(type="bytes", default="100M"),
        "max_total_size": dict(type="bytes", default="1G"),
        "file_timeout": dict(type="int", default=600),
        "rate_limit_wait": dict(type="int", default=60),
    })
    module = create(
        spec, required_one_of=[("last_minutes", "from")], mutually_exclusive=[("last_minutes", "from")],
        required_together=[("from", "to")],
    )
    with reporting(module):
        check_ranges(module.params)
        login = serviceability_login(module.params)
        if login.unverified:
            module.warn("The server's certificate is not verified: the password goes to whoever answers.")
        collection = Collection(login, module.params)
        collection.survey()
        collection.decide()
        before = collection.held()
        if not module.check_mode:
            collection.download()
        finish(module, collection.result(before), warnings=collection.warnings)


if __name__ == "__main__":
    main()
