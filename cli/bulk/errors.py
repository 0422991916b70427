"""What may be wrong with a file or with what a run left behind."""

from app.errors import MergelaneError


class UnfitFile(MergelaneError):
    """A file is not what it should be, or not the one that was begun with; the message says what to do."""
