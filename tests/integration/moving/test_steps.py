"""A move that is interrupted at any step continues, and can be cancelled until the switch."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from werkzeug.test import TestResponse

from app import keys
from app.config import Settings
from app.db.connections import Connection, Pool, lend_connection, open_pool
from app.db.transaction import run_in_transaction
from app.errors import SetupError, WorkspaceClosed
from app.identities.numbering import number_changes
from app.moving.closing import QUERIES
from app.moving.moving import Move, MovePlan
from app.moving.workspaces import forget_workspace, list_cell_workspaces
from app.system.heartbeats import Heartbeat
from app.web import create_app
from app.web.console.csrf import COOKIE
from app.web.resources import resources_of
from fuzz.lanes import Worker
from tests.integration.moving.conftest import WORKSPACE

PAIR = {
    "identifier_to_merge": {"external_id": "orphan"},
    "identifier_to_keep": {"external_id": "survivor"},
}
#: The number of messages of a move that copies no rows twice: pass 1, closed, copied, verified, opened.
STEPS = 5


class Interrupted(Exception):
    """The move is interrupted, as by a signal or a failing machine."""


@dataclass
class Reporter:
    """Collects the messages of a move, and interrupts it at one of them."""

    interrupted_at: int | None = None
    sentences: list[str] = field(default_factory=list)

    def __call__(self, sentence: str) -> None:
        self.sentences.append(sentence)
        if len(self.sentences) == self.interrupted_at:
            raise Interrupted


class Cell:
    """The web and the worker of a cell, in the process of the test."""

    def __init__(self, url: str, secret: str) -> None:
        self.settings = Settings(database_url=url, pool_timeout_s=30, identify_wait_s=0)
        self.flask = create_app(self.settings)
        self.pool: Pool = open_pool(self.settings, name="test")
        self.worker = Worker(self.pool, self.settings)
        Heartbeat("web", self.settings, lambda: lend_connection(self.pool)).beat()
        self._headers = {"Authorization": f"Bearer {secret}"}

    def close(self) -> None:
        resources_of(self.flask).close()
        self.pool.close()

    def get(self, path: str) -> TestResponse:
        return self.flask.test_client().get(path, headers=self._headers)

    def post(self, path: str, body: object, **headers: str) -> TestResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.flask.test_client().post(path, json=body, headers={**self._headers, **named})

    def track(self, *external_ids: str) -> None:
        """Create profiles."""
        answer = self.post("/users/track", {"attributes": [{"external_id": each} for each in external_ids]})
        assert answer.status_code == 201, answer.text

    def merge(self) -> str:
        """Send the pair; return the batch."""
        answer = self.post("/users/merge", {"merge_updates": [PAIR]})
        assert answer.status_code == 202, answer.text
        batch: str = answer.get_json()["batch_id"]
        return batch


@pytest.fixture
def near(database_url: str, secret: str) -> Iterator[Cell]:
    """The cell from which the workspace moves."""
    cell = Cell(database_url, secret)
    yield cell
    cell.close()


@pytest.fixture
def far(other_url: str, secret: str) -> Iterator[Cell]:
    """The cell to which it moves."""
    cell = Cell(other_url, secret)
    yield cell
    cell.close()


@pytest.fixture
def workspace_id(here: Connection, secret: str) -> int:
    """The id of the workspace that moves."""
    del secret
    found: int = keys.find_workspaces(here, name=WORKSPACE)[WORKSPACE]
    return found


@pytest.fixture
def move(here: Connection, there: Connection) -> Callable[..., Reporter]:
    """A function that moves the workspace and returns what was reported."""

    def run(interrupted_at: int | None = None) -> Reporter:
        reporter = Reporter(interrupted_at)
        Move(here, there, MovePlan(workspace=WORKSPACE, name=WORKSPACE, drain_s=0), report=reporter).run()
        return reporter

    return run


def test_a_key_works_only_in_the_other_cell(move: Callable[..., Reporter], near: Cell, far: Cell) -> None:
    near.track("survivor")
    before = far.get("/keys")

    move()
    refused, written = near.get("/keys"), near.post("/users/merge", {"merge_updates": [PAIR]})
    after = far.get("/keys")

    assert (before.status_code, after.status_code) == (401, 200)
    assert {(answer.status_code, answer.headers["Retry-After"]) for answer in (refused, written)} == {(503, "5")}
    assert "has moved to another cell" in refused.get_json()["message"]


def test_waiting_jobs_run_in_the_other_cell_and_undo_works_there(
    move: Callable[..., Reporter], near: Cell, far: Cell
) -> None:
    near.track("orphan", "survivor")
    first = near.merge()
    near.worker.work()
    (merged,) = near.get(f"/merge/batches/{first}").get_json()["jobs"]
    near.track("orphan")
    waiting = near.merge()

    move()
    far.worker.work()
    (job,) = far.get(f"/merge/batches/{waiting}").get_json()["jobs"]
    undone = far.post(f"/merge/jobs/{job['job_id']}/undo", None)
    far.worker.work()
    undone_too = far.post(f"/merge/jobs/{merged['job_id']}/undo", None)
    far.worker.work()

    assert (merged["outcome"], job["outcome"]) == ("merged", "merged")
    assert (undone.status_code, undone_too.status_code) == (202, 202)
    assert far.get(f"/merge/jobs/{job['job_id']}").get_json()["undone_by"]
    assert far.get(f"/merge/jobs/{merged['job_id']}").get_json()["undone_by"]
    exported = far.post("/users/export/ids", {"external_ids": ["orphan", "survivor"]}).get_json()
    assert {user["external_id"] for user in exported["users"]} == {"orphan", "survivor"}


def test_an_idempotency_key_is_remembered_in_the_other_cell(
    move: Callable[..., Reporter], near: Cell, far: Cell
) -> None:
    body = {"attributes": [{"external_id": "survivor", "home_city": "Bonn"}]}
    first = near.post("/users/track", body, Idempotency_Key="once")

    move()
    repeated = far.post("/users/track", body, Idempotency_Key="once")
    other_body = {"attributes": [{"external_id": "survivor", "home_city": "Ulm"}]}
    other = far.post("/users/track", other_body, Idempotency_Key="once")

    assert (first.status_code, repeated.status_code, other.status_code) == (201, 201, 422)
    assert repeated.get_json() == first.get_json()


def test_new_profiles_have_ids_after_the_ids_of_the_first_cell(
    move: Callable[..., Reporter], near: Cell, far: Cell, there: Connection
) -> None:
    near.track("orphan", "survivor")

    move()
    far.track("newcomer")
    rows = there.execute("SELECT external_id FROM profile ORDER BY id DESC LIMIT 1").fetchall()

    assert rows == [{"external_id": "newcomer"}]


def test_the_identity_feed_continues_after_its_last_number(
    move: Callable[..., Reporter], near: Cell, far: Cell, workspace_id: int
) -> None:
    near.track("orphan", "survivor")
    near.merge()
    near.worker.work()

    move()
    copied = far.get("/identities").get_json()
    far.track("orphan")
    far.merge()
    far.worker.work()
    run_in_transaction(far.pool, workspace_id, number_changes)
    later = far.get(f"/identities?cursor={copied['next_cursor']}").get_json()

    assert [change["number"] for change in copied["changes"]] == [1]
    assert [change["number"] for change in later["changes"]] == [2]
    assert far.get("/identities").get_json()["changes"] == copied["changes"] + later["changes"]


def test_a_change_whose_request_was_authenticated_before_is_refused(
    move: Callable[..., Reporter], near: Cell, workspace_id: int
) -> None:
    move()

    with pytest.raises(WorkspaceClosed):
        run_in_transaction(near.pool, workspace_id, number_changes)


def test_the_processes_skip_a_closed_workspace(
    move: Callable[..., Reporter], near: Cell, here: Connection, workspace_id: int
) -> None:
    near.track("orphan", "survivor")
    near.merge()
    lists = ("all_workspaces", "publishable_workspaces", "workspaces_to_rescue", "workspaces_with_identity_changes")

    def listed() -> set[str]:
        return {
            name
            for name in lists
            for row in here.execute(f"SELECT workspace_id FROM {name}()")
            if row["workspace_id"] == workspace_id
        }

    before = listed()
    move()

    assert before >= {"all_workspaces", "publishable_workspaces"}
    assert listed() == set()


@pytest.mark.parametrize("step", range(1, STEPS + 1))
def test_an_interrupted_move_is_continued(
    move: Callable[..., Reporter], near: Cell, far: Cell, here: Connection, step: int
) -> None:
    near.track("orphan", "survivor")
    near.merge()
    with pytest.raises(Interrupted):
        move(interrupted_at=step)

    move()
    again = move()
    far.worker.work()
    (job,) = far.get("/merge/jobs").get_json()["jobs"]

    assert again.sentences == []
    assert (job["outcome"], job["attempts"]) == ("merged", 1)
    assert near.get("/keys").status_code == 503
    assert [each.availability for each in list_cell_workspaces(here)] == ["moved"]
    assert here.execute("SELECT step FROM workspace_move").fetchall() == [{"step": "done"}]


@pytest.mark.parametrize("step", range(1, STEPS))
def test_a_move_can_be_cancelled_until_the_switch(
    move: Callable[..., Reporter], near: Cell, far: Cell, here: Connection, there: Connection, step: int
) -> None:
    near.track("orphan", "survivor")
    batch = near.merge()
    with pytest.raises(Interrupted):
        move(interrupted_at=step)

    Move(here, there, MovePlan(workspace=WORKSPACE, name=WORKSPACE, drain_s=0), report=Reporter()).cancel()
    near.worker.work()
    (job,) = near.get(f"/merge/batches/{batch}").get_json()["jobs"]

    assert job["outcome"] == "merged"
    assert far.get("/keys").status_code == 401
    assert list_cell_workspaces(there) == []
    assert [each.availability for each in list_cell_workspaces(here)] == ["open"]


def test_a_move_cannot_be_cancelled_after_the_switch(
    move: Callable[..., Reporter], here: Connection, there: Connection, secret: str
) -> None:
    move()

    with pytest.raises(SetupError, match="is open in the other cell"):
        Move(here, there, MovePlan(workspace=WORKSPACE, name=WORKSPACE, drain_s=0), report=Reporter()).cancel()


def test_a_workspace_moves_back(
    move: Callable[..., Reporter], near: Cell, far: Cell, here: Connection, there: Connection
) -> None:
    near.track("orphan")
    move()
    far.track("survivor")
    far.merge()

    Move(there, here, MovePlan(workspace=WORKSPACE, name=WORKSPACE, drain_s=0), report=Reporter()).run()
    near.worker.work()
    (job,) = near.get("/merge/jobs").get_json()["jobs"]

    assert job["outcome"] == "merged"
    assert far.get("/keys").status_code == 503


def test_the_rows_of_a_moved_workspace_can_be_deleted(
    move: Callable[..., Reporter], near: Cell, far: Cell, here: Connection, workspace_id: int
) -> None:
    near.track("orphan", "survivor")
    near.merge()
    near.worker.work()
    with pytest.raises(SetupError, match="has not moved"):
        forget_workspace(here, WORKSPACE)
    move()

    forget_workspace(here, WORKSPACE)
    rows = here.execute("SELECT 1 FROM merge_record WHERE workspace_id = %s", [workspace_id]).fetchall()
    triggers = here.execute("SELECT 1 FROM pg_trigger WHERE tgname LIKE 'closed_%'").fetchall()

    assert (rows, triggers, list_cell_workspaces(here)) == ([], [], [])
    assert far.get("/merge/jobs").get_json()["jobs"][0]["outcome"] == "merged"


def test_another_command_that_has_opened_the_workspace_is_noticed(
    move: Callable[..., Reporter], here: Connection, there: Connection, secret: str, workspace_id: int
) -> None:
    """The second command does not copy its rows over the rows of an open workspace."""
    with pytest.raises(Interrupted):
        move(interrupted_at=1)
    reporter = Reporter()

    def open_there(sentence: str) -> None:
        reporter(sentence)
        if "is closed" in sentence:
            here.execute("UPDATE api_key SET label = 'changed'")
            there.execute(QUERIES["set_availability"], {"workspace_id": workspace_id, "availability": "open"})

    with pytest.raises(SetupError, match="Another command"):
        Move(here, there, MovePlan(workspace=WORKSPACE, name=WORKSPACE, drain_s=0), report=open_there).run()


def test_a_browser_stays_signed_in_and_sees_that_the_workspace_is_closed(
    move: Callable[..., Reporter], near: Cell, far: Cell, secret: str
) -> None:
    browser = near.flask.test_client()
    browser.post("/console/sign-in", data={"key": secret})
    cookie = browser.get_cookie(COOKIE, path="/console")
    assert cookie is not None

    move()
    closed = browser.get("/console/keys")
    other = far.flask.test_client()
    other.set_cookie(COOKIE, cookie.value, path="/console")
    page = other.get("/console/keys")

    assert cookie.value.startswith(f"{secret.split('_')[1]}.1.")
    assert (closed.status_code, closed.headers["Retry-After"]) == (503, "5")
    assert "The workspace has moved to another cell." in closed.text
    assert (page.status_code, WORKSPACE in page.text) == (200, True)


def test_a_lane_of_a_closed_workspace_is_left_to_the_other_cell(
    move: Callable[..., Reporter], near: Cell, far: Cell, here: Connection, workspace_id: int
) -> None:
    near.track("orphan", "survivor")
    near.merge()
    (row,) = here.execute("SELECT id FROM job").fetchall()
    move()

    with pytest.raises(WorkspaceClosed):
        near.worker.run(workspace_id, [row["id"]])
    far.worker.work()

    assert far.get(f"/merge/jobs/{row['id']}").get_json()["outcome"] == "merged"
    assert near.get("/keys").status_code == 503
