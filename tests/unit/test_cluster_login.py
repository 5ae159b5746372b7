# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.filter.cluster_login import cluster_login


@pytest.mark.parametrize("entry, serviceability, options", [
    ({"hostname": "a", "capf_host": "b", "ca_path": None, "validate_certs": False}, False,
     {"hostname": "a", "validate_certs": False}),
    ({"hostname": "a", "serviceability_username": "u"}, False, {"hostname": "a"}),
    ({"hostname": "a", "serviceability_username": "u"}, True, {"hostname": "a", "serviceability_username": "u"}),
])
def test_only_the_login_is_taken_out_of_a_cluster(entry, serviceability, options):
    assert cluster_login(entry, serviceability=serviceability) == options
