"""The body of `POST /users/merge` and its preview: up to 50 pairs, checked in the vendor's order with its sentences.

Each check runs over the whole request before the next one. So a request with several faults always gets the same
sentence, whatever the order of its updates.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any, Protocol, TypeGuard, TypeVar

from marshmallow import ValidationError, fields, post_dump

from schemas.base import (
    RequestSchema,
    ResponseSchema,
    StrictRequestSchema,
    WireJson,
    Word,
    count_field,
    success_message,
)
from schemas.identifiers import (
    MAX_ALIAS_BYTES,
    MAX_EXTERNAL_ID_BYTES,
    Email,
    ExternalId,
    Identifier,
    Phone,
    Recorded,
    UserAlias,
    from_wire,
)
from schemas.jobs import AcceptedSchema, ChangeSchema, JobProfileSchema, warnings_of_pair
from schemas.outcomes import Outcome
from schemas.priorities import Priority
from schemas.prioritization import PRIORITIZATION_CHECKS
from schemas.targets import MAX_ADDRESS_BYTES, IdentifierSchema

#: Maximum updates of one request.
MAX_UPDATES = 50

# The vendor's sentences, to the letter.
NOT_OBJECTS = "'merge_updates' must be an array of objects"
TOO_MANY = "a single request may not contain more than 50 merge updates"
WRONG_KEYS = "'merge_updates' must only have 'identifier_to_merge' and 'identifier_to_keep'"
WRONG_IDENTIFIER = (
    "identifiers must be objects with an 'external_id' property that is a string, 'user_alias' property that is an"
    " object, 'email' property that is a string, or 'phone' property that is a string"
)

# Ours: the vendor's sentence is not known.
TOO_LONG = (
    f"an identifier is too long: 'external_id' may have {MAX_EXTERNAL_ID_BYTES} bytes, 'alias_name' and 'alias_label'"
    f" {MAX_ALIAS_BYTES} each, 'email' and 'phone' {MAX_ADDRESS_BYTES}"
)

ROLES = frozenset({"identifier_to_merge", "identifier_to_keep"})
ALIAS_KEYS = frozenset({"alias_name", "alias_label"})
#: The kinds of identifiers, and the type of their value. An identifier has exactly one kind.
KINDS: Mapping[str, type] = {"external_id": str, "user_alias": dict, "email": str, "phone": str}
MAX_BYTES = {
    "external_id": MAX_EXTERNAL_ID_BYTES,
    "alias_name": MAX_ALIAS_BYTES,
    "alias_label": MAX_ALIAS_BYTES,
    "email": MAX_ADDRESS_BYTES,
    "phone": MAX_ADDRESS_BYTES,
}
#: Characters up to which a text is short enough in any case: a character has at most four bytes in UTF-8.
PLAIN_LENGTHS = {kind: most // 4 for kind, most in MAX_BYTES.items()}
#: Every valid prioritization, as it is sent.
PLAIN_PRIORITIZATIONS: Mapping[tuple[str, ...], tuple[Priority, ...]] = {
    tuple(map(str, steps)): steps
    for length in range(len(Priority) + 1)
    for steps in permutations(Priority, length)
    if all(holds(list(steps)) for holds, _ in PRIORITIZATION_CHECKS)
}

Identifier_co = TypeVar("Identifier_co", bound=Recorded, covariant=True)


class Update(Protocol[Identifier_co]):
    """The identifiers of both sides of a new job, or of a preview."""

    @property
    def orphan(self) -> Identifier_co:
        """The identifier of the profile that is merged away."""

    @property
    def survivor(self) -> Identifier_co:
        """The identifier of the profile that is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeUpdate:
    """One pair: merge the profile of *orphan* into the profile of *survivor*."""

    orphan: Identifier
    survivor: Identifier


class MergeUpdateSchema(StrictRequestSchema):
    """Merge the profile `identifier_to_merge` into the profile `identifier_to_keep`."""

    identifier_to_keep = fields.Nested(IdentifierSchema, required=True)
    identifier_to_merge = fields.Nested(IdentifierSchema, required=True)


class MergeUpdates(fields.Field[tuple[MergeUpdate, ...]]):
    """The array `merge_updates`; loading translates the wire's keep and merge into survivor and orphan."""

    json_schema: Mapping[str, Any] = {"type": "array", "items": MergeUpdateSchema, "maxItems": MAX_UPDATES}

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> tuple[MergeUpdate, ...]:
        _check_updates(value)
        identifiers = [update[role] for update in value for role in sorted(ROLES)]
        _check_identifiers(identifiers)
        _check_prioritizations([one for one in identifiers if "email" in one or "phone" in one])
        return tuple(
            MergeUpdate(
                orphan=from_wire(update["identifier_to_merge"]), survivor=from_wire(update["identifier_to_keep"])
            )
            for update in value
        )


class MergeRequestSchema(RequestSchema):
    """Pairs of profiles to merge. Keys beside `merge_updates` are ignored: old clients send their API key there."""

    error_messages = {"type": NOT_OBJECTS}  # noqa: RUF012  marshmallow's own way to set them

    merge_updates = MergeUpdates(required=True, error_messages={"required": NOT_OBJECTS, "null": NOT_OBJECTS})


class MergeAcceptedSchema(AcceptedSchema):
    """The batch of an accepted merge request."""

    message = success_message()


class UpdatePreviewSchema(ResponseSchema):
    """The result that one update would have now."""

    index = count_field()
    outcome = Word(Outcome, attribute="end.outcome")
    reason = fields.String(attribute="end.reason")
    orphan = fields.Nested(JobProfileSchema, attribute="end.orphan", allow_none=True)
    survivor = fields.Nested(JobProfileSchema, attribute="end.survivor", allow_none=True)
    changes = WireJson(ChangeSchema, many=True)
    warnings = warnings_of_pair()

    @post_dump
    def _leave_out(self, dumped: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {name: value for name, value in dumped.items() if value is not None or name != "warnings"}


class MergePreviewSchema(ResponseSchema):
    """The result of each update, in the order of the request. Nothing was written."""

    message = success_message()
    updates = fields.List(fields.Nested(UpdatePreviewSchema))


_REQUEST = MergeRequestSchema()
_UPDATE_PREVIEWS = UpdatePreviewSchema(many=True)


def dump_previews(previews: Any) -> dict[str, Any]:
    """Return the response of `POST /users/merge/preview`."""
    return {"message": "success", "updates": _UPDATE_PREVIEWS.dump(previews)}


def load_merge(body: Any) -> tuple[MergeUpdate, ...]:
    """Return the updates of the parsed *body* in its order; raise ValidationError with one sentence for any fault."""
    plain = load_plain_updates(body)
    if plain is not None:
        return plain
    updates: tuple[MergeUpdate, ...] = _REQUEST.load(body)["merge_updates"]
    return updates


def load_plain_updates(body: Any) -> tuple[MergeUpdate, ...] | None:
    """Return the updates of a *body* of the usual form, or None for any other: then the checks decide.

    One pass over valid updates takes a third of the time of the checks: each check passes over all.
    """
    updates = body.get("merge_updates") if isinstance(body, dict) else None
    if not isinstance(updates, list) or len(updates) > MAX_UPDATES:
        return None
    loaded = []
    for update in updates:
        if not isinstance(update, dict) or len(update) != len(ROLES):
            return None
        orphan = _load_plain(update.get("identifier_to_merge"))
        survivor = _load_plain(update.get("identifier_to_keep"))
        if orphan is None or survivor is None:
            return None
        loaded.append(MergeUpdate(orphan=orphan, survivor=survivor))
    return tuple(loaded)


def _load_plain(wire: Any) -> Identifier | None:
    """Return the identifier *wire* if its form is usual and its text is short, else None."""
    if not isinstance(wire, dict):
        return None
    if len(wire) > 1:
        return _load_plain_address(wire)
    if "user_alias" in wire:
        return _load_plain_alias(wire["user_alias"])
    text = wire.get("external_id")
    return ExternalId(text) if _is_plain(text, "external_id") else None


def _load_plain_address(wire: Mapping[str, Any]) -> Email | Phone | None:
    steps = wire.get("prioritization")
    if len(wire) != len(("address", "prioritization")) or not isinstance(steps, list):
        return None
    known = PLAIN_PRIORITIZATIONS.get(tuple(steps)) if all(isinstance(step, str) for step in steps) else None
    if known is None:
        return None
    if _is_plain(wire.get("email"), "email"):
        return Email(wire["email"], known)
    return Phone(wire["phone"], known) if _is_plain(wire.get("phone"), "phone") else None


def _load_plain_alias(alias: Any) -> UserAlias | None:
    if not isinstance(alias, dict) or len(alias) != len(ALIAS_KEYS):
        return None
    label, name = alias.get("alias_label"), alias.get("alias_name")
    if _is_plain(label, "alias_label") and _is_plain(name, "alias_name"):
        return UserAlias(label=label, name=name)
    return None


def _is_plain(text: Any, kind: str) -> TypeGuard[str]:
    return isinstance(text, str) and len(text) <= PLAIN_LENGTHS[kind]


def _check_updates(updates: Any) -> None:
    _require(isinstance(updates, list) and all(isinstance(update, dict) for update in updates), NOT_OBJECTS)
    _require(len(updates) <= MAX_UPDATES, TOO_MANY)
    _require(all(update.keys() == ROLES for update in updates), WRONG_KEYS)


def _check_identifiers(identifiers: Sequence[Any]) -> None:
    _require(all(map(_is_identifier, identifiers)), WRONG_IDENTIFIER)
    _require(all(map(_is_short_enough, identifiers)), TOO_LONG)


def _is_identifier(value: Any) -> bool:
    """Return whether *value* has exactly one kind; a prioritization beside it is allowed, used or not."""
    if not isinstance(value, dict):
        return False
    kinds = value.keys() - {"prioritization"}
    if len(kinds) != 1:
        return False
    (kind,) = kinds
    return kind in KINDS and isinstance(value[kind], KINDS[kind]) and (kind != "user_alias" or _is_alias(value[kind]))


def _is_alias(alias: Mapping[str, Any]) -> bool:
    return alias.keys() == ALIAS_KEYS and all(isinstance(part, str) for part in alias.values())


def _is_short_enough(identifier: Mapping[str, Any]) -> bool:
    return all(len(text.encode()) <= MAX_BYTES[kind] for kind, text in _texts(identifier))


def _texts(identifier: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the strings of *identifier* with their keys."""
    for kind, value in identifier.items():
        if kind == "user_alias":
            yield from value.items()
        elif kind != "prioritization":
            yield kind, value


def _check_prioritizations(identifiers: Sequence[Mapping[str, Any]]) -> None:
    """Check the prioritizations of *identifiers*, which are all emails or phones."""
    given = [identifier.get("prioritization") for identifier in identifiers]
    for holds, sentence in PRIORITIZATION_CHECKS:
        _require(all(map(holds, given)), sentence)


def _require(holds: bool, sentence: str) -> None:  # noqa: FBT001  the condition is the sentence's, read as one
    if not holds:
        raise ValidationError(sentence)
