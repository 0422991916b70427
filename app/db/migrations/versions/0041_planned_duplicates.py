"""Revision 0041: runs over duplicates can be planned."""

from app.db.migrations import run_sql

revision = "0041"
down_revision = "0039"


def upgrade() -> None:
    """Add the plan of a run."""
    run_sql("0041_planned_duplicates.sql")
