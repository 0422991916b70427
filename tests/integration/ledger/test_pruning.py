"""Pruning deletes finished batches after their time, and keeps unfinished batches and batches with dead jobs."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import time
from typing import Any
from uuid import UUID

import psycopg
import pytest
from uuid_utils.compat import uuid7

from app import keys
from app.config import Settings
from app.db import clock
from app.db.clock import ServerClock
from app.db.connections import Pool, lend_connection
from app.db.ids import earliest_id_at
from app.db.transaction import Transaction, run_in_transaction
from app.keys.sign_ins import prune_sign_ins
from app.ledger.pruning import (
    list_workspaces,
    prune_audit_events,
    prune_batches,
    prune_idempotency_keys,
)
from tests.integration.lane.running import merge_one
from tests.support.factories import Factory, ext
from tests.support.postgres import make_database_url
from workers.relay import prune
from workers.relay.prune import Pruner

database_url = make_database_url(scope="module")

NOW = datetime.now(UTC)
UPDATE = (ext("a"), ext("a"))
FINISHED = {"state": "finished", "outcome": "same_profile", "reason": "So."}
DEAD = {"state": "dead", "reason": "It failed."}
ENDED = {"finished", "dead"}


def a_batch(factory: Factory, *jobs: dict[str, Any], days_old: float = 0, id_days_old: float = 0) -> UUID:
    """Write a batch with the columns *jobs*, accepted and ended *days_old* days ago. Return its id.

    The clock in its ids is *id_days_old* days behind.
    """
    at = NOW - timedelta(days=days_old)
    moment = earliest_id_at(NOW - timedelta(days=id_days_old))
    batch_id = UUID(int=moment.int + uuid7().int % 2**64)
    factory.batch([UPDATE] * len(jobs), batch_id=batch_id)
    factory.connection.execute("UPDATE batch SET created_at = %s WHERE id = %s", [at, batch_id])
    rows = factory.rows("SELECT id FROM job WHERE workspace_id = %s AND batch_id = %s ORDER BY index", batch_id)
    for row, columns in zip(rows, jobs, strict=True):
        end = {"created_at": at, "finished_at": at if columns.get("state") in ENDED else None, **columns}
        assignments = ", ".join(f"{name} = %({name})s" for name in end)
        factory.connection.execute(f"UPDATE job SET {assignments} WHERE id = %(id)s", {**end, "id": row["id"]})
    return batch_id


def kept(factory: Factory) -> set[UUID]:
    """Return the ids of the remaining batches."""
    return {row["id"] for row in factory.rows("SELECT id FROM batch WHERE workspace_id = %s")}


def pruned(factory: Factory, *, days: float = 1, limit: int = 100) -> int:
    """Prune the batches that are older than *days*. Return their number."""
    age = timedelta(days=days)
    factory.connection.execute("SELECT set_config('mergelane.workspace_id', %s, false)", [str(factory.workspace_id)])
    return prune_batches(Transaction(factory.connection, factory.workspace_id), age=age, limit=limit).result()


def entry(factory: Factory, *, days_old: float) -> UUID:
    """Write an entry of the audit without a batch, *days_old* days old. Return its id."""
    entry_id = uuid7()
    columns = "(workspace_id, id, action, path, at) VALUES (%s, %s, 'delete', '/users/delete', %s)"
    factory.rows(f"INSERT INTO audit_entry {columns} RETURNING 1", entry_id, NOW - timedelta(days=days_old))
    return entry_id


def entries(factory: Factory) -> set[UUID]:
    """Return the ids of the remaining entries."""
    return {row["id"] for row in factory.rows("SELECT id FROM audit_entry WHERE workspace_id = %s")}


def use_key(factory: Factory, key: str, *, hours_old: float) -> None:
    """Write an Idempotency-Key that was used *hours_old* hours ago."""
    factory.rows(
        "INSERT INTO idempotency (workspace_id, path, key, body_digest, batch_id, created_at)"
        " VALUES (%s, '/users/merge', %s, '', %s, %s) RETURNING 1",
        *(key, uuid7(), datetime.now(UTC) - timedelta(hours=hours_old)),
    )


def test_old_finished_batches_are_deleted_and_newer_ones_kept(factory: Factory) -> None:
    a_batch(factory, FINISHED, FINISHED, days_old=3)
    a_batch(factory, FINISHED, days_old=1.01)
    new = a_batch(factory, FINISHED, days_old=0.5)

    assert pruned(factory) == 2
    assert kept(factory) == {new}
    assert factory.rows("SELECT DISTINCT batch_id FROM job WHERE workspace_id = %s") == [{"batch_id": new}]


@pytest.mark.parametrize("id_days_old", [91, -91], ids=["behind", "ahead"])
def test_the_clock_of_the_process_that_accepted_a_batch_does_not_matter(factory: Factory, id_days_old: float) -> None:
    a_batch(factory, FINISHED, days_old=91, id_days_old=id_days_old)
    young = a_batch(factory, FINISHED, id_days_old=id_days_old)

    assert pruned(factory, days=90) == 1
    assert kept(factory) == {young}


def test_the_age_of_a_batch_is_counted_from_the_end_of_its_last_job(factory: Factory) -> None:
    late = a_batch(factory, FINISHED, {**FINISHED, "finished_at": NOW}, days_old=91)

    assert pruned(factory, days=90) == 0
    assert kept(factory) == {late}


@pytest.mark.parametrize("apart", [61.0, 91 * 86_400.0])
def test_a_relay_with_a_wrong_clock_logs_it_once_and_prunes_nothing(
    pool: Pool, settings: Settings, factory: Factory, caplog: pytest.LogCaptureFixture, apart: float
) -> None:
    old = a_batch(factory, FINISHED, days_old=100)
    differences = [apart, apart, 59.0]
    pruner = Pruner(pool, settings, measure_clock=lambda _: differences.pop(0))

    assert (pruner.run_once(), pruner.run_once()) == (0, 0)
    assert kept(factory) == {old}
    assert [record.message for record in caplog.records] == ["clock_differs"]

    assert pruner.run_once() >= 1
    assert kept(factory) == set()


def test_the_difference_of_the_clocks_is_measured(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    with lend_connection(pool) as connection:
        assert ServerClock().read(connection) < 60
        monkeypatch.setattr(clock, "time", lambda: time() + 91 * 86_400)
        ahead = ServerClock()
        assert ahead.read(connection) == pytest.approx(91 * 86_400, abs=60)
        # The ids that this process creates still have the time of PostgreSQL.
        assert ahead.now() == pytest.approx(time(), abs=60)


def test_an_empty_batch_is_finished(factory: Factory) -> None:
    a_batch(factory, days_old=3)
    young = a_batch(factory)

    assert pruned(factory) == 1
    assert kept(factory) == {young}


@pytest.mark.parametrize("columns", [DEAD, {"state": "queued"}, {"state": "running"}], ids=lambda each: each["state"])
def test_a_batch_is_kept_while_one_job_is_not_finished(factory: Factory, columns: dict[str, Any]) -> None:
    old = a_batch(factory, FINISHED, columns, FINISHED, days_old=300)

    assert pruned(factory) == 0
    assert kept(factory) == {old}


def test_the_audit_is_deleted_with_its_batch_and_the_profiles_stay(pool: Pool, factory: Factory) -> None:
    factory.profile("a")
    b = factory.profile("b")
    merge_one(pool, factory, ext("a"), ext("b"))
    merged = factory.load(b)

    assert pruned(factory, days=-1) == 1

    assert factory.rows("SELECT 1 FROM merge_record WHERE workspace_id = %s") == []
    assert factory.load(b) == merged
    assert merge_one(pool, factory, ext("a"), ext("b"))["outcome"] == "already_merged"


def test_a_limited_number_of_batches_is_deleted_at_once_the_oldest_first(factory: Factory) -> None:
    batches = [a_batch(factory, FINISHED, days_old=days) for days in (2, 5, 3, 4)]

    assert pruned(factory, limit=3) == 3
    assert kept(factory) == {batches[0]}


def test_a_batch_that_another_pruning_has_locked_is_skipped(database_url: str, factory: Factory) -> None:
    held, free = a_batch(factory, FINISHED, days_old=3), a_batch(factory, FINISHED, days_old=3)

    with psycopg.connect(database_url) as other:
        other.execute("SELECT 1 FROM batch WHERE id = %s FOR UPDATE", [held])

        assert pruned(factory) == 1
        assert kept(factory) == {held}
    assert free not in kept(factory)


def test_old_audit_entries_without_a_batch_are_deleted_in_their_own_workspace(pool: Pool, factory: Factory) -> None:
    elsewhere = Factory(factory.connection)
    old, new = (entry(factory, days_old=days) for days in (3, 0.5))
    other = entry(elsewhere, days_old=3)

    def prune(tx: Transaction, workspace_id: int) -> int:
        scope = Transaction(tx.connection, workspace_id)
        return prune_audit_events(scope, age=timedelta(days=1), limit=100).result()

    counts = [
        run_in_transaction(pool, factory.workspace_id, prune, workspace_id)
        for workspace_id in (factory.workspace_id, elsewhere.workspace_id)
    ]

    assert counts == [1, 0]
    assert entries(factory) == {new}
    assert entries(elsewhere) == {other}
    assert old not in entries(factory)


@pytest.mark.parametrize(("audit_days", "left"), [(90.0, False), (120.0, True)])
def test_the_ledger_is_kept_for_as_long_as_the_audit(
    pool: Pool, settings: Settings, factory: Factory, audit_days: float, left: bool
) -> None:
    batch_id, entry_id = a_batch(factory, FINISHED, days_old=100), entry(factory, days_old=100)

    Pruner(pool, replace(settings, audit_days=audit_days)).run_once()

    assert (batch_id in kept(factory), entry_id in entries(factory)) == (left, left)


def test_no_batch_of_another_workspace_is_deleted(factory: Factory) -> None:
    elsewhere = Factory(factory.connection)
    old = a_batch(elsewhere, FINISHED, days_old=3)

    assert pruned(factory) == 0
    assert kept(elsewhere) == {old}
    assert {factory.workspace_id, elsewhere.workspace_id} <= set(list_workspaces(factory.connection))


def test_old_idempotency_keys_are_deleted(factory: Factory) -> None:
    for hours in (25, 23.9, 0):
        use_key(factory, f"key-{hours}", hours_old=hours)

    assert prune_idempotency_keys(Transaction(factory.connection, factory.workspace_id), hours=24).result() == 1
    left = factory.rows("SELECT key FROM idempotency WHERE workspace_id = %s ORDER BY key")
    assert [row["key"] for row in left] == ["key-0", "key-23.9"]


def test_expired_sign_ins_are_deleted(factory: Factory) -> None:
    (name,) = factory.rows("SELECT name FROM workspace WHERE workspace_id = %s")
    key_id, _ = keys.create_key(factory.connection, workspace=name["name"], label="test", permissions=["*"])
    for digest, hours in (("ended", -1), ("lasting", 1)):
        factory.rows(
            "INSERT INTO sign_in VALUES (%s, %s, %s, now(), now() + make_interval(hours => %s)) RETURNING 1",
            digest.encode(),
            key_id,
            hours,
        )

    assert prune_sign_ins(Transaction(factory.connection, factory.workspace_id)).result() == 1
    assert [row["digest"] for row in factory.rows("SELECT digest FROM sign_in WHERE workspace_id = %s")] == [b"lasting"]


def test_a_sweep_prunes_every_workspace_until_nothing_is_left(
    pool: Pool, settings: Settings, factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prune, "CHUNK", 2)
    elsewhere = Factory(factory.connection)
    for _ in range(3):
        a_batch(factory, FINISHED, days_old=100)
    a_batch(elsewhere, FINISHED, days_old=100)
    use_key(elsewhere, "key", hours_old=25)
    young = a_batch(elsewhere, FINISHED, days_old=80)
    dead = a_batch(elsewhere, DEAD, days_old=100)
    pruner = Pruner(pool, settings)
    # The first sweep also prunes rows of other tests, so it is counted separately.
    first, rest = pruner.run_once(), [pruner.run_once() for _ in range(5)]

    assert first >= 4
    assert rest[-1] == 0
    assert (kept(factory), kept(elsewhere)) == (set(), {young, dead})


def test_old_deliveries_are_deleted_also_if_they_wait_for_a_disabled_webhook(factory: Factory, pool: Pool) -> None:
    ids = {}
    for state, enabled, days_old in (
        ("sent", True, 31),
        ("dead", True, 31),
        ("waiting", False, 31),
        ("waiting", True, 31),
        ("sent", True, 29),
    ):
        webhook_id = uuid7()
        notice_id = uuid7()
        factory.rows(
            "INSERT INTO webhook (workspace_id, id, url, types, description, enabled, salt, pepper)"
            " VALUES (%s, %s, 'https://x', '{}', '', %s, '', '') RETURNING 1",
            *(webhook_id, enabled),
        )
        factory.rows(
            "INSERT INTO webhook_delivery"
            " (workspace_id, id, webhook_id, type, body, state, last_error, ended_at, created_at)"
            " VALUES (%s, %s, %s, 'webhook.test', '{}', %s, 'So.', CASE WHEN %s <> 'waiting' THEN now() END, %s)"
            " RETURNING 1",
            *(notice_id, webhook_id, state, state, NOW - timedelta(days=days_old)),
        )
        ids[notice_id] = (state, enabled, days_old)
    Pruner(pool, Settings()).run_once()
    left = {ids[row["id"]] for row in factory.rows("SELECT id FROM webhook_delivery WHERE workspace_id = %s")}

    assert left == {("waiting", True, 31), ("sent", True, 29)}
