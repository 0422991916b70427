"""The relay, `python -m workers.relay`: publishing, rescue, pruning, analysis, duplicate runs. Any number may run."""
