"""Changes are numbered after their commit, without gaps or repetitions, in the order of their effects."""

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Event
from typing import Any
from uuid import UUID

import psycopg
import pytest
from uuid_utils.compat import uuid7

from app.config import Settings
from app.db.connections import Connection, Pool, lend_connection
from app.db.transaction import run_in_transaction
from app.identities.feed import read_feed
from app.identities.numbering import number_changes, prune_changes, workspaces_with_changes
from tests.support.factories import Factory
from tests.support.flask_caller import Caller
from tests.support.identities import feed_page
from tests.support.lane_runs import ask_to_merge, ext, run_jobs
from tests.support.profiles import track
from tests.support.undos import ask_to_undo
from workers.relay.identities import IdentityNumberer
from workers.relay.prune import Pruner

Json = dict[str, Any]

ENTRY = """
    INSERT INTO audit_entry (workspace_id, id, action, path, braze_id, at)
    VALUES (%s, %s, 'delete', '/users/delete', %s, coalesce(%s, clock_timestamp()))
"""


def write_entry(connection: psycopg.Connection[Any], workspace_id: int, *, at: Any = None) -> UUID:
    """Write a change and return its id."""
    entry_id = uuid7()
    connection.execute(ENTRY, [workspace_id, entry_id, f"{entry_id.int % 16**24:024x}", at])
    return entry_id


@contextmanager
def open_change(database_url: str, workspace_id: int) -> Iterator[UUID]:
    """Write a change and commit it after the block."""
    with psycopg.connect(database_url) as other:
        yield write_entry(other, workspace_id)


def run_pass(pool: Pool, factory: Factory, **options: Any) -> int:
    """Run one pass that looks back at nothing. Return the number of changes that it numbered."""
    done = run_in_transaction(pool, factory.workspace_id, number_changes, **{"look_back_s": 0.0, **options})

    assert not done.locked
    return len(done.changes)


def numbered(factory: Factory) -> list[UUID]:
    """Return the ids of the changes in the order of their numbers, and assert that the numbers have no gap."""
    rows = factory.rows("SELECT number, entry_id FROM identity_change WHERE workspace_id = %s ORDER BY number")

    assert [row["number"] for row in rows] == list(range(1, len(rows) + 1))
    return [row["entry_id"] for row in rows]


def test_a_change_that_commits_late_is_numbered_after_earlier_visible_changes(
    pool: Pool, factory: Factory, database_url: str
) -> None:
    with open_change(database_url, factory.workspace_id) as late:
        early = []
        # More passes than the feed has checkpoints.
        for _ in range(150):
            early.append(write_entry(factory.connection, factory.workspace_id))
            assert run_pass(pool, factory) == 1
    assert run_pass(pool, factory) == 1
    assert run_pass(pool, factory) == 0

    assert numbered(factory) == [*early, late]


def test_transactions_that_end_in_another_order_than_they_began_lose_nothing(
    pool: Pool, factory: Factory, database_url: str
) -> None:
    scope = database_url, factory.workspace_id
    with open_change(*scope) as first:
        with open_change(*scope) as second:
            with open_change(*scope) as third:
                run_pass(pool, factory)
            assert run_pass(pool, factory) == 1
        assert run_pass(pool, factory) == 1
    assert run_pass(pool, factory) == 1

    assert numbered(factory) == [third, second, first]


def test_a_backlog_is_numbered_in_the_order_of_its_times_by_passes_with_a_limit(pool: Pool, factory: Factory) -> None:
    entries = [write_entry(factory.connection, factory.workspace_id) for _ in range(20)]

    assert [run_pass(pool, factory, limit=7) for _ in range(4)] == [7, 7, 6, 0]
    assert numbered(factory) == entries


def test_a_workspace_needs_passes_until_no_change_can_be_missing(
    pool: Pool, factory: Factory, database_url: str, connection: Connection
) -> None:
    def is_due() -> bool:
        with lend_connection(pool) as lent:
            return factory.workspace_id in workspaces_with_changes(lent)

    assert is_due()
    run_pass(pool, factory)
    assert not is_due()
    with open_change(database_url, factory.workspace_id):
        run_pass(pool, factory)
    assert is_due()
    run_pass(pool, factory)
    # An hour later, the last change is older than the horizon.
    connection.execute("UPDATE audit_entry SET at = at WHERE false")
    connection.execute(
        "UPDATE identity_feed SET horizon = clock_timestamp() WHERE workspace_id = %s", [factory.workspace_id]
    )
    assert not is_due()
    write_entry(factory.connection, factory.workspace_id)
    assert is_due()


def test_only_one_pass_runs_at_a_time(pool: Pool, factory: Factory, database_url: str) -> None:
    write_entry(factory.connection, factory.workspace_id)
    run_pass(pool, factory)
    with psycopg.connect(database_url) as other:
        other.execute("SELECT 1 FROM identity_feed WHERE workspace_id = %s FOR UPDATE", [factory.workspace_id])
        write_entry(factory.connection, factory.workspace_id)

        assert run_in_transaction(pool, factory.workspace_id, number_changes).locked
        assert not IdentityNumberer(pool).number_all(factory.workspace_id)

    assert run_pass(pool, factory) == 1


@pytest.mark.parametrize("step", ["10 minutes", "400 days"])
def test_changes_after_the_clock_was_set_back_are_numbered(pool: Pool, factory: Factory, step: str) -> None:
    before = write_entry(factory.connection, factory.workspace_id)
    run_pass(pool, factory)
    # A test cannot set the clock of the server, so it moves the times of the feed into the future.
    factory.connection.execute(
        f"""
        UPDATE identity_feed SET horizon = horizon + interval '{step}', checked_at = checked_at + interval '{step}',
            checkpoint_times = array(SELECT each + interval '{step}' FROM unnest(checkpoint_times) AS each)
        """
    )
    after = write_entry(factory.connection, factory.workspace_id)
    with lend_connection(pool) as lent:
        assert factory.workspace_id in workspaces_with_changes(lent)
    assert run_pass(pool, factory) == 1
    late = write_entry(factory.connection, factory.workspace_id)
    run_pass(pool, factory)

    assert numbered(factory) == [before, after, late]


def test_after_a_restore_on_a_server_with_lower_transaction_ids_nothing_is_lost(pool: Pool, factory: Factory) -> None:
    early = write_entry(factory.connection, factory.workspace_id)
    run_pass(pool, factory)
    # Visible in the backup, and written by a transaction that ran at the last pass.
    missed = write_entry(factory.connection, factory.workspace_id)
    factory.connection.execute(
        """
        UPDATE identity_feed SET snapshot = '9000000000:9000000009:9000000003',
            checkpoint_xids = '{8999999999, 9000000009}',
            checkpoint_times = ARRAY[checkpoint_times[1], clock_timestamp()]
        """
    )
    assert run_pass(pool, factory) == 1
    later = write_entry(factory.connection, factory.workspace_id)
    assert run_pass(pool, factory) == 1

    assert numbered(factory) == [early, missed, later]


def test_the_oldest_changes_are_deleted_and_the_numbering_continues(pool: Pool, factory: Factory) -> None:
    for _ in range(6):
        write_entry(factory.connection, factory.workspace_id)
    run_pass(pool, factory)
    # The third change is young, so all changes after it stay, even the old ones.
    factory.connection.execute("UPDATE identity_change SET at = now() - interval '10 days' WHERE number <> 3")
    prune = partial(run_in_transaction, pool, factory.workspace_id, prune_changes, age=timedelta(days=5))

    assert prune(limit=1).result() == 1
    assert prune(limit=100).result() == 1
    assert prune(limit=100).result() == 0
    write_entry(factory.connection, factory.workspace_id)
    run_pass(pool, factory)
    page = run_in_transaction(pool, factory.workspace_id, read_feed, after=None, limit=100)
    assert [each.number for each in page.changes] == [3, 4, 5, 6, 7]


def test_the_ledger_loses_no_change_before_the_feed_has_it(pool: Pool, factory: Factory) -> None:
    entry_id = write_entry(factory.connection, factory.workspace_id, at=datetime.now(UTC) - timedelta(days=400))

    Pruner(pool, Settings()).run_once()

    assert factory.rows("SELECT id FROM audit_entry WHERE workspace_id = %s") == []
    assert numbered(factory) == [entry_id]


def replay(changes: list[Json]) -> None:
    """Apply *changes* in order, and assert that each is possible after the earlier changes."""
    ended: dict[str, str] = {}
    for each in changes:
        orphan, survivor = ((each[side] or {}).get("braze_id") for side in ("orphan", "survivor"))
        assert survivor not in ended, each
        if each["kind"] == "undo":
            assert ended.pop(orphan) == each["undoes"], each
        elif each["kind"] == "delete":
            # A request may also name a profile that was merged away.
            ended.setdefault(orphan, "deleted")
        elif orphan is not None:
            assert orphan not in ended, each
            ended[orphan] = each["job_id"]


def change_at_random(caller: Caller, pool: Pool, names: list[str], seed: int) -> None:
    """Merge, undo, rename and delete profiles that other threads change at the same time."""
    chance = random.Random(seed)
    for step in range(12):
        pairs = [chance.sample(names, 2) for _ in range(4)]
        jobs = run_jobs(caller, pool, ask_to_merge(caller, *((ext(a), ext(b)) for a, b in pairs)))
        for job in jobs:
            if job["outcome"] == "merged" and chance.random() < 0.5:
                run_jobs(caller, pool, ask_to_undo(caller, job["job_id"]))
        renamed = {"current_external_id": chance.choice(names), "new_external_id": f"n{seed}-{step}"}
        caller.post("/users/external_ids/rename", {"external_id_renames": [renamed]})
        if step % 4 == 3:
            caller.post("/users/delete", {"external_ids": [chance.choice(names)]})


def test_writers_race_and_a_reader_sees_each_change_once_in_the_order_of_the_effects(
    make_caller: Callable[..., Caller], pool: Pool, database_url: str, connection: Connection
) -> None:
    caller = make_caller()
    names = [f"e{number}" for number in range(40)]
    track(caller, attributes=[{"external_id": each, "colour": "red"} for each in names])
    callers = [make_caller(workspace=caller.workspace) for _ in range(4)]
    done = Event()

    def number() -> None:
        numberer = IdentityNumberer(pool)
        while not done.is_set():
            numberer.run_once()
        assert numberer.number_all(caller.workspace_id)

    def read() -> list[Json]:
        reader, seen = make_caller(workspace=caller.workspace), []
        cursor: Json = {}
        while True:
            stopped = done.is_set() and not numbering.running()
            page = feed_page(reader, limit=3, **cursor)
            seen += page["changes"]
            cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else {}
            if stopped and not page["has_more"]:
                return seen

    with ThreadPoolExecutor(8) as threads:
        numbering, reading = threads.submit(number), threads.submit(read)
        rival = threads.submit(lambda: [IdentityNumberer(pool).run_once() for _ in range(50)])
        writers = [threads.submit(change_at_random, each, pool, names, seed) for seed, each in enumerate(callers)]
        try:
            for writer in [*writers, rival]:
                writer.result()
        finally:
            done.set()
        numbering.result()
        seen = reading.result()

    scope = [caller.workspace_id] * 2
    entries = connection.execute(
        """
        SELECT id FROM job WHERE workspace_id = %s AND outcome IN ('merged', 'identified', 'undone', 'undone_in_part')
        UNION ALL
        SELECT id FROM audit_entry WHERE workspace_id = %s AND action IN ('rename', 'remove', 'delete')
        """,
        scope,
    ).fetchall()
    rows = connection.execute("SELECT number, entry_id FROM identity_change WHERE workspace_id = %s", scope[:1])
    entry_ids = {row["number"]: row["entry_id"] for row in rows}
    assert [each["number"] for each in seen] == list(range(1, len(seen) + 1))
    assert sorted(entry_ids[each["number"]] for each in seen) == sorted(row["id"] for row in entries)
    assert {"merge", "undo", "rename", "delete"} <= {each["kind"] for each in seen}
    replay(seen)
