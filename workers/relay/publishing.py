"""Publishing: waiting lanes go from the ledger to the broker, a bounded number at a time, every workspace in turn."""

import logging
from collections.abc import Mapping, Sequence
from itertools import chain
from time import perf_counter
from uuid import UUID

from uuid_utils.compat import uuid7

from app.config import Settings
from app.db.connections import Pool, lend_connection
from app.db.transaction import Transaction, run_in_transaction
from app.ledger.dispatch import Origin, claim, mark_published, to_publish_apart, waiting_workspaces
from app.metrics import relay as metrics
from app.telemetry import spans
from workers.broker import Broker
from workers.packing import may_pack, pack
from workers.relay.flow_control import Pace

log = logging.getLogger(__name__)


class Publisher:
    """The transactional outbox's other half."""

    def __init__(self, pool: Pool, settings: Settings, broker: Broker) -> None:
        """Take lanes from the ledger behind *pool* to *broker*."""
        self._pool = pool
        self._settings = settings
        self._broker = broker
        self._pace = Pace(settings.broker_bound)
        #: The workspace that was served last.
        self._last = 0

    def run_once(self) -> int:
        """Publish what waits, as far as the broker has room; return how many jobs were published.

        Raises DatabaseUnavailable or BrokerUnavailable; nothing is lost then, the jobs are still waiting.
        """
        if self._pace.is_full:
            return 0
        with lend_connection(self._pool) as connection:
            workspaces = waiting_workspaces(connection)
        if not workspaces:
            self._pace.rest()
            return 0
        waiting = self._broker.waiting()
        room = min(self._pace.room(waiting), self._settings.relay_claim)
        metrics.BROKER_MESSAGES.put(waiting)
        metrics.BROKER_GOAL.put(self._pace.goal)
        if room <= 0:
            return 0
        # Each workspace gets an equal share of the room, so that one with a million jobs cannot starve another.
        share = max(1, room // len(workspaces))
        return sum(self._publish(workspace_id, share) for workspace_id in self._in_turn(workspaces)[:room])

    def _in_turn(self, workspaces: Sequence[int]) -> list[int]:
        """Return *workspaces* beginning behind the one that was served last: with little room all get their turn."""
        return [
            *(each for each in workspaces if each > self._last),
            *(each for each in workspaces if each <= self._last),
        ]

    def _publish(self, workspace_id: int, room: int) -> int:
        """Publish lanes of a workspace in up to *room* messages; return how many jobs they hold."""
        return run_in_transaction(self._pool, workspace_id, self._transact, room)

    def _transact(self, tx: Transaction, room: int) -> int:
        """Claim, mark, publish, within the caller's transaction.

        The messages leave before the commit: when the commit fails they were published in vain, which is harmless,
        while a commit before a failed publication would lose them until the rescue looks.
        """
        self._last, began = tx.workspace_id, perf_counter()
        limit = min(room * self._settings.lane_size, self._settings.relay_claim)
        claimed = claim(tx, limit=limit)
        if not claimed.lanes:
            return 0
        # Lanes of several jobs may need more messages than there is room for; those that stay wait for the next round.
        messages = self._packed(tx, claimed.lanes, room)[:room]
        tasks = {uuid7(): job_ids for job_ids in messages}
        mark_published(tx, tasks=tasks)
        headers = {task_id: headers_of(job_ids, claimed.origins) for task_id, job_ids in tasks.items()}
        self._broker.publish(workspace_id=tx.workspace_id, tasks=tasks, headers=headers)
        jobs = sum(map(len, messages))
        self._pace.published(messages=len(messages), jobs=jobs)
        metrics.PUBLISHED_LANES.add(len(messages))
        metrics.PUBLISHED_JOBS.add(jobs)
        log.debug("published", extra={"messages": len(tasks), "jobs": jobs})
        self._tell(tx.workspace_id, tasks, claimed.origins, seconds=perf_counter() - began)
        return jobs

    def _tell(
        self, workspace_id: int, tasks: Mapping[UUID, Sequence[UUID]], origins: Mapping[UUID, Origin], *, seconds: float
    ) -> None:
        """Tell of each message which requests it comes from: at DEBUG alone, since a round may hold hundreds.

        Its span says that publishing took the round's *seconds*.
        """
        if not log.isEnabledFor(logging.DEBUG) and not spans.is_tracing():
            return
        for task_id, job_ids in tasks.items():
            own: dict[str, str | int] = {"workspace_id": workspace_id, "task_id": str(task_id), "jobs": len(job_ids)}
            log.debug("lane_published", extra={**own, **headers_of(job_ids, origins)})
            spans.begin_span(
                "publish lane",
                kind=spans.Kind.PRODUCER,
                parents=[origins[job_id].traceparent or "" for job_id in job_ids],
                attributes={f"mergelane__{name}": value for name, value in own.items()},
                seconds_ago=seconds,
            ).end()

    def _packed(self, tx: Transaction, lanes: Sequence[tuple[UUID, ...]], room: int) -> list[tuple[UUID, ...]]:
        """Return *lanes* as messages; under backlog several to one, but for those that may be what kills workers."""
        lane_size = self._settings.lane_size
        if not may_pack(lanes, lane_size=lane_size, room=room):
            return list(lanes)
        job_ids = chain.from_iterable(lanes)
        apart = to_publish_apart(tx, job_ids=job_ids)
        return pack(lanes, lane_size=lane_size, room=room, apart=apart)


def headers_of(job_ids: Sequence[UUID], origins: Mapping[UUID, Origin]) -> dict[str, object]:
    """Return the headers of the message that carries *job_ids*: the requests that these come from, each once."""
    requests = (origins[job_id].request_id for job_id in job_ids)
    return {"request_ids": list(dict.fromkeys(each for each in requests if each is not None))}
