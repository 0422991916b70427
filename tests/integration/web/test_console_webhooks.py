"""The webhook and key pages of the console."""

import re
from collections.abc import Callable, Iterator

import pytest

from app.config import Settings
from app.web import create_app
from app.web.console.webhook_changes import TYPES
from app.web.resources import resources_of
from schemas.webhooks import EVENT_TYPES
from tests.support.browser import Browser, words
from tests.support.factories import Factory
from tests.support.flask_caller import Caller

MakeBrowser = Callable[[Caller | None], Browser]
URL = "http://127.0.0.1:9/hooks"
KEY = re.compile(r'name="idempotency_key" value="([^"]+)"')
SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]+")


@pytest.fixture
def browser(caller: Caller, database_url: str) -> Iterator[Browser]:
    """A browser of a console that allows webhooks in private networks."""
    flask = create_app(Settings(database_url=database_url, webhook_private_networks=True))
    found = Browser(flask)
    found.sign_in(caller.secret)
    yield found
    resources_of(flask).close()


def key_of(page: str) -> str:
    """Return the Idempotency-Key of the form on *page*."""
    (key,) = KEY.findall(page)
    return str(key)


@pytest.fixture
def webhook_id(browser: Browser, caller: Caller) -> str:
    """A webhook."""
    browser.send("/console/webhooks", idempotency_key="k", url=URL, types="merge.batch.finished")
    return str((caller.get("/webhooks").json or {})["webhooks"][0]["webhook_id"])


def test_a_webhook_is_created_once_and_only_the_response_has_its_secret(browser: Browser, caller: Caller) -> None:
    empty = words(browser.get("/console/webhooks"))
    key = key_of(browser.get("/console/webhooks/new").text)
    fields = {"idempotency_key": key, "url": URL, "types": ["merge.batch.finished", "identity.changed"]}
    created, again = (browser.send("/console/webhooks", description="Ours", **fields) for _ in range(2))
    (webhook,) = (caller.get("/webhooks").json or {})["webhooks"]
    page = browser.get(f"/console/webhooks/{webhook['webhook_id']}")

    assert "No webhooks yet." in empty
    assert created.status_code == again.status_code == 201
    assert SECRET.findall(created.text) == SECRET.findall(again.text) != []
    assert created.headers["Cache-Control"] == "no-store"
    assert webhook["types"] == ["merge.batch.finished", "identity.changed"]
    assert SECRET.findall(page.text) == []
    assert "Enabled" in words(browser.get("/console/webhooks"))


def test_the_form_offers_every_type_that_a_webhook_can_select() -> None:
    assert set(TYPES) == set(EVENT_TYPES)


def test_a_forbidden_url_gets_an_error_message_beside_the_form(browser: Browser, caller: Caller) -> None:
    for url in ("nothing", "http://169.254.169.254/", ""):
        refused = browser.send("/console/webhooks", idempotency_key="k", url=url)

        assert refused.status_code == 400
        assert 'role="alert"' in refused.text
        assert f'value="{url}"' in refused.text
    assert (caller.get("/webhooks").json or {})["webhooks"] == []


def test_a_webhook_is_rotated_disabled_enabled_changed_and_deleted(
    browser: Browser, caller: Caller, webhook_id: str
) -> None:
    path = f"/console/webhooks/{webhook_id}"
    tested = words(browser.get(browser.send(f"{path}/test").headers["Location"]))
    rotated = browser.send(f"{path}/rotate", idempotency_key=key_of(browser.get(f"{path}/rotate").text))
    disabling = words(browser.get(f"{path}/disable"))
    disabled = words(browser.get(browser.send(f"{path}/disable").headers["Location"]))
    enabling = words(browser.get(f"{path}/enable"))
    enabled = words(browser.get(browser.send(f"{path}/enable").headers["Location"]))
    browser.send(f"{path}/change", url=f"{URL}/2", types=["merge.run.finished"], description="Two")
    changed = caller.get(f"/webhooks/{webhook_id}").json or {}
    deleting = words(browser.get(f"{path}/delete"))
    deleted = browser.send(f"{path}/delete")

    assert "webhook.test" in tested
    assert len(SECRET.findall(rotated.text)) == 1
    assert "The former secret signs too until" in words(rotated)
    assert "1 waiting notice is not sent until you enable it again" in disabling
    assert ("Disabled" in disabled, "Send a test" in disabled) == (True, False)
    assert "1 waiting notice is sent at once" in enabling
    assert "Send a test" in enabled
    assert (changed["url"], changed["types"], changed["description"]) == (f"{URL}/2", ["merge.run.finished"], "Two")
    assert "1 waiting notice is not sent" in deleting
    assert deleted.headers["Location"] == "/console/webhooks?done=deleted"
    assert browser.get(path).status_code == 404


def test_a_dead_notice_shows_its_response_and_is_retried(
    browser: Browser, caller: Caller, factory: Factory, webhook_id: str
) -> None:
    path = f"/console/webhooks/{webhook_id}"
    browser.send(f"{path}/test")
    factory.connection.execute(
        "UPDATE webhook_delivery SET state = 'dead', attempts = 9, attempted_at = now(), last_status = 500,"
        " last_error = 'The webhook answered 500.', ended_at = now()"
    )
    dead = browser.get(f"{path}?state=dead")
    (retry,) = re.findall(rf"{path}/notices/[0-9a-f-]+/retry", dead.text)
    listed = words(browser.get("/console/webhooks"))
    retried = browser.send(retry)

    assert "HTTP 500: The webhook answered 500." in words(dead)
    assert "Dead 1" in listed
    assert retried.headers["Location"] == f"{path}?done=retried"
    assert browser.send(retry).status_code == 409
    assert "No notices in this state" in words(browser.get(f"{path}?state=dead"))


def test_a_key_with_webhooks_read_sees_no_action_and_changes_nothing(
    make_browser: MakeBrowser, make_caller: Callable[..., Caller], caller: Caller, webhook_id: str
) -> None:
    reader = make_browser(make_caller(workspace=caller.workspace, permissions=("webhooks.read",)))
    writer = make_browser(make_caller(workspace=caller.workspace, permissions=("webhooks.write",)))
    page = reader.get(f"/console/webhooks/{webhook_id}").text

    caller.patch(f"/webhooks/{webhook_id}", {"types": ["identity.changed"]})
    change = writer.get(f"/console/webhooks/{webhook_id}/change")

    assert (change.status_code, "needs the permission identities.read" in words(change)) == (403, True)
    assert not re.search(r"/(test|disable|rotate|delete|change|retry)\"", page)
    assert "/new" not in reader.get("/console/webhooks").text
    assert reader.send(f"/console/webhooks/{webhook_id}/delete").status_code == 403
    assert "identity.changed" not in writer.get("/console/webhooks/new").text


def test_keys_are_listed_without_their_secrets(
    make_browser: MakeBrowser, make_caller: Callable[..., Caller], caller: Caller
) -> None:
    reader = make_browser(make_caller(workspace=caller.workspace, permissions=("keys.read",)))
    page = reader.get("/console/keys")

    assert caller.secret not in page.text
    assert "keys.read" in words(page)
    assert "Open" in words(page)
    assert make_browser(make_caller(permissions=("users.merge",))).get("/console/keys").status_code == 403
