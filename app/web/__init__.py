"""The HTTP API and the console. The only package that imports Flask."""

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
    profile_history,
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
    profile_history.blueprint,
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
    """Return the WSGI application; *settings* default to those of the environment.

    It opens no connection before its first request.
    """
    flask = Flask(__name__, static_folder=None)
    flask.json = OrjsonProvider(flask)
    flask.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    # No automatic OPTIONS: it would answer without a key.
    flask.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    # Do not merge slashes: the redirect would lead to the host that the request names.
    flask.url_map.merge_slashes = False
    settings = Settings.from_environ() if settings is None else settings
    spans.start_tracing(settings, service="web")
    set_resources(flask, settings)
    request_logging.register_request_logging(flask)
    errors.register_error_handlers(flask)
    rate_limiting.register_rate_limits(flask, settings)
    shedding.register(flask, settings)
    metrics.register_metrics(flask)
    headers.register_headers(flask, settings)
    for blueprint in BLUEPRINTS:
        flask.register_blueprint(blueprint)
    request_logging.declare_url_rules(flask)
    return flask
