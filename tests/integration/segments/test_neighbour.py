"""The leaves of segments in a small workspace, with a much larger workspace in the same database.

The neighbour has 100,000 profiles, each with history and an alias. NEIGHBOUR_PROFILES=1000000 in the environment makes
it a million, which takes some minutes. Plans and rows are compared, not seconds.
"""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from app.config import Settings
from app.db.connections import Connection, connection_arguments, open_pool
from app.db.transaction import Transaction, open_transaction
from tests.support.filters import leaf
from tests.support.postgres import make_database_url
from tests.support.segment_plans import explain, indexes, pages, rows_read, scanned

database_url = make_database_url(scope="module")

NEIGHBOURS = int(os.environ.get("NEIGHBOUR_PROFILES", "100000"))
OWN = 1_000
#: The most pages that one lookup in a B-tree of these sizes reads, the row's page included.
DEEPEST = 4
DAY = "2026-05-01T12:00:00.000Z"
SUMMARY = {"count": 3, "first": DAY, "last": DAY}
DOCUMENTS = {
    "custom_events": {"login": SUMMARY},
    "purchases": {"hat": SUMMARY},
    "apps": {"shop": {"sessions": 2, "first_used": DAY, "last_used": DAY, "platform": "iOS"}},
    "devices": {"d1": {"device_id": "d1", "os": "iOS"}},
    "campaigns_received": {"c1": {"last_received": DAY, "engaged": {"opened": True}}},
    "canvases_received": {"v1": {"last_entered": DAY, "steps_received": {"s1": {"last_received": DAY}}}},
    "last_interactions": {"last_opened_at": DAY},
    "subscription_groups": {"g": "subscribed"},
}
#: Fills a workspace: each profile has all documents, an alias, an event and a purchase of the last weeks; a profile was
#: merged into every second one.
FILL = """
WITH profiles AS (
    INSERT INTO profile (
        workspace_id, id, braze_id, external_id, created_at, updated_at, random_bucket, custom_events, purchases, apps,
        devices, campaigns_received, canvases_received, last_interactions, subscription_groups
    )
    SELECT
        %(workspace)s, number, lpad(to_hex(number), 24, '0'), 'user-' || number, now(), now(), 0, d.custom_events,
        d.purchases, d.apps, d.devices, d.campaigns_received, d.canvases_received, d.last_interactions,
        d.subscription_groups
    FROM generate_series(1, %(profiles)s) AS number
    CROSS JOIN jsonb_populate_record(NULL::profile, %(documents)s::jsonb) AS d
    RETURNING workspace_id, id
),
aliases AS (
    INSERT INTO user_alias (workspace_id, label, name, profile_id)
    SELECT workspace_id, 'shop', 'name-' || id, id FROM profiles
),
origins AS (
    INSERT INTO origin (workspace_id, origin_id, profile_id)
    SELECT workspace_id, id + %(profiles)s, id FROM profiles WHERE id %% 2 = 0
),
purchases AS (
    INSERT INTO purchase (workspace_id, origin_id, product_id, occurred_at, currency, price_cents, properties)
    SELECT workspace_id, id, 'hat', now() - (id %% 600) * interval '1 hour', 'USD', 100, '{"colour": "red"}'
    FROM profiles
)
INSERT INTO custom_event (workspace_id, origin_id, name, occurred_at, properties)
SELECT workspace_id, id, 'login', now() - (id %% 600) * interval '1 hour', '{"colour": "red"}'
FROM profiles
"""
PROPERTY = {"property": "colour", "days": 30}
#: Filters, each with the most rows that it may read for one profile of the workspace.
LEAVES: list[tuple[Any, int]] = [
    (leaf("custom_event", "more_than", name="login", count=0, days=30), 3),
    (leaf("purchase", "more_than", count=0, days=30), 3),
    (leaf("attribute", "exists", name="country"), 1),
    (leaf("custom_event_property", "equals", "red", name="login", **PROPERTY), 3),
    (leaf("purchase_property", "equals", "red", product_id="hat", **PROPERTY), 3),
    (leaf("purchase_property", "matches_regex", "^re", **PROPERTY), 3),
    (leaf("custom_event_summary", "more_than", 2, name="login", field="count"), 1),
    (leaf("purchase_summary", "before", DAY, product_id="hat", field="last"), 1),
    (leaf("campaign", "exists", api_campaign_id="c1"), 1),
    (leaf("canvas", "after", DAY, api_canvas_id="v1", field="last_entered"), 1),
    (leaf("canvas_step", "exists", api_canvas_id="v1", api_canvas_step_id="s1"), 1),
    (leaf("engagement", "less_than_x_days_ago", 7, event="opened"), 1),
    (leaf("engagement", "exists", event="opened", api_campaign_id="c1"), 1),
    (leaf("app", "more_than", 1, app_id="shop", field="sessions"), 1),
    (leaf("app", "equals", "iOS", app_id="shop", field="platform"), 1),
    (leaf("device", "equals", "iOS", field="os"), 1),
    (leaf("user_alias", "exists", alias_label="shop"), 2),
    (leaf("user_alias", "not_equal", "name-7", alias_label="shop"), 2),
    (leaf("user_alias", "matches_regex", "7$", alias_label="shop"), 2),
    (leaf("subscription_group", "is", "unknown", subscription_group_id="g"), 1),
]


@pytest.fixture(scope="module")
def filled(database_url: str) -> Iterator[Transaction]:
    """A transaction in the small workspace of two."""
    settings = Settings(database_url=database_url)
    arguments = connection_arguments(settings, name="test")
    with Connection.connect(database_url, **arguments) as connection:
        connection.execute("SET statement_timeout = 0")
        # Foreign keys are true by construction; checking them takes half of the time.
        connection.execute("SET session_replication_role = replica")
        for workspace, profiles in ((1, OWN), (2, NEIGHBOURS)):
            connection.execute("INSERT INTO workspace (name) VALUES (%s)", [f"workspace-{workspace}"])
            values = {"workspace": workspace, "profiles": profiles, "documents": Jsonb(DOCUMENTS)}
            connection.execute(FILL, values)
        connection.execute("VACUUM ANALYZE")
    with open_pool(settings, name="test") as pool, open_transaction(pool, 1, snapshot=True) as tx:
        yield tx


@pytest.mark.parametrize(("filter_", "most"), LEAVES, ids=str)
def test_a_leaf_reads_no_row_of_the_neighbour(filled: Transaction, filter_: Any, most: int) -> None:
    plan = explain(filled, filter_)

    assert scanned(plan) == set()
    assert rows_read(plan) <= OWN * most
    assert pages(plan) < OWN * most * DEEPEST


def test_an_alias_is_found_by_its_primary_key(filled: Transaction) -> None:
    plan = explain(filled, leaf("user_alias", "equals", "name-7", alias_label="shop"))

    assert indexes(plan) == {"user_alias_pkey", "profile_pkey"}
    assert rows_read(plan) <= 2
    assert pages(plan) < 20
