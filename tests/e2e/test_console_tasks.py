"""What a newcomer does with the console alone, and the clicks that each task takes: at most five."""

import re

from playwright.sync_api import Locator, Page, expect

from app.config import Settings
from cli.database import connected
from tests.support.chromium import Visit
from tests.support.console import sign_in
from tests.support.system import System

MOST_CLICKS = 5


class Newcomer:
    """Works with the console, beginning at the overview; `clicks` counts since the last `begin`."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.clicks = 0

    def begin(self) -> None:
        """Begin a task at the overview."""
        self.page.goto("/console")
        self.clicks = 0

    def click(self, what: Locator) -> None:
        """Click on *what*."""
        what.click()
        self.clicks += 1

    def open(self, name: str) -> None:
        """Click on an entry of the navigation."""
        self.click(self.page.get_by_role("navigation", name="Console").get_by_role("link", name=name, exact=True))

    def press(self, name: str | re.Pattern[str], *, role: str = "button") -> None:
        """Click on the first button or link with this name in the page."""
        self.click(self.page.get_by_role("main").get_by_role(role, name=name).first)  # type: ignore[arg-type]


def test_the_tasks_of_an_operator_take_five_clicks_at_most(system: System, visit: Visit) -> None:
    client = system.client
    client.track(attributes=[{"external_id": each} for each in ("ann", "ann-1", "bob", "cy", "cy-1")])
    done = client.finished(client.merge([("nobody", "cy")]))
    bad = client.finished(client.merge([("ann-1", "ann")]))
    client.request("POST", "/users/delete", json={"external_ids": ["bob"]})
    with connected(Settings(), system.database_url, name="test") as connection:
        connection.execute(
            "UPDATE job SET state = 'dead', outcome = NULL, reason = 'PostgreSQL was away.' WHERE id = %s",
            [done["jobs"][0]["job_id"]],
        )
    newcomer = Newcomer(sign_in(visit(system.base_url), client.key))
    page = newcomer.page
    clicks = {}

    newcomer.begin()
    page.get_by_role("searchbox").fill("nobody")
    newcomer.click(page.get_by_role("button", name="Search"))
    expect(page.get_by_text("PostgreSQL was away.").first).to_be_visible()
    clicks["find why a pair was not merged"] = newcomer.clicks

    newcomer.begin()
    newcomer.open("Dead jobs")
    newcomer.press(re.compile("Retry all"), role="link")
    newcomer.press("Retry 1 job")
    expect(page.get_by_text("Retried").first).to_be_visible()
    clicks["retry the dead of an outage"] = newcomer.clicks

    newcomer.begin()
    newcomer.open("Batches")
    newcomer.click(page.locator(f"main a[href$='{bad['batch_id']}']").first)
    newcomer.press(re.compile("Undo"), role="link")
    newcomer.press("Undo")
    expect(page.get_by_text("Undone").first).to_be_visible()
    clicks["undo a bad file"] = newcomer.clicks

    newcomer.begin()
    newcomer.open("Audit")
    page.get_by_label("Action").select_option("delete")
    newcomer.press("Filter")
    expect(page.get_by_role("row").filter(has_text="Delete").filter(has_text="ensured at start")).to_have_count(1)
    clicks["find who deleted a person"] = newcomer.clicks

    client.request("PUT", "/merge/queue", json={"state": "paused"})
    waiting = client.merge([("cy-1", "cy")])
    newcomer.begin()
    newcomer.open("Queue")
    newcomer.press("Cancel the jobs of urgency 3", role="link")
    newcomer.press("Cancel 1 job")
    expect(page.get_by_role("status").filter(has_text="No worker begins one of these jobs")).to_be_visible()
    clicks["stop what waits"] = newcomer.clicks

    assert client.finished(waiting)["counts"] == {"cancelled": 1}
    assert {task: number for task, number in clicks.items() if number > MOST_CLICKS} == {}
    assert list(clicks.values()) == [1, 3, 4, 2, 3]
