"""Spans of this process. While tracing is off, a span costs one call that does nothing."""

import logging
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Protocol

from app.config import Settings
from app.telemetry.span import NO_SPAN, Attributes, Kind, Span

__all__ = [
    "NO_SPAN",
    "Kind",
    "Span",
    "begin_span",
    "current_traceparent",
    "is_tracing",
    "start_tracing",
    "stop_tracing",
]

LOG = logging.getLogger(__name__)

NOT_INSTALLED = (
    "OTEL_EXPORTER_OTLP_ENDPOINT is set, but OpenTelemetry is not installed, so no traces are sent."
    " Install Mergelane with its extra `otel`, or unset the variable."
)


class Exporter(Protocol):
    """Creates spans and sends them."""

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
        """Begin a span; see begin_span."""

    def stop(self) -> None:
        """Send the remaining spans."""


class _Traces:
    """The exporter of this process, if tracing is on."""

    def __init__(self) -> None:
        self.exporter: Exporter | None = None


TRACES = _Traces()
#: The W3C Trace Context of the current request; "" outside of one, or while tracing is off.
current_traceparent: ContextVar[str] = ContextVar("traceparent", default="")


def start_tracing(settings: Settings, *, service: str) -> None:
    """Send the spans of this process, as those of *service*, to OTEL_EXPORTER_OTLP_ENDPOINT if it is set.

    Call it after a fork. If OpenTelemetry is not installed, it logs a warning.
    """
    if not settings.otel_exporter_otlp_endpoint or TRACES.exporter is not None:
        return
    try:
        from app.telemetry.exporting import OpenTelemetry  # noqa: PLC0415  it is not installed everywhere
    except ImportError:
        LOG.warning(NOT_INSTALLED)
        return
    TRACES.exporter = OpenTelemetry(settings.otel_exporter_otlp_endpoint, service=service)


def stop_tracing() -> None:
    """Send the remaining spans and switch tracing off."""
    exporter, TRACES.exporter = TRACES.exporter, None
    if exporter is not None:
        exporter.stop()


def is_tracing() -> bool:
    """Return whether spans are sent; callers skip work that only spans need."""
    return TRACES.exporter is not None


def begin_span(
    name: str,
    *,
    kind: Kind = Kind.INTERNAL,
    parents: Sequence[str] = (),
    links: Sequence[str] = (),
    attributes: Attributes | None = None,
    seconds_ago: float = 0.0,
) -> Span:
    """Return a span that began *seconds_ago*; the caller ends it.

    With one traceparent among *parents* the span is its child. With several it starts a trace of its own, linked to
    each of them and to those of *links*. Two underscores in the name of an attribute stand for a dot.
    """
    if TRACES.exporter is None:
        return NO_SPAN
    return TRACES.exporter.begin(
        name, kind=kind, parents=parents, links=links, attributes=attributes or {}, seconds_ago=seconds_ago
    )
