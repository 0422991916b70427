"""What a worker process holds for as long as it lives: settings, and a pool opened at first use."""

from functools import cache

from app.config import Settings
from app.db import Pool, open_pool


@cache
def settings() -> Settings:
    """Return the settings of this process."""
    return Settings.from_environ()


@cache
def pool() -> Pool:
    """Return this process's pool, opened at first use: after a fork, never before it."""
    return open_pool(settings(), name="worker")


def close() -> None:
    """Close the pool if it was opened; a later call of pool() opens another."""
    if pool.cache_info().currsize:
        pool().close()
        pool.cache_clear()
