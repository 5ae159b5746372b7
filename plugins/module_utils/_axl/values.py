# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Convert Python values to AXL values and back, according to the table in C(schema).

Writing: None leaves a field out, and CLEAR or an empty list empties it. Reading: by local name and in any
order, because some releases respond out of schema order and newer ones add fields. Fields that are not in the
table are ignored.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ansible_collections.voiceops.secure_tsp.plugins.module_utils._axl.schema import (
    BOOLEAN,
    INTEGER,
    Choice,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import FormatError, InputError

if TYPE_CHECKING:
    from typing import Any, Collection, Container, Iterable, Mapping, Sequence
    from xml.etree.ElementTree import Element

    from ansible_collections.voiceops.secure_tsp.plugins.module_utils._axl.schema import Field, Operation

XSI_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
TRUE = ("t", "true", "1")
FALSE = ("f", "false", "0")


class _Clear:
    """Empties a list, or sets a field that may be nil to nil. None leaves the field as it is."""

    def __repr__(self) -> str:
        return "CLEAR"


CLEAR = _Clear()


# Python to AXL


def encode(operation: Operation, values: Mapping[str, Any], version: str = "", nil: Any = None) -> dict[str, Any]:
    """Keyword arguments for zeep from the caller's values.

    version: AXL version that determines the defaults of required fields when an object is added.
    nil: the SOAP library's value for xsi:nil.
    Raises InputError for an unknown field, a missing or ambiguous key, a wrong type, length or choice.
    """
    values = dict((name, value) for name, value in values.items() if value is not None)
    if any(field.element == "returnedTags" for field in operation.fields):
        values["returnedTags"] = _wanted(operation, values.get("returnedTags"))
    _refuse_unknown(operation.fields, values, operation.name)
    for part in operation.request:
        if isinstance(part, Choice):
            _check_choice(part, values, operation.name)
        else:
            _check_present(part, values, operation.name)
    encoder = _Encoder(operation, version, nil)
    return dict(
        (field.element, encoder.value(field, values[field.element]))
        for field in _unique(operation.fields)
        if field.element in values
    )


def secrets(operation: Operation, values: Mapping[str, Any]) -> list[str]:
    """The secret strings of a request, to be masked in the server's response."""
    found = []
    for field in _unique(operation.fields):
        value = values.get(field.element)
        if field.secret and value:
            found.append(str(value))
        elif isinstance(value, dict):
            found.extend(str(value[child.element]) for child in field.children
                         if child.secret and value.get(child.element))
    return found


def _unique(fields: Iterable[Field]) -> Iterable[Field]:
    return dict((field.element, field) for field in fields).values()


def _wanted(operation: Operation, names: Collection[str] | None) -> dict[str, Any]:
    """Request every readable field by name, so that a response never contains a secret."""
    fields = operation.reply.fields
    if names is None:
        return dict((field.element, _placeholder(field)) for field in fields)
    known = dict((field.element, field) for field in fields)
    for name in names:
        if name not in known:
            raise InputError("%s has no field %s to return" % (operation.name, name), where="returnedTags")
    return dict((field.element, _placeholder(field)) for field in fields if field.element in names)


def _placeholder(field: Field) -> Any:
    if not field.children:
        # The content of a returned tag is ignored, but the schema requires a valid boolean.
        content = "true" if field.type == BOOLEAN else ""
        return [content] if field.many else content
    inner = dict((child.element, _placeholder(child)) for child in field.children)
    return [inner] if field.many else inner


def _refuse_unknown(fields: Iterable[Field], values: Iterable[str], where: str) -> None:
    known = set(field.element for field in fields)
    for name in values:
        if name not in known:
            raise InputError("there is no field %s" % name, where=where)


def _check_choice(choice: Choice, values: Collection[str], where: str) -> None:
    given = [
        sequence for sequence in choice.alternatives if any(field.element in values for field in sequence)
    ]
    if len(given) > 1:
        raise InputError(
            "give only one of %s" % " or ".join("+".join(f.element for f in sequence) for sequence in given),
            where=where,
        )
    if not given:
        if choice.required:
            raise InputError(
                "one of %s is required" % " or ".join(
                    "+".join(f.element for f in sequence) for sequence in choice.alternatives
                ),
                where=where,
            )
        return
    for field in given[0]:
        _check_present(field, values, where)


def _check_present(field: Field, values: Container[str], where: str) -> None:
    if field.required and field.element not in values:
        raise InputError("the field %s is required" % field.element, where=where)


class _Encoder:
    """Walks the values of one request along the fields of its operation."""

    def __init__(self, operation: Operation, version: str, nil: Any) -> None:
        self.operation = operation
        self.version = version
        self.nil = nil

    def value(self, field: Field, value: Any) -> Any:
        if field.element == "returnedTags":
            return value
        if value is CLEAR:
            return self._cleared(field)
        if field.many:
            one = field._replace(many=False)
            return [self.value(one, item) for item in self._listed(field, value)]
        if field.is_list:
            child = field.children[0]
            return {child.element: self.value(child, value)} if self._listed(field, value) else {}
        if field.children:
            return self._object(field, value)
        if field.attributes:
            return self._attributed(field, value)
        return self._scalar(field, value)

    def _where(self, field: Field) -> str:
        return "%s, field %s" % (self.operation.name, field.element)

    def _cleared(self, field: Field) -> Any:
        if field.is_list:
            return {}
        if field.nillable and self.nil is not None:
            return self.nil
        raise InputError("this field cannot be cleared", where=self._where(field))

    def _listed(self, field: Field, value: Any) -> Sequence[Any]:
        if not isinstance(value, (list, tuple)):
            raise InputError("a list is expected", where=self._where(field))
        return value

    def _object(self, field: Field, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise InputError("a dictionary is expected", where=self._where(field))
        value = dict((name, item) for name, item in value.items() if item is not None)
        _refuse_unknown(field.children, value, self._where(field))
        if field.element == "searchCriteria" and not value:
            raise InputError("at least one criterion is required", where=self._where(field))
        result = {}
        for child in field.children:
            if child.element not in value and child.required and self.operation.adds:
                default = child.default_for(self.version) if self.version else None
                if default is not None:
                    value[child.element] = default
            _check_present(child, value, self._where(field))
            if child.element in value:
                result[child.element] = self.value(child, value[child.element])
        return result

    def _attributed(self, field: Field, value: tuple[object, object]) -> dict[str, str]:
        """A number with one attribute, given as a pair."""
        content, attribute = value
        return {"_value_1": str(content), field.attributes[0]: str(attribute)}

    def _scalar(self, field: Field, value: object) -> str:
        if field.type == BOOLEAN:
            return "true" if self._truth(field, value) else "false"
        if isinstance(value, (bool, dict, list, tuple)):
            raise InputError("a string is expected", where=self._where(field))
        text = str(value)
        if field.type == INTEGER and not re.match(r"[0-9]+\Z", text):
            raise InputError("a number is expected", where=self._where(field))
        if field.length is not None and len(text) > field.length:
            raise InputError(
                "%d characters are too long, at most %d are allowed" % (len(text), field.length),
                where=self._where(field),
            )
        if field.choices and text not in field.choices:
            raise InputError(
                "%s is not one of %s" % (text, ", ".join(field.choices)), where=self._where(field)
            )
        if field.pattern and not re.match(field.pattern, text):
            raise InputError("1 to 128 characters of a-z, A-Z and 0-9 are expected", where=self._where(field))
        return text

    def _truth(self, field: Field, value: object) -> bool:
        text = str(value).lower()
        if text not in TRUE + FALSE:
            raise InputError("true or false is expected", where=self._where(field))
        return text in TRUE


# AXL to Python


def local_name(element: Element) -> str:
    """Name of an XML element without its namespace; empty for comments and the like."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def find(element: Element, name: str) -> Element | None:
    """The first child with that local name, or None."""
    for child in element:
        if local_name(child) == name:
            return child
    return None


def decode(operation: Operation, response: Element, wanted: Container[str] | None = None) -> Any:
    """The result of a response element: text, dict, list of dicts, or rows, as Operation.reply specifies.

    wanted: names of the requested fields; lists among them are always present. Raises FormatError if the object is missing.
    """
    reply = operation.reply
    found = [response]
    for step in reply.path:
        found = [child for element in found for child in element if local_name(child) == step]
    if reply.shape == "rows":
        return [_row(element) for element in found]
    if reply.shape == "text":
        return _text(found[0]) if found else None
    fields = reply.fields if wanted is None else [f for f in reply.fields if f.element in wanted]
    objects = [_decode_object(element, fields, reply.attributes) for element in found]
    if reply.shape == "objects":
        return objects
    if not objects and not reply.may_lack:
        raise FormatError("the response to %s lacks %s" % (operation.name, "/".join(reply.path)))
    return objects[0] if objects else {}


def _row(element: Element) -> dict[str, str | None]:
    return dict((local_name(column).lower(), _text(column)) for column in element if local_name(column))


def _text(element: Element) -> str | None:
    """The text of a leaf; None if it is nil or empty, which SQL rows do not distinguish."""
    return None if _is_nil(element) else (element.text or None)


def _is_nil(element: Element) -> bool:
    return element.get(XSI_NIL, "").lower() in TRUE


def _decode_object(element: Element, fields: Iterable[Field], attributes: Iterable[str] = ()) -> dict[str, Any]:
    known = dict((field.element, field) for field in fields)
    result: dict[str, Any] = dict((field.element, []) for field in fields if field.is_list)
    for name in attributes:
        if element.get(name) is not None:
            result[name] = element.get(name)
    for child in element:
        field = known.get(local_name(child))
        if field is not None:
            result[field.element] = _decode(child, field)
    return result


def _decode(element: Element, field: Field) -> Any:
    if field.is_list:
        item = field.children[0]
        found = [_decode(child, item) for child in element if local_name(child) == item.element]
        return [one for one in found if one is not None]
    if _is_nil(element):
        return None
    if field.children:
        return _decode_object(element, field.children, field.attributes)
    if field.attributes:
        return dict((name, element.get(name)) for name in field.attributes)
    return _decode_scalar((element.text or "").strip(), field)


def _decode_scalar(text: str, field: Field) -> bool | int | str | None:
    if field.type == BOOLEAN:
        return None if not text else text.lower() in TRUE
    if field.type == INTEGER:
        return int(text) if re.match(r"-?[0-9]+\Z", text) else None
    return text or None
