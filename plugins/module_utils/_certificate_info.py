# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Facts about an instance's certificate, from its folder or from the content of its files."""

from __future__ import annotations

import base64
import binascii

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _instance, _store
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import InputError

ARGUMENT_SPEC = dict(
    _instance.OPTIONS,
    path=dict(type="path"),
    certificate=dict(type="str"),
    trust_list=dict(type="str"),
)


def of_folder(wish, path):
    """Result and warnings for an instance's folder."""
    store = _store.Store(path)
    holding = _instance.Holding.of(store, wish)
    wrong = store.wrong_modes()
    result = dict(
        common(holding), unconfirmed=store.unconfirmed, pending=_instance.pending_of(holding),
        unfinished=holding.staged() or store.unfinished and not holding.needed,
        previous=_instance.certificate_of(store.previous), bundle=_instance.state_of_bundle(store),
        modes=store.modes(), wrong_modes=wrong)
    warnings = list(holding.warnings())
    if wrong:
        warnings.append("Files of this instance have wrong modes: %s." % ", ".join(
            "%s %s instead of %s" % (name, mode["found"], mode["wanted"]) for name, mode in sorted(wrong.items())))
    return result, warnings


def of_content(wish, certificate, trust_list):
    """Result and warnings for the content of files."""
    octets = decoded("certificate", certificate) or None
    listed = decoded("trust_list", trust_list or "")
    holding = _instance.Holding(
        wish, octets, None, _instance.parse_trust_list(listed, "trust_list") if listed else None, key_known=False)
    return common(holding), list(holding.warnings())


def common(holding):
    trust_list = holding.trust_list
    return dict(
        holding.facts(), changed=False, exists=holding.has_certificate,
        trust_list={"exists": trust_list is not None, "has_capf": bool(trust_list and trust_list.has_capf)})


def decoded(option, text):
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise InputError("%s is not Base64" % option) from None
