"""The product beside the model: sends requests, runs lanes in any order, and exports profiles."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any
from uuid import UUID

import orjson
from uuid_utils.compat import uuid7

from app import keys
from app.db.connections import lend_connection
from app.db.transaction import Transaction, run_in_transaction
from app.duplicates.advance import advance_run
from app.duplicates.runs import start_run
from app.lane.run import Lane, execute_lane
from app.ledger.dispatch import claim_lanes, mark_jobs_published
from fuzz.application import Answer, Application
from fuzz.model.people import Json
from fuzz.product import Product, new_key, post
from fuzz.request import KEY, Request
from schemas.keeping import KeepRule, RunTrigger, SharedAddress

#: Maximum number of lanes claimed at once: more than ever wait.
EVERYTHING = 1_000
EVERYBODY = {"OR": [{"external_id": {"comparison": each}} for each in ("exists", "does_not_exist")]}


class Real:
    """The product, in its own workspace."""

    def __init__(self, product: Product) -> None:
        self._product = product
        key = new_key(product.settings.database_url, workspace=f"model-{uuid7()}")
        self._door = Application(product.application.flask, key)
        with lend_connection(product.pool) as connection:
            holder = keys.find_key_holder(connection, key, peppers=())
        if holder is None:
            message = "The new key is not accepted."
            raise AssertionError(message)
        self._workspace_id = holder.workspace_id

    def ask(self, rule: str, body: Json, status: int = HTTPStatus.CREATED) -> Any:
        """Return the response body to a POST of *body*; the response must have *status*."""
        return _parsed(self._door.ask(post(rule, body)), status)

    def get(self, path: str) -> Answer:
        """Return the response to a GET of *path*."""
        return self._door.ask(Request(number=0, rule=path, method="GET", path=path, headers=(("Authorization", KEY),)))

    def jobs_of(self, batch_id: str) -> list[Json]:
        """Return the jobs of a batch, in the order of the request."""
        jobs: list[Json] = _parsed(self.get(f"/merge/batches/{batch_id}"), HTTPStatus.OK)["jobs"]
        return jobs

    def everybody(self) -> list[Json]:
        """Return every live profile in the format of exports."""
        answer = self.ask("/segments/query", {"filter": EVERYBODY, "limit": 100}, HTTPStatus.OK)
        users: list[Json] = answer["profiles"]
        if answer["next_cursor"] is not None:
            message = "There are more profiles than the model can have."
            raise AssertionError(message)
        return users

    def claim(self) -> list[tuple[UUID, ...]]:
        """Return the waiting lanes, the oldest first, marked as published, like lanes of the relay."""

        def work(tx: Transaction) -> list[tuple[UUID, ...]]:
            lanes = claim_lanes(tx, limit=EVERYTHING).lanes
            tasks = {uuid7(): lane for lane in lanes}
            mark_jobs_published(tx, tasks=tasks)
            return lanes

        return run_in_transaction(self._product.pool, self._workspace_id, work)

    def run_over_duplicates(self, kind: str) -> list[tuple[UUID, ...]]:
        """Run over duplicates by *kind* of address, which writes merges into the ledger; return their lanes."""
        pool, workspace_id = self._product.pool, self._workspace_id
        rule = KeepRule(identifier=SharedAddress(kind))
        run_in_transaction(pool, workspace_id, start_run, rule, trigger=RunTrigger.API)
        while advance_run(pool, self._product.settings, workspace_id=workspace_id):
            pass
        return self.claim()

    def run(self, job_ids: Sequence[UUID]) -> None:
        """Run one message with these jobs, in order."""
        lane = Lane(workspace_id=self._workspace_id, job_ids=job_ids, task_id=uuid7())
        execute_lane(self._product.pool, self._product.settings, lane)


def _parsed(answer: Answer, status: int) -> Any:
    """Return the parsed body of *answer*, which must have *status*."""
    if answer.status != status:
        message = f"{answer.status} instead of {status}: {answer.raised or answer.body.decode()[:1_000]}"
        raise AssertionError(message)
    return orjson.loads(answer.body)
