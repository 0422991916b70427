"""Tasks of a newcomer in the console. Each takes as many clicks as docs/console.md says."""

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from cli.database import connected
from tests.support.chromium import Visit
from tests.support.client import Client
from tests.support.console import sign_in
from tests.support.pages import read_page
from tests.support.system import System

MOST_CLICKS = 5
PAIRS = 500
#: A row of the table in docs/console.md: the task, how, the clicks.
ROW = re.compile(r"^\| ([A-Z][^|]+) \| [^|]+ \| (\d) \|$", re.MULTILINE)


class Newcomer:
    """A user who starts each task at the overview; `clicks` counts since the last `begin`."""

    def __init__(self, page: Page, client: Client) -> None:
        self.page = page
        self.client = client
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

    def press(self, name: str, *, role: str = "button") -> None:
        """Click on the first button or link in the page whose name begins with *name*."""
        self.page.wait_for_load_state()
        self.click(self.page.get_by_role("main").get_by_role(role, name=re.compile(f"^{name}")).first)  # type: ignore[arg-type]

    def confirm(self, name: str) -> None:
        """Press *name* on the confirmation page, if the action has one: its heading is a question."""
        self.page.wait_for_load_state()
        if self.page.get_by_role("main").get_by_role("heading", level=1).inner_text().endswith("?"):
            self.press(name)

    def write(self, *names: str) -> None:
        """Write the profiles of a task."""
        for first in range(0, len(names), 50):
            self.client.track(attributes=[{"external_id": name} for name in names[first : first + 50]])

    def merge(self, label: str, *pairs: tuple[str, str]) -> list[str]:
        """Merge *pairs* as `mergelane merge FILE` does, in a run called *label*; return the ids of their batches."""
        run_id = self.client.post("/merge/runs", {"label": label}).json()["run_id"]
        batches = [self.client.merge(pairs[first : first + 50], Merge_Run=run_id) for first in range(0, len(pairs), 50)]
        self.client.post(f"/merge/runs/{run_id}/close", None)
        return batches


def find_why_a_pair_was_not_merged(newcomer: Newcomer) -> None:
    newcomer.client.merged([("nobody", "cy")])
    newcomer.begin()
    newcomer.page.get_by_role("searchbox").fill("nobody")
    newcomer.click(newcomer.page.get_by_role("button", name="Search"))
    expect(newcomer.page.get_by_text("No profile has the external_id in identifier_to_merge").first).to_be_visible()


def undo_a_bad_file(newcomer: Newcomer) -> None:
    newcomer.write("ann", "ann-1")
    (batch,) = newcomer.merge("bad.csv", ("ann-1", "ann"))
    newcomer.client.finished(batch)
    newcomer.begin()
    newcomer.open("Runs")
    newcomer.press("bad.csv", role="link")
    newcomer.press("Undo", role="link")
    newcomer.confirm("Undo")
    expect(newcomer.page.get_by_role("main")).to_contain_text("Undoes")
    expect(newcomer.page.get_by_role("progressbar").first).to_have_attribute("aria-valuetext", "1 of 1 done")
    assert newcomer.client.profile("ann-1")


def stop_a_running_file(newcomer: Newcomer) -> None:
    newcomer.write("bo", "bo-1")
    newcomer.client.put("/merge/queue", {"state": "paused"})
    (batch,) = newcomer.merge("running.csv", ("bo-1", "bo"))
    newcomer.begin()
    newcomer.open("Runs")
    newcomer.press("running.csv", role="link")
    newcomer.press("Cancel", role="link")
    newcomer.confirm("Cancel")
    expect(newcomer.page.get_by_role("main")).to_contain_text("Cancelled")
    assert newcomer.client.finished(batch)["counts"] == {"cancelled": 1}
    newcomer.client.put("/merge/queue", {"state": "running"})


def find_who_deleted_a_person(newcomer: Newcomer) -> None:
    newcomer.write("dee")
    newcomer.client.post("/users/delete", {"external_ids": ["dee"]})
    newcomer.begin()
    newcomer.open("Audit")
    newcomer.page.get_by_label("Action").select_option("delete")
    newcomer.press("Filter")
    deleted = newcomer.page.get_by_role("row").filter(has_text="Delete").filter(has_text="development key")
    expect(deleted).to_have_count(1)


def retry_the_dead_of_an_outage(newcomer: Newcomer, execute: Callable[..., object]) -> None:
    batch = newcomer.client.finished(newcomer.client.merge([("gone", "ed")]))
    execute(
        "UPDATE job SET state = 'dead', outcome = NULL, reason = 'PostgreSQL was away.' WHERE id = %s",
        [batch["jobs"][0]["job_id"]],
    )
    newcomer.begin()
    newcomer.press("See why, and retry", role="link")
    expect(newcomer.page.get_by_text("PostgreSQL was away.").first).to_be_visible()
    newcomer.press("Retry all dead", role="link")
    newcomer.confirm("Retry")
    expect(newcomer.page).to_have_url(re.compile("/console/runs/"))
    newcomer.client.finished(batch["batch_id"])


def preview_and_apply_500_pairs(newcomer: Newcomer, folder: Path) -> None:
    names = [(f"old-{nth}", f"new-{nth}") for nth in range(PAIRS)]
    newcomer.write(*(name for pair in names for name in pair))
    file = folder / "pairs.csv"
    lines = ["merge_external_id,keep_external_id", *(",".join(pair) for pair in names)]
    file.write_text("\n".join(lines), encoding="utf-8")
    newcomer.begin()
    newcomer.open("Plans")
    with newcomer.page.expect_file_chooser() as chooser:
        newcomer.click(newcomer.page.get_by_label("File of pairs"))
    chooser.value.set_files(file)
    newcomer.press("Plan the pairs")
    expect(newcomer.page.get_by_role("main")).to_contain_text(f"Merged {PAIRS}")
    newcomer.press("Apply", role="link")
    newcomer.confirm(f"Apply {PAIRS} pairs")
    expect(newcomer.page.get_by_role("main")).to_contain_text("Applied")


def test_the_tasks_of_a_newcomer_take_the_clicks_of_the_document(system: System, visit: Visit, tmp_path: Path) -> None:
    client = system.client
    client.track(attributes=[{"external_id": "cy"}])
    newcomer = Newcomer(sign_in(visit(system.base_url), client.key), client)

    def execute(query: str, values: list[object]) -> None:
        with connected(system.settings, system.database_url, name="test") as connection:
            connection.execute(query, values)

    tasks: dict[str, Callable[[], None]] = {
        "Find why a pair was not merged": lambda: find_why_a_pair_was_not_merged(newcomer),
        "Undo a bad file": lambda: undo_a_bad_file(newcomer),
        "Stop a running file": lambda: stop_a_running_file(newcomer),
        "Find who deleted a person": lambda: find_who_deleted_a_person(newcomer),
        "Retry the dead of an outage": lambda: retry_the_dead_of_an_outage(newcomer, execute),
        "Preview and apply 500 pairs": lambda: preview_and_apply_500_pairs(newcomer, tmp_path),
    }
    clicks = {}
    for task, do in tasks.items():
        do()
        clicks[task] = newcomer.clicks

    assert clicks == {task: int(number) for task, number in ROW.findall(read_page("console.md"))}
    assert {task: number for task, number in clicks.items() if number > MOST_CLICKS} == {}
