# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Trace files of the nodes of a cluster: their list, and copies of them in a folder of this host."""

from __future__ import annotations

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
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._serviceability import (
    LogCollection,
    between,
    last_minutes,
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
SUMMER_TIME = 1  # hour by which a zone's clock may have been changed since
RANGES = dict(last_minutes=(1, 43200), max_files=(1, 10000), file_timeout=(1, 7200), rate_limit_wait=(0, 600))
LOCKED_OUT = (401, 403)  # the next node would answer the same, and an account may be locked
NODE_FAILURES = (AxlError, ProtocolError, TransportError, TrustError)
DONE = ("listed", "downloaded", "present", "to_download")
GZIP = b"\x1f\x8b"
PIECE = 1 << 20  # octets of a line that are masked at a time

#: Argument spec without the options for the connection to the cluster.
OPTIONS = {
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
}


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
            raise InputError("time_zone is only for from and to, not for last_minutes")

    def criteria(self, logs):
        """What to send to one node, and the name of the zone or None."""
        if self._minutes is not None:
            return last_minutes(self._minutes), None
        zone = self._zone or logs.time_zone()
        if not zone:
            raise ProtocolError(
                "the node does not report its time zone", where=logs.session.where("getTimeZone"), cure="Set time_zone."
            )
        return between(self._start, self._end, zone), zone

    def ended_before(self, change, now):
        """Whether a change was certainly before the window. now: UTC by the node's clock."""
        if self._minutes is not None:
            # A clock behind UTC showed L when UTC was as much as 12 hours later.
            slack, begin = 0 if change.is_utc else FARTHEST_WEST, now - datetime.timedelta(minutes=self._minutes)
        else:
            # The node's own clock, or two zones that cannot be identified by their names.
            slack, begin = FARTHEST_EAST + FARTHEST_WEST if self._zone else SUMMER_TIME, self._start
        return change.local + datetime.timedelta(hours=slack) < begin


class Change(NamedTuple):
    """The time of a file's last change: what the node's clock showed, and whether that was UTC."""

    local: datetime.datetime
    is_utc: bool


def change_of(text):
    """A Change from the node's text, None if it is not understood."""
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
        """Where a node's file belongs. Raises InputError for an unsafe path."""
        inner = path[len(SERVER_ROOT):] if path.startswith(SERVER_ROOT) else path
        parts = [part for part in inner.split("/") if part not in ("", ".")]
        if not parts or ".." in parts or "\0" in path:
            raise InputError("the node sent an unsafe path", where=path[:200])
        return os.path.join(self.root, *[safe_name(part) for part in [node] + parts])

    def holds(self, place, size):
        """Whether the file is there with that size."""
        return size is not None and os.path.isfile(place) and os.path.getsize(place) == size

    @contextlib.contextmanager
    def incoming(self, place):
        """An Incoming for a file; if it was not kept, it is removed afterwards."""
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
    """One file during its transfer, beside its place."""

    def __init__(self, stream, temporary, place):
        self._stream = stream
        self._temporary = temporary
        self._place = place

    def start(self):
        """Start with an empty file; returns the function that takes the octets."""
        with reported(self._place):
            self._stream.seek(0)
            self._stream.truncate()
        return self._write

    def _write(self, octets):
        with reported(self._place):
            self._stream.write(octets)

    def mask(self, secrets):
        """Replace this file with a masked one; a compressed one stays compressed. Raises FormatError."""
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
            raise FormatError("the compressed file is damaged, so nothing can be masked in it") from None


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
            cure="Check free space and permissions of dest. Complete files are kept; the next run fetches the rest.",
        ) from error


def safe_name(part):
    """A name of one file or folder that has no special meaning for any shell or file system."""
    name = SAFE.sub("_", part)
    return "_" + name if name.startswith((".", "-")) else name


class Collection:
    """Traces of the nodes: first all lists, then the decision what to fetch, then the files, one by one."""

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
        """Fill nodes and files. Raises the error of the first node if no node answers."""
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
                "no node has logs of %s" % ", ".join(wanted), cure="Available: %s." % (", ".join(known) or "none")
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
        self.warnings.append("Gave up on node %s: %s" % (node["name"], error))

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
            file["problem"] = "Another file of the node has the same path here."
            return "refused"
        taken.add(place)
        file["dest"] = place
        if not self.params["overwrite"] and self.destination.holds(place, file["size"]):
            return "present"
        return "to_download"

    def download(self):
        """Fetch what is to be downloaded, node by node. Raises StoreError if this host cannot store it."""
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
        """Fetch one file and return its size. After an error that concerns the whole node, its other files are skipped."""
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
    """The newest file of each node and service, then the second newest, and so on: a limit then affects all equally."""
    groups = {}
    for file in sorted(files, key=lambda one: one["when"], reverse=True):
        groups.setdefault((file["node"], file["service"]), []).append(file)
    rounds = itertools.zip_longest(*groups.values())
    return [file for one in rounds for file in one if file is not None]


def check(params):
    for name, (least, most) in RANGES.items():
        if params[name] is not None and not least <= params[name] <= most:
            raise InputError("%s must be from %d to %d" % (name, least, most))
    for name in ("max_file_size", "max_total_size"):
        if params[name] < 1:
            raise InputError("%s is not a size" % name)
