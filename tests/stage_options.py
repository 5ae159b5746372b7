# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the module tsp_host as its action gives them, for tests that run the module alone."""

from __future__ import annotations

import json

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _options
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._model import complete
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages import hosts


class Defaults:
    """What settings_of asks a run for."""

    @staticmethod
    def option(name):
        return _options.default_of(_options.OPTIONS[name])

    @staticmethod
    def register(_name):
        return {}


def model_of(sim, users, instances):
    model, mistakes, _warnings = complete({"main": sim.cluster_entry()}, users, instances)
    assert mistakes == []
    return model


def options_of_stage(model, stage, secrets=None, instances=None, settings=None, **more):
    """instances: IDs, or None for all. more: further keys of each instance. settings: further settings."""
    mine = [dict(one, **more) for one in model.instances() if instances is None or one["instance_id"] in instances]
    return dict(
        stage=stage, instances=mine, settings=dict(hosts.settings_of(Defaults, model, mine), **(settings or {})),
        sealed=json.dumps(secrets) if secrets else None)
