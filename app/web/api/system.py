"""`GET /system`: the processes of the installation, versions and settings."""

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from app.db.connections import lend_connection
from app.system.report import read_system
from app.web.auth import requires
from app.web.openapi.describe import Tag, describe
from app.web.resources import pool, settings
from schemas.system import SystemSchema

blueprint = Blueprint("system", __name__)

READ_SYSTEM = "system.read"

SYSTEM = SystemSchema()


@describe(Tag.SERVER, "Read the processes, versions and settings", replies={200: SystemSchema})
@blueprint.get("/system")
@requires(permission=READ_SYSTEM)
def read_system_view() -> ResponseReturnValue:
    """Return what runs in this installation.

    Each process writes a heartbeat to PostgreSQL every 10 seconds. Processes and settings are those of the whole
    installation, not of the key's workspace.
    """
    with lend_connection(pool()) as connection:
        report = read_system(connection, settings())
    return jsonify(SYSTEM.dump(report))
