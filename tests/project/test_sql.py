"""Every query has a unique name, a line that says what it does, and a module that runs it."""

import ast
import re
from pathlib import Path

import pytest

from app.db.queries import HEADING, parse_queries
from tests.project.tree import name_of, packaged, parsed

FILES = [path for path in packaged("*.sql") if path.parent.name == "sql"]
QUERIES = [path for path in FILES if path.parent.parent.name != "migrations"]
#: Migrations after the schema. The files of the schema itself have names without numbers.
MIGRATIONS = [path for path in FILES if path.parent.parent.name == "migrations" and re.match(r"\d", path.name)]
#: It lists the databases of a server before our tables exist.
WITHOUT_TABLES = {"cli/up/embedded_postgres.py"}


def queries(path: Path) -> list[tuple[str, str]]:
    """Return name and text of each query of the file at *path*."""
    return parse_queries(path.read_text(encoding="utf-8"))


def strings_beside(path: Path) -> set[str]:
    """Return the strings in the modules of the package that has the file at *path* in its sql/ folder."""
    modules = path.parent.parent.rglob("*.py")
    nodes = (node for module in modules for node in ast.walk(parsed(module)))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_there_are_queries() -> None:
    assert QUERIES


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
def test_every_query_has_a_description(path: Path) -> None:
    silent = [name for name, text in queries(path) if not re.match(r"\s*-- \w", text)]

    assert silent == []


@pytest.mark.parametrize("path", QUERIES, ids=name_of)
def test_every_query_is_run_by_a_module_of_its_package(path: Path) -> None:
    strings = strings_beside(path)

    assert path.name in strings
    assert [name for name, _ in queries(path) if name not in strings] == []


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_columns_are_named(path: Path) -> None:
    """A prepared query of all columns fails on every connection when a migration adds a column."""
    every = re.compile(r"(?:\b(?:SELECT|RETURNING)\s+(?:DISTINCT\s+)?|,\s*|\b\w+\.)\*(?!\w)", re.IGNORECASE)
    code = re.sub(r"--[^\n]*|'[^']*'", "", path.read_text(encoding="utf-8"))

    assert every.findall(code) == []


def test_a_migration_has_a_number_and_a_revision() -> None:
    for path in MIGRATIONS:
        revision = path.parent.parent / "versions" / f"{path.stem}.py"
        assert re.fullmatch(r"\d{4}_[a-z_]+", path.stem)
        assert re.search(rf'run_sql(?:_alone)?\("{path.name}"\)', revision.read_text(encoding="utf-8"))


def test_migrations_are_numbered_without_gaps() -> None:
    numbers = [path.name[:4] for path in MIGRATIONS]
    first = 25  # 0024 is the schema

    assert numbers == [f"{number:04}" for number in range(first, first + len(numbers))]


def test_modules_contain_no_sql() -> None:
    statement = re.compile(
        r"^\s*(SELECT\s.+\sFROM|INSERT INTO|UPDATE\s+\w+\s+SET|DELETE FROM|WITH\s+\w+\s+AS)\s", re.DOTALL
    )
    strings = {
        f"{name_of(path)}:{node.lineno}"
        for path in packaged("*.py")
        if name_of(path) not in WITHOUT_TABLES
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and statement.match(node.value)
    }

    assert strings == set()


def test_a_statement_that_makes_a_job_pending_sets_its_due_time_or_lane() -> None:
    """The trigger wake_relay depends on it."""
    pending = re.compile(r"\bUPDATE job\b(?:(?!\bWHERE\b).)*\bpublished_at = NULL\b(?:(?!\bWHERE\b).)*", re.DOTALL)
    found = [(name, set_list) for path in QUERIES for name, text in queries(path) for set_list in pending.findall(text)]

    assert len(found) >= 4
    assert [name for name, set_list in found if not re.search(r"\b(due_at|lane) = ", set_list)] == []
