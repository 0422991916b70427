"""Spans as a collector receives them."""

from collections.abc import Iterator

import pytest

from app.config import Settings
from app.telemetry import spans
from tests.support.collector import Collector, Received

ONE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
OTHER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector to which this process sends its spans."""
    collector = Collector()
    try:
        spans.start_tracing(Settings(otel_exporter_otlp_endpoint=f"{collector.url}/"), service="test")
        yield collector
    finally:
        spans.stop_tracing()
        collector.close()


def received(collector: Collector) -> Received:
    """Send all spans, and return the only one that the collector received."""
    spans.stop_tracing()
    (span,) = collector.spans
    return span


def test_a_span_of_one_parent_is_its_child(collector: Collector) -> None:
    spans.begin_span("work", parents=[ONE, ONE], attributes={"mergelane__jobs": 2}).end()
    span = received(collector)

    assert (span.service, span.name) == ("mergelane-test", "work")
    assert f"00-{span.trace_id}-{span.parent_id}-01" == ONE
    assert span.attributes == {"mergelane.jobs": "2"}
    assert span.links == ()


def test_a_span_of_several_parents_is_linked_with_each(collector: Collector) -> None:
    spans.begin_span("work", parents=[ONE, OTHER, ""]).end()
    span = received(collector)

    assert span.links == (ONE.split("-")[1], OTHER.split("-")[1])
    assert span.trace_id not in span.links
    assert span.parent_id == ""


def test_a_malformed_parent_is_ignored(collector: Collector) -> None:
    spans.begin_span("work", parents=["'; DROP TABLE job"]).end()

    assert received(collector).parent_id == ""


def test_a_span_leads_on(collector: Collector) -> None:
    span = spans.begin_span("work", parents=[ONE])
    span.end()
    sent = received(collector)

    assert span.traceparent == f"00-{sent.trace_id}-{sent.span_id}-01"


def test_a_span_is_recorded_after_its_end_and_can_have_an_error(collector: Collector) -> None:
    span = spans.begin_span("work", seconds_ago=2.5)
    span.fail()
    span.end()
    sent = received(collector)

    assert sent.failed
    assert 2.5 <= (sent.ended - sent.began) / 1e9 < 30
