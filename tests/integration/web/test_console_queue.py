"""The queue page of the console: pause, resume, limit and cancel, each after a page with the number of jobs."""

from collections.abc import Callable

import pytest

from tests.support.browser import Browser, words
from tests.support.factories import Factory, ext
from tests.support.flask_caller import Caller

MakeBrowser = Callable[[Caller | None], Browser]


@pytest.fixture
def waiting(caller: Caller, factory: Factory) -> None:
    """Three waiting jobs of the caller's workspace: two of urgency 3, one of urgency 6."""
    factory.workspace_id = caller.workspace_id
    job_ids = factory.batch([(ext(f"o{nth}"), ext(f"s{nth}")) for nth in range(3)])
    factory.set_jobs(job_ids[2:], "priority = 6")


def test_a_queue_is_paused_and_resumed_after_a_page_with_the_number_of_jobs(
    browser: Browser, caller: Caller, waiting: None
) -> None:
    question = words(browser.get("/console/queue/pause"))
    paused = browser.send("/console/queue/pause")
    page = words(browser.get(paused.headers["Location"]))
    resume = words(browser.get("/console/queue/resume"))
    browser.send("/console/queue/resume")
    after = words(browser.get("/console/queue"))

    assert "3 jobs wait" in question
    assert (paused.status_code, "The queue is paused." in page) == (303, True)
    assert ") by test" in page
    assert "3 jobs wait and begin again" in resume
    assert "Paused at" not in after
    audit = caller.get("/audit").json or {}
    assert [each["action"] for each in audit["entries"]] == ["resume", "pause"]


def test_the_limit_is_changed_and_removed_after_a_confirmation(browser: Browser, caller: Caller, waiting: None) -> None:
    question = words(browser.get("/console/queue/limit?limit=2"))
    browser.send("/console/queue/limit", limit="2")
    limited = (caller.get("/merge/queue").json or {})["merges_per_minute_limit"]
    removal = words(browser.get("/console/queue/limit?limit="))
    browser.send("/console/queue/limit", limit="")

    assert "Begin at most 2 jobs in a minute?" in question
    assert "they take 1 min 30 s or longer" in question
    assert limited == 2
    assert "at most 2 in a minute" in removal
    assert (caller.get("/merge/queue").json or {})["merges_per_minute_limit"] is None
    for wrong in ("0x1", "-1", "1.5", "9" * 400, "a"):
        assert browser.get(f"/console/queue/limit?limit={wrong}").status_code == 400


def test_waiting_jobs_are_counted_before_they_are_cancelled(browser: Browser, waiting: None) -> None:
    titles = {
        "": "Cancel 3 jobs?",
        "priority=6": "Cancel 1 job?",
        "kind=merge&priority=3": "Cancel 2 jobs?",
        "source=api&kind=merge&priority=": "Cancel 3 jobs?",
        "kind=identify": "Nothing to cancel",
    }
    pages = {selection: words(browser.get(f"/console/queue/cancel?{selection}")) for selection in titles}

    assert {selection: title in pages[selection] for selection, title in titles.items()} == dict.fromkeys(titles, True)


def test_waiting_jobs_of_an_urgency_are_cancelled(browser: Browser, caller: Caller, waiting: None) -> None:
    before = words(browser.get("/console/queue"))
    answer = browser.send("/console/queue/cancel", priority="6")
    audit = caller.get("/audit").json or {}

    assert "3 jobs" in before
    assert answer.headers["Location"] == "/console/queue?done=cancelled"
    assert audit["entries"][0]["action"] == "cancel"
    assert browser.send("/console/queue/cancel", priority="8").status_code == 400


def test_a_key_sees_only_permitted_actions(
    make_browser: MakeBrowser, make_caller: Callable[..., Caller], caller: Caller, waiting: None
) -> None:
    reader = make_browser(make_caller(workspace=caller.workspace, permissions=("users.merge",)))
    manager = make_browser(make_caller(workspace=caller.workspace, permissions=("queue.manage",)))
    merger = make_browser(make_caller(workspace=caller.workspace, permissions=("queue.manage", "users.merge")))
    read, managed = words(reader.get("/console/queue")), words(manager.get("/console/queue"))

    assert "3 jobs" in read
    assert "Pause" not in read
    assert "Cancel waiting jobs" not in read
    assert ("Pause" in managed, "Cancel waiting jobs" in managed) == (True, False)
    assert "Cancel waiting jobs" in words(merger.get("/console/queue"))
    assert "Any kind" not in words(merger.get("/console/queue"))
    assert [each.send("/console/queue/pause").status_code for each in (reader, manager)] == [403, 303]
    assert "merges need users.merge" in words(merger.get("/console/queue/cancel"))
    assert [merger.send("/console/queue/cancel", kind=kind).status_code for kind in ("", "merge")] == [403, 303]


def test_the_page_of_an_empty_queue_says_that_no_job_waits(browser: Browser) -> None:
    page = words(browser.get("/console/queue"))

    assert "No job waits." in page
    assert browser.send("/console/queue/cancel").status_code == 409
