"""Revision 0012: sql/0012_probes.sql."""

from app.db.migrations import run_sql

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Run the revision's SQL."""
    run_sql("0012_probes.sql")
