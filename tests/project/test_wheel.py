"""The wheel contains the four packages with all files that they read at run time, and nothing else."""

import email
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.project.tree import PACKAGES, ROOT, name_of, packaged


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """Build the wheel as any installer would, and open it."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        yield archive


def metadata(wheel: zipfile.ZipFile, file: str) -> str:
    (name,) = [name for name in wheel.namelist() if name.endswith(f".dist-info/{file}")]
    return wheel.read(name).decode()


def test_its_top_level_is_the_four_packages(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/", 1)[0] for name in wheel.namelist()}

    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)
    assert len(tops) == len(PACKAGES) + 1


@pytest.mark.parametrize("pattern", ["*.py", "*.sql", "*.html", "*.js", "*.css", "*.svg", "*.txt"])
def test_it_contains_every_module_query_and_page(wheel: zipfile.ZipFile, pattern: str) -> None:
    shipped = {name for name in wheel.namelist() if Path(name).match(pattern) and ".dist-info/" not in name}

    assert shipped == {name_of(path) for path in packaged(pattern)}


def test_it_contains_the_migrations(wheel: zipfile.ZipFile) -> None:
    shipped = set(wheel.namelist())

    assert "app/db/migrations/env.py" in shipped
    assert any(name.startswith("app/db/migrations/versions/") for name in shipped)
    assert any(name.startswith("app/db/migrations/sql/") for name in shipped)


def test_an_index_refuses_it(wheel: zipfile.ZipFile) -> None:
    told = email.message_from_string(metadata(wheel, "METADATA"))

    assert told["Name"] == "mergelane"
    assert "Private :: Do Not Upload" in told.get_all("Classifier", [])


def test_its_one_script_is_mergelane(wheel: zipfile.ZipFile) -> None:
    assert metadata(wheel, "entry_points.txt").split("\n") == ["[console_scripts]", "mergelane = cli.__main__:run", ""]
