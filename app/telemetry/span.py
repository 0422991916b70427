"""What a span is, whether it is sent anywhere or not."""

from collections.abc import Mapping
from enum import StrEnum

Attributes = Mapping[str, str | int]


class Kind(StrEnum):
    """Which part of a journey a span is, in OpenTelemetry's words."""

    SERVER = "SERVER"
    PRODUCER = "PRODUCER"
    CONSUMER = "CONSUMER"
    INTERNAL = "INTERNAL"


class Span:
    """A span of nobody: what there is while traces are off."""

    #: Where the trace goes on from here, as W3C Trace Context writes it; "" while traces are off.
    traceparent = ""

    def note(self, **attributes: str | int) -> None:
        """Add *attributes*; two underscores in a name stand for a dot."""

    def fail(self) -> None:
        """Mark what the span tells as failed."""

    def end(self) -> None:
        """End the span; it is sent some time later."""


NOBODYS = Span()
