"""The Kustomize base is valid, confined, and runs the processes of the Procfile."""

import dataclasses
import json
import re
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from app.config import Settings
from app.setting_declaration import variable
from cli.up.process_environ import OWNERS, SECRETS
from tests.project.kubernetes_objects import BASE, CHART, COMMANDS, KEDA, Object, kustomized, resources
from tests.project.test_processes import NOT_DEPLOYED, PROCESSES, SECRET_VARIABLES, essence, procfile, secrets_of
from tests.project.tree import pyproject

OBJECTS = resources(BASE)
CUSTOM = resources(KEDA)
#: The oldest and the newest version of Kubernetes that is checked.
VERSIONS = ("1.30", kubernetes_validate.latest_version())
PODS = {
    name.removeprefix("mergelane-"): each for (kind, name), each in OBJECTS.items() if kind in {"Deployment", "Job"}
}
PODS["cli"] = resources(COMMANDS)["Pod", "mergelane-cli"]
#: Secrets with the owner of the tables, and with the user of the processes.
OWNER, LOGIN = "mergelane-database-owner", "mergelane-database"


def pod(name: str) -> Object:
    spec = PODS[name]["spec"]
    return spec["template"]["spec"] if "template" in spec else spec


def container(name: str) -> Object:
    (only,) = pod(name)["containers"]
    return only


def secret_variables(name: str) -> dict[str, tuple[str, str]]:
    """Return the Secret and the key of each variable that has one."""
    references = {
        each["name"]: each["valueFrom"]["secretKeyRef"] for each in container(name)["env"] if "valueFrom" in each
    }
    return {variable: (each["name"], each["key"]) for variable, each in references.items()}


def labels(name: str) -> dict[str, str]:
    return PODS[name]["spec"].get("template", PODS[name])["metadata"]["labels"]


def selected(selector: dict[str, Any]) -> set[str]:
    """Return the processes whose pods *selector* selects."""
    wanted, rules = selector.get("matchLabels", {}), selector.get("matchExpressions", ())
    return {
        name
        for name in PODS
        if wanted.items() <= labels(name).items() and all(labels(name)[rule["key"]] in rule["values"] for rule in rules)
    }


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", OBJECTS, ids="-".join)
def test_every_object_is_valid(name: tuple[str, str], version: str) -> None:
    kubernetes_validate.validate(OBJECTS[name], version, strict=True)


def test_a_misspelt_field_is_not_valid() -> None:
    wrong = {**OBJECTS["PodDisruptionBudget", "mergelane-web"], "spec": {"minimumAvailable": 1}}

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[0], strict=True)


def test_custom_resources_are_valid() -> None:
    schema = json.loads((KEDA / "scaledobject.schema.json").read_text())

    assert {kind for kind, _ in CUSTOM} == {"ScaledObject"}
    for each in CUSTOM.values():
        jsonschema.validate(each, schema)


def test_kustomize_builds_the_objects_of_the_files() -> None:
    assert kustomized(BASE) == OBJECTS


def test_keda_alone_decides_about_the_number_of_workers() -> None:
    built = kustomized(KEDA)
    changed = {name for name, each in built.items() if each != OBJECTS.get(name)}

    assert changed == {("Deployment", "mergelane-worker"), ("ScaledObject", "mergelane-worker")}
    assert "replicas" not in built["Deployment", "mergelane-worker"]["spec"]


def test_workers_are_scaled_by_the_ledger_and_never_to_none() -> None:
    spec = CUSTOM["ScaledObject", "mergelane-worker"]["spec"]

    assert spec["minReplicaCount"] >= 1
    assert spec["triggers"][0]["metadata"]["query"].endswith(
        '(mergelane_jobs{state="queued"})) or vector(0)',
    )


def test_there_is_a_deployment_for_each_process_and_a_job_for_the_migration() -> None:
    kinds = {name: each["kind"] for name, each in PODS.items()}

    assert kinds == {**dict.fromkeys(PROCESSES, "Deployment"), "migrate": "Job", "cli": "Pod"}


@pytest.mark.parametrize("name", PROCESSES)
def test_a_deployment_runs_what_the_procfile_runs(name: str) -> None:
    assert essence(container(name)["command"]) == essence(procfile()[name])


@pytest.mark.parametrize("name", PODS)
def test_every_pod_is_confined(name: str) -> None:
    spec, only = pod(name), container(name)

    assert (spec["enableServiceLinks"], spec["automountServiceAccountToken"]) == (False, False)
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert only["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert only["volumeMounts"] == [{"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108  the one writable folder
    assert "emptyDir" in spec["volumes"][0]
    assert "memory" in only["resources"]["limits"]
    assert not spec.keys() & {"hostNetwork", "hostPID", "hostIPC"}


@pytest.mark.parametrize("version", VERSIONS)
def test_the_pod_for_commands_is_valid_and_ends(version: str) -> None:
    kubernetes_validate.validate(PODS["cli"], version, strict=True)

    assert (pod("cli")["restartPolicy"], pod("cli")["activeDeadlineSeconds"]) == ("Never", 3600)


@pytest.mark.parametrize("name", [*PROCESSES, "migrate"])
def test_a_pod_has_the_time_to_finish(name: str) -> None:
    drain_s = next((int(each["value"]) for each in container(name)["env"] if each["name"] == "MERGELANE_DRAIN_S"), 0)

    assert pod(name)["terminationGracePeriodSeconds"] == 60
    assert pod(name)["terminationGracePeriodSeconds"] > drain_s + 20


@pytest.mark.parametrize("name", PROCESSES)
def test_a_process_is_probed_cheaply(name: str) -> None:
    only = container(name)
    probes = {probe: only[f"{probe}Probe"] for probe in ("startup", "liveness")}

    if name in {"web", "flower"}:
        assert all("httpGet" in probe for probe in probes.values())
        return
    environ = {each["name"]: each.get("value", "") for each in only["env"]}
    assert all(probe["exec"]["command"] == ["healthy", "file"] for probe in probes.values())
    assert environ["MERGELANE_HEALTH_FILE"].startswith("/tmp/")  # noqa: S108  the one writable folder


def test_web_leaves_the_balancer_before_it_stops() -> None:
    probe = container("web")["readinessProbe"]

    assert (probe["httpGet"]["path"], probe["failureThreshold"]) == ("/health/ready", 1)
    assert container("web")["livenessProbe"]["httpGet"]["path"] == "/health/live"


@pytest.mark.parametrize("name", PODS)
def test_a_process_gets_only_the_secrets_that_it_uses(name: str) -> None:
    variables = {each["name"] for each in container(name)["env"]}

    assert secrets_of(variables) == SECRETS[name] - NOT_DEPLOYED
    assert set(map(SECRET_VARIABLES.get, secrets_of(variables))) <= secret_variables(name).keys()


@pytest.mark.parametrize("name", [name for name in PODS if "database_url" in SECRETS[name]])
def test_only_the_migration_and_commands_connect_as_the_owner(name: str) -> None:
    variables = secret_variables(name)
    secret = OWNER if name in OWNERS else LOGIN
    created = {"MERGELANE_PROCESS_USER": (LOGIN, "username"), "MERGELANE_PROCESS_PASSWORD": (LOGIN, "password")}

    assert (variables["PGUSER"], variables["PGPASSWORD"]) == ((secret, "username"), (secret, "password"))
    assert {each: variables[each] for each in created if each in variables} == (created if name == "migrate" else {})


def test_the_example_has_every_secret_and_key() -> None:
    examples = yaml.safe_load_all((BASE / "secrets.example.yaml").read_text())
    given = {(each["metadata"]["name"], key) for each in examples for key in each["stringData"]}

    assert given == {each for name in PODS for each in secret_variables(name).values()}


def test_every_variable_is_a_setting() -> None:
    known = {variable(field.name) for field in dataclasses.fields(Settings)} | {"FLOWER_BASIC_AUTH"}
    names = {each["name"] for name in PODS for each in container(name)["env"]}
    names |= OBJECTS["ConfigMap", "mergelane-settings"]["data"].keys()

    assert {name for name in names - known if not re.fullmatch(r"PG[A-Z]+", name)} == set()


def test_selectors_select_pods() -> None:
    by_kind = {(kind, name): each["spec"] for (kind, name), each in OBJECTS.items() if "spec" in each}
    budgets = {name: selected(spec["selector"]) for (kind, name), spec in by_kind.items() if kind.startswith("PodD")}
    deployments = {name: selected(spec["selector"]) for (kind, name), spec in by_kind.items() if kind == "Deployment"}
    services = {
        name: selected({"matchLabels": spec["selector"]}) for (kind, name), spec in by_kind.items() if kind == "Service"
    }

    assert budgets == {"mergelane-web": {"web"}, "mergelane-worker": {"worker"}}
    assert services == {"mergelane-web": {"web"}, "mergelane-flower": {"flower"}}
    assert deployments == {f"mergelane-{name}": {name} for name in PROCESSES}


def test_the_network_allows_only_the_connections_of_each_process() -> None:
    policies = {name: each["spec"] for (kind, name), each in OBJECTS.items() if kind == "NetworkPolicy"}
    selects = {name.removeprefix("mergelane-"): selected(spec["podSelector"]) for name, spec in policies.items()}

    assert policies["mergelane-default"]["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in policies["mergelane-default"]
    assert selects == {
        "default": set(PODS),
        "database": {name for name in PODS if "database_url" in SECRETS[name]},
        "broker": {name for name in PODS if "broker_url" in SECRETS[name]},
        "webhooks": {"sender"},
        "web": {"web"},
        "flower": {"flower"},
        "metrics": {"web", "relay", "sender", "worker"},
    }


def test_image_and_chart_have_the_version_of_the_project() -> None:
    version = pyproject()["project"]["version"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())

    assert {container(name)["image"] for name in PODS} == {f"mergelane:{version}"}
    assert (chart["version"], chart["appVersion"]) == (version, version)
