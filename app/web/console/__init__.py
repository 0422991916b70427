"""The console: what the front door knows, as pages for people. They read through what the endpoints read through."""

from flask import Blueprint

from app.web.console import batches, entrance, home, jobs, layout, lost, parts, profiles, search, trouble

#: Where all of it is.
PREFIX = "/console"

blueprint = Blueprint("console", __name__, url_prefix=PREFIX, template_folder="templates")
for each in (batches, entrance, home, jobs, lost, parts, profiles, search):
    blueprint.register_blueprint(each.blueprint)
layout.register(blueprint)
trouble.register(blueprint)
