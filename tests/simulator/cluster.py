# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One simulated cluster: all of its state and rules, no sockets.

The front ends (AXL, TFTP, CAPF, CTI Manager) hold no state of their own; they translate between their protocol and
the methods here. Everything is safe to use from any thread.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import datetime
import hashlib
import itertools
import time

from simulator import database as schema
from simulator import pki, trust_list
from simulator.accounts import (
    CTI_ALL_DEVICES, CTI_ENABLED, CTI_SECURE, IDLE, KINDS, SQL_SYNTAX, SUCCESS, Accounts, ClusterFault,
    not_found,
)
from simulator.release import features as release_features

LOGIN_NOT_ALLOWED = 0x8CCC005F
LOGIN_FAILED = 0x8CCC0060
USER_NOT_AUTH_FOR_SECURITY = 0x8CCC00D0
CONNECTION_ON_INVALID_PORT = 0x8CCC00D1
DUPLICATE_CERTIFICATE_USED = 0x8CCC00D7
INVALID_CERTIFICATE_USED = 0x8CCC00D8
CERTIFICATE_COMPROMISED = 0x8CCC00D9
PASSWORD_EXPIRED = 0x8CCC011D
ACCOUNT_LOCKED = 0x8CCC011F
ACCOUNT_DISABLED = 0x8CCC0145

CLOSE_USER_DELETED = 5
CLOSE_DUPLICATE_CERTIFICATE = 7
CLOSE_COMPROMISED = 9
CLOSE_OTHER = 10
CLOSE_NOT_SECURE = 11
CLOSE_CTI_DISABLED = 12

CLOSED_ENTRIES_KEPT = 200
LATE = "Upgrade Failed: User Initiated Request Late/Timedout"

MODELS = {
    684: "Cisco 8851", 685: "Cisco 8861", 586: "Cisco 8961", 7: "Cisco 7960", 72: "CTI Port", 73: "CTI Route Point",
}
PROTOCOLS = {0: "SCCP", 11: "SIP"}
_CTI_PROTOCOL = {0: 1, 11: 2}


@dataclasses.dataclass
class Certificates:
    """The identities of the publisher; C(capf_trust) also holds superseded CAPF certificates (DER)."""

    web: pki.Identity
    callmanager: pki.Identity
    itlrecovery: pki.Identity
    capf: pki.Identity
    capf_trust: list


@dataclasses.dataclass(frozen=True)
class User:
    """A user who logged in: C(kind) is "application" or "end"."""

    kind: str
    name: str
    pkid: str


@dataclasses.dataclass(frozen=True)
class Instance:
    """What the cluster knows of a client certificate: the profile it was issued for and its standing."""

    instance_id: str
    kind: str
    user: str
    expired: bool
    superseded: bool
    compromised: bool


@dataclasses.dataclass
class Provider:
    """One provider as RIS shows it; it stays listed after it closed. C(reason): a CTI code or 0."""

    number: int
    user: User
    instance_id: str | None
    address: str
    port: int
    tls: bool
    node: str
    connection: object = dataclasses.field(repr=False)
    status: str = "Open"
    reason: int = 0
    time: float = 0.0
    devices: dict = dataclasses.field(default_factory=dict)
    lines: dict = dataclasses.field(default_factory=dict)

    @property
    def app_id(self):
        return "%s-%s-%d" % (self.user.name, self.address, self.port)

    def drop(self, reason):
        if self.connection is not None:
            self.connection.drop(reason)


@dataclasses.dataclass(frozen=True)
class Change:
    number: int
    action: str
    type: str
    uuid: str


class Cluster:
    """release: "11.5", "12.5", "14" or "15"; nodes: host names, the publisher first; path: an SQLite file.

    address: IPv4 address of the machine that all nodes are, as certificates and trust list show it.
    fresh_keys: make new keys instead of the published test vectors. switches: fields of release.Features.
    """

    def __init__(self, release="14", nodes=("127.0.0.1",), mixed_mode=True, path=":memory:", fresh_keys=False,
                 address="127.0.0.1", **switches):
        self.features = release_features(release, **switches)
        self.nodes = tuple(nodes)
        self.address = address
        self.clock_skew = 0.0
        self.lsc_days = None
        self.online_ca = None
        self.database = schema.Database(path)
        self.lock = self.database.lock
        self.accounts = Accounts(self.database, self.features, self.now, self._record_change)
        self.counters = collections.Counter()
        self.write_count = 0
        self.schema_violations = []
        self.changes = []
        self.queue_id = schema.pkid()
        self.running = {(node, service): True for node in self.nodes for service in self.features.services}
        self.starts = collections.Counter()  # of each (node, service), since the first one
        self.moving = {}  # (node, service): (Starting or Stopping, looks left that show it)
        self._providers = []
        self._numbers = itertools.count(1)
        self._fresh_keys = fresh_keys
        with self.database.transaction() as db:
            new = schema.is_new(db.connection)
        if new:
            schema.create(db.connection, self.features, self.nodes)
            self._make_identities()
        self.certificates = self._load_identities()
        if new:
            self.set_mixed_mode(mixed_mode)

    def now(self):
        """The cluster's idea of Unix time; C(clock_skew) seconds off."""
        return time.time() + self.clock_skew

    def close(self):
        with self.lock:
            self.database.connection.close()

    # counting and comparing

    def count(self, operation):
        """One more request of C(operation), whatever came of it."""
        with self.lock:
            self.counters[operation] += 1

    def count_write(self):
        """One more write that was applied."""
        with self.lock:
            self.write_count += 1

    def reset_counters(self):
        with self.lock:
            self.counters.clear()
            self.write_count = 0

    def state(self):
        """All persistent state as {table: rows}, free of passwords, strings and keys, stable across rewrites."""
        with self.lock:
            tables = self.database.column(
                "select name from sqlite_master where type='table' and name not like 'sqlite_%' order by name")
            return {table: self._table_state(table) for table in tables}

    def _table_state(self, table):
        rows = []
        for row in self.database.rows("select * from %s" % table):
            columns = dict(row)
            if table.endswith("map"):
                columns.pop("pkid", None)
            for secret in ("password", "digest", "string", "key_pem", "der", "content"):
                if columns.get(secret):
                    value = columns[secret]
                    octets = value if isinstance(value, bytes) else value.encode()
                    columns[secret] = "sha256:" + hashlib.sha256(octets).hexdigest()[:16]
            rows.append(columns)
        return sorted(rows, key=repr)

    def state_hash(self):
        """Equal exactly when nothing persistent changed: users, groups, devices, profiles, parameters, certificates.
        Open providers, failed logins, sessions and counters are not part of it."""
        state = self.state()
        for row in state["sim_credential"]:
            row.pop("failed")
        return hashlib.sha256(repr(state).encode()).hexdigest()

    def snapshot(self):
        """A readable picture for tests and people; no secrets."""
        with self.lock:
            users = {}
            for kind in KINDS:
                for row in self.accounts.users(kind):
                    name = row[KINDS[kind].name]
                    users["%s:%s" % (kind, name)] = {
                        "groups": self.accounts.groups_of(kind, row["pkid"]),
                        "devices": self.accounts.controlled_devices(kind, row["pkid"]),
                    }
            profiles = {}
            for profile in self.accounts.profiles():
                facts = dataclasses.asdict(profile)
                facts["string"] = bool(profile.string)
                profiles[profile.instance_id] = facts
            groups = {row["name"]: [m[0] for m in self.accounts.members(row["pkid"])] for row in self.accounts.groups()}
            return {
                "release": self.features.release, "mixed_mode": self.mixed_mode, "users": users, "groups": groups,
                "profiles": profiles, "providers": [self._provider_facts(p) for p in self._providers],
            }

    @staticmethod
    def _provider_facts(provider):
        return {
            "app_id": provider.app_id, "user": provider.user.name, "instance_id": provider.instance_id,
            "tls": provider.tls, "status": provider.status, "reason": provider.reason,
        }

    def _record_change(self, action, title, uuid):
        with self.lock:
            self.changes.append(Change(len(self.changes) + 1, action, title, uuid))

    @contextlib.contextmanager
    def writing(self):
        """A write of an administrator: providers that it made unlawful are closed when it is done."""
        with self.database.transaction():
            yield
        self.enforce()

    # security mode, certificates, trust list

    @property
    def mixed_mode(self):
        return self.parameter("ClusterSecurityMode") == "1"

    def set_mixed_mode(self, mixed):
        with self.database.transaction():
            self.set_parameter("ClusterSecurityMode", "1" if mixed else "0")
            if mixed:
                self.rebuild_ctl()

    def parameter(self, name):
        row = self.database.row("select paramvalue from processconfig where paramname=?", name)
        return row["paramvalue"] if row else None

    def set_parameter(self, name, value):
        with self.database.transaction() as db:
            db.run("update processconfig set paramvalue=? where paramname=?", value, name)

    def _make_identities(self):
        publisher = self.nodes[0]
        hosts = tuple(dict.fromkeys(self.nodes + (self.address, "127.0.0.1", "localhost")))
        if self._fresh_keys:
            made = {
                "web": pki.server(publisher, None, hosts), "callmanager": pki.server(publisher),
                "itlrecovery": pki.server("ITLRECOVERY_" + publisher), "capf": pki.capf_authority("CAPF-0badcafe"),
            }
        else:
            made = {
                "web": pki.server(publisher, pki.vector("ccm2").key, hosts), "callmanager": pki.vector("ccm1"),
                "itlrecovery": pki.vector("itlrecovery"), "capf": pki.vector("capf-profile"),
            }
        for name, identity in made.items():
            self._store_identity(name, identity)

    def _store_identity(self, name, identity):
        with self.database.transaction() as db:
            db.run("insert or replace into sim_identity values (?, ?, ?)", name, identity.der, identity.key_pem)
            services = {"web": (2,), "callmanager": (1,), "itlrecovery": (16,), "capf": (5, 4, 9)}[name]
            for service in services:
                self._store_certificate(identity, service)

    def _store_certificate(self, identity, service):
        db = self.database
        own = service in (1, 2, 5, 16)
        if own:
            db.run("delete from certificate where tkcertificatedistribution=1 and pkid in"
                   " (select fkcertificate from certificateservicecertificatemap where tkcertificateservice=?)",
                   service)
        certificate = identity.certificate
        key = db.insert(
            "certificate", servername=self.nodes[0], subjectname=certificate.subject.rfc4514_string(),
            issuername=certificate.issuer.rfc4514_string(), serialnumber="%x" % certificate.serial_number,
            ipv4address=self.address, certificate=identity.pem.decode(), tkcertificatedistribution=1 if own else 2)
        db.insert("certificateservicecertificatemap", fkcertificate=key, tkcertificateservice=service)

    def _load_identities(self):
        rows = {row["name"]: row for row in self.database.rows("select * from sim_identity")}

        def identity(name):
            row = rows[name]
            return pki.Identity(row["der"], pki.load_key(row["key_pem"]))

        current = {name: identity(name) for name in ("web", "callmanager", "itlrecovery", "capf")}
        older = [rows[name]["der"] for name in sorted(rows) if name.startswith("old-capf")]
        return Certificates(capf_trust=[current["capf"].der] + older, **current)

    def regenerate(self, name, identity=None):
        """New key and certificate for "capf", "callmanager" or "itlrecovery", and a new trust list.

        identity: this one, as where an outside authority has signed it.

        LSCs of the former CAPF certificate stay trusted, as CUCM keeps it in CallManager-trust.
        """
        publisher = self.nodes[0]
        makers = {
            "capf": lambda: pki.capf_authority("CAPF-%08x" % next(self._numbers)),
            "callmanager": lambda: pki.server(publisher),
            "itlrecovery": lambda: pki.server("ITLRECOVERY_" + publisher),
        }
        identity = identity or makers[name]()
        with self.database.transaction() as db:
            if name == "capf":
                older = db.row("select count(*) from sim_identity")[0]
                db.run("update sim_identity set name=? where name='capf'", "old-capf-%03d" % older)
            self._store_identity(name, identity)
            self.certificates = self._load_identities()
            self.rebuild_ctl()

    def use_online_ca(self, identity, in_capf_trust=True):
        """Let an outside authority issue for CAPF. in_capf_trust: it was uploaded to CAPF-trust, as Cisco's guide says."""
        self.online_ca = identity
        self.set_parameter("Certificate Issuer to Endpoint", "Online CA")
        self.certificates.capf_trust.append(identity.der)
        if in_capf_trust:
            with self.database.transaction():
                self._store_certificate(identity, 9)

    def distrust_former_capf(self):
        """Delete the superseded CAPF certificates from the trust store; their LSCs open nothing any more."""
        with self.database.transaction() as db:
            db.run("delete from sim_identity where name like 'old-capf%'")
            self.certificates = self._load_identities()

    def rebuild_ctl(self, others=None):
        """C(utils ctl update CTLFile). others: see trust_list.build."""
        self.put_file("CTLFile.tlv", trust_list.build(
            self.certificates, self.features, self.nodes, int(self.now()), others, self.address))

    def ctl_octets(self):
        """The trust list as TFTP serves it, or None before mixed mode was ever enabled."""
        return self.file("CTLFile.tlv")

    def put_file(self, name, content):
        """Serve C(content) by TFTP and HTTP under C(name); None removes the file."""
        with self.database.transaction() as db:
            if content is None:
                db.run("delete from sim_file where name=?", name)
            else:
                db.run("insert or replace into sim_file values (?, ?)", name, content)

    def file(self, name):
        """What the file server holds for a requested name: any CTLCAPF... is the CTL file. None: not found."""
        row = self.database.row("select content from sim_file where name=?", name)
        if row is None and name.startswith("CTLCAPF") and name.endswith(".tlv"):
            row = self.database.row("select content from sim_file where name='CTLFile.tlv'")
        return row["content"] if row else None

    # SQL of clients

    def query(self, statement):
        with self.lock:
            try:
                return schema.query(self.database.connection, statement)
            except schema.sqlite3.Error as error:
                raise ClusterFault(SQL_SYNTAX, "A syntax error has occurred. (%s)" % error)

    # CAPF

    def capf_session(self, name):
        """The profile that a client named C(name) (CTI-<instance id>) belongs to, armed or not; None: unknown name."""
        before, after = self.features.capf_name_template.split("{instance_id}")
        if not (name.startswith(before) and name.endswith(after) and len(name) > len(before) + len(after)):
            return None
        return self.accounts.profile(name[len(before):len(name) - len(after)])

    def capf_open(self, profile):
        """True while the profile is armed and its deadline has not passed. A passed one is written down as late."""
        if not profile.armed:
            return False
        if profile.deadline > self.now():
            return True
        self.capf_refuse(profile, LATE)
        return False

    def capf_refuse(self, profile, status, disarm=False):
        """Write an C(Upgrade Failed...) status; the operation stays armed unless C(disarm)."""
        changes = {"status": status}
        if disarm:
            changes.update(operation=IDLE, string="", deadline=0)
        self.accounts.set_profile(profile.instance_id, **changes)

    def capf_issue(self, profile, spki_der, name):
        """Issue and remember an LSC; string and operation are cleared, the status is Upgrade Success. Returns DER.

        Its validity is C(lsc_days) from now (negative: already over), else the CAPF parameter's.
        """
        days = self.lsc_days
        if days is None:
            days = int(self.parameter("Duration Of Certificate Validity (in days)"))
        now = datetime.datetime.fromtimestamp(int(self.now()), datetime.timezone.utc)
        end = now + datetime.timedelta(days=days)
        start = min(now, end) - datetime.timedelta(hours=1)
        with self.database.transaction() as db:
            der = pki.issue_lsc(self.online_ca or self.certificates.capf, spki_der, name, start, end)
            db.run("update sim_lsc set superseded='t' where fkprofile=?", profile.pkid)
            db.run("insert into sim_lsc values (?, ?, ?, ?, 'f')",
                   hashlib.sha256(der).hexdigest(), profile.pkid, der, end.timestamp())
            self.accounts.set_profile(
                profile.instance_id, operation=IDLE, string="", deadline=0, operation_completion="", status=SUCCESS)
            return der

    # CTI

    def cti_login(self, user, password):
        """(0, User), or (CTI code, User or None): password, lock, expiry, Standard CTI Enabled, enableCti."""
        with self.database.transaction() as db:
            found = self.accounts.find(user)
            if found is None:
                return LOGIN_FAILED, None
            kind, row = found
            who = User(kind, user, row["pkid"])
            credential = self.accounts.credential(who.pkid)
            if credential["locked"] == "t":
                return ACCOUNT_LOCKED, who
            if not credential["password"] or credential["password"] != password:
                failed = credential["failed"] + 1
                locked = "t" if 0 < self.features.failed_logins_lock <= failed else "f"
                db.update("sim_credential", "fkuser", who.pkid, failed=failed, locked=locked)
                return LOGIN_FAILED, who
            db.update("sim_credential", "fkuser", who.pkid, failed=0)
            if credential["disabled"] == "t":
                return ACCOUNT_DISABLED, who
            if credential["expired"] == "t":
                return PASSWORD_EXPIRED, who
            enabled = kind == "application" or row["enablecti"] == "t"
            if not enabled or not self.accounts.is_member(kind, who.pkid, CTI_ENABLED):
                return LOGIN_NOT_ALLOWED, who
            return 0, who

    def cti_certificate(self, der):
        """The Instance a client certificate was issued for, or None when it is not one of ours."""
        row = self.database.row(
            "select p.pkid, l.not_after, l.superseded from sim_lsc l join sim_capfprofile p on p.pkid=l.fkprofile"
            " where l.fingerprint=?", hashlib.sha256(der).hexdigest())
        if row is None:
            return None
        profile = self.accounts.profile(uuid=row["pkid"])
        return Instance(
            profile.instance_id, profile.kind, profile.user, expired=row["not_after"] <= self.now(),
            superseded=row["superseded"] == "t", compromised=profile.compromised)

    def is_secure_user(self, user):
        return self.mixed_mode and self.accounts.is_member(user.kind, user.pkid, CTI_SECURE)

    def open_provider(self, user, instance, address, port, tls, connection):
        """Open a provider: its number, or a CTI code (above 0x80000000).

        user: User of C(cti_login); instance: Instance of C(cti_certificate), its id, or None; address and port: the
        client's; connection: has C(drop(reason)), called without any lock held when the provider is closed from
        this side with a 155 of that reason.
        """
        if isinstance(instance, str):
            instance = self._instance(instance)
        with self.lock:
            code = self._open_code(user, instance, tls)
            if code:
                return code
            open_ones = [p for p in self._providers if p.status == "Open"]
            rivals = [p for p in open_ones if tls and p.instance_id == instance.instance_id]
            if not rivals:
                provider = Provider(
                    next(self._numbers), user, instance.instance_id if instance else None, address, port, tls,
                    self.nodes[0], connection, time=self.now())
                self._providers.append(provider)
                return provider.number
            compromised = self._count_duplicate(instance.instance_id)
            for rival in rivals:
                self._mark_closed(rival, DUPLICATE_CERTIFICATE_USED)
            self._providers.append(Provider(
                next(self._numbers), user, instance.instance_id, address, port, tls, self.nodes[0], None,
                "OpenFailed", DUPLICATE_CERTIFICATE_USED, self.now()))
        for rival in rivals:
            rival.drop(CLOSE_COMPROMISED if compromised else CLOSE_DUPLICATE_CERTIFICATE)
        return DUPLICATE_CERTIFICATE_USED

    def list_application(self, name, address, port, tls=True, instance_id=None, devices=(), lines=(), status="Open",
                         reason=0):
        """An application that runs elsewhere: RIS shows it, and its certificate counts as in use.

        devices: names; lines: (device, number) pairs. Returns the provider's number.
        """
        with self.lock:
            user = self.user(name)
            provider = Provider(
                next(self._numbers), user, instance_id, address, port, tls, self.nodes[0], None, status, reason,
                self.now(), {device: "Open" for device in devices}, {tuple(line): "Open" for line in lines})
            self._providers.append(provider)
            return provider.number

    def user(self, name):
        """User called C(name), an application user first. Raises ClusterFault."""
        found = self.accounts.find(name)
        if found is None:
            raise not_found("User [%s]" % name)
        return User(found[0], name, found[1]["pkid"])

    def _instance(self, instance_id):
        profile = self.accounts.profile(instance_id)
        if profile is None:
            return None
        return Instance(instance_id, profile.kind, profile.user, False, False, profile.compromised)

    def _open_code(self, user, instance, tls):
        secure = self.is_secure_user(user)
        if secure and not tls:
            return CONNECTION_ON_INVALID_PORT
        if not tls:
            return 0
        if not secure:
            return USER_NOT_AUTH_FOR_SECURITY
        if instance is None or (instance.kind, instance.user) != (user.kind, user.name) or instance.expired:
            return INVALID_CERTIFICATE_USED
        if instance.superseded and not self.features.accepts_superseded_lsc:
            return INVALID_CERTIFICATE_USED
        return CERTIFICATE_COMPROMISED if instance.compromised else 0

    def _count_duplicate(self, instance_id):
        profile = self.accounts.profile(instance_id)
        duplicates = profile.duplicates + 1
        compromised = duplicates >= int(self.parameter("CTI InstanceId Retry Count"))
        self.accounts.set_profile(
            instance_id, duplicates=duplicates, compromised="t" if compromised or profile.compromised else "f")
        return compromised

    def close_provider(self, number, reason=0):
        """The client closed provider C(number), or its connection ended. Unknown and closed ones are no error."""
        with self.lock:
            for provider in self._providers:
                if provider.number == number and provider.status == "Open":
                    self._mark_closed(provider, reason)

    def _mark_closed(self, provider, reason):
        provider.status = "Closed"
        provider.reason = reason
        provider.time = self.now()
        closed = [p for p in self._providers if p.status != "Open"]
        for old in closed[:-CLOSED_ENTRIES_KEPT]:
            self._providers.remove(old)

    def enforce(self):
        """Close the providers whose user may no longer have them (after a change by an administrator)."""
        dropped = []
        with self.lock:
            for provider in self._providers:
                reason = self._unlawful(provider) if provider.status == "Open" else 0
                if reason:
                    self._mark_closed(provider, reason)
                    dropped.append((provider, reason))
        for provider, reason in dropped:
            provider.drop(reason)

    def _unlawful(self, provider):
        user = provider.user
        if self.accounts.user(user.kind, uuid=user.pkid) is None:
            return CLOSE_USER_DELETED
        if not self.accounts.is_member(user.kind, user.pkid, CTI_ENABLED):
            return CLOSE_CTI_DISABLED
        secure = self.is_secure_user(user)
        if provider.tls and not secure:
            return CLOSE_NOT_SECURE
        return CLOSE_OTHER if secure and not provider.tls else 0

    def providers(self):
        """All listed providers, closed ones too (copies, so that a reader needs no lock)."""
        with self.lock:
            return [dataclasses.replace(provider) for provider in self._providers]

    def devices_of(self, user):
        """Devices a user may control, as dicts: name, type (model number), type_name, protocol (0 none, 1 SCCP,
        2 SIP), registered, restricted, lines (dicts: number, partition, restricted). C(user): User or name."""
        if not isinstance(user, User):
            user = self.user(user)
        with self.lock:
            if self.accounts.is_member(user.kind, user.pkid, CTI_ALL_DEVICES):
                names = self.database.column("select name from device order by name")
            else:
                names = self.accounts.controlled_devices(user.kind, user.pkid)
            return [self.device(name) for name in names]

    def device(self, name):
        row = self.database.row(
            "select d.*, r.registered from device d left outer join sim_registration r on r.fkdevice=d.pkid"
            " where d.name=?", name)
        lines = self.database.rows(
            "select n.dnorpattern, p.name, n.allowcticontrolflag from devicenumplanmap m"
            " join numplan n on n.pkid=m.fknumplan left outer join routepartition p on p.pkid=n.fkroutepartition"
            " where m.fkdevice=? order by m.numplanindex", row["pkid"])
        return {
            "name": name, "type": row["tkmodel"], "type_name": MODELS.get(row["tkmodel"], "Cisco Phone"),
            "protocol": _CTI_PROTOCOL.get(row["tkdeviceprotocol"], 0), "description": row["description"],
            "registered": row["registered"] == "t", "restricted": row["allowcticontrolflag"] == "f",
            "lines": [{"number": n, "partition": p or "", "restricted": flag == "f"} for n, p, flag in lines],
        }

    # services

    def services(self, node):
        """Names and state of a node's services: activated (AXL: isActive) and running (Control Center)."""
        rows = self.database.rows(
            "select t.name, s.isactive from processnodeservice s join processnode n on n.pkid=s.fkprocessnode"
            " join typeservice t on t.enum=s.tkservice where n.name=? order by t.name", node)
        return [
            {"name": row["name"], "activated": row["isactive"] == "t",
             "running": row["isactive"] == "t" and self.running.get((node, row["name"]), True)}
            for row in rows
        ]

    def set_service(self, node, name, activated=None, running=None):
        with self.database.transaction() as db:
            if activated is not None:
                flag = "t" if activated else "f"
                db.run("update processnodeservice set isactive=?, enable=? where fkprocessnode="
                       "(select pkid from processnode where name=?) and tkservice="
                       "(select enum from typeservice where name=?)", flag, flag, node, name)
            if running is not None:
                self.running[node, name] = running
                self.starts[node, name] += running
