"""Revision 0020: sql/0020_batch_source.sql."""

from app.db.migrations import run_sql

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Run the revision's SQL."""
    run_sql("0020_batch_source.sql")
