"""Pages of the console for operators: undo, dead jobs, throughput, links to Flower."""

import re
from collections.abc import Callable
from html import unescape

import pytest

from app.config import Settings
from app.db.connections import Pool
from app.web import create_app
from app.web.resources import resources_of
from tests.support.browser import Browser, next_page, words
from tests.support.factories import Factory, ext
from tests.support.flask_caller import Caller
from tests.support.lane_runs import job, merged
from tests.support.profiles import export, track
from tests.support.undos import ask_to_undo, merge_one
from tests.support.worker import Worker

MakeBrowser = Callable[[Caller | None], Browser]
KEY = re.compile(r'name="idempotency_key" value="([^"]+)"')


def key_of(page: str) -> str:
    """Return the Idempotency-Key of the form on *page*."""
    (key,) = KEY.findall(page)
    return str(key)


@pytest.fixture
def pair(caller: Caller) -> None:
    """Two profiles."""
    track(caller, attributes=[{"external_id": "ann-1", "first_name": "Ann"}])
    track(caller, attributes=[{"external_id": "ann", "last_name": "Ash"}])


@pytest.fixture
def dead(caller: Caller, pool: Pool, factory: Factory) -> list[str]:
    """Three dead jobs of the caller's workspace, newest first."""
    factory.workspace_id = caller.workspace_id
    end = "state = 'dead', reason = 'It failed of <b>that</b>.', finished_at = now(), attempts = 5"
    job_ids = factory.batch([(ext(f"o{nth}"), ext(f"s{nth}")) for nth in range(3)])
    factory.set_jobs(job_ids, end)
    return [str(job_id) for job_id in job_ids[::-1]]


def test_an_undo_needs_a_confirmation_and_runs_once(
    browser: Browser, caller: Caller, pool: Pool, worker: Worker, pair: None
) -> None:
    before = export(caller, external_ids=["ann", "ann-1"])
    job_id = merge_one(caller, pool, ext("ann-1"), ext("ann"))
    path = f"/console/jobs/{job_id}/undo"
    question = browser.get(path)
    answers = [browser.send(path, idempotency_key=key_of(question.text)) for _ in range(2)]
    worker.work()

    assert "Undo 1 merge?" in words(question)
    assert "ann-1" in words(question)
    assert [answer.status_code for answer in answers] == [303, 303]
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert export(caller, external_ids=["ann", "ann-1"]) == before


def test_the_page_of_an_impossible_undo_has_the_reason(
    browser: Browser, caller: Caller, pool: Pool, pair: None
) -> None:
    job_id = merge_one(caller, pool, ext("ann-1"), ext("ann"))
    ask_to_undo(caller, job_id)
    (nothing,) = merged(caller, pool, (ext("nobody"), ext("ann")))
    unfinished = browser.get(f"/console/jobs/{job_id}/undo")
    unmerged = browser.get(f"/console/jobs/{nothing['job_id']}/undo")
    unknown = browser.get("/console/jobs/01a202b7-0c65-769b-9741-1871039b8b20/undo")

    assert (unfinished.status_code, unmerged.status_code, unknown.status_code) == (409, 409, 404)
    assert f"An undo of job {job_id} has not finished yet" in words(unfinished)
    assert "Nothing was merged here" in words(unmerged)


def test_a_whole_batch_is_undone(browser: Browser, caller: Caller, pool: Pool, worker: Worker, pair: None) -> None:
    (done,) = merged(caller, pool, (ext("ann-1"), ext("ann")))
    path = f"/console/batches/{done['batch_id']}/undo"
    answer = browser.send(path, idempotency_key=key_of(browser.get(path).text))
    worker.work()

    assert answer.status_code == 303
    assert job(caller, done["job_id"])["undone_at"] is not None


def test_a_key_without_users_merge_cannot_undo_a_merge(
    make_browser: MakeBrowser, make_caller: Callable[..., Caller], caller: Caller, pool: Pool, pair: None
) -> None:
    job_id = merge_one(caller, pool, ext("ann-1"), ext("ann"))
    browser = make_browser(make_caller(workspace=caller.workspace, permissions=("users.identify",)))
    question = browser.get(f"/console/jobs/{job_id}/undo")
    done = browser.send(f"/console/jobs/{job_id}/undo", idempotency_key="k")

    assert (question.status_code, done.status_code) == (403, 403)


def test_dead_jobs_are_listed_with_their_last_error(browser: Browser, dead: list[str]) -> None:
    page = browser.get("/console/dead")

    assert re.findall(r"/console/jobs/([0-9a-f-]+)\"", page.text) == dead
    assert "It failed of <b>that</b>." in words(page)
    assert "<b>that" not in page.text
    assert "Retry all dead…" in words(page)


def test_a_dead_job_is_retried(browser: Browser, caller: Caller, worker: Worker, dead: list[str]) -> None:
    answer = browser.send(f"/console/jobs/{dead[0]}/retry")
    again = browser.send(f"/console/jobs/{dead[0]}/retry")
    worker.work()

    assert (answer.status_code, answer.headers["Location"]) == (303, f"/console/jobs/{dead[0]}")
    assert (again.status_code, "only a dead job can be retried" in words(again)) == (409, True)
    assert job(caller, dead[0])["outcome"] == "orphan_not_found"


def test_the_list_of_dead_jobs_links_to_confirmations_of_retries(browser: Browser, dead: list[str]) -> None:
    page = browser.get("/console/dead")

    assert re.findall(r'href="(/console/jobs/[0-9a-f-]+/retry)"', page.text) == [
        f"/console/jobs/{job_id}/retry" for job_id in dead
    ]
    assert 'action="/console/jobs' not in page.text
    assert "action=retry" in page.text


def test_a_key_with_users_identify_retries_only_identify_jobs(
    make_browser: MakeBrowser, make_caller: Callable[..., Caller], caller: Caller, factory: Factory, dead: list[str]
) -> None:
    factory.connection.execute("UPDATE job SET kind = 'identify' WHERE id = %s", [dead[0]])
    browser = make_browser(make_caller(workspace=caller.workspace, permissions=("users.identify",)))
    page = browser.get("/console/dead")
    refused = browser.send(f"/console/jobs/{dead[1]}/retry")
    (link,) = re.findall(r'href="(/console/jobs/bulk[^"]*)"', page.text)
    question = browser.get(unescape(link))
    wrong_kind = browser.get("/console/jobs/bulk?action=retry&kind=merge")
    browser.send(f"/console/jobs/{dead[0]}/retry")

    assert "Retry 1 job?" in words(question)
    assert "kind=identify" in link
    assert wrong_kind.status_code == 403
    assert re.findall(r"/console/jobs/([0-9a-f-]+)/retry", page.text) == [dead[0]]
    assert refused.status_code == 403
    assert [job(caller, job_id)["state"] for job_id in dead] == ["queued", "dead", "dead"]


def test_older_dead_jobs_are_on_the_next_page(browser: Browser, dead: list[str]) -> None:
    first = browser.get("/console/dead?limit=2")
    older = next_page(first)
    rest = browser.get(older)

    assert [job_id in first.text for job_id in dead] == [True, True, False]
    assert [job_id in rest.text for job_id in dead] == [False, False, True]


@pytest.mark.parametrize(("period", "stretch"), [("hour", "Ended in each minute"), ("day", "Ended in each 15 minutes")])
def test_throughput_is_a_chart_and_a_table(
    browser: Browser, caller: Caller, pool: Pool, dead: list[str], period: str, stretch: str
) -> None:
    merged(caller, pool, (ext("a"), ext("b")))
    caller.post("/users/merge", {"merge_updates": [{"identifier_to_merge": ext("a"), "identifier_to_keep": ext("b")}]})
    page = browser.get(f"/console/throughput?period={period}")
    text = words(page)

    assert stretch in text
    assert f"4 jobs ended in the last {period}" in page.text
    assert "Orphan not found 1" in text
    assert "Dead 3" in text
    assert "1 now" in text
    assert len(re.findall(r'<rect class="(?:none|bad)" x=', page.text)) == 2


def test_the_chart_reloads_together_with_its_figures(browser: Browser) -> None:
    page = browser.get("/console/throughput")
    part = browser.get("/console/throughput", headers={"HX-Request": "true"})

    assert 'hx-trigger="every 10s, refresh"' in page.text
    assert part.text.lstrip().startswith('<div id="throughput"')
    assert 'id="figures" hx-swap-oob="true"' in part.text
    assert "hx-swap-oob" not in page.text


def test_an_unknown_period_gets_an_error_message(browser: Browser) -> None:
    answer = browser.get("/console/throughput?period=year")

    assert (answer.status_code, "'period' must be one of hour, day" in words(answer)) == (400, True)


@pytest.mark.parametrize(
    ("chosen", "link"),
    [({}, False), ({"flower_url": "https://flower.example.com/ops/"}, True)],
)
def test_a_job_links_to_its_task_if_flower_is_configured(
    database_url: str, caller: Caller, pool: Pool, chosen: dict[str, str], link: bool
) -> None:
    (done,) = merged(caller, pool, (ext("a"), ext("b")))
    flask = create_app(Settings(database_url=database_url, **chosen))
    browser = Browser(flask)
    try:
        browser.sign_in(caller.secret)
        page = browser.get(f"/console/jobs/{done['job_id']}")
    finally:
        resources_of(flask).close()

    assert done["task_id"] in page.text
    assert (f'href="https://flower.example.com/ops/task/{done["task_id"]}"' in page.text) == link


def test_a_job_offers_only_possible_actions(
    browser: Browser, caller: Caller, pool: Pool, pair: None, dead: list[str]
) -> None:
    job_id = merge_one(caller, pool, ext("ann-1"), ext("ann"))
    merge, failed = browser.get(f"/console/jobs/{job_id}"), browser.get(f"/console/jobs/{dead[0]}")
    ask_to_undo(caller, job_id)
    (nothing,) = merged(caller, pool, (ext("nobody"), ext("ann")))
    unmerged = browser.get(f"/console/jobs/{nothing['job_id']}")

    assert f'href="/console/jobs/{job_id}/undo"' in merge.text
    assert f'href="/console/jobs/{dead[0]}/retry"' in failed.text
    assert "/undo" not in failed.text + unmerged.text
    assert "/retry" not in merge.text + unmerged.text


def test_waiting_jobs_are_cancelled_after_a_confirmation(browser: Browser, caller: Caller) -> None:
    pairs = [{"identifier_to_merge": ext(f"a{nth}"), "identifier_to_keep": ext("b")} for nth in range(3)]
    batch = caller.get(caller.post("/users/merge", {"merge_updates": pairs}).json["status_url"]).json
    of_job, of_batch = f"/console/jobs/{batch['jobs'][0]['job_id']}", f"/console/batches/{batch['batch_id']}"
    offered = [f'href="{path}/cancel"' in browser.get(path).text for path in (of_job, of_batch)]
    questions = [words(browser.get(f"{path}/cancel")) for path in (of_job, of_batch)]
    sent = [browser.send(f"{path}/cancel").status_code for path in (of_job, of_batch, of_batch)]

    assert offered == [True, True]
    assert ["Cancel 1 waiting job?" in questions[0], "Cancel 3 waiting jobs?" in questions[1]] == [True, True]
    assert sent == [303, 303, 409]
    assert "No job to cancel" in words(browser.get(f"{of_batch}/cancel"))
    assert [job(caller, each["job_id"])["outcome"] for each in batch["jobs"]] == ["cancelled"] * 3


def test_the_confirmation_of_a_retry_describes_its_effect(
    browser: Browser, pool: Pool, pair: None, dead: list[str]
) -> None:
    page = browser.get(f"/console/jobs/{dead[0]}/retry")

    assert page.status_code == 200
    assert "The retry would queue 1 job again, with all attempts left." in words(page)
    assert "Last error" in words(page)
    assert browser.send(f"/console/jobs/{dead[0]}/retry").status_code == 303
    assert browser.get(f"/console/jobs/{dead[0]}/retry").status_code == 409
