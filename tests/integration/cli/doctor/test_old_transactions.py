"""A transaction that stays open keeps dead versions, and the doctor names it."""

import psycopg

from app.config import Settings
from app.db.connections import Connection
from cli.doctor.findings import Level
from cli.doctor.old_transactions import check_old_transactions


def test_a_transaction_that_has_read_and_stays_open_is_a_notice_until_it_ends(
    connection: Connection, settings: Settings
) -> None:
    with psycopg.connect(settings.database_url) as other:
        session = f"session {other.info.backend_pid} of "
        other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        other.execute("SELECT count(*) FROM job")
        found = check_old_transactions(connection, seconds=0)
        young = check_old_transactions(connection)

        assert found.level == Level.NOTICE
        assert session in found.sentence
        assert young.level == Level.FINE
    assert session not in check_old_transactions(connection, seconds=0).sentence
