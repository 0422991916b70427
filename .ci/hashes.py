"""Write the requirements files with hashes: every package of the image, and of the build of the wheel.

The versions are those of constraints.txt. The hashes are of all files of a version, so the files hold for every
platform and every Python version that the project supports. They contain no address of a package index.
"""

import argparse
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PYTHON = "3.11"
#: Packages that others require on Windows only.
NOT_ON_LINUX = ("colorama", "tzdata")
HEADER = """\
# {subject}, with the hashes of all their files: pip install --require-hashes -r {name}
# `make hashes` writes this file from pyproject.toml and constraints.txt. The latter has no hashes, since pip refuses
# editable installs beside them.
"""
#: The requirements files, each with its subject.
SUBJECTS = {
    "requirements.txt": "The packages that the image and an installation of the wheel contain",
    "requirements-build.txt": "The packages that build the wheel",
}


def main() -> None:
    """Write both files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uv", default="uv", help="Path of the program uv.")
    given = parser.parse_args()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    required = {
        "requirements.txt": project["project"]["dependencies"],
        "requirements-build.txt": project["build-system"]["requires"],
    }
    for name, requirements in required.items():
        text = HEADER.format(subject=SUBJECTS[name], name=name) + _compile(given.uv, requirements)
        (ROOT / name).write_text(text, encoding="utf-8")
    print(f"{' and '.join(required)} are up to date.")


def _compile(uv: str, requirements: list[str]) -> str:
    """Return the pins of *requirements* and of what they require, with hashes."""
    command = [uv, "pip", "compile", "-", "--constraint", str(ROOT / "constraints.txt"), "--universal"]
    command += ["--python-version", PYTHON, "--generate-hashes", "--no-config", "--no-annotate", "--no-header"]
    command += ["--quiet", *(f"--no-emit-package={name}" for name in NOT_ON_LINUX)]
    done = subprocess.run(command, input="\n".join(requirements), capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"uv could not compile the requirements:\n{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
