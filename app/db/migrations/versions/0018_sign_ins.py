"""Revision 0018: sql/0018_sign_ins.sql."""

from app.db.migrations import run_sql

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Run the revision's SQL."""
    run_sql("0018_sign_ins.sql")
