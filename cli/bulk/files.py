"""Names and formats of the files of commands."""

from enum import StrEnum
from pathlib import Path
from typing import IO

# Re-exported: the commands read and write files by the same names.
from app.text_files.files import FileError as FileError  # noqa: PLC0414
from app.text_files.files import FileFormat as FileFormat  # noqa: PLC0414

#: The file name that means standard input, or standard output.
STDIN = "-"
#: Other names of standard output.
STDOUT_NAMES = frozenset({STDIN, "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"})
#: The extension of compressed files.
GZIP = ".gz"


class UnansweredPolicy(StrEnum):
    """What an import does with lines that were sent without a response and would count twice if sent again."""

    STOP = "stop"
    SEND = "send"
    SKIP = "skip"


def is_stdout(path: Path) -> bool:
    """Return whether *path* names standard output."""
    return str(path) in STDOUT_NAMES


def write_all(file: IO[bytes], data: bytes) -> None:
    """Write *data* to *file*, which has no buffer and may take a part of it only."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def detect_format(name: str, given: FileFormat | None) -> FileFormat:
    """Return *given*, else the format of the file extension of *name*; raise FileError when neither is known."""
    if given is not None:
        return given
    extension = Path(name.removesuffix(GZIP)).suffix.lower().removeprefix(".")
    if extension in {"jsonl", "ndjson"}:
        return FileFormat.JSONL
    if extension == FileFormat.CSV:
        return FileFormat.CSV
    raise FileError(f"The format of {name!r} is unknown. Use the extension .csv or .jsonl, or add --format.")
