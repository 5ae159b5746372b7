# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Table of the AXL operations and objects that this collection uses, without behaviour.

Names, order and types of the elements are those of the public AXL interface of CUCM 11.5 to 15. The table contains only
what a CTI client needs, about thirty of the thousand operations. The fields are in the order that AXL requires in a
request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, NamedTuple, Optional, Tuple

if TYPE_CHECKING:
    from typing import Iterable, Union

    Part = Union["Field", "Choice"]  # of a request

VERSIONS = ("11.5", "12.0", "12.5", "14.0", "15.0")

STRING = "string"
BOOLEAN = "boolean"
INTEGER = "integer"
REFERENCE = "reference"  # AXL's foreign key: the name of another object, sometimes with its uuid

CERTIFICATE_OPERATIONS = ("No Pending Operation", "Install/Upgrade", "Delete", "Troubleshoot")
AUTHENTICATION_MODES = (
    "By Authentication String",
    "By Null String",
    "By Existing Certificate (precedence to LSC)",
    "By Existing Certificate (precedence to MIC)",
)
KEY_SIZES = ("512", "1024", "2048", "3072", "4096")
KEY_ORDERS = ("RSA Only", "EC Only", "EC Preferred, RSA Backup")
EC_KEY_SIZES = ("256", "384", "521")
INSTANCE_ID = r"[A-Za-z0-9]{1,128}\Z"


class Field(NamedTuple):
    """One element of an object or a request.

    required: AXL requires it when the object is added.
    default: AXL's default, as a value or as {first version: value}. zeep does not fill in AXL's defaults, so required
        fields with a default are sent from here.
    many: the element repeats. A field whose only child repeats is a list for the caller.
    read_only: never written. secret: never read or requested.
    in_add, in_update, listed: the operations that contain the field; an object's get returns every field.
    attributes: XML attributes that are read into the result.
    """

    element: str
    type: str = STRING
    children: Tuple[Field, ...] = ()
    many: bool = False
    required: bool = False
    default: Any = None
    length: Optional[int] = None
    pattern: Optional[str] = None
    choices: Tuple[str, ...] = ()
    nillable: bool = False
    read_only: bool = False
    secret: bool = False
    in_add: bool = True
    in_update: bool = True
    listed: bool = True
    attributes: Tuple[str, ...] = ()

    @property
    def is_list(self) -> bool:
        """Whether this is a container with nothing but one repeated element."""
        return len(self.children) == 1 and self.children[0].many

    @property
    def compare(self) -> str:
        """How a requested value and the cluster's value are compared: write_only, same_set, ignoring_case or equal."""
        if self.secret:
            return "write_only"
        if self.is_list:
            return "same_set"
        return "ignoring_case" if self.type == REFERENCE else "equal"

    def default_for(self, version: str) -> Any:
        """The default in an AXL version such as C(12.5); None if there is none."""
        if not isinstance(self.default, dict):
            return self.default
        ranks = [since for since in self.default if number(since) <= number(version)]
        return self.default[max(ranks, key=number)] if ranks else None


class Choice(NamedTuple):
    """Sequences of fields. A request contains one of them, or none if it is not required."""

    alternatives: Tuple[Tuple[Field, ...], ...]
    required: bool = True

    @property
    def fields(self) -> tuple[Field, ...]:
        return tuple(field for sequence in self.alternatives for field in sequence)


class Reply(NamedTuple):
    """Where the result is in a response, and what it is.

    path: local names from the operation's response element inwards.
    shape: text, object, objects (one for each match of the last step) or rows (of free columns).
    may_lack: whether a response without the object means that there is none.
    """

    path: Tuple[str, ...]
    shape: str
    fields: Tuple[Field, ...] = ()
    attributes: Tuple[str, ...] = ()
    may_lack: bool = False


class Operation(NamedTuple):
    """One request: fields and choices in the order of the protocol, and how to read the response."""

    name: str
    request: Tuple[Part, ...]
    reply: Reply
    writes: bool = False

    @property
    def fields(self) -> tuple[Field, ...]:
        """Every field that a caller may pass, including those inside choices."""
        found: list[Field] = []
        for part in self.request:
            found.extend(part.fields if isinstance(part, Choice) else (part,))
        return tuple(found)

    @property
    def adds(self) -> bool:
        return self.name.startswith("add")


class AxlObject(NamedTuple):
    """One object of the database. The key is one field, or several fields that together identify it."""

    name: str
    tag: str
    key: Tuple[str, ...]
    fields: Tuple[Field, ...]
    criteria: Tuple[str, ...]
    operations: Tuple[str, ...] = ("add", "get", "update", "list", "remove")
    renamed_by: Optional[str] = None
    update_parts: Tuple[Part, ...] = ()
    key_length: Optional[int] = None


class Service(NamedTuple):
    """One SOAP service, with everything that its WSDL description needs.

    namespace: of the operation elements; their children have no namespace unless C(qualified) is set.
    soap_action: text with %s for the operation.
    """

    name: str
    namespace: str
    qualified: bool
    soap_action: str
    operations: Dict[str, Operation]
    version: str = ""


def number(version: str) -> tuple[int, ...]:
    """(12, 5) for C(12.5)."""
    return tuple(int(part) for part in version.split("."))


# Users and groups

PASSWORD_CREDENTIALS = (
    Field("pwdCredPolicyName", REFERENCE),
    Field("pwdCredUserCantChange", BOOLEAN),
    Field("pwdCredUserMustChange", BOOLEAN),
    Field("pwdCredDoesNotExpire", BOOLEAN),
    Field("pwdCredTimeChanged", read_only=True),
    Field("pwdCredTimeAdminLockout", read_only=True),
    Field("pwdCredLockedByAdministrator", BOOLEAN),
    Field("pwdResetHackCount", BOOLEAN),
)
DEVICES = (Field("device", many=True, length=50),)
GROUPS = (Field("userGroup", many=True, children=(Field("name", required=True, length=100),)),)
CAPF_IDS = (Field("capfProfileInstanceId", many=True, length=128),)

APP_USER = AxlObject(
    name="AppUser",
    tag="appUser",
    key=("userid",),
    renamed_by="newUserid",
    criteria=("userid",),
    fields=(
        Field("userid", required=True),
        Field("password", secret=True, length=127),
        Field("passwordCredentials", children=PASSWORD_CREDENTIALS, in_add=False, listed=False),
        Field("digestCredentials", secret=True, length=42),
        Field("presenceGroupName", REFERENCE),
        Field("acceptPresenceSubscription", BOOLEAN, default="false"),
        Field("acceptOutOfDialogRefer", BOOLEAN, default="false"),
        Field("acceptUnsolicitedNotification", BOOLEAN, default="false"),
        Field("allowReplaceHeader", BOOLEAN, default="false"),
        Field("isStandard", BOOLEAN, read_only=True),
        Field("associatedDevices", children=DEVICES, listed=False),
        Field("associatedGroups", children=GROUPS, listed=False),
        Field("associatedCapfProfiles", children=CAPF_IDS, read_only=True, listed=False),
        Field(
            "ctiControlledDeviceProfiles",
            children=(Field("deviceProfile", many=True, length=50),),
            listed=False,
        ),
    ),
)

END_USER = AxlObject(
    name="User",
    tag="user",
    key=("userid",),
    renamed_by="newUserid",
    criteria=("firstName", "lastName", "userid", "department"),
    fields=(
        Field("firstName"),
        Field("lastName", required=True),
        Field("userid", required=True),
        Field("password", secret=True),
        Field("mailid"),
        Field("department"),
        Field("associatedDevices", children=DEVICES, listed=False),
        Field("associatedGroups", children=GROUPS, listed=False),
        Field("enableCti", BOOLEAN, default="true"),
        Field("digestCredentials", secret=True, nillable=True),
        Field("presenceGroupName", REFERENCE, required=True, listed=False),
        Field("passwordCredentials", children=PASSWORD_CREDENTIALS, in_add=False, listed=False),
        Field("status", INTEGER, read_only=True),
        Field("associatedCapfProfiles", children=CAPF_IDS, read_only=True, listed=False),
        # Unlike the application user's: another child, and references instead of strings.
        Field(
            "ctiControlledDeviceProfiles",
            children=(Field("profileName", REFERENCE, many=True),),
            listed=False,
        ),
        Field("ldapDirectoryName", REFERENCE, read_only=True, listed=False),
    ),
)

MEMBERS = (Field("member", many=True, attributes=("uuid",), children=(Field("userId", required=True),)),)
ROLES = (Field("userRole", many=True, children=(Field("roleName", REFERENCE, required=True),)),)

USER_GROUP = AxlObject(
    name="UserGroup",
    tag="userGroup",
    key=("name",),
    key_length=100,
    criteria=("name",),
    fields=(
        Field("members", children=MEMBERS, listed=False),
        Field("userRoles", children=ROLES, listed=False),
        Field("name", required=True, length=128),
    ),
    # A request contains either changes of the list or the whole list. Removals come first.
    update_parts=(
        Choice(
            (
                (Field("removeMembers", children=MEMBERS), Field("addMembers", children=MEMBERS)),
                (Field("members", children=MEMBERS),),
            ),
            required=False,
        ),
        Choice(
            (
                (Field("removeUserRoles", children=ROLES), Field("addUserRoles", children=ROLES)),
                (Field("userRoles", children=ROLES),),
            ),
            required=False,
        ),
        Field("newName", length=128),
    ),
)

# CAPF profiles


def capf_profile(name: str, tag: str, user: str, operation: str) -> AxlObject:
    """The two profile objects differ only in the names of the user and of the operation.

    The operation is C(certificateOperation) for application users and C(certificationOperation) for end users. The
    status is C(certificationOperationStatus) for both.
    """
    return AxlObject(
        name=name,
        tag=tag,
        key=("instanceId",),
        criteria=(user, "instanceId"),
        fields=(
            Field(user, REFERENCE, required=True, in_update=False),
            Field("instanceId", required=True, pattern=INSTANCE_ID),
            Field(operation, required=True, default="No Pending Operation", choices=CERTIFICATE_OPERATIONS),
            Field("authenticationMode", required=True, default="By Null String", choices=AUTHENTICATION_MODES),
            Field("authenticationString", secret=True),
            Field("keySize", required=True, default={"11.5": "1024", "12.5": "2048"}, choices=KEY_SIZES),
            Field("keyOrder", default="RSA Only", choices=KEY_ORDERS),
            Field("ecKeySize", default={"11.5": "384", "12.5": None}, choices=EC_KEY_SIZES),
            Field("operationCompletion"),
            Field("certificationOperationStatus", read_only=True),
        ),
    )


APPLICATION_USER_CAPF_PROFILE = capf_profile(
    "ApplicationUserCapfProfile", "applicationUserCapfProfile", "applicationUser", "certificateOperation"
)
END_USER_CAPF_PROFILE = capf_profile(
    "EndUserCapfProfile", "endUserCapfProfile", "endUserId", "certificationOperation"
)

# Nodes, services, parameters

SERVICE_PARAMETER = AxlObject(
    name="ServiceParameter",
    tag="serviceParameter",
    key=("processNodeName", "name", "service"),
    criteria=("processNodeName", "service"),
    operations=("get", "list"),
    fields=(
        Field("processNodeName", REFERENCE, required=True),
        Field("name", required=True),
        Field("service", required=True),
        Field("value", nillable=True),
        Field("valueType", read_only=True),
    ),
)

PROCESS_NODE = AxlObject(
    name="ProcessNode",
    tag="processNode",
    key=("name",),
    key_length=100,
    criteria=("name", "description", "processNodeRole"),
    operations=("get", "list"),
    fields=(
        Field("name", required=True, length=255),
        Field("description", length=50),
        Field("ipv6Name"),
        Field("nodeUsage", read_only=True),
        Field("lbmHubGroup", REFERENCE, nillable=True),
        Field("processNodeRole"),
        Field("cupDomain", listed=False),
    ),
)

PROCESS_NODE_SERVICE = AxlObject(
    name="ProcessNodeService",
    tag="processNodeService",
    key=("processNodeName", "service"),
    criteria=("processNodeName",),
    operations=("list",),
    fields=(
        Field("processNodeName", REFERENCE),
        Field("service"),
        Field("enable", BOOLEAN),
        Field("isActive", BOOLEAN),
    ),
)

OBJECTS = (
    APP_USER,
    END_USER,
    USER_GROUP,
    APPLICATION_USER_CAPF_PROFILE,
    END_USER_CAPF_PROFILE,
    SERVICE_PARAMETER,
    PROCESS_NODE,
    PROCESS_NODE_SERVICE,
)


def _field(axl_object: AxlObject, element: str) -> Field:
    return [field for field in axl_object.fields if field.element == element][0]


def _key(axl_object: AxlObject) -> Choice:
    """The natural key or the uuid."""
    natural = tuple(
        _field(axl_object, element)._replace(required=True, pattern=None, length=axl_object.key_length)
        for element in axl_object.key
    )
    return Choice((natural, (Field("uuid", length=38),)))


def _tags(fields: Iterable[Field]) -> Field:
    return Field("returnedTags", children=tuple(field._replace(required=False) for field in fields))


def _readable(fields: Iterable[Field]) -> tuple[Field, ...]:
    return tuple(field for field in fields if not field.secret)


def _update_fields(axl_object: AxlObject) -> tuple[Part, ...]:
    """The changes in order. A new name is in the place of the name in the object."""
    if axl_object.update_parts:
        return axl_object.update_parts
    found = []
    for field in axl_object.fields:
        if field.element in axl_object.key:
            if axl_object.renamed_by:
                found.append(field._replace(element=axl_object.renamed_by, required=False))
        elif field.in_update and not field.read_only:
            found.append(field._replace(required=False))
    return tuple(found)


def _operation(axl_object: AxlObject, verb: str) -> Operation:
    name = verb + axl_object.name
    shown = _readable(axl_object.fields)
    if verb == "add":
        written = tuple(field for field in axl_object.fields if field.in_add and not field.read_only)
        return Operation(name, (Field(axl_object.tag, children=written, required=True),), UUID_REPLY, writes=True)
    if verb == "update":
        return Operation(name, (_key(axl_object),) + _update_fields(axl_object), UUID_REPLY, writes=True)
    if verb == "remove":
        return Operation(name, (_key(axl_object),), UUID_REPLY, writes=True)
    if verb == "get":
        reply = Reply(("return", axl_object.tag), "object", shown, ("uuid",))
        return Operation(name, (_key(axl_object), _tags(shown)), reply)
    listed = tuple(field for field in shown if field.listed)
    criteria = tuple(Field(element) for element in axl_object.criteria)
    request = (
        Field("searchCriteria", children=criteria, required=True),
        _tags(listed)._replace(required=True),
        Field("skip", INTEGER),
        Field("first", INTEGER),
    )
    return Operation(name, request, Reply(("return", axl_object.tag), "objects", listed, ("uuid",)))


UUID_REPLY = Reply(("return",), "text")

CHANGE = Field(
    "change",
    many=True,
    attributes=("type", "uuid"),
    children=(
        Field("id", INTEGER),
        Field("action"),
        Field("serviceType"),
        Field("doGet", BOOLEAN),
        Field("changedTags", children=(Field("changedTag", many=True, attributes=("name",)),)),
    ),
)
QUEUE_INFO = Field(
    "queueInfo",
    children=(
        Field("firstChangeId", INTEGER),
        Field("lastChangeId", INTEGER),
        Field("nextStartChangeId", INTEGER),
        Field("queueId"),
    ),
)

FREE_OPERATIONS = (
    Operation("executeSQLQuery", (Field("sql", required=True),), Reply(("return", "row"), "rows")),
    Operation(
        "listChange",
        (
            Field("startChangeId", INTEGER, attributes=("queueId",)),
            Field("objectList", children=(Field("object", many=True),)),
        ),
        Reply((), "object", (QUEUE_INFO, Field("changes", children=(CHANGE,)))),
    ),
    Operation(
        "doAuthenticateUser",
        (Field("userid", required=True, length=128), Field("password", required=True, secret=True)),
        Reply(("return",), "object", (Field("userAuthenticated", BOOLEAN), Field("code", INTEGER))),
    ),
    Operation(
        "getCCMVersion",
        (Field("processNodeName", length=255),),
        Reply(("return", "componentVersion", "version"), "text"),
    ),
)

OPERATIONS = dict(
    (operation.name, operation)
    for operation in tuple(_operation(one, verb) for one in OBJECTS for verb in one.operations) + FREE_OPERATIONS
)


def axl(version: str) -> Service:
    """The AXL service in the schema of a version such as C(12.5)."""
    return Service(
        name="AXLAPI",
        namespace="http://www.cisco.com/AXL/API/%s" % version,
        qualified=False,
        soap_action="CUCM:DB ver=%s %%s" % version,
        operations=OPERATIONS,
        version=version,
    )
