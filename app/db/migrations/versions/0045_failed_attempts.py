"""Revision 0045: the failed attempts of jobs."""

from app.db.migrations import run_sql

revision = "0045"
down_revision = "0044"


def upgrade() -> None:
    """Add the table."""
    run_sql("0045_failed_attempts.sql")
