"""`GET /system`: the processes, versions and settings of the installation."""

from enum import StrEnum

from marshmallow import fields

from schemas.base import Instant, ResponseSchema, Word


class ProcessKind(StrEnum):
    """What a process does."""

    WEB = "web"
    RELAY = "relay"
    WORKER = "worker"
    SENDER = "sender"


class ProcessState(StrEnum):
    """Whether the heartbeats of a process arrive."""

    RUNNING = "running"
    LOST = "lost"


class BrokerState(StrEnum):
    """Whether a process reaches the broker."""

    REACHABLE = "reachable"
    AWAY = "away"


class ProcessSchema(ResponseSchema):
    """A process that wrote a heartbeat within the last hour. One that ends as it should is deleted at once."""

    kind = Word(ProcessKind)
    name = fields.String(metadata={"description": "The node name of a worker; else the kind."})
    host = fields.String()
    pid = fields.Integer(metadata={"minimum": 0})
    state = Word(ProcessState, metadata={"description": "`lost` when no heartbeat arrived for 35 seconds."})
    version = fields.String()
    schema_version = fields.String(metadata={"description": "The revision that the code of the process needs."})
    broker = Word(
        BrokerState, allow_none=True, metadata={"description": "As the process sees it; null if it uses none."}
    )
    broker_cause = fields.String(
        allow_none=True,
        metadata={"description": "Why it waits: `no_answer`, or the first word of the broker's error reply."},
    )
    started_at = Instant()
    seen_at = Instant()


class SettingSchema(ResponseSchema):
    """A setting of the web process that answers."""

    name = fields.String(metadata={"description": "Its environment variable."})
    value = fields.Raw(metadata={"description": "A number, a text, or true or false."})
    meaning = fields.String()
    is_default = fields.Boolean()


class SystemSchema(ResponseSchema):
    """The state of the installation. It has no secrets and no addresses of servers."""

    version = fields.String(metadata={"description": "The version of the web process that answers."})
    schema_version = fields.String(metadata={"description": "The revision of the database."})
    required_schema_version = fields.String(metadata={"description": "The revision that this version needs."})
    processes = fields.List(
        fields.Nested(ProcessSchema), metadata={"description": "At most 200: the processes that were seen last."}
    )
    settings = fields.List(fields.Nested(SettingSchema))
