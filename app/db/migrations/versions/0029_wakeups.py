"""Revision 0029: triggers that wake a sleeping relay or sender."""

from app.db.migrations import run_sql

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    """Create the triggers."""
    run_sql("0029_wakeups.sql")
