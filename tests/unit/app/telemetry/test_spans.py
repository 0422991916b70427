"""Spans without tracing, and without the OpenTelemetry packages."""

import logging
import sys

import pytest

from app.config import Settings
from app.telemetry import spans
from app.telemetry.span import NO_SPAN

ASKED_FOR = Settings(otel_exporter_otlp_endpoint="http://127.0.0.1:4318")


@pytest.fixture(autouse=True)
def off() -> None:
    """Check that tracing is off before each test."""
    assert not spans.is_tracing()


def test_without_the_setting_no_traces_are_sent() -> None:
    spans.start_tracing(Settings(), service="test")
    span = spans.begin_span("something", parents=["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"])
    span.note(what="ever")
    span.fail()
    span.end()

    assert not spans.is_tracing()
    assert span is NO_SPAN
    assert span.traceparent == ""


def test_without_the_extra_packages_a_warning_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "app.telemetry.exporting", None)
    with caplog.at_level(logging.WARNING):
        spans.start_tracing(ASKED_FOR, service="test")

    assert not spans.is_tracing()
    assert [record.message for record in caplog.records] == [spans.NOT_INSTALLED]


def test_stopping_traces_that_never_started_is_no_error() -> None:
    spans.stop_tracing()

    assert not spans.is_tracing()
