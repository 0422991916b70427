"""The command `mergelane webhooks` against a running server."""

from collections.abc import Callable, Iterator
from threading import Thread

import orjson
import pytest
from click.testing import CliRunner, Result
from uuid_utils import uuid7
from werkzeug.serving import make_server

from app.config import Settings
from app.web import create_app
from app.web.resources import resources_of
from cli.main import main
from tests.integration.webhooks.notices import Notifier
from tests.support.flask_caller import Caller
from tests.support.receiver import Receiver


@pytest.fixture
def run(settings: Settings, caller: Caller) -> Iterator[Callable[..., Result]]:
    """A function that runs `mergelane webhooks` with the caller's key."""
    flask = create_app(settings)
    server = make_server("127.0.0.1", 0, flask, threaded=True)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    environ = {"MERGELANE_URL": f"http://127.0.0.1:{server.server_port}", "MERGELANE_API_KEY": caller.secret}

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["webhooks", *arguments], env=environ)

    try:
        yield run
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        resources_of(flask).close()


def test_a_webhook_is_created_tested_listed_disabled_enabled_and_deleted(
    run: Callable[..., Result], receiver: Receiver, notifier: Notifier
) -> None:
    made = run("create", f"{receiver.url}/hook", "--description", "CRM", "--json")
    assert made.exit_code == 0, (made.stderr, made.exception)
    webhook = orjson.loads(made.stdout)
    webhook_id = webhook["webhook_id"]
    tested = run("test", webhook_id)
    notifier.until(lambda: "sent" in run("notices", webhook_id).stdout)

    assert receiver.received[0].verified(webhook["secret"])["type"] == "webhook.test"
    assert "it is never printed again" in made.stderr
    assert tested.exit_code == 0
    assert run("list").stdout.splitlines()[1].split() == [webhook_id, "yes", f"{receiver.url}/hook", "CRM"]
    assert "false" in run("disable", webhook_id).stdout
    assert run("list").stdout.splitlines()[1].split()[1] == "no"
    assert orjson.loads(run("enable", webhook_id, "--json").stdout)["enabled"] is True
    assert run("delete", webhook_id).exit_code == 0
    assert orjson.loads(run("list", "--json").stdout) == {"webhooks": []}


def test_a_secret_is_rotated_and_a_dead_notice_retried(
    run: Callable[..., Result], receiver: Receiver, notifier: Notifier
) -> None:
    webhook = orjson.loads(run("create", receiver.url, "--type", "merge.batch.finished", "--json").stdout)
    webhook_id = webhook["webhook_id"]
    receiver.answer = lambda _: (500, {})
    run("test", webhook_id)
    notifier.until(lambda: "dead" in run("notices", webhook_id, "--state", "dead").stdout)
    (notice,) = orjson.loads(run("notices", webhook_id, "--json").stdout)["notices"]
    receiver.answer = lambda _: (204, {})
    rotated = run("rotate", webhook_id)
    retried = run("retry", webhook_id, notice["notice_id"])
    notifier.until(lambda: "sent" in run("notices", webhook_id).stdout)

    assert "whsec_" in rotated.stdout
    assert webhook["secret"] not in rotated.stdout
    assert retried.exit_code == 0


@pytest.mark.parametrize("command", ["enable", "disable", "delete", "rotate", "test", "notices"])
def test_an_unknown_webhook_gets_an_error_message(run: Callable[..., Result], command: str) -> None:
    result = run(command, str(uuid7()))

    assert result.exit_code == 1
    assert "There is no webhook with this id." in result.stderr
