"""Revision 0036: the checks of revision 0034 are valid for all rows."""

from app.db.migrations import run_sql

revision = "0036"
down_revision = "0034"


def upgrade() -> None:
    """Validate the checks."""
    run_sql("0036_queue_checks.sql")
