"""Each process of `mergelane up` runs as an ordinary user and has only the secrets that it uses."""

import os
import pwd
import subprocess
from collections.abc import Iterator

import psutil
import pytest

from app.config import variable
from cli.up.commands import DIRECTORY
from cli.up.process_environ import OWNERS, SECRETS
from cli.up.safe_folders import passable_temporary_folder
from cli.up.system_user import DATABASE_USER, PROCESS_USER
from tests.support.folders import let_pass
from tests.support.readable_python import ReadablePython, readable_python
from tests.support.up import DEV_KEY, Up, environ_of

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="Only root can change the user of a process.")
#: A value for each secret setting, which the tests search for in each environment.
VALUES = {
    "rate_limit_url": "memory://",
    "database_replica_url": "postgresql://reader@127.0.0.1:1/the-standby",
    "key_pepper": "the-pepper-of-the-keys",
    "webhook_pepper": "the-pepper-of-the-webhooks",
    "flower_basic_auth": "ada:the-password-of-flower",
    "otel_exporter_otlp_endpoint": "http://127.0.0.1:1/traces-with-a-token",
    "api_key": "the-key-of-the-command-line",
    "process_password": "the-password-of-the-processes",
}
#: Secrets that are no settings, or that no process uses.
OTHERS = {"PGPASSWORD": "the-password-of-a-user", "OTEL_EXPORTER_OTLP_HEADERS": "authorization=the-token-of-traces"}
#: Values that no process gets: the owner's URL, the key of clients, a password of another server, and paths of secrets.
WITHHELD = ("postgresql://postgres@", DEV_KEY, "the-password-of-a-user", "PEPPER_FILE=")


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> ReadablePython:
    folder = tmp_path_factory.mktemp("python")
    let_pass(folder)
    return readable_python(folder)


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory, python: ReadablePython) -> Iterator[Up]:
    """A running `mergelane up` with every secret."""
    pepper_file = tmp_path_factory.mktemp("secrets") / "pepper"
    pepper_file.write_text(VALUES["webhook_pepper"])
    pepper_file.chmod(0o600)
    given = {variable(name): value for name, value in VALUES.items() if name != "webhook_pepper"}
    given["MERGELANE_WEBHOOK_PEPPER_FILE"] = str(pepper_file)
    # A short path, so that the sockets are in the home.
    with passable_temporary_folder("up-") as folder:
        up = Up(folder, environ={**given, **OTHERS, **python.environ}, python=python.program)
        try:
            yield up.start()
        finally:
            up.end()


def family(up: Up) -> Iterator[tuple[str, psutil.Process]]:
    """Yield each process below *up*, after the name of its program."""
    for name, child in up.look().items():
        for process in (child, *child.children(recursive=True)):
            yield name.rstrip("0123456789"), process


def test_each_process_has_exactly_its_secrets_in_its_environment(up: Up) -> None:
    values = {**VALUES, "broker_url": "redis+socket:", "database_url": "DATABASE_URL=postgresql://mergelane_processes@"}
    environs = [(name, environ_of(process)) for name, process in family(up)]

    assert {name for name, _ in environs} == SECRETS.keys() - OWNERS
    for name, environ in environs:
        found = {secret for secret, value in values.items() if value in environ}
        assert (name, found) == (name, SECRETS[name])
        assert ("the-token-of-traces" in environ) is ("otel_exporter_otlp_endpoint" in found)
        assert [text for text in WITHHELD if text in environ] == []


@AS_ROOT
def test_no_process_is_root(up: Up) -> None:
    users = {(name, process.username()) for name, process in family(up)}

    assert users == {(name, DATABASE_USER if name == "postgres" else PROCESS_USER) for name in {n for n, _ in users}}
    assert "Warning" not in up.output


@AS_ROOT
def test_no_process_has_the_groups_of_root(up: Up) -> None:
    for _, process in family(up):
        with open(f"/proc/{process.pid}/status", encoding="ascii") as status:  # noqa: PTH123  a file of the kernel
            (groups,) = [line.split()[1:] for line in status if line.startswith("Groups:")]
        assert "0" not in groups


@AS_ROOT
@pytest.mark.parametrize(
    ("role", "said"), [("postgres", "Peer authentication failed"), ("mergelane_processes", "mergelane_processes")]
)
def test_the_processes_cannot_log_in_as_the_owner_of_the_database(
    up: Up, python: ReadablePython, role: str, said: str
) -> None:
    url = f"host={up.home}/postgres-socket dbname=mergelane user={role}"
    code = f"import psycopg; print(psycopg.connect({url!r}).execute('SELECT current_user').fetchone())"
    user = pwd.getpwnam(PROCESS_USER)
    done = subprocess.run(
        [python.program, "-c", code],
        env={**os.environ, **python.environ},
        cwd=DIRECTORY,
        user=user.pw_uid,
        group=user.pw_gid,
        extra_groups=[],
        capture_output=True,
        text=True,
        check=False,
    )

    assert said in done.stdout + done.stderr


@AS_ROOT
def test_each_folder_in_the_home_has_the_expected_mode(up: Up) -> None:
    modes = {path.name: path.stat().st_mode & 0o777 for path in up.home.iterdir()}

    assert modes == {
        "logs": 0o700,
        "run": 0o700,
        "redis": 0o700,
        "postgres": 0o700,
        "postgres-socket": 0o710,
        "postgres-access": 0o755,
    }


def test_merges_succeed(up: Up) -> None:
    client = up.client()
    try:
        client.track(attributes=[{"external_id": "ordinary-1", "first_name": "Ada"}, {"external_id": "ordinary-2"}])

        assert client.merged([("ordinary-1", "ordinary-2")]) == ["merged"]
    finally:
        client.close()
