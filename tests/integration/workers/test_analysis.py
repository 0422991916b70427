"""A table that grows fast is analyzed soon, so that no plan assumes an empty table."""

import pytest

from app.db.connections import Pool
from app.db.statistics import LEAST_ROWS, TableAnalyzer
from tests.support.factories import Factory


@pytest.fixture
def analyzer(factory: Factory, pool: Pool) -> TableAnalyzer:
    """The analyzer of a database with statistics of empty tables, as after a restore."""
    factory.connection.execute("VACUUM ANALYZE")
    return TableAnalyzer(pool)


def redirects(factory: Factory, first: int, last: int) -> None:
    """Insert redirects with the numbers *first* to *last*, and flush the statistics about changed rows."""
    factory.rows(
        """
        INSERT INTO redirect (workspace_id, orphan_id, survivor_id, braze_id, external_id, job_id, merged_at)
        SELECT %s, number, number + 1000000, lpad(to_hex(number), 24, '0'), number, gen_random_uuid(), now()
        FROM generate_series(%s::int, %s::int) AS number
        RETURNING 1
        """,
        *(first, last),
    )
    factory.connection.execute("SELECT pg_stat_force_next_flush()")


def counted(factory: Factory) -> int:
    """Return PostgreSQL's estimate of the number of redirects."""
    (row,) = factory.connection.execute("SELECT reltuples FROM pg_class WHERE oid = 'redirect'::regclass").fetchall()
    return int(row["reltuples"])


def test_a_table_that_outgrew_its_statistics_is_analyzed(analyzer: TableAnalyzer, factory: Factory) -> None:
    redirects(factory, 1, LEAST_ROWS + 1)
    assert counted(factory) == 0

    assert analyzer.run_once() == 1
    assert counted(factory) == LEAST_ROWS + 1
    assert analyzer.run_once() == 0


def test_a_table_that_has_not_doubled_is_left_to_autovacuum(analyzer: TableAnalyzer, factory: Factory) -> None:
    redirects(factory, 1, 5_000)
    assert analyzer.run_once() == 1
    redirects(factory, 5_001, 10_000)

    assert analyzer.run_once() == 0
    assert counted(factory) == 5_000


def test_after_the_analysis_a_query_is_planned_with_its_index(analyzer: TableAnalyzer, factory: Factory) -> None:
    look = "SELECT orphan_id FROM redirect WHERE workspace_id = %s AND external_id = %s"
    explain = f"EXPLAIN (GENERIC_PLAN) {look.replace('%s', '$1', 1).replace('%s', '$2')}"
    factory.rows(look, "1")
    redirects(factory, 1, 5_000)
    analyzer.run_once()

    plan = "\n".join(row["QUERY PLAN"] for row in factory.connection.execute(explain, prepare=False))

    assert "redirect_external_id" in plan
    assert "external_id = $2" in plan
