"""Build a release of a commit: wheel, sdist, requirements with hashes, SBOM and checksums; and the image.

The files depend on the commit only: they are built from `git archive`, with the time of the commit, twice, and the two
builds must be equal. The wheel is installed with its hashed requirements into an empty environment, and its command
runs there. The SBOM describes that environment. The image needs a Docker Engine and is not equal from build to build.
"""

import argparse
import hashlib
import io
import shutil
import subprocess
import sys
import tarfile
import tomllib
import venv
from pathlib import Path
from tempfile import TemporaryDirectory

from checkout import ROOT

from app.environment import child_environ

REQUIREMENTS = "requirements.txt"
SUMS = "SHA256SUMS"
GIT = shutil.which("git") or "git"


def main() -> None:
    """Build the release into an empty folder and print what it contains."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commit", default="HEAD", help="The commit to release.")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "release", help="The folder to replace.")
    parser.add_argument("--sbom-tool", help="Path of the program cyclonedx-py; without it there is no SBOM.")
    parser.add_argument("--no-image", action="store_true", help="Build no image.")
    given = parser.parse_args()
    commit = _git("rev-parse", given.commit).decode().strip()
    environ = {**child_environ(), "SOURCE_DATE_EPOCH": _git("log", "-1", "--format=%ct", commit).decode().strip()}
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        source = _unpack(commit, folder / "source")
        packages = build_packages(source, environ)
        again = build_packages(_unpack(commit, folder / "again"), environ)
        for one, other in zip(packages, again, strict=True):
            if one.read_bytes() != other.read_bytes():
                sys.exit(f"Two builds of {one.name} differ. A release must depend on its commit only.")
        _replace_folder(given.output, [*packages, source / REQUIREMENTS])
        if given.sbom_tool:
            python = _install(given.output, folder / "installed")
            _write_sbom(given.sbom_tool, python, source, given.output)
        _write_sums(given.output)
        built = ", ".join(sorted(file.name for file in given.output.iterdir()))
        print(f"Built {commit[:12]} into {given.output}: {built}.")
        if not given.no_image:
            print(_build_image(source, commit))


def build_packages(source: Path, environ: dict[str, str]) -> list[Path]:
    """Build sdist and wheel of the folder *source*; return both files."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-t", "wheel", "-d", "dist"]
    subprocess.run(command, cwd=source, env=environ, check=True, capture_output=True)
    return sorted((source / "dist").iterdir())


def _git(*arguments: str) -> bytes:
    return subprocess.run([GIT, *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout


def _unpack(commit: str, folder: Path) -> Path:
    """Write the files of *commit* into *folder*, and nothing that the working tree has beside them."""
    with tarfile.open(fileobj=io.BytesIO(_git("archive", commit))) as archive:
        archive.extractall(folder, filter="data")
    return folder


def _replace_folder(output: Path, files: list[Path]) -> None:
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    for file in files:
        shutil.copy(file, output)


def _install(output: Path, folder: Path) -> Path:
    """Install the release as its users do, and run its command; return the interpreter of the new environment."""
    venv.create(folder)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--disable-pip-version-check"]
    requirements = ["--only-binary", ":all:", "--require-hashes", "--requirement", str(output / REQUIREMENTS)]
    subprocess.run([*pip, *requirements], check=True)
    # By name: pip records the path of a file that is installed by its path, and the SBOM would repeat it.
    subprocess.run([*pip, "--no-index", "--no-deps", "-f", str(output), "mergelane"], check=True)
    command = [str(folder / "bin" / "mergelane"), "--help"]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, env={})
    return python


def _write_sbom(tool: str, python: Path, source: Path, output: Path) -> None:
    """Write the SBOM of the environment of *python*, without a time and a serial number: it is reproducible."""
    project = tomllib.loads((source / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    file = output / f"{project['name']}-{project['version']}.cdx.json"
    options = ["--pyproject", str(source / "pyproject.toml"), "--mc-type", "application", "--output-reproducible"]
    options += ["--output-format", "JSON", "--output-file", str(file)]
    done = subprocess.run([tool, "environment", str(python), *options], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"The SBOM could not be written:\n{done.stderr}")


def _write_sums(output: Path) -> None:
    """Write the checksums of all files, as `sha256sum --check` reads them."""
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in sorted(output.iterdir())]
    (output / SUMS).write_text("".join(lines), encoding="utf-8")


def _build_image(source: Path, commit: str) -> str:
    """Build the image if a Docker Engine answers; return a sentence about it."""
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "info"], capture_output=True, check=False).returncode:
        return "No image was built: no Docker Engine answers."
    version = tomllib.loads((source / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    labels = {"org.opencontainers.image.revision": commit, "org.opencontainers.image.version": version}
    options = [word for name, value in labels.items() for word in ("--label", f"{name}={value}")]
    done = subprocess.run([docker, "build", "--tag", f"mergelane:{version}", *options, str(source)], check=False)
    if done.returncode:
        sys.exit("Docker did not build the image, for the reason above. `make release ARGS=--no-image` builds none.")
    return f"Built the image mergelane:{version}."


if __name__ == "__main__":
    main()
