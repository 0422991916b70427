"""A page of a history costs index probes, for any length of the history and of other histories."""

import pytest

from app.db.connections import Pool
from app.db.transaction import open_transaction
from app.profiles.history_pages import HistoryFilter, read_history
from schemas.history_pages import HistoryPlace
from tests.support.factories import Factory

EVENTS, NAMES, OTHERS, LIMIT = 100_000, 20, 2_000, 50
FILL = """
    INSERT INTO custom_event (workspace_id, origin_id, name, occurred_at)
    SELECT %s, %s::bigint, 'event-' || number %% %s, '2026-01-01Z'::timestamptz + make_interval(secs => number)
    FROM generate_series(1, %s) AS number
    RETURNING 1
"""
FILL_OTHERS = """
    INSERT INTO custom_event (workspace_id, origin_id, name, occurred_at)
    SELECT %s, %s::bigint + number / 20, 'event-' || number %% 20, '2026-06-01Z'::timestamptz
    FROM generate_series(1, %s * 20) AS number
    RETURNING 1
"""
FILL_SESSIONS = """
    INSERT INTO session (workspace_id, origin_id, app_id, started_at)
    SELECT %s, %s::bigint, 'web', '2026-01-01Z'::timestamptz + make_interval(secs => number)
    FROM generate_series(1, %s) AS number
    RETURNING 1
"""
ROWS_READ = """
    SELECT sum(seq_tup_read + idx_tup_fetch)::int AS rows, sum(seq_scan)::int AS scans
    FROM pg_stat_xact_user_tables
    WHERE relname IN ('custom_event', 'purchase', 'session', 'engagement', 'origin', 'redirect', 'profile')
"""


@pytest.mark.parametrize("analyzed", ["before it was filled", "afterwards"])
def test_a_page_of_a_history_of_100_000_events_costs_index_probes(factory: Factory, pool: Pool, analyzed: str) -> None:
    factory.connection.execute("ANALYZE")
    busy = factory.profile("busy")
    factory.rows(FILL, busy.id, NAMES, EVENTS)
    factory.rows(FILL_SESSIONS, busy.id, EVENTS)
    factory.rows(FILL_OTHERS, busy.id + 1, OTHERS)
    if analyzed == "afterwards":
        factory.connection.execute("VACUUM ANALYZE")

    # After some executions psycopg prepares a statement, and PostgreSQL may choose a generic plan.
    after, read = None, []
    for _ in range(12):
        rows, after = read_page(factory, pool, busy.braze_id, after)
        read.append(rows)

    # For each name a page, and each name once to find the next.
    assert max(read) <= (NAMES + 1) * (LIMIT + 1) + 2 * NAMES + 20


def read_page(
    factory: Factory, pool: Pool, braze_id: str, after: HistoryPlace | None
) -> tuple[int, HistoryPlace | None]:
    """Return the number of rows that PostgreSQL reads for a page of a history, and the place of its last item."""
    with open_transaction(pool, factory.workspace_id, snapshot=True) as tx:
        (before,) = tx.execute(ROWS_READ).fetchall()
        page = read_history(tx, braze_id=braze_id, matching=HistoryFilter(), after=after, limit=LIMIT)
        (later,) = tx.execute(ROWS_READ).fetchall()
    assert len(page.items) == LIMIT
    assert page.next_after is not None
    rows: int = later["rows"] - before["rows"]
    return rows, page.next_after
