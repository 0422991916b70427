"""Revision 0026: the profile that reported each stored push token last."""

from app.db.migrations import run_sql

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    """Fill the table of push tokens, and validate the check of the audit."""
    run_sql("0026_push_tokens.sql")
