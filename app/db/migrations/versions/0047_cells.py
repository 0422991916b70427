"""Revision 0047: route labels of workspaces, and their moves to other cells."""

from app.db.migrations import run_sql

revision = "0047"
down_revision = "0046"


def upgrade() -> None:
    """Add the columns and the table."""
    run_sql("0047_cells.sql")
