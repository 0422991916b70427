"""Finding the other profiles with an address reads at most a few hundred rows, for any number of profiles."""

import pytest

from app.db.connections import Pool
from app.db.transaction import open_transaction
from app.profiles.sharing import MAX_SHARERS, find_sharers_deferred
from tests.integration.profiles.test_resolution_cost import ROWS_READ, fill
from tests.support.factories import Factory

ADDRESSES = [("email", "shared@x.org"), ("phone", "+14155550123"), ("email", "19999@x.org"), ("email", "new@x.org")]


@pytest.mark.parametrize("analyzed", ["before it was filled", "afterwards"])
def test_the_other_profiles_with_an_address_cost_a_bounded_number_of_rows(
    factory: Factory, pool: Pool, analyzed: str
) -> None:
    connection = factory.connection
    if analyzed == "before it was filled":
        fill(Factory(connection))
        connection.execute("ANALYZE profile")
    fill(factory)
    if analyzed == "afterwards":
        connection.execute("ANALYZE profile")

    # After some executions psycopg prepares a statement, and PostgreSQL may choose a generic plan.
    read = [rows_read(factory, pool) for _ in range(12)]

    # For two addresses MAX_SHARERS each of the identified and of the unidentified profiles.
    assert max(read) <= 4 * MAX_SHARERS + 10


def rows_read(factory: Factory, pool: Pool) -> int:
    """Return the number of profile rows that PostgreSQL reads for ADDRESSES, sent as web sends them."""
    with open_transaction(pool, factory.workspace_id) as tx:
        (before,) = tx.execute(ROWS_READ).fetchall()
        found = find_sharers_deferred(tx, addresses=ADDRESSES, besides=[1, 2, 3]).result()
        (after,) = tx.execute(ROWS_READ).fetchall()
    assert [len(found.ids[address]) for address in ADDRESSES] == [MAX_SHARERS, MAX_SHARERS, 1, 0]
    count: int = after["rows"] - before["rows"]
    return count
