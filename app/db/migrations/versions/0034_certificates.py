"""Revision 0034: the check of the audit's actions is valid for all rows."""

from app.db.migrations import run_sql

revision = "0034"
down_revision = "0032"


def upgrade() -> None:
    """Validate the check."""
    run_sql("0034_certificates.sql")
