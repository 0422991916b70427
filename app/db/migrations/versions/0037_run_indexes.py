"""Revision 0037: indexes of the batches of runs, and checks that are valid for all rows."""

from app.db.migrations import run_sql_alone

revision = "0037"
down_revision = "0036"


def upgrade() -> None:
    """Index batches by their run, and validate the checks."""
    run_sql_alone("0037_run_indexes.sql")
