# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every EXAMPLES block works, and RETURN says what modules return. All of them run in one playbook; see tests/examples."""

from __future__ import annotations

import pytest
import yaml
from examples import play, samples

MODULES, FILTERS = play.plugins("module"), play.plugins("filter")
EXAMPLES = [(kind, plugin, name) for kind, found in (("module", MODULES), ("filter", FILTERS))
            for plugin in found for name in play.names(kind, plugin)]
EXAMPLES += [("guide", guide, task["name"]) for guide, block in play.guide_blocks().items() for task in yaml.safe_load(block)]

# Return values that no run here has, each with the reason.
NOT_SEEN = {}


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    return play.play_all(tmp_path_factory.mktemp("examples") / "controller")


@pytest.mark.parametrize(("kind", "plugin", "name"), EXAMPLES, ids=["%s: %s" % row[1:] for row in EXAMPLES])
def test_it_works(played, kind, plugin, name):
    status, message = played.status(kind, plugin, name)
    assert status == "ok" or (plugin, name) in play.CANNOT_RUN, "%s (what examples find is in tests/examples/scenes.py)" % message


def test_what_is_listed_as_an_exception_exists():
    assert set(play.CANNOT_RUN) <= {row[1:] for row in EXAMPLES}
    assert {module for module, _name in NOT_SEEN} <= set(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_samples_have_the_shape_of_real_results(played, module):
    """If this fails: make samples."""
    assert list(samples.complaints(samples.documented(module), samples.results(played, module))) == []


@pytest.mark.parametrize("module", MODULES)
def test_every_return_value_was_seen(played, module):
    found = samples.unseen(samples.documented(module), samples.results(played, module))
    assert [name for name in found if (module, name) not in NOT_SEEN] == []


RETURNS = """
count:
  description: How many.
  type: int
  sample: 1
rows:
  description: Rows.
  type: list
  elements: dict
  contains:
    at:
      description: When.
      type: str
      sample: "2026-01-01T00:00:00Z"
    facts:
      description: Facts.
      type: dict
      sample: {host: old}
"""


@pytest.mark.parametrize(("result", "words"), [
    ({"count": 1, "rows": [{"at": "2026-11-11T00:00:00Z", "facts": {"host": "x"}}]}, []),
    ({"count": 1, "rows": [], "changed": True}, []),
    ({"count": "1"}, ["count is documented as int", "count is a int, real ones are str"]),
    ({"rows": [{"at": None, "facts": {"name": "x"}}]}, ["rows.facts has host", "rows.facts lacks name"]),
    ({"rows": [{"facts": {"host": 4}}]}, ["facts.host is a str, real ones are int"]),
    ({"more": 1, "rows": [{"also": 1}]}, ["rows.also was returned", "more was returned"]),
])
def test_stale_samples_are_noticed(result, words):
    found = list(samples.complaints(yaml.safe_load(RETURNS), [result]))
    assert len(found) == len(words) and all(word in sentence for word, sentence in zip(words, found)), found


def test_the_order_of_names_and_the_time_of_a_file_are_no_change():
    assert samples.stable({"groups": ["b", "a"], "placed": 1.5}) == samples.stable({"groups": ["a", "b"], "placed": 2.5})
    assert samples.stable({"rows": [{"a": 1}, {"a": 2}]}) != samples.stable({"rows": [{"a": 2}, {"a": 1}]})


def test_only_what_really_changed_is_written():
    fresh = [{"count": 1, "rows": [{"at": "2026-11-11T00:00:00Z", "facts": {"host": "old"}}]}]
    assert samples.rewritten(RETURNS, fresh) == RETURNS
    other = [{"count": 2, "rows": [{"at": None, "facts": {"host": "/sandbox/etc/x", "size": 5}}]}]
    new = samples.rewritten(RETURNS, other, root="/sandbox")
    assert new == RETURNS.replace("sample: 1\n", "sample: 2\n").replace("{host: old}", "{host: /etc/x, size: 5}")
