# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AXL's operations over the cluster: from a Request to what stands in the answer. No sockets, no HTTP.

C(OPERATIONS) names every operation with its function, and whether it writes. A function takes the cluster and the
Request and returns what fills the response element.
"""

from __future__ import annotations

import re

from simulator.accounts import KINDS, NOT_FOUND, ClusterFault, not_found
from simulator.soap import NIL, Reference, braced

VOICE = "CUCM Voice/Video"
_FLAGS = {
    "acceptPresenceSubscription": "aclpresencesubscription", "acceptOutOfDialogRefer": "acloodrefer",
    "acceptUnsolicitedNotification": "aclunsolicitednotification", "allowReplaceHeader": "aclallowreplace",
}
_CREDENTIAL_FLAGS = {
    "pwdCredUserCantChange": "cantchange", "pwdCredUserMustChange": "mustchange",
    "pwdCredDoesNotExpire": "doesnotexpire", "pwdCredLockedByAdministrator": "locked",
}
_END_COLUMNS = {"firstName": "firstname", "lastName": "lastname", "department": "department"}
_OPERATION_TAGS = {"application": "certificateOperation", "end": "certificationOperation"}
_USER_TAGS = {"application": "applicationUser", "end": "endUserId"}
_PROFILE_FIELDS = {
    "authenticationMode": "mode", "authenticationString": "string", "keySize": "key_size", "keyOrder": "key_order",
    "ecKeySize": "ec_key_size", "operationCompletion": "operation_completion",
}
_CHOICES = {
    "keySize": ("512", "1024", "2048", "3072", "4096"),
    "keyOrder": ("RSA Only", "EC Only", "EC Preferred, RSA Backup"),
    "ecKeySize": ("", "256", "384", "521"),
}


def _boolean(flag):
    return flag == "t"


def _tagged(values, tags):
    """The values whose names were asked for; all of them when nothing was."""
    if tags is None:
        return values
    return {name: value for name, value in values.items() if name in tags or name.startswith("@")}


def _page(request, rows):
    first = request.text("first")
    if first is None:
        return rows
    skip = int(request.text("skip") or 0)
    return rows[skip:skip + int(first)]


def _criteria(request, *names):
    """Patterns of the search criteria; a request without any is refused."""
    given = {name: request.text("searchCriteria", name) for name in names}
    if all(value is None for value in given.values()):
        raise ClusterFault(5002, "Atleast one valid searchCriteria is required")
    return [given[name] if given[name] is not None else "%" for name in names]


def _matches(pattern, value):
    expression = ".*".join(re.escape(part) for part in pattern.split("%"))
    return re.fullmatch(expression, value or "", re.IGNORECASE | re.DOTALL) is not None


def _updated(key):
    return {"return": braced(key)}


# AppUser and User


def _user_fields(kind, request, adding):
    """Arguments of Accounts.add_user or update_user."""
    fields = {"password": request.secret("password"), "digest": request.secret("digestCredentials"),
              "presence": request.text("presenceGroupName")}
    fields["devices"] = request.texts("associatedDevices", "device")
    groups = request.child("associatedGroups")
    if groups is not None:
        fields["groups"] = [group.text("name") for group in groups.children("userGroup")]
    profile_tag = "deviceProfile" if kind == "application" else "profileName"
    fields["device_profiles"] = request.texts("ctiControlledDeviceProfiles", profile_tag)
    if kind == "application":
        fields.update({column: request.flag(tag) for tag, column in _FLAGS.items()})
    else:
        fields.update({column: request.text(tag) for tag, column in _END_COLUMNS.items()})
        fields["enablecti"] = request.flag("enableCti")
    if not adding:
        credentials = request.child("passwordCredentials")
        if credentials is not None:
            flags = {column: credentials.flag(tag) for tag, column in _CREDENTIAL_FLAGS.items()}
            fields["credentials"] = {column: flag for column, flag in flags.items() if flag is not None}
            if flags["locked"] == "f" or credentials.flag("pwdResetHackCount") == "t":
                fields["credentials"]["failed"] = 0
    if adding:
        return {name: value for name, value in fields.items() if value is not None}
    return fields


def _add_user(kind, tag):
    def add(cluster, request):
        user = request.child(tag)
        name = user.text("userid")
        return _updated(cluster.accounts.add_user(kind, name, **_user_fields(kind, user, adding=True)))
    return add


def _update_user(kind):
    def update(cluster, request):
        fields = _user_fields(kind, request, adding=False)
        if not cluster.features.empty_list_clears:
            fields = {name: None if value == [] else value for name, value in fields.items()}
        return _updated(cluster.accounts.update_user(
            kind, request.text("userid"), request.key_uuid, new_name=request.text("newUserid"), **fields))
    return update


def _remove_user(kind):
    def remove(cluster, request):
        return _updated(cluster.accounts.remove_user(kind, request.text("userid"), request.key_uuid))
    return remove


def _presence(cluster, row):
    return Reference(cluster.accounts.presence(row["pkid"]), row["pkid"])


def _listed_user(cluster, kind, row):
    if kind == "application":
        values = {"@uuid": braced(row["pkid"]), "userid": row["name"], "presenceGroupName": _presence(cluster, row)}
        values.update({tag: _boolean(row[column]) for tag, column in _FLAGS.items()})
        values["isStandard"] = _boolean(row["isstandard"])
        return values
    return {
        "@uuid": braced(row["pkid"]), "firstName": row["firstname"], "lastName": row["lastname"],
        "userid": row["userid"], "department": row["department"], "enableCti": _boolean(row["enablecti"]),
        "status": row["status"],
    }


def _whole_user(cluster, kind, row):
    accounts, key = cluster.accounts, row["pkid"]
    groups = [
        {"name": name, "userRoles": {"userRole": accounts.roles_of_group(accounts.group(name)["pkid"])}}
        for name in accounts.groups_of(kind, key)
    ]
    lists = {
        "associatedDevices": {"device": accounts.controlled_devices(kind, key)},
        "associatedGroups": {"userGroup": groups},
    }
    user = row[KINDS[kind].name]
    profiles = [profile.instance_id for profile in accounts.profiles(kind, user) if profile.user == user]
    capf = {"capfProfileInstanceId": profiles}
    credentials = _password_credentials(accounts.credential(key))
    listed = _listed_user(cluster, kind, row)
    if kind == "application":
        head = {"@uuid": listed["@uuid"], "userid": listed["userid"], "passwordCredentials": credentials}
        rest = {name: value for name, value in listed.items() if name not in head}
        controlled = {"deviceProfile": accounts.device_profiles(key)}
        return {**head, **rest, **lists, "associatedCapfProfiles": capf, "ctiControlledDeviceProfiles": controlled}
    names = ("@uuid", "firstName", "lastName", "userid", "department")
    return {
        **{name: listed[name] for name in names}, **lists, "enableCti": listed["enableCti"],
        "presenceGroupName": _presence(cluster, row), "passwordCredentials": credentials, "status": row["status"],
        "associatedCapfProfiles": capf,
        "ctiControlledDeviceProfiles": {"profileName": accounts.device_profiles(key)},
    }


def _password_credentials(credential):
    if credential is None:
        return None
    values = {"pwdCredPolicyName": Reference("Default Credential Policy", credential["fkuser"])}
    for tag in ("pwdCredUserCantChange", "pwdCredUserMustChange", "pwdCredDoesNotExpire"):
        values[tag] = _boolean(credential[_CREDENTIAL_FLAGS[tag]])
    values["pwdCredTimeChanged"] = credential["changed"]
    values["pwdCredTimeAdminLockout"] = NIL
    values["pwdCredLockedByAdministrator"] = _boolean(credential["locked"])
    return values


def _get_user(kind, tag):
    def get(cluster, request):
        row = cluster.accounts.user(kind, request.text("userid"), request.key_uuid)
        if row is None:
            raise not_found(KINDS[kind].title)
        return {"return": {tag: _tagged(_whole_user(cluster, kind, row), request.returned_tags or None)}}
    return get


def _list_users(kind, tag):
    criteria = {"userid": KINDS[kind].name}
    if kind == "end":
        criteria.update(_END_COLUMNS)

    def list_them(cluster, request):
        patterns = dict(zip(criteria, _criteria(request, *criteria)))
        rows = [
            row for row in cluster.accounts.users(kind)
            if all(_matches(patterns[name], row[column]) for name, column in criteria.items())
        ]
        found = [_tagged(_listed_user(cluster, kind, row), request.returned_tags) for row in _page(request, rows)]
        return {"return": {tag: found}}
    return list_them


# UserGroup


def _members(request, name):
    container = request.child(name)
    return None if container is None else [member.text("userId") for member in container.children("member")]


def _roles(request, name):
    container = request.child(name)
    return None if container is None else [role.text("roleName") for role in container.children("userRole")]


def _add_group(cluster, request):
    group = request.child("userGroup")
    return _updated(cluster.accounts.add_group(
        group.text("name"), _members(group, "members") or (), _roles(group, "userRoles") or ()))


def _update_group(cluster, request):
    return _updated(cluster.accounts.update_group(
        request.text("name"), request.key_uuid, new_name=request.text("newName"), members=_members(request, "members"),
        add_members=_members(request, "addMembers") or (), remove_members=_members(request, "removeMembers") or (),
        roles=_roles(request, "userRoles"), add_roles=_roles(request, "addUserRoles") or (),
        remove_roles=_roles(request, "removeUserRoles") or ()))


def _remove_group(cluster, request):
    return _updated(cluster.accounts.remove_group(request.text("name"), request.key_uuid))


def _get_group(cluster, request):
    accounts = cluster.accounts
    group = accounts.group(request.text("name"), request.key_uuid)
    key = group["pkid"]
    values = {
        "@uuid": braced(key),
        "members": {"member": [{"@uuid": braced(user), "userId": name} for name, user in accounts.members(key)]},
        "userRoles": {"userRole": [{"roleName": role} for role in accounts.roles_of_group(key)]},
        "name": group["name"],
    }
    return {"return": {"userGroup": _tagged(values, request.returned_tags or None)}}


def _list_groups(cluster, request):
    pattern, = _criteria(request, "name")
    rows = _page(request, [row for row in cluster.accounts.groups() if _matches(pattern, row["name"])])
    found = [_tagged({"@uuid": braced(row["pkid"]), "name": row["name"]}, request.returned_tags) for row in rows]
    return {"return": {"userGroup": found}}


# CAPF profiles


def _profile_fields(request):
    fields = {name: request.secret(tag) for tag, name in _PROFILE_FIELDS.items()}
    for tag, choices in _CHOICES.items():
        if request.has(tag) and request.text(tag) not in choices:
            raise ClusterFault(NOT_FOUND, "Item not valid: The specified %s was not found" % tag)
    return fields


def _add_profile(kind, tag):
    def add(cluster, request):
        profile = request.child(tag)
        return _updated(cluster.accounts.add_profile(
            kind, profile.text(_USER_TAGS[kind]), profile.text("instanceId"),
            profile.text(_OPERATION_TAGS[kind]) or "No Pending Operation", **_profile_fields(profile)))
    return add


def _update_profile(kind):
    def update(cluster, request):
        return _updated(cluster.accounts.update_profile(
            kind, request.text("instanceId"), request.key_uuid, request.text(_OPERATION_TAGS[kind]),
            **_profile_fields(request)))
    return update


def _remove_profile(kind):
    def remove(cluster, request):
        return _updated(cluster.accounts.remove_profile(kind, request.text("instanceId"), request.key_uuid))
    return remove


def _profile_values(cluster, profile):
    user = cluster.accounts.user(profile.kind, profile.user)
    string = profile.string if cluster.features.shows_strings else ""
    return {
        "@uuid": braced(profile.pkid), _USER_TAGS[profile.kind]: Reference(profile.user, user["pkid"]),
        "instanceId": profile.instance_id, _OPERATION_TAGS[profile.kind]: profile.operation,
        "authenticationMode": profile.mode, "authenticationString": string, "keySize": profile.key_size,
        "keyOrder": profile.key_order, "ecKeySize": profile.ec_key_size or None,
        "operationCompletion": profile.operation_completion, "certificationOperationStatus": profile.status,
    }


def _get_profile(kind, tag):
    def get(cluster, request):
        profile = cluster.accounts.profile(request.text("instanceId"), request.key_uuid, kind)
        if profile is None:
            raise not_found(tag[0].upper() + tag[1:])
        return {"return": {tag: _tagged(_profile_values(cluster, profile), request.returned_tags or None)}}
    return get


def _list_profiles(kind, tag):
    def list_them(cluster, request):
        user, instance_id = _criteria(request, _USER_TAGS[kind], "instanceId")
        profiles = _page(request, cluster.accounts.profiles(kind, user, instance_id))
        return {"return": {tag: [_tagged(_profile_values(cluster, p), request.returned_tags) for p in profiles]}}
    return list_them


# Nodes, services, parameters


_PARAMETERS = (
    "select c.pkid, n.name node, n.pkid nodekey, t.name service, c.paramname, c.paramvalue, c.tkparam"
    " from processconfig c join processnode n on n.pkid=c.fkprocessnode join typeservice t on t.enum=c.tkservice"
    " order by n.name, c.paramname"
)


def _parameter_values(row):
    return {
        "@uuid": braced(row["pkid"]), "processNodeName": Reference(row["node"], row["nodekey"]),
        "name": row["paramname"], "service": row["service"],
        "value": NIL if row["paramvalue"] is None else row["paramvalue"], "valueType": row["tkparam"],
    }


def _find_parameter(cluster, request):
    key = (request.text("processNodeName"), request.text("name"), request.text("service"))
    for row in cluster.database.rows(_PARAMETERS):
        if row["pkid"] == request.key_uuid or (row["node"], row["paramname"], row["service"]) == key:
            return row
    raise not_found("ServiceParameter")


def _get_parameter(cluster, request):
    row = _find_parameter(cluster, request)
    return {"return": {"serviceParameter": _tagged(_parameter_values(row), request.returned_tags or None)}}


def _update_parameter(cluster, request):
    row = _find_parameter(cluster, request)
    if request.has("value"):
        cluster.database.update("processconfig", "pkid", row["pkid"], paramvalue=request.text("value"))
    return _updated(row["pkid"])


def _list_parameters(cluster, request):
    node, service = _criteria(request, "processNodeName", "service")
    rows = [
        row for row in cluster.database.rows(_PARAMETERS)
        if _matches(node, row["node"]) and _matches(service, row["service"])
    ]
    found = [_tagged(_parameter_values(row), request.returned_tags) for row in _page(request, rows)]
    return {"return": {"serviceParameter": found}}


def _node_values(cluster, row, listed):
    usage = "Publisher" if row["tknodeusage"] == 0 else "Subscriber"
    values = {
        "@uuid": braced(row["pkid"]), "name": row["name"], "description": row["description"], "ipv6Name": "",
        "nodeUsage": usage, "lbmHubGroup": NIL, "processNodeRole": VOICE,
    }
    if not listed:
        values["cupDomain"] = ""
    if cluster.features.ordered_process_node:
        return values
    return {name: values[name] for name in ["@uuid", "processNodeRole"] + list(values)}


def _get_node(cluster, request):
    for row in cluster.database.rows("select * from processnode"):
        if row["pkid"] == request.key_uuid or row["name"] == request.text("name"):
            values = _node_values(cluster, row, listed=False)
            return {"return": {"processNode": _tagged(values, request.returned_tags or None)}}
    raise not_found("ProcessNode")


def _list_nodes(cluster, request):
    name, description, role = _criteria(request, "name", "description", "processNodeRole")
    rows = [
        row for row in cluster.database.rows("select * from processnode order by name")
        if _matches(name, row["name"]) and _matches(description, row["description"]) and _matches(role, VOICE)
    ]
    found = [_tagged(_node_values(cluster, row, listed=True), request.returned_tags) for row in _page(request, rows)]
    return {"return": {"processNode": found}}


def _list_node_services(cluster, request):
    pattern, = _criteria(request, "processNodeName")
    rows = cluster.database.rows(
        "select s.*, n.name node, t.name service from processnodeservice s join processnode n on n.pkid=s.fkprocessnode"
        " join typeservice t on t.enum=s.tkservice order by n.name, t.name")
    found = [
        _tagged({
            "@uuid": braced(row["pkid"]), "processNodeName": Reference(row["node"], row["fkprocessnode"]),
            "service": row["service"], "traceLevel": 127, "userCategories": 0, "enable": _boolean(row["enable"]),
            "numFiles": 250, "maxFileSize": 2, "isActive": _boolean(row["isactive"]),
        }, request.returned_tags)
        for row in rows if _matches(pattern, row["node"])
    ]
    return {"return": {"processNodeService": _page(request, found)}}


# SQL, changes, version


def _query(cluster, request):
    if not cluster.features.sql:
        raise ClusterFault(-1, "executeSQLQuery is not allowed for this user")
    columns, rows = cluster.query(request.text("sql"))
    names = [re.sub(r"\W.*", "", column) or "constant" for column in columns]
    found = [
        {name: "" if value is None else str(value) for name, value in zip(names, row)} for row in rows
    ]
    return {"return": {"row": found}}


def _changes(cluster, request):
    queue = request.child("startChangeId")
    start = 1
    if queue is not None:
        if queue.element.get("queueId") != cluster.queue_id:
            raise ClusterFault(
                NOT_FOUND, "queueId value does not match the current queueId, full sync is needed")
        start = int(request.text("startChangeId"))
    wanted = request.texts("objectList", "object") or None
    last = len(cluster.changes)
    changes = [] if queue is None else [
        {"@type": change.type, "@uuid": braced(change.uuid), "id": change.number, "action": change.action,
         "doGet": change.action != "r", "changedTags": ""}
        for change in cluster.changes[start - 1:] if wanted is None or change.type in wanted
    ]
    info = {"firstChangeId": min(1, last), "lastChangeId": last, "nextStartChangeId": last + 1,
            "queueId": cluster.queue_id}
    return {"queueInfo": info, "changes": {"change": changes}}


def _version(cluster, _request):
    return {"return": {"componentVersion": {"version": cluster.features.version}}}


def _authenticate(cluster, request):
    """End users only; what IMS answers beside true and false is not documented."""
    user = cluster.accounts.user("end", request.text("userid"))
    right = user is not None and cluster.accounts.credential(user["pkid"])["password"] == request.text("password")
    return {"return": {"userAuthenticated": "true" if right else "false", "code": "0" if right else "1"}}


def _object(name, tag, add, get, update, list_them, remove):
    functions = {"add": add, "get": get, "update": update, "list": list_them, "remove": remove}
    return {verb + name: (function, verb in ("add", "update", "remove")) for verb, function in functions.items()}


def _users(kind, name, tag):
    return _object(name, tag, _add_user(kind, tag), _get_user(kind, tag), _update_user(kind), _list_users(kind, tag),
                   _remove_user(kind))


def _profiles(kind, name, tag):
    return _object(name, tag, _add_profile(kind, tag), _get_profile(kind, tag), _update_profile(kind),
                   _list_profiles(kind, tag), _remove_profile(kind))


OPERATIONS = {
    **_users("application", "AppUser", "appUser"),
    **_users("end", "User", "user"),
    **_object("UserGroup", "userGroup", _add_group, _get_group, _update_group, _list_groups, _remove_group),
    **_profiles("application", "ApplicationUserCapfProfile", "applicationUserCapfProfile"),
    **_profiles("end", "EndUserCapfProfile", "endUserCapfProfile"),
    "getServiceParameter": (_get_parameter, False),
    "updateServiceParameter": (_update_parameter, True),
    "listServiceParameter": (_list_parameters, False),
    "getProcessNode": (_get_node, False),
    "listProcessNode": (_list_nodes, False),
    "listProcessNodeService": (_list_node_services, False),
    "executeSQLQuery": (_query, False),
    "listChange": (_changes, False),
    "doAuthenticateUser": (_authenticate, False),
    "getCCMVersion": (_version, False),
}
