"""The doctor examines a real PgBouncer in transaction mode and says what it must set."""

import re
from dataclasses import replace

import pytest

from app.config import Settings
from app.db import migrations
from app.db.connections import APP_ROLE, Connection
from app.errors import SetupError
from chaos.scenarios.examples import example
from cli.doctor.examination import run_checks
from cli.doctor.findings import Finding, Level
from cli.doctor.pooler import check_pooler
from tests.support.pgbouncer import ADVISORY_LOCKS, IGNORE_OPTIONS, PgBouncer


@pytest.fixture
def pooled(settings: Settings, pgbouncer: PgBouncer) -> Settings:
    """The settings of processes that use PgBouncer without prepared statements."""
    return replace(settings, database_url=pgbouncer.url, prepared_statements=False)


def remedied(finding: Finding) -> str:
    """Return the connect_query that the doctor prints."""
    return finding.remedy.partition("connect_query='")[2].removesuffix("'")


def test_without_a_pooler_there_is_no_finding(settings: Settings) -> None:
    assert check_pooler(settings) == []


def test_a_pooler_that_refuses_the_options_is_wrong(pgbouncer: PgBouncer, pooled: Settings) -> None:
    pgbouncer.start()

    (finding,) = check_pooler(pooled)

    assert finding.level == Level.WRONG
    assert "ignore_startup_parameters = options" in finding.remedy


def test_the_printed_remedy_repairs_a_pooler_that_drops_settings(pgbouncer: PgBouncer, pooled: Settings) -> None:
    pgbouncer.start(settings=IGNORE_OPTIONS)
    (dropped,) = check_pooler(pooled)
    pgbouncer.start(settings=IGNORE_OPTIONS, connect_query=remedied(dropped))
    (mended,) = check_pooler(pooled)
    others = [finding for finding in run_checks(pooled) if finding.check in {"postgres", "schema", "row security"}]

    assert dropped.level == Level.WRONG
    assert f"SET role = {APP_ROLE}" in dropped.remedy
    assert "statement_timeout" in dropped.sentence
    assert mended.level == Level.FINE
    assert {finding.level for finding in others} == {Level.FINE}


def test_the_example_in_the_documents_sets_all_connection_settings(pgbouncer: PgBouncer, pooled: Settings) -> None:
    (connect_query,) = re.findall("connect_query='(.*)'", example("ini", {}))
    pgbouncer.start(settings=IGNORE_OPTIONS, connect_query=connect_query)

    (finding,) = check_pooler(pooled)

    assert finding.level == Level.FINE, finding.remedy


def test_a_migration_through_a_pooler_is_refused_before_it_takes_its_lock(
    pgbouncer: PgBouncer, connection: Connection
) -> None:
    pgbouncer.start(settings=IGNORE_OPTIONS)

    with pytest.raises(SetupError, match="leads to a pooler in transaction mode"):
        migrations.upgrade_schema(pgbouncer.url)

    assert connection.execute(ADVISORY_LOCKS.encode()).fetchall() == []


def test_prepared_statements_that_the_pooler_does_not_forward_are_wrong(pgbouncer: PgBouncer, pooled: Settings) -> None:
    preparing = replace(pooled, prepared_statements=True)
    pgbouncer.start(settings=IGNORE_OPTIONS)
    first, second = check_pooler(preparing), check_pooler(pooled)

    assert ["prepared statements" in finding.sentence for finding in first] == [False, True]
    assert "MERGELANE_PREPARED_STATEMENTS=false" in first[1].remedy
    assert len(second) == 1
