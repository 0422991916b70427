"""Revision 0015: sql/0015_batch_of_run.sql."""

from app.migrations import run_sql_alone

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Run the revision's SQL."""
    run_sql_alone("0015_batch_of_run.sql")
