"""Common actions of console users, in a real browser."""

from playwright.sync_api import Page, expect

from tests.support.chromium import Visitor


def sign_in(visitor: Visitor, key: str) -> Page:
    """Sign in with the form and return the page, which is the overview."""
    page = visitor.page
    page.goto("/console")
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()
    return page


def fill_in(page: Page, *, orphan: str, survivor: str) -> None:
    """Fill two external_ids into the merge form."""
    for title, value in (("Merge this profile", orphan), ("Into this one, which stays", survivor)):
        page.get_by_role("group", name=title).get_by_label("Value").fill(value)


def preview(page: Page, *, orphan: str, survivor: str) -> None:
    """Open the preview of a merge of two external_ids."""
    page.goto("/console/merge")
    fill_in(page, orphan=orphan, survivor=survivor)
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("heading", name="Preview")).to_be_visible()
