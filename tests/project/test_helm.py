"""The Helm chart renders the objects of the Kustomize base."""

import copy
from typing import Any

import kubernetes_validate
import pytest

from tests.project.kubernetes_objects import BASE, KEDA, Objects, rendered, resources

#: The Job's name has the revision of the release, since a Job cannot be changed.
JOB = ("Job", "mergelane-migrate-1")


def compared(objects: Objects) -> Objects:
    """Return *objects* in the form of the base: the plain name of the Job, and no checksum of the settings."""
    plain = copy.deepcopy(objects)
    for each in plain.values():
        template = each.get("spec", {}).get("template", {})
        annotations = template.get("metadata", {}).pop("annotations", {})
        assert not annotations or annotations.keys() == {"checksum/settings"}
    job = plain.pop(JOB)
    job["metadata"]["name"] = "mergelane-migrate"
    return {**plain, ("Job", "mergelane-migrate"): job}


def test_the_defaults_render_the_base() -> None:
    assert compared(rendered({})) == resources(BASE)


def test_with_keda_the_workers_have_no_number() -> None:
    expected = {**resources(BASE), **resources(KEDA)}
    del expected["Deployment", "mergelane-worker"]["spec"]["replicas"]

    assert compared(rendered({"keda": {"enabled": True}})) == expected


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"image": {"repository": "registry.example.com/m", "tag": "1"}}, id="image"),
        pytest.param({"imagePullSecrets": [{"name": "registry"}]}, id="pull secret"),
        pytest.param({name: {"env": {"A": "1"}} for name in ("migrate", "web", "relay", "worker")}, id="environment"),
        pytest.param({"networkPolicy": {"enabled": False}}, id="open network"),
        pytest.param({"worker": {"replicas": 7, "resources": {}}}, id="resources"),
    ],
)
def test_other_values_render_valid_objects(values: dict[str, Any]) -> None:
    objects = rendered(values)

    for each in objects.values():
        kubernetes_validate.validate(each, kubernetes_validate.latest_version(), strict=True)
    assert objects != rendered({})
