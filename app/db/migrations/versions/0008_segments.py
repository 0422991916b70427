"""Revision 0008: sql/0008_segments.sql."""

from app.db.migrations import run_sql

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Run the revision's SQL."""
    run_sql("0008_segments.sql")
