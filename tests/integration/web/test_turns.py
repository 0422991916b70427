"""Turns: while other workspaces are active, a workspace runs a limited number of requests or parts of requests."""

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from app.db.connections import Connection
from app.metrics.shares import USED, Resource
from app.web.prefer_wait import WAITING_SLOTS
from app.web.resources import resources_of
from app.web.thread_switching import ALONE_S, BESIDE_OTHERS_S
from app.web.workspace_shares import NAME, running_beside_others
from tests.support.flask_caller import Caller
from tests.support.two_workspaces import MakeCallers, stuck, touch
from tests.support.waiting import wait_until


def test_the_concurrent_requests_of_a_workspace_are_limited_while_others_are_active(
    make_callers: MakeCallers, connection: Connection
) -> None:
    busy, stranger = make_callers(web_threads=20, pool_timeout_s=30.0)
    assert touch(stranger).status_code == 201
    used, threads = USED.value(Resource.RUNNING), USED.value(Resource.THREADS)

    with stuck(busy, connection, 5) as running:
        wait_until(lambda: USED.value(Resource.THREADS) == threads + 5, what="all requests to be counted")
        ran = USED.value(Resource.RUNNING) - used
        other = touch(stranger)

    assert ran == running_beside_others(resources_of(busy.flask).settings)
    assert other.status_code == 201
    assert [each.result().status_code for each in running] == [201] * 5
    assert USED.value(Resource.RUNNING) == used


def test_a_request_that_gets_no_turn_within_the_timeout_gets_429(
    make_callers: MakeCallers, connection: Connection
) -> None:
    busy, stranger = make_callers(web_threads=20, pool_timeout_s=0.3)
    assert touch(stranger).status_code == 201
    used, run = USED.value(Resource.RUNNING), running_beside_others(resources_of(busy.flask).settings)

    with stuck(busy, connection, run):
        wait_until(lambda: USED.value(Resource.RUNNING) == used + run, what="its requests to run")
        third = touch(busy)

    assert (third.status_code, third.headers["Retry-After"]) == (429, "1")
    assert third.json["message"].startswith("The requests of this workspace take long")


def test_a_request_that_waits_for_its_batch_holds_no_turn(make_callers: MakeCallers) -> None:
    busy, stranger = make_callers(web_threads=20, pool_size=8)
    assert touch(stranger).status_code == 201
    update = {"identifier_to_merge": {"external_id": "a"}, "identifier_to_keep": {"external_id": "b"}}
    used = USED.value(Resource.RUNNING)

    def wait() -> Any:
        return busy.post("/users/merge", {"merge_updates": [update]}, headers={"Prefer": "wait=2"})

    with ThreadPoolExecutor(6) as threads:
        answers = [threads.submit(wait) for _ in range(6)]
        wait_until(lambda: WAITING_SLOTS.taken == 6, what="all requests to wait")
        ran = USED.value(Resource.RUNNING) - used

    assert ran == 0
    assert ["Preference-Applied" in each.result().headers for each in answers] == [True] * 6


def test_the_parts_of_a_streamed_response_need_turns(make_callers: MakeCallers, connection: Connection) -> None:
    busy, stranger = make_callers(pool_timeout_s=30.0)
    assert touch(stranger).status_code == 201
    shares = busy.flask.extensions[NAME][Resource.RUNNING]
    run = running_beside_others(resources_of(busy.flask).settings)
    export = busy.get("/audit/export")
    assert all(shares.take(busy.workspace_id) for _ in range(run))

    with ThreadPoolExecutor(1) as thread:
        content = thread.submit(export.get_data)
        with pytest.raises(TimeoutError):
            content.result(timeout=0.3)
        for _ in range(run):
            shares.give_back(busy.workspace_id)
        text = content.result(timeout=30)

    assert text == b""
    export.close()


def test_the_response_of_a_preview_needs_a_turn(make_callers: MakeCallers, connection: Connection) -> None:
    busy, stranger = make_callers(web_threads=20, pool_timeout_s=30.0)
    assert touch(busy).status_code == touch(stranger).status_code == 201
    queries = USED.value(Resource.QUERIES)
    update = {"identifier_to_merge": {"external_id": "ada"}, "identifier_to_keep": {"external_id": "bob"}}

    with ThreadPoolExecutor(1) as thread:
        with connection.transaction():
            connection.execute("LOCK TABLE profile IN ACCESS EXCLUSIVE MODE")
            preview = thread.submit(busy.post, "/users/merge/preview", {"merge_updates": [update]})
            wait_until(lambda: USED.value(Resource.QUERIES) == queries + 1, what="the preview to begin")
            give_back = take_all_turns(busy)
        assert_waits(preview)
        give_back()

    assert preview.result().status_code == 200


def test_the_response_after_a_wait_needs_a_turn(make_callers: MakeCallers, connection: Connection) -> None:
    busy, stranger = make_callers(web_threads=20, pool_timeout_s=30.0)
    assert touch(stranger).status_code == 201
    update = {"identifier_to_merge": {"external_id": "a"}, "identifier_to_keep": {"external_id": "b"}}

    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(busy.post, "/users/merge", {"merge_updates": [update]}, headers={"Prefer": "wait=1"})
        wait_until(lambda: WAITING_SLOTS.taken == 1, what="the request to wait")
        give_back = take_all_turns(busy)
        wait_until(lambda: WAITING_SLOTS.taken == 0, what="the wait to end")
        assert_waits(answer)
        give_back()

    assert answer.result().headers["Preference-Applied"] == "wait=1"


@pytest.fixture
def switch_interval() -> Iterator[Callable[[], float]]:
    """A function that returns the switch interval of threads in seconds. The interval is restored after the test."""
    before = sys.getswitchinterval()
    yield sys.getswitchinterval
    sys.setswitchinterval(before)


def test_the_switch_interval_is_shorter_while_several_workspaces_are_active(
    make_callers: MakeCallers, switch_interval: Callable[[], float]
) -> None:
    busy, stranger = make_callers()

    assert touch(busy).status_code == 201
    alone = switch_interval()
    assert touch(stranger).status_code == 201
    beside = switch_interval()

    assert (alone, beside) == (pytest.approx(ALONE_S), pytest.approx(BESIDE_OTHERS_S))


def take_all_turns(caller: Caller) -> Callable[[], None]:
    """Take all turns that a workspace has while others are active; return a function that gives them back."""
    shares = caller.flask.extensions[NAME][Resource.RUNNING]
    run = running_beside_others(resources_of(caller.flask).settings)
    assert all(shares.take(caller.workspace_id, wait_s=30.0) for _ in range(run))

    def give_back() -> None:
        for _ in range(run):
            shares.give_back(caller.workspace_id)

    return give_back


def assert_waits(response: "Future[Any]") -> None:
    with pytest.raises(TimeoutError):
        response.result(timeout=0.3)
