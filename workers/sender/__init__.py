"""The sender, `python -m workers.sender`: sends notices of finished batches to webhooks. Any number may run."""
