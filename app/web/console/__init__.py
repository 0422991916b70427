"""The console: HTML pages over the same queries as the API."""

from flask import Blueprint

from app.web.console import (
    audit,
    auth,
    batches,
    bulk,
    cancel,
    dead_jobs,
    duplicates,
    error_pages,
    home,
    jobs,
    keys,
    layout,
    merging,
    plans,
    profiles,
    queue,
    retry,
    runs,
    search,
    static_files,
    system,
    throughput,
    undo,
    webhooks,
)

#: Path of the console.
PREFIX = "/console"

blueprint = Blueprint("console", __name__, url_prefix=PREFIX, template_folder="templates")
for each in (
    audit,
    batches,
    bulk,
    cancel,
    dead_jobs,
    error_pages,
    auth,
    home,
    jobs,
    keys,
    merging,
    plans,
    duplicates,
    queue,
    static_files,
    profiles,
    retry,
    runs,
    search,
    system,
    throughput,
    undo,
    webhooks,
):
    blueprint.register_blueprint(each.blueprint)
layout.register_layout(blueprint)
error_pages.register_error_pages(blueprint)
