"""Spans sent by OTLP over HTTP: the only module that imports OpenTelemetry.

Its SDK reads its own variables (OTEL_TRACES_SAMPLER, OTEL_EXPORTER_OTLP_HEADERS, OTEL_RESOURCE_ATTRIBUTES and others).
A thread sends the spans from memory; when the collector is unavailable they are dropped, and nothing waits.
"""

from collections.abc import Sequence
from time import time_ns

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanKind, StatusCode, get_current_span, set_span_in_context
from opentelemetry.trace import Span as TheirSpan
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from app.telemetry.span import Attributes, Kind, Span

W3C = TraceContextTextMapPropagator()
NANOSECONDS = 1_000_000_000


class _Exported(Span):
    """A span that is sent after its end."""

    def __init__(self, span: TheirSpan) -> None:
        self._span = span
        carrier: dict[str, str] = {}
        W3C.inject(carrier, set_span_in_context(span, Context()))
        self.traceparent = carrier.get("traceparent", "")

    def note(self, **attributes: str | int) -> None:
        self._span.set_attributes(_dotted(attributes))

    def fail(self) -> None:
        self._span.set_status(StatusCode.ERROR)

    def end(self) -> None:
        self._span.end()


class OpenTelemetry:
    """Creates spans of a *service* and sends them to the collector at *endpoint*, a URL without the path /v1/traces."""

    def __init__(self, endpoint: str, *, service: str) -> None:
        resource = Resource.create({"service.name": f"mergelane-{service}", "service.namespace": "mergelane"})
        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
        self._provider = TracerProvider(resource=resource)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("mergelane")

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
        distinct = list(dict.fromkeys(filter(None, parents)))
        linked = [*(distinct if len(distinct) > 1 else ()), *filter(None, links)]
        span = self._tracer.start_span(
            name,
            context=_context(distinct[0]) if len(distinct) == 1 else Context(),
            kind=SpanKind[kind],
            links=[Link(get_current_span(_context(each)).get_span_context()) for each in linked],
            attributes=_dotted(attributes),
            start_time=time_ns() - round(seconds_ago * NANOSECONDS),
        )
        return _Exported(span)

    def stop(self) -> None:
        """Send the remaining spans."""
        self._provider.shutdown()


def _context(traceparent: str) -> Context:
    """Return the trace context of *traceparent*; an empty one if it is malformed."""
    return W3C.extract({"traceparent": traceparent}, context=Context())


def _dotted(attributes: Attributes) -> dict[str, str | int]:
    """Return *attributes* with dots in place of two underscores."""
    return {name.replace("__", "."): value for name, value in attributes.items()}
