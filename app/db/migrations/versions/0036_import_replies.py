"""Revision 0036: idempotency keys store the responses that belong to no batch."""

from app.db.migrations import run_sql

revision = "0036"
down_revision = "0031"


def upgrade() -> None:
    """Add the column."""
    run_sql("0036_import_replies.sql")
