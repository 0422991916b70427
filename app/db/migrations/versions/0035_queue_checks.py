"""Revision 0035: the checks of revision 0034 are valid for all rows."""

from app.db.migrations import run_sql

revision = "0035"
down_revision = "0034"


def upgrade() -> None:
    """Validate the checks."""
    run_sql("0035_queue_checks.sql")
