"""The environment of processes, without the variables of other programs that would change Mergelane's."""

import os
import re

#: Variables by which the environment would override Celery's explicit configuration.
CELERY_OVERRIDES = ("CELERY_BROKER_URL", "CELERY_RESULT_BACKEND", "CELERY_BROKER_READ_URL", "CELERY_BROKER_WRITE_URL")
#: Variables from which libpq sets the session after the start-up options, so that they win.
SESSION_OVERRIDES = ("PGDATESTYLE", "PGTZ")
#: The value of a variable that Kubernetes sets for a Service. For a Service called flower, FLOWER_PORT has the name of
#: an option of Flower.
SERVICE_ADDRESS = re.compile(r"(?:tcp|udp|sctp)://")


def child_environ(**variables: str) -> dict[str, str]:
    """Return the environment of a child process: that of this one without overrides, plus *variables*."""
    inherited = {name: value for name, value in os.environ.items() if not _overrides(name, value)}
    return inherited | variables


def drop_celery_overrides() -> None:
    """Remove the variables that would override Celery's or Flower's configuration from this process's environment."""
    for name, value in tuple(os.environ.items()):
        if _overrides(name, value):
            del os.environ[name]


def overrides_session() -> bool:
    """Return whether libpq sets the session from this process's environment."""
    return any(os.environ.get(name) for name in SESSION_OVERRIDES)


def _overrides(name: str, value: str) -> bool:
    return name in CELERY_OVERRIDES or (name.startswith("FLOWER_") and SERVICE_ADDRESS.match(value) is not None)
