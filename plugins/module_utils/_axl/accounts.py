# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Read from a cluster what the planner needs, and apply its steps, over AXL.

The list operations for CAPF profiles return every field of every profile. Those for users return neither
groups nor devices, and a group's member rows do not show the type of user, so groups and devices are read by SQL.
This takes three statements for the fleet, with tables and columns that public scripts and data dictionaries name. Up to
two more look up the devices and groups that users are to get, so that a misspelt name is found before the first change.
"""

from __future__ import annotations

import datetime
import secrets
import string

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _fleet
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._axl.client import (
    CURE_OF_ANSWERS,
    DUPLICATE,
    NOT_FOUND,
    AnswerTooLarge,
    AxlClient,
    login_from,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import (
    AxlError,
    InputError,
    ProtocolError,
    SecureTspError,
    TransportError,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._fleet import APPLICATION, END


USER = {APPLICATION: "AppUser", END: "User"}
USER_TAG = {APPLICATION: "appUser", END: "user"}
PROFILE = {APPLICATION: "ApplicationUserCapfProfile", END: "EndUserCapfProfile"}
PROFILE_TAG = {APPLICATION: "applicationUserCapfProfile", END: "endUserCapfProfile"}
OWNER = {APPLICATION: "applicationUser", END: "endUserId"}
OPERATION = {APPLICATION: "certificateOperation", END: "certificationOperation"}
READ_TAGS = {
    APPLICATION: ("userid", "isStandard", "associatedDevices", "associatedGroups"),
    END: ("userid", "associatedDevices", "associatedGroups", "status"),
}
# enduser.status; 2 is a user that is no longer in its directory and that the cluster deletes within days.
ACTIVE = ("", "1", "active", "true", "t")
BY_STRING = "By Authentication String"

# Names are compared in lower case, because Informix is case sensitive and the cluster's own logins are not.
# An outer join, because an inner join would not return users without any group.
APPLICATION_USERS = (
    "select au.name usr, au.isstandard std, dg.name grp from applicationuser au"
    " left outer join applicationuserdirgroupmap m on m.fkapplicationuser=au.pkid"
    " left outer join dirgroup dg on dg.pkid=m.fkdirgroup where lower(au.name) in (%(names)s)"
)
END_USERS = (
    "select e.userid usr,%(status)s dg.name grp from enduser e"
    " left outer join enduserdirgroupmap m on m.fkenduser=e.pkid"
    " left outer join dirgroup dg on dg.pkid=m.fkdirgroup where lower(e.userid) in (%(names)s)"
)
# tkuserassociation 1 is a controlled device in every public script; other values are ignored.
DEVICES = (
    "select 'a' kind, au.name usr, d.name device from applicationuser au, applicationuserdevicemap m, device d"
    " where au.pkid=m.fkapplicationuser and m.fkdevice=d.pkid and m.tkuserassociation=1 and lower(au.name) in (%(names)s)"
    " union all "
    "select 'e' kind, e.userid usr, d.name device from enduser e, enduserdevicemap m, device d"
    " where e.pkid=m.fkenduser and m.fkdevice=d.pkid and m.tkuserassociation=1 and lower(e.userid) in (%(names)s)"
)
DEVICE_NAMES = "select name from device where lower(name) in (%(names)s)"
GROUP_NAMES = "select name from dirgroup where lower(name) in (%(names)s)"
KIND = {"a": APPLICATION, "e": END}
LOWER_ASCII = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


# Reading


class Reader:
    """Reads the users and profiles that a Wish concerns. way: sql, get if SQL was refused, or none."""

    def __init__(self, axl):
        self.axl = axl
        self.way = "none"

    def read(self, wish, users=None):
        """_fleet.Current, with at most 8 requests unless a response would be too large or SQL is refused.

        users: those of a Current that was read before, if the Wish concerns only profiles.
        """
        current = _fleet.Current(release=self.axl.version, users=users or {})
        if "disarm" not in wish.stages and not users:
            current.users = self.users([name for user_type, name in wish.names()])
            devices, groups = _fleet.to_look_up(wish, current)
            current.devices = self._names(DEVICE_NAMES, devices)
            current.groups = self._names(GROUP_NAMES, groups)
        for user_type, criteria in searches(wish, current):
            for profile in self.profiles(user_type, criteria):
                current.profiles[user_type, profile.instance_id] = profile
        return current

    def profiles(self, user_type, criteria):
        operation = "list" + PROFILE[user_type]
        rows = self.axl.call(operation, searchCriteria=criteria)
        return [_profile(row, user_type, self.axl.session.where(operation)) for row in rows]

    def users(self, names):
        """Users of both types with these names, so that a name of the other type is noticed."""
        if not names:
            return {}
        names = _fleet.missing(names, ())
        found = self._by_sql(self._users_by_sql, names)
        self.way = "get" if found is None else "sql"
        return self._users_by_get(names) if found is None else found

    def _names(self, statement, names):
        """The names that exist, or None if SQL is refused."""
        if not names:
            return []
        found = self._by_sql(self._rows, statement, names) if self.way == "sql" else None
        return None if found is None else [field(row, "name", self._sql) for row in found]

    @property
    def _sql(self):
        return self.axl.session.where("executeSQLQuery")

    def _by_sql(self, read, *arguments):
        """The result of reading by SQL, or None if SQL is refused."""
        try:
            return read(*arguments)
        except AxlError as error:
            if is_of_http(error) and error.code not in (401, 403):
                raise
            return None

    def _users_by_sql(self, names):
        users = {}
        for row in self._rows(APPLICATION_USERS, names):
            self._take(users, APPLICATION, row, standard=_truth(field(row, "std", self._sql)))
        for row in self._end_users(names):
            self._take(users, END, row, active=_active(row.get("status")))
        for row in self._rows(DEVICES, names):
            kind = KIND.get(field(row, "kind", self._sql).strip())
            if kind is None:
                raise ProtocolError("an entry of the response has a type of user that was not requested", where=self._sql,
                                    cure=CURE_OF_ANSWERS)
            user = users.get(_fleet.user_key(kind, field(row, "usr", self._sql)))
            if user is not None:
                user.devices.append(field(row, "device", self._sql))
        return users

    def _end_users(self, names):
        """Include their status in the directory, if the release has that column."""
        try:
            return self._rows(END_USERS, names, status=" e.status status,")
        except AxlError as error:
            if is_of_http(error) or isinstance(error, AnswerTooLarge):
                raise
            return self._rows(END_USERS, names, status="")

    def _take(self, users, user_type, row, **known):
        name = field(row, "usr", self._sql)
        user = users.setdefault(_fleet.user_key(user_type, name), _fleet.User(name, user_type, **known))
        if row.get("grp"):
            user.groups.append(row["grp"])

    def _rows(self, statement, names, **parts):
        try:
            return self.axl.sql(statement % dict(parts, names=lowered(names)))
        except AnswerTooLarge:
            if len(names) == 1:
                raise
            half = len(names) // 2
            return self._rows(statement, names[:half], **parts) + self._rows(statement, names[half:], **parts)

    def _users_by_get(self, names):
        found = {}
        for name in names:
            for user_type in (APPLICATION, END):
                user = self.user(user_type, name)
                if user is not None:
                    found[_fleet.user_key(user_type, name)] = user
        return found

    def user(self, user_type, name):
        """One user, read as an object, or None."""
        row = self._get(USER[user_type], userid=name, returnedTags=READ_TAGS[user_type])
        if row is None:
            return None
        where = self.axl.session.where("get" + USER[user_type])
        return _fleet.User(
            row.get("userid") or name, user_type, bool(row.get("isStandard")),
            [field(group, "name", where) for group in row["associatedGroups"]], list(row["associatedDevices"]),
            active=_active(row.get("status")),
        )

    def profile(self, user_type, instance_id):
        row = self._get(PROFILE[user_type], instanceId=instance_id)
        return None if row is None else _profile(row, user_type, self.axl.session.where("get" + PROFILE[user_type]))

    def members(self, group):
        """User IDs in a group, or None if there is no such group."""
        row = self._get("UserGroup", name=group)
        where = self.axl.session.where("getUserGroup")
        return None if row is None else [field(member, "userId", where) for member in row["members"]]

    def _get(self, axl_object, **key):
        try:
            return self.axl.call("get" + axl_object, **key)
        except AxlError as error:
            if error.code == NOT_FOUND:
                return None
            raise


def searches(wish, current):
    """[(type of user, criteria)] of the list calls for profiles, limited to one instance or one user if possible.

    current: with the users, because the search of the cluster may be case sensitive.
    """
    removed = [user for user in wish.users if _fleet.absent(user) and user.get("remove_user")]
    if wish.stages == ("users",) and not removed:
        return []
    ids = set(instance["instance_id"] for instance in wish.instances)
    if len(ids) == 1 and not removed and all(_fleet.INSTANCE_ID.match(one) for one in ids):
        criteria = {"instanceId": ids.pop()}
    elif not ids and len(removed) == 1:
        return [(APPLICATION, {OWNER[APPLICATION]: current.spelling(APPLICATION, removed[0]["name"])})]
    elif not ids and not removed:
        return []
    else:
        criteria = {"instanceId": "%"}
    return [(APPLICATION, criteria), (END, criteria)]


def is_of_http(error):
    """Whether the refusal is an HTTP status. It then does not depend on the request, and another request would also fail."""
    return getattr(error, "code", None) in range(300, 600) or isinstance(error, TransportError)


def quoted(text):
    """An SQL literal."""
    return "'%s'" % text.replace("'", "''")


def lowered(names):
    """Literals to compare with lower() of a column. Not every database can lower all letters."""
    spelled = [way for name in names for way in (name.lower(), name.translate(LOWER_ASCII))]
    return ",".join(quoted(name) for name in dict.fromkeys(spelled))


def _truth(text):
    return (text or "").strip().lower() in ("t", "true", "1")


def _active(status):
    """Application users have no status, and some releases do not report it."""
    return status is None or str(status).strip().lower() in ACTIVE


def field(row, name, where):
    """A field that an entry of a response must have. Raises ProtocolError if it is missing."""
    value = row.get(name)
    if value in (None, ""):
        raise ProtocolError("an entry of the response lacks the field %s" % name, where=where, cure=CURE_OF_ANSWERS)
    return value


def _profile(row, user_type, where):
    return _fleet.Profile(
        instance_id=field(row, "instanceId", where),
        user=field(row, OWNER[user_type], where),
        user_type=user_type,
        operation=field(row, OPERATION[user_type], where),
        status=row.get("certificationOperationStatus") or "None",
        completion=row.get("operationCompletion") or "",
        key_size=row.get("keySize") or "",
        key_order=row.get("keyOrder") or _fleet.RSA_ONLY,
        ec_key_size=row.get("ecKeySize") or "",
    )


# Applying


def random_string():
    """A new authorization string of 10 digits. All values are equally likely."""
    return "%010d" % secrets.randbelow(10 ** 10)


class Applier:
    """Applies steps in order. All rows of one group are sent in one request.

    strings: the authorization strings generated here, by instance ID. way: none, delta or user.
    completion: text for operationCompletion, or None to let the cluster decide.
    """

    def __init__(self, axl, reader, wish, completion=None, make_string=random_string):
        self.axl = axl
        self.reader = reader
        self.wish = wish
        self.completion = completion
        self.make_string = make_string
        self.done = []
        self.armed = []
        self.strings = {}
        self.way = "none"
        self.failures = []
        self._touched = []

    def apply(self, steps, tolerant=False):
        """Raises an error with the facts done, disarmed and still_armed if a step fails, whatever was raised.

        Armed profiles are disarmed first, because their strings are lost with the failing task. tolerant: if the cluster refuses a change
        for one user or one profile, failures contains it and the others continue. A refusal of any request, such as 503, still ends it.
        """
        steps = [step for step in steps if step.action != "none"]
        grouped = set()
        try:
            for step in steps:
                if self._given_up(step) or step.kind == "group" and step.name in grouped:
                    continue
                together = [step]
                if step.kind == "group":
                    grouped.add(step.name)
                    together = [s for s in steps if s.kind == "group" and s.name == step.name and not self._given_up(s)]
                try:
                    self._take(step, together)
                except AxlError as error:
                    if not tolerant or is_of_http(error):
                        raise
                    self.failures += [{"user": s.user, "user_type": s.user_type, "kind": s.kind, "name": s.name, "msg": str(error)}
                                      for s in together]
        except SecureTspError as error:
            if self.done or self._touched:
                raise self._half_done(error) from error
            raise
        except Exception as error:
            # Its text may quote secrets that were to be written.
            raise self._half_done(ProtocolError(
                "an unexpected %s stopped it" % type(error).__name__, cure="Report it with the steps to reproduce it.")) from None

    def _given_up(self, step):
        """Whether no further step is taken for this user. A failed profile affects only itself."""
        return any((one["user"], one["user_type"]) == (step.user, step.user_type) and one["kind"] != "profile"
                   for one in self.failures)

    def _take(self, step, together):
        if step.kind == "group":
            self._change_group(step.name, together)
        else:
            getattr(self, "_%s_%s" % (step.action, step.kind))(step)
            self.done.append(step.object)

    def _half_done(self, error):
        disarmed, still_armed = [], []
        busy = False
        for user_type, instance_id in reversed(self._touched):
            try:
                if busy or not self._disarm(user_type, instance_id):
                    still_armed += [instance_id] if busy else []
                else:
                    disarmed.append(instance_id)
            except SecureTspError as again:
                still_armed.append(instance_id)
                busy = not isinstance(again, AxlError) or is_of_http(again)  # more requests would fail, too
        what = "%s, after %d changes" % (error.what, len(self.done))
        if disarmed:
            what += "; disarmed again: %s" % ", ".join(disarmed)
        if still_armed:
            what += "; may still be armed: %s" % ", ".join(still_armed)
        cure = " ".join(filter(None, [error.cure, "Run it again. It starts by reading the current state."]))
        facts = dict((name, fact) for name, fact in error.facts.items() if name != "code")
        facts.update(done=self.done, disarmed=disarmed, still_armed=still_armed, requests=self.axl.requests)
        return AxlError(what, error.where, cure, code=getattr(error, "code", None), **facts)

    def _disarm(self, user_type, instance_id):
        """False if there was nothing to disarm, because the profile was not created or its operation not set."""
        try:
            self._write_operation(user_type, instance_id, _fleet.NO_OPERATION)
        except AxlError as error:
            if is_of_http(error):
                raise
            known = self.reader.profile(user_type, instance_id)
            if known is not None and known.operation == _fleet.INSTALL:
                raise
            return False
        return True

    # Users

    def _create_user(self, step):
        fields = {"userid": step.userid, "password": self.wish.user(step.user_type, step.name)["password"]}
        if "devices" in step.values:
            fields["associatedDevices"] = step.values["devices"]
        try:
            self.axl.call("addAppUser", appUser=fields)
        except AxlError as error:
            if error.code != DUPLICATE:
                raise
            self._take_over_user(step)
        else:
            self.axl.call("updateAppUser", userid=step.userid, passwordCredentials=CREDENTIAL_FLAGS)

    def _take_over_user(self, step):
        """The user was created by someone else in the meantime. Keep its password and update its devices."""
        fields = {"passwordCredentials": CREDENTIAL_FLAGS}
        userid = step.userid
        known = self.reader.user(step.user_type, userid)
        if known is not None:
            userid = known.name
            listed = dict(self.wish.user(step.user_type, step.name), devices=step.values.get("devices"))
            devices = _fleet.devices_after(listed, known.devices)
            if devices is not None:
                fields["associatedDevices"] = devices
        self.axl.call("updateAppUser", userid=userid, **fields)

    def _update_user(self, step):
        fields = {}
        if "password" in step.fields:
            fields["password"] = self.wish.user(step.user_type, step.name)["password"]
        if "devices" in step.values:
            fields["associatedDevices"] = step.values["devices"]
        if "credential_flags" in step.values:
            fields["passwordCredentials"] = CREDENTIAL_FLAGS
        self.axl.call("update" + USER[step.user_type], userid=step.userid, **fields)

    def _remove_user(self, step):
        self._remove("AppUser", userid=step.userid)

    def _remove(self, axl_object, **key):
        try:
            self.axl.call("remove" + axl_object, **key)
        except AxlError as error:
            if error.code != NOT_FOUND:
                raise

    # Groups

    def _change_group(self, group, steps):
        add = [(s.user_type, s.userid) for s in steps if s.action == "add_member"]
        remove = [(s.user_type, s.userid) for s in steps if s.action == "remove_member"]
        way = self.change_members(group, add, remove)
        for step in steps:
            step.way = way
            self.done.append(step.object)

    def change_members(self, group, add, remove):
        """Change all members in one request, or in two per member if the release refuses that. Returns the way.

        add, remove: [(type of user, or None if it is not known, name)].
        """
        if self.way != "user":
            try:
                self.axl.call(
                    "updateUserGroup", name=group,
                    removeMembers=[{"userId": name} for user_type, name in remove] or None,
                    addMembers=[{"userId": name} for user_type, name in add] or None,
                )
                self.way = "delta"
                return self.way
            except AxlError as error:
                if is_of_http(error):
                    raise
                if error.code == NOT_FOUND and self.reader.members(group) is None:
                    raise no_group(group, error.where) from error
        self.way = "user"
        for user_type, name in add:
            self._set_groups(user_type, name, lambda groups: groups + _fleet.missing([group], groups))
        for user_type, name in remove:
            self._set_groups(user_type, name, lambda groups: [g for g in groups if not _fleet.same(g, group)])
        return self.way

    def _set_groups(self, user_type, name, change):
        user = None
        for kind in (user_type,) if user_type else (APPLICATION, END):
            user = user or self.reader.user(kind, name)
        if user is None:
            raise AxlError("user %s does not exist" % name, where=self.axl.session.where("updateUserGroup"),
                           cure="Check the spelling, or create the user first.", code=NOT_FOUND)
        groups = change(user.groups)
        if groups != user.groups:
            self.axl.call("update" + USER[user.type], userid=user.name, associatedGroups=[{"name": g} for g in groups])

    # Profiles

    def _arm_profile(self, step):
        given = self.wish.instance(step.name).get("authorization_string")
        authorization = given or self.make_string()
        fields = dict(self._key(step), **{
            OPERATION[step.user_type]: _fleet.INSTALL,
            "authenticationMode": BY_STRING,
            "authenticationString": authorization,
            "operationCompletion": self.completion,
        })
        self._armed_by(step, fields)
        self.armed.append(step.name)
        if not given:
            self.strings[step.name] = authorization

    def _armed_by(self, step, fields):
        """Write the profile, and record it as touched unless the cluster refused."""
        self._touched.append((step.user_type, step.name))
        try:
            if step.values["make"]:
                self._make(step, fields)
            else:
                self.axl.call("update" + PROFILE[step.user_type], instanceId=step.name, **fields)
        except AxlError:
            self._touched.pop()
            raise

    def _create_profile(self, step):
        self._make(step, dict(self._key(step), **{
            OPERATION[step.user_type]: _fleet.NO_OPERATION, "authenticationMode": BY_STRING,
        }))

    def _make(self, step, fields):
        profile = dict(fields, **{OWNER[step.user_type]: step.userid, "instanceId": step.name})
        try:
            self.axl.call("add" + PROFILE[step.user_type], **{PROFILE_TAG[step.user_type]: profile})
        except AxlError as error:
            if error.code != DUPLICATE:
                raise
            self._take_over_profile(step, fields, error)

    def _take_over_profile(self, step, fields, error):
        """The profile was created by someone else in the meantime. Continue with it if it belongs to the same user."""
        known = self.reader.profile(step.user_type, step.name)
        if known is None or not _fleet.same(known.user, step.userid):
            raise AxlError(
                "profile %s was created for another user in the meantime" % step.name, error.where,
                "Set a new instance_id, or run it again with replace.", code=error.code,
            ) from error
        if fields[OPERATION[step.user_type]] == _fleet.INSTALL:
            self.axl.call("update" + PROFILE[step.user_type], instanceId=step.name, **fields)

    def _key(self, step):
        """All fields of the key. All are sent every time, because the defaults differ between releases."""
        values = step.values
        return {
            "keySize": values["key_size"] or str(_fleet.KEY_SIZES["rsa"][0]), "keyOrder": values["key_order"],
            "ecKeySize": values["ec_key_size"] or None,
        }

    def _disarm_profile(self, step):
        self._write_operation(step.user_type, step.name, _fleet.NO_OPERATION)

    def _write_operation(self, user_type, instance_id, operation):
        self.axl.call("update" + PROFILE[user_type], instanceId=instance_id, **{OPERATION[user_type]: operation})

    def _remove_profile(self, step):
        self._remove(PROFILE[step.user_type], instanceId=step.name)


def no_group(group, where):
    return InputError(
        "there is no access control group %s" % group, where=where,
        cure="Check the spelling. Groups are not created here, because the administrator decides about their roles.",
    )


CREDENTIAL_FLAGS = {
    "pwdCredUserCantChange": True, "pwdCredUserMustChange": False, "pwdCredDoesNotExpire": True,
}


# One task


def connect(params, **session_options):
    """AxlClient from the options of the doc fragment C(cluster), as a context manager."""
    return AxlClient(login_from(params), **session_options)


def carry_out(axl, wish, apply=True, approved=None, hours=24, now=None, make_string=random_string,
              report_problems=False, current=None, tolerant=False):
    """Read, plan, apply. Returns the result of a task, with C(diff), and the Plan.

    approved: rows with object and digest, or None to approve everything. hours: lifetime of an armed profile,
    0 for the cluster's default. now: aware datetime in UTC; the default is the cluster's clock.
    report_problems: return mistakes in the result; only if nothing is applied. current: what the caller read before.
    tolerant: see Applier.apply(); C(failures) of the result contains what was refused.
    Raises InputError with the facts problems and remarks before anything is written.
    """
    if not 0 <= hours <= 720:
        raise InputError("operation_completes_hours is %d, not 0 to 720" % hours)
    if report_problems and apply:
        raise InputError("on_problems=report requires plan_only or check mode")
    wish.predicting = not apply
    reader = Reader(axl)
    current = current or reader.read(wish)
    now = now or cluster_time(axl)
    plan = _fleet.plan(wish, current, now)
    if not report_problems:
        refuse_problems(plan.problems)
    if approved is not None:
        refuse_unapproved(_fleet.not_approved(plan.steps, approved))
    completion = _fleet.deadline_text(now, hours) if hours else None
    applier = Applier(axl, reader, wish, completion, make_string)
    if apply:
        applier.apply(plan.steps, tolerant)
    armed = set(plan.armed())
    for profile in plan.after.profiles.values():
        if profile.instance_id in armed:
            profile.completion = completion or ""
    return result(wish, plan, reader, applier, now), plan


def bring_in_line(axl, wish, **options):
    """carry_out(), with the warnings of a task instead of the plan."""
    found, plan = carry_out(axl, wish, **options)
    return found, [remark.text for remark in plan.warnings] + login_warnings(axl)


def login_warnings(axl):
    return axl.session.login.warnings


def cluster_time(axl):
    skew = datetime.timedelta(seconds=axl.clock_skew or 0)
    return datetime.datetime.now(datetime.timezone.utc) + skew


def refuse_problems(problems):
    """problems: remarks."""
    if problems:
        told = told_problems(problems)
        raise InputError(
            "%s found: %s" % ("1 mistake was" if len(problems) == 1 else "%d mistakes were" % len(problems),
                              "; ".join(told["problems"])),
            cure="Nothing was changed.", **told
        )


def told_problems(problems):
    """Return values about problems: sentences for people, and rows with codes for programs."""
    return {"problems": [remark.text for remark in problems], "remarks": [remark.row() for remark in problems]}


def refuse_unapproved(objects):
    if objects:
        raise InputError(
            "changes that are not in the approved plan, or not as approved: %s" % ", ".join(objects),
            cure="Nothing was changed. Create a new plan and have it approved.", not_approved=objects,
        )


def result(wish, plan, reader, applier, now):
    """Return values of fleet_accounts."""
    return dict(told_problems(plan.problems), **{
        "changed": bool(plan.changes),
        "plan": [step.row() for step in plan.steps],
        "strings": applier.strings,
        "failures": applier.failures,
        "armed": [name for name in plan.armed() if not any(one["kind"] == "profile" and one["name"] == name for one in applier.failures)],
        "users": _fleet.shown_users(wish, plan),
        "instances": _fleet.shown_instances(wish, plan, now),
        "cutover": plan.cutover,
        "requests": reader.axl.requests,
        "read_way": reader.way,
        "group_way": applier.way,
        "release": plan.before.release,
        "diff": _fleet.difference(plan),
    })


def change_members(axl, group, members, mode, apply=True):
    """Update the members of one group: append, exact or remove. Returns the result of a task, with C(diff)."""
    reader = Reader(axl)
    present = reader.members(group)
    if present is None:
        raise no_group(group, axl.session.where("getUserGroup"))
    add, remove = _fleet.members_after(mode, members, present)
    applier = Applier(axl, reader, _fleet.Wish())
    if apply and (add or remove):
        applier.change_members(group, [(None, name) for name in add], [(None, name) for name in remove])
    after = sorted([name for name in present if name not in remove] + add)
    return {
        "changed": bool(add or remove), "name": group, "members": after, "added": add, "removed": remove,
        "group_way": applier.way, "requests": axl.requests,
        "diff": {"before": {"members": sorted(present)}, "after": {"members": after}},
    }


def of_one_user(result):
    """The part of a result with a single user that a module for one user returns."""
    kept = ("changed", "plan", "requests", "read_way", "group_way", "diff")
    return dict(((name, result[name]) for name in kept), user=result["users"][0])


def of_one_profile(result):
    """The part of a result with a single profile that a module for one profile returns."""
    kept = ("changed", "plan", "requests", "read_way", "diff")
    row = result["instances"][0]
    return dict(
        ((name, result[name]) for name in kept), profile=row["profile"], action=row["action"], reason=row["reason"],
        reason_code=row["reason_code"], string=result["strings"].get(row["instance_id"]),
    )
