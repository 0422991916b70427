"""Statistics of PostgreSQL, renewed for tables that grew since."""

from app.db.connections import Connection
from app.db.queries import load_queries

QUERIES = load_queries(__package__, "statistics.sql")

#: Changed rows below which a table is left alone: small tables are fast with any plan.
LEAST_ROWS = 500


def analyze_changed_tables(connection: Connection) -> int:
    """Run ANALYZE on tables that have doubled since their last one; return how many."""
    (row,) = connection.execute(QUERIES["analyze_changed_tables"], {"least": LEAST_ROWS}).fetchall()
    analyzed: int = row["analyzed"]
    return analyzed
