# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""One page per instance: what works, the first thing that does not, and the next step.

Pure, like the search for drift, whose readings and findings it uses. The steps are those of setting up a connection. Fix
the first step that fails: later steps may fail only because of it. Readings and pages contain no secrets.
"""

from __future__ import annotations

import datetime
import textwrap
from typing import TYPE_CHECKING

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import (
    _cti_errors,
    _cti_trace,
    _drift,
    _fleet,
    _profile_status,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._foreign import printable, word
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._server_certificates import capital

if TYPE_CHECKING:
    from typing import Any, Collection, Container, Iterable, Iterator, Mapping, Tuple

    from ansible_collections.voiceops.secure_tsp.plugins.module_utils._drift import Finding, Hosts, Row

    Step = Tuple[str, str]  # state and text

HOST, CLUSTER, SERVICES, PORTS, TRUST, USER, PROFILE, CERTIFICATE, CUTOVER, TRACE, CONNECTION = STEPS = (
    "Host", "Cluster", "Services", "Ports", "Trust list", "User", "CAPF profile", "Certificate", "Secure port", "TSP trace",
    "Connection")
OF_STAGE = {
    _drift.TRUST: TRUST, _drift.ACCOUNTS: USER, _drift.PROFILE: PROFILE, _drift.CERTIFICATE: CERTIFICATE,
    _drift.CUTOVER: CUTOVER, _drift.VERIFY: CONNECTION,
}
# Drift codes that do not belong to a stage of an instance.
OF_CODE = {
    "ctl_not_updated": TRUST, "ctl_older_on_node": TRUST, "ctl_without_twin": TRUST, "host_unreachable": HOST,
    "host_not_read": HOST, "service_down": SERVICES, "ris_unavailable": CONNECTION,
    "ris_incomplete": CONNECTION,
}
OF_STATUS = ("profile_failed", "profile_pending", "profile_armed_by_nobody", "profile_pending_too_long", "profile_unknown")
# With these codes, the profile shows why the host has no certificate.
CAUSES = ("profile_failed", "profile_pending_too_long", "profile_unknown")

CAPF, CTI_MANAGER = "CAPF", "CTI Manager"
OK, WRONG, DOUBT, UNKNOWN = "ok", "FAIL", "warn", "--"
BROKEN, REMARKS, WORKS, NOTHING_FOUND = "does not work", "works, with remarks", "works", "nothing wrong found"
ON_PUBLISHER = (_drift.SHOW_CTL, _drift.UPDATE_CTL, _drift.MIXED_MODE)
WIDTH = 80
LABEL = 14
MOST_QUOTES = 12


# What was read in addition to the search for drift


def host_seen(ports: Iterable[Row] = (), opened: Iterable[Row] = (), traces: Iterable[Row] = ()) -> list[dict[str, Any]]:
    """What pages() needs from a host: rows by cluster and instance.

    ports: results of secure_port_info; opened: of cti_provider_info; traces: of tsp_trace_info; each with the completed
    instance in item, or in item.instance.
    """
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for name, results in (("ports", ports), ("opened", opened), ("trace", traces)):
        for result in results:
            if result.get("skipped"):
                continue
            instance = result["item"].get("instance") or result["item"]
            key = (instance["cluster"], instance["instance_id"])
            row = rows.setdefault(key, {"cluster": key[0], "instance_id": key[1], "ports": None, "opened": None, "trace": None})
            row[name] = READERS[name](result)
    return list(rows.values())


def _message(result: Row) -> str:
    return result.get("msg") or "it failed without a message"


def _ports_of(result: Row) -> dict[str, Any]:
    if "ports" not in result:
        return {"failure": _message(result), "rows": []}
    return {"failure": "", "rows": result["ports"]}


def _opened_of(result: Row) -> dict[str, Any]:
    way = result["item"].get("way") or ""
    if "totals" in result:
        return {"failure": "", "way": way, "compromised": False, "devices": result["totals"].get("devices", 0),
                "lines": result["totals"].get("lines", 0), "remarks": list(result.get("remarks") or ())}
    return {"failure": _message(result), "way": way, "compromised": bool(result.get("compromised"))}


def _trace_of(result: Row) -> dict[str, Any]:
    if "verdict" not in result:
        return {"failure": _message(result)}
    last: Row = result["attempts"][-1] if result["attempts"] else {"trouble": [], "after": [], "cipher": "", "files_written": []}
    quoted = dict((quote["line"], quote) for quote in last["trouble"][-MOST_QUOTES:] + last["after"][-MOST_QUOTES:])
    return {
        "failure": "", "verdict": result["verdict"], "summary": result["summary"], "next_step": result["next_step"],
        "cipher": last["cipher"], "files_written": list(last["files_written"]), "gaps": result["gaps"][-MOST_QUOTES:],
        "quotes": [quoted[line] for line in sorted(quoted)][-MOST_QUOTES:], "files": [one["path"] for one in result["files"]],
        "events": result.get("events") or [], "left_out": result.get("left_out") or [],
    }


READERS = {"ports": _ports_of, "opened": _opened_of, "trace": _trace_of}


# Which providers may be opened


def openings(fleet: Row, clusters: Mapping[str, Row], hosts: Hosts, found: Iterable[Finding], outcomes: Iterable[Row],
             only: Container[tuple[str, str]] | None = None) -> list[dict[str, Any]]:
    """Providers that may be opened: C({instance, way, store}), with the probe certificate where there is one.

    The application's own certificate is used only if the cluster was asked and shows no open provider of the user from any
    address of this host: a second provider would disconnect both. Nothing is opened if an earlier step failed. outcomes:
    rows of the hosts' certificates. The other arguments are those of pages().
    """
    with_password = set((user["cluster"], user["name"]) for user in fleet["users"] if user.get("password_given"))
    valid = dict(((row["cluster"], row["instance_id"]), row) for row in outcomes if row["certificate_valid"])
    probes = dict(((row["cluster"], row["probe_of"]), row) for row in valid.values() if row["probe_of"])
    chosen = []
    for page in pages(fleet, clusters, hosts, found, {}, "", only):
        own = page["instance"]
        key = (own["cluster"], own["instance_id"])
        if key not in valid or (own["cluster"], own["user"]) not in with_password:
            continue
        if any(row["state"] == WRONG for row in page["steps"]):
            continue
        if key in probes:
            chosen.append({"instance": own, "way": "probe", "store": probes[key]["store"]})
        elif page["connected"] is False and not page["neighbour"]:
            chosen.append({"instance": own, "way": "application", "store": own["store"]})
    return chosen


# Pages


def pages(fleet: Row, clusters: Mapping[str, Row], hosts: Hosts, found: Iterable[Finding], seen: Mapping[str, Iterable[Row]], now: str,
          only: Container[tuple[str, str]] | None = None, traces: Mapping[str, Row] | None = None) -> list[dict[str, Any]]:
    """A dict for each instance: instance, verdict, first (finding or None), steps, text and more; sorted like the list.

    fleet, clusters, hosts: as for _drift.findings(); found: the findings that it returned. seen: {host: rows of
    host_seen()}. now: ISO 8601 in UTC, for the head of the page. only: C((cluster, instance ID)) of the requested instances, or None.
    traces: {cluster: {folder, minutes, files, problems, events}} of the clusters' own traces.
    """
    wanted = [one for one in fleet["instances"] if one["state"] == "present" and not one["probe_of"]
              and one["host"] in hosts and (only is None or (one["cluster"], one["instance_id"]) in only)]
    concerned, ambiguous_ids = _Concerned(found), _drift.ambiguous(fleet["instances"])
    with_devices = set((user["cluster"], user["name"]) for user in fleet["users"] if user.get("devices"))
    return [_Page(one, clusters, hosts, concerned.of(one), seen, traces or {}, ambiguous_ids, with_devices).result(now) for one in wanted]


class _Concerned:
    """Findings by subject, so that a page does not search those of the whole fleet."""

    def __init__(self, found: Iterable[Finding]) -> None:
        self._by_subject: dict[tuple[str, str, str], list[tuple[int, Finding]]] = {}
        for number, finding in enumerate(found):
            key = (finding["instance_id"], finding["user"], finding["host"])
            self._by_subject.setdefault(key, []).append((number, finding))

    def of(self, instance: Row) -> list[Finding]:
        found: list[tuple[int, Finding]] = []
        for name in ("", instance["instance_id"]):
            for user in ("", instance["user"]):
                for host in ("", instance["host"]):
                    found += self._by_subject.get((name, user, host), ())
        return [finding for _number, finding in sorted(found, key=lambda pair: pair[0]) if finding["cluster"] in ("", instance["cluster"])]


class _Page:
    """Everything about one instance, checked step by step."""

    def __init__(self, instance: Row, clusters: Mapping[str, Row], hosts: Hosts, found: Iterable[Finding],
                 seen: Mapping[str, Iterable[Row]], traces: Mapping[str, Row], ambiguous_ids: Container[str],
                 with_devices: Container[tuple[str, str]] = ()) -> None:
        self.instance = instance
        self.key = (instance["cluster"], instance["instance_id"])
        self.with_devices = (instance["cluster"], instance["user"]) in with_devices
        self.cluster = clusters.get(instance["cluster"]) or {"info": None, "accounts": None, "connections": None}
        self.host = hosts[instance["host"]]
        rows = (self.host or {"instances": ()})["instances"]
        self.row: Row = next((row for row in rows if (row["cluster"], row["instance_id"]) == self.key), {})
        self.extra: Row = next((row for row in seen.get(instance["host"]) or ()
                                if (row["cluster"], row["instance_id"]) == self.key), {})
        accounts = self.cluster["accounts"] or {"instances": ()}
        self.profile = next(
            (row["profile"] for row in accounts["instances"] if row["instance_id"] == instance["instance_id"]), None)
        self.traces = traces.get(instance["cluster"])
        self.ambiguous = ambiguous_ids
        self.found = [self._judged(finding) for finding in found if not (finding["code"] == "not_probed" and self.extra.get("opened"))]
        self.events = self._own_events()
        self.found += list(self._of_ports()) + list(self._of_provider()) + list(self._of_trace()) + list(self._of_cluster_traces())

    # Findings

    def _judged(self, finding: Finding) -> Finding:
        """The finding with its step; one that explains why there is no certificate is critical."""
        code = finding["code"]
        finding = dict(finding, step=step_of(finding))
        if code == "provider_not_seen":
            finding["fix"] = "Start the application."
        if code in OF_STATUS and self.profile:
            meaning, cure = _profile_status.describe(self.profile["status"])
            finding["what"] = "%s %s" % (finding["what"], meaning)
            if not self.valid:
                finding["fix"] = cure if code == "profile_failed" else "%s %s" % (finding["fix"], cure)
        if code in CAUSES and self.valid is False:
            finding["severity"] = _drift.CRITICAL
        return finding

    @property
    def valid(self) -> bool | None:
        """Whether the host holds a certificate that opens a provider; None where that is not known."""
        facts = self.row.get("certificate")
        return _drift.opens_provider(facts) if facts else None

    def _add(self, code: str, step: str, severity: str, what: str, fix: str, command: str = "") -> Finding:
        subject = dict((name, self.instance[name]) for name in ("cluster", "host", "user", "instance_id"))
        return dict(subject, code=code, step=step, severity=severity, what=what, fix=fix, command=command)

    def _site(self) -> str:
        return _drift.limited(_drift.SITE, [self.instance["host"]])

    def _of_ports(self) -> Iterator[Finding]:
        ports = self.extra.get("ports")
        if not ports:
            return
        managers = [row for row in ports["rows"] if row["service"] == CTI_MANAGER]
        none_answers = all(row["stage"] for row in managers)
        for row in ports["rows"]:
            needed = none_answers if row["service"] == CTI_MANAGER else self.valid is False
            severity = _drift.CRITICAL if needed else _drift.WARNING
            place = "%s at %s, TCP port %d" % (row["service"], row["host"], row["port"])
            if row["stage"] == "connect":
                yield self._add(
                    "port_closed", PORTS, severity, "%s, is not reachable from this host. %s" % (place, capital(row["problem"])),
                    "Start the service there, or open the firewall between the two; then try the port from the host.",
                    "ansible %s -m ansible.builtin.wait_for -a %s" % (
                        word(self.instance["host"]), word("host=%s port=%d timeout=5" % (row["host"], row["port"]))))
            elif row["stage"] == "tls":
                yield self._add("tls_failed", PORTS, severity, "%s: no TLS connection. %s" % (place, capital(row["problem"])),
                                "Do what the message says.")
            elif row["stage"] == "trust" and not any(one["code"] == "ctl_not_updated" for one in self.found):
                yield self._add("server_not_vouched", TRUST, severity, "%s: %s" % (place, row["problem"]),
                                "Fetch the trust list; its signature is verified with the stored one.", self._site())

    def _of_trace(self) -> Iterator[Finding]:
        trace = self.extra.get("trace")
        if trace and not trace["failure"] and trace["verdict"] == "stopped":
            yield self._add("trace_stopped", TRACE, _drift.WARNING if self.valid else _drift.CRITICAL, trace["summary"],
                            trace["next_step"])
        if trace and not trace["failure"]:
            bad = _unhealed(trace.get("events") or ())
            if bad:
                yield self._add("trace_refused", TRACE, self._severity_of_event(bad), "%s at %s: %s." % (
                    capital(_cti_trace.WORDS[bad["kind"]]), bad["clock"], bad["told"]), bad["cure"] or "Read the quoted lines.")

    def _of_cluster_traces(self) -> Iterator[Finding]:
        """What the cluster's traces show about this instance."""
        for steps, code in ((_cti_trace.OF_PROVIDER, "cluster_refused_provider"), ((_cti_trace.CAPF_REFUSED,), "cluster_refused_certificate"),
                            ((_cti_trace.CTL_REQUESTED, _cti_trace.CTL_REFUSED), "cluster_refused_list")):
            bad = _unhealed([one for one in self.events if one["event"] in steps])
            if bad:
                step = {"cluster_refused_provider": CONNECTION, "cluster_refused_certificate": PROFILE, "cluster_refused_list": TRUST}[code]
                yield self._add(code, step, self._severity_of_event(bad), "%s on %s shows at %s: %s." % (
                    capital(_cti_trace.WORDS[bad["kind"]]), bad["node"], bad["clock"], bad["told"]), bad["cure"])

    def _severity_of_event(self, event: Row) -> str:
        """An event is not critical if the connection or the certificate works now."""
        if event["event"] in (_cti_trace.PROVIDER_REFUSED, _cti_trace.PROVIDER_CLOSED):
            opened = self.extra.get("opened")
            return _drift.WARNING if self._views("Open") or (opened and not opened["failure"]) else _drift.CRITICAL
        return _drift.WARNING if self.valid is not False else _drift.CRITICAL

    def _own_events(self) -> list[Row]:
        """Events of the cluster's traces that name this instance, or its user without the address of another host."""
        if not self.traces:
            return []
        places = _drift.addresses_of(self.instance, self.host) if self.host else ()
        names = (self.instance["instance_id"], "CTI-" + self.instance["instance_id"])
        return [one for one in self.traces.get("events") or () if (one["address"] in places if one["address"] else True) and (
            _fleet.same(one["user"], self.instance["user"]) if one["event"] in _cti_trace.OF_PROVIDER
            else one["device"] in names if one["kind"] == _cti_trace.CAPF else bool(one["address"]))]

    def _of_provider(self) -> Iterator[Finding]:
        opened = self.extra.get("opened")
        for one in (opened or {}).get("remarks") or ():
            code = "provider_" + one["code"]
            severity = _drift.INFO if one["code"] == _drift.NO_DEVICE and not self.with_devices else _drift.CODES[code][0]
            yield self._add(code, CONNECTION, severity, one["text"], one["fix"])
        if not opened or not opened["failure"]:
            return
        if opened["compromised"]:
            yield self._add(
                "certificate_compromised", CONNECTION, _drift.CRITICAL, "The certificate is compromised. %s" % capital(opened["failure"]),
                "Find the second user of the certificate, give the instance a new instance_id in the list, and provision again; "
                "the profile of the current one is never armed again.", self._site())
        else:
            yield self._add("provider_refused", CONNECTION, _drift.CRITICAL, "No provider opens. %s" % capital(opened["failure"]),
                            "Do what the message says.")

    # Steps

    def _steps(self) -> list[dict[str, str]]:
        steps = []
        for step in STEPS:
            worst = self._worst(step)
            if worst is not None:
                state, text = (WRONG if worst["severity"] == _drift.CRITICAL else DOUBT), _sentence(worst["what"])
            else:
                state, text = getattr(self, "_" + step.lower().replace(" ", "_"))()
            steps.append({"step": step, "state": state, "text": text})
        return steps

    def _worst(self, step: str) -> Finding | None:
        mine = [finding for finding in self.found if finding["step"] == step and finding["severity"] != _drift.INFO]
        return min(mine, key=lambda finding: _drift.SEVERITIES.index(finding["severity"])) if mine else None

    def _host(self) -> Step:
        if self.host is None:
            return UNKNOWN, "not checked"
        addresses = self.host["addresses"]
        return OK, "answers%s" % (", as %s" % ", ".join(addresses[:4]) if addresses else "")

    def _cluster(self) -> Step:
        info = self.cluster["info"]
        if not info:
            return UNKNOWN, "not read"
        mode = {True: "mixed mode", False: "non-secure mode", None: "it is not known whether it is in mixed mode"}
        return OK, "%s, %s" % (("release %s" % info["release"]) if info.get("release") else "read", mode[info.get("mixed_mode")])

    def _services(self) -> Step:
        rows = [row for row in (self.cluster["info"] or {}).get("services") or () if row["service"] in _drift.SERVICES]
        if not rows:
            return UNKNOWN, "not reported by the cluster"
        doubtful = [row for row in rows if row["activated"] and row["running"] is None]
        return OK, "CTI Manager, CAPF and TFTP are activated; it is not known whether they run" if doubtful else (
            "CTI Manager, CAPF and TFTP run")

    def _ports(self) -> Step:
        ports = self.extra.get("ports")
        if ports is None:
            return UNKNOWN, "not tried"
        if ports["failure"]:
            return UNKNOWN, "not tried: %s" % ports["failure"]
        return OK, ", ".join("%s %s:%d" % (row["service"], row["host"], row["port"]) for row in ports["rows"])

    def _trust_list(self) -> Step:
        trust = self.row.get("trust")
        if not trust or trust["failure"]:
            return UNKNOWN, "kept by the TSP" if self.instance["windows"] else "not checked"
        made = ", created %s" % trust["timestamp"] if trust["timestamp"] else ""
        return OK, "the cluster's%s" % made

    def _user(self) -> Step:
        row, groups = self._account()
        if row is None:
            return UNKNOWN, "the cluster was not read"
        return OK, "%s, in %s" % (row["name"], ", ".join(groups) or "no group")

    def _account(self) -> tuple[Row | None, list[str]]:
        """C((row of the user or None, its groups as they are)); the row shows them as after a run."""
        accounts = self.cluster["accounts"] or {"users": (), "plan": ()}
        row = next((row for row in accounts["users"] if row["name"] == self.instance["user"]), None)
        steps = [step for step in accounts["plan"] if step["user"] == self.instance["user"] and step["kind"] == "group"]
        added = [step["name"] for step in steps if step["action"] == "add_member"]
        gone = [step["name"] for step in steps if step["action"] == "remove_member"]
        return row, [name for name in (row or {"groups": ()})["groups"] if name not in added] + gone

    def _capf_profile(self) -> Step:
        if self.profile is None:
            return UNKNOWN, "the cluster was not read"
        return OK, "%s, %s" % (self.profile["operation"], self.profile["status"])

    def _certificate(self) -> Step:
        facts = self.row.get("certificate")
        if not facts or facts.get("failure"):
            return UNKNOWN, "not checked"
        left = " (%s)" % _drift.counted(facts["days_left"], "day") if facts.get("days_left") is not None else ""
        return OK, "valid until %s%s" % ((facts["expires"] or "")[:10], left)

    def _secure_port(self) -> Step:
        row, groups = self._account()
        if row is None:
            return UNKNOWN, "the cluster was not read"
        if _fleet.missing([_fleet.SECURE], groups):
            told = next((finding["what"] for finding in self.found if finding["step"] == CUTOVER), "")
            return UNKNOWN, told or "the user is not in %s" % _fleet.SECURE
        return OK, "the user is in %s" % _fleet.SECURE

    def _tsp_trace(self) -> Step:
        trace = self.extra.get("trace")
        if not trace:
            return UNKNOWN, "no trace was given"
        if trace["failure"]:
            return UNKNOWN, trace["failure"]
        return (OK if trace["verdict"] in ("complete", "opened") else UNKNOWN), trace["summary"]

    def _connection(self) -> Step:
        if self.extra.get("opened"):
            return OK, _opened_text(self.extra["opened"])
        if self.connected:
            return OK, "CTI Manager sees it: %s" % ", ".join(
                "%s at %s" % (one.get("app_id") or one["user"], one.get("node") or "the cluster") for one in self._views("Open"))
        told = next((_sentence(finding["what"]) for finding in self.found if finding["step"] == CONNECTION), "")
        return UNKNOWN, told or "not checked: %s" % self._why_not_asked()

    def _why_not_asked(self) -> str:
        if self.host is None:
            return "the host was not reached"
        if self.cluster["accounts"] is None:
            return "the cluster was not read"
        return "the cluster was not asked, or the user is not on the secure port"

    @property
    def connected(self) -> bool | None:
        """Whether RIS shows as many of the user's providers from this host as it has instances; None if not known."""
        if any(finding["code"] == "provider_not_seen" for finding in self.found):
            return False
        return True if self._views("Open") else None

    def _views(self, *statuses: str) -> list[Row]:
        view = self.cluster["connections"]
        if not view or not view["available"] or self.host is None:
            return []
        places = _drift.addresses_of(self.instance, self.host)
        return [one for one in view["connections"] if _fleet.same(one["user"], self.instance["user"]) and one["address"] in places
                and (one["status"] in statuses or not statuses)]

    # The page

    def result(self, now: str) -> dict[str, Any]:
        steps = self._steps()
        order = sorted(self.found, key=lambda finding: (_drift.SEVERITIES.index(finding["severity"]), STEPS.index(finding["step"])))
        first = order[0] if order and order[0]["severity"] != _drift.INFO else None
        if first is None:
            verdict = WORKS if steps[-1]["state"] == OK else NOTHING_FOUND
        else:
            verdict = BROKEN if first["severity"] == _drift.CRITICAL else REMARKS
        page = {
            "instance": self.instance, "verdict": verdict, "first": first, "steps": steps, "connected": self.connected,
            "findings": order, "name": "%s-%s" % self.key, "neighbour": bool(self._views("Open")),
        }
        page["text"] = self._text(page, now)
        return page

    def _text(self, page: Row, now: str) -> str:
        own, first = self.instance, page["first"]
        head = "%s   host %s, user %s, cluster %s   %s" % (own["instance_id"], own["host"], own["user"], own["cluster"], now)
        lines = [head, "=" * min(len(head), WIDTH), ""]
        lines += _wrapped(page["verdict"].upper() + (": %s" % first["step"] if first else ""), "")
        if first:
            lines += [""] + _row("What", first["what"]) + _row("Next step", first["fix"])
            if first["command"]:
                lines += _row("Command", _command(first), breaks=False)
            lines += _row("Then", _drift.diagnosing(own, self.ambiguous), breaks=False)
        lines += ["", "Step by step"]
        for step in page["steps"]:
            lines += _wrapped(step["text"], "  %-4s  %-*s" % (step["state"], LABEL, step["step"]))
        lines += self._others(page)
        lines += ["", "Facts"] + self._facts()
        lines += self._trace_lines() + self._cluster_traces()
        return "\n".join(printable(line).rstrip() for line in lines) + "\n"

    def _others(self, page: Row) -> list[str]:
        others = [finding for finding in page["findings"] if finding is not page["first"]]
        if not others:
            return []
        lines = ["", "Also found"]
        for finding in others:
            lines += _wrapped("%s: %s" % (finding["step"], finding["what"]), "  %-*s" % (LABEL, finding["severity"]))
            lines += _row("", finding["fix"])
            if finding["command"]:
                lines += _row("", _command(finding), breaks=False)
        return lines

    def _facts(self) -> list[str]:
        lines = []
        if self.profile:
            meaning, _cure = _profile_status.describe(self.profile["status"])
            lines += _row("CAPF profile", "%s, %s. %s" % (self.profile["operation"], self.profile["status"], meaning))
        facts = self.row.get("certificate") or {}
        if facts.get("expires"):
            lines += _row("Certificate", ", ".join(filter(None, (
                facts.get("common_name"), "until %s" % facts["expires"], "issuer %s" % facts["issuer"] if facts.get("issuer") else "",
                "SHA-256 %s" % facts["sha256_fingerprint"] if facts.get("sha256_fingerprint") else ""))))
        trust = self.row.get("trust") or {}
        if trust:
            lines += _row("Trust list", _sentence(trust["failure"]) or "%s%s" % (
                VERDICTS.get(trust["verdict"], trust["verdict"]), "" if trust["has_capf"] else ", names no CAPF"))
        for row in (self.extra.get("ports") or {"rows": ()})["rows"]:
            lines += _row(row["service"], _port_text(row))
        if self.extra.get("opened") and not self.extra["opened"]["failure"]:
            lines += _row("Provider", _opened_text(self.extra["opened"]))
        for one in sorted(self._views(), key=lambda view: view.get("time") or 0)[-4:]:
            lines += _row("RIS", _view_text(one))
        if not lines:
            lines = _row("", "Nothing was read.")
        return lines

    def _trace_lines(self) -> list[str]:
        trace = self.extra.get("trace")
        if not trace or trace["failure"]:
            return []
        lines = ["", "TSP trace"] + _row("Verdict", trace["summary"]) + _row("Next step", trace["next_step"])
        if trace["cipher"]:
            lines += _row("Cipher", trace["cipher"])
        for gap in trace["gaps"]:
            lines += _row("Silence", "%.1f s from %s, in stage %s" % (gap["milliseconds"] / 1000.0, gap["from"], gap["stage"]))
        lines += _row("Files", ", ".join(trace["files"]))
        for left in (trace.get("left_out") or ())[:MOST_QUOTES]:
            lines += _row("Skipped", "%s: %s" % (left["path"], left["reason"]))
        lines += ["  | %s %s" % (quote["clock"], quote["text"][:WIDTH]) for quote in trace["quotes"]]
        return lines + ["  | %s %s" % (event["clock"], event["told"]) for event in (trace.get("events") or ())[-MOST_QUOTES:]]

    def _cluster_traces(self) -> list[str]:
        traces = self.traces
        if not traces:
            return []
        lines = ["", "Traces of the cluster, the last %d minutes" % traces["minutes"]]
        for problem in traces["problems"]:
            lines += _row("Problem", problem)
        if traces["files"]:
            lines += _row("Folder", "%s (%s)" % (traces["folder"], _drift.counted(traces["files"], "file")), breaks=False)
            lines += _row("Search with", "find %s -type f -exec zgrep -Hn -e %s -e %s {} +" % tuple(
                word(text) for text in (traces["folder"], self.instance["instance_id"], self.instance["user"])), breaks=False)
        elif not traces["problems"]:
            lines += _row("", "No file for that time.")
        return lines + ["  | %s %s: %s" % (event["clock"], event["node"], event["told"]) for event in self.events[-MOST_QUOTES:]]


VERDICTS = {"unchanged": "the same as the cluster's", "update": "older than the cluster's", "pinned": "older than the cluster's, which is pinned",
            "first_trust": "none is stored", "kept": "stored; the cluster's was not fetched"}


def _unhealed(events: Iterable[Row]) -> Row | None:
    """The last bad event, unless a provider opened after it; None if all is well in the end."""
    bad = None
    for event in events:
        bad = event if event["bad"] else None if event["event"] == _cti_trace.PROVIDER_OPENED else bad
    return bad


def step_of(finding: Finding) -> str:
    """The step that a finding of the search for drift belongs to."""
    code = finding["code"]
    if code == "windows_host":
        return CERTIFICATE if finding["user"] and finding["instance_id"] else PORTS if finding["cluster"] else HOST
    if code == "cluster_contradicts":
        return USER if finding["user"] else CLUSTER
    stage = _drift.CODES[code][1]
    return OF_CODE.get(code) or (OF_STAGE[stage] if stage else CLUSTER)


def _port_text(row: Row) -> str:
    certificate = row["certificate"] or {}
    vouched = {True: "in the trust list", False: "not in the trust list", None: ""}[row["trusted"]]
    return "%s:%d %s" % (row["host"], row["port"], ", ".join(filter(None, (
        _sentence(row["problem"]).rstrip(".") if row["stage"] in ("connect", "tls") else "", " ".join(filter(None, (row["version"], row["cipher"]))),
        "requires a client certificate" if row["demands_certificate"] else "",
        "presents %s, until %s" % (certificate["common_name"] or certificate["subject"], certificate["not_after"]) if certificate else "",
        vouched))))


def _opened_text(opened: Row) -> str:
    return "opened with the %s certificate, %s, %s, and closed" % (
        "probe" if opened["way"] == "probe" else "application's own", _drift.counted(opened["devices"], "device"),
        _drift.counted(opened["lines"], "line"))


def _view_text(one: Row) -> str:
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=one.get("time") or 0)
    when = moment.strftime("%Y-%m-%dT%H:%M:%SZ") if one.get("time") else "an unknown time"
    text = "%s since %s, %s" % (one["status"], when, one.get("app_id") or one["user"])
    if one.get("reason"):
        code, name, meaning, _cure = _cti_errors.describe(one["reason"])
        text += ", reason %s" % code
        if name != "UNKNOWN":
            text += " (if this is a CTI code: %s, %s)" % (name, meaning)
    return text


def _sentence(text: str) -> str:
    """The first sentence."""
    return text.partition(". ")[0].rstrip(".") + "." if text else ""


def _command(finding: Finding) -> str:
    return str(finding["command"]) + ("   (on the publisher's command line)" if finding["command"] in ON_PUBLISHER else "")


def _row(label: str, text: str, breaks: bool = True) -> list[str]:
    return _wrapped(text, "  %-*s" % (LABEL, label), breaks)


def _wrapped(text: str, begin: str, breaks: bool = True) -> list[str]:
    """Lines of text behind a label. A command stays on one line, so that it can be copied."""
    begin = begin + "  " if begin else begin
    if not breaks:
        return [begin + text]
    text = " ".join(str(text).split())
    return textwrap.wrap(text, WIDTH, initial_indent=begin, subsequent_indent=" " * len(begin), break_long_words=False,
                         break_on_hyphens=False) or [begin]


# Summary


def summary(found_pages: Collection[Row], folder: str = "") -> list[str]:
    """The pages for a terminal: one line for each instance, broken ones first."""
    order = (BROKEN, REMARKS, NOTHING_FOUND, WORKS)
    lines = []
    for page in sorted(found_pages, key=lambda page: order.index(page["verdict"])):
        own, first = page["instance"], page["first"]
        # Without a command, the whole message says what to do.
        told = "%s. %s" % (first["step"], _sentence(first["what"]) if first["command"] else first["what"]) if first else page["verdict"]
        lines.append("%-4s %s on %s: %s" % (
            {BROKEN: WRONG, REMARKS: DOUBT}.get(page["verdict"], OK), own["instance_id"], own["host"], told))
        if first:
            lines.append("     -> %s" % (_command(first) or first["fix"]))
    counts = [(verdict, sum(1 for page in found_pages if page["verdict"] == verdict)) for verdict in order]
    lines.append("; ".join("%s: %d" % row for row in counts if row[1]) or "no instance")
    if folder and found_pages:
        lines.append("Pages: %s" % folder)
    return lines
