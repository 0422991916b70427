"""The console: HTML pages over the same queries as the API."""

from flask import Blueprint

from app.web.console import (
    auth,
    batches,
    dead_jobs,
    error_pages,
    home,
    jobs,
    layout,
    merging,
    profiles,
    retry,
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
    dead_jobs,
    error_pages,
    auth,
    home,
    jobs,
    merging,
    static_files,
    profiles,
    retry,
    search,
    throughput,
    undo,
):
    blueprint.register_blueprint(each.blueprint)
layout.register_layout(blueprint)
error_pages.register_error_pages(blueprint)
