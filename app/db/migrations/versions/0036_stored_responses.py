"""Revision 0036: idempotency keys of requests that become no batch have their encrypted response."""

from app.db.migrations import run_sql

revision = "0036"
down_revision = "0031"


def upgrade() -> None:
    """Add the column."""
    run_sql("0036_stored_responses.sql")
