"""The audit pages of the console: filters, an entry with both states, links and the export."""

import re
from collections.abc import Callable

import pytest

from app.db.connections import Pool
from tests.support.browser import Browser, words
from tests.support.flask_caller import Caller
from tests.support.lane_runs import ext, merged
from tests.support.profiles import track
from tests.support.runs import create_run

MakeBrowser = Callable[[Caller | None], Browser]


@pytest.fixture
def job_id(caller: Caller, pool: Pool) -> str:
    """The job of a merge. A deletion of another profile and a pause of the queue follow it."""
    track(caller, attributes=[{"external_id": "ann-1", "first_name": "Ann"}])
    track(caller, attributes=[{"external_id": "ann", "last_name": "Ash"}, {"external_id": "bob"}])
    (job,) = merged(caller, pool, (ext("ann-1"), ext("ann")))
    caller.post("/users/delete", {"external_ids": ["bob"]})
    caller.put("/merge/queue", {"state": "paused"})
    return str(job["job_id"])


def test_entries_are_filtered_by_action_actor_identifier_and_day(
    browser: Browser, caller: Caller, make_caller: Callable[..., Caller], job_id: str
) -> None:
    other = make_caller(workspace=caller.workspace)
    everything = words(browser.get("/console/audit"))
    deleted = words(browser.get("/console/audit?action=delete"))
    by_other = words(browser.get(f"/console/audit?key={other.key_id}"))
    about = browser.send("/console/audit", identifier="ann-1", action="", **{"from": "2020-01-01"})
    redirected = browser.send("/console/audit", action="merge", to="2020-01-01")

    assert re.findall(r"(\w+) (?:just now|\d+ s ago)", everything) == ["Pause", "Delete", "Merge"]
    assert ("/users/delete" in deleted, "/users/merge" in deleted) == (True, False)
    assert "No entry matches" in by_other
    assert (about.status_code, "/users/merge" in words(about), "/users/delete" in words(about)) == (200, True, False)
    assert redirected.headers["Location"] == "/console/audit?action=merge&to=2020-01-01"
    assert "No entry matches" in words(browser.get(redirected.headers["Location"]))


@pytest.mark.parametrize(
    "query", ["from=yesterday", "to=9999-12-31", "action=dance", "key=x", "cursor=x", "colour=red"]
)
def test_an_invalid_filter_gets_400(browser: Browser, query: str) -> None:
    assert browser.get(f"/console/audit?{query}").status_code == 400


def test_an_entry_shows_both_states_and_links_to_its_job(browser: Browser, caller: Caller, job_id: str) -> None:
    page = browser.get(f"/console/audit/{job_id}")
    entry_of_api = caller.get(f"/audit/{job_id}").json or {}
    pause, deletion = [each["id"] for each in (caller.get("/audit", limit=2).json or {})["entries"]]
    paused = words(browser.get(f"/console/audit/{pause}"))
    unknown = "/01a202b7-0c65-769b-9741-1871039b8b20"

    assert f"/console/jobs/{job_id}" in page.text
    assert "first_name" in words(page)
    assert "Orphan before" in words(page)
    assert entry_of_api["before"]["orphan"]["first_name"] == "Ann"
    assert "state running paused" in paused
    assert "who deleted the profile" in words(browser.get(f"/console/audit/{deletion}"))
    assert browser.get(f"/console/audit{unknown}").status_code == caller.get(f"/audit{unknown}").status_code == 404


def test_the_filtered_audit_is_exported_like_in_the_api(browser: Browser, caller: Caller, job_id: str) -> None:
    for form in ("csv", "jsonl"):
        exported = browser.send("/console/audit/export", action="merge", identifier="ann", format=form)
        by_api = caller.get("/audit/export", action="merge", identifier="ann", format=form)

        assert exported.text == by_api.text
        assert job_id in exported.text
        assert exported.headers["Content-Disposition"] == by_api.headers["Content-Disposition"]


def test_a_key_without_the_permission_sees_no_audit(
    make_browser: MakeBrowser, make_caller: Callable[..., Caller], caller: Caller
) -> None:
    merger = make_browser(make_caller(workspace=caller.workspace, permissions=("users.merge",)))
    reader = make_browser(make_caller(workspace=caller.workspace, permissions=("audit.read",)))

    assert "/console/audit" not in merger.get("/console").text
    assert merger.get("/console/audit").status_code == 403
    assert "id of a key" in reader.get("/console/audit").text
    assert "No entries yet." in words(reader.get("/console/audit"))


def test_an_entry_of_a_run_links_to_its_page(browser: Browser, caller: Caller) -> None:
    run_id = create_run(caller)
    caller.post(f"/merge/runs/{run_id}/cancel")
    entry = (caller.get("/audit", limit=1).json or {})["entries"][0]

    assert f'href="/console/runs/{run_id}"' in browser.get(f"/console/audit/{entry['id']}").text
