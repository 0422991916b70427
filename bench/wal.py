"""The images of whole pages in the WAL, which depend on the time of checkpoints and are reported apart."""

import re
import subprocess

from bench.errors import BenchError
from bench.ground import Ground

#: The last line of the statistics: count, size of records, size of images, and both, each with its share.
TOTAL = re.compile(r"^Total\s+(\d+)\s+(\d+) \[.*?\]\s+(\d+) \[.*?\]\s+(\d+) \[", re.MULTILINE)


def image_bytes(ground: Ground, start: str, end: str) -> int:
    """Return the bytes of the images of whole pages from position *start* to *end*, which must have been flushed."""
    command = [str(ground.postgres_programs / "pg_waldump"), "--stats", "--path", str(ground.postgres_data / "pg_wal")]
    done = subprocess.run(
        [*command, "--start", start, "--end", end], cwd="/", capture_output=True, text=True, check=False
    )
    found = TOTAL.search(done.stdout)
    if found is None:
        raise BenchError(f"pg_waldump returned no total: {done.stderr.strip() or done.stdout[-300:]}")
    return int(found[3])
