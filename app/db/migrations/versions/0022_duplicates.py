"""Revision 0022: sql/0022_duplicates.sql."""

from app.db.migrations import run_sql

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Run the revision's SQL."""
    run_sql("0022_duplicates.sql")
