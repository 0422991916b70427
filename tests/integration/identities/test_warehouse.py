"""The SQL of docs/warehouse.md keeps the map of a warehouse correct, on PostgreSQL and on DuckDB."""

import random
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest
from psycopg import sql
from uuid_utils.compat import uuid4

from app.db.connections import Pool
from cli.bulk.files import FileFormat
from cli.bulk.identity_export import CHANGES, IDS, Listing, flatten, format_rows
from cli.bulk.outputs.parquet import write_parquet
from tests.support.flask_caller import Caller
from tests.support.identities import feed, number_all, survivors
from tests.support.lane_runs import ask_to_merge, ext, run_jobs
from tests.support.profiles import track
from tests.support.undos import ask_to_undo, merge_one, rename

Json = dict[str, Any]

PAGE = Path(__file__).parents[3] / "docs" / "warehouse.md"
BLOCKS = re.findall(r"^```(?:sql|psql)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
COPY = re.compile(r"^\\copy (.*?) FROM '(.*?)' (.*)$", re.MULTILINE)


def blocks(heading: str) -> list[str]:
    """Return the blocks whose first line is *heading*; "" for the blocks without one."""
    return [each for each in BLOCKS if (re.match(r"-- (.*)\n", each) or ["", ""])[1] == heading]


class Warehouse(ABC):
    """A database that runs the blocks of the page."""

    name: str

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @abstractmethod
    def run(self, block: str) -> list[tuple[Any, ...]]:
        """Run the statements of *block*; return the rows of the last one."""

    def load(self, heading: str, listing: Listing, items: list[Json]) -> None:
        """Write *items* as the command does, and run the block that loads the file."""
        stem = "known" if listing is IDS else "changes"
        lines = self.folder / f"{stem}.jsonl"
        lines.write_bytes(format_rows(map(flatten, items), FileFormat.JSONL, listing.columns))
        write_parquet(lines, self.folder / f"{stem}.parquet", columns=listing.columns)
        (block,) = blocks(f"{self.name}: {heading}")
        self.run(block)

    def id_map(self) -> dict[tuple[str, str], str | None]:
        """Return the survivor of each id."""
        rows = self.run("SELECT id_type, id, survivor_braze_id FROM id_map")
        found = {(row[0], row[1]): row[2] for row in rows}

        assert len(found) == len(rows)
        return found


class PostgresWarehouse(Warehouse):
    """A schema of PostgreSQL."""

    name = "postgresql"

    def __init__(self, folder: Path, connection: psycopg.Connection[Any]) -> None:
        super().__init__(folder)
        self._connection = connection

    def run(self, block: str) -> list[tuple[Any, ...]]:
        parts = COPY.split(block)
        rows: list[tuple[Any, ...]] = []
        while parts:
            done = self._connection.execute(parts.pop(0))
            rows = done.fetchall() if done.description else []
            if parts:
                table, file, options = parts.pop(0), parts.pop(0), parts.pop(0)
                with done.copy(f"COPY {table} FROM STDIN {options}") as copy:
                    copy.write((self.folder / file).read_bytes())
        return rows


class DuckWarehouse(Warehouse):
    """A DuckDB in memory."""

    name = "duckdb"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._connection = duckdb.connect()
        self._connection.execute(f"SET file_search_path = '{folder}'")

    def run(self, block: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(block).fetchall()


@pytest.fixture(params=["postgresql", "duckdb"])
def warehouse(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Iterator[Warehouse]:
    """A warehouse without tables."""
    if request.param == "duckdb":
        yield DuckWarehouse(tmp_path)
        return
    with psycopg.connect(database_url) as connection:
        schema = sql.Identifier(f"warehouse_{uuid4().hex}")
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(schema))
        connection.execute(sql.SQL("SET LOCAL search_path = {}").format(schema))
        yield PostgresWarehouse(tmp_path, connection)
        connection.rollback()


def change(caller: Caller, pool: Pool, names: list[str], chance: random.Random) -> None:
    """Merge, undo, rename, remove and delete at random."""
    pairs = [chance.sample(names, 2) for _ in range(6)]
    jobs = run_jobs(caller, pool, ask_to_merge(caller, *((ext(a), ext(b)) for a, b in pairs)))
    for job in jobs:
        if job["outcome"] == "merged" and chance.random() < 0.4:
            run_jobs(caller, pool, ask_to_undo(caller, job["job_id"]))
    old, new = chance.choice(names), f"n{chance.random()}"
    renamed: Json = caller.post(
        "/users/external_ids/rename", {"external_id_renames": [{"current_external_id": old, "new_external_id": new}]}
    ).json
    if renamed["external_ids"]:
        names.append(new)
        if chance.random() < 0.5:
            caller.post("/users/external_ids/remove", {"external_ids": [old]})
    if chance.random() < 0.5:
        caller.post("/users/delete", {"external_ids": [chance.choice(names)]})


def compare(warehouse: Warehouse, caller: Caller, loaded: list[Json]) -> None:
    """Compare the map after the changes *loaded* with the survivors that Mergelane returns."""
    erased = {each["orphan"]["braze_id"] for each in loaded if each["kind"] == "delete"}
    expected = {
        (each["id_type"], each["id"]): (each["survivor"] or {}).get("braze_id")
        for each in survivors(caller)
        # The feed forgets the external_ids of a merged-away profile that a deletion named.
        if each["id_type"] == "braze_id" or each["braze_id"] not in erased
    }

    assert warehouse.id_map() == expected


@pytest.mark.parametrize("seed", range(2))
def test_the_map_of_a_warehouse_stays_correct(warehouse: Warehouse, caller: Caller, pool: Pool, seed: int) -> None:
    chance = random.Random(seed)
    names = [f"e{number}" for number in range(24)]
    track(caller, attributes=[{"external_id": each, "colour": "red"} for each in (*names, "x", "y")])
    for _ in range(2):
        change(caller, pool, names, chance)
    number_all(pool, caller)
    for block in blocks("")[:2]:
        warehouse.run(block)
    end = feed(caller)[-1]["cursor"]
    warehouse.load("known", IDS, survivors(caller))
    compare(warehouse, caller, [])
    loaded: list[Json] = []
    merge_one(caller, pool, ext("x"), ext("y"))
    for turn in range(4):
        change(caller, pool, names, chance)
        if turn == 1:
            rename(caller, "y", "y2")
            caller.post("/users/delete", {"external_ids": ["y2"]})
        number_all(pool, caller)
        # Some changes arrive twice.
        new = feed(caller, cursor=end)
        warehouse.load("changes", CHANGES, [*loaded[-3:], *new])
        loaded += new
        end = new[-1]["cursor"] if new else end
        warehouse.run(blocks("")[2])

        compare(warehouse, caller, loaded)

    assert len(BLOCKS) == len(blocks("")) + 5
    assert {"merge", "undo", "rename", "delete"} <= {each["kind"] for each in feed(caller)}


def test_the_example_of_the_page_sums_the_revenue_of_merged_profiles(
    warehouse: Warehouse, caller: Caller, pool: Pool
) -> None:
    track(caller, attributes=[{"external_id": each, "colour": "red"} for each in ("a", "b", "c")])
    ids = {each["id"]: each["survivor"]["braze_id"] for each in survivors(caller) if each["id_type"] == "external_id"}
    for block in blocks("")[:2]:
        warehouse.run(block)
    warehouse.run("CREATE TABLE purchase (braze_id text, price integer)")
    for name, price in (("a", 1), ("b", 2), ("c", 4), ("d", 8)):
        warehouse.run(f"INSERT INTO purchase VALUES ('{ids.get(name, 'new')}', {price})")
    run_jobs(caller, pool, ask_to_merge(caller, (ext("a"), ext("b"))))
    number_all(pool, caller)
    warehouse.load("changes", CHANGES, feed(caller))

    (example,) = blocks("example")
    assert sorted(map(tuple, warehouse.run(example))) == sorted([(ids["b"], 3), (ids["c"], 4), ("new", 8)])
