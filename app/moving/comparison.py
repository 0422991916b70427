"""Compares the rows of a workspace in two databases, a bucket of each table at a time."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.moving.tables import Connection, MovedTable, run_statement

#: The rows of a bucket and the sum of their digests, by bucket. A bucket without rows is missing.
BucketDigests = Mapping[int, tuple[int, int]]
CHECKSUM_BITS = 128


@dataclass(frozen=True, slots=True)
class TableDigest:
    """The number of rows of a workspace in a table, and a checksum over them in no order."""

    rows: int
    checksum: str


def read_digests(connection: Connection, table: MovedTable, workspace_id: int) -> BucketDigests:
    """Return the digests of the buckets of *table*. It reads each row of the workspace once."""
    rows = run_statement(connection, table.digests, workspace_id)
    return {row["bucket"]: (row["found"], int(row["digest"])) for row in rows}


def find_differing(source: BucketDigests, target: BucketDigests) -> list[int]:
    """Return the buckets whose rows differ."""
    return sorted(bucket for bucket in source.keys() | target.keys() if source.get(bucket) != target.get(bucket))


def summarize(digests: BucketDigests) -> TableDigest:
    """Return the digest of the whole table."""
    rows = sum(found for found, _ in digests.values())
    checksum = sum(digest for _, digest in digests.values()) % (1 << CHECKSUM_BITS)
    return TableDigest(rows, f"{checksum:032x}")
