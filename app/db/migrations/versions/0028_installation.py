"""Revision 0028: the id of the installation."""

from app.db.migrations import run_sql

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    """Create the table of one row."""
    run_sql("0028_installation.sql")
