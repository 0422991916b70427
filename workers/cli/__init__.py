"""The command `mergelane`, for those who run Mergelane and for those who run merges."""

from workers.cli.entry import main

__all__ = ["main"]
