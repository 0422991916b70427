"""The page /docs in a real browser; and the browser itself, which must not overlook what it is there to see."""

from playwright.sync_api import expect

from tests.support.accessibility import grave_faults
from tests.support.chromium import Visit
from tests.support.system import System


def test_the_page_shows_every_endpoint_and_asks_no_other_host(system: System, visit: Visit) -> None:
    page = visit(system.base_url).page
    page.goto("/docs")

    expect(page.get_by_role("heading", name="Mergelane")).to_be_visible()
    expect(page.get_by_role("link", name="/users/merge", exact=True)).to_be_visible()


def test_whatever_goes_wrong_on_a_page_is_noted(system: System, visit: Visit) -> None:
    visitor = visit(system.base_url)
    page = visitor.page
    page.goto("/openapi.json")
    page.evaluate("console.error('a sentence')")
    page.evaluate("setTimeout(() => { throw new Error('thrown') })")
    page.evaluate("fetch('/nowhere').catch(() => {})")
    page.goto("/nowhere")
    page.goto("data:text/html,<img src='http://localhost:1/picture'>")
    noted, visitor.faults = "\n".join(visitor.faults), []

    assert "console: a sentence" in noted
    assert "script: thrown" in noted
    assert f"404: GET {system.base_url}/nowhere" in noted
    assert "left for another host: http://localhost:1/picture" in noted
    assert "failed: GET http://localhost:1/picture" in noted


def test_what_keeps_people_from_using_a_page_is_found(visit: Visit) -> None:
    page = visit("about:").page
    page.set_content("<html lang=en><title>t</title><main><h1>t</h1><input><p style='color:#aaa'>pale</p></main>")
    found = grave_faults(page)

    assert sorted(fault.split()[0] for fault in found) == ["color-contrast", "label"]
