"""Revision 0016: sql/0016_webhooks.sql."""

from app.db.migrations import run_sql

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Run the revision's SQL."""
    run_sql("0016_webhooks.sql")
