"""Revision 0007: sql/0007_key_expiry.sql."""

from app.db.migrations import run_sql

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Run the revision's SQL."""
    run_sql("0007_key_expiry.sql")
