"""What PostgreSQL knows of its tables: counted anew when they have outgrown it."""

from app.db.connections import Connection
from app.db.queries import load_queries

QUERIES = load_queries(__package__, "statistics.sql")

#: Changed rows that a table must have beside as many as it had: the smallest are read as fast by any plan.
LEAST_ROWS = 500


def analyze_outgrown(connection: Connection) -> int:
    """Have the tables counted that have more than doubled since they were; return how many there were."""
    (row,) = connection.execute(QUERIES["analyze_outgrown_tables"], {"least": LEAST_ROWS}).fetchall()
    analyzed: int = row["analyzed"]
    return analyzed
