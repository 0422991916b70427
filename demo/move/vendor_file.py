"""Writes profiles as the vendor delivers a segment export: a ZIP archive of files with one profile on each line."""

import zipfile
from collections.abc import Iterable
from itertools import count, islice
from pathlib import Path
from typing import Any

import orjson

#: Profiles in each file of the archive.
IN_ONE_FILE = 5_000


def write_segment_export(path: Path, profiles: Iterable[dict[str, Any]]) -> None:
    """Write *profiles* to the archive *path*."""
    remaining = iter(profiles)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in count():
            lines = b"".join(
                orjson.dumps(profile, option=orjson.OPT_APPEND_NEWLINE) for profile in islice(remaining, IN_ONE_FILE)
            )
            if not lines:
                return
            archive.writestr(f"segment/{number:05}.txt", lines)
