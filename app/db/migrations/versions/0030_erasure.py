"""Revision 0030: former names, and erasures in steps."""

from app.db.migrations import run_sql

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    """Create the tables, and allow the certificate of an erasure in the audit."""
    run_sql("0030_erasure.sql")
