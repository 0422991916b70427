"""The page /docs in a real browser, and the faults that the tests' browser must report."""

from playwright.sync_api import expect

from tests.support.accessibility import grave_faults
from tests.support.chromium import Visit
from tests.support.system import System


def test_the_page_lists_endpoints_and_requests_no_other_host(system: System, visit: Visit) -> None:
    page = visit(system.base_url).page
    page.goto("/docs")

    expect(page.get_by_role("heading", name="Mergelane")).to_be_visible()
    expect(page.get_by_role("link", name="/users/merge", exact=True)).to_be_visible()


def test_every_fault_of_a_page_is_reported(system: System, visit: Visit) -> None:
    visitor = visit(system.base_url)
    page = visitor.page
    page.goto("/openapi.json")
    page.evaluate("console.error('a sentence')")
    page.evaluate("setTimeout(() => { throw new Error('thrown') })")
    page.evaluate("fetch('/nowhere').catch(() => {})")
    page.goto("/nowhere")
    page.goto("data:text/html,<img src='http://localhost:1/picture'>")
    reported, visitor.faults = "\n".join(visitor.faults), []

    assert "console: a sentence" in reported
    assert "script: thrown" in reported
    assert f"404: GET {system.base_url}/nowhere" in reported
    assert "left for another host: http://localhost:1/picture" in reported
    assert "failed: GET http://localhost:1/picture" in reported


def test_accessibility_faults_of_a_page_are_found(visit: Visit) -> None:
    page = visit("about:").page
    page.set_content("<html lang=en><title>t</title><main><h1>t</h1><input><p style='color:#aaa'>pale</p></main>")
    found = grave_faults(page)

    assert sorted(fault.split()[0] for fault in found) == ["color-contrast", "label"]
