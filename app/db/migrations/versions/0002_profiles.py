"""Revision 0002: sql/0002_profiles.sql."""

from app.db.migrations import run_sql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Run the revision's SQL."""
    run_sql("0002_profiles.sql")
