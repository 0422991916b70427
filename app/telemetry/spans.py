"""Spans: what a process did, when, and in which trace. While traces are off, each costs a call that does nothing."""

import logging
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Protocol

from app.config import Settings
from app.telemetry.span import NOBODYS, Attributes, Kind, Span

__all__ = ["NOBODYS", "Kind", "Span", "begin", "current", "is_on", "start", "stop"]

LOG = logging.getLogger(__name__)

NOT_INSTALLED = (
    "OTEL_EXPORTER_OTLP_ENDPOINT is set, but OpenTelemetry is not installed, so no traces are sent."
    " Install Mergelane with its extra `otel`, or unset the variable."
)


class Exporter(Protocol):
    """What makes spans that are sent somewhere."""

    def begin(
        self,
        name: str,
        *,
        kind: Kind,
        parents: Sequence[str],
        links: Sequence[str],
        attributes: Attributes,
        seconds_ago: float,
    ) -> Span:
        """Begin a span."""

    def stop(self) -> None:
        """Send what is left."""


class _Traces:
    """The traces of this process."""

    def __init__(self) -> None:
        self.exporter: Exporter | None = None


TRACES = _Traces()
#: Where the trace of the request that is being answered goes on; "" outside of one, or while traces are off.
current: ContextVar[str] = ContextVar("traceparent", default="")


def start(settings: Settings, *, service: str) -> None:
    """Send the spans of this process, which is a *service* of Mergelane, where *settings* say; nowhere by default.

    To be called after the process was forked. Where OpenTelemetry is not installed, that is told and no more.
    """
    if not settings.otel_exporter_otlp_endpoint or TRACES.exporter is not None:
        return
    try:
        from app.telemetry.exporting import OpenTelemetry  # noqa: PLC0415  it is not installed everywhere
    except ImportError:
        LOG.warning(NOT_INSTALLED)
        return
    TRACES.exporter = OpenTelemetry(settings.otel_exporter_otlp_endpoint, service=service)


def stop() -> None:
    """Send what is left, and no more."""
    exporter, TRACES.exporter = TRACES.exporter, None
    if exporter is not None:
        exporter.stop()


def is_on() -> bool:
    """Return whether spans are sent: what only they need is not to be put together otherwise."""
    return TRACES.exporter is not None


def begin(
    name: str,
    *,
    kind: Kind = Kind.INTERNAL,
    parents: Sequence[str] = (),
    links: Sequence[str] = (),
    attributes: Attributes | None = None,
    seconds_ago: float = 0.0,
) -> Span:
    """Begin a span *seconds_ago*, and return it, to be ended.

    Of one traceparent among *parents* it is the child; with several it begins a trace of its own, linked with each of
    them and with those of *links*. The dots in the names of *attributes* are written as two underscores.
    """
    if TRACES.exporter is None:
        return NOBODYS
    return TRACES.exporter.begin(
        name, kind=kind, parents=parents, links=links, attributes=attributes or {}, seconds_ago=seconds_ago
    )
