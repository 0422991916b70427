"""Revision 0038: plans."""

from app.db.migrations import run_sql

revision = "0038"
down_revision = "0037"


def upgrade() -> None:
    """Create the tables of plans."""
    run_sql("0038_plans.sql")
