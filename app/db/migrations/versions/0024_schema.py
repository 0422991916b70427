"""Revision 0024: the first schema in one file for each subject.

Alembic never runs it. `prepare_database` creates the schema of an empty database at the newest revision, and converts a
database at 0023 to this one.
"""

revision = "0024"
down_revision = None


def upgrade() -> None:
    """Do nothing: no database is before this revision when Alembic starts."""
