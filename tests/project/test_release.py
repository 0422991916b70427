"""`make release` builds the same files from the same commit in any environment."""

import hashlib
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from app.environment import child_environ
from tests.project.tree import ROOT, pyproject

VERSION = pyproject()["project"]["version"]


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two releases of one commit, built in different folders, with different umasks and time zones."""
    if subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, check=False).returncode:
        # Also in CI: an unpacked archive is no fault.
        pytest.skip("git history is not here")
    built = []
    for umask, zone in ((0o022, "UTC"), (0o077, "Pacific/Auckland")):
        output = tmp_path_factory.mktemp("release") / "files"
        command = [sys.executable, ".ci/release.py", "--no-image", "--output", str(output)]
        subprocess.run(
            command, cwd=ROOT, env=child_environ(TZ=zone), umask=umask, check=True, stdout=subprocess.DEVNULL
        )
        built.append(output)
    return built


def test_two_builds_of_a_commit_are_equal(releases: list[Path]) -> None:
    one, other = ({file.name: file.read_bytes() for file in output.iterdir()} for output in releases)

    assert one == other
    assert one.keys() == {
        f"mergelane-{VERSION}-py3-none-any.whl",
        f"mergelane-{VERSION}.tar.gz",
        "requirements.txt",
        "SHA256SUMS",
    }


def test_the_checksums_cover_all_other_files(releases: list[Path]) -> None:
    sums = dict(reversed(line.split("  ")) for line in (releases[0] / "SHA256SUMS").read_text().splitlines())
    files = [file for file in releases[0].iterdir() if file.name != "SHA256SUMS"]

    assert sums == {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_the_sdist_has_all_files_to_build_and_to_install_it(releases: list[Path]) -> None:
    with tarfile.open(releases[0] / f"mergelane-{VERSION}.tar.gz") as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    assert {"pyproject.toml", "requirements.txt", "requirements-build.txt", "LICENSE", "SECURITY.md"} <= names
