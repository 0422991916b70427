"""Revision 0001: sql/0001_workspaces.sql."""

from app.db.migrations import run_sql

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Run the revision's SQL."""
    run_sql("0001_workspaces.sql")
