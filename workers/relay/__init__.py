"""The relay, `python -m workers.relay`: publishing, rescue, pruning, the identity feed and more. Any number may run."""
