"""Settings, read from the environment here and nowhere else."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from marshmallow import Schema, ValidationError, fields, validate

from app.errors import SetupError
from app.rates.buckets import DEFAULTS, Limit
from app.setting_fields import CurrencyRates, Limits, Pauses, Peppers, PlainList, an_address

#: Values that front ends send when they have no identifier: each has merged thousands of strangers somewhere.
PLACEHOLDERS = (
    "",
    "null",
    "nil",
    "none",
    "undefined",
    "nan",
    "0",
    "anonymous",
    "unknown",
    "n/a",
    "[object object]",
)

UNDO_BEYOND_PRUNING = (
    "MERGELANE_UNDO_DAYS is more than MERGELANE_PRUNE_AFTER_DAYS, after which nothing is left to undo by;"
    " lower the one or raise the other."
)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What an operator may set; every field names its variable in the environment and its unit.

    What is secret, or may hold a password, is left out when settings are printed.
    """

    #: DATABASE_URL: PostgreSQL connection URL, with `sslmode` and the like as libpq reads them.
    database_url: str = field(default="", repr=False)
    #: BROKER_URL: Celery broker URL (`redis://`, `rediss://`, `redis+socket://`, `amqp://`).
    broker_url: str = field(default="", repr=False)
    #: MERGELANE_DEV_API_KEY: ensured by `mergelane up` with all permissions in the workspace `default`.
    dev_api_key: str | None = field(default=None, repr=False)
    #: MERGELANE_KEY_PEPPER: comma-separated secrets that key the digests of API keys, the newest first, empty for none.
    key_pepper: tuple[str, ...] = field(default=(), repr=False)
    #: MERGELANE_LOG_FORMAT: `json` for machines, `text` for people.
    log_format: str = "json"
    #: MERGELANE_LOG_LEVEL: DEBUG, INFO, WARNING or ERROR.
    log_level: str = "INFO"
    #: MERGELANE_LOG_ERROR_TEXTS: whether tracebacks tell the texts of errors, which may quote personal data.
    log_error_texts: bool = False

    #: MERGELANE_METRICS_ADDRESS: HOST:PORT where a relay, worker or sender serves its metrics; nowhere when empty.
    metrics_address: str = ""
    #: OTEL_EXPORTER_OTLP_ENDPOINT: where traces are sent by OTLP over HTTP; nowhere when empty.
    otel_exporter_otlp_endpoint: str = field(default="", repr=False)

    #: MERGELANE_POOL_SIZE: PostgreSQL connections that one process may hold.
    pool_size: int = 8
    #: MERGELANE_POOL_TIMEOUT_S: seconds that the front door waits for a connection before it answers 503.
    pool_timeout_s: float = 1.5
    #: MERGELANE_SILENCE_S: seconds of silence in a statement after which the front door looks if PostgreSQL is there.
    silence_s: float = 1.0
    #: MERGELANE_STATEMENT_TIMEOUT_MS: milliseconds after which PostgreSQL cancels a statement.
    statement_timeout_ms: int = 15_000
    #: MERGELANE_LOCK_TIMEOUT_MS: milliseconds that a statement waits for a lock.
    lock_timeout_ms: int = 10_000
    #: MERGELANE_IDLE_TIMEOUT_MS: milliseconds that a transaction may sit idle before PostgreSQL ends it.
    idle_timeout_ms: int = 20_000

    #: MERGELANE_WEB_THREADS: requests that one web process answers at once.
    web_threads: int = 16
    #: MERGELANE_WEB_PROCESSES: web processes.
    web_processes: int = 2
    #: MERGELANE_DRAIN_S: seconds from SIGTERM, when /health/ready begins to answer 503, until the listener closes.
    drain_s: float = 0.0
    #: MERGELANE_HSTS_S: seconds for which browsers shall insist on TLS, where TLS ends before us; 0 says nothing.
    hsts_s: int = 0
    #: MERGELANE_WAITING_BOUND: jobs of a workspace that may wait before requests that would make more are refused.
    waiting_bound: int = 1_000_000
    #: MERGELANE_IDEMPOTENCY_HOURS: hours for which an Idempotency-Key is remembered.
    idempotency_hours: float = 24.0

    #: MERGELANE_CONSOLE_HOURS: hours after which whoever signed in to the console has to sign in again.
    console_hours: float = 12.0

    #: MERGELANE_RATE_LIMITS: comma-separated BUCKET=REQUESTS/SECONDS; the vendor's limits hold for the other buckets.
    rate_limits: tuple[Limit, ...] = DEFAULTS
    #: MERGELANE_RATE_LIMIT_URL: Redis that counts requests, written as BROKER_URL is; that one when empty.
    rate_limit_url: str = field(default="", repr=False)

    #: MERGELANE_LANE_SIZE: jobs that the relay may pack into one lane under backlog; 1 switches packing off.
    lane_size: int = 50
    #: MERGELANE_RELAY_CLAIM: lanes that the relay claims in one round.
    relay_claim: int = 2_000
    #: MERGELANE_RELAY_POLL_MS: milliseconds between two looks at an empty ledger.
    relay_poll_ms: int = 15
    #: MERGELANE_BROKER_BOUND: messages that may wait in the broker before the relay holds back.
    broker_bound: int = 1_000
    #: MERGELANE_VISIBILITY_TIMEOUT_S: seconds after which Redis hands an unacknowledged message to another worker.
    visibility_timeout_s: int = 60
    #: MERGELANE_MAX_ATTEMPTS: failed attempts after which a job is dead.
    max_attempts: int = 5
    #: MERGELANE_MAX_STRANDINGS: attempts without an end, as when their worker was killed, after which a job is dead.
    max_strandings: int = 20
    #: MERGELANE_RETRY_DELAY_S: seconds before the second attempt; doubled for each further one.
    retry_delay_s: float = 1.0
    #: MERGELANE_RESCUE_AFTER_S: seconds within which a job whose message or worker is gone is put back on its way.
    rescue_after_s: float = 60.0
    #: MERGELANE_RESCUE_EVERY_S: seconds between two sweeps of the rescue.
    rescue_every_s: float = 5.0
    #: MERGELANE_PRUNE_AFTER_DAYS: days for which finished batches and their jobs are kept.
    prune_after_days: float = 90.0
    #: MERGELANE_AUDIT_DAYS: days for which the audit is kept, and batches with it, where that is longer.
    audit_days: float = 90.0
    #: MERGELANE_UNDO_DAYS: days for which a merge can be undone; not more than MERGELANE_PRUNE_AFTER_DAYS.
    undo_days: float = 30.0
    #: MERGELANE_PRUNE_EVERY_S: seconds between two sweeps of the pruning.
    prune_every_s: float = 300.0

    #: MERGELANE_WEBHOOK_PEPPER: comma-separated secrets of which those of webhooks are made, the newest first.
    webhook_pepper: tuple[str, ...] = field(default=(), repr=False)
    #: MERGELANE_WEBHOOK_PRIVATE_NETWORKS: whether webhooks may lie in private networks, and be called without TLS.
    webhook_private_networks: bool = False
    #: MERGELANE_WEBHOOK_RETRIES_S: comma-separated seconds between the attempts at a notice, after which it is dead.
    webhook_retries_s: tuple[float, ...] = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
    #: MERGELANE_WEBHOOK_TIMEOUT_S: seconds that a webhook is given to answer, from the look-up of its name on.
    webhook_timeout_s: float = 20.0
    #: MERGELANE_WEBHOOK_THREADS: notices that one sender has in hand at once.
    webhook_threads: int = 16
    #: MERGELANE_NOTICE_DAYS: days for which notices that were sent or are dead are kept.
    notice_days: float = 30.0

    #: MERGELANE_FLOWER_URL: where those who look at the console find Flower; it links to tasks there when this is set.
    flower_url: str = ""
    #: MERGELANE_FLOWER_BASIC_AUTH: `user:password` that Flower asks for; none when empty.
    flower_basic_auth: str = field(default="", repr=False)

    #: MERGELANE_REFUSED_IDENTIFIERS: comma-separated placeholder values, compared trimmed and case-folded.
    refused_identifiers: frozenset[str] = frozenset(PLACEHOLDERS)
    #: MERGELANE_SURVIVOR_LIMIT: orphans that one survivor may absorb in a UTC day.
    survivor_limit: int = 10_000

    #: MERGELANE_URL: where the commands of those who run merges find the front door.
    url: str = "http://127.0.0.1:8000"
    #: MERGELANE_API_KEY: the API key that these commands send.
    api_key: str | None = field(default=None, repr=False)

    #: MERGELANE_ARRAY_CAP: elements that an array among the custom attributes keeps: the last ones.
    array_cap: int = 500
    #: MERGELANE_CURRENCY_RATES: comma-separated CODE=RATE: units of the currency of sums that one unit is worth.
    currency_rates: tuple[tuple[str, Decimal], ...] = ()

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Return the settings that *environ* (by default the process environment) describes.

        Raises SetupError, naming the variable, when a value cannot be read.
        """
        source = os.environ if environ is None else environ
        given = {name: source[variable(name)] for name in SettingsSchema().fields if source.get(variable(name))}
        try:
            settings = cls(**SettingsSchema().load(given))
        except ValidationError as error:
            raise SetupError(_sentence(error)) from None
        if settings.undo_days <= settings.prune_after_days:
            return settings
        if "undo_days" in given:
            raise SetupError(UNDO_BEYOND_PRUNING)
        # Whoever shortens the ledger's memory alone shortens this with it.
        return replace(settings, undo_days=settings.prune_after_days)


def child_environ(**variables: str) -> dict[str, str]:
    """Return the environment for a child process: this process's own with *variables* set on top.

    Celery's own variables are left out, since they silently override explicit configuration.
    """
    inherited = {name: value for name, value in os.environ.items() if name not in CELERY_OVERRIDES}
    return inherited | variables


def drop_celery_overrides() -> None:
    """Take Celery's own variables out of this process's environment, where they would override BROKER_URL unseen."""
    for name in CELERY_OVERRIDES:
        os.environ.pop(name, None)


#: Variables by which Celery lets the environment override its configuration; Mergelane reads its own names alone.
CELERY_OVERRIDES = ("CELERY_BROKER_URL", "CELERY_RESULT_BACKEND", "CELERY_BROKER_READ_URL", "CELERY_BROKER_WRITE_URL")


#: Settings whose variables have the names that everybody gives them.
NAMED_BY_OTHERS = frozenset({"database_url", "broker_url", "otel_exporter_otlp_endpoint"})


def variable(setting: str) -> str:
    """Return the name of the environment variable that holds *setting*."""
    return setting.upper() if setting in NAMED_BY_OTHERS else f"MERGELANE_{setting.upper()}"


def _whole(least: int = 1) -> fields.Integer:
    """Return a field for a whole number of at least *least*."""
    return fields.Integer(validate=validate.Range(min=least))


def _positive() -> fields.Float:
    """Return a field for a number above zero."""
    return fields.Float(validate=validate.Range(min=0, min_inclusive=False))


class SettingsSchema(Schema):
    """How each setting is read from its text."""

    database_url = fields.String()
    broker_url = fields.String()
    dev_api_key = fields.String(validate=validate.Length(min=8))
    key_pepper = Peppers()
    log_format = fields.String(validate=validate.OneOf(["json", "text"]))
    log_level = fields.String(validate=validate.OneOf(["DEBUG", "INFO", "WARNING", "ERROR"]))
    log_error_texts = fields.Boolean()
    metrics_address = an_address()
    otel_exporter_otlp_endpoint = fields.Url(schemes={"http", "https"}, require_tld=False)
    pool_size = _whole()
    pool_timeout_s = _positive()
    silence_s = _positive()
    statement_timeout_ms = _whole()
    lock_timeout_ms = _whole()
    idle_timeout_ms = _whole()
    web_threads = _whole()
    web_processes = _whole()
    drain_s = fields.Float(validate=validate.Range(min=0))
    hsts_s = _whole(0)
    waiting_bound = _whole()
    idempotency_hours = _positive()
    console_hours = _positive()
    rate_limits = Limits()
    rate_limit_url = fields.String()
    lane_size = _whole()
    relay_claim = _whole()
    relay_poll_ms = _whole()
    broker_bound = _whole()
    visibility_timeout_s = _whole()
    max_attempts = _whole()
    max_strandings = _whole()
    retry_delay_s = _positive()
    rescue_after_s = _positive()
    rescue_every_s = _positive()
    prune_after_days = _positive()
    audit_days = _positive()
    undo_days = _positive()
    prune_every_s = _positive()
    webhook_pepper = Peppers()
    webhook_private_networks = fields.Boolean()
    webhook_retries_s = Pauses()
    webhook_timeout_s = _positive()
    webhook_threads = _whole()
    notice_days = _positive()
    flower_url = fields.Url(schemes={"http", "https"}, require_tld=False)
    flower_basic_auth = fields.String()
    refused_identifiers = PlainList()
    survivor_limit = _whole()
    url = fields.Url(schemes={"http", "https"}, require_tld=False)
    api_key = fields.String()
    array_cap = _whole()
    currency_rates = CurrencyRates()


def _sentence(error: ValidationError) -> str:
    """Return one sentence that names each variable that could not be read, and why."""
    faults = [
        f"{variable(name)}: {' '.join(map(str, reasons))}" for name, reasons in error.normalized_messages().items()
    ]
    return f"The environment cannot be read as settings: {'; '.join(faults)} Correct or unset what is named."
