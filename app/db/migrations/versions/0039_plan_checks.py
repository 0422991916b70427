"""Revision 0039: the checks of revision 0038 are valid for all rows."""

from app.db.migrations import run_sql

revision = "0039"
down_revision = "0038"


def upgrade() -> None:
    """Validate the checks."""
    run_sql("0039_plan_checks.sql")
