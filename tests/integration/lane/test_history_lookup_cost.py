"""An undo reads history by index probes, for any length of the history and any table statistics."""

from typing import Any

import pytest

from app.db.connections import Pool
from app.db.transaction import open_transaction
from app.undo.history_lookup import lookup_history
from app.undo.rules import HistoryQuery
from tests.support.factories import Factory, a_profile

LONG = 5_000
EARLY, LATE = "2026-01-01T00:00:00.000Z", "2026-06-01T00:00:00.000Z"
MESSAGE = {"c": {"last_received": LATE}}
FILL = (
    "custom_event (workspace_id, origin_id, name, occurred_at) SELECT %s, %s, 'login'",
    "purchase (workspace_id, origin_id, product_id, currency, price_cents, occurred_at) SELECT %s, %s, 'hat', 'USD', 1",
    "session (workspace_id, origin_id, app_id, started_at) SELECT %s, %s, 'shop'",
    "engagement (workspace_id, origin_id, kind, message_id, event, occurred_at) SELECT %s, %s, 'campaign', 'c', 'open'",
)
LOOKUPS = [
    *(
        HistoryQuery(path=(summary, key, part), theirs=EARLY if part.startswith("first") else LATE)
        for summary, key, parts in (
            ("custom_events", "login", ("first", "last")),
            ("purchases", "hat", ("first", "last")),
            ("apps", "shop", ("first_used", "last_used")),
        )
        for part in parts
    ),
    HistoryQuery(path=("campaigns_received", "c", "engaged", "open")),
    HistoryQuery(path=("last_interactions", "last_open_at"), theirs=LATE),
]
ROWS_READ = """
    SELECT sum(seq_tup_read + idx_tup_fetch)::int AS rows
    FROM pg_stat_xact_user_tables
    WHERE relname IN ('custom_event', 'purchase', 'session', 'engagement')
"""


@pytest.mark.parametrize("analyzed", ["before", "after"])
def test_a_long_history_is_not_read_completely(factory: Factory, pool: Pool, analyzed: str) -> None:
    profile = a_profile(campaigns_received=MESSAGE)
    if analyzed == "before":
        factory.connection.execute("ANALYZE")
    for table in FILL:
        query = f"INSERT INTO {table}, timestamptz '2026-02-01' + make_interval(mins => number)"
        factory.rows(f"{query} FROM generate_series(1, {LONG}) AS number RETURNING 1", profile.id)
    if analyzed == "after":
        factory.connection.execute("ANALYZE")

    read = [asked(factory, pool, profile.id) for _ in range(6)]

    assert max(rows for rows, _ in read) <= 4 * len(LOOKUPS)
    assert {answers for _, answers in read} == {len(LOOKUPS)}


def asked(factory: Factory, pool: Pool, origin_id: int) -> tuple[int, int]:
    """Return the number of history rows that PostgreSQL reads for LOOKUPS, and the number of answers."""
    profile: Any = a_profile(id=origin_id, campaigns_received=MESSAGE)
    with open_transaction(pool, factory.workspace_id) as tx:
        (before,) = tx.execute(ROWS_READ).fetchall()
        answers = lookup_history(
            tx,
            origins=[origin_id, origin_id + 1],
            profile=profile,
            queries=LOOKUPS,
        )
        (after,) = tx.execute(ROWS_READ).fetchall()
    return after["rows"] - before["rows"], len(answers)
