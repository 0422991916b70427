"""Revision 0014: sql/0014_audit_as_written.sql."""

from app.db.migrations import run_sql

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Run the revision's SQL."""
    run_sql("0014_audit_as_written.sql")
