"""Pages of duplicates: the policy, the preview, the runs and the exclusions."""

from flask import Blueprint

from app.web.console.duplicates import exclusions, policy, preview, runs

blueprint = Blueprint("duplicates", __name__, url_prefix="/duplicates")
for each in (runs, policy, preview, exclusions):
    each.add_routes(blueprint)
