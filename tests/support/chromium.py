"""A real Chromium for the tests. Each visitor has its own browser context; a fault in any of them fails the test."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, WebError, expect, sync_playwright

from demo.chromium import OPTIONS, find_chromium
from tests.support.missing import missing

#: The sizes of a desktop screen and of a phone, in pixels.
WIDE = {"width": 1280, "height": 800}
NARROW = {"width": 390, "height": 844}
#: Milliseconds that Playwright waits for an element or a page. The bound allows for a busy machine.
PATIENCE_MS = 30_000
#: The failure that a browser reports for a request that it aborted itself, because its page is gone.
GIVEN_UP = "net::ERR_ABORTED"

expect.set_options(timeout=PATIENCE_MS)
_failed = pytest.StashKey[bool]()


class Visitor:
    """A user with a browser: `page` is in its own context, `faults` lists the faults on the pages of this context.

    A fault is an error on the browser's console or in a script, a request that fails or is refused, or a request to
    another server than *base_url*.
    """

    def __init__(self, browser: Browser, base_url: str, *, narrow: bool, scheme: str, javascript: bool) -> None:
        self.base_url = base_url
        self.faults: list[str] = []
        self._expected: set[int] = set()
        self._context = browser.new_context(
            base_url=base_url,
            viewport=NARROW if narrow else WIDE,
            has_touch=narrow,
            color_scheme=scheme,
            reduced_motion="reduce",
            java_script_enabled=javascript,
            locale="en-GB",
            timezone_id="UTC",
        )
        self._context.set_default_timeout(PATIENCE_MS)
        self._listen()
        self.page: Page = self._context.new_page()

    def expect_refusal(self, status: int) -> None:
        """Do not count responses with *status* as faults: the test provokes them."""
        self._expected.add(status)

    def cookies(self) -> list[dict[str, Any]]:
        """Return the cookies that the browser keeps."""
        return [dict(cookie) for cookie in self._context.cookies()]

    def put(self, cookie: dict[str, Any]) -> None:
        """Add *cookie*, as `cookies` returned it, to the browser."""
        self._context.add_cookies([cookie])

    def picture(self, path: Path) -> None:
        """Save a screenshot of the whole page."""
        self.page.screenshot(path=path, full_page=True)

    def close(self) -> None:
        """Close the context with its pages."""
        self._context.close()

    def _listen(self) -> None:
        """Record all faults on the pages of the context."""
        self._context.on("console", self._on_console)
        self._context.on("weberror", self._on_error)
        self._context.on("request", self._on_request)
        self._context.on("requestfailed", self._on_failed)
        self._context.on("response", self._on_response)

    def _on_console(self, message: ConsoleMessage) -> None:
        # For a refused request the console repeats the status, which _on_response records.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.faults.append(f"console: {message.text}")

    def _on_error(self, error: WebError) -> None:
        self.faults.append(f"script: {error.error}")

    def _on_request(self, request: Request) -> None:
        if not request.url.startswith((self.base_url, "data:", "about:", "blob:")):
            self.faults.append(f"left for another host: {request.url}")

    def _on_failed(self, request: Request) -> None:
        if request.failure != GIVEN_UP:
            self.faults.append(f"failed: {request.method} {request.url}: {request.failure}")

    def _on_response(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self._expected:
            self.faults.append(f"{response.status}: {response.request.method} {response.url}")


#: Opens a browser on the server at a base URL.
Visit = Callable[..., Visitor]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Record that a test failed: the fixture `visit` then takes screenshots."""
    report: pytest.TestReport = yield
    item.stash[_failed] = item.stash.get(_failed, False) or report.failed
    return report


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The browser, shared by the tests of a file.

    It closes after each file: while Playwright runs, no other code in this thread can run an asyncio loop.
    """
    try:
        program = find_chromium()
    except FileNotFoundError as error:
        missing("Chromium", error)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=OPTIONS, timeout=PATIENCE_MS)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Browser, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Visit]:
    """A function that returns a `Visitor` of the server at a base URL.

    Its further arguments: `narrow` (a phone instead of a desktop), `scheme` ("light" or "dark"), `javascript`. The test
    fails if its visitors met faults. If it fails, `tmp_path` contains screenshots of their pages.
    """
    visitors: list[Visitor] = []

    def open_browser(base_url: str, *, narrow: bool = False, scheme: str = "light", javascript: bool = True) -> Visitor:
        visitor = Visitor(chromium, base_url, narrow=narrow, scheme=scheme, javascript=javascript)
        visitors.append(visitor)
        return visitor

    yield open_browser
    faults = [fault for visitor in visitors for fault in visitor.faults]
    if faults or request.node.stash.get(_failed, False):
        for number, visitor in enumerate(visitors):
            visitor.picture(tmp_path / f"failed{number}.png")
    for visitor in visitors:
        visitor.close()

    assert faults == []
