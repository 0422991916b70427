"""The metrics of web, as sources that a scrape reads."""

from collections.abc import Sequence

from flask import Flask

from app.ledger.gauges import LedgerGauges
from app.metrics.cell import CellInfo
from app.metrics.database import DATABASE
from app.metrics.exposition import MetricSource
from app.metrics.http import HTTP
from app.metrics.replica import READS
from app.metrics.shares import SHARES
from app.web.resources import resources_of

NAME = "mergelane-gauges"


def register_metrics(flask: Flask) -> None:
    """Add the gauges of the ledger to the metrics of *flask*."""
    resources = resources_of(flask)
    bound = resources.settings.waiting_bound
    flask.extensions[NAME] = LedgerGauges(lambda: resources.pool, bound=bound)


def metric_sources(flask: Flask) -> Sequence[MetricSource]:
    """Return the metrics of all processes that serve *flask*, and the gauges of the ledger."""
    cell = CellInfo(resources_of(flask).settings.cell)
    return (*HTTP, *DATABASE, READS, *SHARES, cell, flask.extensions[NAME])
