# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run may take at the most. The tests of counts, the fleet of a thousand and the page about speed share it."""

from __future__ import annotations

SESSIONS = 3  # of AXL, for each cluster, with nothing to do
REQUESTS = 16  # to AXL and the services beside it, likewise
FIRST, AGAIN, DRIFT = 3, 1.0, 1.0  # processor time to that of the floor play on the same fleet
FURTHER = 3  # processor time of each further certificate of a first run, to plain Python
LISTED = 1.1  # processor time for each host with many instances listed, to that with few
UPGRADE = 3  # wall clock of new certificates, to plain Python fetching as many
ENROLMENT, PROVIDER, INFO = 6, 8, 2  # milliseconds: beside key, TLS and round trips; the whole; the whole
COMPLETION = 0.3  # seconds for 10,000 instances


def workers(hosts):
    """Worker processes of any run of site."""
    return 6 + 5 * hosts


def modules(hosts, first):
    """Module processes of a first run of site, and of one with nothing to do."""
    return (4 if first else 2) * hosts


def workers_of_drift(hosts):
    """Worker processes of drift, which writes its report without any module."""
    return 4 + 3 * hosts
