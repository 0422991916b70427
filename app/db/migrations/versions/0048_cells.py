"""Revision 0048: route labels of workspaces, and their moves to other cells."""

from app.db.migrations import run_sql

revision = "0048"
down_revision = "0045"


def upgrade() -> None:
    """Add the columns and the table."""
    run_sql("0048_cells.sql")
