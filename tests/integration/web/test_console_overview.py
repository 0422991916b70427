"""The overview and the system page: alerts, figures, and the permissions that show them."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from html import unescape

import pytest

from app.config import Settings
from app.db.connections import Pool, lend_connection
from app.errors import BrokerUnavailable
from app.metrics.servers import Wait
from app.system.heartbeats import Heartbeat
from app.web.console.durations import format_duration
from tests.support.browser import Browser, words
from tests.support.factories import Factory, ext
from tests.support.flask_caller import Caller

MakeBrowser = Callable[[Caller | None], Browser]
ALERT = re.compile(r'<li class="(?:fault|alert)"><span>(.*?)</span>')
FIGURE = re.compile(r'class="name">(.*?)</span> <span class="value"><strong>(.*?)</strong>')
NOTHING = "\N{EN DASH}"
AWAY = "The broker is away or refuses (OOM), as 1 of 2 relays and workers report. Jobs wait, and none is lost."
HOOK = (
    "INSERT INTO webhook (workspace_id, id, url, types, description, enabled, salt, pepper)"
    " VALUES (%s, gen_random_uuid(), 'https://hooks.example.com', '{}', '', true, '', '') RETURNING id"
)
FAILED_DELIVERY = (
    "INSERT INTO webhook_delivery (workspace_id, id, webhook_id, type, body, attempts, attempted_at, last_error)"
    " VALUES (%s, gen_random_uuid(), %s, 'webhook.test', '{}', 1, now(), 'It answered 500.') RETURNING 1"
)


@pytest.fixture
def heartbeats(pool: Pool) -> Iterator[list[Heartbeat]]:
    """The heartbeats of a relay and a worker."""
    lend = partial(lend_connection, pool)
    started = [Heartbeat(kind, Settings(), lend, uses_broker=True) for kind in ("relay", "worker")]
    for heartbeat in started:
        heartbeat.beat()
    yield started
    for heartbeat in started:
        heartbeat.close()


def alerts(browser: Browser) -> list[str]:
    """Return the messages of the alerts on the overview."""
    return [unescape(each) for each in ALERT.findall(browser.get("/console").text)]


def test_the_overview_alerts_if_no_relay_and_no_worker_run(browser: Browser) -> None:
    assert alerts(browser) == [
        "No relay was seen in the last 35 seconds. Jobs are not published until one starts.",
        "No worker was seen in the last 35 seconds. Jobs wait until one starts.",
    ]


def test_a_healthy_installation_has_no_alert(browser: Browser, heartbeats: list[Heartbeat]) -> None:
    page = browser.get("/console")

    assert alerts(browser) == []
    assert "All is well" in words(page)
    assert dict(FIGURE.findall(page.text)) == {
        "Waiting": "0",
        "Oldest waiting": NOTHING,
        "Running": "0",
        "Throughput": "0",
        "Dead": "0",
    }
    assert "No job failed, and none was without effect." in words(page)


def test_every_problem_for_an_operator_has_an_alert_and_a_figure(
    make_browser: MakeBrowser,
    make_caller: Callable[..., Caller],
    caller: Caller,
    factory: Factory,
    heartbeats: list[Heartbeat],
) -> None:
    factory.workspace_id = caller.workspace_id
    dead, lost, old = (factory.job(ext(f"o{nth}"), ext(f"s{nth}")) for nth in range(3))
    factory.set_jobs([dead], "state = 'dead', reason = 'The disk is <full>.', finished_at = now(), attempts = 5")
    end = "state = 'finished', outcome = 'orphan_not_found', reason = 'So.', finished_at = now() - interval '1 minute'"
    factory.set_jobs([lost], end)
    factory.set_jobs([old], "created_at = now() - interval '2 hours'")
    hook = factory.rows(HOOK)[0]["id"]
    factory.rows(FAILED_DELIVERY, hook)
    wait = Wait()
    wait.begin(BrokerUnavailable("The broker is full.", cause="OOM"))
    heartbeats[1].beat()
    wait.end()
    browser = make_browser(caller)
    seen = alerts(browser)
    caller.put("/merge/queue", {"state": "paused"})
    paused = alerts(browser)
    page = browser.get("/console")
    merger = make_browser(make_caller(workspace=caller.workspace, permissions=("users.merge",)))

    assert seen == [
        AWAY,
        "1 job is dead: all attempts failed.",
        "The oldest waiting job is 2 h old; the limit is 5 min (MERGELANE_WAITING_ALERT_S).",
        "The webhook https://hooks.example.com fails: It answered 500.",
    ]
    assert paused[2].startswith("The queue is paused since ")
    assert len(paused) == 4, "a paused queue is the cause of old jobs"
    assert '<a href="/console/queue">Queue</a>' in page.text
    assert f'<a href="/console/webhooks/{hook}">Webhook</a>' in page.text
    assert dict(FIGURE.findall(page.text)) | {"Throughput": ""} == {
        "Waiting": "1",
        "Oldest waiting": "2 h",
        "Running": "0",
        "Throughput": "",
        "Dead": "1",
    }
    assert "Dead 1 The disk is <full>." in words(page)
    assert "Orphan not found 1 No profile matches" in words(page)
    assert "https://hooks.example.com" not in merger.get("/console").text


def test_the_figures_reload_without_the_rest_of_the_page(browser: Browser) -> None:
    part = browser.get("/console", headers={"HX-Request": "true"}).text

    assert part.lstrip().startswith('<div id="overview"')
    assert "<html" not in part


def test_the_system_page_needs_the_permission_system_read(
    make_browser: MakeBrowser, make_caller: Callable[..., Caller], caller: Caller, heartbeats: list[Heartbeat]
) -> None:
    merger = make_browser(make_caller(workspace=caller.workspace, permissions=("users.merge",)))
    reader = make_browser(make_caller(workspace=caller.workspace, permissions=("system.read",)))
    page = reader.get("/console/system")

    assert [browser.get("/console/system").status_code for browser in (merger, reader)] == [403, 200]
    assert ["/console/system" in browser.get("/console").text for browser in (merger, reader)] == [False, True]
    assert len(re.findall(r">Running</span>", page.text)) == 2
    assert "MERGELANE_UNDO_DAYS 30 days How long a merge can be undone" in words(page)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.6, "1 min"), (61, "1 min 1 s"), (3_600, "1 h"), (90_000, "1 d 1 h"), (-3, "0 s")],
)
def test_a_duration_has_its_two_longest_units(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
