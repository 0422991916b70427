"""Every query has one name, one line that says what it does, and a module that runs it."""

import ast
import re
from pathlib import Path

import pytest

from app.db import HEADING
from tests.project.tree import name_of, packaged, parsed

QUERIES = [path for path in packaged("*.sql") if path.parent.parent.name != "migrations"]
# It asks the server which databases there are, before there is a table of ours.
ASKS_THE_SERVER = {"cli/up/embedded_postgres.py"}
# It runs after the migrations, whenever somebody migrates.
AFTERWARDS = {"access.sql"}
MIGRATIONS = [
    path for path in packaged("*.sql") if path.parent.parent.name == "migrations" and path.name not in AFTERWARDS
]


def queries(path: Path) -> list[tuple[str, str]]:
    """Return the queries of the file at *path*: name and text."""
    _, *parts = HEADING.split(path.read_text(encoding="utf-8"))
    return list(zip(parts[::2], parts[1::2], strict=True))


def strings_beside(path: Path) -> set[str]:
    """Return the strings in the modules of the package whose sql/ folder holds the file at *path*."""
    modules = path.parent.parent.rglob("*.py")
    nodes = (node for module in modules for node in ast.walk(parsed(module)))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_there_are_queries_and_migrations() -> None:
    assert QUERIES
    assert MIGRATIONS


@pytest.mark.parametrize("path", QUERIES, ids=name_of)
def test_the_names_in_a_file_differ(path: Path) -> None:
    names = [name for name, _ in queries(path)]

    assert names
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("path", QUERIES, ids=name_of)
def test_every_heading_is_well_formed(path: Path) -> None:
    begun = [line for line in path.read_text(encoding="utf-8").splitlines() if re.match(r"--\s*name\b", line)]

    assert [line for line in begun if not HEADING.fullmatch(line)] == []


@pytest.mark.parametrize("path", QUERIES, ids=name_of)
def test_every_query_says_what_it_does(path: Path) -> None:
    mute = [name for name, text in queries(path) if not re.match(r"\s*-- \w", text)]

    assert mute == []


@pytest.mark.parametrize("path", QUERIES, ids=name_of)
def test_every_query_is_run_by_a_module_of_its_package(path: Path) -> None:
    spoken = strings_beside(path)

    assert path.name in spoken
    assert [name for name, _ in queries(path) if name not in spoken] == []


@pytest.mark.parametrize("path", MIGRATIONS, ids=name_of)
def test_a_migration_has_its_number_and_its_revision(path: Path) -> None:
    revision = path.parent.parent / "versions" / f"{path.stem}.py"

    assert re.fullmatch(r"\d{4}_[a-z_]+", path.stem)
    assert re.search(rf'run_sql(?:_alone)?\("{path.name}"\)', revision.read_text(encoding="utf-8"))


def test_no_two_migrations_have_one_number() -> None:
    numbers = [path.name[:4] for path in MIGRATIONS]

    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]


def test_no_sql_is_written_in_modules() -> None:
    statement = re.compile(
        r"^\s*(SELECT\s.+\sFROM|INSERT INTO|UPDATE\s+\w+\s+SET|DELETE FROM|WITH\s+\w+\s+AS)\s", re.DOTALL
    )
    spoken = {
        f"{name_of(path)}:{node.lineno}"
        for path in packaged("*.py")
        if name_of(path) not in ASKS_THE_SERVER
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and statement.match(node.value)
    }

    assert spoken == set()
