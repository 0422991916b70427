"""Revision 0032: the identity feed."""

from app.db.migrations import run_sql

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    """Create the tables; a relay fills them from the audit."""
    run_sql("0032_identities.sql")
