# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An application that keeps its secure provider open until it is stopped."""

from __future__ import annotations

import threading

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _ctiqbe, _provider, _transport
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import SecureTspError

OPEN_SECONDS = 20
LIFE = 3600


class _Held(_provider.Attempt):
    def __init__(self, opened, stopping, *arguments):
        super().__init__(*arguments)
        self._opened = opened
        self._stopping = stopping

    def _hold(self, seconds):
        self._opened.set()
        while not self._stopping.is_set():
            self._receive(lambda: 0.1, once=True)


class Application:
    """Starts in the network namespace of the thread that starts it."""

    def __init__(self, cti_manager, folder, user):
        self._params = dict(
            cti_managers=[cti_manager], port=None, secure=True, path=str(folder), probe=False, key_passphrase=None, user=user["name"],
            password=user["password"], list_devices=True, hold=0, application_name="recorder", heartbeat=30, timeout=LIFE,
            tls_legacy=False, source_address=None)
        self._opened, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.error = None

    def _run(self):
        try:
            identity = _provider.instance_identity(self._params)
            _Held(self._opened, self._stopping, self._params, identity, _ctiqbe.VERSION, _transport.Deadline(LIFE)).run()
        except SecureTspError as error:
            self.error = error

    def start(self):
        self._thread.start()
        assert self._opened.wait(OPEN_SECONDS), "the application was not connected: %s" % self.error
        return self

    @property
    def connected(self):
        return self._opened.is_set() and self._thread.is_alive() and self.error is None

    def stop(self):
        self._stopping.set()
        self._thread.join(OPEN_SECONDS)
