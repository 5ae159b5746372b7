# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AXL clients over scripted servers, and the calls that most of their tests send."""

from __future__ import annotations

import contextlib

from ansible_collections.voiceops.secure_tsp.plugins.module_utils._axl import client
from scripted_https import ScriptedServer, answer

UUID = "{01234567-89AB-CDEF-0123-456789ABCDEF}"
OK = answer("updateAppUser", "<return>%s</return>" % UUID)
GOOD_READ = answer("getAppUser", "<return><appUser><userid>recorder</userid></appUser></return>")


@contextlib.contextmanager
def clients(identity, password, jitter):
    """Gives start(replies, **options of the login) -> (server, client). Time passes only in pauses, which are written down."""
    opened = []

    def start(*replies, sleep=None, **options):
        server = ScriptedServer(identity, replies)
        server.__enter__()
        login = dict(hostname="127.0.0.1", port=server.port, username="axl", password=password, ca_path=identity.ca_path,
                     axl_version="12.5", timeout=5)
        login.update(options)
        pauses = []
        axl = client.AxlClient(client.ClusterLogin(**login), sleep=sleep or pauses.append, jitter=lambda: jitter)
        axl.pauses = pauses
        opened.append((server, axl))
        return server, axl

    try:
        yield start
    finally:
        for server, axl in opened:
            axl.session.close()
            server.__exit__()


def change(axl):
    return axl.call("updateAppUser", userid="recorder", password="TopSecret-99")


def read(axl):
    return axl.call("getAppUser", userid="recorder")
