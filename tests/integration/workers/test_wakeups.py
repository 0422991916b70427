"""Every change that makes work due wakes the process that sleeps for it, and only while it sleeps."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from threading import Event
from uuid import UUID

import psycopg
import pytest
from uuid_utils.compat import uuid7

from app.config import Settings
from app.db.connections import Connection, Pool
from app.db.transaction import Transaction, run_in_transaction
from app.db.wakeups import WakeUpListener
from app.ledger.accept import NewBatch, insert_batch
from app.ledger.dispatch import rescue_lost_jobs, rescue_stranded_jobs, seconds_until_due_lane
from app.ledger.execution import RetryLimits, begin_attempts, fail_attempt
from app.ledger.retry import retry_job
from app.webhooks.deliveries import seconds_until_due_work
from schemas.identifiers import from_wire
from schemas.merge import MergeUpdate
from schemas.outcomes import JobKind
from tests.integration.lane.running import deliver
from tests.integration.lane.undoing import ask_to_undo
from tests.integration.workers.relaying import single_jobs
from tests.support.factories import Factory, ext

#: Seconds after which a test fails because no wake-up arrived. No test waits this long otherwise.
LONG_S = 20.0
NEVER = Event()


@pytest.fixture
def listeners(settings: Settings) -> Iterator[Callable[..., WakeUpListener]]:
    """Makes listeners for a queue, which are closed at the end."""
    with ExitStack() as opened:

        def listener(queue: str = "job", **changed: str) -> WakeUpListener:
            made = WakeUpListener(Settings(**{"database_url": settings.database_url, **changed}), name="t", queue=queue)
            opened.callback(made.close)
            return made

        yield listener


def woken(listener: WakeUpListener, *, longest_s: float = LONG_S) -> bool:
    """Return whether a notification ends the sleep of *listener* before *longest_s* seconds have passed."""
    return listener.wait(NEVER, longest_s=longest_s, due_in_s=lambda _: None)


def accept(tx: Transaction) -> None:
    update = MergeUpdate(orphan=from_wire(ext("a")), survivor=from_wire(ext("b")))
    insert_batch(tx, NewBatch(api_key_id=None, path="/users/merge", kind=JobKind.MERGE, updates=[update]))


def fail(tx: Transaction, job_id: UUID) -> None:
    """Fail an attempt. The next one is due later."""
    (job,) = begin_attempts(tx, job_ids=[job_id], task_id=uuid7()).result()
    limits = RetryLimits(max_attempts=5, delay_s=60, max_stalled_attempts=5)
    fail_attempt(tx, job=job, reason="It failed.", stalled=False, limits=limits)


def strand(tx: Transaction, job_id: UUID) -> None:
    """Rescue a job whose worker died."""
    begin_attempts(tx, job_ids=[job_id], task_id=uuid7()).result()
    assert rescue_stranded_jobs(tx, after_s=0, max_stalled_attempts=5, limit=1).queued == 1


def lose(tx: Transaction, job_id: UUID) -> None:
    """Rescue a job whose message was lost."""
    published = (
        "UPDATE job SET published_at = now() - interval '1 hour', task_id = id WHERE workspace_id = %s AND id = %s"
    )
    tx.connection.execute(published, [tx.workspace_id, job_id])
    assert rescue_lost_jobs(tx, queue_consumed_to=UUID(int=2**128 - 1), after_s=1, limit=1).queued == 1


def retry(tx: Transaction, job_id: UUID) -> None:
    """Retry a dead job."""
    dead = "UPDATE job SET state = 'dead', reason = 'r', finished_at = now() WHERE id = %s"
    tx.connection.execute(dead, [job_id])
    retry_job(tx, job_id=job_id)


@pytest.mark.parametrize("way", [fail, strand, lose, retry])
def test_a_job_that_is_queued_again_wakes_the_relay(
    listeners: Callable[..., WakeUpListener], factory: Factory, pool: Pool, way: Callable[[Transaction, UUID], None]
) -> None:
    job_id = factory.job(ext("a"), ext("b"))
    listener = listeners()
    assert listener.begin_sleep()

    run_in_transaction(pool, factory.workspace_id, way, job_id)

    assert woken(listener)


def test_an_accepted_batch_wakes_the_relay(
    listeners: Callable[..., WakeUpListener], factory: Factory, pool: Pool
) -> None:
    listener = listeners()
    assert listener.begin_sleep()

    run_in_transaction(pool, factory.workspace_id, accept)

    assert woken(listener)


def test_an_undo_wakes_the_relay(listeners: Callable[..., WakeUpListener], factory: Factory, pool: Pool) -> None:
    factory.profile("a")
    factory.profile("b")
    job_id = factory.job(ext("a"), ext("b"))
    deliver(pool, factory, [job_id])
    listener = listeners()
    assert listener.begin_sleep()

    ask_to_undo(factory, job_id)

    assert woken(listener)


def test_the_rest_of_a_lane_wakes_the_relay_when_its_head_starts_alone(
    listeners: Callable[..., WakeUpListener], factory: Factory, pool: Pool
) -> None:
    head, _ = factory.batch([(ext("a"), ext("b")), (ext("b"), ext("c"))])
    listener = listeners()
    assert listener.begin_sleep()

    run_in_transaction(pool, factory.workspace_id, begin_attempts, job_ids=[head], task_id=uuid7())

    assert woken(listener)


def test_a_relay_that_is_awake_gets_no_notification(
    listeners: Callable[..., WakeUpListener], factory: Factory, settings: Settings
) -> None:
    listener = listeners()
    assert listener.begin_sleep()
    listener.end_sleep()

    with psycopg.connect(settings.database_url, autocommit=True) as other:
        other.execute("LISTEN mergelane_job")
        single_jobs(factory, 3)
        other.execute("NOTIFY mergelane_job, 'own'")
        received = [each.payload for each in other.notifies(timeout=LONG_S, stop_after=1)]

    assert received == ["own"]


def test_no_relay_falls_asleep_while_a_transaction_makes_work(
    listeners: Callable[..., WakeUpListener], factory: Factory, settings: Settings
) -> None:
    listener = listeners()
    with psycopg.connect(settings.database_url) as writer:
        writer.execute("UPDATE job SET due_at = now() WHERE workspace_id = %s", [factory.workspace_id])
        asleep_before = listener.begin_sleep()
        writer.commit()

        assert (asleep_before, listener.begin_sleep()) == (False, True)


def test_every_relay_that_sleeps_is_woken(listeners: Callable[..., WakeUpListener], factory: Factory) -> None:
    first, second = listeners(), listeners()
    assert first.begin_sleep()
    assert second.begin_sleep()

    single_jobs(factory, 1)

    assert woken(first)
    assert woken(second)


def test_a_relay_is_woken_after_the_one_that_announced_the_sleep_has_ended(
    listeners: Callable[..., WakeUpListener], factory: Factory
) -> None:
    first, second = listeners(), listeners()
    assert first.begin_sleep()
    assert second.begin_sleep()
    first.close()
    assert not woken(second, longest_s=0.01)

    single_jobs(factory, 1)

    assert woken(second)


def test_a_relay_whose_connection_ends_wakes_and_sleeps_no_more_for_a_while(
    listeners: Callable[..., WakeUpListener], connection: Connection
) -> None:
    listener, other = listeners(), listeners()
    assert listener.begin_sleep()

    connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'mergelane-t/%'"
    )

    assert woken(listener)
    assert not listener.begin_sleep()
    assert other.begin_sleep()


def test_a_job_that_is_due_later_ends_the_sleep_in_time(
    listeners: Callable[..., WakeUpListener], factory: Factory, connection: Connection
) -> None:
    single_jobs(factory, 1)
    connection.execute("UPDATE job SET due_at = now() + interval '1 hour'")
    assert 3500 < (seconds_until_due_lane(connection) or 0) <= 3600
    connection.execute("UPDATE job SET due_at = now() + interval '0.2 seconds'")
    listener = listeners()
    assert listener.begin_sleep()

    listener.wait(NEVER, longest_s=LONG_S, due_in_s=seconds_until_due_lane)

    assert (seconds_until_due_lane(connection) or 0) <= 0


@pytest.fixture
def webhook(factory: Factory) -> UUID:
    """A disabled webhook."""
    webhook_id = uuid7()
    factory.rows(
        "INSERT INTO webhook (workspace_id, id, url, types, description, enabled, salt, pepper)"
        " VALUES (%s, %s, 'https://x.org', '{batch.finished}', '', false, '\\x00', 'p') RETURNING 1",
        webhook_id,
    )
    return webhook_id


def deliver_notice(factory: Factory, webhook: UUID) -> None:
    factory.rows(
        "INSERT INTO webhook_delivery (workspace_id, id, webhook_id, type, body)"
        " VALUES (%s, %s, %s, 'batch.finished', '{}') RETURNING 1",
        uuid7(),
        webhook,
    )


def test_a_notice_wakes_the_sender(listeners: Callable[..., WakeUpListener], factory: Factory, webhook: UUID) -> None:
    listener = listeners("webhook_delivery")
    assert listener.begin_sleep()
    deliver_notice(factory, webhook)
    assert woken(listener)

    listener.end_sleep()
    assert listener.begin_sleep()
    factory.rows("UPDATE webhook SET enabled = true WHERE workspace_id = %s RETURNING 1")
    assert woken(listener)


def test_a_watched_batch_wakes_the_sender_and_others_do_not(
    listeners: Callable[..., WakeUpListener], factory: Factory, pool: Pool, webhook: UUID
) -> None:
    listener = listeners("webhook_watch")
    assert listener.begin_sleep()
    run_in_transaction(pool, factory.workspace_id, accept)
    assert not woken(listener, longest_s=0.01)

    factory.rows("UPDATE webhook SET enabled = true WHERE workspace_id = %s RETURNING 1")
    run_in_transaction(pool, factory.workspace_id, accept)

    assert woken(listener)
    assert webhook


def test_the_sender_sleeps_until_the_next_notice(factory: Factory, connection: Connection, webhook: UUID) -> None:
    assert seconds_until_due_work(connection).delivery_s is None
    deliver_notice(factory, webhook)
    assert seconds_until_due_work(connection).delivery_s is None, "its webhook is disabled"

    factory.rows("UPDATE webhook SET enabled = true WHERE workspace_id = %s RETURNING 1")
    connection.execute("UPDATE webhook_delivery SET due_at = now() + interval '1 hour'")

    assert 3500 < (seconds_until_due_work(connection).delivery_s or 0) <= 3600
