"""Checks that DATABASE_DISTRIBUTED says what the database is."""

from collections.abc import Iterator

from app.config import Settings
from app.db.connections import Connection
from app.db.distribution import find_distribution_fault
from cli.doctor.findings import Finding, fine, wrong

CHECK = "distribution"


def check_distribution(connection: Connection, settings: Settings) -> Iterator[Finding]:
    """Yield the finding about the setting; none for a plain database that is taken for one."""
    fault = find_distribution_fault(connection, settings)
    if fault is not None:
        yield wrong(CHECK, *fault)
    elif settings.database_distributed:
        yield fine(CHECK, "Citus distributes the tables, as DATABASE_DISTRIBUTED says.")
