"""Revision 0011: sql/0011_undo.sql."""

from app.migrations import run_sql

revision = "0011"
down_revision = "0009"


def upgrade() -> None:
    """Run the revision's SQL."""
    run_sql("0011_undo.sql")
