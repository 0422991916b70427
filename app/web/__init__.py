"""The front door: the wire's endpoints over HTTP. The only package that knows Flask."""

from flask import Flask

from app.config import Settings
from app.web import (
    errors,
    health,
    merge_batches,
    merge_jobs,
    profiles,
    tracing,
    users_alias,
    users_export,
    users_identify,
    users_merge,
    users_track,
)
from app.web.answers import Orjson
from app.web.body import MAX_BODY
from app.web.resources import give

BLUEPRINTS = (
    health.blueprint,
    merge_batches.blueprint,
    merge_jobs.blueprint,
    profiles.blueprint,
    users_alias.blueprint,
    users_export.blueprint,
    users_identify.blueprint,
    users_merge.blueprint,
    users_track.blueprint,
)


def create_app(settings: Settings | None = None) -> Flask:
    """Return the front door as a WSGI application; *settings* come from the environment when none are given.

    It connects to nothing before its first request.
    """
    flask = Flask(__name__, static_folder=None)
    flask.json = Orjson(flask)
    flask.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    # Each URL answers its own methods and no others: OPTIONS would be a way in without a key.
    flask.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    give(flask, Settings.from_environ() if settings is None else settings)
    tracing.register(flask)
    errors.register(flask)
    for blueprint in BLUEPRINTS:
        flask.register_blueprint(blueprint)
    return flask
