"""The indexes of segments, among fifty thousand profiles: which filters use them, and how few pages they read."""

from collections.abc import Iterator
from typing import Any

import pytest
from psycopg import sql

from app.config import Settings
from app.db.connections import Connection, connection_arguments, open_pool
from app.db.transaction import Transaction, open_transaction
from tests.support.postgres import make_database_url
from tests.support.segment_plans import explain, indexes, nodes, pages, scanned

database_url = make_database_url(scope="module")

PROFILES = 50_000
BLANK = {"external_id": {"comparison": "does_not_exist"}}
LEAD = {"custom_attribute": {"custom_attribute_name": "is_lead_profile", "comparison": "equals", "value": True}}
#: One profile in five hundred is unidentified, and one in a thousand a lead as well. The other workspace is like it.
FILL = """
    INSERT INTO profile (
        workspace_id, braze_id, external_id, created_at, updated_at, random_bucket, email, email_key, custom_attributes
    )
    SELECT
        {workspace}, lpad(to_hex(number), 24, '0'), CASE WHEN number %% 500 > 0 THEN 'user-' || number END,
        now(), now(), number %% 10000, number || '@example.com', number || '@example.com',
        jsonb_build_object('is_lead_profile', number %% 1000 = 0, 'score', number, 'tags', jsonb_build_array(number))
    FROM generate_series(1, %s) AS number
"""


@pytest.fixture(scope="module")
def filled(database_url: str) -> Iterator[Transaction]:
    """A transaction in one of two workspaces that have many profiles each."""
    settings = Settings(database_url=database_url)
    with Connection.connect(database_url, **connection_arguments(settings, name="test")) as connection:
        for workspace in (1, 2):
            connection.execute("INSERT INTO workspace (name) VALUES (%s)", [f"workspace-{workspace}"])
            connection.execute(sql.SQL(FILL).format(workspace=workspace), [PROFILES])
        connection.execute(
            """
            INSERT INTO custom_event (workspace_id, origin_id, name, occurred_at)
            SELECT 1, number, 'login', now() - (%(profiles)s - number) * interval '5 minutes'
            FROM generate_series(1, %(profiles)s) AS number
            """,
            {"profiles": PROFILES},
        )
        connection.execute("VACUUM ANALYZE")
    with open_pool(settings, name="test") as pool, open_transaction(pool, 1, snapshot=True) as tx:
        yield tx


def test_the_two_filters_of_the_anonymous_users_read_few_pages(filled: Transaction) -> None:
    plan = explain(filled, {"AND": [BLANK, LEAD]})

    assert indexes(plan) & {"profile_unidentified", "profile_custom_attributes"}
    assert scanned(plan) == set()
    assert pages(plan) < 150


@pytest.mark.parametrize(
    ("filter_", "index", "most"),
    [
        (BLANK, "profile_unidentified", 150),
        # PostgreSQL may combine this index with that of the workspace.
        (LEAD, "profile_custom_attributes", 300),
        (
            {"custom_attribute": {"custom_attribute_name": "score", "comparison": "equals", "value": 77}},
            "profile_custom_attributes",
            20,
        ),
        (
            {"custom_attribute": {"custom_attribute_name": "tags", "comparison": "includes_value", "value": 77}},
            "profile_custom_attributes",
            20,
        ),
        ({"external_id": {"comparison": "equals", "value": "user-77"}}, "profile_external_id", 20),
        ({"attribute": {"name": "email", "comparison": "equals", "value": "77@Example.com"}}, "profile_email", 20),
    ],
    ids=str,
)
def test_a_filter_on_indexed_fields_reads_few_pages(filled: Transaction, filter_: Any, index: str, most: int) -> None:
    plan = explain(filled, filter_)

    assert index in indexes(plan)
    assert scanned(plan) == set()
    assert pages(plan) < most


def test_the_last_days_of_history_are_a_range_of_blocks(filled: Transaction) -> None:
    asked = {"custom_event": {"name": "login", "comparison": "more_than", "count": 0, "days": 1}}
    plan = explain(filled, {"AND": [BLANK, asked]})
    (history,) = (node for node in nodes(plan) if node.get("Relation Name") == "custom_event")

    assert "custom_event_occurred" in indexes(plan)
    assert pages(history) < 200


def test_a_filter_without_an_index_reads_the_profiles_once(filled: Transaction) -> None:
    high = {"custom_attribute": {"custom_attribute_name": "score", "comparison": "greater_than", "value": 49_990}}
    plan = explain(filled, {"OR": [high, {"attribute": {"name": "country", "comparison": "exists"}}]})

    assert [node["Relation Name"] for node in nodes(plan) if "Relation Name" in node] == ["profile"]
    assert "profile_custom_attributes" not in indexes(plan)
