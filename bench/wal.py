"""The content of the WAL between two positions: images of whole pages, rows and index entries."""

import re
import subprocess
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from app.db.connections import Connection
from bench.errors import BenchError
from bench.ground import Ground
from bench.world import run_query

#: The last line of the statistics: count, size of records, size of images, and both, each with its share.
TOTAL = re.compile(r"^Total\s+(\d+)\s+(\d+) \[.*?\]\s+(\d+) \[.*?\]\s+(\d+) \[", re.MULTILINE)
#: A record with its kind and the relation that it changes first: tablespace, database and file.
RECORD = re.compile(r"^rmgr: (\w+) .*? desc: (\w+).*? blkref #0: rel \d+/(\d+)/(\d+)")
#: Records that write a row version or delete one. Row locks are not among them.
ROW_RECORDS = frozenset({("Heap", kind) for kind in ("INSERT", "UPDATE", "HOT_UPDATE", "DELETE")})
#: Records that add one entry to an index. GIN adds all entries of a row to its pending list with one record.
ENTRY_RECORDS = frozenset(
    {("Btree", kind) for kind in ("INSERT_LEAF", "INSERT_POST", "SPLIT_L", "SPLIT_R")} | {("Gin", "UPDATE_META_PAGE")}
)


@dataclass(frozen=True, slots=True)
class Written:
    """Rows written and index entries added, by the name of the table or the index."""

    rows: Mapping[str, int]
    entries: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A position in the WAL: as a number of bytes, and in the notation of PostgreSQL."""

    wal: int
    position: str


def wal_place(connection: Connection) -> Place:
    """Return the end of the WAL at this moment."""
    (row,) = run_query(connection, "wal_place", {})
    return Place(wal=int(row["wal"]), position=row["position"])


def read_wal(ground: Ground, connection: Connection, before: Place, after: Place) -> tuple[int, Written]:
    """Return the bytes of whole-page images between two positions, and the rows written to *connection*'s database.

    Images depend on the time of the last checkpoint, so they are counted separately.
    """
    connection.execute("SELECT pg_switch_wal()", prepare=False)  # flushes it for the dump
    files = run_query(connection, "list_files", {})
    relations = {(int(row["database"]), int(row["file"])): str(row["name"]) for row in files}
    return _image_bytes(ground, before, after), _written(ground, before, after, relations)


def _image_bytes(ground: Ground, before: Place, after: Place) -> int:
    statistics = _dump(ground, before, after, "--stats")
    found = TOTAL.search(statistics)
    if found is None:
        raise BenchError(f"pg_waldump returned no total: {statistics[-300:]}")
    return int(found[3])


def _written(ground: Ground, before: Place, after: Place, relations: Mapping[tuple[int, int], str]) -> Written:
    """Return the rows and entries written to *relations*: names by the oid of their database and their file number."""
    rows, entries = Counter[str](), Counter[str]()
    for line in _dump(ground, before, after).splitlines():
        record = RECORD.match(line)
        name = record and relations.get((int(record[3]), int(record[4])))
        if record is None or name is None:
            continue
        kind = (record[1], record[2])
        rows[name] += kind in ROW_RECORDS
        entries[name] += kind in ENTRY_RECORDS
    return Written(+rows, +entries)


def _dump(ground: Ground, before: Place, after: Place, *options: str) -> str:
    """Return the output of pg_waldump; raise BenchError if it fails."""
    command = [str(ground.postgres_programs / "pg_waldump"), *options, "--path", str(ground.postgres_data / "pg_wal")]
    done = subprocess.run(
        [*command, "--start", before.position, "--end", after.position],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchError(f"pg_waldump failed: {done.stderr.strip()}")
    return done.stdout
