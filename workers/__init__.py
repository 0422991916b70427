"""The processes behind the door: Celery workers, the relay with rescue and pruning, and `mergelane up`."""
