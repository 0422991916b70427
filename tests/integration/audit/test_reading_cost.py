"""A page of the audit reads its own rows and does a few index probes, at any length of the audit."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from app.audit.queries import AuditFilter, list_entries
from app.db.connections import Connection, Pool
from app.db.transaction import open_transaction
from app.ledger import identifier_lists
from schemas.audit import Action
from tests.support.factories import Factory
from tests.support.postgres import make_database_url

database_url = make_database_url(scope="module")

MANY = 20_000
PAGE = 20
BUSY, RARE, NOBODY = uuid7(), uuid7(), uuid7()
"""Keys: of nearly everything, of ten requests long ago, of nothing."""
FILL = """
WITH given AS (
    SELECT
        number, ('018' || substr(lpad(to_hex(number), 13, '0'), 1, 5) || '-' || lpad(to_hex(number), 4, '0')
            || '-7000-8000-000000000000')::uuid AS id,
        CASE WHEN number <= 10 THEN %(rare)s::uuid ELSE %(busy)s::uuid END AS key
    FROM generate_series(1, %(rows)s) AS number
), batches AS (
    INSERT INTO batch (workspace_id, id, path, api_key_id)
    SELECT %(workspace_id)s, id, '/users/merge', key FROM given
), jobs AS (
    INSERT INTO job (
        workspace_id, id, batch_id, index, kind, lane, orphan_identifier, survivor_identifier, search_keys, state,
        outcome, reason, finished_at, orphan_id, orphan_braze_id, survivor_id, survivor_braze_id
    )
    SELECT
        %(workspace_id)s, id, id, 0, 'merge', 0, '{"external_id": "o"}', '{"external_id": "s"}',
        ARRAY['o-' || number, 's-' || number, 'half-' || number %% 2], 'finished',
        CASE WHEN number %% 4 = 0 THEN 'already_merged' ELSE 'merged' END, 'So.', now(), 1, 'a', 2, 'b'
    FROM given
), records AS (
    INSERT INTO merge_record (
        workspace_id, job_id, merged_at, orphan_id, survivor_id, orphan_before, survivor_before, origins, changes
    )
    SELECT %(workspace_id)s, id, now(), 1, 2, '{}', '{}', '{}', '[]' FROM given WHERE number %% 4 > 0
)
INSERT INTO audit_entry (workspace_id, id, action, api_key_id, path, braze_id, external_id, new_external_id)
SELECT
    %(workspace_id)s, replace(id::text, '-8000-', '-9000-')::uuid,
    CASE WHEN number = 7 THEN 'remove' ELSE 'rename' END, key, '/users/external_ids/rename',
    'braze-' || number, 'old-' || number, 'new-' || number
FROM given
"""
TABLES = ("batch", "job", "merge_record", "identify_record", "undo_record", "audit_entry")
ROWS_READ = """
    SELECT coalesce(sum(seq_tup_read + idx_tup_fetch), 0)::int AS rows
    FROM pg_stat_xact_user_tables
    WHERE relname = ANY(%s)
"""


def moment(number: int) -> datetime:
    """Return the time of the entry of this *number*."""
    milliseconds = int(f"018{number:013x}"[:8] + f"{number:04x}", 16)
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


FILTERS = {
    "all": (AuditFilter(), PAGE),
    "an action": (AuditFilter(action=Action.MERGE), PAGE),
    "an action that is rare": (AuditFilter(action=Action.REMOVE), 1),
    "an action that there is not": (AuditFilter(action=Action.UNDO), 0),
    "before a time": (AuditFilter(until=moment(500)), PAGE),
    "a range of time": (AuditFilter(since=moment(30), until=moment(35)), 9),
    "a key": (AuditFilter(key=BUSY), PAGE),
    "a key that is rare": (AuditFilter(key=RARE), 18),
    "a key that did nothing": (AuditFilter(key=NOBODY), 0),
    "a key in a range of time": (AuditFilter(key=BUSY, since=moment(30), until=moment(35)), 9),
    "an identifier of a job": (AuditFilter(identifier="o-17"), 1),
    "an identifier that was renamed": (AuditFilter(identifier="old-17"), 1),
    "an identifier that was given": (AuditFilter(identifier="new-17"), 1),
    "a braze_id": (AuditFilter(identifier="braze-17"), 1),
    "nobody": (AuditFilter(identifier="nobody"), 0),
}


def fill(factory: Factory) -> None:
    """Write many entries into the factory's workspace."""
    values = {"workspace_id": factory.workspace_id, "rows": MANY, "rare": RARE, "busy": BUSY}
    factory.connection.execute(FILL, values)


@pytest.fixture(scope="module")
def filled() -> dict[str, Factory]:
    """The filled workspaces, by the time of their ANALYZE."""
    return {}


@pytest.fixture(params=["before it was filled", "afterwards"])
def workspace_id(request: pytest.FixtureRequest, filled: dict[str, Factory], connection: Connection) -> int:
    """A filled workspace. ANALYZE ran before or after it was filled."""
    if request.param not in filled:
        if request.param == "before it was filled":
            fill(Factory(connection))
            connection.execute("ANALYZE")
        factory = filled[request.param] = Factory(connection)
        fill(factory)
        if request.param == "afterwards":
            connection.execute("ANALYZE")
    return filled[request.param].workspace_id


@pytest.mark.parametrize("what", FILTERS)
def test_a_page_reads_few_rows_besides_its_own(pool: Pool, workspace_id: int, what: str) -> None:
    matching, expected = FILTERS[what]
    with open_transaction(pool, workspace_id) as tx:
        (before,) = tx.connection.execute(ROWS_READ, [list(TABLES)]).fetchall()
        entries = list_entries(tx, matching=matching, limit=PAGE)
        (after,) = tx.connection.execute(ROWS_READ, [list(TABLES)]).fetchall()

    assert len(entries) == expected
    assert after["rows"] - before["rows"] <= 15 * PAGE


def test_a_page_of_an_identifier_with_very_many_jobs_reads_the_newest(
    pool: Pool, workspace_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    few, recent = 200, 1_000
    monkeypatch.setattr(identifier_lists, "FEW", few)
    monkeypatch.setattr(identifier_lists, "RECENT_JOBS", recent)
    with open_transaction(pool, workspace_id) as tx:
        (before,) = tx.connection.execute(ROWS_READ, [list(TABLES)]).fetchall()
        entries = list_entries(tx, matching=AuditFilter(identifier="half-1"), limit=PAGE)
        (after,) = tx.connection.execute(ROWS_READ, [list(TABLES)]).fetchall()

    assert len(entries) == PAGE
    assert after["rows"] - before["rows"] <= few + recent + 15 * PAGE < MANY // 2


@pytest.mark.parametrize("key", [None, BUSY])
def test_the_last_page_reads_as_few_rows_as_the_first(pool: Pool, workspace_id: int, key: UUID | None) -> None:
    with open_transaction(pool, workspace_id) as tx:
        near_the_end = AuditFilter(key=key, until=moment(60) + timedelta(milliseconds=1))
        (entry,) = list_entries(tx, matching=near_the_end, limit=1)
    with open_transaction(pool, workspace_id) as tx:
        (before,) = tx.connection.execute(ROWS_READ, [list(TABLES)]).fetchall()
        entries = list_entries(tx, matching=AuditFilter(key=key), limit=PAGE, before=entry.place)
        (after,) = tx.connection.execute(ROWS_READ, [list(TABLES)]).fetchall()

    assert len(entries) == PAGE
    assert after["rows"] - before["rows"] <= 15 * PAGE
