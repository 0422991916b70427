"""The audit of the packages: it reports a known vulnerability and fails, and reports a silent database and passes."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import orjson
import pytest

from tests.project.tree import ROOT, text_of

ADVISORY = {
    "id": "OSV-2026-1",
    "summary": "It can be talked into anything.",
    "published": "2026-01-01T00:00:00Z",
    "affected": [
        {
            "package": {"name": "talkative", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.1"}]}],
            "versions": ["1.0"],
        }
    ],
}


class Database(BaseHTTPRequestHandler):
    """An advisory database with one vulnerable package. It returns 500 for another package."""

    def do_POST(self) -> None:
        name = orjson.loads(self.rfile.read(int(self.headers["Content-Length"])))["package"]["name"]
        self.send_response(500 if name == "fatal" else 200)
        self.end_headers()
        self.wfile.write(orjson.dumps({"vulns": [ADVISORY]} if name == "talkative" else {}))

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def database() -> Iterator[str]:
    """The URL of an advisory database on this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Database)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def audit(folder: Path, pins: str, osv_url: str, *options: str) -> tuple[int, str]:
    """Audit *pins*. Return the exit status and the output."""
    constraints = folder / "constraints.txt"
    constraints.write_text(pins)
    command = [sys.executable, ".ci/audit.py", "--constraints", str(constraints), "--osv-url", osv_url, *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_a_known_vulnerability_fails_and_is_named(tmp_path: Path, database: str) -> None:
    status, told = audit(tmp_path, "quiet==2.0\ntalkative==1.0\n", database)

    assert status == 1
    assert told == ("talkative 1.0: OSV-2026-1, fixed in 1.1.\nPackages audited: 2. Advisories found: 1.\n")


def test_packages_without_a_vulnerability_pass(tmp_path: Path, database: str) -> None:
    assert audit(tmp_path, "quiet==2.0\n", database) == (0, "Packages audited: 1. Advisories found: 0.\n")


@pytest.mark.parametrize("pins", ["quiet==2.0\n", "fatal==1.0\n"])
def test_an_absent_vulnerability_database_is_reported_and_passes(tmp_path: Path, database: str, pins: str) -> None:
    nowhere = "http://127.0.0.1:1/v1/query" if pins.startswith("quiet") else database
    status, told = audit(tmp_path, pins, nowhere)

    assert status == 0
    assert told.startswith("The packages were not audited: ")


def test_a_database_that_does_not_answer_is_reported_and_passes(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1/query"
        status, told = audit(tmp_path, "quiet==2.0\n", url, "--patience", "0.2")

    assert status == 0
    assert told.startswith("The packages were not audited: ")


def test_pins_that_cannot_be_read_fail(tmp_path: Path, database: str) -> None:
    status, told = audit(tmp_path, "quiet>=2.0\n", database)

    assert status == 1
    assert told.startswith("The audit of the packages failed:")


def test_it_is_part_of_every_check() -> None:
    recipe = text_of("Makefile").split("\ncheck:", 1)[1].split("\n\n", 1)[0]

    assert ".ci/audit.py" in recipe
