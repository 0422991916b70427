"""Revision 0036: indexes of the batches of runs, and checks that are valid for all rows."""

from app.db.migrations import run_sql_alone

revision = "0036"
down_revision = "0035"


def upgrade() -> None:
    """Index batches by their run, and validate the checks."""
    run_sql_alone("0036_run_indexes.sql")
