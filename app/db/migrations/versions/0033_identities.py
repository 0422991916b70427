"""Revision 0033: the identity feed."""

from app.db.migrations import run_sql

revision = "0033"
down_revision = "0029"


def upgrade() -> None:
    """Create the tables; a relay fills them from the audit."""
    run_sql("0033_identities.sql")
