"""The console: HTML pages over the same queries as the API."""

from flask import Blueprint

from app.web.console import (
    auth,
    batches,
    bulk,
    dead_jobs,
    duplicates,
    error_pages,
    home,
    jobs,
    layout,
    merging,
    plans,
    profiles,
    runs,
    search,
    static_files,
    throughput,
    undo,
)

#: Path of the console.
PREFIX = "/console"

blueprint = Blueprint("console", __name__, url_prefix=PREFIX, template_folder="templates")
for each in (
    batches,
    bulk,
    dead_jobs,
    error_pages,
    auth,
    home,
    jobs,
    merging,
    plans,
    duplicates,
    static_files,
    profiles,
    runs,
    search,
    throughput,
    undo,
):
    blueprint.register_blueprint(each.blueprint)
layout.register_layout(blueprint)
error_pages.register_error_pages(blueprint)
