"""The views of the HTTP API, one module per subject. A new module adds its blueprint here."""

from app.web.api import (
    audit,
    batches,
    duplicates,
    exclusions,
    health,
    jobs,
    merges,
    metrics,
    profile_history,
    profile_report,
    profiles,
    runs,
    segments,
    undo,
    users,
    webhooks,
)

BLUEPRINTS = (
    audit.blueprint,
    batches.blueprint,
    duplicates.blueprint,
    exclusions.blueprint,
    health.blueprint,
    jobs.blueprint,
    merges.blueprint,
    metrics.blueprint,
    profile_history.blueprint,
    profile_report.blueprint,
    profiles.blueprint,
    runs.blueprint,
    segments.blueprint,
    undo.blueprint,
    users.blueprint,
    webhooks.blueprint,
)
