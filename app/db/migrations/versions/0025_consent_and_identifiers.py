"""Revision 0025: consent follows the address, pairs that must not merge, and exact comparison of identifiers."""

from app.db.migrations import run_sql

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Add the tables and columns."""
    run_sql("0025_consent_and_identifiers.sql")
