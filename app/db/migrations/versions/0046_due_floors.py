"""Revision 0046: the relay looks for due lanes from a floor on, by a function that every migration creates."""

revision = "0046"
down_revision = "0043"


def upgrade() -> None:
    """Change no table."""
