"""Entry point of the relay, a thread for each of its services.

They are publishing, rescue, cancelling, pruning, analysis, duplicate runs, runs, recomputation, erasure, the identity
feed, the expiry of replies and sums of minutes.
"""

from functools import partial
from threading import Event

from app.config import Settings
from app.db.connections import Pool
from app.db.installation import Installation
from app.db.statistics import TableAnalyzer
from app.db.wakeups import WakeUpListener
from app.ledger.dispatch import seconds_until_due_lane
from app.metrics.relay import RELAY, SERVICES
from workers.broker import Broker
from workers.celery import make_celery
from workers.loop import run_repeatedly
from workers.relay.cancel import Canceller
from workers.relay.duplicates import DuplicateRunner
from workers.relay.erasure import Eraser
from workers.relay.identities import IdentityNumberer
from workers.relay.prune import Pruner
from workers.relay.publishing import Publisher
from workers.relay.recomputation import Recomputer
from workers.relay.rescue import Rescuer
from workers.relay.runs import RunCounter
from workers.relay.sums import MinuteSummer
from workers.service import run_services
from workers.sleeper import AWAKE_S, Sleeper

MILLISECONDS = 1000
#: Seconds between two polls of an idle ledger where PostgreSQL cannot wake the relay.
IDLE_POLL_S = 0.05
#: Seconds between two checks for tables that have grown; PostgreSQL itself counts changes no more often.
ANALYZE_EVERY_S = 1.0
#: Seconds between two checks for duplicate runs that are due or may continue.
DUPLICATES_EVERY_S = 0.5
#: Seconds between two checks for cancelled queues.
CANCEL_EVERY_S = 1.0
#: Seconds between two counts of the jobs of runs.
COUNT_RUNS_EVERY_S = 0.4
#: Seconds between two checks for keys to recompute, after an upgrade or while older processes still run.
RECOMPUTE_EVERY_S = 30.0
#: Seconds between two checks for erasures to complete.
ERASE_EVERY_S = 5.0
#: Seconds between two searches for changes that have no number in the identity feed.
IDENTITIES_EVERY_S = 1.0
#: Seconds between two searches for replies of workers that killed clients left in the broker.
REPLIES_EVERY_S = 60.0

#: Seconds between two searches for minutes to sum.
SUM_EVERY_S = 15.0

_repeat = partial(run_repeatedly, metrics=SERVICES)


def run_relay() -> None:
    """Run the relay until SIGTERM or SIGINT."""
    services = (
        _publish,
        _rescue,
        _cancel,
        _prune,
        _analyze,
        _merge_duplicates,
        _count_runs,
        _recompute,
        _erase,
        _number_identities,
        _expire_replies,
        _sum_minutes,
    )
    run_services("relay", services, metrics=RELAY, uses_broker=True)


def _publish(pool: Pool, settings: Settings, stop: Event) -> None:
    with Broker(make_celery(settings), Installation.in_pool(pool).name) as broker:
        publisher = Publisher(pool, settings, broker)
        pause_s = settings.relay_poll_ms / MILLISECONDS
        with Sleeper(
            WakeUpListener(settings, name="relay", queue="job"),
            stop,
            has_work=lambda: publisher.has_due_lanes,
            due_in_s=seconds_until_due_lane,
            idle_poll_s=IDLE_POLL_S,
            awake_s=lambda: AWAKE_S if publisher.is_busy else 0.0,
        ) as sleeper:
            _repeat(publisher.run_once, pause_s=pause_s, stop=stop, name="relay", sleeper=sleeper)


def _rescue(pool: Pool, settings: Settings, stop: Event) -> None:
    with Broker(make_celery(settings), Installation.in_pool(pool).name) as broker:
        rescuer = Rescuer(pool, settings, broker)
        # A sweep that requeued jobs is no reason to sweep again at once, so every sweep counts as idle.
        _repeat(lambda: rescuer.run_once() and 0, pause_s=settings.rescue_every_s, stop=stop, name="rescue")


def _cancel(pool: Pool, settings: Settings, stop: Event) -> None:
    del settings
    _repeat(Canceller(pool).run_once, pause_s=CANCEL_EVERY_S, stop=stop, name="cancel")


def _prune(pool: Pool, settings: Settings, stop: Event) -> None:
    _repeat(Pruner(pool, settings).run_once, pause_s=settings.prune_every_s, stop=stop, name="prune")


def _analyze(pool: Pool, settings: Settings, stop: Event) -> None:
    del settings
    _repeat(TableAnalyzer(pool).run_once, pause_s=ANALYZE_EVERY_S, stop=stop, name="analysis")


def _merge_duplicates(pool: Pool, settings: Settings, stop: Event) -> None:
    _repeat(DuplicateRunner(pool, settings).run_once, pause_s=DUPLICATES_EVERY_S, stop=stop, name="duplicates")


def _count_runs(pool: Pool, settings: Settings, stop: Event) -> None:
    del settings
    _repeat(RunCounter(pool).run_once, pause_s=COUNT_RUNS_EVERY_S, stop=stop, name="runs")


def _sum_minutes(pool: Pool, settings: Settings, stop: Event) -> None:
    del settings
    _repeat(MinuteSummer(pool).run_once, pause_s=SUM_EVERY_S, stop=stop, name="sums")


def _recompute(pool: Pool, settings: Settings, stop: Event) -> None:
    del settings
    _repeat(Recomputer(pool).run_once, pause_s=RECOMPUTE_EVERY_S, stop=stop, name="recomputation")


def _erase(pool: Pool, settings: Settings, stop: Event) -> None:
    del settings
    _repeat(Eraser(pool).run_once, pause_s=ERASE_EVERY_S, stop=stop, name="erasure")


def _number_identities(pool: Pool, settings: Settings, stop: Event) -> None:
    del settings
    _repeat(IdentityNumberer(pool).run_once, pause_s=IDENTITIES_EVERY_S, stop=stop, name="identities")


def _expire_replies(pool: Pool, settings: Settings, stop: Event) -> None:
    del pool
    with Broker(make_celery(settings)) as broker:
        _repeat(broker.expire_replies, pause_s=REPLIES_EVERY_S, stop=stop, name="replies")


if __name__ == "__main__":
    run_relay()
