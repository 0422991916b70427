"""Recognises whole profiles, as exports have them, among objects for an array of `/users/track` by their members."""

import re
from collections.abc import Collection, Iterator, Sequence
from enum import StrEnum
from typing import IO, Any

from app.text_files.lines import LineReader, LineTooLong, Position, is_blank
from cli.bulk.files import FileError
from cli.bulk.import_lines import ARRAY, REMARK_MEMBERS, TEXT
from schemas.json_values import InvalidJson, parse_json
from schemas.profile import EXPORTABLE
from schemas.text import quoted
from schemas.track import ARRAYS

#: The name under which a report, and a line that says what it is, has a whole profile; also the value of `--as`.
PROFILES = "profiles"
#: Lines at the beginning of a file that are all parsed. Of later ones those are that look different.
SAMPLE_LINES = 2_000

#: Members of profiles alone, if their value is a list of objects. An array of `/users/track` has a single object.
LISTS = frozenset({"user_aliases", "custom_events", "purchases", "apps", "campaigns_received", "canvases_received"})
#: Members that exports have and attributes objects have not. A custom attribute may have such a name.
EXPORTED_ONLY = EXPORTABLE - ARRAYS["attributes"].fields.keys()
#: A line with one of these is hardly anything but a profile, and a line without any of NAMES is none.
SIGNS = (b'"custom_attributes"', b'"user_aliases"', b'"appboy_id"')
NAMES = re.compile(b'"(?:%s)"' % b"|".join(sorted(name.encode() for name in {*EXPORTED_ONLY, PROFILES})))


class Kind(StrEnum):
    """What a line is."""

    PROFILE = "whole profile"
    TRACKED = "object for /users/track"
    #: It has a member that an export has, and may be an attributes object.
    UNCLEAR = "unclear"
    #: It is either, such as an external_id alone, or it is not JSON.
    EITHER = "either"


def classify(value: Any) -> Kind:
    """Return what the JSON *value* of a line is."""
    if not isinstance(value, dict):
        return Kind.EITHER
    if value.keys() >= REMARK_MEMBERS:
        if TEXT in value:
            return Kind.PROFILE if value.get(ARRAY) == PROFILES else Kind.EITHER
        value = {name: part for name, part in value.items() if name not in REMARK_MEMBERS}
    if len(value) == 1:
        ((name, inner),) = value.items()
        if isinstance(inner, dict) and (name == PROFILES or name in ARRAYS):
            return Kind.PROFILE if name == PROFILES else Kind.TRACKED
    if any(_is_profile_member(name, part) for name, part in value.items()):
        return Kind.PROFILE
    if not EXPORTABLE.issuperset(value):
        return Kind.TRACKED
    unclear = not EXPORTED_ONLY.isdisjoint(value.keys() - {"braze_id"}) or value.keys() >= {"braze_id", "external_id"}
    return Kind.UNCLEAR if unclear else Kind.EITHER


def has_profiles(file: IO[bytes], name: str) -> bool:
    """Return whether the lines of *file*, which is called *name*, are whole profiles.

    Raises FileError when they are of both kinds, or can be either.
    """
    first: dict[Kind, tuple[int, Any]] = {}
    for line, value in _conspicuous(file):
        kind = classify(value)
        first.setdefault(kind, (line, value))
        if first.keys() >= {Kind.PROFILE, Kind.TRACKED}:
            raise FileError(
                f"{name} has a {Kind.PROFILE} in line {first[Kind.PROFILE][0]} and an {Kind.TRACKED} in line"
                f" {first[Kind.TRACKED][0]}. Split the file, or add --as profiles or --as attributes to read all lines"
                " so."
            )
    if Kind.PROFILE not in first and Kind.UNCLEAR in first:
        line, value = first[Kind.UNCLEAR]
        member = next(member for member in value if member in EXPORTED_ONLY or member == "braze_id")
        raise FileError(
            f"Line {line} of {name} can be a {Kind.PROFILE} or an attributes object: it has '{quoted(member)}', which"
            " exports have. Add --as profiles or --as attributes."
        )
    return Kind.PROFILE in first


def header_has_profiles(names: Sequence[str], custom: Collection[str], name: str) -> bool:
    """Return whether the rows of the CSV file *name* with the columns *names* are whole profiles.

    Columns in *custom* are custom attributes. Raises FileError when the rows can be either.
    """
    given = [column for column in names if column not in custom]
    signs = [column for column in given if column in {*LISTS, "custom_attributes", "appboy_id"} - {"purchases"}]
    if len(given) == len(names) and signs and EXPORTABLE.issuperset(names):
        return True
    unclear = signs or (
        [column for column in given if column in EXPORTED_ONLY - {"braze_id"}] if EXPORTABLE.issuperset(names) else []
    )
    if unclear:
        raise FileError(
            f"The rows of {name} can be whole profiles or attributes: they have the column '{unclear[0]}', which"
            f" exports have. Add --as profiles, or --custom '{unclear[0]}' if it is a custom attribute."
        )
    return False


def _is_profile_member(name: str, value: Any) -> bool:
    match value:
        case str():
            return name == "appboy_id"
        case dict():
            return name == "custom_attributes"
        case list():
            empty = not value and name != "user_aliases"
            return name in LISTS and not empty and all(isinstance(each, dict) for each in value)
        case _:
            return False


def _conspicuous(file: IO[bytes]) -> Iterator[tuple[int, Any]]:
    """Yield number and value of the first lines of *file*, and of later ones whose kind can differ from theirs.

    To parse all lines of a long file twice would take minutes.
    """
    lines, profiles = LineReader(file, Position()), False
    while True:
        try:
            line = next(lines)
        except StopIteration:
            return
        except LineTooLong:
            continue
        number = lines.position.lines
        if is_blank(line) or (number > SAMPLE_LINES and _looks_the_same(line, profiles=profiles)):
            continue
        try:
            value = parse_json(line)
        except InvalidJson:
            continue
        profiles = profiles or classify(value) is Kind.PROFILE
        yield number, value


def _looks_the_same(line: bytes, *, profiles: bool) -> bool:
    if profiles:
        return any(sign in line for sign in SIGNS)
    return NAMES.search(line) is None
