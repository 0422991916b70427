"""Revision 0003: sql/0003_ledger.sql."""

from app.db.migrations import run_sql

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Run the revision's SQL."""
    run_sql("0003_ledger.sql")
