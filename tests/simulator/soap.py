# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SOAP envelopes and the way from Python values to elements and back, for AXL and the serviceability services."""

from __future__ import annotations

import dataclasses

from lxml import etree

ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
NIL = object()  #: value of an element that is xsi:nil


class BadRequest(Exception):
    """The body is not a SOAP request."""


@dataclasses.dataclass(frozen=True)
class Reference:
    """AXL's XFkType: a name with the uuid of the object it names."""

    name: str
    uuid: str


def braced(pkid):
    """AXL's spelling of a database key."""
    return "{%s}" % pkid.upper()


def unbraced(uuid):
    return uuid.strip().strip("{}").lower()


class Request:
    """The operation element of a request; children are found by local name."""

    def __init__(self, element):
        self.element = element

    @property
    def name(self):
        return etree.QName(self.element).localname

    @property
    def namespace(self):
        return etree.QName(self.element).namespace or ""

    def child(self, *path):
        """The element at C(path) as a Request, or None."""
        element = self.element
        for name in path:
            element = next((one for one in element if local_name(one) == name), None)
            if element is None:
                return None
        return Request(element)

    def has(self, name):
        return self.child(name) is not None

    def text(self, *path):
        """Text at C(path); "" for an empty or nil element; None when it is absent."""
        found = self.child(*path)
        return None if found is None else (found.element.text or "").strip()

    def secret(self, *path):
        """As C(text), blanks kept."""
        found = self.child(*path)
        return None if found is None else (found.element.text or "")

    def flag(self, *path):
        """"t" or "f" of AXL's boolean words, None when absent."""
        word = self.text(*path)
        return None if word is None else ("t" if word.lower() in ("t", "true", "1") else "f")

    def texts(self, *path):
        """Texts of the repeated element at the end of C(path); None when its container is absent."""
        container = self.child(*path[:-1]) if len(path) > 1 else self
        if container is None:
            return None
        return [(one.text or "").strip() for one in container.element if local_name(one) == path[-1]]

    def children(self, name):
        return [Request(one) for one in self.element if local_name(one) == name]

    @property
    def key_uuid(self):
        uuid = self.text("uuid")
        return unbraced(uuid) if uuid else None

    @property
    def returned_tags(self):
        """Names under returnedTags; None when it is absent."""
        tags = self.child("returnedTags")
        return None if tags is None else [local_name(one) for one in tags.element if local_name(one)]


def local_name(element):
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def parse(octets):
    """The Request in a SOAP envelope. Raises BadRequest."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True)
    try:
        envelope = etree.fromstring(octets, parser)
    except etree.XMLSyntaxError as error:
        raise BadRequest(str(error))
    body = next((one for one in envelope if one.tag == "{%s}Body" % ENVELOPE), None)
    operation = next((one for one in body if isinstance(one.tag, str)), None) if body is not None else None
    if operation is None:
        raise BadRequest("no operation in the SOAP body")
    return Request(operation)


class Answer:
    """An envelope under construction. C(qualified): children are in the namespace of the operation too."""

    def __init__(self, namespace, element, qualified=False, nil_on_root=True):
        self._namespace = namespace if qualified else None
        self._nil_on_root = nil_on_root
        self.envelope = etree.Element("{%s}Envelope" % ENVELOPE, nsmap={"soapenv": ENVELOPE})
        body = etree.SubElement(self.envelope, "{%s}Body" % ENVELOPE)
        declared = {"ns": namespace}
        if nil_on_root:
            declared["xsi"] = INSTANCE
        self.root = etree.SubElement(body, "{%s}%s" % (namespace, element), nsmap=declared)

    def add(self, parent, name, value, **attributes):
        """Append C(value): a text, number, bool, Reference, NIL, mapping of children, or a list of values.

        A None is left out. In a mapping the key C(@uuid) is the element's attribute.
        """
        if value is None:
            return None
        if isinstance(value, (list, tuple)):
            return [self.add(parent, name, one) for one in value]
        tag = "{%s}%s" % (self._namespace, name) if self._namespace else name
        nsmap = None if self._nil_on_root or value is not NIL else {"xsi": INSTANCE}
        element = etree.SubElement(parent, tag, nsmap=nsmap)
        for attribute, text in attributes.items():
            element.set(attribute, text)
        self._fill(element, value)
        return element

    def _fill(self, element, value):
        if value is NIL:
            element.set("{%s}nil" % INSTANCE, "true")
        elif isinstance(value, Reference):
            element.text = value.name
            element.set("uuid", braced(value.uuid))
        elif isinstance(value, bool):
            element.text = "true" if value else "false"
        elif isinstance(value, dict):
            for name, child in value.items():
                if name.startswith("@"):
                    element.set(name[1:], child)
                else:
                    self.add(element, name, child)
        else:
            element.text = str(value)

    def octets(self):
        return etree.tostring(self.envelope, xml_declaration=True, encoding="UTF-8")


def fault(code, text, detail=None, namespace="http://www.cisco.com/AXL/API/1.0", namespaced=True):
    """A SOAP fault. C(detail): (axlcode, message, operation), or None for the serviceability services."""
    envelope = etree.Element("{%s}Envelope" % ENVELOPE, nsmap={"soapenv": ENVELOPE})
    body = etree.SubElement(envelope, "{%s}Body" % ENVELOPE)
    element = etree.SubElement(body, "{%s}Fault" % ENVELOPE)
    etree.SubElement(element, "faultcode").text = code
    etree.SubElement(element, "faultstring").text = text
    if detail is not None:
        axlcode, message, operation = detail
        holder = etree.SubElement(element, "detail")
        if namespaced:
            error = etree.SubElement(holder, "{%s}axlError" % namespace, nsmap={"ns2": namespace})
        else:
            error = etree.SubElement(holder, "axlError")
        for name, value in (("axlcode", axlcode), ("axlmessage", message), ("request", operation)):
            etree.SubElement(error, name).text = str(value)
    return etree.tostring(envelope, xml_declaration=True, encoding="UTF-8")
