# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may pose as CAPF, and which certificates may be stored. The rest of _instance is tested through its modules."""

from __future__ import annotations

import datetime
import types

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _ctl, _instance, _pki
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import TrustError
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from simulator import pki

NOW = datetime.datetime.now(datetime.timezone.utc)
DAY = datetime.timedelta(days=1)
KEYS = [pki.vector(name).key for name in ("capf", "ccm1", "ccm2", "itlrecovery")]


def made(name, key, issuer=None, constraints=(True, None)):
    """An identity of a chain. issuer: Identity, or None for itself; constraints: (ca, path length), or None."""
    subject = pki.subject(name)
    builder = (x509.CertificateBuilder().subject_name(subject).public_key(key.public_key()).serial_number(4711)
               .issuer_name(issuer.certificate.subject if issuer else subject)
               .not_valid_before(NOW - DAY).not_valid_after(NOW + DAY))
    if constraints:
        builder = builder.add_extension(x509.BasicConstraints(*constraints), True)
    return pki.Identity(_pki.certificate_der(builder.sign(issuer.key if issuer else key, hashes.SHA256()).public_bytes(
        pki.serialization.Encoding.DER)), key)


def listed(*ders, hashed=(), others=()):
    """What a trust list says: certificates of CAPF, such known by their hash, and certificates of other roles."""
    def certificates(*roles):
        return list(ders) + ([] if roles else list(others))

    digests = [(2, next(iter(_pki.digests_of(der)[2]))) for der in hashed]
    return types.SimpleNamespace(
        certificates=certificates, capf_certificates=lambda: list(ders),
        hashes=lambda *roles: digests if roles == (_ctl.CAPF,) else [])


ROOT = made("root", KEYS[0])
SUB = made("sub", KEYS[1], ROOT)
CAPF = made("CAPF", KEYS[2], SUB, (True, 0))
OWN = made("CAPF", KEYS[0], constraints=(True, 0))


@pytest.mark.parametrize("trust_list, leaf, good", [
    (listed(OWN.der), OWN, True),
    (listed(hashed=[OWN.der]), OWN, True),
    (listed(CAPF.der), CAPF, True),
    (listed(OWN.der), CAPF, False),
    (listed(), OWN, False),
    (listed(others=[OWN.der]), OWN, False),
    # what a listed one signed, be it an authority or not
    (listed(SUB.der), CAPF, False),
    (listed(OWN.der), made("client", KEYS[3], OWN, (False, None)), False),
    (listed(OWN.der), made("CAPF", KEYS[3], OWN), False),
    # of the listed one it has the name, but not the key
    (listed(OWN.der), made("CAPF", KEYS[3], constraints=(True, 0)), False),
])
def test_who_may_pose_as_capf(trust_list, leaf, good):
    assert _instance.is_capf_server(trust_list, leaf.der) is good


def test_issuers():
    assert _instance.issuers(listed(OWN.der, others=[SUB.der])) == [OWN.der]
    assert _instance.issuers(listed(CAPF.der, others=[SUB.der, ROOT.der])) == [CAPF.der, SUB.der]
    assert _instance.issuers(listed(hashed=[OWN.der])) == []


def lsc(key=KEYS[3], authority=OWN, begin=NOW - DAY, end=NOW + DAY):
    return pki.issue_lsc(authority, _pki.public_key_der(key), "CTI-a", begin, end)


def test_certificate_that_may_be_stored():
    for known in ([OWN.der], [CAPF.der, OWN.der], []):
        _instance.judge_lsc(lsc(), KEYS[3], known, NOW)
    # The clocks may be a little apart.
    _instance.judge_lsc(lsc(begin=NOW + datetime.timedelta(seconds=299)), KEYS[3], [OWN.der], NOW)


@pytest.mark.parametrize("certificate, words", [
    (lsc(KEYS[1]), "not for the key"), (lsc(authority=CAPF), "not issued"), (lsc(end=NOW), "valid from"),
    (lsc(begin=NOW + datetime.timedelta(seconds=302)), "valid from")])
def test_certificate_that_may_not_be_stored(certificate, words):
    with pytest.raises(TrustError, match=words):
        _instance.judge_lsc(certificate, KEYS[3], [OWN.der], NOW)


def test_name_in_subject_or_alternative_names():
    long = "CTI-" + "a" * 128
    certificate = pki.issue_lsc(OWN, _pki.public_key_der(KEYS[3]), long, NOW - DAY, NOW + DAY)
    assert _pki.common_name(certificate) != long
    for name, leaf, matches in ((long, certificate, True), ("CTI-b", lsc(), False), ("CTI-b", None, None)):
        assert _instance.Holding(_instance.Wish(name), leaf, None, None, key_known=False).name_matches is matches
