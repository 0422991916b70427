"""Revision 0045: the last use of a key."""

from app.db.migrations import run_sql

revision = "0045"
down_revision = "0039"


def upgrade() -> None:
    """Add the column."""
    run_sql("0045_key_uses.sql")
