"""ZIP archives and folders are read as one text in the order of the file names, or refused with one message."""

import gzip
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path

import pytest

from cli.bulk.files import FileError, FileFormat
from cli.bulk.reading import blocks
from cli.bulk.reading.source import open_source

A, B, C = b'{"a": 1}\n', b'{"b": 2}\r\n{"b": 3}', b'{"c": 4}\n'


def read(path: Path, *, encoding: str = "utf-8") -> bytes:
    """Return the text in the archive or folder *path*."""
    with open_source(str(path), None, spool=path.parent, encoding=encoding, archives=True) as source:
        assert source.form is FileFormat.JSONL
        return source.file.read()


def refused(path: Path) -> str:
    """Return the error message for *path*."""
    with pytest.raises(FileError) as caught:
        read(path)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def make_zip(path: Path, files: dict[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> Path:
    """Create a ZIP archive of *files* in their order."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


FILES = {
    "segment/b.txt": B,
    "segment/": b"",
    "__MACOSX/segment/._b.txt": b"\x00\x05",
    "segment/.DS_Store": b"\x00\x00",
    "segment/c.json.gz": gzip.compress(C),
    "segment/a.txt": A,
}


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA], ids=str
)
def test_the_files_of_an_archive_are_read_in_the_order_of_their_names(tmp_path: Path, method: int) -> None:
    path = make_zip(tmp_path / "segment.zip", FILES, method=method)

    assert read(path) == A + B + b"\n" + C


def test_packed_and_plain_files_of_a_folder_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "export"
    (folder / "3").mkdir(parents=True)
    make_zip(folder / "1.zip", {"2.txt": B, "1.txt": A})
    (folder / "2.gz").write_bytes(gzip.compress(C))
    (folder / "3" / "x.json").write_bytes(C)
    (folder / "4.txt").write_bytes(b"")
    (folder / ".hidden").write_bytes(b"\x00")
    (folder / "old.refused.jsonl.state").write_bytes(b"{}")

    assert read(folder) == A + B + b"\n" + C + C


def test_archives_with_only_csv_files_are_csv(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"1.csv": b"a,b\n", "2.csv.gz": gzip.compress(b"1,2\n")})
    with open_source(str(path), None, spool=tmp_path, archives=True) as source:
        assert source.form is FileFormat.CSV


def test_each_file_is_decoded_by_itself(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"1.txt": '"é"\n'.encode("utf-16"), "2.txt": '"ü"'.encode("utf-16")})

    assert read(path, encoding="utf-16") == '"é"\n"ü"\n'.encode()


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "C:\\a.txt", "a\x1b[2J\n.txt", "a" * 5_000])
def test_a_name_in_an_archive_is_no_path(tmp_path: Path, name: str) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    path = make_zip(inner / "a.zip", {name: A})

    assert read(path) == A
    assert [each.name for each in tmp_path.rglob("*")] == ["inner", "a.zip"]


def test_an_encrypted_file_is_named(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"1.txt": A})
    data = bytearray(path.read_bytes())
    # The flags of the local header and of the central directory.
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)

    assert refused(path) == f"The file '1.txt' in {path} is encrypted. Unpack the archive with its password."


def test_an_unknown_compression_is_named(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"1.txt": A})
    data = bytearray(path.read_bytes())
    data[8] = data[data.index(b"PK\x01\x02") + 10] = 9
    path.write_bytes(data)

    assert "is compressed by an unknown method" in refused(path)


@pytest.mark.parametrize("cut", [1, 30, 100])
def test_a_truncated_archive_is_refused(tmp_path: Path, cut: int) -> None:
    path = make_zip(tmp_path / "a.zip", {"1.txt": A * 100, "2.txt": B})
    path.write_bytes(path.read_bytes()[:-cut])

    assert refused(path) == f"{path} is not a complete ZIP archive. Create or copy it again."


def test_an_archive_with_any_wrong_byte_is_read_or_refused(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"1.txt": A * 3, "2.txt.gz": gzip.compress(B)})
    whole = path.read_bytes()
    for place in range(4, len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        with suppress(FileError):
            read(path)


def test_an_archive_without_files_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    assert refused(make_zip(tmp_path / "a.zip", {})).endswith("a.zip has no files.")
    assert refused(make_zip(tmp_path / "b.zip", {"__MACOSX/a": A, "b/": b""})).endswith("b.zip has no files.")
    assert refused(tmp_path / "empty").endswith("empty has no files.")


def test_an_archive_in_an_archive_and_a_workbook_are_refused(tmp_path: Path) -> None:
    inner = make_zip(tmp_path / "inner.zip", {"1.txt": A})
    outer = make_zip(tmp_path / "outer.zip", {"inner.zip": inner.read_bytes()})
    workbook = make_zip(tmp_path / "book.xlsx", {"[Content_Types].xml": b"<a/>", "xl/a.xml": b"<a/>"})

    assert refused(outer).startswith(f"The file 'inner.zip' in {outer} is a ZIP archive")
    assert refused(workbook) == f"{workbook} is an Excel workbook. Save it as CSV in UTF-8."


@pytest.mark.parametrize("packed", ["zip", "gzip", "gzip in zip", "gzip in folder"])
def test_a_file_with_a_very_high_compression_ratio_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: str
) -> None:
    monkeypatch.setattr(blocks, "FREE_BYTES", 1 << 20)
    zeros = bytes(8 << 20)
    path = tmp_path / "bomb"
    match packed:
        case "zip":
            make_zip(path, {"1.txt": zeros})
        case "gzip":
            path.write_bytes(gzip.compress(zeros))
        case "gzip in zip":
            make_zip(path, {"1.txt": gzip.compress(zeros)})
        case _:
            path.mkdir()
            (path / "1.gz").write_bytes(gzip.compress(zeros))

    assert "has more than 300 times as many bytes as its compressed form" in refused(path)


def test_an_archive_that_understates_its_size_is_refused(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"1.txt": A * 1_000})
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02") + 24
    data[at : at + 4] = len(A).to_bytes(4, "little")
    path.write_bytes(data)

    assert zlib.crc32(A) != zlib.crc32(A * 1_000)
    assert "is damaged. Create or copy the archive again." in refused(path)


def test_files_of_other_kinds_are_named_with_their_archive(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"part.parquet": b"PAR1...."})

    assert refused(path).startswith(f"The file 'part.parquet' in {path} is a Parquet file.")
