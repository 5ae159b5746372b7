# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages that the role report wrote, in a headless Chromium. Without Chromium these tests fail, they are never skipped."""

from __future__ import annotations

import contextlib
import json
import os
import shutil

import collection_path
import pytest
from browser.fleets import FLEETS
from controller import Controller

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)
SCREENSHOTS = collection_path.ROOT / ".cache" / "browser"
PLAYBOOK = """
- name: Report
  hosts: secure_tsp
  gather_facts: false
  tasks:
    - name: Write the report
      ansible.builtin.include_role:
        name: voiceops.secure_tsp.report
"""


def chromium():
    """Path of the program; CHROMIUM names another one."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        pytest.fail("there is no Chromium; install one (Debian: chromium) or name it in CHROMIUM", pytrace=False)
    return found


@pytest.fixture(scope="session")
def reports(tmp_path_factory):
    """{name of a fleet: folder of its report}, each written by one run of the role."""
    controller = Controller(tmp_path_factory.mktemp("browser") / "controller")
    playbook = controller.folder / "report.yml"
    playbook.write_text(PLAYBOOK)
    folders = {}
    for name, fleet in FLEETS.items():
        folders[name] = controller.folder / name
        variables = controller.folder / (name + ".json")
        variables.write_text(json.dumps({"report_folder": str(folders[name]), **fleet()}))
        run = controller.start(playbook, controller.write_inventory(["recorder01"], {}), "-e", "@%s" % variables).wait()
        assert run.rc == 0 and run.count("changed") == 0, run.output
    return folders


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """A browser that lives in a folder of its own and may not use the network."""
    from playwright.sync_api import sync_playwright  # here, so that a missing package fails these tests and no others

    program = chromium()
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=program, headless=True, args=list(FLAGS),
            env={**os.environ, "HOME": str(tmp_path_factory.mktemp("browser-home"))})
        yield started
        started.close()


class Page:
    """One page that was opened. C(page) is Playwright's; C(said) what it said on the console, C(asked) what it fetched."""

    def __init__(self, context, path):
        self.said, self.asked = [], []
        self.page = context.new_page()
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.said.append(dialog.message), dialog.dismiss()))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())

    def visible_rows(self, name):
        return self.page.locator("#table-%s tbody tr:visible" % name).count()

    def status(self, name):
        return self.page.locator('[data-count="%s"]' % name).inner_text()

    def shot(self, name, full_page=False):
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=str(SCREENSHOTS / (name + ".png")), full_page=full_page)


@pytest.fixture
def show(browser, reports):
    """show(fleet, width=1400, scheme="light", script=True): its page."""
    with contextlib.ExitStack() as contexts:
        def open_page(fleet, width=1400, scheme="light", script=True):
            context = browser.new_context(
                viewport={"width": width, "height": 900 if width > 500 else 844}, color_scheme=scheme, offline=True,
                java_script_enabled=script, reduced_motion="reduce")
            contexts.callback(context.close)
            return Page(context, reports[fleet] / "report.html")

        yield open_page
