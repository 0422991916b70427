"""An API key is read in all forms that editors and shells write, or refused in a sentence that does not quote it."""

import codecs
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.main import main
from tests.support.stage import Stage

KEY = "ml_a-secret-of-somebody"
NO_JOBS = (200, {}, b'{"jobs": [], "next_cursor": null}')


def list_jobs(url: str, *words: str, **environ: str) -> Result:
    """Run `mergelane jobs list`."""
    result = CliRunner(env={"MERGELANE_URL": url, **environ}).invoke(main, ["jobs", "list", *words])
    assert isinstance(result.exception, SystemExit | None), repr(result.exception)
    return result


@pytest.mark.parametrize(
    "content",
    [
        f"{KEY}\n".encode(),
        f"{KEY}\r\n".encode(),
        f"{KEY}\rsecond line".encode(),
        f" {KEY} ".encode(),
        codecs.BOM_UTF8 + KEY.encode(),
        f"{KEY}\r\n".encode("utf-16"),
        codecs.BOM_UTF16_BE + KEY.encode("utf-16-be"),
    ],
)
def test_a_key_file_of_any_editor_is_read(tmp_path: Path, stage: Callable[..., Stage], content: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    server = stage(NO_JOBS)
    result = list_jobs(server.url, "--key-file", str(path))

    assert result.exit_code == 0, result.stderr
    assert [key for *_, key in server.asked] == [f"Bearer {KEY}"]


@pytest.mark.parametrize(
    "content",
    [KEY.encode() + b"\xff", f"{KEY} and more".encode(), f"{KEY}\0".encode(), f"{KEY}é".encode(), b"\n" + KEY.encode(),
     f"{KEY}\x1b[2J".encode(), KEY.encode("utf-16-le"), b"", codecs.BOM_UTF16_LE + b"x"],
)  # fmt: skip
def test_a_key_file_without_a_key_is_refused_without_being_quoted(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    result = list_jobs("http://127.0.0.1:1", "--key-file", str(path))

    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "secret" not in result.stderr


def test_a_key_in_the_environment_may_have_a_line_end_and_nothing_else(stage: Callable[..., Stage]) -> None:
    server = stage(NO_JOBS)
    ended = list_jobs(f"{server.url}\r", MERGELANE_API_KEY=f"{KEY}\r\n")
    broken = list_jobs(server.url, MERGELANE_API_KEY=f"{KEY}\nX-Header: 1")

    assert (ended.exit_code, broken.exit_code) == (0, 1)
    assert "secret" not in broken.stderr
    assert "The API key in MERGELANE_API_KEY has a blank, a line break or another character" in broken.stderr
