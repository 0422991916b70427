"""The settings by themselves: those that contradict each other, and those that are for development."""

from collections.abc import Iterator

from app.config import Settings
from cli.doctor.findings import Finding, fine, notice, wrong

CHECK = "settings"
MILLISECONDS = 1_000
HOURS_A_DAY = 24


def examine(settings: Settings) -> list[Finding]:
    """Return what is to be said about *settings*."""
    contradictions = [*_timeouts(settings), *_rescue(settings), *_amounts(settings)]
    return [*(contradictions or [fine(CHECK, "No setting contradicts another.")]), *_for_development(settings)]


def _timeouts(settings: Settings) -> Iterator[Finding]:
    """Yield what is wrong with how long things may take: each must end before whoever waits for it gives up."""
    if settings.lock_timeout_ms >= settings.statement_timeout_ms:
        yield wrong(
            CHECK,
            f"A statement is cancelled after {settings.statement_timeout_ms:,} ms, before it has waited"
            f" {settings.lock_timeout_ms:,} ms for a lock, so that contention looks like slowness.",
            "Set MERGELANE_LOCK_TIMEOUT_MS below MERGELANE_STATEMENT_TIMEOUT_MS.",
        )
    if settings.idle_timeout_ms <= settings.statement_timeout_ms:
        yield notice(
            CHECK,
            f"A transaction may sit idle for {settings.idle_timeout_ms:,} ms and a statement may take"
            f" {settings.statement_timeout_ms:,} ms: a process that is held up loses its transaction early.",
            "Set MERGELANE_IDLE_TIMEOUT_MS above MERGELANE_STATEMENT_TIMEOUT_MS.",
        )
    if settings.visibility_timeout_s * MILLISECONDS <= settings.statement_timeout_ms:
        yield wrong(
            CHECK,
            f"Redis hands a lane to another worker after {settings.visibility_timeout_s:,} s, while a single statement"
            f" of it may take {settings.statement_timeout_ms:,} ms: slow lanes would run twice, in vain.",
            "Set MERGELANE_VISIBILITY_TIMEOUT_S well above MERGELANE_STATEMENT_TIMEOUT_MS.",
        )


def _rescue(settings: Settings) -> Iterator[Finding]:
    """Yield what is wrong with when jobs are looked for."""
    if settings.rescue_after_s * MILLISECONDS <= settings.statement_timeout_ms:
        yield wrong(
            CHECK,
            f"A job is looked for after {settings.rescue_after_s:g} s without progress, while a single statement may"
            f" take {settings.statement_timeout_ms:,} ms: jobs that are merely slow would be put back.",
            "Set MERGELANE_RESCUE_AFTER_S above MERGELANE_STATEMENT_TIMEOUT_MS.",
        )
    if settings.rescue_after_s < settings.visibility_timeout_s:
        yield notice(
            CHECK,
            f"A job is looked for after {settings.rescue_after_s:g} s, before Redis hands out its message again after"
            f" {settings.visibility_timeout_s:,} s: such jobs get two messages, which costs time and does no harm.",
            "Set MERGELANE_RESCUE_AFTER_S to MERGELANE_VISIBILITY_TIMEOUT_S or more, unless haste is worth it.",
        )
    if settings.rescue_every_s > settings.rescue_after_s:
        yield notice(
            CHECK,
            f"Lost jobs are looked for every {settings.rescue_every_s:g} s only, so that one may wait for"
            f" {settings.rescue_after_s + settings.rescue_every_s:g} s.",
            "Set MERGELANE_RESCUE_EVERY_S below MERGELANE_RESCUE_AFTER_S.",
        )


def _amounts(settings: Settings) -> Iterator[Finding]:
    """Yield what is wrong with how much is held, and for how long."""
    if settings.relay_claim > settings.broker_bound * settings.lane_size:
        yield notice(
            CHECK,
            f"The relay may claim {settings.relay_claim:,} lanes at once, and the broker holds"
            f" {settings.broker_bound:,} messages of {settings.lane_size:,} jobs at most, so that the smaller number"
            " counts.",
            "Set MERGELANE_RELAY_CLAIM to MERGELANE_BROKER_BOUND times MERGELANE_LANE_SIZE or less.",
        )
    if settings.idempotency_hours > settings.prune_after_days * HOURS_A_DAY:
        yield wrong(
            CHECK,
            f"Idempotency keys are remembered for {settings.idempotency_hours:g} h, and the batches that they lead to"
            f" are deleted after {settings.prune_after_days:g} days.",
            "Set MERGELANE_PRUNE_AFTER_DAYS longer than MERGELANE_IDEMPOTENCY_HOURS.",
        )


def _for_development(settings: Settings) -> Iterator[Finding]:
    """Yield what is meant for development, or left out for convenience."""
    if not any(settings.key_pepper):
        yield notice(
            "keys",
            "The digests of API keys are not keyed: MERGELANE_KEY_PEPPER is not set.",
            "Set it to `SECRET,` with a random SECRET; digests are keyed as their keys are used, and the comma can go"
            " when `mergelane doctor` counts none without it.",
        )
    if settings.dev_api_key:
        yield notice(
            "keys",
            "MERGELANE_DEV_API_KEY is set: `mergelane up` gives that key every permission.",
            "Unset it outside of development, and make keys with `mergelane keys create`.",
        )
    if settings.log_error_texts:
        yield notice(
            "logs",
            "Tracebacks in the logs tell the texts of errors, which may quote personal data.",
            "Unset MERGELANE_LOG_ERROR_TEXTS when you have seen what you wanted to see.",
        )
