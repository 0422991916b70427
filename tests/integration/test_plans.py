"""Row-level security keeps the indexes of queries: the processes get the same plans as the owner, who has no policy.

Under a policy PostgreSQL uses an index only with leakproof operators. A query that needs another operator silently
reads the whole table.
"""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from app.config import Settings
from app.db.connections import APP_ROLE, Connection, connection_arguments
from tests.integration.queries import BOUND, QUERIES, numbered
from tests.support.postgres import Databases

Plan = dict[str, Any]
ROWS = 2_000
TIES = {
    "ledger/sql/execution.sql:prune_batches",
    "profiles/sql/resolution.sql:resolve_identifiers",
}
"""Queries with two plans of the same cost: without statistics, or with a choice of two equal columns to compare."""
FILL = """
WITH workspaces AS (
    INSERT INTO workspace (name) SELECT 'workspace-' || number FROM generate_series(1, 3) AS number
    RETURNING workspace_id
),
profiles AS (
    INSERT INTO profile (
        workspace_id, id, braze_id, external_id, created_at, updated_at, random_bucket, email, email_key, phone,
        phone_e164, custom_attributes
    )
    SELECT
        workspace_id, number, lpad(to_hex(number), 24, '0'), CASE WHEN number %% 50 > 0 THEN 'user-' || number END,
        now(), now() - make_interval(secs => number), 0, number || '@x.org', number || '@x.org', '+1415' || number,
        '+1415' || number, jsonb_build_object('score', number)
    FROM workspaces CROSS JOIN generate_series(1, %(rows)s) AS number
),
batches AS (
    INSERT INTO batch (workspace_id, id, path)
    SELECT workspace_id, gen_random_uuid(), '/users/merge' FROM workspaces CROSS JOIN generate_series(1, %(rows)s / 10)
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
aliases AS (
    INSERT INTO user_alias (workspace_id, label, name, profile_id)
    SELECT workspace_id, 'shop', number, number FROM workspaces CROSS JOIN generate_series(1, %(rows)s) AS number
),
origins AS (
    INSERT INTO origin (workspace_id, origin_id, profile_id)
    SELECT workspace_id, number + %(rows)s, number FROM workspaces CROSS JOIN generate_series(1, %(rows)s) AS number
),
redirects AS (
    INSERT INTO redirect (workspace_id, orphan_id, survivor_id, braze_id, external_id, job_id, merged_at)
    SELECT
        workspace_id, number + %(rows)s, number, lpad(to_hex(number + %(rows)s), 24, '0'), 'gone-' || number,
        gen_random_uuid(), now()
    FROM workspaces CROSS JOIN generate_series(1, %(rows)s) AS number
),
deprecated AS (
    INSERT INTO deprecated_external_id (workspace_id, external_id, profile_id, deprecated_at)
    SELECT workspace_id, 'old-' || number, number, now()
    FROM workspaces CROSS JOIN generate_series(1, %(rows)s) AS number
),
keys AS (
    INSERT INTO idempotency (workspace_id, path, key, body_digest, batch_id)
    SELECT workspace_id, '/users/merge', id, '', id FROM batches
),
purchases AS (
    INSERT INTO purchase (workspace_id, origin_id, product_id, occurred_at, currency, price_cents)
    SELECT workspace_id, number, 'hat', now() - make_interval(mins => number), 'USD', 1
    FROM workspaces CROSS JOIN generate_series(1, %(rows)s) AS number
)
INSERT INTO custom_event (workspace_id, origin_id, name, occurred_at)
SELECT workspace_id, number, 'login', now() - make_interval(mins => number)
FROM workspaces CROSS JOIN generate_series(1, %(rows)s) AS number
"""


@pytest.fixture(scope="module", params=["before it was filled", "afterwards"])
def database_url(databases: Databases, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a filled database. ANALYZE ran before or after it was filled."""
    name = databases.create()
    try:
        with opened(databases.url(name)) as connection:
            connection.execute("ANALYZE")
            connection.execute(FILL, {"rows": ROWS})
            if request.param == "afterwards":
                connection.execute("VACUUM ANALYZE")
        yield databases.url(name)
    finally:
        databases.drop(name)


def opened(url: str, role: str | None = None) -> "closing[Connection]":
    """Return a connection of the owner or of *role*, bound to the first workspace."""
    connection = Connection.connect(url, **connection_arguments(Settings(), name="test", role=role))
    connection.execute("SET mergelane.workspace_id = 1")
    return closing(connection)


@pytest.fixture(scope="module")
def owner(database_url: str) -> Iterator[Connection]:
    """The owner's connection. It is shared, because a new one first reads the whole catalog."""
    with opened(database_url) as connection:
        yield connection


@pytest.fixture(scope="module")
def process(database_url: str) -> Iterator[Connection]:
    """A connection like that of a process, also shared."""
    with opened(database_url, APP_ROLE) as connection:
        yield connection


def access(connection: Connection, query: str) -> list[tuple[str, str]]:
    """Return how the generic plan of *query* reads rows: conditions on indexes, and tables read whole."""
    explain = f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {numbered(query)}"
    (row,) = connection.execute(explain.encode(), prepare=False).fetchall()
    return sorted(_access(row["QUERY PLAN"][0]["Plan"]))


def _access(plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield how *plan* and all plans within it read rows."""
    if "Index Name" in plan:
        yield plan["Index Name"], plan.get("Index Cond", "")
    elif plan["Node Type"] == "Seq Scan":
        yield plan["Relation Name"], "whole"
    for part in plan.get("Plans", ()):
        yield from _access(part)


#: The queries of the processes. A move runs as the owner.
OF_PROCESSES = [name for name in BOUND if not name.startswith("moving/")]


@pytest.mark.parametrize("name", OF_PROCESSES)
def test_a_query_has_the_same_plan_for_a_process_and_for_the_owner(
    owner: Connection, process: Connection, name: str
) -> None:
    assert access(process, QUERIES[name]) == access(owner, QUERIES[name]) or name in TIES


def test_a_query_with_equal_plans_uses_the_same_index_for_process_and_owner(
    owner: Connection, process: Connection
) -> None:
    for name in TIES:
        used = [[index for index, _ in access(each, QUERIES[name])] for each in (owner, process)]

        assert used[0] == used[1]


@pytest.mark.parametrize(
    ("name", "view", "gin"),
    [
        ("ledger/sql/erasure.sql:jobs_of_profiles", "workspace_job", "job_by_search_key"),
        ("segments/sql/leaves.sql:attribute_holds", "workspace_profile", "profile_custom_attributes"),
        ("profiles/sql/targets.sql:find_devices", "workspace_profile", "profile_unidentified_device"),
    ],
)
def test_a_query_uses_its_gin_index_by_the_view_and_not_by_the_table(
    owner: Connection, process: Connection, name: str, view: str, gin: str
) -> None:
    table = view.removeprefix("workspace_")
    owner.execute("ANALYZE")
    used, lost = (dict(access(process, query)) for query in (QUERIES[name], QUERIES[name].replace(view, table)))

    assert gin in used
    assert gin not in lost
