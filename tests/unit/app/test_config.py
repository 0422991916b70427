"""Settings are read from environment variables; an error names each invalid variable."""

import dataclasses
from typing import Any

import pytest

from app.config import Settings, SettingsSchema
from app.environment import CELERY_OVERRIDES, child_environ
from app.errors import SetupError
from app.setting_declaration import variable
from schemas.placeholder_list import DEFAULT_VALUES
from schemas.placeholders import DEFAULT_PLACEHOLDERS, comparable

FIELDS = [field.name for field in dataclasses.fields(Settings)]


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.from_environ({}) == Settings()


def test_an_empty_variable_counts_as_unset() -> None:
    assert Settings.from_environ({variable(name): "" for name in FIELDS}) == Settings()


def test_every_setting_can_be_read_from_the_environment() -> None:
    assert set(SettingsSchema().fields) == set(FIELDS)


@pytest.mark.parametrize("field", dataclasses.fields(Settings), ids=lambda field: field.name)
def test_every_setting_has_a_description(field: dataclasses.Field[Any]) -> None:
    assert len(field.metadata["meaning"].split()) > 1


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("DATABASE_URL", "postgresql://h/d?sslmode=require", "postgresql://h/d?sslmode=require"),
        ("BROKER_URL", "redis+socket:///run/redis.sock", "redis+socket:///run/redis.sock"),
        ("MERGELANE_DEV_API_KEY", "a-long-key", "a-long-key"),
        ("MERGELANE_KEY_PEPPER", "a-pepper-of-some-length", ("a-pepper-of-some-length",)),
        ("MERGELANE_KEY_PEPPER", "a-pepper-of-some-length, ", ("a-pepper-of-some-length", "")),
        ("MERGELANE_LOG_FORMAT", "text", "text"),
        ("MERGELANE_LOG_ERROR_TEXTS", "true", True),
        ("MERGELANE_HSTS_S", "31536000", 31_536_000),
        ("MERGELANE_LOG_LEVEL", "DEBUG", "DEBUG"),
        ("MERGELANE_METRICS_ADDRESS", "127.0.0.1:9464", "127.0.0.1:9464"),
        ("MERGELANE_METRICS_ADDRESS", "[::1]:9464", "[::1]:9464"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318", "http://127.0.0.1:4318"),
        ("MERGELANE_LANE_SIZE", "1", 1),
        ("MERGELANE_POOL_TIMEOUT_S", "0.5", 0.5),
        ("MERGELANE_PRUNE_AFTER_DAYS", "30", 30.0),
        ("MERGELANE_REFUSED_IDENTIFIERS", "Test, NULL ,n/a", frozenset({"test", "null", "n/a"})),
        ("MERGELANE_EMAIL_GROUPS", "News, 7f3a,", frozenset({"News", "7f3a"})),
        ("MERGELANE_SMS_GROUPS", "sms", frozenset({"sms"})),
        ("MERGELANE_ADDRESS_CHANGE", "reset", "reset"),
    ],
)
def test_a_variable_is_read_as_its_setting(name: str, text: str, value: Any) -> None:
    settings = Settings.from_environ({name: text, "UNRELATED": "1"})

    (changed,) = [field for field in FIELDS if getattr(settings, field) != getattr(Settings(), field)]
    assert (variable(changed), getattr(settings, changed)) == (name, value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("MERGELANE_METRICS_ADDRESS", "9464"),
        ("MERGELANE_METRICS_ADDRESS", "127.0.0.1:"),
        ("MERGELANE_METRICS_ADDRESS", "127.0.0.1:9464/metrics"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "grpc://127.0.0.1:4317"),
        ("MERGELANE_LANE_SIZE", "ten"),
        ("MERGELANE_LANE_SIZE", "0"),
        ("MERGELANE_LANE_SIZE", "-1"),
        ("MERGELANE_MAX_ATTEMPTS", "2.5"),
        ("MERGELANE_RETRY_DELAY_S", "0"),
        ("MERGELANE_RETRY_DELAY_S", "nan"),
        ("MERGELANE_RESCUE_AFTER_S", "inf"),
        ("MERGELANE_LOG_FORMAT", "xml"),
        ("MERGELANE_LOG_LEVEL", "debug"),
        ("MERGELANE_DEV_API_KEY", "short"),
        ("MERGELANE_KEY_PEPPER", "a-pepper-of-some-length,short"),
        ("MERGELANE_LOG_ERROR_TEXTS", "perhaps"),
        ("MERGELANE_ADDRESS_CHANGE", "forget"),
    ],
)
def test_the_error_for_an_invalid_value_names_its_variable(name: str, text: str) -> None:
    with pytest.raises(SetupError, match=rf"^The environment cannot be read as settings: {name}: .*unset"):
        Settings.from_environ({name: text})


def test_one_error_lists_all_unreadable_settings() -> None:
    with pytest.raises(SetupError) as caught:
        Settings.from_environ({"MERGELANE_LANE_SIZE": "0", "MERGELANE_LOG_LEVEL": "LOUD"})

    assert "MERGELANE_LANE_SIZE" in str(caught.value)
    assert "MERGELANE_LOG_LEVEL" in str(caught.value)


def test_a_group_of_both_kinds_is_refused() -> None:
    with pytest.raises(SetupError, match=r"both list sms; .* remove each from one of the two"):
        Settings.from_environ({"MERGELANE_EMAIL_GROUPS": "mail,sms", "MERGELANE_SMS_GROUPS": "sms"})


def test_the_environment_of_the_process_is_read_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MERGELANE_LANE_SIZE", "7")

    assert Settings.from_environ().lane_size == 7


def test_settings_are_printed_without_secrets() -> None:
    secret = "s3cret-of-this-installation"
    url = f"redis://:{secret}@h/0"
    settings = Settings(
        database_url=f"postgresql://u:{secret}@h/d",
        broker_url=url,
        rate_limit_url=url,
        dev_api_key=secret,
        key_pepper=(secret,),
        flower_basic_auth=f"ada:{secret}",
    )

    assert secret not in repr(settings)
    assert "lane_size=" in repr(settings)


def test_a_child_inherits_all_but_the_variables_that_override_celery_or_flower(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in CELERY_OVERRIDES:
        monkeypatch.setenv(name, "redis://elsewhere/0")
    monkeypatch.setenv("FLOWER_PORT", "tcp://10.0.0.5:5555")  # Kubernetes, for a Service called flower
    monkeypatch.setenv("FLOWER_URL_PREFIX", "kept")

    environ = child_environ(BROKER_URL="redis://here/0")

    assert not {*CELERY_OVERRIDES, "FLOWER_PORT"} & environ.keys()
    assert (environ["FLOWER_URL_PREFIX"], environ["BROKER_URL"]) == ("kept", "redis://here/0")


def test_the_default_placeholders_are_written_in_their_comparable_form() -> None:
    assert all(comparable(each) == each for each in DEFAULT_VALUES)
    assert Settings().refused_identifiers == DEFAULT_PLACEHOLDERS


def test_the_timeouts_of_locks_statements_sessions_and_messages_increase() -> None:
    settings = Settings()

    assert settings.lock_timeout_ms < settings.statement_timeout_ms < settings.idle_timeout_ms
    assert settings.idle_timeout_ms / 1000 < settings.visibility_timeout_s


def test_a_job_is_rescued_no_sooner_than_redis_delivers_it_again() -> None:
    settings = Settings()

    assert settings.rescue_after_s >= settings.visibility_timeout_s
    assert settings.rescue_every_s < settings.rescue_after_s


def test_a_round_of_the_relay_fits_into_the_bound_of_the_broker() -> None:
    assert Settings().relay_claim <= Settings().broker_bound * Settings().lane_size
