"""The metrics and log lines of lanes."""

import logging

import pytest
from uuid_utils.compat import uuid7

from app.config import Settings
from app.db.connections import Pool
from app.lane.run import Lane, execute_lane
from app.metrics import database, worker
from tests.integration.lane.running import deliver
from tests.support.factories import Factory, ext

FAIL = """
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.external_id = 'cursed' THEN RAISE EXCEPTION 'planted'; END IF;
    RETURN NEW;
END $$
"""


@pytest.fixture
def cursed(factory: Factory) -> None:
    """Make every change of the profile `cursed` fail."""
    factory.profile("cursed")
    factory.connection.execute(FAIL)
    factory.connection.execute("CREATE TRIGGER fail BEFORE UPDATE ON profile FOR EACH ROW EXECUTE FUNCTION fail()")


def test_a_lane_is_counted_when_it_is_committed(pool: Pool, factory: Factory) -> None:
    factory.profile("a")
    factory.profile("b")
    job_ids = factory.batch([(ext("a"), ext("b")), (ext("a"), ext("b"))])

    def counts() -> tuple[float, ...]:
        return (
            worker.ATTEMPTS.value(),
            worker.FINISHED.value("merge", "merged"),
            worker.FINISHED.value("merge", "already_merged"),
            worker.MERGE_SECONDS.count("merge"),
            worker.LANE_JOBS.count(),
            worker.LANE_SECONDS.count(),
            worker.TRANSACTION_SECONDS.count(),
        )

    before = counts()
    deliver(pool, factory, job_ids)

    assert tuple(after - earlier for after, earlier in zip(counts(), before, strict=True)) == (2, 1, 1, 2, 1, 1, 1)


def test_a_repeated_delivery_counts_no_job_again(pool: Pool, factory: Factory) -> None:
    job_ids = factory.batch([(ext("nobody"), ext("else"))])
    deliver(pool, factory, job_ids)
    before = worker.ATTEMPTS.value(), worker.MERGE_SECONDS.count("merge")
    deliver(pool, factory, job_ids)

    assert (worker.ATTEMPTS.value(), worker.MERGE_SECONDS.count("merge")) == before


def test_a_failed_attempt_is_counted_by_the_next_state_of_its_job(pool: Pool, factory: Factory, cursed: None) -> None:
    for name in ("a", "b", "c"):
        factory.profile(name)
    mates = factory.batch([(ext("c"), ext("cursed")), (ext("a"), ext("b"))])

    def counts() -> tuple[float, ...]:
        return worker.FAILED.value("queued"), worker.FAILED.value("dead"), worker.LANES_SPLIT.value()

    before = counts()
    lane = Lane(workspace_id=factory.workspace_id, job_ids=mates, task_id=uuid7())
    ends = []
    for _ in range(2):
        factory.make_due(mates)
        ends.append(execute_lane(pool, Settings(max_attempts=2), lane))

    assert ends == [{"queued": 1, "merged": 1}, {"dead": 1}]
    assert tuple(after - earlier for after, earlier in zip(counts(), before, strict=True)) == (1, 1, 1)


def test_every_log_line_about_a_job_has_the_id_of_its_request(
    pool: Pool, factory: Factory, caplog: pytest.LogCaptureFixture
) -> None:
    job_ids = [*factory.batch([(ext("a"), ext("b"))]), *factory.batch([(ext("c"), ext("d"))])]
    for number, job_id in enumerate(job_ids):
        batch_id = factory.row(job_id)["batch_id"]
        change = "UPDATE batch SET request_id = %s WHERE id = %s"
        factory.connection.execute(change, [f"request-{number}", batch_id])
    with caplog.at_level(logging.DEBUG, logger="app.lane.observer"):
        deliver(pool, factory, job_ids)
    logged = [(record.message, record.__dict__["job_id"], record.__dict__["request_id"]) for record in caplog.records]

    assert logged == [
        (message, str(job_id), f"request-{number}")
        for message in ("job_begun", "job_finished")
        for number, job_id in enumerate(job_ids)
    ]


def test_a_repeated_transaction_is_counted_by_its_reason() -> None:
    before = database.RETRIED.value("deadlock"), database.RETRIED.value("other")
    database.count_retry(type("DeadlockDetected", (Exception,), {})())
    database.count_retry(None)

    assert (database.RETRIED.value("deadlock"), database.RETRIED.value("other")) == (before[0] + 1, before[1] + 1)
