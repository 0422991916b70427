"""Read one line of an import."""

from collections.abc import Mapping
from typing import Any, TypeGuard

from marshmallow import ValidationError

from schemas.fields import first_fault
from schemas.identifier_fields import BRAZE_ID, AliasText, BrazeIdText, ExternalIdText
from schemas.identifiers import MAX_ALIAS_BYTES, MAX_EXTERNAL_ID_BYTES, email_key, to_e164
from schemas.json_values import InvalidJson, dump_json, find_repeated_member, parse_json
from schemas.profile_imports.columns import read_columns
from schemas.profile_imports.model import ImportedProfile, LineRefused
from schemas.profile_imports.values import Json, objects, parts
from schemas.text import MAX_STRING, UnfitText, check_body, quoted

#: Maximum bytes of one line.
MAX_LINE = 10 * 1024 * 1024

#: Members with a value of any shape.
DEEP = ("custom_attributes", "facebook", "twitter")

#: Levels that orjson writes.
MOST_LEVELS = 200

NO_OBJECT = "The line is not a JSON object."
NO_IDENTIFIER = "The line names no profile: 'external_id', 'braze_id' or 'user_aliases' is required."

_EXTERNAL_ID, _BRAZE_ID, _ALIAS = ExternalIdText(), BrazeIdText(), AliasText()


def parse_profile(text: str | bytes) -> ImportedProfile | LineRefused:
    """Return the profile of one line, or the reasons why it is none. Raises for no line, whatever it is."""
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if len(data) > MAX_LINE:
        return LineRefused(reasons=(f"The line is longer than {MAX_LINE:,} bytes.",))
    try:
        line = parse_json(data)
    except InvalidJson as error:
        return LineRefused(reasons=(f"The line is not JSON in UTF-8: {error}.",))
    if not isinstance(line, dict):
        return LineRefused(reasons=(NO_OBJECT,))
    fault = _unfit(data, line) or _repeated(data, line)
    return LineRefused(reasons=(fault,)) if fault is not None else _read(line)


def _read(line: Json) -> ImportedProfile | LineRefused:
    faults: list[str] = []
    identifiers: dict[str, Any] = {}
    for member, (column, reader) in IDENTIFIERS.items():
        if line.get(member) is not None and identifiers.get(column) is None:
            try:
                identifiers[column] = reader(line[member])
            except ValidationError as error:
                faults.append(_sentence(member, error))
    if not faults and not any(identifiers.values()):
        faults.append(NO_IDENTIFIER)
    read = read_columns(line)
    faults += (_sentence(member, error) for member, error in read.faults)
    if faults:
        return LineRefused(reasons=tuple(faults))
    columns = {**read.columns, **_keys_of_addresses(read.columns)}
    return ImportedProfile(**identifiers, columns=columns, remarks=tuple(read.remarks))


def _external_id(value: Any) -> str:
    return value if _is_plain(value, MAX_EXTERNAL_ID_BYTES) else str(_EXTERNAL_ID.deserialize(value))


def _braze_id(value: Any) -> str:
    return value if type(value) is str and BRAZE_ID.fullmatch(value) else str(_BRAZE_ID.deserialize(value))


def _alias_part(value: Any) -> str:
    return value if _is_plain(value, MAX_ALIAS_BYTES) else str(_ALIAS.deserialize(value))


def _is_plain(value: Any, most: int) -> TypeGuard[str]:
    """Return whether *value* is a printable text in ASCII of up to *most* characters, which every check accepts."""
    return type(value) is str and 0 < len(value) <= most and value.isascii() and value.isprintable()


ALIAS = {"alias_label": _alias_part, "alias_name": _alias_part}


def _aliases(value: Any) -> dict[str, str]:
    """Return label → name; a profile has one name for each label."""
    names: dict[str, str] = {}
    for place, entry in enumerate(objects(value)):
        try:
            alias = parts(entry, ALIAS, required=tuple(ALIAS))
        except ValidationError as error:
            raise ValidationError({str(place): error.messages}) from None
        label = alias["alias_label"]
        if names.setdefault(label, alias["alias_name"]) != alias["alias_name"]:
            raise ValidationError({str(place): ["has the label of an earlier alias"]})
    return names


#: Member → the identifier that it is, and its reader. `appboy_id` is the vendor's former name.
IDENTIFIERS: Mapping[str, tuple[str, Any]] = {
    "external_id": ("external_id", _external_id),
    "braze_id": ("braze_id", _braze_id),
    "appboy_id": ("braze_id", _braze_id),
    "user_aliases": ("user_aliases", _aliases),
}


def _keys_of_addresses(columns: Json) -> dict[str, str | None]:
    """Return the columns by which the addresses in *columns* compare."""
    keys: dict[str, str | None] = {}
    if "email" in columns:
        keys["email_key"] = email_key(columns["email"])
    if "phone" in columns:
        keys["phone_e164"] = to_e164(columns["phone"])
    return keys


def _unfit(data: bytes, line: Json) -> str | None:
    """Return why a text or the depth of *line* is unfit for any member; None if they are fit.

    A short line in ASCII without escapes has no unfit text, and only some members may nest to any depth.
    """
    plain = (
        len(data) <= MAX_STRING
        and data.isascii()
        and b"\\u" not in data
        and data.count(b"{") + data.count(b"[") <= MOST_LEVELS
    )
    checked = {name: line[name] for name in DEEP if name in line} if plain else line
    try:
        check_body(checked)
    except UnfitText:
        for member, value in line.items():
            try:
                check_body({member: value})
            except UnfitText as error:
                whole = f"'{quoted(member)}'"
                sentence = str(error).replace("A string in the request body", f"A string in {whole}")
                return sentence.replace("The request body", whole)
    return None


def _repeated(data: bytes, line: Json) -> str | None:
    """Return a sentence about a member that an object of the line has twice; None without one.

    Each member has one colon, so a repeated one lowers their number, unless an escape hides a colon.
    """
    if data.count(b":") == dump_json(line).count(b":") and b"\\u003" not in data:
        return None
    member = find_repeated_member(data)
    return None if member is None else f"The member '{quoted(member)}' is there twice."


def _sentence(member: str, error: ValidationError) -> str:
    sentence = first_fault({member: error.messages})
    return sentence if sentence.endswith(".") else f"{sentence}."
