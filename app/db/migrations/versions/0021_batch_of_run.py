"""Revision 0021: sql/0021_batch_of_run.sql."""

from app.db.migrations import run_sql_alone

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Run the revision's SQL."""
    run_sql_alone("0021_batch_of_run.sql")
