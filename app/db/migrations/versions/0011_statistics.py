"""Revision 0011: sql/0011_statistics.sql."""

from app.db.migrations import run_sql

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Run the revision's SQL."""
    run_sql("0011_statistics.sql")
