"""The same pairs in one workspace or in many, drained from a prepared backlog."""

from app.db.connections import Connection
from app.db.queries import load_queries
from bench.contenders import Mergelane, running
from bench.ground import Ground
from bench.running import wait_until
from bench.usage import cpu_seconds, spent
from bench.world import (
    BATCH,
    ORPHAN,
    SURVIVOR,
    WORKSPACE_ID,
    World,
    check,
    empty_world,
    plant,
    run_query,
    run_statement,
    settle,
    stock,
)

QUERIES = load_queries("bench", "spread.sql")
#: Maximum seconds of a drain, and seconds between two checks.
DRAIN_S, CHECK_S = 300.0, 0.2
MILLISECONDS = 1_000


def make_spread_world(ground: Ground, *, pairs: int, workspaces: int) -> World:
    """Return a database whose pairs are in equal parts in *workspaces* workspaces, with a backlog.

    A request has fifty updates, or as many as its workspace has pairs.
    """
    database = empty_world(ground)
    each = pairs // workspaces
    with ground.connect(database) as connection:
        for role in (SURVIVOR, ORPHAN):
            plant(connection, role=role, first=0, count=each * workspaces)
        size = min(BATCH, each)
        span = {"first": 0, "last": each * workspaces - 1, "pairs": each * workspaces, "stride": 1}
        run_query(connection, "plant_backlog", {"workspace_id": WORKSPACE_ID, "size": size, "published": False, **span})
        if workspaces > 1:
            _spread(connection, each=each, workspaces=workspaces)
        settle(connection)
    return World(database, each * workspaces)


def _spread(connection: Connection, *, each: int, workspaces: int) -> None:
    """Move profiles, aliases, batches and jobs from the first workspace to all."""
    # No trigger runs and no foreign key is checked, as in a restore: all rows of a pair move together.
    connection.execute("SET session_replication_role = replica", prepare=False)
    for name in ("add_workspaces", "spread_aliases", "spread_profiles", "spread_batches", "spread_jobs"):
        run_statement(connection, QUERIES[name], {"each": each, "workspaces": workspaces, "room": 10**8})
    connection.execute("SET session_replication_role = origin", prepare=False)
    connection.execute("VACUUM FULL", prepare=False)


def drain_workspaces(ground: Ground, world: World, *, warm: int) -> tuple[float, float]:
    """Drain the whole backlog; return merges per second after the first *warm*, and processor ms of a merge."""
    product = Mergelane(ground, world, ground.copy(world.database))
    with running(product) as connection:
        ground.empty_broker()
        before = stock(connection)
        ground.checkpoint()
        product.start_backstage()
        ours = {connection.info.backend_pid}
        used = cpu_seconds(product.everything, without=ours)
        (row,) = connection.execute(QUERIES["count_ended"], prepare=False).fetchall()
        wait_until(lambda: _is_drained(connection), seconds=DRAIN_S, every=CHECK_S, what="all workspaces to be drained")
        took = spent(used, cpu_seconds(product.everything, without=ours))
        check(before, stock(connection), merged=world.pairs)
        (ends,) = connection.execute(QUERIES["read_ends"], {"warm": warm}, prepare=False).fetchall()
    rate = (world.pairs - warm) / (ends["last_at"] - ends["warm_at"])
    return rate, sum(took.values()) * MILLISECONDS / (world.pairs - row["jobs"])


def _is_drained(connection: Connection) -> bool:
    (row,) = connection.execute(QUERIES["is_drained"], prepare=False).fetchall()
    return bool(row["drained"])
