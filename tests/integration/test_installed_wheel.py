"""The wheel in its own environment, without the source: it migrates a database and serves its pages."""

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from app.environment import child_environ
from tests.project.tree import ROOT

PAGES = (
    *("/health/live", "/openapi.json", "/docs", "/docs/swagger-ui.css"),
    *("/console/sign-in", "/console/parts/htmx.min.js"),
)
SERVE = f"""
from app.config import Settings
from app.web import create_app

client = create_app(Settings()).test_client()
print(*(client.get(page).status_code for page in {PAGES!r}))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs of an environment with the wheel, and with the packages of this one."""
    folder = tmp_path_factory.mktemp("installed")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    venv.create(folder / "venv", symlinks=True)
    python = folder / "venv" / "bin" / "python"
    install = ["install", "--quiet", "--no-index", "--no-deps", *map(str, folder.glob("*.whl"))]
    subprocess.run([sys.executable, "-m", "pip", "--python", str(python), *install], check=True, capture_output=True)
    (packages,) = (folder / "venv" / "lib").glob("python*/site-packages")
    # A path in such a file is searched last, and the files with paths in it are not read: the editable source is not.
    (packages / "further.pth").write_text(sysconfig.get_path("purelib"))
    return python.parent


def run(installed: Path, *command: str, **variables: str) -> str:
    environ = {name: value for name, value in child_environ(**variables).items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(installed / command[0]), *command[1:]],
        cwd=installed,
        env=environ,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_its_code_is_the_code_of_the_wheel(installed: Path) -> None:
    where = run(installed, "python", "-c", "import app, cli, schemas, workers; print(app, cli, schemas, workers)")

    assert where.count(f"{installed.parent}/lib/") == 4


def test_its_command_lists_the_subcommands(installed: Path) -> None:
    assert "migrate" in run(installed, "mergelane", "--help")


def test_it_migrates_a_database_and_serves_its_pages(installed: Path, empty_database_url: str) -> None:
    run(installed, "mergelane", "migrate", DATABASE_URL=empty_database_url)
    statuses = run(installed, "python", "-c", SERVE, DATABASE_URL=empty_database_url)

    assert statuses.split() == ["200"] * len(PAGES)
