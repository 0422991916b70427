"""Revision 0034: the control of the queue."""

from app.db.migrations import run_sql

revision = "0034"
down_revision = "0031"


def upgrade() -> None:
    """Create the table, and allow the actions on the queue in the audit."""
    run_sql("0034_queue.sql")
