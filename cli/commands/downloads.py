"""Writes a streamed response to a file or to standard output."""

import sys
from collections.abc import Iterable
from pathlib import Path

from cli.bulk.files import STDIN

#: Suffix of the file until it is complete.
PARTIAL = ".part"


def save_stream(blocks: Iterable[bytes], file: Path) -> int:
    """Write *blocks* to *file*, or to standard output for `-`; return the number of bytes.

    The name of an incomplete file ends in PARTIAL, and it is deleted after an error.
    """
    if str(file) == STDIN:
        size = sum(map(sys.stdout.buffer.write, blocks))
        sys.stdout.buffer.flush()
        return size
    partial = file.with_name(file.name + PARTIAL)
    try:
        with partial.open("wb") as output:
            size = sum(map(output.write, blocks))
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
    return size
