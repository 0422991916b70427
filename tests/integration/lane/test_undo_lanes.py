"""Undos in lanes: with merges, repeated, concurrent, and with the same number of reads for any history."""

import random
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from app.config import Settings
from app.db.connections import Pool
from app.db.transaction import Transaction, run_in_transaction
from app.ledger.execution import begin_attempts
from app.merging.changes import canonical_time
from app.undo.execute import execute_undo
from tests.integration.lane.running import deliver
from tests.integration.lane.test_concurrency import at_once, deadlocks, failed
from tests.integration.lane.undoing import ask_to_undo, image, undo
from tests.support.factories import LONG_AGO, Factory, ext
from tests.support.postgres import make_database_url

database_url = make_database_url(scope="module")

ROWS_READ = """
    SELECT sum(seq_tup_read + idx_tup_fetch)::bigint AS rows FROM pg_stat_xact_user_tables
    WHERE relname IN ('custom_event', 'purchase', 'session', 'engagement')
"""
LIVE_FOR = """
    WITH written AS (SELECT %s::int AS workspace_id, %s::bigint AS origin_id, %s::timestamptz AS since, %s AS rows)
    INSERT INTO custom_event (workspace_id, origin_id, name, occurred_at)
    SELECT workspace_id, origin_id, 'login', since + make_interval(secs => number - 1)
    FROM written CROSS JOIN generate_series(1, rows) AS number
    RETURNING 1
"""


def test_undos_and_merges_in_one_message_run_in_their_order(pool: Pool, factory: Factory) -> None:
    for name in "abxy":
        factory.profile(name, session_count=1)
    first = factory.job(ext("a"), ext("b"))
    deliver(pool, factory, [first])
    before_others = factory.job(ext("x"), ext("y"))
    (undo_id,) = ask_to_undo(factory, first)
    after = factory.job(ext("a"), ext("y"))

    deliver(pool, factory, [before_others, undo_id, after])

    assert factory.outcomes([before_others, undo_id, after]) == ["merged", "undone", "merged"]
    sums = factory.rows("SELECT external_id, session_count FROM profile WHERE workspace_id = %s ORDER BY 1")
    assert sums == [{"external_id": "b", "session_count": 1}, {"external_id": "y", "session_count": 3}]


def test_an_undo_delivered_again_has_no_second_effect(pool: Pool, factory: Factory) -> None:
    for name in "ab":
        factory.profile(name, session_count=1, user_aliases={"mail": name})
    merge_id = factory.job(ext("a"), ext("b"))
    deliver(pool, factory, [merge_id])
    undo_ids = ask_to_undo(factory, merge_id)
    at_once(*(partial(deliver, pool, factory, undo_ids) for _ in range(4)))
    before, job = image(factory), factory.row(undo_ids[0])

    deliver(pool, factory, undo_ids)

    assert (job["outcome"], factory.row(undo_ids[0])) == ("undone", job)
    assert image(factory) == before
    assert len(factory.rows("SELECT 1 FROM undo_record WHERE workspace_id = %s")) == 1


def test_an_undo_during_a_merge_of_the_survivor_succeeds_or_names_the_merge(pool: Pool, factory: Factory) -> None:
    for number in range(20):
        a, b, c = (f"{letter}{number}" for letter in "abc")
        for name in (a, b, c):
            factory.profile(name, session_count=1)
        merge_id = factory.job(ext(a), ext(b))
        deliver(pool, factory, [merge_id])
        (undo_id,), onward = ask_to_undo(factory, merge_id), factory.job(ext(b), ext(c))

        at_once(partial(deliver, pool, factory, [undo_id]), partial(deliver, pool, factory, [onward]))

        undone, merged = map(factory.row, (undo_id, onward))
        assert merged["outcome"] == "merged"
        if undone["outcome"] == "not_undoable":
            assert str(onward) in undone["reason"]
        else:
            assert undone["outcome"] == "undone"
    assert failed(factory) == []
    assert deadlocks(factory) == 0


def test_concurrent_undos_and_merges_of_one_survivor_have_the_right_sums(pool: Pool, factory: Factory) -> None:
    hub_id = factory.profile("hub", session_count=1).id
    for number in range(60):
        factory.profile(f"o{number}", session_count=10, custom_attributes={f"a{number}": number})
    merges = [factory.job(ext(f"o{number}"), ext("hub")) for number in range(60)]
    deliver(pool, factory, merges[:30])
    undos = [undo_id for merge_id in merges[:30] for undo_id in ask_to_undo(factory, merge_id)]
    lanes = [[job_id] for job_id in (*undos, *merges[30:])]
    random.Random(7).shuffle(lanes)

    at_once(*(partial(deliver_all, pool, factory, lanes[place::4]) for place in range(4)))

    assert failed(factory) == []
    assert Counter(factory.outcomes([*undos, *merges])) == {"undone": 30, "merged": 60}
    hub = factory.load(hub_id)
    assert hub is not None
    assert (hub.session_count, hub.absorbed_count) == (301, 30)
    assert hub.custom_attributes == {f"a{number}": number for number in range(30, 60)}
    assert len(factory.rows("SELECT 1 FROM origin WHERE workspace_id = %s")) == 30
    assert deadlocks(factory) == 0


def deliver_all(pool: Pool, factory: Factory, lanes: Sequence[Sequence[UUID]]) -> None:
    """Deliver *lanes* one after another."""
    for lane in lanes:
        deliver(pool, factory, lane)


def test_a_whole_chain_is_undone_in_one_lane(pool: Pool, factory: Factory) -> None:
    for name in "abcd":
        factory.profile(name, session_count=1, user_aliases={name: name})
    before = image(factory)
    merges = factory.batch([(ext("a"), ext("b")), (ext("b"), ext("c")), (ext("c"), ext("d"))])
    deliver(pool, factory, merges)

    undone = undo(pool, factory, *merges)

    assert [row["undoes"] for row in undone] == list(reversed(merges))
    assert [row["outcome"] for row in undone] == ["undone"] * 3
    assert image(factory) == before


@pytest.mark.parametrize(("tracked_since", "rows"), [(0, 0), (1, 1)])
def test_an_undo_reads_as_little_of_a_long_history_as_of_a_short_one(
    pool: Pool, factory: Factory, tracked_since: int, rows: int
) -> None:
    """The history of the orphan is not read. The survivor's is probed by name, only where rows were added since."""
    read = {size: rows_read(pool, Factory(factory.connection), size, tracked_since) for size in (10, 20_000)}

    # A probe may read one row besides its result.
    assert all(rows <= each <= 2 * rows for each in read.values()), read


def rows_read(pool: Pool, factory: Factory, size: int, tracked_since: int) -> int:
    """Return the number of history rows that an undo reads. Each of the two profiles logged in *size* times."""
    day = {"orphan": LONG_AGO, "survivor": LONG_AGO + timedelta(days=1)}
    for name, since in day.items():
        summary = {"count": size, "first": canonical_time(since), "last": canonical_time(since)}
        profile = factory.profile(name, custom_events={"login": summary})
        factory.rows(LIVE_FOR, profile.id, since, size)
    merge_id = factory.job(ext("orphan"), ext("survivor"))
    deliver(pool, factory, [merge_id])
    factory.rows(
        "WITH added AS (SELECT %s::int AS workspace_id, %s::int AS events)"
        " UPDATE profile SET custom_events = jsonb_set(custom_events, '{login,count}', to_jsonb(2 * events))"
        " FROM added WHERE profile.workspace_id = added.workspace_id RETURNING 1",
        size + tracked_since,
    )
    (undo_id,) = ask_to_undo(factory, merge_id)

    def measured(tx: Transaction) -> int:
        """Undo the merge. Return the number of rows that this transaction read."""
        (job,) = begin_attempts(tx, job_ids=[undo_id], task_id=uuid7()).result()
        execute_undo(tx, Settings(), job=job)
        (row,) = tx.execute(ROWS_READ).fetchall()
        counted: int = row["rows"]
        return counted

    read = run_in_transaction(pool, factory.workspace_id, measured)
    assert factory.outcomes([undo_id]) == ["undone"]
    return read
