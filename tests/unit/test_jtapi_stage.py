# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files of Java applications on one host would be one and the same."""

from __future__ import annotations

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._run import Refused
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages import jtapi

OWN = {"windows": False, "folder": "/etc/jtapi", "formats": ["pkcs12", "pem"], "store_name": "JtapiClientKeyStore-{user}-{instance_id}",
       "pem_name": "{user}-{instance_id}.pem", "alias": "{user}{instance_id}"}


def instance(instance_id="x1", cluster="main", user="tapi"):
    return {"cluster": cluster, "user": user, "instance_id": instance_id}


@pytest.mark.parametrize("instances", [
    [instance()], [instance(), instance("x2")], [instance(), instance(user="other")], [instance(), instance("x2", "apac")]])
def test_files_of_their_own(instances):
    jtapi.refuse_shared(OWN, instances)


@pytest.mark.parametrize(("own", "instances", "words"), [
    ({}, [instance(), instance(cluster="apac")], ["/etc/jtapi/JtapiClientKeyStore-tapi-x1", "main/x1 (pkcs12) and apac/x1 (pkcs12)"]),
    ({"store_name": "store.p12"}, [instance(), instance("x2")], ["store.p12", "main/x1 (pkcs12) and main/x2 (pkcs12)"]),
    ({"pem_name": "{user}", "store_name": "{user}"}, [instance()], ["/etc/jtapi/tapi", "main/x1 (pkcs12) and main/x1 (pem)"]),
    ({"windows": True, "folder": "C:\\jtapi"}, [instance(), instance(cluster="apac", user="Tapi")], ["main/x1 (pkcs12) and apac/x1 (pkcs12)"]),
])
def test_one_file_for_two(own, instances, words):
    with pytest.raises(Refused) as refused:
        jtapi.refuse_shared(dict(OWN, **own), instances)
    assert all(word in str(refused.value) for word in [*words, "No key store was written."])
