"""What a worker process holds for as long as it lives: settings, a pool opened at first use, and its metrics."""

from functools import cache

from app.config import Settings
from app.db.connections import Pool, open_pool
from app.metrics.serving import Served
from app.metrics.work import WORK


@cache
def settings() -> Settings:
    """Return the settings of this process."""
    return Settings.from_environ()


@cache
def pool() -> Pool:
    """Return this process's pool, opened at first use: after a fork, never before it."""
    return open_pool(settings(), name="worker")


@cache
def show_metrics() -> Served:
    """Show what this process measures, where the settings say."""
    return Served(settings().metrics_address, *WORK)


def close() -> None:
    """Close what was opened; a later call opens another."""
    if show_metrics.cache_info().currsize:
        show_metrics().close()
        show_metrics.cache_clear()
    if pool.cache_info().currsize:
        pool().close()
        pool.cache_clear()
