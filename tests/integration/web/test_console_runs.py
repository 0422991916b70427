"""The run pages of the console: progress, counts, and actions on a whole run."""

from collections.abc import Callable

from app.db.connections import Connection, Pool
from tests.support.browser import Browser, next_page, words
from tests.support.factories import ext
from tests.support.flask_caller import Caller
from tests.support.profiles import track
from tests.support.runs import count_all, create_run, in_run, merge_in
from tests.support.worker import Worker

MakeBrowser = Callable[[Caller | None], Browser]


def test_a_run_is_displayed_closed_and_undone(browser: Browser, caller: Caller, pool: Pool, worker: Worker) -> None:
    track(caller, attributes=[ext("ann"), {**ext("ann-1"), "last_name": "Ash"}])
    run_id = create_run(caller, label="March file", kind="file")
    path = f"/console/runs/{run_id}"
    empty = words(browser.get(path))
    merge_in(caller, run_id, (ext("ann-1"), ext("ann")), (ext("nobody"), ext("ann")))
    worker.work()
    count_all(pool)
    listed = browser.get("/console/runs?kind=file&state=open")
    confirmation = words(browser.get(f"{path}/close"))
    closed = browser.send(f"{path}/close")
    count_all(pool)
    ended = browser.get(path)
    question = words(browser.get(f"{path}/undo"))
    undo = browser.send(f"{path}/undo")
    count_all(pool)
    worker.work()
    count_all(pool)
    undone = words(browser.get(path))
    of_undo = words(browser.get(undo.headers["Location"]))

    assert "No batch yet. Send requests with the header Merge-Run:" in empty
    assert "March file File" in words(listed)
    assert "2 of 2" in words(listed)
    assert "1 run match" in words(listed)
    assert "Close 1 run? It gets no further request. Its 2 jobs continue" in confirmation
    assert (closed.status_code, closed.headers["Location"]) == (303, path)
    assert "Orphan not found 1" in words(ended)
    assert f'href="/console/jobs?run_id={run_id}&amp;outcome=orphan_not_found"' in ended.text
    assert f'href="/console/jobs/export?run_id={run_id}"' in ended.text
    assert "Undo 1 merge?" in question
    assert "Merged, then undone 1" in undone
    assert "Finished, 1 undone" in undone
    assert "Merged 1" not in undone
    assert "Undoes run" in of_undo


def test_a_run_with_waiting_jobs_is_cancelled_and_one_with_dead_jobs_has_a_red_badge(
    browser: Browser, caller: Caller, pool: Pool, connection: Connection
) -> None:
    waiting, dead = create_run(caller, label="Late"), create_run(caller, label="Broken")
    merge_in(caller, waiting, (ext("a"), ext("b")), (ext("c"), ext("d")))
    accepted = merge_in(caller, dead, (ext("e"), ext("f")))
    connection.execute(
        "UPDATE job SET state = 'dead', reason = 'It broke.', finished_at = now() WHERE batch_id = %s",
        [accepted["batch_id"]],
    )
    caller.post(f"/merge/runs/{dead}/close", {})
    count_all(pool)
    confirmation = words(browser.get(f"/console/runs/{waiting}/cancel"))
    sent = browser.send(f"/console/runs/{waiting}/cancel")
    again = browser.send(f"/console/runs/{dead}/cancel")
    first = browser.get("/console/runs?limit=1&order=oldest")
    second = browser.get(next_page(first))

    assert "Cancel 2 waiting jobs?" in confirmation
    assert (sent.status_code, again.status_code) == (303, 409)
    assert ("Late" in words(first), "Broken" in words(first)) == (True, False)
    assert 'class="badge bad"' in second.text
    assert "Finished, 1 dead" in words(second)


def test_a_key_sees_only_the_permitted_parts_of_a_run(
    make_browser: MakeBrowser, make_caller: Callable[..., Caller], caller: Caller, pool: Pool
) -> None:
    run_id = create_run(caller, label="March file")
    caller.post(
        "/users/merge",
        {"merge_updates": [{"identifier_to_merge": ext("a"), "identifier_to_keep": ext("b")}]},
        headers=in_run(run_id),
    )
    count_all(pool)
    reader = make_browser(make_caller(workspace=caller.workspace, permissions=("runs.read",)))
    merger = make_browser(make_caller(workspace=caller.workspace, permissions=("users.merge",)))
    page = reader.get(f"/console/runs/{run_id}")

    assert page.status_code == 200
    assert [part in page.text for part in ("/cancel", "/console/jobs", "/console/batches")] == [False] * 3
    assert reader.get(f"/console/runs/{run_id}/cancel").status_code == 403
    assert merger.get("/console/runs").status_code == 403
    assert "/console/runs" not in merger.get("/console/jobs").text


def test_a_paused_run_shows_the_reason_and_can_be_resumed(
    browser: Browser, caller: Caller, pool: Pool, connection: Connection
) -> None:
    run = caller.post("/merge/runs", {"label": "Broken", "max_failures": 0}).json or {}
    accepted = merge_in(caller, run["run_id"], (ext("e"), ext("f")), (ext("g"), ext("h")))
    connection.execute(
        "UPDATE job SET state = 'dead', reason = 'It broke.', finished_at = now() WHERE batch_id = %s AND index = 0",
        [accepted["batch_id"]],
    )
    count_all(pool)

    path = f"/console/runs/{run['run_id']}"
    page = browser.get(path)
    confirmation = words(browser.get(f"{path}/resume"))
    wrong = browser.send(f"{path}/resume", max_failures="many")
    resumed = browser.send(f"{path}/resume", max_failures="5%")
    again = browser.send(f"{path}/resume")
    after = caller.get(f"/merge/runs/{run['run_id']}").json or {}

    assert "1 of 1 ended jobs are dead, refused or ambiguous, and the limit is 0." in words(page)
    assert f'href="{path}/resume"' in page.text
    assert "Resume 1 waiting job? It is paused: 1 of 1 ended jobs are dead" in confirmation
    assert (wrong.status_code, "'max_failures'" in words(wrong)) == (400, True)
    assert (resumed.status_code, resumed.headers["Location"], again.status_code) == (303, path, 409)
    assert (after["paused_at"], after["max_failures"]) == (None, "5%")


def test_a_run_is_cancelled_only_by_a_key_with_the_permission_of_its_jobs(
    make_browser: MakeBrowser, make_caller: Callable[..., Caller], caller: Caller
) -> None:
    run_id = create_run(caller)
    merge_in(caller, run_id, (ext("a"), ext("b")))
    path = f"/console/runs/{run_id}"
    manager, identifier, merger = (
        make_browser(make_caller(workspace=caller.workspace, permissions=("runs.manage", *others)))
        for others in ((), ("users.identify",), ("users.merge",))
    )
    pages = [each.get(path).text for each in (manager, identifier, merger)]

    assert [f"{path}/cancel" in page for page in pages] == [False, False, True]
    assert [f"{path}/close" in page for page in pages] == [True] * 3
    assert [each.get(f"{path}/cancel").status_code for each in (manager, identifier, merger)] == [403, 403, 200]


def test_the_page_of_an_import_offers_no_cancel(browser: Browser, caller: Caller) -> None:
    run_id = create_run(caller, label="people.csv", kind="import")

    assert f"/console/runs/{run_id}/cancel" not in browser.get(f"/console/runs/{run_id}").text
