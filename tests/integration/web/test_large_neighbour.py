"""Requests of a workspace with two profiles do not read rows of a workspace with 60,000.

The tests compare numbers of rows, not seconds.
"""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from flask import Flask

from app.web.resources import resources_of
from tests.support.filters import leaf
from tests.support.flask_caller import Caller
from tests.support.lane_runs import ext, merged
from tests.support.postgres import Databases
from tests.support.profiles import track

NEIGHBOURS = 60_000
#: Maximum number of rows that a request of the small workspace may read. It has fewer than ten rows in each table, but
#: PostgreSQL may scan small tables of all workspaces, such as the keys.
MOST_ROWS = 5_000
FILL = """
WITH neighbour AS (INSERT INTO workspace (name) VALUES ('neighbour') RETURNING workspace_id),
profiles AS (
    INSERT INTO profile (
        workspace_id, id, braze_id, external_id, created_at, updated_at, random_bucket, email, email_key, phone,
        phone_e164, country, first_name, custom_attributes
    )
    SELECT
        workspace_id, number, lpad(to_hex(number), 24, '0'), CASE WHEN number %% 50 > 0 THEN 'user-' || number END,
        now(), now() - make_interval(secs => number), 0, number / 2 || '@x.org', number / 2 || '@x.org',
        '+1415' || number / 2, '+1415' || number / 2, 'FR', 'Ada', jsonb_build_object('score', number)
    FROM neighbour CROSS JOIN generate_series(1, %(rows)s) AS number
),
aliases AS (
    INSERT INTO user_alias (workspace_id, label, name, profile_id)
    SELECT workspace_id, 'shop', number, number FROM neighbour CROSS JOIN generate_series(1, %(rows)s) AS number
),
batches AS (
    INSERT INTO batch (workspace_id, id, path)
    SELECT workspace_id, gen_random_uuid(), '/users/merge' FROM neighbour CROSS JOIN generate_series(1, %(rows)s / 10)
    RETURNING workspace_id, id
),
jobs AS (
    INSERT INTO job (
        workspace_id, id, batch_id, index, kind, lane, orphan_identifier, survivor_identifier, search_keys, state,
        outcome, reason, finished_at
    )
    SELECT
        workspace_id, gen_random_uuid(), id, place, 'merge', place, '{}', '{}', ARRAY[id::text || place],
        'finished', 'same_profile', 'So.', now()
    FROM batches CROSS JOIN generate_series(0, 9) AS place
),
audit AS (
    INSERT INTO audit_entry (workspace_id, id, action, path, braze_id, external_id)
    SELECT workspace_id, gen_random_uuid(), 'rename', '/', number, 'user-' || number
    FROM neighbour CROSS JOIN generate_series(1, %(rows)s) AS number
)
INSERT INTO custom_event (workspace_id, origin_id, name, occurred_at)
SELECT workspace_id, number, 'login', now() - make_interval(mins => number)
FROM neighbour CROSS JOIN generate_series(1, %(rows)s) AS number
"""
ROWS_READ = "SELECT sum(seq_tup_read) + sum(idx_tup_fetch) AS rows FROM pg_stat_user_tables"


READS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/merge/batches", {}),
    ("/merge/batches", {"source": "duplicates"}),
    ("/merge/jobs", {}),
    ("/merge/jobs", {"state": "finished"}),
    ("/merge/jobs", {"outcome": "merged"}),
    ("/merge/jobs", {"outcome": "same_profile"}),
    ("/merge/jobs", {"identifier": "a"}),
    ("/audit", {}),
    ("/audit", {"identifier": "a"}),
    ("/audit", {"action": "rename"}),
    ("/audit/export", {}),
    ("/profiles", {}),
    ("/duplicates/runs", {}),
    ("/duplicates/exclusions", {}),
    ("/duplicates/preview", {}),
    ("/duplicates/preview.csv", {}),
    ("/webhooks", {}),
)
POSTS: tuple[tuple[str, Any], ...] = (
    ("/segments/query", {"filter": leaf("external_id", "exists")}),
    ("/segments/query", {"filter": leaf("attribute", "equals", "FR", name="country")}),
    ("/users/export/ids", {"external_ids": ["a", "b"]}),
    ("/users/export/ids", {"email_address": "a@x.org"}),
    ("/users/merge/preview", {"merge_updates": [{"identifier_to_merge": ext("b"), "identifier_to_keep": ext("c")}]}),
)


@pytest.fixture(scope="module")
def database_url(databases: Databases) -> Iterator[str]:
    """The URL of an analyzed database with the rows of the neighbour."""
    with databases.lend(databases.create()) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(FILL, {"rows": NEIGHBOURS})
            connection.execute("VACUUM ANALYZE")
        yield url


@pytest.fixture
def small(caller: Caller, flask_app: Flask) -> Caller:
    """A caller in a workspace with a merge."""
    track(caller, attributes=[{"external_id": name, "email": f"{name}@x.org", "country": "FR"} for name in "abc"])
    merged(caller, resources_of(flask_app).pool, (ext("a"), ext("b")))
    return caller


def rows_read(flask_app: Flask) -> int:
    """Return the number of rows that all statements of the application have read so far."""
    with resources_of(flask_app).pool.connection() as connection:
        connection.execute("SELECT pg_stat_force_next_flush()")
        connection.execute("SELECT 1")
        (row,) = connection.execute(ROWS_READ).fetchall()
    return int(row["rows"])


@pytest.mark.parametrize(("path", "query"), READS, ids=str)
def test_a_list_reads_no_row_of_the_neighbour(
    small: Caller, flask_app: Flask, path: str, query: dict[str, Any]
) -> None:
    small.get(path, **query)
    before = rows_read(flask_app)

    response = small.get(path, **query)

    assert response.status_code == 200, response.json
    assert response.get_data()
    assert rows_read(flask_app) - before <= MOST_ROWS


@pytest.mark.parametrize(("path", "body"), POSTS, ids=str)
def test_a_query_reads_no_row_of_the_neighbour(small: Caller, flask_app: Flask, path: str, body: Any) -> None:
    small.post(path, body)
    before = rows_read(flask_app)

    response = small.post(path, body)

    assert response.status_code in {200, 201}, response.json
    assert rows_read(flask_app) - before <= MOST_ROWS
