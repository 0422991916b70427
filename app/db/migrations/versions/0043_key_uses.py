"""Revision 0043: the last use of a key."""

from app.db.migrations import run_sql

revision = "0043"
down_revision = "0042"


def upgrade() -> None:
    """Add the column."""
    run_sql("0043_key_uses.sql")
