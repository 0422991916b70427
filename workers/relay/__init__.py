"""The relay process, `python -m workers.relay`: publishing, rescue and pruning, any number of them at once."""
