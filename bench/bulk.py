"""Millions of profiles: planted by several connections at once, their indexes made when all are there."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from psycopg import sql

from app.db.connections import Connection
from app.db.queries import load_queries
from bench.ground import Ground
from bench.world import ORPHAN, SURVIVOR, World, empty_world, plant, settle

QUERIES = load_queries("bench", "bulk.sql")
#: Connections that plant at once: as many as a small machine has cores.
HANDS = 2
#: What a connection may be given that makes much at once and has nothing to lose.
HURRY = ("SET synchronous_commit = off", "SET maintenance_work_mem = '1GB'")


def make_big_world(ground: Ground, pairs: int) -> World:
    """Return a database with *pairs* survivors and as many orphans, its indexes made after them, as big loads are."""
    database = empty_world(ground)
    with ground.connect(database) as connection:
        again = _without_indexes(connection)
        _at_once(ground, database, [_planting(share) for share in _shares(pairs)])
        _at_once(ground, database, [_making(statement) for statement in again])
        settle(connection)
    return World(database, pairs)


def _without_indexes(connection: Connection) -> list[sql.Composed]:
    """Drop the indexes of profile but for its key; return the statements that make them again."""
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
    share = -(-pairs // (HANDS * 4))
    return [(role, first, min(share, pairs - first)) for role in (SURVIVOR, ORPHAN) for first in range(0, pairs, share)]


def _planting(share: tuple[int, int, int]) -> Callable[[Connection], None]:
    """Return what plants one share."""
    role, first, count = share
    return lambda connection: plant(connection, role=role, first=first, count=count)


def _making(statement: sql.Composed) -> Callable[[Connection], None]:
    """Return what makes one index."""

    def make(connection: Connection) -> None:
        connection.execute(statement, prepare=False)

    return make


def _at_once(ground: Ground, database: str, works: Sequence[Callable[[Connection], None]]) -> None:
    """Do all *works*, HANDS at a time, each on a connection of its own."""

    def done(work: Callable[[Connection], None]) -> None:
        with ground.connect(database) as connection:
            for setting in HURRY:
                connection.execute(setting, prepare=False)
            work(connection)

    with ThreadPoolExecutor(HANDS) as hands:
        list(hands.map(done, works))
