"""The product reads PostgreSQL's clock. A process's own clock, which may be wrong, is read in few places."""

import ast
from collections.abc import Iterator

import pytest

from tests.project.tree import name_of, packaged, parsed

#: The modules that may read the clock of their machine, and the reason.
ALLOWED = {
    "app/db/clock.py": "compares it with PostgreSQL's clock, and uses it until there is a connection",
    "app/db/installation.py": "the id of an installation, whose time nothing reads",
    "app/rates/windows.py": "the default of a clock that web replaces by PostgreSQL's",
    "app/telemetry/exporting.py": "spans have the time of their machine, as those of all other services",
    "app/web/console/merging.py": "the key of a form, whose time nothing reads",
    "app/web/console/undo.py": "the key of a form, whose time nothing reads",
    "app/web/console/webhook_changes.py": "the key of a form, whose time nothing reads",
    "app/web/request_logging.py": "the id of a request, whose time nothing reads",
    "cli/bulk/outputs/checkpoint.py": "written and read on the machine of the client",
    "cli/bulk/merge_file.py": "written and read on the machine of the client",
    "schemas/retry_after.py": "a response without the header Date",
    "workers/loop.py": "a metric that Prometheus compares with its own clock",
    "workers/messages.py": "the start time of a retry, which a worker sets by its own clock",
    "workers/redis_transport.py": "a delivery tag, whose time nothing reads",
    "workers/sender/sending.py": "the id of a lease, whose time nothing reads",
}
#: Names that return a time of the machine's clock or an id with such a time, by module.
CLOCKS = {
    "time": {"time", "time_ns", "localtime", "gmtime", "ctime", "strftime", "clock_gettime"},
    "datetime": {"now", "utcnow", "today"},
    "uuid": {"uuid1", "uuid6", "uuid7"},
    "uuid_utils": {"uuid1", "uuid6", "uuid7"},
    "uuid_utils.compat": {"uuid1", "uuid6", "uuid7"},
}


def clock_reads(tree: ast.AST) -> Iterator[str]:
    """Yield the names of CLOCKS that *tree* uses, by an import or as an attribute."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module != "datetime":
            yield from {alias.name for alias in node.names} & CLOCKS.get(node.module or "", set())
        elif isinstance(node, ast.Attribute):
            owner = ast.unparse(node.value)
            if (
                owner in {"datetime", "date", "datetime.datetime", "datetime.date"} and node.attr in CLOCKS["datetime"]
            ) or node.attr in CLOCKS.get(owner, set()):
                yield node.attr


def test_only_these_modules_read_the_clock_of_their_machine() -> None:
    found = {name_of(path) for path in packaged("*.py") if any(clock_reads(parsed(path)))}

    assert found == ALLOWED.keys()


@pytest.mark.parametrize(
    "text",
    [
        "import time\ntime.time()",
        "from time import time",
        "from time import monotonic, time_ns",
        "from datetime import datetime\ndatetime.now(UTC)",
        "import datetime\ndatetime.datetime.utcnow()",
        "from datetime import date\ndate.today()",
        "from uuid_utils.compat import uuid7",
        "import uuid\nuuid.uuid1()",
        "clock = time.time",
    ],
)
def test_a_read_is_found(text: str) -> None:
    assert list(clock_reads(ast.parse(text))) != []


@pytest.mark.parametrize("text", ["from time import monotonic", "tx.now()", "import time\ntime.monotonic()"])
def test_other_clocks_are_no_fault(text: str) -> None:
    assert list(clock_reads(ast.parse(text))) == []
