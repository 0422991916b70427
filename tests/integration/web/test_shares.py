"""Shares of a web process: a busy workspace leaves threads, connections, queries and exports to others."""

from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any

import pytest
from flask import Flask
from psycopg import errors as postgres

from app import keys
from app.db.budget import begin_budget
from app.db.connections import Connection, Pool
from app.db.transaction import open_transaction
from app.metrics.shares import REFUSED, USED, Resource
from app.web.recent_refusals import MOST, REMEMBER_S, RecentRefusals
from app.web.resources import resources_of
from app.web.workspace_shares import NAME, REFUSALS
from tests.support.factories import Factory
from tests.support.flask_caller import Caller
from tests.support.two_workspaces import MakeCallers, stuck, touch
from tests.support.waiting import wait_until

#: A regular expression that PostgreSQL compiles in about a second, again for each number.
SLOW_PATTERN = "(" + "|".join(["(a|b){1,250}"] * 60) + ")|z%d"


def test_a_workspace_above_its_share_of_threads_gets_429_and_others_do_not(
    make_callers: MakeCallers, connection: Connection
) -> None:
    busy, stranger = make_callers()
    refused, used = REFUSED.value(Resource.THREADS), USED.value(Resource.THREADS)

    with stuck(busy, connection, 2) as running:
        wait_until(lambda: USED.value(Resource.THREADS) == used + 2, what="both requests to be counted")
        third, other = touch(busy), touch(stranger)

    assert (third.status_code, third.headers["Retry-After"]) == (429, "1")
    assert third.json["message"].startswith("Too many requests of this workspace are running")
    assert other.status_code == 201
    assert [each.result().status_code for each in running] == [201, 201]
    assert (USED.value(Resource.THREADS), REFUSED.value(Resource.THREADS)) == (used, refused + 1)
    assert touch(busy).status_code == 201


def test_a_workspace_above_its_share_of_connections_gets_503_and_others_do_not(
    make_callers: MakeCallers, connection: Connection
) -> None:
    busy, stranger = make_callers(web_threads=20, workspace_share_beside_others_percent=100)
    used = USED.value(Resource.CONNECTIONS)

    with stuck(busy, connection, 2):
        wait_until(lambda: USED.value(Resource.CONNECTIONS) == used + 2, what="both connections to be taken")
        other = touch(stranger)
        third = touch(busy)

    assert other.status_code == 201
    assert third.status_code == 503
    assert int(third.headers["Retry-After"]) >= 1
    assert touch(busy).status_code == 201


def lent(flask: Flask) -> int:
    """Return the number of connections that the pool has lent."""
    return resources_of(flask).pool.get_stats()["requests_num"]


@pytest.mark.parametrize(
    ("resource", "method", "path", "body"),
    [
        (Resource.QUERIES, "post", "/segments/query", {"filter": {"external_id": {"comparison": "exists"}}}),
        (Resource.QUERIES, "post", "/users/merge/preview", {"merge_updates": []}),
        (Resource.QUERIES, "get", "/duplicates/preview", {"identifier": "email"}),
        (Resource.EXPORTS, "get", "/audit/export", {}),
        (Resource.EXPORTS, "get", "/duplicates/preview.csv", {"identifier": "email"}),
    ],
)
def test_a_workspace_above_its_share_of_queries_or_exports_gets_429_and_others_do_not(
    make_callers: MakeCallers, resource: Resource, method: str, path: str, body: Any
) -> None:
    busy, stranger = make_callers()

    def send(caller: Caller) -> Any:
        return caller.get(path, **body) if method == "get" else caller.post(path, body)

    shares, before = busy.flask.extensions[NAME][resource], USED.value(resource)
    assert all(shares.take(busy.workspace_id) for _ in range(2))
    refused, other = send(busy), send(stranger)
    other.close()
    for _ in range(2):
        shares.give_back(busy.workspace_id)
    again = send(busy)
    again.close()

    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) >= 1
    assert (other.status_code, again.status_code) == (200, 200)
    assert USED.value(resource) == before


def test_a_refusal_is_repeated_without_using_the_database_or_reading_the_body(
    make_callers: MakeCallers, connection: Connection
) -> None:
    busy, stranger = make_callers()
    query = {"filter": {"external_id": {"comparison": "exists"}}}
    shares = busy.flask.extensions[NAME][Resource.QUERIES]
    assert all(shares.take(busy.workspace_id) for _ in range(2))
    first = busy.post("/segments/query", query)
    refused = REFUSED.value(Resource.QUERIES)

    before = lent(busy.flask)
    # The body is not valid JSON.
    again = busy.post("/segments/query", data="{", content_type="application/json")
    after = lent(busy.flask)
    others = [busy.get("/merge/jobs"), stranger.post("/segments/query", query)]
    for _ in range(2):
        shares.give_back(busy.workspace_id)
    last = busy.post("/segments/query", query)

    assert (first.status_code, again.status_code, last.status_code) == (429, 429, 200)
    assert after == before
    assert [other.status_code for other in others] == [200, 200]
    assert (again.json, again.headers["Retry-After"]) == (first.json, first.headers["Retry-After"])
    assert REFUSED.value(Resource.QUERIES) == refused + 1


def test_a_request_above_the_share_of_threads_is_refused_again_at_any_endpoint(make_callers: MakeCallers) -> None:
    busy, _ = make_callers()
    shares = busy.flask.extensions[NAME][Resource.THREADS]
    assert all(shares.take(busy.workspace_id) for _ in range(2))

    assert busy.get("/merge/jobs").status_code == 429
    before = lent(busy.flask)
    again = busy.post("/users/merge", {"merge_updates": []})
    after = lent(busy.flask)
    for _ in range(2):
        shares.give_back(busy.workspace_id)

    assert (again.status_code, after) == (429, before)
    assert busy.get("/merge/jobs").status_code == 200


def test_a_revoked_key_with_a_cached_refusal_becomes_invalid(
    make_callers: MakeCallers, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy, _ = make_callers()
    now = 100.0
    monkeypatch.setitem(busy.flask.extensions, REFUSALS, RecentRefusals(lambda: now))
    shares = busy.flask.extensions[NAME][Resource.THREADS]
    assert all(shares.take(busy.workspace_id) for _ in range(2))
    statuses = [busy.get("/merge/jobs").status_code]

    keys.revoke_key(connection, key_id=busy.key_id)
    statuses.append(busy.get("/merge/jobs").status_code)
    now += REMEMBER_S
    statuses.append(busy.get("/merge/jobs").status_code)
    for _ in range(2):
        shares.give_back(busy.workspace_id)

    assert statuses == [429, 429, 401]


def test_a_server_remembers_a_bounded_number_of_refusals() -> None:
    now = 0.0
    refusals = RecentRefusals(lambda: now)
    many = [refusals.digest(str(number)) for number in range(MOST + 1)]
    for digest in many:
        refusals.remember(digest, "", workspace_id=1, resource=Resource.THREADS)
    full = [bool(refusals.find(digest, "here")) for digest in (many[0], many[-1])]
    now = REMEMBER_S

    refusals.remember(many[-1], "", workspace_id=1, resource=Resource.THREADS)

    assert full == [True, False]
    assert [bool(refusals.find(digest, "here")) for digest in (many[0], many[-1])] == [False, True]


def test_requests_that_wait_leave_threads_to_their_workspace(make_callers: MakeCallers) -> None:
    busy, _ = make_callers(web_threads=10, pool_size=8)
    update = {"identifier_to_merge": {"external_id": "a"}, "identifier_to_keep": {"external_id": "b"}}

    def wait() -> Any:
        return busy.post("/users/merge", {"merge_updates": [update]}, headers={"Prefer": "wait=2"})

    with ThreadPoolExecutor(5) as threads:
        answers = [threads.submit(wait) for _ in range(5)]
        waited = ["Preference-Applied" in each.result().headers for each in answers]

    assert sorted(waited) == [False, False, True, True, True]


def test_the_statement_timeout_bounds_all_statements_of_a_request_together(make_callers: MakeCallers) -> None:
    caller, _ = make_callers(statement_timeout_ms=1_500)
    leaf = {"custom_attribute_name": "x", "comparison": "matches_regex"}
    leaves = [{"custom_attribute": {**leaf, "value": SLOW_PATTERN % number}} for number in range(40)]
    began = monotonic()

    response = caller.post("/segments/query", {"filter": {"OR": leaves}})

    assert response.status_code == 400
    assert response.json["message"].startswith("The segment takes too long to count")
    assert monotonic() - began < 6


def test_a_budget_ends_statements_and_later_statements_run_without_it(pool: Pool, factory: Factory) -> None:
    def rest(times: int) -> None:
        with open_transaction(pool, factory.workspace_id) as tx:
            for _ in range(times):
                tx.execute("SELECT pg_sleep(0.4)")

    began = monotonic()
    begin_budget(1.2)
    try:
        with pytest.raises(postgres.QueryCanceled):
            rest(20)
    finally:
        begin_budget(None)

    assert monotonic() - began < 5
    rest(4)


def test_a_request_that_ends_in_an_error_releases_its_share(make_callers: MakeCallers) -> None:
    caller, _ = make_callers()
    used = USED.value(Resource.THREADS)

    for _ in range(5):
        assert caller.get("/merge/jobs/nothing").status_code in {400, 404}
        assert caller.post("/users/merge", {"merge_updates": 1}).status_code == 400

    assert USED.value(Resource.THREADS) == used
