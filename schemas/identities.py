"""The identity feed, and the survivors of ids."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar
from uuid import UUID

from marshmallow import ValidationError, fields, validate

from schemas.base import Instant, RequestSchema, ResponseSchema, Word
from schemas.jobs import JobProfileSchema
from schemas.paging import MAX_ID

DEFAULT_CHANGES = 100
MAX_CHANGES = 1_000
LIMIT = f"'limit' must be a whole number from 1 to {MAX_CHANGES}"
CURSOR = "'cursor' must be the next_cursor of an earlier page"
UUID_BYTES = 16
NUMBER_BYTES = 8
#: A cursor is made of these alone.
ENCODED = re.compile(r"[A-Za-z0-9_-]+")


class ChangeKind(StrEnum):
    """The kind of a change."""

    MERGE = "merge"
    UNDO = "undo"
    IDENTIFY = "identify"
    RENAME = "rename"
    REMOVE = "remove"
    DELETE = "delete"


class IdType(StrEnum):
    """The kind of an id."""

    BRAZE_ID = "braze_id"
    EXTERNAL_ID = "external_id"


class IdState(StrEnum):
    """The present state of an id."""

    CURRENT = "current"
    RENAMED = "renamed"
    MERGED = "merged"
    DELETED = "deleted"


class SurvivorSection(StrEnum):
    """A part of the list of survivors; the value is its letter in cursors."""

    PROFILES = "p"
    ORPHANS = "o"
    RENAMED = "r"
    DELETED = "d"

    def next_place(self) -> "SurvivorPlace | None":
        """Return the begin of the next section, None after the last one."""
        sections = list(SurvivorSection)
        following = sections[sections.index(self) + 1 :]
        return SurvivorPlace(following[0], following[0].start) if following else None

    @property
    def start(self) -> str:
        """The place before all others of the section."""
        return "" if self is SurvivorSection.RENAMED else "0"


@dataclass(frozen=True, slots=True)
class FeedPlace:
    """A place in the feed, behind the change with this number and id. After a restore, a number may have another id."""

    number: int
    entry_id: UUID

    def encode(self) -> str:
        """Return the opaque form."""
        return _encode(self.number.to_bytes(NUMBER_BYTES) + self.entry_id.bytes)

    @classmethod
    def decode(cls, text: str) -> "FeedPlace":
        """Return the place of an opaque form; raise ValueError for another text."""
        decoded = _decode(text)
        number = int.from_bytes(decoded[:NUMBER_BYTES])
        if len(decoded) != NUMBER_BYTES + UUID_BYTES or not 0 < number < MAX_ID:
            raise ValueError(CURSOR)
        return cls(number, UUID(bytes=decoded[NUMBER_BYTES:]))


@dataclass(frozen=True, slots=True)
class SurvivorPlace:
    """A place in the list of survivors: a section, and the last key of it."""

    section: SurvivorSection
    after: str

    def encode(self) -> str:
        """Return the opaque form."""
        return _encode(f"{self.section}{self.after}".encode())

    @classmethod
    def decode(cls, text: str) -> "SurvivorPlace":
        """Return the place of an opaque form; raise ValueError for another text."""
        decoded = _decode(text).decode()
        place = cls(SurvivorSection(decoded[:1]), decoded[1:])
        if "\x00" in place.after or (place.section.start and not re.fullmatch(r"[0-9]{1,18}", place.after, re.ASCII)):
            raise ValueError(CURSOR)
        return place


Place = TypeVar("Place", FeedPlace, SurvivorPlace)
START = SurvivorPlace(SurvivorSection.PROFILES, SurvivorSection.PROFILES.start)


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _decode(text: str) -> bytes:
    if not ENCODED.fullmatch(text):
        raise ValueError(CURSOR)
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class PlaceField(fields.Field[Place], Generic[Place]):
    """A place in an opaque form."""

    json_schema: Mapping[str, Any] = {"type": "string"}

    def __init__(self, place: type[Place], **options: Any) -> None:
        super().__init__(**options)
        self._place: type[Place] = place

    def _serialize(self, value: Place | None, *_: Any, **__: Any) -> str | None:
        return None if value is None else value.encode()

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Place:
        try:
            place: Place = self._place.decode(str(value))
        except (binascii.Error, ValueError):
            raise ValidationError(CURSOR) from None
        return place


def _limit() -> fields.Integer:
    return fields.Integer(
        load_default=DEFAULT_CHANGES,
        validate=validate.Range(1, MAX_CHANGES, error=LIMIT),
        error_messages={"invalid": LIMIT, "too_large": LIMIT},
        metadata={"description": "The most of them on a page."},
    )


class FeedQuery(RequestSchema):
    """A page of the feed."""

    limit = _limit()
    cursor = PlaceField(
        FeedPlace,
        metadata={"description": "The `next_cursor` of the page before; without it, the feed begins at its start."},
    )


class SurvivorQuery(RequestSchema):
    """A page of the list of survivors."""

    limit = _limit()
    cursor = PlaceField(
        SurvivorPlace, load_default=START, metadata={"description": "The `next_cursor` of the page before."}
    )


class IdentityChangeSchema(ResponseSchema):
    """A change of who a profile is. External_ids are those after it; they are null once the person was deleted."""

    number = fields.Integer(metadata={"minimum": 1})
    cursor = PlaceField(FeedPlace)
    kind = Word(ChangeKind)
    at = Instant()
    job_id = fields.UUID(allow_none=True)
    undoes = fields.UUID(allow_none=True, metadata={"description": "The job that this undo reversed."})
    orphan = fields.Nested(JobProfileSchema, allow_none=True)
    survivor = fields.Nested(JobProfileSchema, allow_none=True)
    former_external_id = fields.String(
        allow_none=True, metadata={"description": "The external_id that was renamed or removed."}
    )


class FeedPageSchema(ResponseSchema):
    """Changes in the order of their numbers. `next_cursor` is where to continue, also after the last page."""

    changes = fields.List(fields.Nested(IdentityChangeSchema))
    next_cursor = PlaceField(FeedPlace, allow_none=True)
    has_more = fields.Boolean()


class KnownIdSchema(ResponseSchema):
    """An id, and the live profile that has it or that its profile was merged into."""

    id = fields.String()
    id_type = Word(IdType)
    state = Word(IdState)
    survivor = fields.Nested(JobProfileSchema, allow_none=True)


class ListedIdSchema(KnownIdSchema):
    """An id of the list of survivors."""

    braze_id = fields.String(allow_none=True, metadata={"description": "The profile that has or had the id."})
    merged_into = fields.String(
        allow_none=True,
        metadata={"description": "The braze_id into which that profile was merged. It may have been merged later too."},
    )


class SurvivorPageSchema(ResponseSchema):
    """Ids with their survivors. `feed_cursor` is the end of the feed before the page was read."""

    ids = fields.List(fields.Nested(ListedIdSchema))
    next_cursor = PlaceField(SurvivorPlace, allow_none=True)
    feed_cursor = PlaceField(FeedPlace, allow_none=True)
