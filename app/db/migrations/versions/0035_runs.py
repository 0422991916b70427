"""Revision 0035: runs."""

from app.db.migrations import run_sql

revision = "0035"
down_revision = "0031"


def upgrade() -> None:
    """Create the tables of runs, and add the runs over duplicates to them."""
    run_sql("0035_runs.sql")
