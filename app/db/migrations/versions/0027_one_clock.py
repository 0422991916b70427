"""Revision 0027: ages and due times by PostgreSQL's clock alone."""

from app.db.migrations import run_sql_alone

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    """Index rows by their age."""
    run_sql_alone("0027_one_clock.sql")
