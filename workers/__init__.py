"""Background processes: Celery workers, the relay (with rescue and pruning) and the sender of webhooks."""
