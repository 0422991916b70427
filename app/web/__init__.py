"""The HTTP API and the console. The only package that imports Flask.

`api` has the views of the API, `console` the pages, `openapi` the OpenAPI document, `server` the server process. The
modules beside them serve all requests: authentication, rate limits, errors, JSON, logging.
"""

from flask import Flask

from app.config import Settings
from app.telemetry import spans
from app.web import api, console, errors, headers, hosts, rate_limiting, request_logging, shedding, workspace_shares
from app.web.api import metrics
from app.web.content_encoding import DecodedRequest
from app.web.json_bodies import MAX_BODY, OrjsonProvider
from app.web.openapi import docs
from app.web.proxies import trust_proxies
from app.web.resources import set_resources
from app.web.url_parts import UrlPart


def create_app(settings: Settings | None = None) -> Flask:
    """Return the WSGI application; *settings* default to those of the environment.

    It opens no connection before its first request.
    """
    settings = Settings.from_environ() if settings is None else settings
    flask = Flask(__name__, static_folder=None)
    flask.request_class = DecodedRequest
    trust_proxies(flask, settings.trusted_proxies)
    flask.json = OrjsonProvider(flask)
    flask.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    # No automatic OPTIONS: it would answer without a key.
    flask.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    # Do not merge slashes: the redirect would lead to the host that the request names.
    flask.url_map.merge_slashes = False
    flask.url_map.converters["default"] = UrlPart
    spans.start_tracing(settings, service="web")
    set_resources(flask, settings)
    request_logging.register_request_logging(flask)
    workspace_shares.register_shares(flask, settings)
    errors.register_error_handlers(flask)
    hosts.register_hosts(flask, settings)
    rate_limiting.register_rate_limits(flask, settings)
    shedding.register_load_shedding(flask, settings)
    metrics.register_metrics(flask)
    headers.register_headers(flask, settings)
    for blueprint in (*api.BLUEPRINTS, docs.blueprint, console.blueprint):
        flask.register_blueprint(blueprint)
    request_logging.declare_url_rules(flask)
    return flask
