"""The relay, `python -m workers.relay`: publishing, rescue, pruning, analysis and duplicate runs. Any number may run."""
