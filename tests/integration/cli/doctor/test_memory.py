"""The doctor's advice about the memory of PostgreSQL: the setting, a better value and the reason, but no error."""

from typing import Any

import pytest

from app.db.connections import Connection
from cli.doctor import memory
from cli.doctor.findings import Level

MIB, GIB = 2**20, 2**30
GOOD = {
    "shared_buffers": 2 * GIB,
    "effective_cache_size": 6 * GIB,
    "maintenance_work_mem": 256 * MIB,
    "max_wal_size": 4 * GIB,
    "wal_compression": "off",
    "default_toast_compression": "pglz",
    "size": 50 * GIB,
    "offers_lz4": False,
}


def test_the_settings_of_a_real_server_are_read_and_hot_updates_are_reported(connection: Connection) -> None:
    connection.execute("CREATE TABLE often_updated (n integer, text text) WITH (fillfactor = 50)")
    connection.execute("INSERT INTO often_updated SELECT n, 'x' FROM generate_series(1, 2000) AS n")
    connection.execute("UPDATE often_updated SET text = 'y'")
    connection.execute("SELECT pg_stat_force_next_flush()")

    findings = list(memory.check_memory(connection))

    assert {each.level for each in findings} <= {Level.FINE, Level.NOTICE}
    assert findings[0].check == "memory"
    (hot,) = (each.sentence for each in findings if each.check == "HOT updates")
    assert "often_updated" in hot
    assert "of 2,000 (fillfactor 50)" in hot


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, []),
        ({"shared_buffers": 128 * MIB}, ["shared_buffers is 128 MB, and the database has 50.0 GB"]),
        ({"shared_buffers": 128 * MIB, "size": 100 * MIB}, []),
        ({"effective_cache_size": GIB}, ["effective_cache_size is 1.0 GB, below shared_buffers (2.0 GB)"]),
        ({"maintenance_work_mem": 16 * MIB}, ["maintenance_work_mem is 16 MB"]),
        ({"offers_lz4": True}, ["wal_compression is off", "default_toast_compression is pglz"]),
        ({"offers_lz4": True, "wal_compression": "lz4", "default_toast_compression": "lz4"}, []),
    ],
)
def test_each_setting_below_what_the_database_needs_is_a_notice(changed: dict[str, Any], words: list[str]) -> None:
    findings = memory.advise({**GOOD, **changed}, timed=100, requested=1)

    assert [each.level for each in findings] == [Level.NOTICE] * len(words)
    assert all(word in each.sentence for word, each in zip(words, findings, strict=True))
    assert all(each.remedy for each in findings)


def test_checkpoints_that_begin_before_their_time_are_a_notice() -> None:
    (finding,) = memory.advise(GOOD, timed=5, requested=45)

    assert "45 of 50 checkpoints began before their time" in finding.sentence
    assert "max_wal_size (4.0 GB)" in finding.sentence
    assert memory.advise(GOOD, timed=1, requested=9) == []
