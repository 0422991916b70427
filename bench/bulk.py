"""Millions of profiles: several connections write them at the same time, and the indexes are created afterwards."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from psycopg import sql

from app.db.connections import Connection
from app.db.queries import load_queries
from bench.ground import Ground
from bench.world import ORPHAN, SURVIVOR, World, empty_world, plant, settle

QUERIES = load_queries("bench", "bulk.sql")
#: Connections that write at the same time: as many as a small machine has cores.
CONNECTIONS = 2
#: Settings of a connection that writes many rows and need not be durable.
FAST_SETTINGS = ("SET synchronous_commit = off", "SET maintenance_work_mem = '1GB'")


def make_big_world(ground: Ground, pairs: int) -> World:
    """Return a database with *pairs* survivors and as many orphans. Its indexes are created after the rows."""
    database = empty_world(ground)
    with ground.connect(database) as connection:
        again = _without_indexes(connection)
        _at_once(ground, database, [_planting(share) for share in _shares(pairs)])
        _at_once(ground, database, [_making(statement) for statement in again])
        settle(connection)
    return World(database, pairs)


def _without_indexes(connection: Connection) -> list[sql.Composed]:
    """Drop the indexes of profile except its primary key; return the statements that create them again."""
    profile = sql.Identifier("profile")
    again = []
    for row in connection.execute(QUERIES["list_indexes"]).fetchall():
        connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(row["name"])), prepare=False)
        again.append(sql.Composed([sql.SQL(row["definition"])]))
    for row in connection.execute(QUERIES["list_constraints"]).fetchall():
        name = sql.Identifier(row["name"])
        connection.execute(sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(profile, name), prepare=False)
        statement = sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} {}")
        again.append(statement.format(profile, name, sql.SQL(row["definition"])))
    return again


def _shares(pairs: int) -> list[tuple[int, int, int]]:
    """Return the role, the first number and the count of each share of the work."""
    share = -(-pairs // (CONNECTIONS * 4))
    return [(role, first, min(share, pairs - first)) for role in (SURVIVOR, ORPHAN) for first in range(0, pairs, share)]


def _planting(share: tuple[int, int, int]) -> Callable[[Connection], None]:
    """Return a function that writes one share."""
    role, first, count = share
    return lambda connection: plant(connection, role=role, first=first, count=count)


def _making(statement: sql.Composed) -> Callable[[Connection], None]:
    """Return a function that creates one index."""

    def make(connection: Connection) -> None:
        connection.execute(statement, prepare=False)

    return make


def _at_once(ground: Ground, database: str, works: Sequence[Callable[[Connection], None]]) -> None:
    """Call all *works*, CONNECTIONS at a time, each with its own connection."""

    def done(work: Callable[[Connection], None]) -> None:
        with ground.connect(database) as connection:
            for setting in FAST_SETTINGS:
                connection.execute(setting, prepare=False)
            work(connection)

    with ThreadPoolExecutor(CONNECTIONS) as threads:
        list(threads.map(done, works))
