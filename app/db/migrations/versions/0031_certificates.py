"""Revision 0031: the check of the audit's actions is valid for all rows."""

from app.db.migrations import run_sql

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    """Validate the check."""
    run_sql("0031_certificates.sql")
