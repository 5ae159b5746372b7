# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Our table as WSDL text, so that zeep can use SOAP without any file of the vendor.

Every leaf is a plain string: C(values) converts and checks values, and zeep only keeps the elements in
order. Responses are read by local name, not with this description.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

from ansible_collections.voiceops.secure_tsp.plugins.module_utils._axl.schema import Choice

if TYPE_CHECKING:
    from typing import Iterable

    from ansible_collections.voiceops.secure_tsp.plugins.module_utils._axl.schema import Field, Part, Service

BINDING = "Binding"

HEAD = (
    '<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"'
    ' xmlns:x="http://www.w3.org/2001/XMLSchema" xmlns:t=%(namespace)s targetNamespace=%(namespace)s>'
    '<types><x:schema targetNamespace=%(namespace)s elementFormDefault="%(form)s">'
)
ANSWER = (
    '<x:element name="Answer"><x:complexType><x:sequence>'
    '<x:any processContents="lax" minOccurs="0" maxOccurs="unbounded"/>'
    "</x:sequence></x:complexType></x:element>"
)
MESSAGE = '<message name="%(name)sIn"><part name="parameters" element="t:%(name)s"/></message>'
ANSWER_MESSAGE = '<message name="Answer"><part name="parameters" element="t:Answer"/></message>'
PORT_OPERATION = '<operation name="%(name)s"><input message="t:%(name)sIn"/><output message="t:Answer"/></operation>'
BOUND_OPERATION = (
    '<operation name="%(name)s"><soap:operation soapAction=%(action)s style="document"/>'
    '<input><soap:body use="literal"/></input><output><soap:body use="literal"/></output></operation>'
)
BINDING_HEAD = (
    '<binding name="Binding" type="t:Port">'
    '<soap:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>'
)


def binding_name(service: Service) -> str:
    """The qualified name under which zeep finds the binding."""
    return "{%s}%s" % (service.namespace, BINDING)


def describe(service: Service) -> bytes:
    """WSDL and schema of a Service, as UTF-8 octets."""
    names = list(service.operations)
    parts = [
        HEAD % dict(
            namespace=quoteattr(service.namespace),
            form="qualified" if service.qualified else "unqualified",
        )
    ]
    for operation in service.operations.values():
        parts.append("<x:element name=%s>%s</x:element>" % (quoteattr(operation.name), _sequence(operation.request)))
    parts.append(ANSWER + "</x:schema></types>")
    parts.extend(MESSAGE % dict(name=name) for name in names)
    parts.append(ANSWER_MESSAGE + '<portType name="Port">')
    parts.extend(PORT_OPERATION % dict(name=name) for name in names)
    parts.append("</portType>" + BINDING_HEAD)
    parts.extend(BOUND_OPERATION % dict(name=name, action=quoteattr(service.soap_action % name)) for name in names)
    parts.append("</binding></definitions>")
    return "".join(parts).encode("utf-8")


def _sequence(parts: Iterable[Part]) -> str:
    return "<x:complexType><x:sequence>%s</x:sequence></x:complexType>" % "".join(_particle(part) for part in parts)


def _particle(part: Part) -> str:
    if not isinstance(part, Choice):
        return _element(part)
    sequences = (
        "<x:sequence>%s</x:sequence>" % "".join(_element(field) for field in sequence)
        for sequence in part.alternatives
    )
    return '<x:choice minOccurs="%d">%s</x:choice>' % (part.required, "".join(sequences))


def _element(field: Field) -> str:
    opening = '<x:element name=%s minOccurs="%d"%s%s' % (
        quoteattr(field.element),
        field.required,
        ' maxOccurs="unbounded"' if field.many else "",
        ' nillable="true"' if field.nillable else "",
    )
    if field.children:
        return "%s>%s</x:element>" % (opening, _sequence(field.children))
    if field.attributes:
        return "%s><x:complexType><x:simpleContent><x:extension base=\"x:string\">%s%s" % (
            opening,
            "".join('<x:attribute name=%s type="x:string"/>' % quoteattr(name) for name in field.attributes),
            "</x:extension></x:simpleContent></x:complexType></x:element>",
        )
    return opening + ' type="x:string"/>'
