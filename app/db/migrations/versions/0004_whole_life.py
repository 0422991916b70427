"""Revision 0004: sql/0004_whole_life.sql."""

from app.db.migrations import run_sql

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Run the revision's SQL."""
    run_sql("0004_whole_life.sql")
