"""Writes a streamed response to a file or to standard output."""

import sys
from collections.abc import Iterable
from pathlib import Path

import click

from cli.bulk.files import STDIN

#: Suffix of the file until it is complete.
PARTIAL = ".part"


def save_stream(blocks: Iterable[bytes], file: Path) -> int:
    """Write *blocks* to *file*, or to standard output for `-`; return the number of bytes.

    The name of an incomplete file ends in PARTIAL, and it is deleted after an error. Raises BadParameter for a path
    without a name.
    """
    if str(file) == STDIN:
        size = sum(map(sys.stdout.buffer.write, blocks))
        sys.stdout.buffer.flush()
        return size
    if not file.name:
        raise click.BadParameter("It must name a file.", param_hint="FILE")
    partial = file.with_name(file.name + PARTIAL)
    try:
        with partial.open("wb") as output:
            size = sum(map(output.write, blocks))
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
    return size
