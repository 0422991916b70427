"""The sender process, `python -m workers.sender`: tells webhooks of finished batches; any number of them at once."""
