# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables. Names and columns of the cluster's own tables are CUCM's documented ones, so that executeSQLQuery
can run as real SQL; tables whose columns nobody has published (CAPF profiles, credentials) begin with C(sim_) and
are out of reach for executeSQLQuery.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
import threading
import uuid

OWN_PREFIX = "sim_"

TABLES = """
create table applicationuser (
    pkid text primary key, name text unique not null, isstandard text not null default 'f', userrank integer default 1,
    aclpresencesubscription text default 'f', acloodrefer text default 'f', aclunsolicitednotification text default 'f',
    aclallowreplace text default 'f');
create table enduser (
    pkid text primary key, userid text unique not null, firstname text default '', lastname text default '',
    department text default '', enablecti text not null default 't', userrank integer default 1,
    status integer not null default 1);
create table dirgroup (pkid text primary key, name text unique not null, isstandard text not null default 'f');
create table functionrole (pkid text primary key, name text unique not null, isstandard text not null default 't');
create table functionroledirgroupmap (
    fkfunctionrole text not null references functionrole on delete cascade,
    fkdirgroup text not null references dirgroup on delete cascade, primary key (fkfunctionrole, fkdirgroup));
create table applicationuserdirgroupmap (
    pkid text primary key, fkapplicationuser text not null references applicationuser on delete cascade,
    fkdirgroup text not null references dirgroup on delete cascade, unique (fkapplicationuser, fkdirgroup));
create table enduserdirgroupmap (
    pkid text primary key, fkenduser text not null references enduser on delete cascade,
    fkdirgroup text not null references dirgroup on delete cascade, unique (fkenduser, fkdirgroup));
create table device (
    pkid text primary key, name text unique not null, description text default '', tkmodel integer not null,
    tkdeviceprotocol integer not null default 11, allowcticontrolflag text not null default 't');
create table routepartition (pkid text primary key, name text unique not null);
create table numplan (
    pkid text primary key, dnorpattern text not null, fkroutepartition text references routepartition,
    allowcticontrolflag text not null default 't', unique (dnorpattern, fkroutepartition));
create table devicenumplanmap (
    pkid text primary key, fkdevice text not null references device on delete cascade,
    fknumplan text not null references numplan, numplanindex integer not null);
create table typeuserassociation (enum integer primary key, name text, moniker text);
create table applicationuserdevicemap (
    pkid text primary key, description text default '',
    fkapplicationuser text not null references applicationuser on delete cascade,
    fkdevice text not null references device on delete cascade, tkuserassociation integer not null);
create table enduserdevicemap (
    pkid text primary key, description text default '', fkenduser text not null references enduser on delete cascade,
    fkdevice text not null references device on delete cascade, tkuserassociation integer not null);
create table processnode (
    pkid text primary key, name text unique not null, description text default '', tknodeusage integer,
    tkprocessnoderole integer default 1);
create table typenodeusage (enum integer primary key, name text, moniker text);
create table typeservice (enum integer primary key, name text, moniker text);
create table processconfig (
    pkid text primary key, fkprocessnode text references processnode, tkservice integer not null,
    paramname text not null, paramvalue text, tkparam text not null default 'string');
create table processnodeservice (
    pkid text primary key, fkprocessnode text not null references processnode, tkservice integer not null,
    enable text not null default 'f', isactive text not null default 'f');
create table certificate (
    pkid text primary key, servername text, subjectname text, issuername text, serialnumber text, ipv4address text,
    certificate text, tkcertificatedistribution integer);
create table certificateservicecertificatemap (
    pkid text primary key, fkcertificate text not null references certificate on delete cascade,
    tkcertificateservice integer not null);
create table typecertificateservice (enum integer primary key, name text, moniker text);
create table typecertificatedistribution (enum integer primary key, name text, moniker text);
create table typecertificateoperation (enum integer primary key, name text, moniker text);
create table typecertificatestatus (enum integer primary key, name text, moniker text);
create table typeauthenticationmode (enum integer primary key, name text, moniker text);
create table typekeyorder (enum integer primary key, name text, moniker text);
create table typekeysize (enum integer primary key, name text, moniker text);

create table sim_credential (
    fkuser text primary key, password text, digest text default '', cantchange text default 'f',
    mustchange text default 'f', doesnotexpire text default 'f', locked text default 'f', expired text default 'f',
    disabled text default 'f', failed integer default 0, changed text default '');
create table sim_presence (fkuser text primary key, name text not null);
create table sim_deviceprofile (fkuser text not null, position integer not null, name text not null);
create table sim_registration (fkdevice text primary key references device on delete cascade, registered text not null);
create table sim_capfprofile (
    pkid text primary key, kind text not null, fkuser text not null, instance_id text unique not null,
    operation text not null, mode text not null, string text not null default '', key_size text not null,
    key_order text not null, ec_key_size text not null default '', operation_completion text not null default '',
    deadline real not null default 0, status text not null default 'None', duplicates integer not null default 0,
    compromised text not null default 'f');
create table sim_lsc (
    fingerprint text primary key, fkprofile text not null references sim_capfprofile on delete cascade,
    der blob not null, not_after real not null, superseded text not null default 'f');
create table sim_identity (name text primary key, der blob not null, key_pem blob not null);
create table sim_file (name text primary key, content blob not null);
create table sim_log (
    node text not null, path text not null, service text not null, content blob not null, modified real not null,
    size integer not null, primary key (node, path));
"""

STATUSES = (
    "None", "Operation Pending", "Upgrade Success", "Delete Success", "Troubleshoot Success", "Upgrade Failed",
    "Delete Failed", "Troubleshoot Failed", "Upgrade Failed: Invalid LSC",
    "Upgrade Failed: Invalid Authentication String", "Upgrade Failed: Invalid MIC",
    "Upgrade Failed: Invalid Credentials", "Upgrade Failed: Phone Communication Failure",
    "Upgrade Failed: Key Generation Failed/Timeout", "Upgrade Failed: CA Communication Failure",
    "Upgrade Failed: CA Rejected Connection", "Upgrade Failed: User Initiated Request Late/Timedout",
)
OPERATIONS = ("No Pending Operation", "Install/Upgrade", "Delete", "Troubleshoot")
MODES = (
    "By Authentication String", "By Null String", "By Existing Certificate (precedence to LSC)",
    "By Existing Certificate (precedence to MIC)",
)
CERTIFICATE_SERVICES = {
    1: "CallManager", 2: "tomcat", 3: "ipsec", 4: "CallManager-trust", 5: "CAPF", 6: "tomcat-trust", 9: "CAPF-trust",
    16: "ITLRecovery",
}
SERVICE_NUMBERS = {
    "Cisco CallManager": 0, "Cisco Tftp": 1, "Cisco CTIManager": 5, "Enterprise Wide": 11, "Cisco CTL Provider": 20,
    "Cisco Certificate Authority Proxy Function": 22, "Cisco AXL Web Service": 36, "Cisco Database Layer Monitor": 9,
    "Cisco RIS Data Collector": 10, "Cisco Trust Verification Service": 110,
}
CONTROLLED = 1  # tkuserassociation of a controlled device

_GROUP_ROLES = {
    "Standard CTI Enabled": ("Standard CTI Enabled",),
    "Standard CTI Secure Connection": ("Standard CTI Secure Connection",),
    "Standard CTI Allow Reception of SRTP Key Material": ("Standard CTI Allow Reception of SRTP Key Material",),
    "Standard CTI Allow Control of All Devices": ("Standard CTI Allow Control of All Devices",),
    "Standard CTI Allow Control of Phones supporting Connected Xfer and conf": (
        "Standard CTI Allow Control of Phones Supporting Connected Xfer and conf",),
    "Standard CTI Allow Control of Phones supporting Rollover Mode": (
        "Standard CTI Allow Control of Phones Supporting Rollover Mode",),
    "Standard CTI Allow Call Monitoring": ("Standard CTI Allow Call Monitoring",),
    "Standard CTI Allow Call Recording": ("Standard CTI Allow Call Recording",),
    "Standard CTI Allow Call Park Monitoring": ("Standard CTI Allow Call Park Monitoring",),
    "Standard CTI Allow Calling Number Modification": ("Standard CTI Allow Calling Number Modification",),
    "Standard CCM Super Users": (
        "Standard AXL API Access", "Standard CCM Admin Users", "Standard CCM Server Monitoring",
        "Standard RealtimeAndTraceCollection", "Standard SERVICEABILITY"),
    "Standard CCM Server Monitoring": (
        "Standard CCM Server Monitoring", "Standard RealtimeAndTraceCollection", "Standard SERVICEABILITY"),
    "Standard CCM End Users": ("Standard CCM End Users",),
    "Standard CCM Phone Administration": ("Standard CCM Admin Users",),
    "Standard Packet Sniffer Users": ("Standard Packet Sniffing",),
}
AXL_WRITE = "Standard AXL API Access"
AXL_USER = "Standard AXL API Users"
AXL_READ = "Standard AXL Read Only API Access"
SERVICEABILITY = ("Standard CCM Server Monitoring", "Standard RealtimeAndTraceCollection", "Standard SERVICEABILITY")
READ_ONLY_GROUP = "AXL Read Only"


def pkid():
    return str(uuid.uuid4())


class Database:
    """One SQLite connection for many threads: every use is inside C(transaction), under one reentrant lock."""

    def __init__(self, path):
        self.lock = threading.RLock()
        self.connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self.connection.row_factory = sqlite3.Row
        self.connection.execute("pragma foreign_keys=on")
        self._depth = 0

    @contextlib.contextmanager
    def transaction(self):
        """All or nothing: an exception takes back every write since the outermost entry."""
        with self.lock:
            if self._depth == 0:
                self.connection.execute("begin")
            self._depth += 1
            try:
                yield self
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self.connection.execute("rollback")
                raise
            self._depth -= 1
            if self._depth == 0:
                self.connection.execute("commit")

    def run(self, statement, *values):
        return self.connection.execute(statement, values)

    def rows(self, statement, *values):
        with self.lock:
            return self.connection.execute(statement, values).fetchall()

    def row(self, statement, *values):
        with self.lock:
            return self.connection.execute(statement, values).fetchone()

    def column(self, statement, *values):
        return [row[0] for row in self.rows(statement, *values)]

    def insert(self, table, **columns):
        """Insert one row; a C(pkid) is made up when none is given. Returns the pkid."""
        columns = {"pkid": pkid(), **columns} if "pkid" not in columns else columns
        names = ", ".join(columns)
        marks = ", ".join("?" * len(columns))
        self.run("insert into %s (%s) values (%s)" % (table, names, marks), *columns.values())
        return columns["pkid"]

    def update(self, table, key_column, key, **columns):
        if columns:
            names = ", ".join(name + "=?" for name in columns)
            self.run("update %s set %s where %s=?" % (table, names, key_column), *columns.values(), key)


def is_new(connection):
    return connection.execute("select count(*) from sqlite_master where name='applicationuser'").fetchone()[0] == 0


def create(connection, features, nodes):
    """Tables, type tables, standard groups with their roles, standard users, nodes, services and parameters."""
    connection.executescript(TABLES)
    _fill_types(connection)
    _fill_groups(connection)
    for name in ("CCMSysUser", "CCMQRTSysUser", "CCMQRTSecureSysUser", "IPMASecureSysUser", "WDSecureSysUser"):
        connection.execute("insert into applicationuser (pkid, name, isstandard) values (?, ?, 't')", (pkid(), name))
    _fill_nodes(connection, features, nodes)


def _fill_types(connection):
    tables = {
        "typecertificateservice": CERTIFICATE_SERVICES,
        "typecertificatedistribution": {1: "own-cert", 2: "trust-cert"},
        "typecertificateoperation": dict(enumerate(OPERATIONS, 1)),
        "typecertificatestatus": dict(enumerate(STATUSES, 1)),
        "typeauthenticationmode": dict(enumerate(MODES, 1)),
        "typekeyorder": dict(enumerate(("RSA Only", "EC Only", "EC Preferred, RSA Backup"), 1)),
        "typekeysize": dict(enumerate(("512", "1024", "2048", "3072", "4096"), 1)),
        "typenodeusage": {0: "Publisher", 1: "Subscriber"},
        "typeuserassociation": {1: "CTI Control In", 2: "CTI Control Out"},
        "typeservice": {number: name for name, number in SERVICE_NUMBERS.items()},
    }
    for table, rows in tables.items():
        for number, name in rows.items():
            moniker = re.sub(r"[^A-Z0-9]+", "_", name.upper())
            connection.execute("insert into %s values (?, ?, ?)" % table, (number, name, moniker))


def _fill_groups(connection):
    groups = dict(_GROUP_ROLES)
    groups[READ_ONLY_GROUP] = (AXL_USER, AXL_READ)
    roles = {role: pkid() for role in sorted({role for names in groups.values() for role in names})}
    for role, key in roles.items():
        connection.execute("insert into functionrole (pkid, name) values (?, ?)", (key, role))
    for name, names in groups.items():
        key = pkid()
        standard = "f" if name == READ_ONLY_GROUP else "t"
        connection.execute("insert into dirgroup values (?, ?, ?)", (key, name, standard))
        for role in names:
            connection.execute("insert into functionroledirgroupmap values (?, ?)", (roles[role], key))


def _fill_nodes(connection, features, nodes):
    keys = {}
    for position, name in enumerate(("EnterpriseWideData",) + tuple(nodes)):
        keys[name] = pkid()
        usage = 0 if position == 1 else 1
        connection.execute(
            "insert into processnode values (?, ?, ?, ?, 1)",
            (keys[name], name, "" if position == 0 else "node %d" % position, usage))
    for position, name in enumerate(nodes):
        for service in features.services:
            active = "f" if service == "Cisco Certificate Authority Proxy Function" and position else "t"
            connection.execute(
                "insert into processnodeservice values (?, ?, ?, ?, ?)",
                (pkid(), keys[name], SERVICE_NUMBERS[service], active, active))
    publisher = nodes[0]
    parameters = (
        ("EnterpriseWideData", "Enterprise Wide", "ClusterSecurityMode", "0", "long"),
        ("EnterpriseWideData", "Enterprise Wide", "CAPF Operation Expires in (days)", "10", "long"),
        ("EnterpriseWideData", "Enterprise Wide", "ClusterID", "StandAloneCluster", "string"),
        (publisher, "Cisco CTIManager", "CTI InstanceId Retry Count", "3", "long"),
        (publisher, "Cisco Certificate Authority Proxy Function", "Certificate Issuer to Endpoint",
         "Cisco Certificate Authority Proxy Function", "string"),
        (publisher, "Cisco Certificate Authority Proxy Function", "Duration Of Certificate Validity (in days)",
         "1825", "long"),
        (publisher, "Cisco Certificate Authority Proxy Function", "Key Size", "2048", "long"),
    )
    for node, service, name, value, kind in parameters:
        connection.execute(
            "insert into processconfig values (?, ?, ?, ?, ?, ?)",
            (pkid(), keys[node], SERVICE_NUMBERS[service], name, value, kind))


_READ_ACTIONS = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_FUNCTION, getattr(sqlite3, "SQLITE_RECURSIVE", 33))
_ROW_RANGE = re.compile(r"^\s*select\s+(?:skip\s+(?P<skip>\d+)\s+)?(?:first\s+(?P<first>\d+)\s+)?", re.IGNORECASE)
_EMPTY_LIST = re.compile(r"\bin\s*\(\s*\)", re.IGNORECASE)


def query(connection, statement):
    """Run one reading statement of a client as it is; Informix' SKIP and FIRST become LIMIT and OFFSET.

    Returns column names and rows. Raises sqlite3.Error for anything but a correct select on the cluster's tables.
    """
    if _EMPTY_LIST.search(statement):
        raise sqlite3.OperationalError("A syntax error has occurred.")  # SQLite would accept an empty IN list
    statement = _limited(statement)
    connection.set_authorizer(_read_only)
    try:
        cursor = connection.execute(statement)
        if cursor.description is None:
            raise sqlite3.OperationalError("A syntax error has occurred.")
        return [column[0].lower() for column in cursor.description], [tuple(row) for row in cursor.fetchall()]
    finally:
        connection.set_authorizer(_anything)


def _limited(statement):
    match = _ROW_RANGE.match(statement)
    if not match or not (match["first"] or match["skip"]):
        return statement
    rest = statement[match.end():].rstrip().rstrip(";")
    return "select %s limit %s offset %s" % (rest, match["first"] or -1, match["skip"] or 0)


def _read_only(action, first, _second, _database, _source):
    if action in _READ_ACTIONS:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_READ and not (first or "").startswith((OWN_PREFIX, "sqlite_")):
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY


def _anything(*_arguments):
    return sqlite3.SQLITE_OK
