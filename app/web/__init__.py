"""The front door: the wire's endpoints over HTTP. The only package that knows Flask."""

from flask import Flask

from app.config import Settings
from app.telemetry import spans
from app.web import (
    audit,
    console,
    docs,
    duplicates,
    errors,
    headers,
    health,
    merge_batches,
    merge_jobs,
    merge_undo,
    metrics,
    profiles,
    rate_limiting,
    request_logging,
    segments,
    shedding,
    users_alias,
    users_alias_update,
    users_delete,
    users_export,
    users_external_ids,
    users_identify,
    users_merge,
    users_merge_preview,
    users_track,
    webhook_notices,
    webhooks,
)
from app.web.json_provider import OrjsonProvider
from app.web.request_body import MAX_BODY
from app.web.resources import set_resources

BLUEPRINTS = (
    audit.blueprint,
    console.blueprint,
    docs.blueprint,
    duplicates.blueprint,
    health.blueprint,
    merge_batches.blueprint,
    merge_jobs.blueprint,
    merge_undo.blueprint,
    metrics.blueprint,
    profiles.blueprint,
    segments.blueprint,
    users_alias.blueprint,
    users_alias_update.blueprint,
    users_delete.blueprint,
    users_export.blueprint,
    users_external_ids.blueprint,
    users_identify.blueprint,
    users_merge.blueprint,
    users_merge_preview.blueprint,
    users_track.blueprint,
    webhook_notices.blueprint,
    webhooks.blueprint,
)


def create_app(settings: Settings | None = None) -> Flask:
    """Return the front door as a WSGI application; *settings* come from the environment when none are given.

    It connects to nothing before its first request.
    """
    flask = Flask(__name__, static_folder=None)
    flask.json = OrjsonProvider(flask)
    flask.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    # Each URL answers its own methods and no others: OPTIONS would be a way in without a key.
    flask.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    # A path with two slashes in a row is no URL of ours; it would be redirected, to whatever host the request names.
    flask.url_map.merge_slashes = False
    settings = Settings.from_environ() if settings is None else settings
    spans.start_tracing(settings, service="web")
    set_resources(flask, settings)
    request_logging.register(flask)
    errors.register(flask)
    rate_limiting.register(flask, settings)
    shedding.register(flask, settings)
    metrics.register(flask)
    headers.register(flask, settings)
    for blueprint in BLUEPRINTS:
        flask.register_blueprint(blueprint)
    request_logging.know_routes(flask)
    return flask
