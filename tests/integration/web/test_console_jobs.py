"""Pages of the console for jobs, batches and profiles: their results and the links between them."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest

from app.db.connections import Connection
from app.web.console.layout import shorten_ids
from tests.support.browser import Browser, filtered, next_page, words
from tests.support.flask_caller import Caller
from tests.support.profiles import track
from tests.support.worker import Worker

Json = dict[str, Any]

MakeBrowser = Callable[[Caller | None], Browser]
GUEST = {"user_alias": {"alias_label": "guest", "alias_name": "g-7"}}
ADA = {"external_id": "ada"}


@pytest.fixture
def people(caller: Caller) -> None:
    """Ada's profile and a guest profile of the same person."""
    caller.post("/users/alias/new", {"user_aliases": [GUEST["user_alias"]]})
    attributes = [
        {**ADA, "first_name": "Ada", "email": "ada@example.com", "plan": "pro"},
        {**GUEST, "first_name": "ADA", "last_name": "Lovelace", "phone": "+14155550123"},
    ]
    time = "2026-03-01T08:00:00Z"
    events = [{**who, "name": "login", "time": time} for who in (ADA, GUEST, GUEST)]
    tracked = caller.post("/users/track", {"attributes": attributes, "events": events})
    assert "errors" not in (tracked.json or {"errors": tracked.text}), tracked.text


def merge(caller: Caller, *pairs: tuple[Json, Json]) -> Json:
    """Request merges of *pairs* and return the batch with its queued jobs."""
    updates = [{"identifier_to_merge": orphan, "identifier_to_keep": survivor} for orphan, survivor in pairs]
    accepted: Any = caller.post("/users/merge", {"merge_updates": updates}).json
    batch: Any = caller.get(accepted["status_url"]).json
    return dict(batch)


def job_of(caller: Caller, batch: Json, index: int = 0) -> Json:
    """Return the current state of a job of *batch*."""
    job: Any = caller.get(f"/merge/jobs/{batch['jobs'][index]['job_id']}").json
    return dict(job)


def test_the_page_of_a_job_shows_both_profiles_side_by_side(
    browser: Browser, caller: Caller, people: None, worker: Worker
) -> None:
    batch = merge(caller, (GUEST, ADA))
    worker.work()
    job = job_of(caller, batch)
    text = words(browser.get(f"/console/jobs/{job['job_id']}"))

    assert "Merged" in text
    assert job["reason"] in text
    assert "user_alias guest:g-7" in text
    # Field, orphan before, survivor before, survivor after, rule.
    assert "last_name Lovelace \u2013 Lovelace fill" in text
    assert "custom_events.login.count 2 1 3 add" in text
    assert "first_name ADA not kept Ada Ada fill" in text
    assert "custom_attributes.plan \u2013 pro pro fill_keys" in text
    assert text.index("last_name Lovelace") < text.index("Unchanged") < text.index("first_name ADA")


def test_the_pages_of_a_job_and_its_batch_have_the_request_id(
    browser: Browser, caller: Caller, people: None, worker: Worker
) -> None:
    batch = merge(caller, (GUEST, ADA))
    worker.work()
    pages = f"/console/batches/{batch['batch_id']}", f"/console/jobs/{batch['jobs'][0]['job_id']}"

    assert batch["request_id"]
    assert [f"Request {batch['request_id']}" in words(browser.get(page)) for page in pages] == [True, True]


def test_the_page_of_a_job_that_merged_nothing_has_the_reason(browser: Browser, caller: Caller, worker: Worker) -> None:
    batch = merge(caller, ({"external_id": "nobody"}, ADA))
    worker.work()
    text = words(browser.get(f"/console/jobs/{job_of(caller, batch)['job_id']}"))

    assert "Orphan not found" in text
    assert job_of(caller, batch)["reason"] in text
    assert "Field by field" not in text


def test_the_page_of_a_job_reloads_until_the_job_has_finished(
    browser: Browser, caller: Caller, people: None, worker: Worker
) -> None:
    path = f"/console/jobs/{merge(caller, (GUEST, ADA))['jobs'][0]['job_id']}"
    waiting = browser.get(path, headers={"HX-Request": "true"})
    worker.work()
    done = browser.get(path, headers={"HX-Request": "true"})

    assert 'hx-trigger="every 2s, refresh"' in waiting.text
    assert waiting.text.lstrip().startswith('<div id="job"')
    assert "hx-trigger" not in done.text


def test_an_undone_job_and_its_undo_link_to_each_other(
    browser: Browser, caller: Caller, people: None, worker: Worker
) -> None:
    batch = merge(caller, (GUEST, ADA))
    worker.work()
    merged = job_of(caller, batch)["job_id"]
    undo: Any = caller.post(f"/merge/jobs/{merged}/undo", {}).json
    worker.work()
    of_merge, of_undo = browser.get(f"/console/jobs/{merged}"), browser.get(f"/console/jobs/{undo['job_id']}")

    assert "Merged, then undone" in words(of_merge)
    assert f'href="/console/jobs/{undo["job_id"]}"' in of_merge.text
    assert f'href="/console/jobs/{merged}"' in of_undo.text
    assert "last_name Lovelace \u2013 fill" in words(of_undo)


def test_values_of_a_deleted_profile_are_not_on_the_page_of_its_job(
    browser: Browser, caller: Caller, people: None, worker: Worker
) -> None:
    batch = merge(caller, (GUEST, ADA))
    worker.work()
    job = job_of(caller, batch)
    caller.post("/users/delete", {"external_ids": ["ada"]})
    answer = browser.get(f"/console/jobs/{job['job_id']}")

    assert answer.status_code == 200
    assert "Lovelace" not in answer.text


def test_a_batch_shows_its_jobs_by_outcome_and_by_identifier(
    browser: Browser, caller: Caller, people: None, worker: Worker
) -> None:
    batch = merge(
        caller,
        (GUEST, ADA),
        ({"external_id": "nobody"}, ADA),
        ({"email": "ADA@example.com", "prioritization": ["identified"]}, ADA),
    )
    worker.work()
    path = f"/console/batches/{batch['batch_id']}"
    shown = {
        "all": browser.get(path),
        "not found": browser.get(f"{path}?outcome=orphan_not_found"),
        "dead": browser.get(f"{path}?state=dead"),
        "by alias": filtered(browser, path, identifier="g-7"),
        "by email and outcome": filtered(browser, path, identifier="ada@EXAMPLE", outcome="same_profile"),
    }
    ids = [job["job_id"] for job in batch["jobs"]]

    assert {name: [each in answer.text for each in ids] for name, answer in shown.items()} == {
        "all": [True, True, True],
        "not found": [False, True, False],
        "dead": [False, False, False],
        "by alias": [True, False, False],
        "by email and outcome": [False, False, True],
    }
    assert "No job of this batch matches." in words(shown["dead"])


def test_the_page_of_a_batch_reloads_with_its_filter_until_the_batch_has_finished(
    browser: Browser, caller: Caller, worker: Worker
) -> None:
    path = f"/console/batches/{merge(caller, (GUEST, ADA))['batch_id']}"
    waiting = browser.get(f"{path}?state=queued")
    found = filtered(browser, path, identifier="g-7")
    worker.work()
    done = browser.get(path)

    assert f'hx-get="{path}?state=queued"' in waiting.text
    assert f'hx-get="{path}?sought=' in found.text
    assert "hx-get" not in done.text


def test_jobs_are_listed_by_state_outcome_and_identifier_and_page_by_page(
    browser: Browser, caller: Caller, worker: Worker, connection: Connection
) -> None:
    batch = merge(caller, *(({"external_id": f"x{number}"}, ADA) for number in range(3)))
    worker.work()
    ids = [job["job_id"] for job in batch["jobs"]]
    dead = "UPDATE job SET state = 'dead', outcome = NULL, reason = 'It broke.' WHERE id = %s"
    connection.execute(dead, [ids[0]])
    redirected = browser.send("/console/jobs", state="dead", identifier=" ")
    by_state = browser.get(redirected.headers["Location"])
    by_identifier = filtered(browser, "/console/jobs", identifier="x1")
    first = browser.get("/console/jobs?limit=2")

    assert redirected.headers["Location"] == "/console/jobs?state=dead"
    assert [each in by_state.text for each in ids] == [True, False, False]
    assert "It broke." in words(by_state)
    assert [each in by_identifier.text for each in ids] == [False, True, False]
    assert [each in first.text for each in ids] == [False, True, True]
    assert "Older jobs" in words(first)


def test_pages_of_the_jobs_of_an_identifier_have_no_identifier_in_their_urls(browser: Browser, caller: Caller) -> None:
    batches = [merge(caller, *(({"external_id": f"x{each}-{number}"}, ADA) for number in range(40))) for each in (1, 2)]
    redirected = browser.send("/console/jobs", identifier="ada", kind="merge")
    first = browser.get(redirected.headers["Location"])
    rest = browser.get(next_page(first))
    stranger = browser.get("/console/jobs?sought=" + "A" * 120)

    assert "ada" not in redirected.headers["Location"].casefold().partition("sought=")[0]
    assert "identifier" not in redirected.headers["Location"] + next_page(first)
    assert 'value="ada"' in first.text
    assert batches[0]["jobs"][0]["job_id"] not in first.text
    assert batches[0]["jobs"][0]["job_id"] in rest.text
    assert (stranger.status_code, "belongs to another sign-in" in words(stranger)) == (400, True)


def test_the_page_of_a_profile_has_its_values_and_its_merges(
    browser: Browser, caller: Caller, people: None, worker: Worker
) -> None:
    batch = merge(caller, (GUEST, ADA))
    worker.work()
    job = job_of(caller, batch)
    page = browser.get(f"/console/profiles/{job['survivor']['braze_id'].upper()}")
    text = words(page)

    assert page.status_code == 200
    for part in ("last_name Lovelace", "email ada@example.com", "plan pro", "g-7 guest", "session_count 0"):
        assert part in text
    assert f'href="/console/jobs/{job["job_id"]}"' in page.text
    assert (
        text.index("Merged into this profile")
        < text.index(shorten_ids(job["reason"]))
        < text.index("This profile as orphan")
    )


def test_the_page_of_an_orphan_links_to_its_survivor(
    browser: Browser, caller: Caller, people: None, worker: Worker
) -> None:
    batch = merge(caller, (GUEST, ADA))
    worker.work()
    job = job_of(caller, batch)
    page = browser.get(f"/console/profiles/{job['orphan']['braze_id']}")

    assert page.status_code == 410
    assert f'href="/console/profiles/{job["survivor"]["braze_id"]}"' in page.text
    assert f'href="/console/jobs/{job["job_id"]}"' in page.text


@pytest.mark.parametrize("sought", ["ada", " ADA@example.com ", "+1 (415) 555-0123", "guest:g-7"])
def test_a_search_finds_profiles_by_every_kind_of_identifier(
    browser: Browser, caller: Caller, people: None, sought: str
) -> None:
    assert "Ada" in words(browser.send("/console/search", sought=sought)) or "ADA Lovelace" in words(
        browser.send("/console/search", sought=sought)
    )


def test_a_search_finds_jobs_and_redirects_to_the_job_or_batch_with_an_id(
    browser: Browser, caller: Caller, people: None
) -> None:
    batch = merge(caller, (GUEST, ADA))
    job_id = batch["jobs"][0]["job_id"]

    assert job_id in browser.send("/console/search", sought="g-7").text
    assert browser.send("/console/search", sought=job_id).headers["Location"] == f"/console/jobs/{job_id}"
    to_batch = browser.send("/console/search", sought=batch["batch_id"].upper())
    assert to_batch.headers["Location"] == f"/console/batches/{batch['batch_id']}"


def test_pages_show_only_what_the_key_has_permission_to_read(
    make_browser: MakeBrowser, make_caller: Callable[..., Caller], caller: Caller, people: None, worker: Worker
) -> None:
    job = merge(caller, (GUEST, ADA))["jobs"][0]
    worker.work()
    survivor = (caller.get(f"/merge/jobs/{job['job_id']}").json or {})["survivor"]["braze_id"]
    merging = make_browser(make_caller(workspace=caller.workspace, permissions=("users.merge",)))
    exporting = make_browser(make_caller(workspace=caller.workspace, permissions=("users.export.ids",)))
    paths = (f"/console/jobs/{job['job_id']}", f"/console/profiles/{survivor}")
    found = [words(each.send("/console/search", sought="ada")) for each in (merging, exporting)]

    assert [merging.get(path).status_code for path in paths] == [200, 403]
    assert [exporting.get(path).status_code for path in paths] == [403, 200]
    assert ["Profiles" in each for each in found] == [False, True]
    assert ["Jobs with this identifier" in each for each in found] == [True, False]
    assert "Merged into this profile" not in words(exporting.get(paths[1]))


def test_each_field_has_its_rule_and_long_values_have_their_differences(
    browser: Browser, caller: Caller, worker: Worker
) -> None:
    track(caller, attributes=[ADA, {"external_id": "ada-1", "notes": "n" * 200}])
    aliases = [
        {"external_id": who, "alias_label": f"{who}{nth}", "alias_name": "x"}
        for who in ("ada", "ada-1")
        for nth in "12"
    ]
    caller.post("/users/alias/new", {"user_aliases": aliases})
    batch = merge(caller, ({"external_id": "ada-1"}, ADA))
    worker.work()
    page = browser.get(f"/console/jobs/{job_of(caller, batch)['job_id']}")
    text = words(page)
    added = [unescape(each) for each in re.findall("<ins>([^<]*)</ins>", page.text)]

    assert "fill_keys The survivor keeps its entries, and takes the orphan's under keys that it lacks." in text
    assert "200 characters" in text
    assert ['"alias_label": "ada-12"' in "".join(added), '"alias_label": "ada2"' in "".join(added)] == [True, False]


def test_the_fields_of_a_huge_merge_are_divided_into_pages(browser: Browser, caller: Caller, worker: Worker) -> None:
    long = {f"key{nth}": f'"<{nth}>' * 40 for nth in range(200)}
    track(caller, attributes=[ADA, {"external_id": "ada-1", **long}])
    batch = merge(caller, ({"external_id": "ada-1"}, ADA))
    worker.work()
    path: str | None = f"/console/jobs/{job_of(caller, batch)['job_id']}"
    seen: list[str] = []
    while path:
        page = browser.get(path)
        seen += re.findall(r'class="mono">custom_attributes\.<wbr>(\w+)', page.text)
        following = re.search(r'href="(/console/jobs/[^"#]*fields_from=[^"#]*)', page.text)
        path = following and unescape(following[1])

        assert len(page.data) < 100_000

    assert sorted(seen) == sorted(long)


def test_a_search_for_a_deleted_profile_finds_the_key_that_deleted_it(browser: Browser, caller: Caller) -> None:
    track(caller, attributes=[{"external_id": "gone"}])
    exported: Any = caller.post("/users/export/ids", {"external_ids": ["gone"]}).json
    braze_id = exported["users"][0]["braze_id"]
    caller.post("/users/delete", {"external_ids": ["gone"]})
    found = browser.send("/console/search", sought=braze_id)
    page = browser.get(f"/console/profiles/{braze_id}")

    assert "Delete" in words(found)
    assert f'href="/console/profiles/{braze_id}"' in found.text
    assert page.status_code == 404
    assert re.search(r"This person was deleted at [-0-9: ]+ UTC \([^)]+\) by test", words(page))


def test_a_key_without_audit_read_sees_no_entries(
    make_browser: MakeBrowser, make_caller: Callable[..., Caller], caller: Caller, people: None
) -> None:
    key = make_caller(workspace=caller.workspace, permissions=("users.export.ids",))
    page = make_browser(key).send("/console/search", sought="ada")

    assert 'id="audit"' not in page.text
    assert 'id="audit"' in make_browser(caller).send("/console/search", sought="ada").text
