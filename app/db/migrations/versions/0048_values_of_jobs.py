"""Revision 0048: lists by an identifier read the batch, the kind and the undo of a job with its search keys."""

from app.db.migrations import run_sql

revision = "0048"
down_revision = "0047"


def upgrade() -> None:
    """Add columns to the view of jobs."""
    run_sql("0048_values_of_jobs.sql")
