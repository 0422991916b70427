"""Every page of the console, light and dark, on a desk and on a phone: usable by everybody, and nothing hangs over."""

import re
from collections.abc import Mapping

import pytest
from playwright.sync_api import Page, expect

from app.config import Settings
from app.web import create_app
from app.web.console import PREFIX
from cli.database import connected
from tests.support.accessibility import grave_faults
from tests.support.chromium import Visit
from tests.support.console import preview, sign_in
from tests.support.system import System
from tests.support.webhook_rows import write_webhook

#: What stands in an address for what it names.
PLACE = re.compile(r"<[^>]+>")
LONG = "x" * 250
#: The query that a page needs.
QUERIES = {"/console/jobs/bulk": "?action=retry"}
#: Beginnings of the rules that are no pages of their own, and a file.
NO_PAGES = (f"{PREFIX}/parts/", f"{PREFIX}/<path:", f"{PREFIX}/duplicates/preview.csv")


@pytest.fixture
def filled(system: System) -> Mapping[str, str]:
    """The paths of the pages that show one thing, by their rule, with something on each that is hard to show."""
    client = system.client
    client.track(
        attributes=[
            {"external_id": "ann-1", "first_name": "Ann", "plan": LONG, "tags": ["a", "b"], "email": "ann@example.com"},
            {
                "external_id": "ann",
                "last_name": "Ash",
                "home_city": "Llanfairpwllgwyngyllgogerychwyrndrobwll",
            },
            {"external_id": LONG, "first_name": "Zoë"},
        ],
        events=[{"external_id": "ann-1", "name": "login", "time": "2026-03-01T08:00:00Z"}],
    )
    run_id: str = client.post("/merge/runs", {"label": LONG[:200]}).json()["run_id"]
    pairs = [("ann-1", "ann"), (LONG, "nobody"), ("ann", "ann")]
    batch = client.finished(client.merge(pairs, Merge_Run=run_id))
    merged, _, failed = batch["jobs"]
    die(system, failed["job_id"])
    pairs = [{"identifier_to_merge": {"external_id": LONG}, "identifier_to_keep": {"external_id": "ann"}}]
    plan = client.post("/merge/plans", {"merge_updates": pairs}).json()
    for name in ("twin", "other"):
        client.track(attributes=[{"external_id": name, "email": "twin@example.com"}])
    both = [{"external_id": name} for name in ("twin", "other")]
    exclusion = {"exclusions": [{"profiles": both, "reason": "not one person"}]}
    excluded = client.post("/duplicates/exclusions", exclusion).json()["exclusions"][0]
    return {
        "plan_id": plan["plan_id"],
        "index": "0",
        # A run over duplicates has the same id on both of its paths.
        "run_id": client.post("/duplicates/runs", {}).json()["run_id"],
        "exclusion_id": excluded["exclusion_id"],
        "batch_id": batch["batch_id"],
        "job_id": merged["job_id"],
        "entry_id": merged["job_id"],
        "webhook_id": add_webhook(system, batch["batch_id"]),
        "braze_id": merged["survivor"]["braze_id"],
    }


def add_webhook(system: System, batch_id: str) -> str:
    """Add a webhook with a dead notice; return its id."""
    with connected(Settings(), system.database_url, name="test") as connection:
        query = "SELECT workspace_id FROM batch WHERE id = %s"
        (row,) = connection.execute(query, [batch_id]).fetchall()
        webhook_id, _ = write_webhook(connection, row["workspace_id"], url=f"https://example.com/{LONG}")
    return webhook_id


def die(system: System, job_id: str) -> None:
    """Let a job be dead, as if every attempt at it had failed."""
    with connected(Settings(), system.database_url, name="test") as connection:
        connection.execute(
            "UPDATE job SET state = 'dead', outcome = NULL, reason = 'Attempt 5 failed.', attempts = 5 WHERE id = %s",
            [job_id],
        )


def paths(named: Mapping[str, str]) -> list[str]:
    """Return the address of every page that is there to be looked at."""
    flask = create_app(Settings(database_url="postgresql://"))
    rules = [
        rule.rule
        for rule in flask.url_map.iter_rules()
        if rule.endpoint.startswith("console.") and "GET" in (rule.methods or set())
    ]
    shown = [
        f"{rule}{QUERIES.get(rule, '')}"
        for rule in rules
        if not rule.startswith(NO_PAGES) and not rule.endswith("/export")
    ]
    return sorted(PLACE.sub(lambda place: named[place[0].strip("<>").rpartition(":")[2]], rule) for rule in shown)


def assert_fit_to_be_seen(page: Page, what: str) -> None:
    """Assert that axe finds nothing grave on the page, and that it is no wider than the window."""
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")

    assert (what, grave_faults(page)) == (what, [])
    assert (what, wider) == (what, 0)


@pytest.mark.parametrize(("scheme", "narrow"), [("light", False), ("light", True), ("dark", False), ("dark", True)])
def test_every_page_is_fit_to_be_seen(
    system: System, visit: Visit, filled: Mapping[str, str], scheme: str, narrow: bool
) -> None:
    visitor = visit(system.base_url, scheme=scheme, narrow=narrow)
    visitor.page.goto("/console/sign-in")
    assert_fit_to_be_seen(visitor.page, "sign-in")
    page = sign_in(visitor, system.client.key)
    for path in paths(filled):
        page.goto(path)
        assert_fit_to_be_seen(page, path)
    preview(page, orphan=LONG, survivor="ann")
    assert_fit_to_be_seen(page, "a preview")
    visitor.expect_refusal(400)
    page.get_by_role("group", name="Merge this profile").get_by_label("Named by").select_option("email")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert_fit_to_be_seen(page, "a form with a fault")
    visitor.expect_refusal(404)
    page.goto("/console/nowhere")
    assert_fit_to_be_seen(page, "nowhere")
