"""Revision 0046: one row for each workspace, from which statements take its id."""

from app.db.migrations import run_sql

revision = "0046"
down_revision = "0045"


def upgrade() -> None:
    """Add the table and its rows."""
    run_sql("0046_workspace_home.sql")
