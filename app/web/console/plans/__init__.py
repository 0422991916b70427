"""Pages of plans: the list, one plan with its pairs, and what makes, applies and discards one."""

from app.web.console.plans import actions, pages, upload

blueprint = pages.blueprint
actions.add_action_routes(blueprint)
upload.add_upload_routes(blueprint)
