"""Revision 0017: sql/0017_audit.sql."""

from app.db.migrations import run_sql

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Run the revision's SQL."""
    run_sql("0017_audit.sql")
