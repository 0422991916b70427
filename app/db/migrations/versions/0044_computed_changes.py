"""Revision 0044: the version of the rules in the record of a merge, whose changes are computed."""

from app.db.migrations import run_sql

revision = "0044"
down_revision = "0043"


def upgrade() -> None:
    """Add the column, and allow records without changes."""
    run_sql("0044_computed_changes.sql")
