"""Revision 0018: sql/0018_batch_of_run.sql."""

from app.migrations import run_sql_alone

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Run the revision's SQL."""
    run_sql_alone("0018_batch_of_run.sql")
