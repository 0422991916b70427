"""Revision 0033: idempotency keys of requests that become no batch have their encrypted response."""

from app.db.migrations import run_sql

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    """Add the column."""
    run_sql("0033_stored_responses.sql")
