"""Actions on all jobs of a filter, through the API and the console."""

from collections.abc import Callable
from typing import Any

import pytest

from app.db.connections import Connection, Pool
from tests.support.browser import Browser, filtered, words
from tests.support.factories import ext
from tests.support.flask_caller import Caller
from tests.support.profiles import track
from tests.support.runs import count_all, create_run, merge_in, read_run
from tests.support.worker import Worker

Json = dict[str, Any]
MakeBrowser = Callable[[Caller | None], Browser]

KILL = "UPDATE job SET state = 'dead', reason = 'It broke.', finished_at = now(), attempts = 5 WHERE batch_id = %s"


def bulk(caller: Caller, action: str, **filters: Any) -> Json:
    """Start an action on the jobs that match *filters* and return the response."""
    response = caller.post("/merge/jobs/bulk", {"action": action, "filter": filters})
    accepted: Json = response.json

    assert response.status_code == 202, accepted
    return accepted


def outcomes(caller: Caller, **filters: str) -> list[str]:
    """Return the outcome, or the state, of the listed jobs."""
    page: Any = caller.get("/merge/jobs", **filters).json
    return [job["outcome"] or job["state"] for job in page["jobs"]]


def test_dead_jobs_of_one_run_are_retried_and_the_audit_has_the_filter(
    caller: Caller, pool: Pool, connection: Connection
) -> None:
    first, second = create_run(caller), create_run(caller)
    for run_id in (first, second):
        accepted = merge_in(caller, run_id, (ext(f"a{run_id}"), ext("b")), (ext(f"c{run_id}"), ext("d")))
        connection.execute(KILL, [accepted["batch_id"]])
    accepted = bulk(caller, "retry", run_id=first, identifier="b")
    rest = bulk(caller, "retry", run_id=first)
    count_all(pool)
    run = read_run(caller, rest["run_id"])
    audit: Any = caller.get("/audit", action="run", include="images").json
    _, change = audit["entries"][1]["changes"]

    assert (accepted["jobs"], rest["jobs"], rest["more"]) == (1, 2, False)
    assert outcomes(caller, run_id=first) == ["queued", "queued"]
    assert outcomes(caller, run_id=second) == ["dead", "dead"]
    assert (run["kind"], run["state"], run["label"], run["jobs"]) == ("bulk", "finished", "Retry 2 jobs", 2)
    assert run["counts"] == {"left_alone": 1, "retried": 1}
    assert change["after"] == {"action": "retry", "filter": {"run_id": first, "identifier": True}, "jobs": 1}


def test_waiting_jobs_are_cancelled_and_merges_undone(
    browser: Browser, caller: Caller, pool: Pool, worker: Worker
) -> None:
    track(caller, attributes=[ext("ann"), *(ext(f"ann-{nth}") for nth in range(3))])
    run_id = create_run(caller)
    for nth in range(3):
        merge_in(caller, run_id, (ext(f"ann-{nth}"), ext("ann")))
    worker.work()
    merge_in(caller, run_id, (ext("x"), ext("y")), (ext("x"), ext("z")))
    cancelled = bulk(caller, "cancel", kind="merge")
    undone = bulk(caller, "undo", run_id=run_id, outcome="merged")
    for _ in range(3):
        count_all(pool)
        worker.work()
    count_all(pool)

    shown = words(browser.get(f"/console/runs/{run_id}"))

    assert (cancelled["jobs"], undone["jobs"]) == (2, 3)
    assert ("Merged, then undone 3" in shown, "Merged 3" in shown) == (True, False)
    assert outcomes(caller, outcome="cancelled") == ["cancelled"] * 2
    assert outcomes(caller, kind="undo") == ["undone"] * 3
    assert outcomes(caller, undone="true") == ["merged"] * 3
    assert read_run(caller, undone["run_id"])["counts"] == {"undone": 3}
    assert read_run(caller, undone["run_id"])["state"] == "finished"
    assert read_run(caller, cancelled["run_id"])["counts"] == {"cancelled": 2}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"action": "delete", "filter": {}}, "'action' must be one of retry, cancel and undo"),
        (
            {"action": "retry"},
            "'filter' must be an object with the parameters of GET /merge/jobs; {} selects all jobs.",
        ),
        ({"action": "retry", "filter": {"stat": "dead"}}, "'stat' is no filter of jobs"),
        ({"action": "retry", "filter": {"state": "queued"}}, "Only dead jobs can be retried"),
        ({"action": "cancel", "filter": {"outcome": "merged"}}, "Only waiting jobs can be cancelled"),
        ({"action": "undo", "filter": {"undone": True}}, "that are not undone can be undone"),
        ({"action": "undo", "filter": {"run_id": 1}}, "'run_id' must be the id of a run"),
        ({"action": "undo", "filter": {}, "all": True}, "'all' is no key of this request"),
        ([], "The request body must be a JSON object"),
    ],
)
def test_an_invalid_action_or_filter_is_refused(caller: Caller, body: Any, message: str) -> None:
    response = caller.post("/merge/jobs/bulk", body)

    assert response.status_code == 400
    assert message in response.json["message"]


def test_an_action_needs_matching_jobs_and_the_permission_for_their_kind(
    caller: Caller, make_caller: Callable[..., Caller], connection: Connection
) -> None:
    nothing = caller.post("/merge/jobs/bulk", {"action": "retry", "filter": {}})
    merge_in(caller, create_run(caller), (ext("a"), ext("b")))
    identifier = make_caller(workspace=caller.workspace, permissions=("users.identify",))
    stranger = identifier.post("/merge/jobs/bulk", {"action": "cancel", "filter": {}})

    assert (nothing.status_code, stranger.status_code) == (409, 403)
    assert outcomes(caller) == ["queued"]


def test_the_console_asks_with_the_number_of_jobs_and_redirects_to_the_run(
    browser: Browser, caller: Caller, pool: Pool, connection: Connection
) -> None:
    accepted = merge_in(caller, create_run(caller), (ext("a"), ext("b")), (ext("c"), ext("b")), (ext("e"), ext("f")))
    connection.execute(KILL, [accepted["batch_id"]])
    listed = filtered(browser, "/console/dead", identifier="b")
    link = listed.text.partition('href="/console/jobs/bulk?')[2].partition('"')[0].replace("&amp;", "&")
    path = f"/console/jobs/bulk?{link}"
    question = browser.get(path)
    sent = browser.send(path)
    count_all(pool)
    shown = words(browser.get(sent.headers["Location"]))

    assert "2 dead jobs match" in words(listed)
    assert "sought=" in path
    assert "Retry 2 jobs?" in words(question)
    assert sent.status_code == 303
    assert "Retried 2" in shown
    assert outcomes(caller, state="queued") == ["queued"] * 2
    assert browser.get("/console/jobs/bulk?action=burn").status_code == 400
    assert "No job to retry" in words(browser.get(path.replace("action=retry", "action=retry&kind=undo")))
