"""Rules of the code that no linter checks."""

import ast
import re
from pathlib import Path

import pytest

from tests.project.tree import PACKAGES, files, name_of, packaged, parsed

MODULES = packaged("*.py")
LONGEST_FILE = 300
LONGEST_FUNCTION = 60


def environment_readers() -> set[str]:
    """Return the modules that read the environment, by `os` or by an import from it."""
    names = {"environ", "environb", "getenv", "getenvb"}
    return {
        name_of(path)
        for path in MODULES
        for node in ast.walk(parsed(path))
        if (isinstance(node, ast.Attribute) and node.attr in names and ast.unparse(node.value) == "os")
        or (isinstance(node, ast.ImportFrom) and node.module == "os" and names & {alias.name for alias in node.names})
    }


def test_only_config_reads_the_environment() -> None:
    assert environment_readers() == {"app/config.py", "app/environment.py"}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_file_is_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE


def test_no_function_is_long() -> None:
    functions = (
        (f"{name_of(path)}:{node.lineno} {node.name}", (node.end_lineno or node.lineno) - node.lineno + 1)
        for path in MODULES
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )

    assert [name for name, lines in functions if lines > LONGEST_FUNCTION] == []


def test_no_task_runs_eagerly() -> None:
    """Celery's eager mode calls a function without a broker or a worker, so it tests no task."""
    switch = re.compile(r"task_always_eager['\"\]]*\s*[:=]", re.IGNORECASE)
    modules = [path for path in files() if path.suffix == ".py" and path != Path(__file__)]

    assert [name_of(path) for path in modules if switch.search(path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_defines_nothing_named_app(package: str) -> None:
    """Celery would take it for its application."""
    assert not any(
        isinstance(node, ast.Name) and node.id == "app" and isinstance(node.ctx, ast.Store)
        for path in MODULES
        if name_of(path) == f"{package}/__init__.py"
        for node in ast.walk(parsed(path))
    )


def test_every_folder_of_a_package_is_a_package() -> None:
    loaded_by_path = {"app/db/migrations/versions"}
    bare = {name_of(path.parent) for path in MODULES if not (path.parent / "__init__.py").exists()}

    assert bare <= loaded_by_path


def test_the_folders_of_tests_are_known() -> None:
    folders = {Path(name_of(path)).parts[1] for path in files() if name_of(path).startswith("tests/")}

    assert folders <= {"unit", "integration", "contract", "e2e", "chaos", "model", "project", "support", "conftest.py"}


def test_every_file_with_tests_has_a_name_that_pytest_collects() -> None:
    suites = ("tests/unit/", "tests/integration/", "tests/contract/", "tests/e2e/", "tests/chaos/", "tests/project/")
    unseen = [
        name_of(path)
        for path in files()
        if path.suffix == ".py"
        and name_of(path).startswith(suites)
        and not path.name.startswith("test_")
        and any(isinstance(node, ast.FunctionDef) and node.name.startswith("test_") for node in parsed(path).body)
    ]

    assert unseen == []
