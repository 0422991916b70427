"""Node names of workers, by which Flower, `mergelane doctor` and `celery inspect` distinguish them.

A name is unique even if a process manager starts the same command several times, or if containers share a host name and
their process ids. RabbitMQ refuses a second worker with the name of another.
"""

import os
from secrets import token_hex


def unique_name(prefix: str) -> str:
    """Return *prefix* with the id of this process and a random part."""
    return f"{prefix}-{os.getpid()}-{token_hex(2)}"
