"""Revision 0023: sql/0023_plain_statistics.sql."""

from app.db.migrations import run_sql

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Run the revision's SQL."""
    run_sql("0023_plain_statistics.sql")
