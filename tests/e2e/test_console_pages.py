"""Every page of the console, light and dark, on a desk and on a phone, is accessible and fits the window."""

from collections.abc import Mapping
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from cli.database import connected
from tests.support.accessibility import grave_faults
from tests.support.chromium import Visit
from tests.support.client import Client
from tests.support.console import preview, sign_in
from tests.support.console_data import LONG, make_console_data
from tests.support.console_pages import page_paths
from tests.support.system import System

#: Pixels of the narrowest phone and of the widest screen.
NARROWEST, WIDEST = 360, 2_560
#: Batches, and jobs of each: enough for every kind of row, but few, because axe checks each row.
BATCHES, JOBS = 2, 12
#: Whether the focused element has a visible outline, and which links, buttons and fields the Tab key skips.
FOCUS = """() => {
    const at = document.activeElement
    const style = getComputedStyle(at)
    const all = [...document.querySelectorAll("main :is(a[href], button, input:not([type=hidden]), select, summary)")]
    return {
        visible: at === document.body || parseFloat(style.outlineWidth) >= 2 && style.outlineStyle !== "none",
        unreachable: all.filter(each => each.tabIndex < 0).map(each => each.outerHTML.slice(0, 100)),
    }
}"""


@pytest.fixture(scope="module")
def filled(running_system: System) -> tuple[Client, Mapping[str, str]]:
    """A client of a workspace with jobs of every kind, and the values of all arguments of the console's URLs."""
    client = running_system.new_client()

    def send(method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        response = client.request(method, path, json=body, headers=headers)
        assert response.ok, f"{method} {path}: {response.text}"
        return response.json()

    with connected(running_system.settings, running_system.database_url, name="test") as connection:
        values = make_console_data(
            send, client.finished, connection, workspace=client.workspace, batches=BATCHES, jobs=JOBS
        )
    return client, values


def assert_accessible_and_fitting(page: Page, what: str) -> None:
    """Assert that axe finds no grave fault on the page, and that it is no wider than the window."""
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")

    assert (what, grave_faults(page)) == (what, [])
    assert (what, wider) == (what, 0)


#: Colours do not depend on the width: two cases cover both schemes and both layouts.
@pytest.mark.parametrize(("scheme", "narrow"), [("light", False), ("dark", True)])
def test_every_page_is_accessible_and_fits_the_window(
    running_system: System, visit: Visit, filled: tuple[Client, Mapping[str, str]], scheme: str, narrow: bool
) -> None:
    client, values = filled
    visitor = visit(running_system.base_url, scheme=scheme, narrow=narrow)
    visitor.page.goto("/console/sign-in")
    assert_accessible_and_fitting(visitor.page, "sign-in")
    page = sign_in(visitor, client.key)
    for rule, path in page_paths(values):
        page.goto(path)
        assert_accessible_and_fitting(page, rule)
        assert_no_wider_than_the_window(page, rule, NARROWEST if narrow else WIDEST)
        # Neither check depends on the colours, and the wide layout contains the most.
        if not narrow:
            assert_reachable_by_keyboard(page, rule)
            assert_printable(page, rule)
    preview(page, orphan=LONG, survivor="customer-1")
    assert_accessible_and_fitting(page, "a preview")
    visitor.expect_refusal(400)
    page.get_by_role("group", name="Merge this profile").get_by_label("Named by").select_option("email")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert_accessible_and_fitting(page, "a form with a fault")
    visitor.expect_refusal(404)
    visitor.expect_refusal(410)
    for path in ("/console/nowhere", f"/console/profiles/{values['deleted_braze_id']}"):
        page.goto(path)
        assert_accessible_and_fitting(page, path)
    page.goto(f"/console/profiles/{values['gone_braze_id']}")
    assert_accessible_and_fitting(page, "a merged-away profile")


def assert_no_wider_than_the_window(page: Page, what: str, width: int) -> None:
    """Assert that the page fits a window of *width* pixels, and restore the window's size."""
    before = page.viewport_size
    assert before is not None
    page.set_viewport_size({"width": width, "height": before["height"]})
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    page.set_viewport_size(before)

    assert (what, width, wider) == (what, width, 0)


def assert_reachable_by_keyboard(page: Page, what: str) -> None:
    """Assert that the first Tab reaches the skip link, that the focus is visible, and that Tab skips no element."""
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")

    assert (what, skip.evaluate("element => element === document.activeElement")) == (what, True)

    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    focus = page.evaluate(FOCUS)

    assert (what, focus["visible"], focus["unreachable"]) == (what, True, [])


def assert_printable(page: Page, what: str) -> None:
    """Assert that the printed page has the content without the navigation, and restore the screen layout."""
    page.emulate_media(media="print")

    assert (what, page.locator("nav.side").is_visible(), page.locator("h1").is_visible()) == (what, False, True)

    page.emulate_media(media="screen")
