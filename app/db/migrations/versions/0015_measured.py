"""Revision 0015: sql/0015_measured.sql."""

from app.db.migrations import run_sql

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Run the revision's SQL."""
    run_sql("0015_measured.sql")
