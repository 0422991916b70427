"""What `POST /users/merge` takes: up to 50 pairs of identifiers, checked in the vendor's order with its sentences.

Each check runs over the whole request before the next, so that a request with several faults is always answered with
the same sentence, whatever the order of its updates.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields

from schemas.identifiers import MAX_ALIAS_BYTES, MAX_EXTERNAL_ID_BYTES, Identifier, from_wire
from schemas.prioritization_checks import PRIORITIZATION_CHECKS

#: Updates that one request may hold.
MAX_UPDATES = 50
#: Longest email address or phone number that is looked up, in bytes.
MAX_ADDRESS_BYTES = 320

# The vendor's sentences, to the letter.
NOT_OBJECTS = "'merge_updates' must be an array of objects"
TOO_MANY = "a single request may not contain more than 50 merge updates"
WRONG_KEYS = "'merge_updates' must only have 'identifier_to_merge' and 'identifier_to_keep'"
WRONG_IDENTIFIER = (
    "identifiers must be objects with an 'external_id' property that is a string, 'user_alias' property that is an"
    " object, 'email' property that is a string, or 'phone' property that is a string"
)

# Ours: the vendor's is not known.
TOO_LONG = (
    f"an identifier is too long: 'external_id' may have {MAX_EXTERNAL_ID_BYTES} bytes, 'alias_name' and 'alias_label'"
    f" {MAX_ALIAS_BYTES} each, 'email' and 'phone' {MAX_ADDRESS_BYTES}"
)

ROLES = frozenset({"identifier_to_merge", "identifier_to_keep"})
ALIAS_KEYS = frozenset({"alias_name", "alias_label"})
#: The kinds of which an identifier has exactly one, and what its value is.
KINDS: Mapping[str, type] = {"external_id": str, "user_alias": dict, "email": str, "phone": str}
MAX_BYTES = {
    "external_id": MAX_EXTERNAL_ID_BYTES,
    "alias_name": MAX_ALIAS_BYTES,
    "alias_label": MAX_ALIAS_BYTES,
    "email": MAX_ADDRESS_BYTES,
    "phone": MAX_ADDRESS_BYTES,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeUpdate:
    """One pair: merge what *orphan* names into what *survivor* names."""

    orphan: Identifier
    survivor: Identifier


class MergeUpdates(fields.Field[tuple[MergeUpdate, ...]]):
    """The array `merge_updates`: its objects translated from the wire's keep and merge, once and for all."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> tuple[MergeUpdate, ...]:
        """Return the updates that *value* lists; raise ValidationError with the first sentence that applies."""
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


class MergeRequest(Schema):
    """The body of `POST /users/merge`. Keys beside `merge_updates` are ignored: old clients send their key there."""

    class Meta:
        """How the schema treats what it does not know."""

        unknown = EXCLUDE

    error_messages = {"type": NOT_OBJECTS}  # noqa: RUF012  marshmallow's own way to set them

    merge_updates = MergeUpdates(required=True, error_messages={"required": NOT_OBJECTS, "null": NOT_OBJECTS})


_REQUEST = MergeRequest()


def load_merge(body: Any) -> tuple[MergeUpdate, ...]:
    """Return the updates in the parsed *body*, in the order in which the client listed them.

    Raises ValidationError with one sentence when anything in the request is at fault; then nothing of it counts.
    """
    updates: tuple[MergeUpdate, ...] = _REQUEST.load(body)["merge_updates"]
    return updates


def _check_updates(updates: Any) -> None:
    """Check that *updates* is an array of objects, not too many of them, each with its two keys and no other."""
    _require(isinstance(updates, list) and all(isinstance(update, dict) for update in updates), NOT_OBJECTS)
    _require(len(updates) <= MAX_UPDATES, TOO_MANY)
    _require(all(update.keys() == ROLES for update in updates), WRONG_KEYS)


def _check_identifiers(identifiers: Sequence[Any]) -> None:
    """Check that each of *identifiers* is of exactly one kind and no longer than any that a profile could have."""
    _require(all(map(_is_identifier, identifiers)), WRONG_IDENTIFIER)
    _require(all(map(_is_short_enough, identifiers)), TOO_LONG)


def _is_identifier(value: Any) -> bool:
    """Return whether *value* names a profile in exactly one way. A prioritization may stand beside, used or not."""
    if not isinstance(value, dict):
        return False
    kinds = value.keys() - {"prioritization"}
    if len(kinds) != 1:
        return False
    (kind,) = kinds
    return kind in KINDS and isinstance(value[kind], KINDS[kind]) and (kind != "user_alias" or _is_alias(value[kind]))


def _is_alias(alias: Mapping[str, Any]) -> bool:
    """Return whether *alias* has a name and a label that are strings, and nothing else."""
    return alias.keys() == ALIAS_KEYS and all(isinstance(part, str) for part in alias.values())


def _is_short_enough(identifier: Mapping[str, Any]) -> bool:
    """Return whether no value of *identifier* is longer than any that a profile could have."""
    return all(len(text.encode()) <= MAX_BYTES[kind] for kind, text in _texts(identifier))


def _texts(identifier: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the strings of *identifier*, each with its key."""
    for kind, value in identifier.items():
        if kind == "user_alias":
            yield from value.items()
        elif kind != "prioritization":
            yield kind, value


def _check_prioritizations(identifiers: Sequence[Mapping[str, Any]]) -> None:
    """Check the prioritization of each of *identifiers*, which name profiles by an address that many may share."""
    given = [identifier.get("prioritization") for identifier in identifiers]
    for holds, sentence in PRIORITIZATION_CHECKS:
        _require(all(map(holds, given)), sentence)


def _require(holds: bool, sentence: str) -> None:  # noqa: FBT001  the condition is the sentence's, read as one
    """Raise ValidationError with *sentence* unless it *holds*."""
    if not holds:
        raise ValidationError(sentence)
