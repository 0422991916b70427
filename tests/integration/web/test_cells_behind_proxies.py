"""Two cells behind one nginx or HAProxy with the examples in deploy/: the label of a workspace selects its cell."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from app import keys
from app.config import Settings
from app.db.connections import Connection
from app.moving.workspaces import start_workspace_ids
from cli.database import session
from tests.support.postgres import Databases, make_database_url
from tests.support.processes import free_port
from tests.support.proxies import DEPLOY, running_haproxy, running_nginx, web_server

database_url = make_database_url(scope="module")

CELLS = ("eu-1", "eu-2")
TRUST = {"MERGELANE_TRUSTED_PROXIES": "127.0.0.0/8, ::1"}
#: A key in the old format, which has no label.
OLD_KEY = "ml_Ab3d-fGh1jKlMnOpQrStUvWxYz0123456789-abcdefg"


@dataclass(frozen=True)
class Cells:
    """The ports of two cells, with the default cell first, and a key of a workspace in each."""

    ports: tuple[int, int]
    secrets: tuple[str, str]
    label: str


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory, databases: Databases, database_url: str) -> Iterator[Cells]:
    """Two cells, each with a web server."""
    with databases.lend(databases.create()) as other_url:
        with session(Settings(), database_url, name="test") as here:
            default = make_key(here, "near")
            keys.ensure_key(here, key=OLD_KEY, workspace="old")
        with session(Settings(), other_url, name="test") as there:
            start_workspace_ids(there, 1_000_001)
            other = make_key(there, "far")
            (row,) = there.execute("SELECT route_label FROM workspace").fetchall()
        folder = tmp_path_factory.mktemp("cells")
        with (
            web_server(folder / CELLS[0], database_url, MERGELANE_CELL=CELLS[0], **TRUST) as one,
            web_server(folder / CELLS[1], other_url, MERGELANE_CELL=CELLS[1], **TRUST) as two,
        ):
            yield Cells((one, two), (default, other), row["route_label"])


def make_key(connection: Connection, workspace: str) -> str:
    return keys.create_key(connection, workspace=workspace, label="test", permissions=["*"])[1]


def example(folder: Path, name: str, cells: Cells, port: int) -> str:
    """Write the map of an example to *folder*, and return its text for these cells."""
    parts = (DEPLOY / name).read_text(), (DEPLOY / name).with_suffix(".map").read_text()
    text, lines = (part.replace("3f9c2a71be", cells.label) for part in parts)
    (folder / "cells.map").write_text(lines)
    for written, used in zip((8000, 8001, 8080), (*cells.ports, port), strict=True):
        assert f"127.0.0.1:{written}" in text
        text = text.replace(f"127.0.0.1:{written}", f"127.0.0.1:{used}")
    return text.replace("/etc/haproxy/cells.map", str(folder / "cells.map"))


@contextmanager
def nginx(folder: Path, cells: Cells) -> Iterator[str]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    text = example(folder, "nginx/cells.conf", cells, port)
    with running_nginx(folder, "cells.conf", text, url=f"{url}/health/ready"):
        yield url


@contextmanager
def haproxy(folder: Path, cells: Cells) -> Iterator[str]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    text = example(folder, "haproxy/cells.cfg", cells, port)
    with running_haproxy(folder, "cells.cfg", text, url=f"{url}/health/ready"):
        yield url


@pytest.fixture(scope="module", params=[nginx, haproxy], ids=["nginx", "haproxy"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, cells: Cells) -> Iterator[str]:
    """The URL of the proxy in front of both cells."""
    start: Callable[..., Any] = request.param
    with start(tmp_path_factory.mktemp("proxy"), cells) as running:
        yield running


def status(url: str, secret: str) -> int:
    headers = {"Authorization": f"Bearer {secret}"}
    return requests.get(f"{url}/keys", headers=headers, timeout=10).status_code


def test_a_key_is_routed_to_the_cell_of_its_workspace(url: str, cells: Cells) -> None:
    assert [status(url, secret) for secret in cells.secrets] == [200, 200]
    assert [status(f"http://127.0.0.1:{cells.ports[0]}", secret) for secret in cells.secrets] == [200, 401]


def test_the_scheme_of_the_authorization_header_ignores_case(url: str, cells: Cells) -> None:
    headers = {"Authorization": f"bearer   {cells.secrets[1]}"}

    assert requests.get(f"{url}/keys", headers=headers, timeout=10).status_code == 200


def test_keys_without_a_label_and_keyless_requests_are_routed_to_the_default_cell(url: str) -> None:
    assert status(url, OLD_KEY) == 200
    assert requests.get(f"{url}/health/live", timeout=10).json() == {"status": "live", "cell": CELLS[0]}


def test_a_key_with_an_unknown_label_is_routed_to_the_default_cell(url: str) -> None:
    assert status(url, "ml_0000000000_unknown") == 401


@pytest.mark.parametrize("place", [0, 1])
def test_a_sign_in_is_routed_to_the_cell_of_the_key(url: str, cells: Cells, place: int) -> None:
    headers = {"Origin": url}
    with requests.Session() as browser:
        signed_in = browser.post(
            f"{url}/console/sign-in", data={"key": cells.secrets[place]}, headers=headers, timeout=10
        )
        page = browser.get(f"{url}/console/keys", timeout=10)

    assert [answer.status_code for answer in signed_in.history] == [[303], [307, 303]][place]
    assert signed_in.status_code == page.status_code == 200
    assert ["near", "far"][place] in page.text
    assert "mergelane-route" not in browser.cookies


def test_a_wrong_key_with_a_label_is_refused_after_one_redirect(url: str, cells: Cells) -> None:
    with requests.Session() as browser:
        refused = browser.post(
            f"{url}/console/sign-in", data={"key": f"ml_{cells.label}_wrong"}, headers={"Origin": url}, timeout=10
        )

    assert [answer.status_code for answer in refused.history] == [307]
    assert refused.status_code == 401
