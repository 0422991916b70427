"""Revision 0009: sql/0009_pending_by_due.sql."""

from app.db.migrations import run_sql

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Run the revision's SQL."""
    run_sql("0009_pending_by_due.sql")
