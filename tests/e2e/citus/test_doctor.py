"""`mergelane doctor` on a distributed database."""

from app import keys
from app.config import Settings
from cli.database import connected
from cli.doctor.citus import check_citus
from cli.doctor.findings import Level
from cli.doctor.isolation import check_isolation
from cli.doctor.jobs import check_jobs
from cli.doctor.rights import check_rights
from tests.support.citus import CitusDatabases


def test_a_sound_database_has_no_finding(citus_databases: CitusDatabases) -> None:
    with citus_databases.lend(citus_databases.create()) as url:
        settings = Settings(database_url=url, database_distributed=True)
        with connected(settings, url, name="test") as connection:
            keys.ensure_key(connection, key="a-key-of-the-test", workspace="test")
        with connected(settings, url, name="doctor") as connection:
            findings = [
                *check_jobs(connection, settings),
                *check_citus(connection),
                *check_isolation(connection, settings),
                *check_rights(connection),
            ]

    assert [finding for finding in findings if finding.level is not Level.FINE] == []
