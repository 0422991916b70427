"""A job that raises: its attempts are counted, it ends dead with a reason, and the others of its lane are merged."""

import logging
from dataclasses import replace
from uuid import UUID

import pytest
from psycopg.types.json import Jsonb

from app.config import Settings
from app.db.connections import Connection, Pool, open_pool
from app.errors import DatabaseUnavailable
from tests.integration.lane.running import deliver
from tests.support.factories import Factory, ext
from tests.support.postgres import make_database_url

database_url = make_database_url(scope="module")

CURSED = "cursed"
"""The first name of profiles that a trigger in the database of the test protects from deletion."""


@pytest.fixture(autouse=True)
def curse(connection: Connection) -> None:
    """Make every statement fail that deletes a profile with this first name."""
    connection.execute(
        """
        CREATE OR REPLACE FUNCTION curse() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
        BEGIN
            IF OLD.first_name = 'cursed' THEN RAISE EXCEPTION 'Ann Lee of Ulm cannot be retired'; END IF;
            IF OLD.first_name = 'fatal' THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
            RETURN OLD;
        END $$;
        CREATE OR REPLACE TRIGGER curse BEFORE DELETE ON profile FOR EACH ROW EXECUTE FUNCTION curse();
        """,
        prepare=False,
    )


def pairs(factory: Factory, count: int, *, cursed: int | None = None, name: str = CURSED) -> list[UUID]:
    """Write a batch of *count* independent pairs and return its job ids. The pair *cursed* cannot be merged."""
    for number in range(count):
        factory.profile(f"o{number}", first_name=name if number == cursed else None)
        factory.profile(f"s{number}")
    return factory.batch([(ext(f"o{number}"), ext(f"s{number}")) for number in range(count)])


def spoil(factory: Factory, job_id: UUID, identifier: object) -> None:
    """Replace the orphan's identifier of a job by *identifier*, which is invalid."""
    query = "UPDATE job SET orphan_identifier = %s WHERE id = %s"
    factory.connection.execute(query, [Jsonb(identifier), job_id])


def test_a_failed_attempt_is_counted_and_the_job_waits_for_the_next_one(pool: Pool, factory: Factory) -> None:
    (job_id,) = pairs(factory, 1, cursed=0)

    deliver(pool, factory, [job_id], retry_delay_s=100)

    row = factory.row(job_id)
    assert (row["state"], row["attempts"], row["outcome"]) == ("queued", 1, None)
    assert (row["published_at"], row["finished_at"]) == (None, None)
    assert 90 < (row["due_at"] - row["started_at"]).total_seconds() < 110


def test_every_further_attempt_waits_twice_as_long(pool: Pool, factory: Factory) -> None:
    (job_id,) = pairs(factory, 1, cursed=0)
    delays = []

    for _ in range(4):
        factory.make_due([job_id])
        deliver(pool, factory, [job_id], retry_delay_s=100)
        row = factory.row(job_id)
        delays.append(round((row["due_at"] - row["started_at"]).total_seconds() / 100))

    assert delays == [1, 2, 4, 8]


def test_a_job_that_always_raises_ends_dead_with_its_reason(pool: Pool, factory: Factory) -> None:
    (job_id,) = pairs(factory, 1, cursed=0)

    states = []
    for _ in range(3):
        factory.make_due([job_id])
        deliver(pool, factory, [job_id], max_attempts=3)
        states.append(factory.row(job_id)["state"])

    row = factory.row(job_id)
    assert states == ["queued", "queued", "dead"]
    assert (row["attempts"], row["outcome"]) == (3, None)
    assert row["finished_at"] is not None
    assert row["reason"] == "Attempt 3 failed with RaiseException; the worker's log has the details."


def test_the_reason_contains_no_personal_data_and_the_log_has_the_error(
    pool: Pool, factory: Factory, caplog: pytest.LogCaptureFixture
) -> None:
    (job_id,) = pairs(factory, 1, cursed=0)

    task_id = deliver(pool, factory, [job_id])

    (record,) = [record for record in caplog.records if record.message == "job_attempt_failed"]
    assert "Ann Lee" not in factory.row(job_id)["reason"]
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None
    assert (record.__dict__["job_id"], record.__dict__["task_id"]) == (str(job_id), str(task_id))


def test_a_dead_job_is_not_run_again(pool: Pool, factory: Factory) -> None:
    (job_id,) = pairs(factory, 1, cursed=0)
    deliver(pool, factory, [job_id], max_attempts=1)

    deliver(pool, factory, [job_id], max_attempts=9)

    assert (factory.row(job_id)["state"], factory.row(job_id)["attempts"]) == ("dead", 1)


@pytest.mark.parametrize("place", [0, 2, 4])
def test_the_other_jobs_of_the_lane_of_a_failing_job_are_merged(pool: Pool, factory: Factory, place: int) -> None:
    job_ids = pairs(factory, 5, cursed=place)

    deliver(pool, factory, job_ids)

    expected = [None if number == place else "merged" for number in range(5)]
    assert factory.outcomes(job_ids) == expected
    assert {factory.row(job_id)["attempts"] for job_id in job_ids} == {1}


@pytest.mark.parametrize(
    "wire", [{}, {"fax": "1"}, {"email": "a@x.org", "prioritization": ["newest"]}, [], "ann", None]
)
def test_an_identifier_that_cannot_be_read_fails_only_its_own_job(pool: Pool, factory: Factory, wire: object) -> None:
    job_ids = pairs(factory, 3)
    spoil(factory, job_ids[1], wire)

    deliver(pool, factory, job_ids, max_attempts=1)

    assert factory.states(job_ids) == ["finished", "dead", "finished"]


def test_a_failing_job_in_a_lane_keeps_the_order_of_the_others(pool: Pool, factory: Factory) -> None:
    for name in "abcd":
        factory.profile(name, first_name=CURSED if name == "b" else None)
    job_ids = factory.batch([(ext("a"), ext("b")), (ext("b"), ext("c")), (ext("a"), ext("d"))])

    deliver(pool, factory, job_ids, max_attempts=1)

    assert factory.outcomes(job_ids) == ["merged", None, "already_merged"]


def test_a_failed_job_is_merged_after_its_cause_is_gone(pool: Pool, factory: Factory) -> None:
    job_ids = pairs(factory, 2, cursed=1)
    deliver(pool, factory, job_ids)
    factory.rows("UPDATE profile SET first_name = NULL WHERE workspace_id = %s RETURNING 1")
    factory.make_due(job_ids)

    deliver(pool, factory, job_ids)

    assert factory.outcomes(job_ids) == ["merged", "merged"]
    assert [factory.row(job_id)["attempts"] for job_id in job_ids] == [1, 2]


def test_a_failed_attempt_changes_only_its_job(pool: Pool, factory: Factory) -> None:
    orphan = factory.profile("o", first_name=CURSED, user_aliases={"mail": "o"})
    survivor = factory.profile("s", user_aliases={"guest": "s"})

    deliver(pool, factory, [factory.job(ext("o"), ext("s"))])

    assert (factory.load(orphan), factory.load(survivor)) == (orphan, survivor)
    tables = ("origin", "redirect", "merge_record")
    assert not any(factory.rows(f"SELECT 1 FROM {table} WHERE workspace_id = %s") for table in tables)


def test_a_connection_that_ends_during_the_lane_is_not_a_failure_of_the_job(pool: Pool, factory: Factory) -> None:
    job_ids = pairs(factory, 3, cursed=1, name="fatal")

    with pytest.raises(DatabaseUnavailable):
        deliver(pool, factory, job_ids)

    assert factory.states(job_ids) == ["running"] * 3
    assert {factory.row(job_id)["reason"] for job_id in job_ids} == {None}
    assert {factory.row(job_id)["attempts"] for job_id in job_ids} == {1}


def test_a_database_that_does_not_answer_raises_an_error_in_the_task(factory: Factory) -> None:
    nowhere = Settings(database_url="postgresql://127.0.0.1:1/nobody", pool_timeout_s=0.3)

    with open_pool(nowhere, name="test") as pool, pytest.raises(DatabaseUnavailable):
        deliver(pool, factory, [factory.job(ext("a"), ext("b"))])


@pytest.mark.parametrize("count", [1, 3])
def test_a_lane_whose_tables_stay_locked_waits_and_counts_no_attempt(
    factory: Factory, settings: Settings, connection: Connection, count: int
) -> None:
    job_ids = pairs(factory, count)
    impatient = open_pool(replace(settings, lock_timeout_ms=10), name="test")

    with connection.transaction():
        connection.execute("LOCK TABLE profile IN ACCESS EXCLUSIVE MODE")
        with impatient as pool, pytest.raises(DatabaseUnavailable, match="too busy"):
            deliver(pool, factory, job_ids)

    rows = [factory.row(job_id) for job_id in job_ids]
    assert {(row["state"], row["attempts"], row["stalled_attempts"]) for row in rows} == {("queued", 0, 0)}
