# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to a cluster besides requests: an administrator's hand, the passing of time, deliberate drift.

Each action is a function of the Simulator and its words; tests call C(sim.act(name, ...)), the control port
takes the same as JSON.
"""

from __future__ import annotations

import base64

from simulator import log_collection


def seed(sim, **data):
    sim.seed(data)


def set_password(sim, user, password):
    found = sim.cluster.user(user)
    sim.cluster.accounts.update_user(found.kind, user, password=password)


def set_credential(sim, user, **flags):
    """locked, expired, disabled, mustchange, cantchange, doesnotexpire: "t" or "f"."""
    found = sim.cluster.user(user)
    with sim.cluster.writing():
        sim.cluster.accounts.update_user(found.kind, user, credentials=flags)


def set_directory_status(sim, user, status):
    """1 while the directory has an end user, 2 from then on until the cluster deletes it."""
    with sim.cluster.writing():
        sim.cluster.accounts.update_user("end", user, status=status)


def set_devices(sim, user, devices):
    found = sim.cluster.user(user)
    sim.cluster.accounts.update_user(found.kind, user, devices=devices)


def remove_user(sim, user):
    found = sim.cluster.user(user)
    with sim.cluster.writing():
        sim.cluster.accounts.remove_user(found.kind, user)


def add_group_member(sim, group, user):
    with sim.cluster.writing():
        sim.cluster.accounts.map_member(group, user)


def remove_group_member(sim, group, user):
    with sim.cluster.writing():
        sim.cluster.accounts.unmap_member(group, user)


def set_registered(sim, device, registered):
    sim.cluster.accounts.set_registered(device, registered)


def set_profile(sim, instance_id, **columns):
    """Any column of a profile: operation, string, status, deadline, compromised ("t"), ..."""
    sim.cluster.accounts.set_profile(instance_id, **columns)


def set_status(sim, instance_id, status):
    sim.cluster.accounts.set_profile(instance_id, status=status)


def expire_profile(sim, instance_id):
    """The deadline of an armed profile passes; the operation stays pending, as on a cluster nobody has asked."""
    sim.cluster.accounts.set_profile(
        instance_id, deadline=sim.cluster.now() - 1, operation_completion="2020:01:01:00:00")


def remove_profile(sim, instance_id):
    profile = sim.cluster.accounts.profile(instance_id)
    sim.cluster.accounts.remove_profile(profile.kind, instance_id)


def regenerate(sim, certificate):
    """capf, callmanager or itlrecovery."""
    sim.cluster.regenerate(certificate)


def distrust_former_capf(sim):
    sim.cluster.distrust_former_capf()


def rebuild_ctl(sim):
    sim.cluster.rebuild_ctl()


def put_file(sim, name, content):
    """content: base64, or null to remove the file."""
    sim.cluster.put_file(name, None if content is None else base64.b64decode(content))


def put_log(sim, service, content, **where):
    """content: base64; the rest as put_log of log_collection takes it."""
    return log_collection.put_log(sim.cluster, service, base64.b64decode(content), **where)


def remove_log(sim, path, node=None):
    log_collection.remove_log(sim.cluster, path, node)


def set_mixed_mode(sim, mixed):
    sim.cluster.set_mixed_mode(mixed)


def set_parameter(sim, name, value):
    sim.cluster.set_parameter(name, value)


def set_service(sim, name, node=None, activated=None, running=None):
    sim.cluster.set_service(node or sim.cluster.nodes[0], name, activated, running)


def set_feature(sim, name, value):
    if not hasattr(sim.cluster.features, name):
        raise KeyError(name)
    setattr(sim.cluster.features, name, value)


def set_clock_skew(sim, seconds):
    sim.cluster.clock_skew = seconds


def set_lsc_days(sim, days):
    """Validity of certificates issued from now on: negative ones are expired at birth, null is the parameter's."""
    sim.cluster.lsc_days = days


def open_application(sim, user, address, port=50000, **listing):
    """An application elsewhere opens a provider; see Cluster.list_application."""
    return sim.cluster.list_application(user, address, port, **listing)


def close_provider(sim, number, reason=0):
    sim.cluster.close_provider(number, reason)


def expire_sessions(sim):
    sim.front("axl").sessions.expire()


def reset_rate(sim):
    sim.front("axl").rate.reset()


def reset_counters(sim):
    sim.cluster.reset_counters()


ACTIONS = {
    function.__name__: function for function in (
        seed, set_password, set_credential, set_directory_status, set_devices, remove_user, add_group_member, remove_group_member,
        set_registered, set_profile, set_status, expire_profile, remove_profile, regenerate, distrust_former_capf,
        rebuild_ctl, put_file, put_log, remove_log, set_mixed_mode, set_parameter, set_service, set_feature,
        set_clock_skew, set_lsc_days, open_application, close_provider, expire_sessions, reset_rate, reset_counters,
    )
}
