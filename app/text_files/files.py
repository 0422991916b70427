"""The formats of files, and the error of a file that cannot be used."""

from enum import StrEnum
from typing import IO, Protocol

from app.errors import MergelaneError


class FileError(MergelaneError):
    """A file of a run cannot be used; the message names the file and the remedy."""


class FileFormat(StrEnum):
    """The format of an input or output file."""

    CSV = "csv"
    JSONL = "jsonl"


class TextFile(Protocol):
    """A file of text in UTF-8 that can be read twice."""

    @property
    def file(self) -> IO[bytes]:
        """Its content."""

    @property
    def name(self) -> str:
        """Its name in messages."""
