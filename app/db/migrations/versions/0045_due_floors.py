"""Revision 0045: the relay looks for due lanes from a floor on, by a function that every migration creates."""

revision = "0045"
down_revision = "0044"


def upgrade() -> None:
    """Change no table."""
