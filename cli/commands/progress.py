"""How far a run is: a bar on a terminal, a line now and then anywhere else."""

import sys
from collections.abc import Mapping
from contextlib import ExitStack
from time import monotonic
from types import TracebackType
from typing import Any, Self

import click

#: Seconds between two lines where there is no terminal.
EVERY_S = 10.0


class Progress:
    """Shows on standard error how many of *total* there are settled; of how many, when that is not known, is not said.

    *settled* of them were so before.
    """

    def __init__(self, unit: str, *, total: int | None, settled: int = 0) -> None:
        self._unit = unit
        self._total = total
        self._settled = settled
        self._told_at = monotonic()
        self._stack = ExitStack()
        self._bar: Any = None

    def __enter__(self) -> Self:
        """Show the bar, if there is a terminal to show it on."""
        if sys.stderr.isatty() and self._total is not None:
            bar: Any = click.progressbar(
                length=self._total, label=self._unit, show_pos=True, file=sys.stderr, item_show_func=lambda _: ""
            )
            self._bar = self._stack.enter_context(bar)
            self._bar.update(self._settled)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Take the bar away."""
        self._stack.close()

    def moved(self, settled: int, counts: Mapping[str, int]) -> None:
        """Show that so many are settled, and what became of them."""
        if self._bar is not None:
            self._bar.update(settled - self._settled)
        elif monotonic() - self._told_at >= EVERY_S:
            self._told_at = monotonic()
            of = "" if self._total is None else f" of {self._total:,}"
            click.echo(f"{settled:,}{of} {self._unit}: {told(counts)}", err=True)
        self._settled = settled


def told(counts: Mapping[str, int]) -> str:
    """Return *counts* as text, the most frequent first."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name} {count:,}" for name, count in ordered) or "none yet"
