"""libpq parses DATABASE_URL once, at start: invalid URLs are refused and never quoted."""

import re

import pytest

from app.config import Settings
from app.database_url import complete_arguments
from app.errors import SetupError
from app.setting_sources import PG_VARIABLES_ONLY


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://u:p@127.0.0.1:15434,127.0.0.1:15433/db?target_session_attrs=read-write",
        "postgresql://u:p@a,b/db?port=1,2",
        "postgresql://u:p@/db?host=a,b&port=1,2",
        "postgresql://u@%2Frun%2Fpostgresql:15433/db",
        "postgresql://u@/db?host=/run/pro:ject:main",
        "postgresql://u@[::1],127.0.0.1:15433/db",
        "postgres://u:p%40ss%2Fw#rd?x@h/db",
        "postgresql://u@h/db?options=-csearch_path%3Dml",
        "host=h port=1 user=u password='p ass' dbname=db",
        "postgresql:///db",
        "dbname=db",
    ],
)
def test_a_url_that_libpq_reads_is_accepted(text: str) -> None:
    assert Settings.from_environ({"DATABASE_URL": f" {text}\n"}).database_url == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("postgresql+psycopg2://u:S3cret@h/d", "scheme names a driver"),
        ("mysql://u:S3cret@h/d", "scheme must be postgresql://"),
        ("postgresql://u:S3@cret@h/d", "`@` is %40"),
        ("postgresql://u:S3/cret@h/d", "`@` is %40"),
        ("postgresql://u:33/S3cret@h/d", "`@` is %40"),
        ("postgresql://u:S3%ret@h/d", "`%` is %25"),
        ("postgresql://u:p@h:S3cret/d", "port in it is not a number"),
        ("postgresql://u:p@h:99999/d", "port in it is not a number"),
        ("postgresql://a,b,c/d?port=1,2", "another number of ports than of hosts"),
        ("postgresql://a,b/d?hostaddr=1.1.1.1", "another number of hosts than of hostaddr"),
        ("postgresql://h/d?S3cret=1", "cannot be read"),
        ("postgresql://h/d?sslmode=S3cret", "libpq refuses it: invalid sslmode value: …"),
        ("postgresql://h/d?target_session_attrs=S3cret", "libpq refuses it"),
        ("service=S3cret", "libpq refuses it: definition of service … not found"),
        ("host=h password=S3cret word", "cannot be read"),
        ("host=S3@cret", "cannot be read"),
        ("S3cret", "cannot be read"),
        ("postgresql://h/d?application_name=S3cret", "application_name, which Mergelane sets itself"),
        ("postgresql://h/d?connect_timeout=S3cret", "connect_timeout, or that of a PG* variable, is not a whole"),
        ("postgresql://h/d?keepalives_idle=S3cret", "keepalives_idle, or that of a PG* variable, is not a whole"),
        ("postgresql://h/d?options=-cstatement_timeout%3D33", "MERGELANE_STATEMENT_TIMEOUT_MS"),
        ("postgresql://h/d?options=--lock-timeout%3D33", "MERGELANE_LOCK_TIMEOUT_MS"),
    ],
)
def test_an_invalid_url_is_refused_and_not_quoted(text: str, reason: str) -> None:
    with pytest.raises(SetupError, match=f"DATABASE_URL: .*{re.escape(reason)}") as refused:
        Settings.from_environ({"DATABASE_URL": text})

    assert not [part for part in ("S3", "cret", "33") if part in str(refused.value)]


def test_a_variable_that_is_no_text_is_refused() -> None:
    with pytest.raises(SetupError, match="DATABASE_URL is not UTF-8"):
        Settings.from_environ({"DATABASE_URL": "postgresql://u:\udcff@h/d"})


def test_the_timeouts_of_the_user_replace_ours_and_our_options_follow() -> None:
    ours = {"application_name": "ours", "connect_timeout": 2, "keepalives_idle": 10, "options": "-c TimeZone=UTC"}
    url = "postgresql://h/d?connect_timeout=30&keepalives_idle=300&options=-csearch_path%3Dml"

    assert complete_arguments(url, ours) == {"application_name": "ours", "options": "-csearch_path=ml -c TimeZone=UTC"}


def test_variables_of_libpq_have_the_effect_of_parts_of_the_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGOPTIONS", "-csearch_path=ml")
    monkeypatch.setenv("PGCONNECT_TIMEOUT", "7")

    assert complete_arguments("postgresql://h/d", {"connect_timeout": 2, "options": "-c a=b"}) == {
        "options": "-csearch_path=ml -c a=b"
    }


@pytest.mark.parametrize(("variable", "value"), [("PGCONNECT_TIMEOUT", "x"), ("PGPORT", "x"), ("PGSSLMODE", "x")])
def test_a_variable_of_libpq_that_cannot_be_read_is_refused(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(SetupError, match="DATABASE_URL: "):
        Settings.from_environ({"DATABASE_URL": "postgresql://h/d"})


@pytest.mark.parametrize("variable", ["PGHOST", "PGHOSTADDR"])
def test_the_variables_of_libpq_name_the_server_without_a_url(variable: str) -> None:
    assert Settings.from_environ({variable: "127.0.0.1"}).database_url == PG_VARIABLES_ONLY
    assert Settings.from_environ({variable: "127.0.0.1", "DATABASE_URL": "dbname=d"}).database_url == "dbname=d"


def test_a_user_alone_names_no_server() -> None:
    assert Settings.from_environ({"PGUSER": "ada", "PGDATABASE": "d"}).database_url == ""
