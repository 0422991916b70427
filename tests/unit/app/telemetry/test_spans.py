"""Spans while traces are off, and where OpenTelemetry is not installed."""

import logging
import sys

import pytest

from app.config import Settings
from app.telemetry import spans
from app.telemetry.span import NO_SPAN

ASKED_FOR = Settings(otel_exporter_otlp_endpoint="http://127.0.0.1:4318")


@pytest.fixture(autouse=True)
def off() -> None:
    """Begin with traces that are off."""
    assert not spans.is_tracing()


def test_nothing_is_sent_unasked() -> None:
    spans.start_tracing(Settings(), service="test")
    span = spans.begin_span("something", parents=["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"])
    span.note(what="ever")
    span.fail()
    span.end()

    assert not spans.is_tracing()
    assert span is NO_SPAN
    assert span.traceparent == ""


def test_traces_without_the_extra_are_an_error_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "app.telemetry.exporting", None)
    with caplog.at_level(logging.WARNING):
        spans.start_tracing(ASKED_FOR, service="test")

    assert not spans.is_tracing()
    assert [record.message for record in caplog.records] == [spans.NOT_INSTALLED]


def test_stopping_what_never_began_is_no_fault() -> None:
    spans.stop_tracing()

    assert not spans.is_tracing()
