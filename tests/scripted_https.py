# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An HTTPS server that answers what a test has written down, over real sockets and real TLS."""

from __future__ import annotations

import datetime
import hashlib
import http.server
import ipaddress
import ssl
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DROP = object()  # close the connection instead of answering
ENVELOPE = (
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/">'
    "<soapenv:Body>%s</soapenv:Body></soapenv:Envelope>"
)


def envelope(body):
    return (ENVELOPE % body).encode("utf-8")


def fault(axl_code, message, detail='<axlError xmlns="">%s</axlError>', code="soapenv:Server"):
    inner = "<axlcode>%s</axlcode><axlmessage>%s</axlmessage><request>x</request>" % (axl_code, message)
    return 500, {}, envelope(
        "<soapenv:Fault><faultcode>%s</faultcode><faultstring>%s</faultstring><detail>%s</detail></soapenv:Fault>"
        % (code, message, detail % inner if axl_code is not None else "")
    )


def answer(operation, inner, version="12.5"):
    """A good answer in the namespace of AXL."""
    return 200, {}, envelope(
        '<ns:%sResponse xmlns:ns="http://www.cisco.com/AXL/API/%s">%s</ns:%sResponse>'
        % (operation, version, inner, operation)
    )


def version_answer(release="12.5.1.11900(146)"):
    inner = "<return><componentVersion><version>%s</version></componentVersion></return>" % release
    return answer("getCCMVersion", inner, "1.0")


class Identity:
    """A self-signed certificate for names and addresses, as files for ssl and as a fingerprint."""

    def __init__(self, folder, names=("127.0.0.1", "localhost"), key=None, alternative=True):
        key = key or ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=2))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        )
        if alternative:
            builder = builder.add_extension(x509.SubjectAlternativeName([_alternative(one) for one in names]), critical=False)
        certificate = builder.sign(key, hashes.SHA256())
        self.ca_path = str(folder / "certificate.pem")
        self.key_path = str(folder / "key.pem")
        self.fingerprint = hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()
        with open(self.ca_path, "wb") as file:
            file.write(certificate.public_bytes(serialization.Encoding.PEM))
        with open(self.key_path, "wb") as file:
            file.write(
                key.private_bytes(
                    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
                )
            )


def _alternative(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


class Request:
    def __init__(self, path, headers, body):
        self.path = path
        self.headers = headers
        self.body = body

    @property
    def text(self):
        return self.body.decode("utf-8")


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        """Quiet."""

    def do_POST(self):
        request = Request(self.path, self.headers, self.rfile.read(int(self.headers["Content-Length"])))
        reply = self.server.script.next_reply(request)
        if reply is DROP:
            self.close_connection = True
            return
        status, headers, body = reply
        self.send_response(status)
        for name, value in dict({"Content-Type": "text/xml; charset=utf-8"}, **headers).items():
            self.send_header(name, value)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        for piece in [body] if isinstance(body, bytes) else body:
            self.wfile.write(piece)


class _QuietServer(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """Broken connections are part of the script."""

    def finish_request(self, request, client_address):
        request = self.script.context.wrap_socket(request, server_side=True)
        self.script.connections += 1
        super().finish_request(request, client_address)
        try:
            request.unwrap()
        except OSError:
            pass


class ScriptedServer:
    """Answers in the order of C(replies): (status, headers, octets), DROP, or a callable of the request.

    In place of octets, an iterable of pieces may stand, endless ones too; its headers then name a Content-Length.
    """

    def __init__(self, identity, replies=(), port=0, ciphers=None):
        self.identity = identity
        self.replies = list(replies)
        self.requests = []
        self.connections = 0
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if ciphers:
            self.context.set_ciphers(ciphers)  # before the certificate, which their security level judges
        self.context.load_cert_chain(identity.ca_path, identity.key_path)
        self._server = _QuietServer(("127.0.0.1", port), _Handler)
        self._server.script = self
        self.port = self._server.server_address[1]

    def next_reply(self, request):
        self.requests.append(request)
        reply = self.replies.pop(0)
        return reply(request) if callable(reply) else reply

    def __enter__(self):
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
