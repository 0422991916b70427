"""Advice about the memory settings of the server, and the share of HOT updates. Nothing here is an error."""

from collections.abc import Iterator, Mapping
from typing import Any

from app.db.connections import Connection
from app.db.queries import load_queries
from cli.doctor.findings import Finding, fine, notice

QUERIES = load_queries("cli.doctor", "memory.sql")

CHECK = "memory"
MIB, GIB = 2**20, 2**30
#: PostgreSQL's defaults, which suit small machines.
DEFAULT_SHARED_BUFFERS, DEFAULT_MAINTENANCE, DEFAULT_WAL = 128 * MIB, 64 * MIB, GIB
#: Databases from this size on gain from more than the defaults.
LARGE = GIB
#: Checkpoints after which their kinds are compared.
CHECKPOINTS = 20
#: Updates from which the share of HOT updates of a table says something.
UPDATES = 1_000
#: The version from which pg_stat_checkpointer exists.
CHECKPOINTER_SINCE = 170_000


def check_memory(connection: Connection) -> Iterator[Finding]:
    """Yield advice about memory settings, and how many updates were HOT."""
    server = connection.execute(QUERIES["memory"]).fetchone()
    if server is None:
        return
    timed, requested = _checkpoints(connection)
    advice = advise(server, timed=timed, requested=requested)
    yield from advice or [fine(CHECK, "The memory settings of PostgreSQL suit the size of the database.")]
    yield from _hot_updates(connection)


def advise(server: Mapping[str, Any], *, timed: int, requested: int) -> list[Finding]:
    """Return a notice for each setting of *server* that should be another one."""
    return [*_buffers(server), *_wal(server, timed, requested), *_compression(server)]


def _buffers(server: Mapping[str, Any]) -> Iterator[Finding]:
    buffers, cache, size = server["shared_buffers"], server["effective_cache_size"], server["size"]
    if size > LARGE and buffers <= DEFAULT_SHARED_BUFFERS:
        yield notice(
            CHECK,
            f"shared_buffers is {_sized(buffers)}, and the database has {_sized(size)}: pages are read repeatedly.",
            "Set shared_buffers to about a quarter of the memory of the server, and restart PostgreSQL.",
        )
    if cache < buffers:
        yield notice(
            CHECK,
            f"effective_cache_size is {_sized(cache)}, below shared_buffers ({_sized(buffers)}): the planner overrates"
            " the cost of index scans.",
            "Set effective_cache_size to about three quarters of the memory of the server.",
        )
    if size > LARGE and server["maintenance_work_mem"] < DEFAULT_MAINTENANCE:
        yield notice(
            CHECK,
            f"maintenance_work_mem is {_sized(server['maintenance_work_mem'])}: VACUUM and the indexes of a migration"
            " take long.",
            "Set maintenance_work_mem to 256MB, or to a thirtieth of the memory of the server.",
        )


def _wal(server: Mapping[str, Any], timed: int, requested: int) -> Iterator[Finding]:
    if timed + requested >= CHECKPOINTS and requested > timed:
        yield notice(
            CHECK,
            f"{requested:,} of {timed + requested:,} checkpoints began before their time, since the WAL had reached"
            f" max_wal_size ({_sized(server['max_wal_size'])}) or by request. After each checkpoint PostgreSQL writes"
            " images of whole pages, so a merge writes more WAL.",
            "Set max_wal_size to 4GB or more, if the disk has room.",
        )


def _compression(server: Mapping[str, Any]) -> Iterator[Finding]:
    if not server["offers_lz4"]:
        return
    if server["wal_compression"] == "off":
        yield notice(
            CHECK,
            "wal_compression is off, and the server offers lz4, which shrinks images of whole pages at little cost.",
            "Set wal_compression = lz4.",
        )
    if server["default_toast_compression"] == "pglz":
        yield notice(
            CHECK,
            "default_toast_compression is pglz, and the server offers lz4, which compresses the snapshots of merges in"
            " less time.",
            "Set default_toast_compression = lz4. It applies to new rows.",
        )


def _checkpoints(connection: Connection) -> tuple[int, int]:
    """Return the numbers of checkpoints by time, and by size or request."""
    query = "checkpoints" if connection.info.server_version >= CHECKPOINTER_SINCE else "old_checkpoints"
    row = connection.execute(QUERIES[query]).fetchone()
    return (0, 0) if row is None else (row["timed"], row["requested"])


def _hot_updates(connection: Connection) -> Iterator[Finding]:
    """Report the tables with many updates; HOT updates write no index entries."""
    rows = connection.execute(QUERIES["updates"], {"least": UPDATES}).fetchall()
    shares = [
        f"{row['name']} {row['hot'] / row['updates']:.0%} of {row['updates']:,} (fillfactor {row['fillfactor']})"
        for row in rows
    ]
    if shares:
        yield fine("HOT updates", f"Updates without new index entries: {', '.join(shares)}.")


def _sized(size: int) -> str:
    return f"{size / GIB:.1f} GB" if size >= GIB else f"{size / MIB:.0f} MB"
