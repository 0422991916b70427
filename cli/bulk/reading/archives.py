"""ZIP archives and folders of text files, read as one text: the files one after the other, in the order of their names.

Names of files are for this order and for messages. Nothing is unpacked to a path.
"""

import lzma
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import IO

from cli.bulk.files import GZIP as GZIP_SUFFIX
from cli.bulk.files import FileError, FileFormat
from cli.bulk.reading.blocks import (
    GZIP,
    beginning,
    check_inflation,
    check_is_text,
    decode,
    decompress,
    read_blocks,
)
from cli.bulk.reading.encodings import UTF_8
from schemas.text import quoted

#: The beginnings of ZIP archives: with files, and without.
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
#: A member of every workbook of Excel.
WORKBOOK = "[Content_Types].xml"
#: What macOS adds to archives.
MAC_FOLDER = "__MACOSX"
#: The bit of the flags that says that a member is encrypted.
ENCRYPTED = 0x1
#: Raised by `zipfile` and its decompressors for damaged members.
DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, struct.error)


def is_zip(first: bytes) -> bool:
    """Return whether a file with these *first* bytes is a ZIP archive, or a workbook."""
    return first.startswith(ZIP)


def format_of_names(names: Sequence[str]) -> FileFormat:
    """Return the format of files with these *names*: CSV if all are."""
    endings = {PurePosixPath(name.removesuffix(GZIP_SUFFIX)).suffix.lower() for name in names}
    return FileFormat.CSV if endings == {".csv"} else FileFormat.JSONL


class ZipFiles:
    """The text files in a ZIP archive. Raises FileError for one that cannot be read."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self._name = name
        try:
            self._archive = zipfile.ZipFile(file)
        except (*DAMAGE, NotImplementedError):
            raise FileError(f"{name} is not a complete ZIP archive. Create or copy it again.") from None
        members = [each for each in self._archive.infolist() if not each.is_dir() and _is_input(each.filename)]
        if any(each.filename == WORKBOOK for each in members):
            raise FileError(f"{name} is an Excel workbook. Save it as CSV in UTF-8.")
        self._members = sorted(members, key=lambda member: member.filename)
        check_inflation(sum(each.file_size for each in members), file.seek(0, os.SEEK_END), name)

    @property
    def names(self) -> list[str]:
        """The names of its files, in the order of reading."""
        return [member.filename for member in self._members]

    def blocks(self, encoding: str) -> Iterator[bytes]:
        """Yield the content of its files in UTF-8."""
        for member in self._members:
            called = f"The file '{quoted(member.filename)}' in {self._name}"
            if member.flag_bits & ENCRYPTED:
                raise FileError(f"{called} is encrypted. Unpack the archive with its password.")
            try:
                with self._archive.open(member) as file:
                    yield from _text_of(file, called, encoding)
            except NotImplementedError:
                raise FileError(f"{called} is compressed by an unknown method. Unpack the archive first.") from None
            except (*DAMAGE, RuntimeError):
                raise FileError(f"{called} is damaged. Create or copy the archive again.") from None


class FolderFiles:
    """The text files, compressed or not, and the ZIP archives in a folder and the folders below it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            found = [path for path in folder.rglob("*") if _is_input(str(path.relative_to(folder))) and path.is_file()]
        except OSError as error:
            raise FileError(f"{folder} cannot be read: {error.strerror}.") from None
        self._paths = sorted(found, key=lambda path: path.relative_to(folder).as_posix())

    @property
    def names(self) -> list[str]:
        """The names of its files, in the order of reading."""
        return [path.relative_to(self._folder).as_posix() for path in self._paths]

    def blocks(self, encoding: str) -> Iterator[bytes]:
        """Yield the content of its files in UTF-8."""
        for path in self._paths:
            try:
                file = path.open("rb")
            except OSError as error:
                raise FileError(f"{path} cannot be read: {error.strerror}.") from None
            with file:
                if is_zip(beginning(file)):
                    yield from ZipFiles(file, str(path)).blocks(encoding)
                else:
                    yield from _text_of(file, str(path), encoding)


def join_files(files: ZipFiles | FolderFiles, name: str, encoding: str) -> Iterator[bytes]:
    """Yield the content of *files* as one text in UTF-8; raise FileError when there are none."""
    if not files.names:
        raise FileError(f"{name} has no files.")
    return files.blocks(encoding)


def _is_input(name: str) -> bool:
    """Return whether a file of this *name*, relative to its folder, is read: no hidden one and no checkpoint."""
    parts = PurePosixPath(name).parts
    hidden = any(part.startswith(".") and part.strip(".") for part in parts)
    return not (hidden or MAC_FOLDER in parts or name.endswith(".state"))


def _text_of(file: IO[bytes], name: str, encoding: str) -> Iterator[bytes]:
    """Yield the text in *file*, in UTF-8 and with an end of its last line."""
    first = beginning(file)
    check_is_text(first, name)
    blocks = decompress(file, name) if first.startswith(GZIP) else read_blocks(file, name)
    if encoding != UTF_8:
        blocks = decode(blocks, name, encoding)
    last = b"\n"
    for block in blocks:
        last = block[-1:]
        yield block
    if last not in {b"\n", b"\r"}:
        yield b"\n"
