"""The options of `mergelane profiles import`, and the format of its file."""

import gzip
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from app.text_files.lines import BOM
from cli.bulk.columns.cells import POINT
from cli.bulk.columns.import_columns import ATTRIBUTES
from cli.bulk.files import FileError, FileFormat, UnansweredPolicy, detect_format
from cli.bulk.reading.blocks import GZIP
from cli.bulk.reading.encodings import UTF_8
from cli.bulk.recognition import PROFILES

if TYPE_CHECKING:
    from threading import Event

    from cli.client import Client

#: A segment that was exported as CSV from the vendor's dashboard.
DASHBOARD = "dashboard"
#: What happens to a profile that exists: nothing, its empty members are filled, or it is replaced.
CONFLICTS = ("skip", "fill", "replace")
#: The extension of ZIP archives, and the beginning of one with files.
ZIP, ZIP_MARK = ".zip", b"PK\x03\x04"
#: Bytes at the beginning of a file that show its format.
BEGINNING = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """The options of `mergelane profiles import`; *new_client* returns a client that the run closes."""

    file: str
    #: An array of `/users/track`, PROFILES or DASHBOARD. None: whole profiles or attributes, by the content.
    kind: str | None
    report: Path
    #: None: the format of the files in an archive.
    form: FileFormat | None
    unanswered: UnansweredPolicy
    again: bool
    new_client: "Callable[[Event], Client]"
    encoding: str = UTF_8
    renames: Mapping[str, str] = field(default_factory=dict)
    custom: Sequence[str] = ()
    detect_types: bool = False
    #: The sign between whole numbers and fractions in CSV.
    decimal: str = POINT
    #: For whole profiles: what happens to existing profiles, or None, and whether nothing is changed.
    on_conflict: str | None = None
    dry_run: bool = False

    @property
    def array(self) -> str:
        """The array of lines that name none."""
        return ATTRIBUTES if self.kind in {None, DASHBOARD} else str(self.kind)

    def check(self, form: FileFormat, *, whole: bool) -> None:
        """Raise FileError when an option has no meaning for a file of this *form*, of *whole* profiles or not."""
        if self.decimal != POINT and (whole or form is not FileFormat.CSV):
            raise FileError("--decimal is for numbers in CSV; numbers of JSON have a point. Leave it out.")
        for option, given in (("--on-conflict", self.on_conflict is not None), ("--dry-run", self.dry_run)):
            if given and not whole:
                raise FileError(f"{option} is for whole profiles, and {self.file} is imported as {self.array}.")


def detect_import_format(name: str, given: FileFormat | None, kind: str | None) -> FileFormat | None:
    """Return *given*, else the format of the file *name* by its extension or its beginning.

    None is that of an archive, which its files decide. Raises FileError when the format is unknown.
    """
    if given is not None:
        return given
    path = Path(name)
    if path.is_dir() or path.suffix.lower() == ZIP:
        return None
    try:
        return detect_format(name, None)
    except FileError:
        beginning = _read_beginning(path)
        if beginning.startswith(ZIP_MARK):
            return None
        if kind == PROFILES or beginning.lstrip().startswith(b"{"):
            return FileFormat.JSONL
        raise


def _read_beginning(path: Path) -> bytes:
    """Return the first bytes of *path*, decompressed; empty when it is a pipe or cannot be read."""
    if not path.is_file():
        return b""
    try:
        with path.open("rb") as file:
            beginning = file.read(BEGINNING)
        if not beginning.startswith(GZIP):
            return beginning.removeprefix(BOM)
        with gzip.open(path) as content:
            return content.read(BEGINNING).removeprefix(BOM)
    except (OSError, EOFError, zlib.error):
        return b""
