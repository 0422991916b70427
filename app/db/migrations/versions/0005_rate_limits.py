"""Revision 0005: sql/0005_rate_limits.sql."""

from app.db.migrations import run_sql

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Run the revision's SQL."""
    run_sql("0005_rate_limits.sql")
