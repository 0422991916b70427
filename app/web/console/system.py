"""The page of the installation: its processes, versions and settings."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from app.db.connections import lend_connection
from app.system.report import read_system
from app.web.api.system import READ_SYSTEM
from app.web.console.auth import signed_in
from app.web.resources import pool, settings

blueprint = Blueprint("system", __name__)


@blueprint.get("/system")
@signed_in(permission=READ_SYSTEM)
def system_page() -> ResponseReturnValue:
    """Show which processes run, and in which versions."""
    with lend_connection(pool()) as connection:
        report = read_system(connection, settings())
    versions = {process.version for process in report.processes} - {report.version}
    return render_template("system.html", report=report, other_versions=sorted(versions))
