"""Revision 0034: the control of the queue, cancellations, and the urgency of jobs."""

from app.db.migrations import run_sql

revision = "0034"
down_revision = "0033"


def upgrade() -> None:
    """Create the tables and the column, and allow the new actions and the new outcome."""
    run_sql("0034_queue.sql")
