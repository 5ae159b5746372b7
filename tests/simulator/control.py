# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control port: what playbooks and people ask of a simulator in another process. Plain HTTP, JSON, 127.0.0.1.

GET /state /snapshot /counters /state-hash /schema-violations /faults /addresses
POST /faults (a rule: front, kind, operation, after, times, ...)   DELETE /faults   DELETE /faults/<number>
POST /actions ({"action": name, ...})
"""

from __future__ import annotations

import http.server
import json
import threading

from simulator.accounts import ClusterFault


class ControlServer:
    def __init__(self, simulator, host="127.0.0.1", port=0):
        self._simulator = simulator
        self._address = (host, port)
        self._server = None
        self.port = port

    def start(self):
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                owner.answer(self, "GET")

            def do_POST(self):
                owner.answer(self, "POST")

            def do_DELETE(self):
                owner.answer(self, "DELETE")

            def log_message(self, *_arguments):
                pass

        self._server = http.server.ThreadingHTTPServer(self._address, Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self):
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def answer(self, handler, method):
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        try:
            status, result = 200, self._do(method, handler.path.strip("/").split("/"), body)
        except (KeyError, TypeError, ValueError, ClusterFault) as error:
            status, result = 400, {"error": "%s: %s" % (type(error).__name__, error)}
        octets = json.dumps(result, indent=1, default=str).encode() + b"\n"
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(octets)))
        handler.end_headers()
        handler.wfile.write(octets)

    def _do(self, method, path, body):
        sim = self._simulator
        if method == "GET":
            return self._look(path[0])
        if method == "POST" and path == ["faults"]:
            return sim.faults.add(**json.loads(body)).facts()
        if method == "POST" and path == ["actions"]:
            words = json.loads(body)
            return {"result": sim.act(words.pop("action"), **words)}
        if method == "DELETE" and path == ["faults"]:
            sim.faults.clear()
            return {}
        if method == "DELETE" and path[0] == "faults" and len(path) == 2:
            sim.faults.remove(int(path[1]))
            return {}
        raise KeyError("/".join(path))

    def _look(self, name):
        cluster = self._simulator.cluster
        views = {
            "state": cluster.state,
            "snapshot": cluster.snapshot,
            "counters": lambda: {"operations": dict(cluster.counters), "writes": cluster.write_count},
            "state-hash": lambda: {"state_hash": cluster.state_hash()},
            "schema-violations": lambda: cluster.schema_violations,
            "faults": self._simulator.faults.statistics,
            "addresses": self._simulator.addresses,
        }
        return views[name]()
