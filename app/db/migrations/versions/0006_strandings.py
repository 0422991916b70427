"""Revision 0006: sql/0006_strandings.sql."""

from app.db.migrations import run_sql

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Run the revision's SQL."""
    run_sql("0006_strandings.sql")
