"""Revision 0019: sql/0019_settled.sql."""

from app.db.migrations import run_sql

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Run the revision's SQL."""
    run_sql("0019_settled.sql")
