"""Migrations, processes and the command line accept every form of URL that libpq accepts."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from click.testing import CliRunner
from psycopg.conninfo import conninfo_to_dict

from app.config import Settings
from app.db import migrations, schema_version, startup
from app.db.connections import open_pool
from app.errors import SetupError
from chaos.proxy import Proxy
from cli.main import main
from tests.support.processes import free_port

WITH_SCHEMA = "options=-csearch_path%3Dml"


@pytest.fixture
def socket(empty_database_url: str) -> Path:
    """The folder of the server's socket."""
    return Path(str(conninfo_to_dict(empty_database_url)["host"]))


@pytest.fixture
def database(empty_database_url: str) -> str:
    return str(conninfo_to_dict(empty_database_url)["dbname"])


@pytest.fixture
def port(socket: Path) -> Iterator[int]:
    """A TCP port of the server."""
    proxy = Proxy(lambda: socket / ".s.PGSQL.5432")
    proxy.start()
    try:
        yield proxy.port
    finally:
        proxy.stop()


def uses(url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Migrate by *url*, then use the schema as commands and processes do. Return the schema of the tables."""
    monkeypatch.setenv("DATABASE_URL", url)
    runner = CliRunner()
    assert runner.invoke(main, ["migrate", "--home", "/nowhere"]).output.startswith("The schema is at revision")
    command = ["keys", "create", "--workspace", "default", "--label", "first", "--permission", "*"]
    assert runner.invoke(main, [*command, "--home", "/nowhere"]).exit_code == 0
    settings = Settings.from_environ()
    startup.require_schema(settings)
    with open_pool(settings, name="test") as pool, pool.connection() as connection:
        row = connection.execute("SELECT to_regclass('job') AS job, current_schema() AS schema").fetchone()
    assert row is not None
    assert row["job"] == "job"
    return str(row["schema"])


def test_several_hosts_with_an_unreachable_first_one(port: int, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = f"127.0.0.1:{free_port()},127.0.0.1:{port}"

    assert uses(f"postgresql://postgres@{hosts}/{database}?target_session_attrs=read-write", monkeypatch) == "public"


def test_a_list_of_ports(port: int, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"postgresql://postgres@127.0.0.1,127.0.0.1/{database}?port={free_port()},{port}"

    assert uses(url, monkeypatch) == "public"


def test_a_socket_whose_path_is_percent_encoded(socket: Path, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert uses(f"postgresql://postgres@{quote(str(socket), safe='')}:5432/{database}", monkeypatch) == "public"


def test_names_and_values_instead_of_a_url(port: int, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"host=127.0.0.1 port={port} user=postgres dbname={database} password='of no use'"

    assert uses(url, monkeypatch) == "public"


def test_a_service_and_its_file(port: int, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "services"
    file.write_text(
        f"[ours]\nhost=127.0.0.1\nport={port}\nuser=postgres\ndbname={database}\noptions=-csearch_path=ml\n"
    )
    monkeypatch.setenv("PGSERVICEFILE", str(file))
    with psycopg.connect("service=ours") as connection:
        connection.execute("CREATE SCHEMA ml")

    assert uses("postgresql://?service=ours", monkeypatch) == "ml"


def test_only_the_variables_of_libpq(port: int, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"HOST": "127.0.0.1", "PORT": str(port), "USER": "postgres", "DATABASE": database}.items():
        monkeypatch.setenv(f"PG{name}", value)

    assert uses("", monkeypatch) == "public"


@pytest.mark.parametrize("place", ["url", "PGOPTIONS"])
def test_migrations_commands_and_processes_use_the_schema_of_the_options(
    empty_database_url: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(empty_database_url) as connection:
        connection.execute("CREATE SCHEMA ml")
    migrations.upgrade_schema(empty_database_url)  # a second installation, which must not change
    if place == "PGOPTIONS":
        monkeypatch.setenv("PGOPTIONS", "-csearch_path=ml")

    assert uses(f"{empty_database_url}&{WITH_SCHEMA}" if place == "url" else empty_database_url, monkeypatch) == "ml"

    monkeypatch.delenv("PGOPTIONS", raising=False)
    with psycopg.connect(empty_database_url) as connection:
        counts = connection.execute(
            "SELECT (SELECT count(*) FROM ml.api_key), (SELECT count(*) FROM public.api_key)"
        ).fetchone()
    assert counts == (1, 0)


def test_a_command_before_the_migration_reports_the_missing_schema(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    needed = schema_version.required_revision()
    sentence = (
        f"The database has no schema, and this version of Mergelane needs {needed}; run `mergelane migrate` first."
    )
    for command in (["keys", "list"], ["keys", "find", "k"], ["limits", "show", "--workspace", "w"]):
        result = CliRunner().invoke(main, [*command, "--home", "/nowhere"])

        assert (result.exit_code, result.output) == (1, f"Error: {sentence}\n")


def test_a_search_path_that_only_the_database_sets_is_refused(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA ml")
        migrations.upgrade_schema(f"{empty_database_url}&{WITH_SCHEMA}")
        connection.execute(
            f"ALTER DATABASE {conninfo_to_dict(empty_database_url)['dbname']} SET search_path = ml".encode()
        )

        with pytest.raises(SetupError, match=r"in the schema ml, .* add options=-csearch_path%3Dml to the URL"):
            migrations.upgrade_schema(empty_database_url)
        assert connection.execute("SELECT to_regclass('public.job')").fetchone() == (None,)
    assert migrations.database_revision(f"{empty_database_url}&{WITH_SCHEMA}") == migrations.newest_revision()
