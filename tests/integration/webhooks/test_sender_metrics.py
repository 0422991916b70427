"""The metrics that a sender process serves."""

from pathlib import Path

import requests

from app.config import Settings
from cli.up import commands
from tests.integration.webhooks.notices import a_merge, a_webhook, notices_of
from tests.support.flask_caller import Caller
from tests.support.processes import Process, free_port
from tests.support.receiver import Receiver
from tests.support.waiting import wait_until
from tests.support.worker import Worker


def test_a_sender_serves_its_rounds_and_its_attempts(
    caller: Caller, receiver: Receiver, worker: Worker, settings: Settings, tmp_path: Path
) -> None:
    address = f"127.0.0.1:{free_port()}"
    environ = {
        "DATABASE_URL": settings.database_url,
        "MERGELANE_METRICS_ADDRESS": address,
        "MERGELANE_WEBHOOK_PEPPER": settings.webhook_pepper[0],
        "MERGELANE_WEBHOOK_PRIVATE_NETWORKS": "true",
    }
    webhook = a_webhook(caller, receiver)
    a_merge(caller)
    worker.work()
    process = Process.of("sender", commands.sender(), folder=tmp_path, environ=environ).start()
    try:
        wait_until(lambda: notices_of(caller, webhook, state="sent"), what="the notice to be sent")
        text = requests.get(f"http://{address}/metrics", timeout=10).text
    finally:
        process.kill()

    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert lines['mergelane_webhook_attempts_total{next="sent"}'] == "1.0"
    assert lines["mergelane_watched_batches_finished_total"] == "1.0"
    for service in ("watching", "sending"):
        assert float(lines[f'mergelane_sender_rounds_total{{service="{service}"}}']) > 0
        assert float(lines[f'mergelane_sender_last_round_timestamp_seconds{{service="{service}"}}']) > 0
