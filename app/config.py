"""Settings: each is declared once, here, with its default, its meaning and how its variable is read."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from ipaddress import IPv4Network, IPv6Network

from marshmallow import Schema, ValidationError, validate
from marshmallow import fields as schema_fields

from app import setting_fields as read
from app.errors import SetupError
from app.rates.buckets import DEFAULTS, Limit
from app.setting_declaration import setting as _setting
from app.setting_declaration import variable
from app.setting_sources import given_settings
from app.setting_values import (
    UNDO_BEYOND_PRUNING,
    BrokerUrlText,
    CurrencyRates,
    DatabaseUrl,
    ExactList,
    HostNames,
    Limits,
    Networks,
    Pauses,
    Peppers,
    Placeholders,
    RateLimitUrlText,
    RoleName,
    refuse_groups_of_both_kinds,
)
from schemas.placeholders import DEFAULT_PLACEHOLDERS


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of an installation. The variable of `pool_size` is MERGELANE_POOL_SIZE (see `variable`)."""

    database_url: str = _setting(
        "", DatabaseUrl(), "PostgreSQL connection URL, read by libpq (`sslmode` etc.)", secret=True
    )
    broker_url: str = _setting(
        "",
        BrokerUrlText(),
        "broker URL (`redis://`, `rediss://`, `redis+socket://`, `sentinel://`, `amqp://`, `amqps://`)",
        secret=True,
    )
    database_replica_url: str = _setting(
        "", DatabaseUrl(), "URL of a standby for segments, exports, audit and duplicates; none when empty", secret=True
    )
    database_distributed: bool = _setting(
        default=False, reader=read.switch(), meaning="whether Citus distributes the tables of DATABASE_URL"
    )
    replica_wait_s: float = _setting(0.5, read.positive(), "how long a query waits for a standby that lags behind")
    cell: str = _setting(
        "",
        schema_fields.String(validate=validate.Regexp(r"[a-z0-9-]{0,30}\Z", error="Use up to 30 of a-z, 0-9 and -.")),
        "name of this installation among several cells; in `/health/*` and in the metric `mergelane_cell`",
    )
    process_user: str = _setting(
        "mergelane_processes",
        RoleName(),
        "login in the role `mergelane_app` with which the processes connect, in place of the owner of the tables",
    )
    process_password: str = _setting(
        "",
        read.text(),
        "password of MERGELANE_PROCESS_USER, which `mergelane migrate` creates if it is set",
        secret=True,
    )
    dev_api_key: str | None = _setting(
        None,
        schema_fields.String(validate=validate.Length(min=8)),
        "API key that `mergelane up` creates in the workspace `default`, with all permissions",
        secret=True,
    )
    key_pepper: tuple[str, ...] = _setting(
        (), Peppers(), "comma-separated secrets that key the digests of API keys, the newest first", secret=True
    )
    log_format: str = _setting("json", read.text("json", "text"), "`json` for machines, `text` for people")
    log_level: str = _setting("INFO", read.text("DEBUG", "INFO", "WARNING", "ERROR"), "lowest level that is logged")
    log_error_texts: bool = _setting(
        default=False,
        reader=read.switch(),
        meaning="whether tracebacks contain the texts of errors, which may quote personal data",
    )

    metrics_address: str = _setting(
        "", read.address(), "HOST:PORT where web, relay, sender or worker serve their metrics; nowhere when empty"
    )
    health_file: str = _setting("", read.text(), "file that relay, sender or worker writes while it makes progress")
    otel_exporter_otlp_endpoint: str = _setting(
        "", read.url(), "where traces are sent by OTLP over HTTP; nowhere when empty", secret=True
    )

    pool_size: int = _setting(8, read.whole(), "PostgreSQL connections per process")
    prepared_statements: bool = _setting(
        default=True,
        reader=read.switch(),
        meaning="whether statements are prepared on the server; `false` for a pooler that cannot forward them",
    )
    pool_timeout_s: float = _setting(1.5, read.positive(), "how long web waits for a connection before it answers 503")
    silence_s: float = _setting(
        1.0, read.positive(), "how long a statement may take before web probes whether PostgreSQL still answers"
    )
    statement_timeout_ms: int = _setting(15_000, read.whole(), "when PostgreSQL cancels a statement")
    lock_timeout_ms: int = _setting(10_000, read.whole(), "how long a statement waits for a lock")
    idle_timeout_ms: int = _setting(
        20_000, read.whole(), "how long a transaction may be idle before PostgreSQL ends it"
    )

    web_host: str = _setting("127.0.0.1", read.text(), "address on which web listens, unless --bind gives another")
    port: int = _setting(
        8000,
        schema_fields.Integer(validate=validate.Range(min=1, max=65_535)),
        "port on which web listens, unless --bind gives another",
    )
    web_threads: int = _setting(16, read.whole(), "requests that one web process answers at once")
    workspace_share_percent: int = _setting(
        75,
        read.percent(),
        "part of the threads and connections of a web process that one workspace may use at once",
    )
    workspace_share_beside_others_percent: int = _setting(
        25, read.percent(), "part of the connections that it may use at once while other workspaces send requests too"
    )
    workspace_queries: int = _setting(
        2, read.whole(), "segments and previews that one web process answers at once for a workspace"
    )
    workspace_exports: int = _setting(2, read.whole(), "exports, and imports, of a workspace at once in a process")
    web_processes: int = _setting(2, read.whole(), "web processes")
    web_connections: int = _setting(
        1_000, read.whole(), "connections of clients to one web process; fewer if its limit of open files is lower"
    )
    web_keep_alive_s: float = _setting(
        75.0, read.positive(), "how long a connection without a request stays open; longer than the proxy keeps it"
    )
    web_head_s: float = _setting(10.0, read.positive(), "time limit for the headers of a request, from its first byte")
    web_body_s: float = _setting(60.0, read.positive(), "time limit for the body of a request")
    web_send_s: float = _setting(
        20.0, read.positive(), "time in which a client must read 64 kB of a response, or its rest"
    )
    web_buffer_mb: int = _setting(
        256, read.whole(), "requests and responses that one web process holds in memory, in MB"
    )
    drain_s: float = _setting(
        0.0, read.at_least_zero(), "time from SIGTERM, when `/health/ready` answers 503, until the listener closes"
    )
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = _setting(
        (), Networks(), "comma-separated addresses and networks whose X-Forwarded headers web believes"
    )
    hsts_s: int = _setting(0, read.whole(0), "`max-age` of Strict-Transport-Security; 0 sends no header")
    identify_wait_s: float = _setting(
        10.0, read.at_least_zero(30), "how long the response of `/users/identify` waits for its jobs; 0 answers at once"
    )
    waiting_bound: int = _setting(1_000_000, read.whole(), "waiting jobs of a workspace above which requests get 429")
    waiting_alert_s: float = _setting(
        300.0, read.positive(), "age of the oldest waiting job above which the console warns"
    )
    idempotency_hours: float = _setting(24.0, read.positive(), "how long an Idempotency-Key is remembered")

    allowed_hosts: frozenset[str] = _setting(
        frozenset(),
        HostNames(),
        "comma-separated host names of the console, beside local ones; `.x.org`: all below x.org",
    )
    console_hours: float = _setting(12.0, read.positive(), "how long a console session lasts")

    rate_limits: tuple[Limit, ...] = _setting(
        DEFAULTS, Limits(), "comma-separated BUCKET=REQUESTS/SECONDS; other buckets keep the vendor's limits"
    )
    rate_limit_url: str = _setting(
        "",
        RateLimitUrlText(),
        "Redis that counts requests, in the form of BROKER_URL, or `memory://`; BROKER_URL when empty",
        secret=True,
    )

    lane_size: int = _setting(
        50, read.whole(), "jobs that the relay may pack into one lane under backlog; 1: no packing"
    )
    relay_claim: int = _setting(2_000, read.whole(), "lanes that the relay claims per round")
    urgency_bound_s: float = _setting(600.0, read.positive(), "age at which less urgent jobs are published first too")
    relay_poll_ms: int = _setting(15, read.whole(), "pause between two queries of an empty ledger")
    broker_bound: int = _setting(1_000, read.whole(), "messages in the broker above which the relay stops publishing")
    visibility_timeout_s: int = _setting(
        60, read.whole(), "when Redis redelivers an unacknowledged message to another worker"
    )
    max_attempts: int = _setting(5, read.whole(), "failed attempts after which a job is dead")
    max_strandings: int = _setting(
        20, read.whole(), "attempts without an end, as after a killed worker, after which a job is dead"
    )
    retry_delay_s: float = _setting(
        1.0, read.positive(), "delay before the second attempt; doubled for each further one"
    )
    rescue_after_s: float = _setting(60.0, read.positive(), "when a job without message or worker is requeued")
    rescue_every_s: float = _setting(5.0, read.positive(), "pause between two rescue rounds")
    prune_after_days: float = _setting(90.0, read.positive(), "how long finished batches and their jobs are kept")
    audit_days: float = _setting(
        90.0, read.positive(), "how long the audit is kept, and batches with it where that is longer"
    )
    identity_days: float = _setting(
        1_095.0, read.positive(), "how long changes stay in the identity feed; at least as long as the audit"
    )
    undo_days: float = _setting(
        30.0, read.positive(), "how long a merge can be undone; at most MERGELANE_PRUNE_AFTER_DAYS"
    )
    plan_hours: float = _setting(24.0, read.positive(), "how long an open plan of merges is kept")
    plan_two_keys: bool = _setting(
        default=False, reader=read.switch(), meaning="whether the key that applies a plan must not have planned it"
    )
    prune_every_s: float = _setting(300.0, read.positive(), "pause between two prune rounds")

    webhook_pepper: tuple[str, ...] = _setting(
        (), Peppers(), "comma-separated secrets that derive webhook secrets, the newest first", secret=True
    )
    webhook_private_networks: bool = _setting(
        default=False, reader=read.switch(), meaning="whether webhooks may be in private networks and without TLS"
    )
    webhook_retries_s: tuple[float, ...] = _setting(
        (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400),
        Pauses(),
        "comma-separated pauses between the attempts of a delivery; it is dead after the last",
    )
    webhook_timeout_s: float = _setting(20.0, read.positive(), "time limit of one attempt, name resolution included")
    webhook_threads: int = _setting(16, read.whole(), "deliveries that one sender attempts at once")
    webhook_workspace_threads: int = _setting(
        0, read.whole(least=0), "of them, the most for one workspace; 0: a quarter of them"
    )
    notice_days: float = _setting(30.0, read.positive(), "how long sent and dead deliveries are kept")

    flower_url: str = _setting("", read.url(), "URL of Flower as browsers reach it; the console links to it")
    flower_basic_auth: str = _setting("", read.text(), "`user:password` for Flower; none when empty", secret=True)

    refused_identifiers: frozenset[str] = _setting(
        DEFAULT_PLACEHOLDERS, Placeholders(), "comma-separated values that clients send for no identifier"
    )
    survivor_limit: int = _setting(10_000, read.whole(), "orphans that one survivor may absorb per UTC day")

    email_groups: frozenset[str] = _setting(
        frozenset(), ExactList(), "comma-separated ids of subscription groups whose states belong to email addresses"
    )
    sms_groups: frozenset[str] = _setting(
        frozenset(), ExactList(), "comma-separated ids of subscription groups whose states belong to phone numbers"
    )
    address_change: str = _setting(
        "keep",
        read.text("keep", "keep_opt_outs", "reset"),
        "which states a profile keeps when its email or phone changes: all, opt-outs or none",
    )

    url: str = _setting("http://127.0.0.1:8000", read.url(), "address of web for the command line")
    api_key: str | None = _setting(None, read.text(), "API key of the command line", secret=True)

    array_cap: int = _setting(500, read.whole(), "elements that an array attribute keeps: the last ones")
    currency_rates: tuple[tuple[str, Decimal], ...] = _setting(
        (), CurrencyRates(), "comma-separated CODE=RATE: the value of one unit in the currency of sums"
    )

    @classmethod
    def of_process(cls) -> "Settings":
        """Return the settings of this process, or end it with a sentence; for processes that are no command."""
        try:
            return cls.from_environ()
        except SetupError as error:
            raise SystemExit(f"Error: {error}") from None

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Return the settings of *environ*, by default the process environment.

        Raises SetupError, which names each variable that cannot be read.
        """
        variables = {each.name: (variable(each.name), not each.repr) for each in fields(cls)}
        given = given_settings(variables, os.environ if environ is None else environ)
        try:
            settings = cls(**SettingsSchema().load(given))
        except ValidationError as error:
            raise SetupError(_sentence(error)) from None
        refuse_groups_of_both_kinds(settings.email_groups, settings.sms_groups)
        if settings.undo_days <= settings.prune_after_days:
            return settings
        if "undo_days" in given:
            raise SetupError(UNDO_BEYOND_PRUNING)
        # A shorter MERGELANE_PRUNE_AFTER_DAYS alone shortens the default of MERGELANE_UNDO_DAYS too.
        return replace(settings, undo_days=settings.prune_after_days)


#: Reads the settings from text.
SettingsSchema = Schema.from_dict({each.name: each.metadata["read"] for each in fields(Settings)})


def _sentence(error: ValidationError) -> str:
    faults = [
        f"{variable(name)}: {' '.join(map(str, reasons))}" for name, reasons in error.normalized_messages().items()
    ]
    return f"The environment cannot be read as settings: {' '.join(faults)} Correct or unset these variables."
