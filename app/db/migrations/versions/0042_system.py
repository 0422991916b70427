"""Revision 0042: heartbeats of the processes, and sums of jobs by minute."""

from app.db.migrations import run_sql

revision = "0042"
down_revision = "0041"


def upgrade() -> None:
    """Create the tables."""
    run_sql("0042_system.sql")
