"""The interface of a span, and the span that is used while tracing is off.

A file of its own, because `spans` imports `exporting`, and both need it.
"""

from collections.abc import Mapping
from enum import StrEnum

Attributes = Mapping[str, str | int]


class Kind(StrEnum):
    """OpenTelemetry's kinds of spans."""

    SERVER = "SERVER"
    PRODUCER = "PRODUCER"
    CONSUMER = "CONSUMER"
    INTERNAL = "INTERNAL"


class Span:
    """A span that is not sent."""

    #: The W3C Trace Context of this span; "" while tracing is off.
    traceparent = ""

    def note(self, **attributes: str | int) -> None:
        """Add *attributes*; two underscores in a name stand for a dot."""

    def fail(self) -> None:
        """Mark the operation as failed."""

    def end(self) -> None:
        """End the span; a thread sends it later."""


NO_SPAN = Span()
