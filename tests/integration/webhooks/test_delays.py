"""Webhooks do not delay merges or each other. A second sender delivers the notices of a sender that stops."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

import pytest
from uuid_utils.compat import uuid7

from app.config import Settings
from app.db.connections import Connection, Pool, open_pool
from app.db.transaction import Transaction, run_in_transaction
from app.ledger.retry import retry_job
from app.webhooks import deliveries, watching
from app.webhooks.deliveries import AT_ONCE, AttemptResult
from cli.up import commands
from tests.integration.webhooks.notices import Notifier, a_merge, a_webhook, died, notices_of
from tests.support.at_once import while_waiting
from tests.support.flask_caller import Caller
from tests.support.processes import Process
from tests.support.receiver import Receiver
from tests.support.waiting import wait_until
from tests.support.worker import Worker
from workers.sender.webhook_client import WebhookClient


@pytest.fixture
def pool(settings: Settings) -> Iterator[Pool]:
    """A separate pool from the sender's."""
    with open_pool(settings, name="test") as pool:
        yield pool


def test_a_webhook_without_a_response_holds_no_lock_of_merges_or_webhooks(
    caller: Caller, receiver: Receiver, worker: Worker, notifier: Notifier, connection: Connection
) -> None:
    webhook = a_webhook(caller, receiver)
    receiver.answer = lambda _: None
    caller.post(f"/webhooks/{webhook['webhook_id']}/test")
    notifier.until(lambda: receiver.received)
    connection.execute("SET lock_timeout = 1")
    locks = "SELECT 1 FROM pg_locks JOIN pg_database ON oid = database AND datname = current_database() WHERE granted"
    held = f"{locks} AND mode LIKE '%Exclusive%' AND locktype IN ('relation', 'tuple', 'transactionid')"
    rows = connection.execute(held).fetchall()
    batch_id = a_merge(caller)
    worker.work()

    assert rows == []
    assert (caller.get(f"/merge/batches/{batch_id}").json or {})["state"] == "finished"
    assert caller.patch(f"/webhooks/{webhook['webhook_id']}", {"description": "slow"}).status_code == 200


def test_a_webhook_without_a_response_uses_its_share_and_others_get_notices(
    make_caller: Callable[..., Caller], receiver: Receiver, make_notifier: Callable[..., Notifier]
) -> None:
    notifier = make_notifier(webhook_threads=16)
    slow, quick = make_caller(), make_caller()
    hanging, fine = a_webhook(slow, receiver, "/slow"), a_webhook(quick, receiver, "/quick")
    receiver.answer = lambda request: None if request.path == "/slow" else (200, {})
    for _ in range(AT_ONCE + 3):
        slow.post(f"/webhooks/{hanging['webhook_id']}/test")
    notifier.until(lambda: len(receiver.of("/slow")) == AT_ONCE)
    for _ in range(3):
        quick.post(f"/webhooks/{fine['webhook_id']}/test")
    notifier.until(lambda: len(receiver.of("/quick")) == 3)

    assert len(receiver.of("/slow")) == AT_ONCE


def test_the_threads_of_a_workspace_are_limited_to_its_share(
    make_caller: Callable[..., Caller], receiver: Receiver, make_notifier: Callable[..., Notifier]
) -> None:
    notifier = make_notifier(webhook_threads=8)
    slow, quick = make_caller(), make_caller()
    hanging = [a_webhook(slow, receiver, f"/slow-{number}") for number in range(8)]
    fine = a_webhook(quick, receiver, "/quick")
    receiver.answer = lambda request: None if request.path.startswith("/slow") else (200, {})
    for webhook in hanging:
        slow.post(f"/webhooks/{webhook['webhook_id']}/test")
    notifier.until(lambda: len(receiver.received) == 2)
    quick.post(f"/webhooks/{fine['webhook_id']}/test")
    notifier.until(lambda: receiver.of("/quick"))

    assert len(receiver.received) == 3


def test_an_attempt_without_a_response_ends_at_its_timeout(
    caller: Caller, receiver: Receiver, settings: Settings, make_notifier: Callable[..., Notifier]
) -> None:
    notifier = make_notifier(WebhookClient(timeout_s=0.3, private=True))
    webhook = a_webhook(caller, receiver)
    receiver.answer = lambda _: None
    caller.post(f"/webhooks/{webhook['webhook_id']}/test")
    notifier.until(lambda: notices_of(caller, webhook, state="dead"))

    assert notices_of(caller, webhook)[0]["last_error"] == "There was no answer within 0.3 s."


def test_a_leased_delivery_is_not_leased_again_before_its_lease_expires(
    caller: Caller, receiver: Receiver, pool: Pool
) -> None:
    webhook = a_webhook(caller, receiver)
    caller.post(f"/webhooks/{webhook['webhook_id']}/test")

    def take(lease_s: float) -> list[deliveries.LeasedDelivery]:
        return run_in_transaction(
            pool, caller.workspace_id, deliveries.lease_deliveries, lease_id=uuid7(), limit=9, lease_s=lease_s
        )

    (frozen,), meanwhile = take(0.0), take(60.0)
    none = take(60.0)
    late = run_in_transaction(
        pool,
        caller.workspace_id,
        deliveries.record_attempt,
        frozen,
        AttemptResult(at=datetime.now(UTC), status=200),
        pauses_s=(),
    )

    assert [each.id for each in meanwhile] == [frozen.id]
    assert none == []
    assert late.result() is None
    assert notices_of(caller, webhook)[0]["state"] == "waiting"


def test_a_retry_concurrent_with_the_end_of_its_batch_causes_a_second_notice(
    caller: Caller, receiver: Receiver, worker: Worker, notifier: Notifier, connection: Connection, pool: Pool
) -> None:
    a_webhook(caller, receiver)
    batch_id = a_merge(caller)
    job_id = died(connection, batch_id)
    workspace_id = caller.workspace_id

    def retry_the_job() -> None:
        run_in_transaction(pool, workspace_id, retry_job, job_id=job_id)

    with connection.transaction():
        watching.check_watched_batches(Transaction(connection, workspace_id), limit=9)
        # The transaction that stores the notice is committed while the retry waits for it.
        while_waiting(pool.conninfo, retry_the_job, then=lambda: connection.execute("COMMIT"))
        connection.execute("BEGIN")
    worker.work()
    notifier.until(lambda: len(receiver.received) == 2)

    counts = [each.content["data"]["counts"] for each in receiver.received]
    assert sorted(counts, key=str) == [{"dead": 1}, {"orphan_not_found": 1}]


@pytest.fixture
def process(settings: Settings, tmp_path: Path) -> Iterator[Callable[[], Process]]:
    """A function that starts a sender process."""
    started: list[Process] = []
    environ = {
        "DATABASE_URL": settings.database_url,
        "MERGELANE_WEBHOOK_PRIVATE_NETWORKS": "true",
        "MERGELANE_WEBHOOK_PEPPER": settings.webhook_pepper[0],
        "MERGELANE_WEBHOOK_TIMEOUT_S": "1",
    }

    def start() -> Process:
        name = f"sender{len(started) + 1}"
        started.append(Process.of(name, commands.sender(), folder=tmp_path, environ=environ).start())
        return started[-1]

    yield start
    for each in started:
        each.kill()


def test_the_delivery_of_a_killed_sender_is_sent_again_with_the_same_id(
    caller: Caller, receiver: Receiver, worker: Worker, process: Callable[[], Process]
) -> None:
    webhook = a_webhook(caller, receiver)
    receiver.answer = lambda _: None
    first = process()
    a_merge(caller)
    worker.work()
    wait_until(lambda: receiver.received, what="the first sender to send")
    first.kill()
    receiver.answer = lambda _: (200, {})
    process()
    wait_until(lambda: notices_of(caller, webhook, state="sent"), what="the second sender to send it")

    assert len(receiver.received) == 2
    assert len({each.notice_id for each in receiver.received}) == 1


def test_a_stopped_sender_finishes_its_deliveries(
    caller: Caller, receiver: Receiver, process: Callable[[], Process]
) -> None:
    webhook = a_webhook(caller, receiver)
    let_go = Event()
    receiver.answer = lambda _: (let_go.wait(30), (200, {}))[1]
    sender = process()
    caller.post(f"/webhooks/{webhook['webhook_id']}/test")
    wait_until(lambda: receiver.received, what="the sender to send")
    sender.ask()
    let_go.set()

    assert sender.ended() == 0
    assert notices_of(caller, webhook)[0]["state"] == "sent"
    assert "sender_stopped" in sender.log
