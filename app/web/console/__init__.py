"""The console: what the front door knows, as pages for people. They read through what the endpoints read through."""

from flask import Blueprint

from app.web.console import (
    auth,
    batches,
    dead_jobs,
    error_pages,
    home,
    jobs,
    layout,
    lost,
    merging,
    profiles,
    search,
    static_files,
    throughput,
    undo,
)

#: Where all of it is.
PREFIX = "/console"

blueprint = Blueprint("console", __name__, url_prefix=PREFIX, template_folder="templates")
for each in (batches, dead_jobs, auth, home, jobs, lost, merging, static_files, profiles, search, throughput, undo):
    blueprint.register_blueprint(each.blueprint)
layout.register_layout(blueprint)
error_pages.register_error_pages(blueprint)
