"""Revision 0036: runs."""

from app.db.migrations import run_sql

revision = "0036"
down_revision = "0035"


def upgrade() -> None:
    """Create the tables of runs, and add the runs over duplicates to them."""
    run_sql("0036_runs.sql")
