"""The text that `mergelane up` prints."""

from dataclasses import replace
from pathlib import Path

from cli.up.announcement import format_announcement
from cli.up.data_dir import DataDir
from cli.up.programs import UpOptions

OPTIONS = UpOptions(home=Path("/srv/lane"), host="127.0.0.1", port=8123, flower_port=5123, workers=3)
HOME = DataDir(Path("/srv/lane"))


def test_the_text_lists_every_address() -> None:
    text = format_announcement(OPTIONS, HOME, postgres=True, redis=True, key=True)

    assert "http://127.0.0.1:8123" in text
    assert "http://127.0.0.1:5123" in text
    assert "/srv/lane/postgres" in text
    assert "/srv/lane/logs" in text
    assert "http://127.0.0.1:8123/console" in text
    assert "http://127.0.0.1:8123/docs" in text
    assert "http://127.0.0.1:8123/openapi.json" in text
    assert "http://127.0.0.1:8123/metrics  (web; it needs a key with metrics.read)" in text
    assert "http://127.0.0.1:8123/merge/batches/" in text
    assert "curl http://127.0.0.1:8123/users/merge" in text


def test_the_text_omits_the_addresses_of_the_operators_servers() -> None:
    text = format_announcement(OPTIONS, HOME, postgres=False, redis=False, key=True)

    assert "Database      DATABASE_URL" in text
    assert "Broker        BROKER_URL" in text
    assert "/srv/lane/postgres" not in text


def test_the_text_says_how_to_create_a_key_if_there_is_none() -> None:
    without, having = (format_announcement(OPTIONS, HOME, postgres=True, redis=True, key=key) for key in (False, True))

    assert "mergelane keys create --home /srv/lane" in without
    assert "keys create" not in having


def test_an_ipv6_address_is_in_brackets() -> None:
    options = UpOptions(home=Path("/srv/lane"), host="::1", port=8123, flower_port=5123, workers=3)

    assert "http://[::1]:8123" in format_announcement(options, HOME, postgres=True, redis=True, key=True)


def test_the_ports_of_metrics_are_printed_if_there_are_any() -> None:
    options = replace(OPTIONS, metrics_port=9000)
    text = format_announcement(options, DataDir(options.home), postgres=True, redis=True, key=True)

    assert "http://127.0.0.1:9004/metrics  (web; relay on port 9000, workers on 9001 to 9003)" in text
    assert "http://127.0.0.1:8123/metrics" not in text
