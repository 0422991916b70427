"""Turns JSON Lines into a Parquet file. Only this module imports pyarrow, which is in the extra `parquet`."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import IO, Any

import orjson
import pyarrow as pa
from pyarrow.parquet import ParquetWriter

from cli.bulk.outputs.output_file import writing

#: Rows of a row group, and in memory at once.
ROWS = 50_000
#: Suffix of the file until it is complete.
PARTIAL = ".part"


def write_parquet(lines: Path, output: Path, *, columns: Sequence[str]) -> None:
    """Write the rows of the JSON Lines file *lines* to *output*, which appears when it is complete.

    `number` is an integer, `at` a time in UTC, every other column is text. Raises FileError when it cannot be written.
    """
    types = {"number": pa.int64(), "at": pa.timestamp("us", tz="UTC")}
    schema = pa.schema([(name, types.get(name, pa.string())) for name in columns])
    partial = output.with_name(output.name + PARTIAL)
    try:
        with (
            writing(output),
            lines.open("rb") as rows,
            partial.open("wb") as file,
            ParquetWriter(file, schema, compression="zstd") as writer,
        ):
            for chunk in _chunks(rows):
                writer.write_table(pa.Table.from_pylist(chunk, schema=schema))
        with writing(output):
            partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)


def _chunks(rows: IO[bytes]) -> Iterator[list[dict[str, Any]]]:
    while chunk := [_row(line) for line in islice(rows, ROWS)]:
        yield chunk


def _row(line: bytes) -> dict[str, Any]:
    row: dict[str, Any] = orjson.loads(line)
    if "at" in row:
        row["at"] = datetime.fromisoformat(row["at"])
    return row
