# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users, access control groups, devices and CAPF profiles of the cluster, with CUCM's rules and fault codes."""

from __future__ import annotations

import calendar
import dataclasses
import sqlite3
import time

from simulator.database import CONTROLLED, MODES, OPERATIONS, pkid

CTI_ENABLED = "Standard CTI Enabled"
CTI_SECURE = "Standard CTI Secure Connection"
CTI_SRTP = "Standard CTI Allow Reception of SRTP Key Material"
CTI_ALL_DEVICES = "Standard CTI Allow Control of All Devices"

IDLE, INSTALL = OPERATIONS[:2]
BY_STRING = MODES[0]
PENDING = "Operation Pending"
SUCCESS = "Upgrade Success"

NOT_FOUND = 5007
NOT_UPDATABLE = 5003
DUPLICATE = -239
SQL_SYNTAX = -201


class ClusterFault(Exception):
    """What AXL reports as a fault: code and text."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code
        self.message = message


def not_found(what):
    return ClusterFault(NOT_FOUND, "Item not valid: The specified %s was not found" % what)


@dataclasses.dataclass(frozen=True)
class Kind:
    """Where one kind of user is stored."""

    word: str
    title: str
    table: str
    name: str
    group_map: str
    device_map: str
    fk: str


KINDS = {
    "application": Kind("application", "AppUser", "applicationuser", "name", "applicationuserdirgroupmap",
                        "applicationuserdevicemap", "fkapplicationuser"),
    "end": Kind("end", "User", "enduser", "userid", "enduserdirgroupmap", "enduserdevicemap", "fkenduser"),
}
PROFILE_TITLES = {"application": "ApplicationUserCapfProfile", "end": "EndUserCapfProfile"}
_OWN_COLUMNS = {
    "application": ("aclpresencesubscription", "acloodrefer", "aclunsolicitednotification", "aclallowreplace"),
    "end": ("firstname", "lastname", "department", "enablecti", "status"),
}
CREDENTIAL_FLAGS = ("cantchange", "mustchange", "doesnotexpire", "locked", "expired", "disabled", "failed")
_ARMING_FIELDS = ("mode", "string", "key_size", "key_order", "ec_key_size", "operation_completion")


@dataclasses.dataclass(frozen=True)
class CapfProfile:
    """One CAPF profile as it was when it was read; C(deadline) in Unix seconds, 0 when nothing is armed."""

    pkid: str
    kind: str
    user: str
    instance_id: str
    operation: str
    mode: str
    string: str = dataclasses.field(repr=False)
    key_size: str
    key_order: str
    ec_key_size: str
    operation_completion: str
    deadline: float
    status: str
    compromised: bool
    duplicates: int

    @property
    def armed(self):
        return self.operation == INSTALL


def like(pattern):
    """AXL's C(%) wildcard as a pattern for LIKE ... ESCAPE."""
    return pattern.replace("\\", "\\\\").replace("_", "\\_")


class Accounts:
    """C(changed(action, type, uuid)) is told of every change of an object: a add, u update, r remove."""

    def __init__(self, database, features, now, changed):
        self.database = database
        self.features = features
        self._now = now
        self._changed = changed

    # users

    def users(self, kind, pattern="%"):
        k = KINDS[kind]
        return self.database.rows(
            "select * from %s where %s like ? escape '\\' order by %s" % (k.table, k.name, k.name), like(pattern))

    def user(self, kind, name=None, uuid=None):
        k = KINDS[kind]
        column, value = ("pkid", uuid) if uuid else (k.name, name)
        return self.database.row("select * from %s where %s=?" % (k.table, column), value)

    def find(self, name):
        """(kind, row) of the user called C(name); an application user wins. None when there is none."""
        for kind in KINDS:
            row = self.user(kind, name)
            if row is not None:
                return kind, row
        return None

    def _existing(self, kind, name=None, uuid=None):
        row = self.user(kind, name, uuid)
        if row is None:
            raise not_found(KINDS[kind].title)
        return row

    def add_user(self, kind, name, password="", devices=(), groups=(), presence="Standard Presence group",
                 device_profiles=(), digest="", **columns):
        k = KINDS[kind]
        with self.database.transaction() as db:
            try:
                key = db.insert(k.table, **{k.name: name}, **_known(kind, columns))
            except sqlite3.IntegrityError:
                raise ClusterFault(
                    DUPLICATE, "Could not insert new row - duplicate value in a UNIQUE INDEX column (Unique Index:).")
            db.run("insert into sim_credential (fkuser) values (?)", key)
            db.run("insert into sim_presence values (?, ?)", key, presence)
            self._set_password(key, password, digest)
            self._set_devices(k, key, devices)
            self._set_groups(k, key, groups)
            self._set_device_profiles(key, device_profiles)
            self._changed("a", k.title, key)
            return key

    def update_user(self, kind, name=None, uuid=None, new_name=None, password=None, devices=None, groups=None,
                    presence=None, device_profiles=None, digest=None, credentials=None, **columns):
        """Absent (None) is unchanged; lists are whole lists; C(credentials): flags of the credential, "t" or "f"."""
        k = KINDS[kind]
        with self.database.transaction() as db:
            row = self.user(kind, name, uuid)
            if row is None:
                raise ClusterFault(NOT_UPDATABLE, "Item not valid: The specified %s was not found" % k.title)
            key = row["pkid"]
            changes = _known(kind, columns)
            if new_name is not None:
                changes[k.name] = new_name
            db.update(k.table, "pkid", key, **changes)
            self._set_password(key, password, digest)
            if credentials:
                flags = {flag: credentials[flag] for flag in CREDENTIAL_FLAGS if flag in credentials}
                db.update("sim_credential", "fkuser", key, **flags)
            if presence is not None:
                db.run("update sim_presence set name=? where fkuser=?", presence, key)
            if devices is not None:
                self._set_devices(k, key, devices)
            if groups is not None:
                self._set_groups(k, key, groups)
            if device_profiles is not None:
                self._set_device_profiles(key, device_profiles)
            self._changed("u", k.title, key)
            return key

    def remove_user(self, kind, name=None, uuid=None):
        k = KINDS[kind]
        with self.database.transaction() as db:
            key = self._existing(kind, name, uuid)["pkid"]
            for table in ("sim_credential", "sim_presence", "sim_deviceprofile", "sim_capfprofile"):
                db.run("delete from %s where fkuser=?" % table, key)
            db.run("delete from %s where pkid=?" % k.table, key)
            self._changed("r", k.title, key)
            return key

    def credential(self, key):
        return self.database.row("select * from sim_credential where fkuser=?", key)

    def presence(self, key):
        row = self.database.row("select name from sim_presence where fkuser=?", key)
        return row["name"] if row else "Standard Presence group"

    def device_profiles(self, key):
        return self.database.column("select name from sim_deviceprofile where fkuser=? order by position", key)

    def _set_password(self, key, password, digest):
        changes = {}
        if password:
            changes.update(password=password, changed=time.strftime("%B %d, %Y %H:%M:%S", time.gmtime(self._now())))
        if digest is not None:
            changes["digest"] = digest
        self.database.update("sim_credential", "fkuser", key, **changes)

    def _set_device_profiles(self, key, names):
        self.database.run("delete from sim_deviceprofile where fkuser=?", key)
        for position, name in enumerate(names):
            self.database.run("insert into sim_deviceprofile values (?, ?, ?)", key, position, name)

    # devices

    def add_device(self, name, lines=(), description="", model=684, protocol=11, registered=True, restricted=False):
        """C(lines): dicts of number, partition, restricted. C(model) and C(protocol) are CUCM's enum numbers."""
        with self.database.transaction() as db:
            key = db.insert(
                "device", name=name, description=description, tkmodel=model, tkdeviceprotocol=protocol,
                allowcticontrolflag="f" if restricted else "t")
            db.run("insert into sim_registration values (?, ?)", key, "t" if registered else "f")
            for position, line in enumerate(lines, 1):
                db.insert("devicenumplanmap", fkdevice=key, fknumplan=self._number(**line), numplanindex=position)
            return key

    def _number(self, number, partition="", restricted=False):
        db = self.database
        fk = None
        if partition:
            row = db.row("select pkid from routepartition where name=?", partition)
            fk = row["pkid"] if row else db.insert("routepartition", name=partition)
        row = db.row("select pkid from numplan where dnorpattern=? and fkroutepartition is ?", number, fk)
        if row:
            return row["pkid"]
        flag = "f" if restricted else "t"
        return db.insert("numplan", dnorpattern=number, fkroutepartition=fk, allowcticontrolflag=flag)

    def set_registered(self, name, registered):
        with self.database.transaction() as db:
            db.run("update sim_registration set registered=? where fkdevice=(select pkid from device where name=?)",
                   "t" if registered else "f", name)

    def controlled_devices(self, kind, key):
        k = KINDS[kind]
        return self.database.column(
            "select d.name from %s m join device d on d.pkid=m.fkdevice where m.%s=? and m.tkuserassociation=?"
            " order by d.name" % (k.device_map, k.fk), key, CONTROLLED)

    def _set_devices(self, k, key, names):
        db = self.database
        db.run("delete from %s where %s=? and tkuserassociation=?" % (k.device_map, k.fk), key, CONTROLLED)
        for name in dict.fromkeys(name for name in names if name):
            device = db.row("select pkid from device where name=?", name)
            if device is None:
                raise not_found("Device [%s]" % name)
            db.insert(k.device_map, **{k.fk: key}, fkdevice=device["pkid"], tkuserassociation=CONTROLLED)

    # groups

    def groups(self, pattern="%"):
        return self.database.rows(
            "select * from dirgroup where name like ? escape '\\' order by name", like(pattern))

    def group(self, name=None, uuid=None):
        column, value = ("pkid", uuid) if uuid else ("name", name)
        row = self.database.row("select * from dirgroup where %s=?" % column, value)
        if row is None:
            raise not_found("UserGroup")
        return row

    def groups_of(self, kind, key):
        k = KINDS[kind]
        return self.database.column(
            "select g.name from %s m join dirgroup g on g.pkid=m.fkdirgroup where m.%s=? order by g.name"
            % (k.group_map, k.fk), key)

    def roles_of_group(self, key):
        return self.database.column(
            "select r.name from functionroledirgroupmap m join functionrole r on r.pkid=m.fkfunctionrole"
            " where m.fkdirgroup=? order by r.name", key)

    def roles_of(self, kind, key):
        k = KINDS[kind]
        return set(self.database.column(
            "select r.name from %s m join functionroledirgroupmap f on f.fkdirgroup=m.fkdirgroup"
            " join functionrole r on r.pkid=f.fkfunctionrole where m.%s=?" % (k.group_map, k.fk), key))

    def is_member(self, kind, key, group):
        return group in self.groups_of(kind, key)

    def members(self, key):
        """(name, pkid) of all members, whatever their kind."""
        return [tuple(row) for row in self.database.rows(
            "select u.name, u.pkid from applicationuserdirgroupmap m"
            " join applicationuser u on u.pkid=m.fkapplicationuser where m.fkdirgroup=? union all"
            " select e.userid, e.pkid from enduserdirgroupmap m join enduser e on e.pkid=m.fkenduser"
            " where m.fkdirgroup=? order by 1", key, key)]

    def add_group(self, name, members=(), roles=()):
        with self.database.transaction() as db:
            if db.row("select 1 from dirgroup where name=?", name):
                raise ClusterFault(
                    DUPLICATE, "Could not insert new row - duplicate value in a UNIQUE INDEX column (Unique Index:).")
            key = db.insert("dirgroup", name=name)
            self._map_roles(key, roles)
            for member in members:
                self._map_member(key, member)
            self._changed("a", "UserGroup", key)
            return key

    def update_group(self, name=None, uuid=None, new_name=None, members=None, add_members=(), remove_members=(),
                     roles=None, add_roles=(), remove_roles=()):
        with self.database.transaction() as db:
            group = self.group(name, uuid)
            key = group["pkid"]
            delta = add_members or remove_members
            if delta and group["isstandard"] == "t" and not self.features.standard_group_delta:
                raise ClusterFault(NOT_UPDATABLE, "Standard access control groups cannot be modified")
            if members is not None:
                for k in KINDS.values():
                    db.run("delete from %s where fkdirgroup=?" % k.group_map, key)
            for member in remove_members:
                self._unmap_member(key, member)
            for member in list(members or ()) + list(add_members):
                self._map_member(key, member)
            if roles is not None:
                db.run("delete from functionroledirgroupmap where fkdirgroup=?", key)
            for role in remove_roles:
                db.run("delete from functionroledirgroupmap where fkdirgroup=? and fkfunctionrole ="
                       " (select pkid from functionrole where name=?)", key, role)
            self._map_roles(key, list(roles or ()) + list(add_roles))
            if new_name is not None:
                db.update("dirgroup", "pkid", key, name=new_name)
            self._changed("u", "UserGroup", key)
            return key

    def map_member(self, group, name):
        """Add a member whatever updateUserGroup would say."""
        with self.database.transaction():
            self._map_member(self.group(group)["pkid"], name)

    def unmap_member(self, group, name):
        with self.database.transaction():
            self._unmap_member(self.group(group)["pkid"], name)

    def remove_group(self, name=None, uuid=None):
        with self.database.transaction() as db:
            group = self.group(name, uuid)
            if group["isstandard"] == "t":
                raise ClusterFault(NOT_UPDATABLE, "Standard access control groups cannot be deleted")
            db.run("delete from dirgroup where pkid=?", group["pkid"])
            self._changed("r", "UserGroup", group["pkid"])
            return group["pkid"]

    def _users_called(self, name):
        found = [(k, self.user(k.word, name)) for k in KINDS.values()]
        found = [(k, row["pkid"]) for k, row in found if row is not None]
        if not found:
            raise not_found("User [%s]" % name)
        return found

    def _map_member(self, key, name):
        for k, user in self._users_called(name):
            self._map_group(k, user, key)

    def _unmap_member(self, key, name):
        for k, user in self._users_called(name):
            self.database.run("delete from %s where %s=? and fkdirgroup=?" % (k.group_map, k.fk), user, key)

    def _map_group(self, k, user, key):
        self.database.run(
            "insert or ignore into %s (pkid, %s, fkdirgroup) values (?, ?, ?)" % (k.group_map, k.fk),
            pkid(), user, key)

    def _set_groups(self, k, user, names):
        self.database.run("delete from %s where %s=?" % (k.group_map, k.fk), user)
        for name in dict.fromkeys(names):
            self._map_group(k, user, self.group(name)["pkid"])

    def _map_roles(self, key, roles):
        for role in roles:
            row = self.database.row("select pkid from functionrole where name=?", role)
            if row is None:
                raise not_found("UserRole [%s]" % role)
            self.database.run("insert or ignore into functionroledirgroupmap values (?, ?)", row["pkid"], key)

    # CAPF profiles

    def profiles(self, kind=None, user="%", instance_id="%"):
        rows = self.database.rows(
            _SELECT_PROFILE + " where p.instance_id like ? escape '\\'"
            " and coalesce(a.name, e.userid) like ? escape '\\' order by p.instance_id", like(instance_id), like(user))
        return [_profile(row) for row in rows if kind in (None, row["kind"])]

    def profile(self, instance_id=None, uuid=None, kind=None):
        column, value = ("p.pkid", uuid) if uuid else ("p.instance_id", instance_id)
        row = self.database.row(_SELECT_PROFILE + " where %s=?" % column, value)
        return _profile(row) if row and kind in (None, row["kind"]) else None

    def add_profile(self, kind, user, instance_id, operation=IDLE, **fields):
        with self.database.transaction() as db:
            key = self._existing(kind, user)["pkid"]
            values = dict(
                mode=BY_STRING, string="", key_size=self.features.key_size, key_order="RSA Only",
                ec_key_size=self.features.ec_key_size or "", operation_completion="")
            values.update({name: value for name, value in fields.items() if value is not None})
            if self.profile(instance_id) is not None:
                raise ClusterFault(
                    DUPLICATE, "Could not insert new row - duplicate value in a UNIQUE INDEX column (Unique Index:).")
            profile = db.insert(
                "sim_capfprofile", kind=kind, fkuser=key, instance_id=instance_id, operation=IDLE, **values)
            if operation != IDLE:
                self._arm(profile, operation, values)
            self._changed("a", PROFILE_TITLES[kind], profile)
            return profile

    def update_profile(self, kind, instance_id=None, uuid=None, operation=None, **fields):
        """Absent (None) is unchanged. The other fields are read only while the resulting operation is none."""
        with self.database.transaction() as db:
            profile = self.profile(instance_id, uuid, kind)
            if profile is None:
                raise ClusterFault(
                    NOT_UPDATABLE, "Item not valid: The specified %s was not found" % PROFILE_TITLES[kind])
            given = {name: value for name, value in fields.items() if value is not None}
            result = operation or profile.operation
            if result == IDLE:
                if given and self.features.idle_profile_update == "fault":
                    raise ClusterFault(NOT_UPDATABLE, "The fields %s are read only" % ", ".join(sorted(given)))
                if profile.operation != IDLE:
                    db.update("sim_capfprofile", "pkid", profile.pkid, operation=IDLE, string="", deadline=0,
                              status="None")
            else:
                db.update("sim_capfprofile", "pkid", profile.pkid, **given)
                values = {name: given.get(name, getattr(profile, name)) for name in _ARMING_FIELDS}
                self._arm(profile.pkid, result, values)
            self._changed("u", PROFILE_TITLES[kind], profile.pkid)
            return profile.pkid

    def remove_profile(self, kind, instance_id=None, uuid=None):
        with self.database.transaction() as db:
            profile = self.profile(instance_id, uuid, kind)
            if profile is None:
                raise not_found(PROFILE_TITLES[kind])
            db.run("delete from sim_capfprofile where pkid=?", profile.pkid)
            self._changed("r", PROFILE_TITLES[kind], profile.pkid)
            return profile.pkid

    def set_profile(self, instance_id, **columns):
        """Write columns as they are, past CUCM's rules (the simulator's own transitions and the tests' drift)."""
        with self.database.transaction() as db:
            profile = self.profile(instance_id)
            if profile is None:
                raise not_found("CAPF profile %s" % instance_id)
            db.update("sim_capfprofile", "pkid", profile.pkid, **columns)
            self._changed("u", PROFILE_TITLES[profile.kind], profile.pkid)

    def _arm(self, key, operation, values):
        if operation == INSTALL and values["mode"] == BY_STRING and not values["string"]:
            raise ClusterFault(NOT_UPDATABLE, "Authentication String is mandatory for By Authentication String")
        deadline = completion_time(values["operation_completion"])
        if deadline is None:
            deadline = self._now() + 86400 * self.expiry_days()
        self.database.update(
            "sim_capfprofile", "pkid", key, operation=operation, status=PENDING, deadline=deadline)

    def expiry_days(self):
        row = self.database.row(
            "select paramvalue from processconfig where paramname='CAPF Operation Expires in (days)'")
        return int(row[0])


def _known(kind, columns):
    unknown = set(columns) - set(_OWN_COLUMNS[kind])
    if unknown:
        raise TypeError("no such column of %s: %s" % (KINDS[kind].table, ", ".join(sorted(unknown))))
    return {name: value for name, value in columns.items() if value is not None}


_SELECT_PROFILE = (
    "select p.*, coalesce(a.name, e.userid) as user_name from sim_capfprofile p"
    " left outer join applicationuser a on p.kind='application' and a.pkid=p.fkuser"
    " left outer join enduser e on p.kind='end' and e.pkid=p.fkuser"
)


def _profile(row):
    return CapfProfile(
        pkid=row["pkid"], kind=row["kind"], user=row["user_name"], instance_id=row["instance_id"],
        operation=row["operation"], mode=row["mode"], string=row["string"], key_size=row["key_size"],
        key_order=row["key_order"], ec_key_size=row["ec_key_size"], operation_completion=row["operation_completion"],
        deadline=row["deadline"], status=row["status"], compromised=row["compromised"] == "t",
        duplicates=row["duplicates"],
    )


def completion_time(text):
    """Unix seconds of C(YYYY:MM:DD:HH[:MM]) taken as UTC; None when nothing usable is given."""
    parts = text.split(":")
    if len(parts) not in (4, 5) or not all(part.isdigit() for part in parts):
        return None
    year, month, day, hour = (int(part) for part in parts[:4])
    minute = int(parts[4]) if len(parts) == 5 else 0
    return float(calendar.timegm((year, month, day, hour, minute, 0)))
