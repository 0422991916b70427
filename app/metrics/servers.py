"""The servers for which a process waits, and why."""

from collections.abc import Iterable
from threading import Lock

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from psycopg import errors as postgres

from app.errors import CONNECTION_REFUSED, NO_ANSWER, BrokerUnavailable, DatabaseUnavailable, ServerUnavailable
from app.metrics.instruments import Gauge

POSTGRESQL, BROKER = DatabaseUnavailable.server, BrokerUnavailable.server
OTHER = "other"
SQLSTATES = sorted(
    {state for each in vars(postgres).values() if isinstance(state := getattr(each, "sqlstate", 0), str)}
)
#: The first words of Redis's error replies, and RabbitMQ's codes.
# fmt: off
BROKER_CAUSES = (
    "ASK", "BUSY", "CLUSTERDOWN", "CROSSSLOT", "ERR", "EXECABORT", "LOADING", "MASTERDOWN", "MISCONF", "MOVED",
    "NOAUTH", "NOMASTERLINK", "NOPERM", "NOREPLICAS", "NOSCRIPT", "OOM", "READONLY", "TRYAGAIN", "UNBLOCKED",
    "WRONGPASS", "WRONGTYPE",
    "311", "312", "313", "320", "402", "403", "404", "405", "406", "501", "502", "503", "504", "505", "506", "530",
    "540", "541",
)
# fmt: on
SERIES = [
    *((POSTGRESQL, cause) for cause in (NO_ANSWER, CONNECTION_REFUSED, OTHER, *SQLSTATES)),
    *((BROKER, cause) for cause in (NO_ANSWER, OTHER, *BROKER_CAUSES)),
]

WAITING = Gauge(
    "mergelane_server_waiting",
    "Services of the process that wait for a server, by cause: no_answer, an SQLSTATE, or the first word of a reply.",
    labels=("server", "cause"),
    series=SERIES,
    capacity=len(SERIES),
)

SERVERS = (WAITING,)


def waiting_family(unavailable: ServerUnavailable | None) -> Metric:
    """Return the metric of a process that checks a server at each scrape, and found it *unavailable*."""
    family = GaugeMetricFamily(WAITING.name, WAITING.help, labels=WAITING.labels)
    if unavailable is not None:
        family.add_metric((unavailable.server, known_cause(unavailable.server, unavailable.cause)), 1)
    return family


def known_cause(server: str, cause: str) -> str:
    """Return *cause* if it has a series, else OTHER."""
    return cause if WAITING.knows((server, cause)) else OTHER


def broker_cause() -> str | None:
    """Return the cause for which a service of this process waits for the broker; None while none waits."""
    waiting = (cause for server, cause in SERIES if server == BROKER and WAITING.value(server, cause))
    return next(waiting, None)


class Wait:
    """Whether one service waits, and for what: at most one server at a time."""

    def __init__(self) -> None:
        self._labels: tuple[str, str] | None = None
        self._lock = Lock()

    @property
    def is_on(self) -> bool:
        """Whether the service waits."""
        return self._labels is not None

    def begin(self, error: Exception) -> bool:
        """Record that the service waits because of *error*; return whether it did not wait for that already."""
        if not isinstance(error, ServerUnavailable):
            return self._change((POSTGRESQL, OTHER))
        return self._change((error.server, known_cause(error.server, error.cause)))

    def end(self) -> bool:
        """Record that the service works; return whether it had waited."""
        return self._change(None)

    def _change(self, labels: tuple[str, str] | None) -> bool:
        with self._lock:
            if labels == self._labels:
                return False
            for amount, each in _changes(self._labels, labels):
                WAITING.inc(amount, *each)
            self._labels = labels
            return True


def _changes(old: tuple[str, str] | None, new: tuple[str, str] | None) -> Iterable[tuple[int, tuple[str, str]]]:
    return [(amount, each) for amount, each in ((-1, old), (1, new)) if each is not None]
