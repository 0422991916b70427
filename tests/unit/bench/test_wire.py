"""Counts statements and round trips in the bytes of connections, in blocks of any size."""

import struct

import pytest

from bench.wire import WireCounter, names


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


def start(name: bytes) -> bytes:
    body = struct.pack("!I", 196_608) + b"user\0postgres\0application_name\0" + name + b"\0\0"
    return struct.pack("!I", len(body) + 4) + body


ANSWER = message(b"C", b"SELECT 1\0") + message(b"Z", b"I")
PREPARE = message(b"P", b"one\0-- Does a thing.\nSELECT 1\0\0\0")
EXECUTE = message(b"B", b"\0one\0\0\0\0\0\0\0") + message(b"E", b"\0\0\0\0\0")
SYNC = message(b"S", b"")


def counted(said: bytes, answered: bytes, *, cut: int) -> WireCounter:
    counter = WireCounter()
    there, back = counter.watch()
    for bytes_, see in ((said, there), (answered, back)):
        for place in range(0, len(bytes_), cut):
            see(bytes_[place : place + cut])
    return counter


@pytest.mark.parametrize("cut", [1, 7, 10_000])
def test_a_prepared_statement_is_counted_by_its_first_line_each_time(cut: int) -> None:
    said = start(b"mergelane-worker") + PREPARE + EXECUTE + SYNC + EXECUTE + SYNC
    counter = counted(said, message(b"Z", b"I") + ANSWER, cut=cut)

    assert counter.statements == {("mergelane-worker", "-- Does a thing."): 2}
    assert counter.round_trips == {("mergelane-worker", "-- Does a thing."): 2}


def test_a_pipeline_of_statements_is_one_round_trip() -> None:
    said = start(b"web") + PREPARE + SYNC + EXECUTE * 5 + SYNC
    counter = counted(said, ANSWER * 2, cut=10_000)

    assert counter.statements == {("web", "-- Does a thing."): 5}
    assert counter.round_trips == {("web", ""): 1, ("web", "-- Does a thing."): 1}


def test_a_plain_query_is_a_statement_and_a_round_trip() -> None:
    counter = counted(start(b"web") + message(b"Q", b"BEGIN\0"), ANSWER, cut=10_000)

    assert (counter.statements, counter.round_trips) == ({("web", "BEGIN"): 1}, {("web", "BEGIN"): 1})


def test_the_start_of_a_connection_is_no_round_trip() -> None:
    assert counted(start(b"web"), message(b"R", b"\0\0\0\0") + message(b"Z", b"I"), cut=3).round_trips == {}


def test_the_names_of_queries_are_known() -> None:
    assert {"claim_lanes", "insert_batch", "lock_running_jobs", "authenticate"} <= set(names().values())
