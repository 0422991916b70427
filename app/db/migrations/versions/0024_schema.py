"""Revision 0024: the whole schema, by subject."""

from app.db.migrations import SCHEMA_FILES, run_sql

revision = "0024"
down_revision = None


def upgrade() -> None:
    """Create everything in an empty database."""
    for file in SCHEMA_FILES:
        run_sql(file)
