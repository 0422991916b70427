"""Revision 0040: limits of the failures of runs, their pauses, and their urgency."""

from app.db.migrations import run_sql

revision = "0040"
down_revision = "0039"


def upgrade() -> None:
    """Add the columns and the table."""
    run_sql("0040_run_limits.sql")
