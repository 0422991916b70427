"""Pages of plans: the list, one plan with its pairs, and what makes, applies and discards one."""

from app.web.console.plans import actions, pages, upload

blueprint = pages.blueprint
actions.add_routes(blueprint)
upload.add_routes(blueprint)
