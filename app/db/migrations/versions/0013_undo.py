"""Revision 0013: sql/0013_undo.sql."""

from app.db.migrations import run_sql

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Run the revision's SQL."""
    run_sql("0013_undo.sql")
