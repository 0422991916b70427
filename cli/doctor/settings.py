"""Checks of the settings: contradictions, and values for development only."""

from collections.abc import Iterator

from app.config import Settings
from cli.doctor.findings import Finding, fine, notice, wrong

CHECK = "settings"
MILLISECONDS = 1_000
HOURS_A_DAY = 24


def check_settings(settings: Settings) -> list[Finding]:
    """Return the findings about *settings*."""
    contradictions = [*_timeouts(settings), *_rescue(settings), *_amounts(settings)]
    return [*(contradictions or [fine(CHECK, "No setting contradicts another.")]), *_for_development(settings)]


def _timeouts(settings: Settings) -> Iterator[Finding]:
    """Compare timeouts: each operation must end before the process that waits for it gives up."""
    if settings.lock_timeout_ms >= settings.statement_timeout_ms:
        yield wrong(
            CHECK,
            f"The statement timeout ({settings.statement_timeout_ms:,} ms) ends before the lock timeout"
            f" ({settings.lock_timeout_ms:,} ms), so contention looks like a slow statement.",
            "Set MERGELANE_LOCK_TIMEOUT_MS below MERGELANE_STATEMENT_TIMEOUT_MS.",
        )
    if settings.idle_timeout_ms <= settings.statement_timeout_ms:
        yield notice(
            CHECK,
            f"The idle timeout of transactions ({settings.idle_timeout_ms:,} ms) is not above the statement timeout"
            f" ({settings.statement_timeout_ms:,} ms): a process that pauses loses its transaction early.",
            "Set MERGELANE_IDLE_TIMEOUT_MS above MERGELANE_STATEMENT_TIMEOUT_MS.",
        )
    if settings.visibility_timeout_s * MILLISECONDS <= settings.statement_timeout_ms:
        yield wrong(
            CHECK,
            f"Redis delivers a lane to another worker after {settings.visibility_timeout_s:,} s, but a single"
            f" statement of"
            f" it may take {settings.statement_timeout_ms:,} ms: slow lanes run twice, without effect.",
            "Set MERGELANE_VISIBILITY_TIMEOUT_S well above MERGELANE_STATEMENT_TIMEOUT_MS.",
        )


def _rescue(settings: Settings) -> Iterator[Finding]:
    """Compare the times of rescue with other timeouts."""
    if settings.rescue_after_s * MILLISECONDS <= settings.statement_timeout_ms:
        yield wrong(
            CHECK,
            f"Rescue requeues a job after {settings.rescue_after_s:g} s without progress, but a single"
            f" statement may take"
            f" {settings.statement_timeout_ms:,} ms: jobs that are only slow are requeued.",
            "Set MERGELANE_RESCUE_AFTER_S above MERGELANE_STATEMENT_TIMEOUT_MS.",
        )
    if settings.rescue_after_s < settings.visibility_timeout_s:
        yield notice(
            CHECK,
            f"Rescue requeues a job after {settings.rescue_after_s:g} s, before Redis redelivers its message after"
            f" {settings.visibility_timeout_s:,} s. Such jobs get two messages, which costs time but is harmless.",
            "Set MERGELANE_RESCUE_AFTER_S to MERGELANE_VISIBILITY_TIMEOUT_S or more, unless you need fast recovery.",
        )
    if settings.rescue_every_s > settings.rescue_after_s:
        yield notice(
            CHECK,
            f"Rescue runs only every {settings.rescue_every_s:g} s, so a lost job may wait"
            f" {settings.rescue_after_s + settings.rescue_every_s:g} s.",
            "Set MERGELANE_RESCUE_EVERY_S below MERGELANE_RESCUE_AFTER_S.",
        )


def _amounts(settings: Settings) -> Iterator[Finding]:
    """Compare numbers and lifetimes of messages and records."""
    if settings.relay_claim > settings.broker_bound * settings.lane_size:
        yield notice(
            CHECK,
            f"The relay may claim {settings.relay_claim:,} lanes at once, but the broker holds at most"
            f" {settings.broker_bound:,} messages of {settings.lane_size:,} jobs. The smaller number applies.",
            "Set MERGELANE_RELAY_CLAIM to MERGELANE_BROKER_BOUND times MERGELANE_LANE_SIZE or less.",
        )
    if settings.idempotency_hours > settings.prune_after_days * HOURS_A_DAY:
        yield wrong(
            CHECK,
            f"Idempotency keys are stored for {settings.idempotency_hours:g} h, but their batches are deleted after"
            f" {settings.prune_after_days:g} days.",
            "Set MERGELANE_PRUNE_AFTER_DAYS longer than MERGELANE_IDEMPOTENCY_HOURS.",
        )


def _for_development(settings: Settings) -> Iterator[Finding]:
    """Report settings that are unsuitable for production."""
    if not any(settings.key_pepper):
        yield notice(
            "keys",
            "The digests of API keys have no pepper: MERGELANE_KEY_PEPPER is not set.",
            "Set it to `SECRET,` with a random SECRET. Each digest gets the pepper when its key is used. Remove"
            " the comma"
            " when `mergelane doctor` reports no digest without a pepper.",
        )
    if settings.dev_api_key:
        yield notice(
            "keys",
            "MERGELANE_DEV_API_KEY is set: with `mergelane up`, this key has all permissions.",
            "Unset it outside development, and create keys with `mergelane keys create`.",
        )
    if settings.log_error_texts:
        yield notice(
            "logs",
            "Tracebacks in the logs include the texts of errors, which may contain personal data.",
            "Unset MERGELANE_LOG_ERROR_TEXTS after debugging.",
        )
