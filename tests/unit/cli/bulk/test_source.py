"""An input from any source is opened as text in UTF-8, or refused with one message."""

import bz2
import gzip
import lzma
import os
import threading
import zipfile
from pathlib import Path

import pytest

from cli.bulk.files import FileError, FileFormat
from cli.bulk.reading.source import open_source

TEXT = "id,name\n1,José Müller\n2,Zoë\n"


def content_of(path: Path, *, encoding: str = "utf-8") -> str:
    """Return the text that is read from *path*."""
    with open_source(str(path), FileFormat.CSV, spool=path.parent, encoding=encoding) as source:
        return source.file.read().decode()


def refused(path: Path, content: bytes, *, encoding: str = "utf-8") -> str:
    """Return the error message for a file with this *content*."""
    path.write_bytes(content)
    with pytest.raises(FileError) as caught:
        content_of(path, encoding=encoding)
    return str(caught.value)


def test_a_source_counts_its_lines_and_detects_a_change(tmp_path: Path) -> None:
    path = tmp_path / "file.jsonl"
    path.write_bytes(b"1\r2\r\n3")
    with open_source(str(path), FileFormat.JSONL, spool=tmp_path) as source:
        source.check_unchanged()
        path.write_text("1\n2\n3\n4", encoding="utf-8")

        assert source.lines == 3
        with pytest.raises(FileError, match="changed while it was read"):
            source.check_unchanged()


@pytest.mark.parametrize("members", [1, 3])
def test_a_compressed_file_is_decompressed(tmp_path: Path, members: int) -> None:
    path = tmp_path / "file.csv.gz"
    path.write_bytes(gzip.compress(TEXT.encode()) * members)

    assert content_of(path) == TEXT * members


def test_a_copy_is_read_in_blocks(tmp_path: Path) -> None:
    path = tmp_path / "file.csv.gz"
    path.write_bytes(gzip.compress(TEXT.encode()))
    with open_source(str(path), FileFormat.CSV, spool=tmp_path) as source:
        assert source.file.readline() == b"id,name\n"
        # One line was requested, and the whole file was read.
        assert os.lseek(source.file.fileno(), 0, os.SEEK_CUR) == len(TEXT.encode())


@pytest.mark.parametrize("cut", [1, 5, 9, 30])
def test_a_truncated_compressed_file_is_refused(tmp_path: Path, cut: int) -> None:
    whole = gzip.compress(TEXT.encode())

    assert "is not a complete gzip file" in refused(tmp_path / "a.gz", whole[:-cut])


def test_a_named_pipe_is_copied(tmp_path: Path) -> None:
    path = tmp_path / "pipe.csv"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(gzip.compress(TEXT.encode()),))
    writer.start()
    try:
        assert content_of(path) == TEXT
    finally:
        writer.join()


def test_files_in_binary_formats_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.csv", TEXT)
    sentences = {
        "ZIP archive": (tmp_path / "a.zip").read_bytes(),
        "bzip2": bz2.compress(TEXT.encode()),
        "with xz": lzma.compress(TEXT.encode()),
        "Parquet": b"PAR1....",
    }

    for part, content in sentences.items():
        assert part in refused(tmp_path / "file", content)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ("utf-16", "utf-16"),
        ("utf-32", "utf-32"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("utf-32-le", "utf-32-le"),
        ("utf-32-be", "utf-32-be"),
        ("windows-1252", "windows-1252"),
        ("latin-1", "windows-1252"),
    ],
)
def test_another_encoding_is_recognised_and_read_with_the_option(tmp_path: Path, given: str, named: str) -> None:
    path = tmp_path / "file.csv"
    sentence = refused(path, TEXT.encode(given))

    assert f"{path} is " in sentence
    assert f"Add --encoding {named} to read it" in sentence
    assert content_of(path, encoding=named) == TEXT


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        # ruff: noqa: RUF001
        ("cp1251", "Иван,Петров\nАнна,Смирнова\nПётр,Иванович\nОльга,Кузнецова\n"),
        ("shift_jis", "山田,太郎\n鈴木,花子\n佐藤,さくら\n高橋,ひろし\n"),
        ("gb18030", "张伟,王芳\n李娜,刘洋\n陈静,杨勇\n黄磊,赵敏\n"),
        ("iso-2022-jp", "山田,太郎\n"),
    ],
)
def test_text_in_other_alphabets_is_refused_before_anything_is_sent(tmp_path: Path, encoding: str, text: str) -> None:
    path = tmp_path / "file.csv"

    assert "Add --encoding " in refused(path, text.encode(encoding))
    assert content_of(path, encoding=encoding) == text


def test_the_error_names_and_quotes_the_line_that_is_not_utf_8(tmp_path: Path) -> None:
    content = b"id,name\n" + b"1,Ann\r\n" * 1_000 + b"2,Jos\xe9 M\n"

    assert refused(tmp_path / "a.csv", content).startswith(
        f"{tmp_path / 'a.csv'} is not in UTF-8: see line 1002. It seems to be in windows-1252, in which that line has"
        " 'José'."
    )


def test_an_encoding_that_does_not_fit_or_does_not_exist_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"

    assert "see the lines from 1 on" in refused(path, TEXT.encode(), encoding="ascii")
    assert "is not in utf-16" in refused(path, TEXT.encode("utf-16")[:-1], encoding="utf-16")
    for unknown in ("no-such", "rot13", "hex", "\0"):
        assert "is unknown. Use a name such as" in refused(path, b"a", encoding=unknown)


def test_a_missing_or_unreadable_file_is_refused(tmp_path: Path) -> None:
    for name in (tmp_path / "missing", tmp_path):
        with pytest.raises(FileError, match="cannot be read: "):
            content_of(name)


def test_a_copy_needs_a_folder(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"a"))
    with (
        pytest.raises(FileError, match=r"The input cannot be copied to the folder .*: No such file"),
        open_source(str(path), FileFormat.CSV, spool=tmp_path / "missing"),
    ):
        pass
