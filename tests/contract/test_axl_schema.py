# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our table against the vendor's schemas of all releases, taken at test time from the PyPI package ciscoaxl and the npm package
cisco-axl.

The schemas are the vendor's and never stand in this repository. A missing package fails these tests; only a registry that cannot be
reached skips those of 14.0 and 15.0.
"""

from __future__ import annotations

import functools
import itertools

import pytest
import vendor_schemas
from lxml import etree

from ansible_collections.voiceops.secure_tsp.plugins.module_utils._axl import client, schema, values

VERSIONS = vendor_schemas.VERSIONS
TABLE = "plugins/module_utils/_axl/schema.py: "
XS = "{http://www.w3.org/2001/XMLSchema}"
UUID = "{01234567-89AB-CDEF-0123-456789ABCDEF}"
OPERATIONS = sorted(schema.OPERATIONS)


# The vendor's schema


class Real:
    """One vendor schema: for validation, and as a tree to look fields up in."""

    def __init__(self, version):
        document = etree.parse(str(vendor_schemas.schema(version)))
        self.validator = etree.XMLSchema(document)
        root = document.getroot()
        self.types = {node.get("name"): node for node in root if node.tag in (XS + "complexType", XS + "simpleType")}
        self.elements = {node.get("name"): node for node in root.iter(XS + "element") if node.getparent() is root}

    def type_of(self, element):
        """The node that defines an element's type; None for a built-in one."""
        name = element.get("type")
        if name:
            return self.types.get(name.partition(":")[2])
        return next((node for node in element if node.tag in (XS + "complexType", XS + "simpleType")), None)

    def children(self, element):
        """Elements that may stand in an element, in order, those of base types first."""
        return list(self._children_of_type(self.type_of(element)))

    def _children_of_type(self, node):
        if node is None:
            return
        for extension in node.iter(XS + "extension"):
            if extension.getparent().getparent() is node:
                yield from self._children_of_type(self.types.get(extension.get("base").partition(":")[2]))
        yield from _elements_below(node)

    def attributes(self, element):
        node = self.type_of(element)
        found = [] if node is None else [one.get("name") for one in node.iter(XS + "attribute")]
        return set(found)

    def facets(self, element, facet):
        node = self.type_of(element)
        return [] if node is None else [one.get("value") for one in node.iter(XS + facet)]


def _elements_below(node):
    for child in node:
        if child.tag == XS + "element":
            yield child
        elif child.tag in (XS + "sequence", XS + "choice", XS + "complexContent", XS + "extension"):
            yield from _elements_below(child)


@functools.lru_cache(maxsize=None)
def real(version):
    return Real(version)


@functools.lru_cache(maxsize=None)
def soap(version):
    return client.SoapClient(None, client.AXL_PATH, schema.axl(version))


# Requests


def sample(field, full):
    if field.is_list:
        return [sample(field.children[0]._replace(many=False), full)] * 2 if full else []
    if field.children:
        return {
            child.element: sample(child, full)
            for child in field.children
            if full or child.required or field.element == "searchCriteria"
        }
    if field.attributes:
        return (7, "queue")
    if field.type == schema.BOOLEAN:
        return True
    if field.type == schema.INTEGER:
        return 12
    if field.choices:
        return field.choices[-1]
    if field.element == "uuid":
        return UUID
    return "x" * (field.length or 8)


def requests_of(operation):
    """Value sets: smallest and largest, through every alternative of every choice."""
    ways = []
    for part in operation.request:
        if isinstance(part, schema.Choice):
            ways.append(list(part.alternatives) + ([] if part.required else [()]))
        elif part.element != "returnedTags":
            ways.append([(part,)])
    for picked in itertools.product(*ways):
        fields = list(itertools.chain.from_iterable(picked))
        keyed = [field for field in fields if field.required or field.element == "uuid"]
        yield {field.element: sample(field, full=False) for field in keyed}
        yield {field.element: sample(field, full=True) for field in fields}
        cleared = {field.element: sample(field, full=False) for field in keyed}
        cleared.update({f.element: values.CLEAR for f in fields if (f.is_list or f.nillable) and not f.required})
        yield cleared


def payload(version, name, given):
    octets, headers = soap(version).envelope(schema.OPERATIONS[name], given)
    assert headers["SOAPAction"] == '"CUCM:DB ver=%s %s"' % (version, name)
    body = values.find(etree.fromstring(octets), "Body")
    return etree.ElementTree(body[0])


def test_every_version_of_our_table_is_compared():
    assert schema.VERSIONS == VERSIONS, "VERSIONS of _axl/schema.py and those of tests/simulator/schema_check.py, both kinds, differ"


def test_every_object_of_our_table_is_in_use():
    lacking = sorted(name for name, one in vars(schema).items() if isinstance(one, schema.AxlObject) and one not in schema.OBJECTS)
    assert not lacking, TABLE + "OBJECTS lacks %s" % ", ".join(lacking)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_request_is_valid(name, version):
    for given in requests_of(schema.OPERATIONS[name]):
        request = payload(version, name, given)
        assert real(version).validator.validate(request), "%s%s\n%s\n%s" % (
            TABLE, name,
            etree.tostring(request, pretty_print=True).decode(),
            real(version).validator.error_log,
        )


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", OPERATIONS)
def test_fields_of_requests_have_their_lengths(name, version):
    """Also those of a get, a list or a remove, where a shorter one would pass as valid."""
    known = {node.get("name"): node for node in real(version).children(real(version).elements[name])}
    for field in schema.OPERATIONS[name].fields:
        lengths = real(version).facets(known[field.element], "maxLength")
        if lengths and not field.children:
            assert field.length == int(lengths[0]), TABLE + name + "/" + field.element


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("element", ["keySize", "keyOrder", "ecKeySize", "authenticationMode", "certificateOperation"])
def test_every_choice_is_a_word_of_the_schema(element, version):
    update = real(version).types["UpdateApplicationUserCapfProfileReq"]
    theirs = next(node for node in update.iter(XS + "element") if node.get("name") == element)
    ours = next(field for field in schema.APPLICATION_USER_CAPF_PROFILE.fields if field.element == element)
    assert list(ours.choices) == [word for word in real(version).facets(theirs, "enumeration") if word]


def compare_requests(version, ours, theirs, path, added):
    """Fields of a request in the vendor's order, with the vendor's demands, defaults and lengths."""
    known = {node.get("name"): node for node in real(version).children(theirs)}
    names = [field.element for field in ours]
    assert names == [name for name in known if name in names], path
    for field in ours:
        node = known[field.element]
        where = "%s/%s" % (path, field.element)
        assert field.many == (node.get("maxOccurs") == "unbounded"), where
        lengths = real(version).facets(node, "maxLength")
        if lengths and not field.children:
            assert field.length == int(lengths[0]), where
        if added and field.element != "returnedTags":
            assert field.default_for(version) == node.get("default"), where
        if field.children:
            compare_requests(version, field.children, node, where, added)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", [one for one in OPERATIONS if one.startswith("add")])
def test_objects_to_add_have_their_fields_defaults_and_lengths(name, version):
    operation = schema.OPERATIONS[name]
    compare_requests(version, operation.request, real(version).elements[name], TABLE + name, added=True)
    theirs = real(version).children(real(version).children(real(version).elements[name])[0])
    demanded = {node.get("name") for node in theirs if node.get("minOccurs", "1") != "0"}
    assert demanded == {field.element for field in operation.request[0].children if field.required}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", [one for one in OPERATIONS if one.startswith("update")])
def test_nillable_fields_of_updates(name, version):
    known = {node.get("name"): node for node in real(version).children(real(version).elements[name])}
    for field in schema.OPERATIONS[name].fields:
        if field.nillable:
            assert known[field.element].get("nillable") == "true", field.element


# Answers


KINDS = {
    "boolean": schema.BOOLEAN,
    "XFkType": schema.REFERENCE,
    "integer": schema.INTEGER,
    "XInteger": schema.INTEGER,
}


def compare_replies(version, ours, theirs, path):
    known = {node.get("name"): node for node in real(version).children(theirs)}
    names = [field.element for field in ours]
    assert names == [name for name in known if name in names], path
    for field in ours:
        node = known[field.element]
        where = "%s/%s" % (path, field.element)
        assert field.many == (node.get("maxOccurs") == "unbounded"), where
        assert set(field.attributes) <= real(version).attributes(node), where
        lengths = real(version).facets(node, "maxLength")
        if lengths and field.length and not field.children:
            assert field.length == int(lengths[0]), where
        if field.children:
            compare_replies(version, field.children, node, where)
        elif not field.attributes:
            assert field.type == KINDS.get((node.get("type") or "").partition(":")[2], schema.STRING), where


def response_step(version, name):
    """The vendor's element of the thing that an answer is about."""
    node = real(version).elements[name + "Response"]
    for step in schema.OPERATIONS[name].reply.path:
        node = next(child for child in real(version).children(node) if child.get("name") == step)
    return node


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_answer_is_where_and_what_the_schema_says(name, version):
    reply = schema.OPERATIONS[name].reply
    node = response_step(version, name)
    assert (node.get("maxOccurs") == "unbounded") == (reply.shape in ("objects", "rows"))
    assert set(reply.attributes) <= real(version).attributes(node)
    compare_replies(version, reply.fields, node, TABLE + name)


CONTENT = {schema.BOOLEAN: ("t", True), schema.INTEGER: ("3", 3), schema.REFERENCE: ("name", "name")}


def fill(version, parent, nodes, depth=0):
    """Every element of the vendor's type, the last one first: order and unknown ones must not matter."""
    for node in reversed(nodes):
        child = etree.SubElement(parent, node.get("name"))
        inner = real(version).children(node)
        if inner and depth < 6:
            fill(version, child, inner, depth + 1)
        else:
            kind = KINDS.get((node.get("type") or "").partition(":")[2], schema.STRING)
            child.text = CONTENT.get(kind, ("text",))[0]
        for attribute in real(version).attributes(node) - {None}:
            child.set(attribute, UUID)


def expected(field):
    if field.is_list:
        return [expected(field.children[0]._replace(many=False))]
    result = {name: UUID for name in field.attributes}
    result.update((child.element, expected(child)) for child in field.children)
    if result:
        return result
    return CONTENT.get(field.type, ("text", "text"))[1]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", [one for one in OPERATIONS if schema.OPERATIONS[one].reply.fields])
def test_a_full_answer_in_reverse_order_is_read_whole(name, version):
    operation = schema.OPERATIONS[name]
    response = etree.Element("{http://www.cisco.com/AXL/API/%s}%sResponse" % (version, name))
    parent = response
    for step in operation.reply.path[:-1]:
        parent = etree.SubElement(parent, step)
    node = response_step(version, name)
    if operation.reply.path:
        parent = etree.SubElement(parent, operation.reply.path[-1])
        for attribute in operation.reply.attributes:
            parent.set(attribute, UUID)
    fill(version, parent, real(version).children(node))
    wanted = {field.element: expected(field) for field in operation.reply.fields}
    wanted.update((attribute, UUID) for attribute in operation.reply.attributes)
    result = values.decode(operation, response)
    assert result == ([wanted] if operation.reply.shape == "objects" else wanted)
