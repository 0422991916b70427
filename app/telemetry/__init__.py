"""Traces in OpenTelemetry's format, sent when OTEL_EXPORTER_OTLP_ENDPOINT is set; otherwise nothing is loaded.

All code uses `spans`. Only `exporting` imports OpenTelemetry, which the extra `otel` installs.
"""
