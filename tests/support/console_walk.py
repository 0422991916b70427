"""A user of the console: with a mouse, with the keyboard only, or without JavaScript; on a desktop or a phone."""

import re
from contextlib import suppress
from itertools import count
from typing import Any, NamedTuple

from playwright.sync_api import Locator, Page, expect

from cli.database import connected
from tests.support.client import Client
from tests.support.system import System

#: The name of an element of a page: a text or a pattern.
Name = str | re.Pattern[str]
#: The number of Tab presses after which an element counts as unreachable.
MOST_TABS = 120
#: Milliseconds to wait for the next page after a press.
NAVIGATION_MS = 3_000


class BrowserMode(NamedTuple):
    """The width of the screen, the colour scheme, and how the user controls the page."""

    narrow: bool
    scheme: str
    control: str

    def __str__(self) -> str:
        return f"{'narrow' if self.narrow else 'wide'}-{self.scheme}-{self.control}"


#: All combinations.
BROWSER_MODES = tuple(
    BrowserMode(narrow, scheme, control)
    for control in ("mouse", "keyboard", "without JavaScript")
    for narrow in (False, True)
    for scheme in ("light", "dark")
)
_numbers = count()


class Walk:
    """Does actions on the pages of one workspace: `client` prepares them, `page` does them as *mode* says."""

    def __init__(self, system: System, client: Client, page: Page, mode: BrowserMode) -> None:
        self.system = system
        self.client = client
        self.page = page
        self._by_keyboard = mode.control == "keyboard"
        self._pressed_on = ""

    def new_name(self) -> str:
        """Return a name that no other profile, run or webhook has."""
        return f"walk-{next(_numbers)}"

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Send an API request that prepares an action; return the body of the response."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        response = self.client.request(method, path, json=body, headers=named)
        assert response.ok, f"{method} {path}: {response.text}"
        return response.json() if response.content else None

    def execute(self, query: str, *values: Any) -> None:
        """Change a row in a way that no request can, such as the state of a job to dead."""
        with connected(self.system.settings, self.system.database_url, name="test") as connection:
            connection.execute(query, list(values))

    def open(self, path: str) -> None:
        """Open the page at *path* under /console."""
        self.page.goto(f"/console{path}")

    @property
    def main(self) -> Locator:
        """The content of the page, without the header and the navigation."""
        return self.page.get_by_role("main")

    def press(self, name: Name, role: Any = "button", within: Locator | None = None) -> None:
        """Press the first button or link called *name*."""
        found = (within or self.main).get_by_role(role, name=name).first
        self._pressed_on = self.page.url
        if self._by_keyboard:
            self._tab_to(found)
            self.page.keyboard.press("Enter")
        else:
            found.click()

    def confirm(self, name: Name) -> None:
        """Press *name* on the confirmation page, if the action has one; its heading is a question."""
        with suppress(AssertionError):  # an action without confirmation may lead to the same page
            expect(self.page).not_to_have_url(self._pressed_on, timeout=NAVIGATION_MS)
        self.page.wait_for_load_state()
        if self.main.get_by_role("heading", level=1).inner_text().endswith("?"):
            self.press(name)

    def press_and_confirm(self, verb: str) -> None:
        """Press the link that begins with *verb*, then the button on the confirmation page that begins with it."""
        name = re.compile(f"^{verb}")
        self.press(name, "link")
        self.confirm(name)

    def fill(self, label: Name, text: str, within: Locator | None = None) -> None:
        """Write *text* into the field called *label*."""
        found = (within or self.main).get_by_label(label, exact=True).first
        if self._by_keyboard:
            self._tab_to(found)
            self.page.keyboard.press("Control+A")
            self.page.keyboard.type(text)
        else:
            found.fill(text)

    def choose(self, label: Name, option: str) -> None:
        """Select *option* in the list called *label*."""
        found = self.main.get_by_label(label, exact=True).first
        if self._by_keyboard:
            self._tab_to(found)
            self.page.keyboard.type(option)
        else:
            found.select_option(label=option)

    def check(self, label: Name) -> None:
        """Select the option or the box called *label*."""
        found = self.main.get_by_label(label).first
        if self._by_keyboard:
            # Tab reaches only the selected option of a group; the arrow keys reach the others.
            found.focus()
            self.page.keyboard.press("Space")
        else:
            found.check()

    def sees(self, text: Name) -> None:
        """Wait until the content of the page has *text*."""
        expect(self.main).to_contain_text(text)

    def _tab_to(self, target: Locator) -> None:
        """Press Tab until the focus is on *target*; after the last element of the page the focus starts at the top."""
        expect(target).to_be_visible()
        for _ in range(MOST_TABS):
            self.page.keyboard.press("Tab")
            if target.evaluate("element => element === document.activeElement"):
                return
        raise AssertionError(f"The Tab key does not reach {target} on {self.page.url}.")
