"""The contenders `plain` and `limit` of the benchmark write the same rows as the product's lanes."""

from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from app.audit.recorded_changes import changes_of_record
from app.config import Settings
from app.db.connections import Connection, open_pool
from app.lane.run import Lane, execute_lane
from bench.ground import Ground
from bench.limit import Limit
from bench.plain import run_job
from bench.world import WORKSPACE_ID, World, make_world, plant_backlog

PAIRS = 40
#: Columns that contain only times.
TIMES = {"updated_at"}


def job_ids(connection: Connection) -> list[UUID]:
    return [row["id"] for row in connection.execute("SELECT id FROM job ORDER BY id")]


def end_state(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of the tables without times and ids of jobs."""
    queries = {
        "profiles": "SELECT * FROM profile ORDER BY id",
        "aliases": "SELECT * FROM user_alias ORDER BY name",
        "redirects": "SELECT orphan_id, survivor_id, braze_id, external_id FROM redirect ORDER BY orphan_id",
        "origins": "SELECT * FROM origin ORDER BY origin_id",
        "records": "SELECT * FROM merge_record ORDER BY orphan_id",
        "jobs": "SELECT index, state, outcome, orphan_id, survivor_id, orphan_external_id FROM job ORDER BY id",
    }
    found = {}
    for name, query in queries.items():
        rows = connection.execute(query).fetchall()
        found[name] = [{column: value for column, value in row.items() if column not in TIMES} for row in rows]
    kept = ("orphan_id", "survivor_id", "origins")
    found["records"] = [
        {**{name: row[name] for name in kept}, "changes": list(changes_of_record(row))} for row in found["records"]
    ]
    return found


def merged_plainly(ground: Ground, world: World) -> dict[str, list[dict[str, Any]]]:
    database = ground.copy(world.database)
    with ground.connect(database) as connection:
        plant_backlog(connection, world, first=0, count=PAIRS, published=True)
        for job_id in job_ids(connection):
            run_job(connection, Settings(), workspace_id=WORKSPACE_ID, job_id=job_id, task_id=uuid7())
        return end_state(connection)


def merged_in_a_lane(ground: Ground, world: World) -> dict[str, list[dict[str, Any]]]:
    database = ground.copy(world.database)
    settings = Settings(database_url=ground.url(database))
    with open_pool(settings, name="test") as pool, ground.connect(database) as connection:
        plant_backlog(connection, world, first=0, count=PAIRS, published=True)
        execute_lane(pool, settings, Lane(workspace_id=WORKSPACE_ID, job_ids=job_ids(connection), task_id=uuid7()))
        return end_state(connection)


def merged_at_the_limit(ground: Ground, world: World) -> dict[str, list[dict[str, Any]]]:
    database = ground.copy(world.database)
    limit = Limit(ground, world, database)
    with ground.connect(database) as connection:
        limit.prepare(connection, warm=0, count=PAIRS)
        limit.merge()
        limit.stop()
        return end_state(connection)


def test_the_plain_contender_writes_the_same_profiles_traces_and_outcomes(bench_ground: Ground) -> None:
    world = make_world(bench_ground, PAIRS)
    plain, ours = merged_plainly(bench_ground, world), merged_in_a_lane(bench_ground, world)

    assert {job["outcome"] for job in ours["jobs"]} == {"merged"}
    for what, rows in ours.items():
        assert plain[what] == rows, what


def test_the_limit_writes_the_same_profiles_traces_and_outcomes_without_changes(bench_ground: Ground) -> None:
    world = make_world(bench_ground, PAIRS)
    limit, ours = merged_at_the_limit(bench_ground, world), merged_in_a_lane(bench_ground, world)

    for record in (*limit["records"], *ours["records"]):
        del record["changes"]
    for what, rows in ours.items():
        assert limit[what] == rows, what
