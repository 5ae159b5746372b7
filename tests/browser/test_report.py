# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of a report, as people meet it: wide and narrow, light and dark, by mouse and by keyboard, offline and on paper."""

from __future__ import annotations

import json

import jsonschema
import pytest
from browser.fleets import FLEETS, HOSTILE, LONG
from collection_path import ROOT

each_fleet = pytest.mark.parametrize("fleet", list(FLEETS))
each_width = pytest.mark.parametrize("width", [390, 820, 1400])
each_scheme = pytest.mark.parametrize("scheme", ["light", "dark"])

# Text whose contrast with what is behind it is too low: 4.5, or 3 for large text. Of each kind of element one is enough.
CONTRAST = """() => {
  const luminance = ([r, g, b]) => {
    const part = value => { value /= 255; return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4; };
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const colour = text => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const behind = element => {
    for (let at = element; at; at = at.parentElement) {
      const found = colour(getComputedStyle(at).backgroundColor);
      if (found[3] > 0.99) return found;
    }
    return [255, 255, 255, 1];
  };
  const low = [], seen = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || element.closest("script, style, .unseen, .skip, [hidden]")) continue;
    const style = getComputedStyle(element);
    const key = [element.tagName, element.className, style.color, getComputedStyle(element.parentElement).backgroundColor].join();
    if (seen.has(key) || !element.getClientRects().length) continue;
    seen.add(key);
    const front = luminance(colour(style.color)), back = luminance(behind(element));
    const contrast = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && parseInt(style.fontWeight) >= 700);
    if (contrast < (large ? 3 : 4.5)) low.push([element.outerHTML.slice(0, 120), contrast.toFixed(2)]);
  }
  return low;
}"""

# Elements that stick out of the window, except inside what may be scrolled sideways for itself.
STICKING_OUT = """() => Array.from(document.body.querySelectorAll("*")).filter(element => {
  if (element.closest("script, style, .unseen, .skip, nav ul, [hidden]") || !element.getClientRects().length) return false;
  const box = element.getBoundingClientRect();
  return box.right > innerWidth + 1 || box.left < -1;
}).map(element => element.outerHTML.slice(0, 120)).slice(0, 5)"""


@each_fleet
@each_width
@each_scheme
def test_it_is_quiet_and_fits(show, fleet, width, scheme):
    shown = show(fleet, width, scheme)
    assert shown.said == []
    assert shown.page.evaluate("[document.documentElement.scrollWidth <= innerWidth, document.body.scrollWidth <= innerWidth]") == [
        True, True]
    assert shown.page.evaluate(STICKING_OUT) == []
    shown.shot("%s-%d-%s" % (fleet, width, scheme))
    if scheme == "light":
        for section in ("fleet", "expiry", "clusters", "changes"):
            shown.page.evaluate("name => document.getElementById(name).scrollIntoView()", section)
            shown.shot("%s-%d-%s" % (fleet, width, section))


@each_fleet
def test_it_asks_for_nothing_but_itself(show, reports, fleet):
    shown = show(fleet)
    shown.page.mouse.wheel(0, 2000)
    assert [url for url in shown.asked if not url.startswith("data:")] == [(reports[fleet] / "report.html").as_uri()]


@each_scheme
@pytest.mark.parametrize("width", [390, 1400])
def test_contrast(show, width, scheme):
    shown = show("mixed", width, scheme)
    shown.page.locator('button[data-value="failed"]').first.click()  # a pressed button has colours of its own
    shown.page.locator('[data-clear="fleet"]').click()
    shown.page.locator(".kinds button").first.click()
    assert shown.page.evaluate(CONTRAST) == []


def test_what_the_data_say_is_never_markup(show):
    shown = show("mixed")
    assert shown.said == [] and shown.page.locator("img").count() == 0
    assert shown.page.locator("script").count() == 1
    assert shown.page.locator("h1").inner_text() == "Secure TSP fleet " + HOSTILE
    assert shown.page.locator("#table-findings tbody").inner_text().count(HOSTILE) == 3
    assert shown.page.locator("#table-fleet tbody").inner_text().count(HOSTILE) == 2
    assert HOSTILE in shown.page.locator("#changes").inner_text() and LONG in shown.page.locator("#table-fleet").inner_text()


# Filters


def test_findings_by_severity_search_and_kind(show):
    shown = show("mixed")
    page = shown.page
    assert shown.visible_rows("findings") == 7 and shown.status("findings") == "7 in all"
    page.get_by_label("Severity").select_option("warning")
    assert shown.visible_rows("findings") == 3 and shown.status("findings") == "3 of 7"
    page.locator("#findings").get_by_label("Search").fill("recorder02 PROVIDER")
    assert shown.visible_rows("findings") == 1 and shown.status("findings") == "1 of 7"
    page.locator("#findings").get_by_label("Search").fill("nowhere")
    assert shown.visible_rows("findings") == 0 and shown.status("findings") == "0 of 7"
    page.locator('[data-clear="findings"]').click()
    assert shown.visible_rows("findings") == 7 and page.locator('[data-clear="findings"]').is_hidden()
    kind = page.get_by_role("button", name="ctl stale")
    kind.click()
    assert kind.get_attribute("aria-pressed") == "true" and shown.visible_rows("findings") == 1
    other = page.get_by_role("button", name="user devices")
    other.click()
    assert (kind.get_attribute("aria-pressed"), other.get_attribute("aria-pressed")) == ("false", "true")
    assert shown.visible_rows("findings") == 1
    other.click()
    assert shown.visible_rows("findings") == 7


def test_the_fleet_by_state_stage_cluster_and_month(show):
    shown = show("mixed")
    page = shown.page
    assert shown.visible_rows("fleet") == 9
    failed = page.get_by_role("button", name="1 failed", exact=True).first  # the total
    failed.click()
    assert shown.visible_rows("fleet") == 1 and page.get_by_label("State").input_value() == "failed"
    assert failed.get_attribute("aria-pressed") == "true"
    page.get_by_label("State").select_option("")
    assert shown.visible_rows("fleet") == 9 and failed.get_attribute("aria-pressed") == "false"
    page.locator("#fleet").get_by_label("Cluster").select_option("second")
    assert shown.visible_rows("fleet") == 2
    page.get_by_role("button", name="Trust list 1 not known").click()
    assert shown.visible_rows("fleet") == 1
    page.locator('[data-clear="fleet"]').click()
    page.get_by_role("button", name="Jan 2026: show the instance whose certificate expires then").click()
    assert shown.visible_rows("fleet") == 1 and "recorder01x2" in page.locator("#table-fleet tbody tr:visible").inner_text()
    assert page.evaluate("document.getElementById('fleet').getBoundingClientRect().top") < 100, "it jumps to the fleet"


def test_a_thousand_instances_show_the_first_hundred_and_all_on_request(show):
    shown = show("thousand")
    page = shown.page
    assert shown.visible_rows("fleet") == 100 and shown.status("fleet") == "1,000 in all, the first 100 shown"
    more = page.get_by_role("button", name="Show all 1,000")
    more.click()
    assert shown.visible_rows("fleet") == 1000 and more.is_hidden() and shown.status("fleet") == "1,000 in all"
    assert page.evaluate("document.activeElement.sectionRowIndex") == 100, "the first of the new rows has the focus"
    page.locator("#fleet").get_by_label("Search").fill("recorder07")
    assert shown.visible_rows("fleet") == 20 and shown.status("fleet") == "20 of 1,000"
    page.locator("#fleet").get_by_label("Search").fill("")
    assert shown.visible_rows("fleet") == 100


def test_numbers_on_the_page_are_those_of_the_document(show, reports):
    shown = show("thousand")
    report = json.loads((reports["thousand"] / "report.json").read_text())
    totals = report["totals"]
    text = shown.page.locator(".totals").inner_text().replace("\n", " ")
    for number, word in ((1000, "instances on 500 hosts"), (totals["healthy"], "healthy"), (totals["drifted"], "with drift"),
                         (totals["failed"], "failed")):
        assert "%s %s" % (format(number, ","), word) in text
    shown.page.get_by_label("State").select_option("failed")
    assert shown.status("fleet").startswith("%d of 1,000" % totals["failed"])
    assert "%d critical findings, %d warnings" % (totals["critical"], totals["warning"]) in shown.page.locator(".verdict").inner_text()


# For everybody


def test_headings_labels_and_tables(show):
    page = show("mixed").page
    assert page.locator("html").get_attribute("lang") == "en" and page.title().startswith("Secure TSP fleet")
    levels = page.locator("h1, h2, h3").evaluate_all("all => all.map(one => Number(one.tagName[1]))")
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(deeper <= level + 1 for level, deeper in zip(levels, levels[1:]))
    unnamed = page.locator("button, input, select").evaluate_all(
        "all => all.filter(one => !one.closest('[hidden]') && !(one.labels && one.labels.length) && !one.getAttribute('aria-label')"
        " && !one.textContent.trim()).length")
    assert unnamed == 0
    for name in ("findings", "fleet"):
        table = page.locator("#table-" + name)
        assert table.locator("caption").count() == 1
        assert table.locator("th:not([scope])").count() == 0
        rows = table.locator("tbody tr").count()
        assert table.locator("tbody th[scope=row]").count() == rows > 0
    assert page.locator("main, header, nav[aria-label], footer").count() == 4
    assert page.locator("section:not([aria-labelledby])").count() == 0


def test_no_state_is_told_by_colour_alone(show):
    page = show("mixed").page
    silent = page.locator(".mark").evaluate_all("all => all.filter(one => !/[a-z]{2}/.test(one.textContent)).length")
    assert page.locator(".mark").count() > 50 and silent == 0


@pytest.mark.parametrize("width", [390, 1400])
def test_it_works_by_keyboard(show, width):
    shown = show("mixed", width)
    page = shown.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "To the fleet"
    assert page.locator(".skip").bounding_box()["y"] >= 0, "it comes into sight"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#fleet"
    page.locator(".kinds button").first.focus()
    page.keyboard.press("Enter")
    assert shown.visible_rows("findings") == 1
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Space")
    assert shown.visible_rows("findings") == 7
    reached = set()
    for _step in range(80):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.dataset.filter + ' ' + document.activeElement.dataset.key"))
    assert {"findings severity", "findings text", "fleet state", "fleet cluster", "fleet text"} <= reached


@pytest.mark.parametrize("width", [390, 1400])
def test_what_is_to_be_touched_is_large_enough(show, width):
    page = show("mixed", width).page
    small = page.locator("button:visible, input:visible, select:visible, nav a:visible").evaluate_all(
        "all => all.filter(one => one.getBoundingClientRect().height < 24 || one.getBoundingClientRect().width < 24)"
        ".map(one => one.outerHTML.slice(0, 80))")
    assert small == []


def test_without_script_everything_is_shown(show):
    shown = show("thousand", script=False)
    assert shown.visible_rows("fleet") == 1000
    assert shown.page.locator(".filters:visible, .kinds:visible, button.more:visible").count() == 0


def test_on_paper_everything_that_was_filtered_is_shown(show):
    shown = show("thousand")
    page = shown.page
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert shown.visible_rows("fleet") == 1000
    assert page.locator("nav:visible, .filters:visible, .kinds:visible, .more:visible").count() == 0
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert shown.visible_rows("fleet") == 100
    shown.page.emulate_media(media="screen")
    page.get_by_label("State").select_option("failed")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert shown.visible_rows("fleet") == int(shown.status("fleet").split()[0])
    assert page.pdf(format="A4").startswith(b"%PDF-")


def test_a_report_of_nothing_says_so(show):
    page = show("none").page
    text = page.locator("body").inner_text()
    for sentence in ("Nothing was looked at", "No instance was looked at.", "Nothing to report", "No certificate is known yet.", "No cluster was read.",
                     "Nothing was changed."):
        assert sentence in text


@each_fleet
def test_the_document_beside_the_page_is_as_its_schema_says(reports, fleet):
    schema = json.loads((ROOT / "roles" / "report" / "files" / "report.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(json.loads((reports[fleet] / "report.json").read_text()))
