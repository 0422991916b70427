"""Checks of the standby in DATABASE_REPLICA_URL, which answers large queries."""

from collections.abc import Iterator

import psycopg

from app.config import Settings
from app.database_url import connection_failure
from app.db.connections import APP_ROLE, Connection, ReplicaConnection, connection_arguments
from app.db.replica import BEHIND, read_position, wait_for_position
from cli.doctor.findings import Finding, fine, notice, wrong

CHECK = "replica"
UNUSED = "The primary answers all queries."
#: Seconds that a standby that lags behind gets.
WAIT_S = 2.0


def check_replica(primary: Connection, settings: Settings) -> Iterator[Finding]:
    """Yield the finding about the standby; none if there is none."""
    url = settings.database_replica_url
    if not url:
        return
    arguments = connection_arguments(settings, name="doctor", role=APP_ROLE, database_url=url)
    position = read_position(primary)
    try:
        with ReplicaConnection.connect(url, **arguments) as standby:
            reason = wait_for_position(standby, position, seconds=WAIT_S)
    except psycopg.Error as error:
        sentence = f"The standby in DATABASE_REPLICA_URL does not answer: {connection_failure(error)}. {UNUSED}"
        yield wrong(CHECK, sentence, "Start it, or correct DATABASE_REPLICA_URL.")
        return
    if reason is None:
        yield fine(CHECK, "The standby has all that the primary has committed, and answers large queries.")
    elif reason == BEHIND:
        yield notice(CHECK, f"{reason} {UNUSED}", "Look at pg_stat_replication on the primary for its lag.")
    else:
        yield wrong(CHECK, f"{reason} {UNUSED}", "Correct DATABASE_REPLICA_URL, or unset it.")
