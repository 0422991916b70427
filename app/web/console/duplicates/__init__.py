"""Pages of duplicates: the policy, the preview, the runs and the exclusions."""

from flask import Blueprint

from app.web.console.duplicates import exclusions, policy, preview, runs

blueprint = Blueprint("duplicates", __name__, url_prefix="/duplicates")
runs.add_run_routes(blueprint)
policy.add_policy_routes(blueprint)
preview.add_preview_routes(blueprint)
exclusions.add_exclusion_routes(blueprint)
