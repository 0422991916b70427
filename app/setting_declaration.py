"""How a setting is declared: its variable, default, meaning, and what reads its text."""

from dataclasses import field
from typing import Any

from marshmallow import fields as schema_fields

#: Settings whose variables have standard names, without our prefix.
UNPREFIXED = frozenset(
    {
        "database_url",
        "database_replica_url",
        "database_distributed",
        "broker_url",
        "otel_exporter_otlp_endpoint",
        "port",
    }
)


def variable(setting: str) -> str:
    """Return the name of the environment variable of *setting*."""
    return setting.upper() if setting in UNPREFIXED else f"MERGELANE_{setting.upper()}"


def setting(default: Any, reader: schema_fields.Field[Any], meaning: str, *, secret: bool = False) -> Any:
    """Declare a setting: its default, what reads its text, and what it means; a *secret* is not in `repr()`."""
    return field(default=default, repr=not secret, metadata={"read": reader, "meaning": meaning})
