"""The command `mergelane`: `up`, `migrate` and `keys`."""

from workers.cli.entry import main

__all__ = ["main"]
