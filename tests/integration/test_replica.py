"""A standby answers large queries, including all earlier commits. Without a standby, the primary answers."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from threading import Event
from typing import Any

import psycopg
import pytest
from flask import Flask

from app import keys
from app.config import Settings
from app.db import replica
from app.db.connections import Pool, open_pool
from app.db.replica import Replica
from app.db.transaction import open_transaction
from app.duplicates.advance import advance_run
from app.metrics.replica import READS
from app.web import create_app
from app.web.resources import resources_of
from cli.database import connected
from cli.doctor.findings import Level
from cli.doctor.replica import check_replica
from tests.support.flask_caller import Caller
from tests.support.profiles import track
from tests.support.standby import Replicated
from tests.support.waiting import wait_until

SEGMENT = {"filter": {"external_id": {"comparison": "exists"}}}
#: Requests that the standby answers.
READING: Mapping[str, Callable[[Caller], Any]] = {
    "segment": lambda caller: caller.post("/segments/query", SEGMENT),
    "export of jobs": lambda caller: caller.get("/merge/jobs/export"),
    "export of batches": lambda caller: caller.get("/merge/batches/export"),
    "export of runs": lambda caller: caller.get("/merge/runs/export"),
    "export of the audit": lambda caller: caller.get("/audit/export"),
    "audit": lambda caller: caller.get("/audit"),
    "count of duplicates": lambda caller: caller.get("/duplicates/preview", identifier="email"),
    "export of duplicates": lambda caller: caller.get("/duplicates/preview.csv", identifier="email"),
}


@pytest.fixture
def settings(replicated: Replicated) -> Settings:
    return replicated.settings


@pytest.fixture
def flask(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """The application with both servers; it asks a standby again at once after a failure."""
    monkeypatch.setattr(replica, "ASIDE_S", 0.0)
    flask = create_app(settings)
    yield flask
    resources_of(flask).close()


@pytest.fixture
def caller(flask: Flask, replicated: Replicated, request: pytest.FixtureRequest) -> Caller:
    """A caller in its own workspace."""
    workspace = f"test-{abs(hash(request.node.name))}"
    with psycopg.connect(replicated.primary.url()) as connection:
        key_id, secret = keys.create_key(connection, workspace=workspace, label="test", permissions=["*"])
        (workspace_id,) = connection.execute("SELECT workspace_id FROM api_key WHERE id = %s", [key_id]).fetchone() or (
            0,
        )
    return Caller(flask, secret=secret, key_id=key_id, workspace_id=workspace_id, workspace=workspace)


@pytest.fixture
def pool(settings: Settings) -> Iterator[Pool]:
    """A pool of connections to the primary."""
    with open_pool(settings, name="test") as pool:
        yield pool


@pytest.fixture
def make_replica(settings: Settings) -> Iterator[Callable[[str], Replica]]:
    """A function that returns a reader of the standby at a URL."""
    made: list[Replica] = []

    def make(url: str) -> Replica:
        made.append(
            Replica(settings.__class__(database_url=settings.database_url, database_replica_url=url), name="test")
        )
        return made[-1]

    yield make
    for each in made:
        each.close()


def reads(result: str) -> float:
    """Return the number of queries with *result* so far."""
    return READS.value(result)


def count_segment(caller: Caller) -> int:
    response = caller.post("/segments/query", SEGMENT)
    assert response.status_code == 200, response.json
    count: int = (response.json or {})["count"]
    return count


@pytest.mark.parametrize("name", READING)
def test_the_standby_answers_large_queries(name: str, caller: Caller) -> None:
    before = reads("replica")
    response = READING[name](caller)

    assert response.status_code == 200, response.data
    assert reads("replica") == before + 1


def test_the_standby_has_every_acknowledged_write(caller: Caller, replicated: Replicated) -> None:
    before, late = reads("replica"), 0
    for number in range(1, 6):
        track(caller, attributes=[{"external_id": f"user-{number}"}])
        found = replicated.run_on_standby(f"SELECT count(*) FROM profile WHERE workspace_id = {caller.workspace_id}")
        late += found != number

        assert count_segment(caller) == number
    assert reads("replica") == before + 5
    assert late > 0, "the standby was never behind, so this test shows nothing"


def test_the_primary_answers_while_the_standby_lags_behind(caller: Caller, replicated: Replicated) -> None:
    assert count_segment(caller) == 0
    before = reads("behind")
    replicated.run_on_standby("SELECT pg_wal_replay_pause()")
    try:
        track(caller, attributes=[{"external_id": "new"}])

        assert count_segment(caller) == 1
        assert reads("behind") == before + 1
    finally:
        replicated.run_on_standby("SELECT pg_wal_replay_resume()")


def test_after_a_failure_the_standby_gets_no_query_for_a_while(
    pool: Pool, settings: Settings, replicated: Replicated
) -> None:
    now = [0.0]
    reader = Replica(settings, name="test", clock=lambda: now[0])
    replicated.standby.stop()
    try:
        assert reader.choose_pool(pool) is pool
    finally:
        replicated.standby.start()
    now[0] = replica.ASIDE_S - 0.1
    aside = reader.choose_pool(pool)
    now[0] = replica.ASIDE_S + 0.1
    again = wait_until(lambda: (chosen := reader.choose_pool(pool)) is not pool and chosen, what="the standby")
    reader.close()

    assert aside is pool
    assert again is not pool


def test_the_primary_answers_while_the_standby_is_unreachable(caller: Caller, replicated: Replicated) -> None:
    track(caller, attributes=[{"external_id": "someone"}])
    assert count_segment(caller) == 1
    before = reads("away")
    replicated.standby.stop()
    try:
        counts = [count_segment(caller) for _ in range(2)]
    finally:
        replicated.standby.start()

    assert counts == [1, 1]
    assert reads("away") == before + 2
    assert caller.get("/health/ready").status_code == 200


def test_a_server_that_is_not_a_standby_gets_no_query(
    pool: Pool, replicated: Replicated, make_replica: Callable[[str], Replica], caplog: pytest.LogCaptureFixture
) -> None:
    assert make_replica(replicated.primary.url()).choose_pool(pool) is pool
    assert [record.__dict__["reason"] for record in caplog.records] == [replica.NO_STANDBY]


def test_a_standby_of_another_installation_gets_no_query(
    pool: Pool,
    replicated: Replicated,
    database_url: str,
    make_replica: Callable[[str], Replica],
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert make_replica(database_url).choose_pool(pool) is pool
    assert [record.__dict__["reason"] for record in caplog.records] == [replica.OTHER_INSTALLATION]


def test_the_primary_answers_a_query_that_the_standby_cancels(
    caller: Caller, pool: Pool, settings: Settings, replicated: Replicated
) -> None:
    track(caller, attributes=[{"external_id": "short-lived"}])
    reader, running, before = Replica(settings, name="test"), Event(), reads("conflict")

    def use(chosen: Pool) -> bool:
        with open_transaction(chosen, caller.workspace_id, snapshot=True) as tx:
            tx.execute("SELECT count(*) FROM profile").fetchall()
            running.set()
            if chosen is not pool:
                tx.execute("SELECT pg_sleep(10)").fetchall()
        return chosen is pool

    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(reader.read, pool, use)
        assert running.wait(30)
        caller.post("/users/delete", {"external_ids": ["short-lived"]})
        with psycopg.connect(replicated.primary.url(), autocommit=True) as connection:
            connection.execute("VACUUM (INDEX_CLEANUP ON) profile")
        by_primary = answer.result()
    reader.close()

    assert by_primary
    assert reads("conflict") == before + 1


def test_a_run_over_duplicates_is_scanned_on_the_standby(caller: Caller, pool: Pool, settings: Settings) -> None:
    track(caller, attributes=[{"external_id": name, "email": "same@example.com"} for name in ("a", "b", "c")])
    started = caller.post("/duplicates/runs", {})
    reader, before = Replica(settings, name="test"), reads("replica")
    find_standby = partial(reader.standby_pool, pool)
    while advance_run(pool, settings, workspace_id=caller.workspace_id, find_standby=find_standby):
        pass
    reader.close()
    run = caller.get(started.json["status_url"]).json if started.json else None

    assert run is not None
    assert run["counts"]["examined"] == 3
    assert reads("replica") > before


def test_the_doctor_reports_a_standby_that_answers(settings: Settings) -> None:
    found = examine(settings)

    assert found.keys() == {Level.FINE}


@pytest.mark.parametrize(
    ("url", "words"),
    [("postgresql://postgres@127.0.0.1:1/postgres", "does not answer"), (None, replica.NO_STANDBY)],
    ids=["away", "no standby"],
)
def test_the_doctor_reports_a_standby_that_cannot_answer(settings: Settings, url: str | None, words: str) -> None:
    found = examine(replace(settings, database_replica_url=url or settings.database_url))

    assert found.keys() == {Level.WRONG}
    assert words in found[Level.WRONG]


def test_the_doctor_says_nothing_without_a_standby(settings: Settings) -> None:
    assert examine(replace(settings, database_replica_url="")) == {}


def examine(settings: Settings) -> dict[Level, str]:
    """Return the level and the sentence of the doctor's finding about the standby."""
    with connected(settings, settings.database_url, name="test") as primary:
        return {found.level: found.sentence for found in check_replica(primary, settings)}
