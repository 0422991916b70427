"""A scan over duplicates reads the index of addresses once, in steps of a bounded size at any size of a group."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from app.config import Settings
from app.db.connections import Connection, Pool, connection_arguments
from app.db.transaction import Transaction, open_transaction
from app.duplicates.cursor import ScanCursor
from app.duplicates.scan import ENTRIES, MEMBERS, QUERIES, Scan, next_step
from schemas.keeping import KeepRule, SharedAddress
from tests.support.duplicates import begin, pairs, run_of, take_steps
from tests.support.factories import Factory
from tests.support.postgres import make_database_url

database_url = make_database_url(scope="module")

PROFILES, CROWD, PAIRS = 10_000, 2_499, 750
#: One address in nine has two profiles, and a crowd shares one address. All times and phone numbers differ.
FILL = """
    INSERT INTO profile (
        workspace_id, braze_id, external_id, created_at, updated_at, random_bucket, email, email_key, phone, phone_e164
    )
    SELECT
        %(workspace_id)s, lpad(to_hex(%(workspace_id)s * 1000000 + number), 24, '0'),
        CASE WHEN number %% 3 = 0 THEN 'user-' || number END, now(), now() - number * interval '1 second', 0,
        address, address, '+1415' || number, '+1415' || number
    FROM generate_series(1, %(profiles)s) AS number
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN number <= %(crowd)s THEN 'crowd@x.org'
            WHEN number %% 10 = 1 THEN 'p' || number - 1 || '@x.org'
            ELSE 'p' || number || '@x.org'
        END AS address
    ) AS given
    RETURNING 1
"""
Plan = dict[str, Any]


@pytest.fixture(scope="module")
def filled(database_url: str) -> Iterator[Factory]:
    """A workspace with many profiles, in a database with another such workspace."""
    with closing(Connection.connect(database_url, **connection_arguments(Settings(), name="test"))) as connection:
        factory = Factory(connection)
        for each in (factory, Factory(connection)):
            numbers = {"workspace_id": each.workspace_id, "profiles": PROFILES, "crowd": CROWD}
            connection.execute(FILL, numbers)
        connection.execute("VACUUM ANALYZE profile")
        yield factory


def plan_of(tx: Transaction, name: str, **parameters: Any) -> Plan:
    """Return the plan by which PostgreSQL executed the query *name* of the scan."""
    query: Any = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {QUERIES[name]}"
    (row,) = tx.execute(query, parameters).fetchall()
    plan: Plan = row["QUERY PLAN"][0]["Plan"]
    return plan


def nodes(plan: Plan) -> Iterator[Plan]:
    """Yield *plan* and all plans within it."""
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


def test_ten_thousand_profiles_with_pairs_and_a_crowd_are_merged_in_few_steps(filled: Factory, pool: Pool) -> None:
    run_id = begin(pool, filled)
    steps = take_steps(pool, filled, Settings(waiting_bound=1_000_000))
    run = run_of(pool, filled, run_id)
    found = pairs(filled)

    expected = PAIRS + CROWD - 1
    assert len(found) == len(set(found)) == len({orphan for orphan, _ in found}) == expected
    assert run.counts.to_merge == expected
    assert run.counts.examined == PROFILES
    assert run.counts.groups == PAIRS + 1
    # Steps read the crowd twice, up to MEMBERS profiles at a time. The pairs take few steps.
    assert 2 * CROWD // MEMBERS <= steps <= 12


@pytest.mark.parametrize(("name", "index"), [("shared_emails", "profile_email"), ("shared_phones", "profile_phone")])
def test_addresses_are_read_only_from_their_index(filled: Factory, pool: Pool, name: str, index: str) -> None:
    with open_transaction(pool, filled.workspace_id) as tx:
        plan = plan_of(tx, name, after="", entries=1_000)
    reads = [node for node in nodes(plan) if "Relation Name" in node]

    assert [(node["Node Type"], node["Index Name"]) for node in reads] == [("Index Only Scan", index)]
    assert reads[0]["Actual Rows"] == 1_000


@pytest.mark.parametrize("identifier", SharedAddress)
def test_the_size_of_a_step_is_bounded_for_any_size_of_a_group(
    filled: Factory, pool: Pool, identifier: SharedAddress
) -> None:
    scan = Scan(rule=KeepRule(identifier=identifier), refused=(), entries=2_000, members=100)
    position: ScanCursor | None = ScanCursor()
    sizes = []
    while position is not None:
        with open_transaction(pool, filled.workspace_id) as tx:
            taken = next_step(tx, scan, position)
        sizes.append(sum(len(each.orphans) + len(each.left) + len(each.unmerged) for each in taken.plans))
        position = taken.cursor

    assert max(sizes) <= 2 * scan.members
    assert ENTRIES > MEMBERS


def test_a_page_of_a_crowd_is_read_from_its_position_in_the_index(filled: Factory, pool: Pool) -> None:
    with open_transaction(pool, filled.workspace_id) as tx:
        row = tx.execute("SELECT max(updated_at) AS at FROM profile WHERE email_key = 'crowd@x.org'").fetchone()
        place = {"identified": False, "updated_at": (row or {})["at"], "id": 2**60}
        plan = plan_of(
            tx,
            "members_by_email",
            addresses=["crowd@x.org"],
            limit=100,
            **place,
        )
    (read,) = [node for node in nodes(plan) if node.get("Relation Name") == "profile"]

    assert read["Index Name"] == "profile_email"
    assert "ROW" in read["Index Cond"]
    assert read["Shared Hit Blocks"] + read["Shared Read Blocks"] < 250
    assert read.get("Rows Removed by Filter", 0) == 0
