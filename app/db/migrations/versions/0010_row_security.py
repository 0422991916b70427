"""Revision 0010: sql/0010_row_security.sql."""

from app.db.migrations import run_sql

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Run the revision's SQL."""
    run_sql("0010_row_security.sql")
