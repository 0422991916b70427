"""The charts of the console in a real browser: their values by mouse and by keyboard, their axes, units and table."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.chromium import Visit
from tests.support.console import sign_in
from tests.support.system import System

#: The texts of the columns of a chart, oldest first.
TITLES = "chart => [...chart.querySelectorAll('.hit title')].map(each => each.textContent)"
#: The rows of the table behind the charts, oldest first, each as the numbers of its cells.
ROWS = """() => [...document.querySelectorAll("#figures tbody tr")].reverse().map(row =>
    [row.querySelector("th").textContent, ...[...row.querySelectorAll("td")].map(cell => cell.textContent)])"""
TONES = ("merged, identified or undone", "undone in part", "no effect", "dead")
PERIODS = ("hour", "day", "week")


@pytest.fixture
def page(running_system: System, visit: Visit, request: pytest.FixtureRequest) -> Page:
    """The browser of a person whose workspace has merged one pair, and has one job without an effect."""
    client = running_system.new_client()
    client.track(attributes=[{"external_id": "ann", "first_name": "Ann"}, {"external_id": "ann-1"}])
    client.finished(client.merge([("ann-1", "ann"), ("nobody", "ann")]))
    visitor = visit(running_system.base_url, javascript=getattr(request, "param", True))
    sign_in(visitor, client.key)
    return visitor.page


def expected_titles(rows: list[list[str]]) -> tuple[list[str], list[str]]:
    """Return the parts of the texts of both charts that follow from *rows* of the table."""
    ended, unfinished = [], []
    for begin, accepted, *tones, left in rows:
        jobs = ", ".join(f"{number} {name}" for number, name in zip(tones, TONES, strict=True) if number != "0")
        ended.append(f"{begin}|{jobs or 'no job ended'}; {accepted} accepted")
        unfinished.append(f"{left} waiting or running")
    return ended, unfinished


@pytest.mark.parametrize("period", PERIODS)
def test_each_column_has_the_values_of_its_row_in_the_table(page: Page, period: str) -> None:
    page.goto(f"/console/throughput?period={period}")
    page.get_by_text("The same as a table").click()
    rows: list[list[str]] = page.evaluate(ROWS)
    titles: list[list[str]] = [page.locator(f"#chart-{name}").evaluate(TITLES) for name in ("ended", "unfinished")]
    ended, unfinished = expected_titles(rows)

    assert [re.sub(r" to \d\d:\d\d: ", "|", each) for each in titles[0]] == ended
    assert [each.partition(": ")[2] for each in titles[1]] == unfinished
    assert any("1 merged, identified or undone, 1 no effect; 2 accepted" in each for each in ended)


def test_the_arrow_keys_read_a_chart_and_the_focus_stays_when_it_is_replaced(page: Page) -> None:
    page.goto("/console/throughput")
    chart = page.locator("#chart-ended")
    titles: list[str] = chart.evaluate(TITLES)
    value = page.locator(".chart").first.locator(".value")
    for _ in range(60):
        page.keyboard.press("Tab")
        if chart.evaluate("each => each === document.activeElement"):
            break

    expect(chart).to_be_focused()
    expect(value).to_have_text(titles[-1])
    expect(chart).to_have_attribute("aria-valuetext", titles[-1])

    for key, column in (("ArrowLeft", -2), ("PageDown", -12), ("ArrowRight", -11), ("Home", 0), ("ArrowLeft", 0)):
        page.keyboard.press(key)
        expect(value).to_have_text(titles[column])
        expect(chart).to_have_attribute("aria-valuetext", titles[column])
    chart.evaluate("each => { each.dataset.old = 'yes' }")
    page.evaluate("htmx.trigger('#throughput', 'refresh')")
    expect(page.locator("#chart-ended:not([data-old])")).to_be_focused()
    expect(value).to_have_text(re.compile(r"^\d\d:\d\d to \d\d:\d\d: "))


def test_the_pointer_shows_the_value_of_the_column_below_it(page: Page) -> None:
    page.goto("/console/throughput")
    for name in ("ended", "unfinished"):
        chart = page.locator(f"#chart-{name}")
        titles: list[str] = chart.evaluate(TITLES)
        value = page.locator(".chart", has=chart).locator(".value")
        chart.locator(".hit").nth(30).hover()
        expect(value).to_have_text(titles[30])
        page.get_by_role("heading", level=1).hover()
        expect(value).to_have_text(re.compile("^Point at a column"))


@pytest.mark.parametrize("page", [False], indirect=True, ids=["without JavaScript"])
def test_without_javascript_the_values_are_titles_and_a_table(page: Page) -> None:
    page.goto("/console/throughput")
    charts = page.locator(".chart > svg")

    assert [charts.nth(nth).get_attribute("role") for nth in range(2)] == ["img", "img"]
    assert [charts.nth(nth).get_attribute("tabindex") for nth in range(2)] == [None, None]
    assert page.locator(".chart > svg .hit title").count() == 2 * page.locator("#figures tbody tr").count()


@pytest.mark.parametrize("period", PERIODS)
def test_charts_have_units_and_axes_that_match_their_table(page: Page, period: str) -> None:
    page.goto(f"/console/throughput?period={period}")
    headings: list[str] = page.locator(".charts h2").all_inner_texts()
    times: Any = page.locator(".hours").first.locator("span").all_inner_texts()
    scale: Any = page.locator(".scale").first.locator("span").all_inner_texts()
    rows: list[list[str]] = page.evaluate(ROWS)

    assert all(each.endswith("(jobs, times in UTC)") for each in headings)
    assert len(times) == 5
    assert times[-1] == "now"
    assert times[0] in rows[0][0]
    assert scale[-1] == "0"
    assert int(scale[0]) >= max(sum(int(cell) for cell in row[2:-1]) for row in rows)
    expect(page.get_by_text("The same as a table")).to_be_visible()
