"""Resolution costs an index probe, for any number of profiles with an address and any table statistics."""

import pytest

from app.db.connections import Pool
from app.db.transaction import open_transaction
from app.merging.prioritization import NoCandidate, Resolved
from app.profiles.resolution import resolve_identifiers
from schemas.identifiers import Email, ExternalId, Identifier, Phone, UserAlias
from schemas.priorities import Priority
from tests.support.factories import Factory

IDENTIFIED = Priority.IDENTIFIED
NEWEST, OLDEST = Priority.MOST_RECENTLY_UPDATED, Priority.LEAST_RECENTLY_UPDATED
MANY, SHARING = 20_000, 5_000
QUESTIONS: list[Identifier] = [
    ExternalId("crowd-16"),
    ExternalId("crowd-18000"),
    UserAlias("mail", "nobody"),
    *(Email("shared@x.org", (recency,)) for recency in (NEWEST, OLDEST)),
    *(Phone("+14155550123", (IDENTIFIED, recency)) for recency in (NEWEST, OLDEST)),
    Email("19999@x.org", (NEWEST,)),
]
ROWS_READ = """
    SELECT seq_tup_read + idx_tup_fetch AS rows
    FROM pg_stat_xact_user_tables
    WHERE relname = 'profile'
"""


def fill(factory: Factory) -> None:
    """Create 20,000 profiles; 5,000 of them share one email address and one phone number."""
    factory.rows(
        """
        INSERT INTO profile (
            workspace_id, braze_id, external_id, created_at, updated_at, random_bucket, email, email_key, phone,
            phone_e164
        )
        SELECT
            workspace_id, lpad(to_hex(number), 24, '0'), CASE WHEN number %% 2 = 0 THEN 'crowd-' || number END,
            now(), now() - make_interval(secs => number), 0, email, email, phone, phone
        FROM (
            SELECT
                %s::int AS workspace_id, number,
                CASE WHEN number <= %s THEN 'shared@x.org' ELSE number || '@x.org' END AS email,
                CASE WHEN number <= %s THEN '+14155550123' ELSE '+1415' || number END AS phone
            FROM generate_series(1, %s) AS number
        ) AS made
        RETURNING 1
        """,
        *(SHARING, SHARING, MANY),
    )


@pytest.mark.parametrize("analyzed", ["before it was filled", "afterwards"])
def test_an_address_of_thousands_of_profiles_costs_an_index_probe(factory: Factory, pool: Pool, analyzed: str) -> None:
    connection = factory.connection
    if analyzed == "before it was filled":
        fill(Factory(connection))
        connection.execute("ANALYZE profile")
    fill(factory)
    if analyzed == "afterwards":
        connection.execute("ANALYZE profile")

    # After some executions psycopg prepares a statement, and PostgreSQL may choose a generic plan.
    read = [rows_read(factory, pool) for _ in range(12)]

    assert max(read) <= 50


def rows_read(factory: Factory, pool: Pool) -> int:
    """Return the number of profile rows that PostgreSQL reads for QUESTIONS, sent as a worker sends them."""
    with open_transaction(pool, factory.workspace_id) as tx:
        (before,) = tx.execute(ROWS_READ).fetchall()
        found = resolve_identifiers(tx, identifiers=QUESTIONS)
        (after,) = tx.execute(ROWS_READ).fetchall()
    assert [type(each) for each in found] == [Resolved, Resolved, NoCandidate, *[Resolved] * 5]
    count: int = after["rows"] - before["rows"]
    return count
