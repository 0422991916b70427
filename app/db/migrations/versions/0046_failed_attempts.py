"""Revision 0046: the failed attempts of jobs."""

from app.db.migrations import run_sql

revision = "0046"
down_revision = "0045"


def upgrade() -> None:
    """Add the table."""
    run_sql("0046_failed_attempts.sql")
