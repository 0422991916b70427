"""Requests by the OpenAPI document: each parameter with values at the edges of its type, and generated ones."""

from collections.abc import Iterator

import pytest
from flask import Flask

from fuzz.described import described, edge_requests, make_described, parameters_of, template_of
from fuzz.product import Product, product
from fuzz.run import Result, ask_all, ask_described, ask_each
from tests.support.openapi import document
from tests.support.postgres import Databases

SEED, REQUESTS, FOR_EACH = "7", 100, 4


@pytest.fixture(scope="module")
def ours(databases: Databases) -> Iterator[Product]:
    """The product on a database for this module, with some profiles, jobs and batches."""
    name = databases.create()
    try:
        with product(databases.url(name)) as lent:
            ask_all(lent.application, lent.worker, Result(seed=SEED), range(120))
            yield lent
    finally:
        databases.drop(name)


def test_every_documented_operation_gets_requests(flask_app: Flask) -> None:
    operations = {(method, path) for path, methods in document()["paths"].items() for method in methods}

    assert {(each.method.lower(), template_of(each)) for each in described()} == operations


def test_every_value_at_an_edge_of_every_parameter_is_answered_or_refused_with_a_sentence(ours: Product) -> None:
    result = Result(seed=SEED)

    ask_each(ours.application, ours.worker, result, edge_requests())

    assert result.found == []
    assert {"200", "400", "404"} <= result.answers.keys()


def test_what_schemathesis_generates_is_answered_or_refused_with_a_sentence(ours: Product) -> None:
    result = Result(seed=SEED)

    ask_described(ours.application, ours.worker, result, make_described(SEED, REQUESTS, chunk=FOR_EACH))

    assert result.found == []
    assert result.described == REQUESTS


def test_parameters_of_all_places_are_in_the_document() -> None:
    (audit,) = [each for each in described() if (each.method, each.rule) == ("GET", "/audit")]

    assert {"from", "to", "cursor", "limit", "identifier"} <= set(parameters_of(audit, "query"))
    assert parameters_of(audit, "header") == []


def test_a_seed_repeats_its_requests() -> None:
    made = [repr(each) for each in make_described(SEED, 30, chunk=10)]

    assert made == [repr(each) for each in make_described(SEED, 30, chunk=10)]
    assert made != [repr(each) for each in make_described("8", 30, chunk=10)]
