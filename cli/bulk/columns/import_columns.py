"""The columns of an import file: each is a member of an object for an array of `/users/track`."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.text_files.known_names import find_known, refuse_nearly_known
from app.text_files.merge_columns import PAIR_COLUMNS
from cli.bulk.columns.cells import PLAIN, CellRules, CellType, detect_value, parse_cell, type_of_member
from cli.bulk.columns.dashboard import DASHBOARD_IDS, MEMBERS, dashboard_object, is_ignored
from cli.bulk.files import FileError
from schemas.attributes import INSTRUCTIONS
from schemas.text import quoted
from schemas.track import ARRAYS

Json = dict[str, Any]

#: Separates the name and the type of a column in the header.
TYPE_MARK = ":"
ATTRIBUTES, EVENTS = "attributes", "events"
ALIAS, GROUPS = "user_alias", "subscription_groups"
#: Columns that are parts of a member: the vendor's names of an alias, ours, and a subscription group.
PARTS: Mapping[str, tuple[str, str]] = {
    "user_alias_name": (ALIAS, "alias_name"),
    "user_alias_label": (ALIAS, "alias_label"),
    "alias_name": (ALIAS, "alias_name"),
    "alias_label": (ALIAS, "alias_label"),
    "subscription_group_id": (GROUPS, "subscription_group_id"),
    "subscription_state": (GROUPS, "subscription_state"),
}
#: The parts of these members come together.
PAIRS = (("alias_name", "alias_label"), ("subscription_group_id", "subscription_state"))
#: Members that say which profile an object is about.
IDENTIFYING = ("external_id", "braze_id", ALIAS, "email", "phone", "device_id")
#: Stands between the name of an event and that of its property: login.properties.channel.
PROPERTIES = ".properties."


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of an import file."""

    #: Its name in the header.
    header: str
    #: The member that it sets, and the member of that if it is a part of it.
    path: tuple[str, ...]
    kind: CellType
    #: Whether the header names its type. Otherwise a cell of another type is sent as text.
    typed: bool = False
    #: The event whose property it is.
    event: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportColumns:
    """The columns of an import file, and how its rows become objects."""

    array: str
    columns: Sequence[Column]
    #: Whether the columns are those of the vendor's dashboard.
    dashboard: bool = False
    #: Columns of the dashboard that are not imported.
    ignored: Sequence[str] = ()
    rules: CellRules = PLAIN

    @property
    def one_line(self) -> Collection[str]:
        """The columns whose cells have no line break: identifiers and everything with a type."""
        return {
            column.header
            for column in self.columns
            if column.path[0] in {*IDENTIFYING, GROUPS, "time", "name"} or column.kind is CellType.NUMBER
        }

    def to_object(self, cells: Mapping[str, str]) -> tuple[str | None, Json]:
        """Return the fault of a row, or None, and its object. Blank cells set nothing."""
        fault: str | None = None
        made: Json = {}
        for column in self.columns:
            text = cells[column.header]
            if not text:
                continue
            if column.event is not None and cells.get("name", "").strip() != column.event:
                fault = fault or f"The cell in column '{quoted(column.header)}' belongs to another event than this row."
            try:
                value = self._parse(column, text)
            except ValueError:
                value = text
                if column.typed:
                    fault = fault or (
                        f"The cell in column '{quoted(column.path[-1])}' is not a {column.kind}: '{quoted(text)}'."
                    )
            _put(made, column.path, value)
        if self.dashboard:
            made = dashboard_object(made)
        if GROUPS in made and isinstance(made[GROUPS], dict):
            made[GROUPS] = [made[GROUPS]]
        return fault, made

    def _parse(self, column: Column, text: str) -> Any:
        known = self.array == ATTRIBUTES and column.path[0] in ARRAYS[ATTRIBUTES].fields
        free = (len(column.path) > 1 and column.path[0] == "properties") or (self.array == ATTRIBUTES and not known)
        if self.rules.detect_types and free and not column.typed:
            return detect_value(text, decimal=self.rules.decimal)
        return parse_cell(text, column.kind, decimal=self.rules.decimal)


def read_import_columns(
    names: Sequence[str],
    *,
    array: str,
    file: str = "the file",
    custom: Collection[str] = (),
    dashboard: bool = False,
    rules: CellRules = PLAIN,
) -> ImportColumns:
    """Return the meaning of the columns *names* in objects of *array*; raise FileError when one has none.

    *custom* are columns that are custom attributes whatever their names resemble.
    """
    dashboard = dashboard or (array == ATTRIBUTES and not DASHBOARD_IDS.isdisjoint(names))
    _check_custom(names, custom, array, file)
    _check_nearly_known(names, custom=custom, array=array, file=file, dashboard=dashboard)
    found = {name: _column(name, array, custom, file) for name in names}
    if dashboard:
        found = {name: column if name in custom else _of_dashboard(column) for name, column in found.items()}
    ignored = [name for name in names if dashboard and is_ignored(name) and name not in custom]
    columns = [column for name, column in found.items() if name not in ignored]
    _check_paths(columns, file)
    if not dashboard and not any(column.path[0] in IDENTIFYING for column in columns):
        raise FileError(
            f"No column of {file} identifies the profiles. Name one external_id, braze_id, email, phone, or two"
            " user_alias_name and user_alias_label; --rename OLD=external_id renames a column."
        )
    return ImportColumns(array=array, columns=columns, dashboard=dashboard, ignored=ignored, rules=rules)


def _column(name: str, array: str, custom: Collection[str], file: str) -> Column:
    """Return the column with this *name*; raise FileError when nothing reads it."""
    if name in custom:
        return Column(header=name, path=(name,), kind=CellType.TEXT)
    member, mark, type_name = name.rpartition(TYPE_MARK)
    if not mark:
        member = name
    elif type_name not in list(CellType):
        raise FileError(
            f"The column '{quoted(name)}' of {file} has the unknown type '{quoted(type_name)}'. Use"
            f" {', '.join(CellType)}, or declare a custom attribute of this name by --custom."
        )
    kind = CellType(type_name) if mark else CellType.TEXT
    schema = ARRAYS[array]
    if member in PARTS and PARTS[member][0] in schema.fields:
        return Column(header=name, path=PARTS[member], kind=kind, typed=bool(mark))
    if member in schema.fields:
        return Column(
            header=name, path=(member,), kind=kind if mark else type_of_member(schema, member), typed=bool(mark)
        )
    event, _, prop = member.rpartition(PROPERTIES) if array == EVENTS else ("", "", "")
    if event and prop:
        return Column(header=name, path=("properties", prop), kind=kind, typed=bool(mark), event=event)
    if array != ATTRIBUTES:
        shape = " or EVENT.properties.NAME" if array == EVENTS else ""
        known = ", ".join([*schema.fields, *(part for part in PARTS if PARTS[part][0] in schema.fields)])
        raise FileError(
            f"Nothing reads the column '{quoted(name)}' of {file}. The columns of {array} are {known}{shape}."
        )
    return Column(header=name, path=(member,), kind=kind, typed=bool(mark))


def _of_dashboard(column: Column) -> Column:
    """Return the column of the dashboard that *column* is, else *column* itself."""
    member = MEMBERS.get(column.header)
    return column if member is None else replace(column, path=(member,), kind=CellType.TEXT, typed=False)


def _check_custom(names: Sequence[str], custom: Collection[str], array: str, file: str) -> None:
    for name in custom:
        if name not in names:
            raise FileError(f"--custom has the column '{quoted(name)}', which {file} does not have.")
        if array != ATTRIBUTES:
            raise FileError(f"--custom is for attributes; {array} have no custom attributes.")
        if name in ARRAYS[ATTRIBUTES].fields or name in PARTS or name in INSTRUCTIONS:
            raise FileError(
                f"The column '{quoted(name)}' of {file} cannot be a custom attribute: its name has a meaning."
            )


def _check_nearly_known(
    names: Iterable[str], *, custom: Collection[str], array: str, file: str, dashboard: bool
) -> None:
    """Raise FileError when a column is nearly a known one, or one of a merge file."""
    given = {name: name.rpartition(TYPE_MARK)[0] or name for name in names if name not in custom}
    for name, member in given.items():
        if member in PAIR_COLUMNS or find_known(member, PAIR_COLUMNS):
            raise FileError(f"{file} has the column '{quoted(name)}' of a merge file. Use `mergelane merge` for it.")
        if any(end in name for end in "\r\n"):
            raise FileError(
                f"The column '{quoted(name)}' of {file} has a line break in its name. Write it in one line."
            )
    known = [*ARRAYS[array].fields, *(part for part in PARTS if PARTS[part][0] in ARRAYS[array].fields)]
    if array == ATTRIBUTES:
        known += sorted(DASHBOARD_IDS)
    remedy = ", or add --custom '{name}' if it is a custom attribute" if array == ATTRIBUTES else ""
    refuse_nearly_known(
        (member for member in given.values() if not (dashboard and member in DASHBOARD_IDS)),
        known,
        file=file,
        remedy=remedy,
    )


def _check_paths(columns: Sequence[Column], file: str) -> None:
    """Raise FileError when two columns set one member, or half of a pair is missing."""
    seen: dict[tuple[object, ...], Column] = {}
    whole = {column.path[0]: column for column in columns if len(column.path) == 1}
    for column in columns:
        place = (*column.path, column.event)
        other = seen.get(place) or (whole.get(column.path[0]) if len(column.path) > 1 else None)
        if other is not None:
            raise FileError(
                f"The columns '{quoted(other.header)}' and '{quoted(column.header)}' of {file} set the same member."
                " Remove one of them."
            )
        seen[place] = column
    for first, second in PAIRS:
        present = {column.path[-1]: column.header for column in columns if column.path[-1] in {first, second}}
        if len(present) == 1:
            ((part, header),) = present.items()
            missing = header.replace(part, second if part == first else first)
            raise FileError(f"{file} has the column '{quoted(header)}' without '{quoted(missing)}'. Add it.")


def _put(made: Json, path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        inner = made.setdefault(name, {})
        made = inner if isinstance(inner, dict) else {}
    made[path[-1]] = value
