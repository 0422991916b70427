"""The console: what the front door knows, as pages for people. They read through what the endpoints read through."""

from flask import Blueprint

from app.web.console import (
    batches,
    dead,
    entrance,
    home,
    jobs,
    layout,
    lost,
    merging,
    parts,
    profiles,
    search,
    throughput,
    trouble,
    undo,
)

#: Where all of it is.
PREFIX = "/console"

blueprint = Blueprint("console", __name__, url_prefix=PREFIX, template_folder="templates")
for each in (batches, dead, entrance, home, jobs, lost, merging, parts, profiles, search, throughput, undo):
    blueprint.register_blueprint(each.blueprint)
layout.register(blueprint)
trouble.register(blueprint)
