"""The state of the installation, for its operators: versions, processes, and settings without secrets."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from importlib import metadata

from app.config import Settings
from app.db.connections import Connection
from app.db.schema_version import current_revision, required_revision
from app.setting_declaration import variable
from app.system.processes import Process, list_processes

#: The settings that explain how the installation behaves. None is a secret, a URL or an address.
REPORTED = (
    "waiting_bound",
    "waiting_alert_s",
    "lane_size",
    "broker_bound",
    "urgency_bound_s",
    "max_attempts",
    "max_strandings",
    "retry_delay_s",
    "rescue_after_s",
    "visibility_timeout_s",
    "survivor_limit",
    "array_cap",
    "address_change",
    "undo_days",
    "prune_after_days",
    "audit_days",
    "identity_days",
    "notice_days",
    "plan_hours",
    "plan_two_keys",
    "idempotency_hours",
    "console_hours",
    "webhook_timeout_s",
    "webhook_private_networks",
    "web_processes",
    "web_threads",
    "pool_size",
    "statement_timeout_ms",
    "lock_timeout_ms",
    "log_level",
    "log_error_texts",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownSetting:
    """A setting of web, by its variable."""

    name: str
    value: str | int | float
    meaning: str
    is_default: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemReport:
    """Versions, processes and settings."""

    version: str
    #: The revision of the database.
    schema_version: str
    #: The revision that this version needs.
    required_schema_version: str
    processes: Sequence[Process]
    settings: Sequence[ShownSetting]


def read_system(connection: Connection, settings: Settings) -> SystemReport:
    """Return the state of the installation; *settings* are those of this process."""
    return SystemReport(
        version=metadata.version("mergelane"),
        schema_version=current_revision(connection) or "",
        required_schema_version=required_revision(),
        processes=list_processes(connection),
        settings=list_settings(settings),
    )


def list_settings(settings: Settings) -> list[ShownSetting]:
    """Return the settings of REPORTED."""
    declared = {field.name: field for field in fields(Settings)}
    return [
        ShownSetting(
            name=variable(name),
            value=(value := getattr(settings, name)),
            meaning=declared[name].metadata["meaning"],
            is_default=value == declared[name].default,
        )
        for name in REPORTED
    ]
