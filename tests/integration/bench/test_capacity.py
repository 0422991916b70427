"""The bytes per row in the estimate of the capacity match the rows of the benchmark."""

from uuid_utils.compat import uuid7

from app.config import Settings
from app.db.connections import Connection, open_pool
from app.lane.run import Lane, execute_lane
from bench import capacity
from bench.ground import Ground
from bench.world import WORKSPACE_ID, make_world, plant_backlog

PAIRS = 1_000
EVENTS = 20_000
#: Tables are whole pages, and their free space differs.
TOLERANCE = 0.2
SIZES = """
    SELECT relname AS name, pg_total_relation_size(oid) AS bytes
    FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""
ADD_EVENTS = """
    INSERT INTO custom_event (workspace_id, origin_id, name, occurred_at, properties)
    SELECT 1, 1 + mod(number, 1000), 'event', now() - number * interval '1 s', jsonb_build_object('page', number)
    FROM generate_series(1, %s) AS number
"""


def sizes(connection: Connection) -> dict[str, int]:
    return {row["name"]: row["bytes"] for row in connection.execute(SIZES)}


def test_rows_have_the_estimated_number_of_bytes(bench_ground: Ground) -> None:
    world = make_world(bench_ground, PAIRS)
    settings = Settings(database_url=bench_ground.url(world.database))
    with bench_ground.connect(world.database) as connection, open_pool(settings, name="test") as pool:
        people = sizes(connection)
        plant_backlog(connection, world, first=0, count=PAIRS, published=True)
        ids = [row["id"] for row in connection.execute("SELECT id FROM job ORDER BY id")]
        for first in range(0, PAIRS, 50):
            lane = Lane(workspace_id=WORKSPACE_ID, job_ids=ids[first : first + 50], task_id=uuid7())
            execute_lane(pool, settings, lane)
        merged = sizes(connection)
        connection.execute(ADD_EVENTS, [EVENTS])
        with_events = sizes(connection)
    kept = ("batch", "job", "merge_record", "redirect", "origin")
    measured = {
        "profile": sum(people[name] for name in ("profile", "user_alias")) / PAIRS / 2,
        "merge": sum(merged[name] - people[name] for name in kept) / PAIRS,
        "event": (with_events["custom_event"] - merged["custom_event"]) / EVENTS,
    }
    estimated = {
        "profile": capacity.PROFILE_BYTES,
        "merge": capacity.MERGE_BYTES,
        "event": capacity.EVENT_BYTES,
    }

    wrong = {name for name, given in estimated.items() if abs(measured[name] / given - 1) > TOLERANCE}
    assert wrong == set(), measured
