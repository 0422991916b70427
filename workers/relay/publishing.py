"""Publishes pending lanes from the ledger to the broker, a bounded number at a time, every workspace in turn."""

import logging
from collections.abc import Mapping, Sequence
from itertools import chain, groupby
from time import monotonic, perf_counter
from uuid import UUID

from app.config import Settings
from app.db.connections import Pool, lend_connection
from app.db.ids import new_id
from app.db.transaction import Transaction, run_in_transaction
from app.ledger.cut_lanes import cut_first_lane, delay_paused, first_lanes, publishable_lanes
from app.ledger.dispatch import (
    ClaimedLanes,
    PublishableWorkspace,
    RequestOrigin,
    claim_lanes,
    jobs_to_isolate,
    mark_jobs_published,
    workspaces_with_pending_lanes,
)
from app.ledger.due_floors import DueFloors
from app.ledger.pace import lock_budget, use_budget
from app.metrics import relay as metrics
from app.telemetry import spans
from workers.broker import Broker
from workers.messages import Urgency
from workers.packing import pack_lanes, would_pack
from workers.relay.flow_control import FlowControl

log = logging.getLogger(__name__)

#: Seconds between two searches for urgent jobs while the broker is full, and the most jobs that each publishes.
URGENT_EVERY_S = 0.06
URGENT_JOBS = 8
#: A round that publishes no more is that of single requests.
FEW_JOBS = 8
#: Seconds between two searches for lanes that have waited too long, and the part of a claim that they may be.
AGED_EVERY_S = 1.0
AGED_PART = 8


class Publisher:
    """Empties the transactional outbox: the pending jobs of the ledger."""

    def __init__(self, pool: Pool, settings: Settings, broker: Broker) -> None:
        self._pool = pool
        self._settings = settings
        self._broker = broker
        self._flow = FlowControl(settings.broker_bound)
        self._floors = DueFloors()
        self._last_workspace_id = 0
        #: When the workspaces were listed last, and when each was searched for lanes that have waited too long.
        self._listed_at = 0.0
        self._aged_at: dict[int, float] = {}
        #: Whether the last round found a lane that is due.
        self.has_due_lanes = True
        #: Whether jobs come in numbers, so that it pays to look for more; at the start there may be a backlog. Single
        #: jobs are published sooner, and at no higher cost, by a relay that sleeps until the next one wakes it.
        self.is_busy = True
        #: Jobs of paused runs that this round has delayed.
        self._delayed = 0

    def run_once(self) -> int:
        """Publish pending lanes while the broker has room; return the number of published and of delayed jobs.

        Raises DatabaseUnavailable or BrokerUnavailable; the jobs are still pending then.
        """
        self._delayed = 0
        published = self._run_round()
        if published:
            self.is_busy = published > FEW_JOBS
        return published + self._delayed

    def _run_round(self) -> int:
        is_full = self._flow.is_full
        if is_full and monotonic() < self._listed_at + URGENT_EVERY_S:
            return 0
        self._listed_at = monotonic()
        workspaces = self._look()
        self.has_due_lanes = bool(workspaces)
        if is_full:
            return self._publish_urgent(workspaces)
        if not workspaces:
            self._flow.record_idle()
            return 0
        waiting = self._broker.count_messages()
        room = min(self._flow.room(waiting), self._settings.relay_claim)
        metrics.BROKER_MESSAGES.set(waiting)
        metrics.BROKER_GOAL.set(self._flow.goal)
        if room <= 0:
            return self._publish_urgent(workspaces)
        # Each workspace gets an equal share of the room, so that one with a million jobs cannot starve another.
        share = max(1, room // len(workspaces))
        return sum(self._publish(each, share) for each in self._in_turn(workspaces)[:room])

    def _look(self) -> list[PublishableWorkspace]:
        """List the workspaces with a lane to publish now: from their floors on, or from the beginning when due."""
        with lend_connection(self._pool) as connection:
            workspaces = workspaces_with_pending_lanes(connection, self._floors.to_look())
            found = {each.id for each in workspaces}
            if not self._floors.is_look_due(found):
                return workspaces
            started = monotonic()
            workspaces = workspaces_with_pending_lanes(connection)
        self._floors.note_look(
            found=found,
            found_from_beginning={each.id for each in workspaces},
            seconds=monotonic() - started,
        )
        return workspaces

    def _in_turn(self, workspaces: Sequence[PublishableWorkspace]) -> list[PublishableWorkspace]:
        """Return *workspaces* beginning behind the one that was served last: with little room all get their turn."""
        return [
            *(each for each in workspaces if each.id > self._last_workspace_id),
            *(each for each in workspaces if each.id <= self._last_workspace_id),
        ]

    def _publish_urgent(self, workspaces: Sequence[PublishableWorkspace]) -> int:
        """Publish a few urgent jobs of each workspace although the broker is full; return their number.

        They are few, so that a workspace with urgent jobs only leaves most of the workers to the others.
        """
        urgent = [each for each in workspaces if each.has_urgent]
        return sum(self._publish(each, 1, most_jobs=URGENT_JOBS) for each in urgent)

    def _publish(self, workspace: PublishableWorkspace, room: int, *, most_jobs: int | None = None) -> int:
        """Publish lanes of a workspace in up to *room* messages; return the number of their jobs."""
        publish = self._publish_within_limit if workspace.has_limit else self._claim_and_publish
        return run_in_transaction(self._pool, workspace.id, publish, room, most_jobs=most_jobs)

    def _publish_within_limit(self, tx: Transaction, room: int, *, most_jobs: int | None) -> int:
        """Publish as many jobs as the workspace's limit of merges per minute allows now."""
        budget = lock_budget(tx)
        if budget is None:
            # It was paused, or its limit removed, since the workspaces were listed.
            self._last_workspace_id = tx.workspace_id
            return 0
        most_jobs = budget.jobs if most_jobs is None else min(budget.jobs, most_jobs)
        jobs = self._claim_and_publish(tx, room, most_jobs=most_jobs, rate=budget.rate) if most_jobs > 0 else 0
        if jobs:
            use_budget(tx, budget, jobs=jobs)
        return jobs

    def _claim_and_publish(
        self, tx: Transaction, room: int, *, most_jobs: int | None = None, rate: float | None = None
    ) -> int:
        """Claim, mark and publish lanes of up to *most_jobs* jobs in one transaction.

        One lane may have more, unless the workspace is limited to a *rate* of jobs a second: then it is cut.

        Messages are published before the commit. When the commit fails they are redundant, which is harmless; a commit
        before a failed publication would leave the jobs to the rescue.
        """
        self._last_workspace_id, started = tx.workspace_id, perf_counter()
        limit = min(room * self._settings.lane_size, self._settings.relay_claim)
        limit = limit if most_jobs is None else min(limit, most_jobs)
        claimed = self._claim(tx, limit)
        if claimed.paused:
            self._delayed += delay_paused(tx, claimed)
        lanes = publishable_lanes(tx, claimed)
        if not lanes:
            return 0
        if most_jobs is not None:
            lanes = first_lanes(lanes, most_jobs=most_jobs)
            lanes = lanes if rate is None else cut_first_lane(tx, lanes, most_jobs=most_jobs, rate=rate)
        # Lanes of several jobs may need more messages than fit; the others wait for the next round.
        messages = self._packed_by_urgency(tx, lanes, claimed.priorities, room)
        tasks = {new_id(): job_ids for job_ids, _ in messages}
        urgencies = dict(zip(tasks, (urgency for _, urgency in messages), strict=True))
        mark_jobs_published(tx, tasks=tasks)
        headers = {task_id: headers_of(job_ids, claimed.origins) for task_id, job_ids in tasks.items()}
        self._broker.publish(workspace_id=tx.workspace_id, tasks=tasks, headers=headers, urgencies=urgencies)
        jobs = sum(map(len, tasks.values()))
        self._flow.record_published(messages=len(messages), jobs=jobs)
        metrics.PUBLISHED_LANES.inc(len(messages))
        metrics.PUBLISHED_JOBS.inc(jobs)
        log.debug("lanes_published", extra={"messages": len(tasks), "jobs": jobs})
        self._trace(tx.workspace_id, tasks, claimed.origins, seconds=perf_counter() - started)
        return jobs

    def _claim(self, tx: Transaction, limit: int) -> ClaimedLanes:
        """Claim up to *limit* lanes from the floors of the workspace on."""
        floors, started = self._floors.to_claim(tx.workspace_id), monotonic()
        claimed = claim_lanes(
            tx,
            limit=limit,
            aged_limit=self._aged_limit(tx.workspace_id, limit),
            aged_after_s=self._settings.urgency_bound_s,
            floors=floors,
        )
        seconds = monotonic() - started
        self._floors.note_claim(tx.workspace_id, before=floors, after=claimed.floors, seconds=seconds)
        return claimed

    def _trace(
        self,
        workspace_id: int,
        tasks: Mapping[UUID, Sequence[UUID]],
        origins: Mapping[UUID, RequestOrigin],
        *,
        seconds: float,
    ) -> None:
        """Log each message with its requests at DEBUG, since a round may have hundreds, and send its span.

        The duration of each span is that of the round, *seconds*.
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

    def _aged_limit(self, workspace_id: int, limit: int) -> int:
        """Return how many lanes of the workspace that have waited too long to claim beside *limit*: a few, at times."""
        now = monotonic()
        if now < self._aged_at.get(workspace_id, 0.0) + AGED_EVERY_S:
            return 0
        self._aged_at[workspace_id] = now
        return max(1, limit // AGED_PART)

    def _packed_by_urgency(
        self, tx: Transaction, lanes: Sequence[tuple[UUID, ...]], priorities: Mapping[UUID, int], room: int
    ) -> list[tuple[tuple[UUID, ...], Urgency]]:
        """Pack *lanes* into up to *room* messages, the most urgent first; a message has lanes of one urgency."""
        messages: list[tuple[tuple[UUID, ...], Urgency]] = []
        for urgency, equal in groupby(lanes, key=lambda lane: Urgency.of_jobs(priorities[lane[0]])):
            left = room - len(messages)
            if left <= 0:
                break
            messages += [(message, urgency) for message in self._packed(tx, list(equal), left)[:left]]
        return messages

    def _packed(self, tx: Transaction, lanes: Sequence[tuple[UUID, ...]], room: int) -> list[tuple[UUID, ...]]:
        """Pack *lanes* into messages; lanes that may kill their workers get messages of their own."""
        lane_size = self._settings.lane_size
        if not would_pack(lanes, lane_size=lane_size, room=room):
            return list(lanes)
        job_ids = chain.from_iterable(lanes)
        isolated = jobs_to_isolate(tx, job_ids=job_ids)
        return pack_lanes(lanes, lane_size=lane_size, room=room, apart=isolated)


def headers_of(job_ids: Sequence[UUID], origins: Mapping[UUID, RequestOrigin]) -> dict[str, object]:
    """Return the headers of a message: the ids of the requests of its jobs, each once."""
    requests = (origins[job_id].request_id for job_id in job_ids)
    return {"request_ids": list(dict.fromkeys(each for each in requests if each is not None))}
