"""Further states of the console's pages: forms that are filled in or refused, errors, and empty results."""

from collections.abc import Callable, Mapping
from functools import partial

from playwright.sync_api import Page

from demo.errors import DemoError

#: Opens a page of the console in the state for the picture.
OpenPage = Callable[[Page], None]

#: Lists of an empty workspace, which explain the next step, by the name of their pictures.
EMPTY: Mapping[str, str] = {
    "overview-empty": "/console",
    "runs-empty": "/console/runs",
    "batches-empty": "/console/batches",
    "jobs-empty": "/console/jobs",
    "dead-empty": "/console/dead",
    "plans-empty": "/console/plans",
    "duplicates-empty": "/console/duplicates",
    "duplicates-exclusions-empty": "/console/duplicates/exclusions",
    "duplicates-preview-empty": "/console/duplicates/preview",
    "queue-empty": "/console/queue",
    "throughput-empty": "/console/throughput",
    "audit-empty": "/console/audit",
    "webhooks-empty": "/console/webhooks",
}


def states(values: Mapping[str, str]) -> dict[str, OpenPage]:
    """Return a function for each state, by the name of its pictures; *values* are those of make_console_data."""
    return {
        "sign-in": partial(go, path="/console/sign-in"),
        "search": partial(_search, value="customer-1"),
        "search-nothing": partial(_search, value="no such person"),
        "jobs-nothing": partial(_filter_jobs, value="no such person"),
        "job-dead": partial(go, path=f"/console/jobs/{values['dead_job_id']}"),
        "merge": partial(_preview_merge, orphan="customer-11", survivor="customer-12"),
        "merge-form": partial(go, path="/console/merge"),
        "plans-fault": _plan_faults,
        "profile-gone": partial(go, path=f"/console/profiles/{values['gone_braze_id']}", status=410),
        "profile-deleted": partial(go, path=f"/console/profiles/{values['deleted_braze_id']}", status=404),
        "not-found": partial(go, path="/console/nowhere", status=404),
    }


def go(page: Page, path: str, status: int = 200) -> None:
    """Open the page at *path*; raise DemoError on any other status."""
    answer = page.goto(path)
    if answer is None or answer.status != status:
        raise DemoError(f"GET {path} returned {answer.status if answer else 'no response'} instead of {status}.")


def _search(page: Page, value: str) -> None:
    go(page, "/console")
    search = page.get_by_role("search")
    search.get_by_role("searchbox").fill(value)
    search.get_by_role("button", name="Search").click()
    page.get_by_role("heading", name="Search").wait_for()


def _filter_jobs(page: Page, value: str) -> None:
    go(page, "/console/jobs")
    page.get_by_label("Identifier").fill(value)
    page.get_by_role("button", name="Filter").click()
    page.get_by_text("No job matches").wait_for()


def _preview_merge(page: Page, orphan: str, survivor: str) -> None:
    """Fill in the merge form and request its preview."""
    go(page, "/console/merge")
    for title, external_id in (("Merge this profile", orphan), ("Into this one, which stays", survivor)):
        page.get_by_role("group", name=title).get_by_label("Value").fill(external_id)
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("heading", name="Preview").wait_for()


def _plan_faults(page: Page) -> None:
    """Send a list of pairs with faults."""
    go(page, "/console/plans")
    page.get_by_label("or pairs as text").fill("merge_external_id,keep_external_id\nada\nx,y,z")
    page.get_by_role("button", name="Plan the pairs").click()
    page.get_by_text("Nothing was planned").wait_for()
