"""Traces in OpenTelemetry's form, for those who ask for them: without OTEL_EXPORTER_OTLP_ENDPOINT nothing is loaded.

`spans` is what everybody uses; `exporting` alone knows OpenTelemetry, which the extra `otel` installs.
"""
