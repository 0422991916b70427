"""The size and the number of statements of each page, which do not grow with the rows of the workspace."""

from collections.abc import Callable, Mapping
from typing import Any

import psycopg
import pytest

from app.db.connections import Connection
from tests.support.browser import Browser
from tests.support.console_data import FEW, MANY, make_console_data, sender_of
from tests.support.console_pages import page_paths
from tests.support.flask_caller import Caller
from tests.support.worker import Worker

#: Maximum size of an uncompressed page, in bytes.
MAX_BYTES = 100_000
#: Maximum number of statements of a page, including the statements that load the sign-in.
MAX_STATEMENTS = 25
#: Number of additional statements that a page may run with many rows, for a section that is empty with few rows.
SLACK = 2
#: Lists and filters that the test requests in addition to the pages without filters.
FILTERS = (
    ("/console/jobs", {"identifier": "customer-1"}),
    ("/console/jobs", {"outcome": "cancelled", "source": "api", "order": "oldest"}),
    ("/console/batches", {"identifier": "customer-1"}),
    ("/console/batches", {"identifier": "customer-1", "outcome": "merged", "order": "oldest"}),
    ("/console/batches", {"state": "dead"}),
    ("/console/runs", {"outcome": "cancelled"}),
    ("/console/runs", {"source": "api", "state": "finished"}),
    ("/console/runs", {"identifier": "customer-5"}),
)
NOT_SHOWN = (
    "{rule} returns {status}. Add values that the page can show to OTHER_VALUES in tests/support/console_pages.py."
)


@pytest.fixture
def count_statements(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The statements that the connections of this process have sent."""
    sent: list[object] = []
    execute = psycopg.Cursor.execute

    def counted(self: Any, query: Any, *args: Any, **options: Any) -> Any:
        sent.append(query)
        return execute(self, query, *args, **options)

    monkeypatch.setattr(psycopg.Cursor, "execute", counted)
    return sent


def test_no_page_grows_with_the_rows_of_its_workspace(
    make_caller: Callable[..., Caller],
    make_browser: Callable[[Caller | None], Browser],
    worker: Worker,
    connection: Connection,
    count_statements: list[object],
) -> None:
    costs: list[dict[str, tuple[int, int]]] = []
    for batches in (FEW, MANY):
        caller = make_caller()
        values = make_console_data(
            sender_of(caller), lambda _: worker.work(), connection, workspace=caller.workspace, batches=batches
        )
        browser = make_browser(caller)
        found = {}
        paths = [*page_paths(values), *(_filtered(browser, path, fields) for path, fields in FILTERS)]
        for rule, path in paths:
            count_statements.clear()
            page = browser.get(path)

            assert page.status_code == 200, NOT_SHOWN.format(rule=rule, status=page.status_code)
            found[rule] = len(page.data), len(count_statements)
        costs.append(found)
    few, many = costs

    assert {rule: size for rule, (size, _) in many.items() if size > MAX_BYTES} == {}
    assert {rule: number for rule, (_, number) in many.items() if number > MAX_STATEMENTS} == {}
    assert {rule: (few[rule][1], many[rule][1]) for rule in many if many[rule][1] > few[rule][1] + SLACK} == {}


def _filtered(browser: Browser, path: str, fields: Mapping[str, str]) -> tuple[str, str]:
    """Return a label and the path of the list at *path* with the filter *fields*."""
    named = ", ".join(f"{name}={value}" for name, value in fields.items())
    return f"{path} {named}", browser.send(path, **fields).headers["Location"]
