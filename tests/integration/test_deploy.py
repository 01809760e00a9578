"""deploy/ renders, fits the schemas of Kubernetes, and agrees with itself and with the image."""

from __future__ import annotations

import copy
import re
import tomllib
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tercet.cli import mesh
from tercet.cli.config.loading import load
from tercet.cli.config.sections import Config
from tercet.cluster.address import Bind
from tests.integration.manifests import KUBERNETES, render, restricted_violations
from tests.integration.tools import ROOT

# preStop `sleep` is there by default from 1.30 on.
SCHEMAS = ("1.30", kubernetes_validate.latest_version())
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
# Seconds after the grace period in which the supervisor ends those who do not listen.
MARGIN = 5


@pytest.fixture(scope="module", params=["base", "overlays/example"])
def objects(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    return render(KUBERNETES / request.param)


def only(objects: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    (found,) = (each for each in objects if each["kind"] == kind)
    return found


@pytest.fixture
def pod(objects: list[dict[str, Any]]) -> dict[str, Any]:
    spec: dict[str, Any] = only(objects, "Deployment")["spec"]["template"]["spec"]
    return spec


@pytest.fixture
def container(pod: dict[str, Any]) -> dict[str, Any]:
    (found,) = pod["containers"]
    return dict(found)


@pytest.fixture
def configured(objects: list[dict[str, Any]], tmp_path: Path) -> Config:
    """The mounted tercet.toml, as `tercet up` reads it."""
    path = tmp_path / "tercet.toml"
    path.write_text(only(objects, "ConfigMap")["data"]["tercet.toml"])
    return load(path, environ={}, settings={})


def test_what_is_rendered(objects: list[dict[str, Any]]) -> None:
    kinds = sorted(each["kind"] for each in objects)
    assert kinds == ["ConfigMap", "Deployment", "Service", "ServiceAccount"]


@pytest.mark.parametrize("version", SCHEMAS)
def test_every_object_has_a_schema_and_fits_it(objects: list[dict[str, Any]], version: str) -> None:
    for each in objects:
        kubernetes_validate.validate(each, version, strict=True)


def test_the_schemas_are_strict(objects: list[dict[str, Any]]) -> None:
    """The check above is worth something: a misspelt field is refused, deep down too."""
    misspelt = copy.deepcopy(only(objects, "Deployment"))
    misspelt["spec"]["template"]["spec"]["containers"][0]["livenessProbe"]["grpc"]["servcie"] = "x"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(misspelt, SCHEMAS[0], strict=True)
    with pytest.raises(kubernetes_validate.SchemaNotFoundError):
        kubernetes_validate.validate({"kind": "Mesh", "apiVersion": "v1"}, SCHEMAS[0], strict=True)


def test_the_pod_is_restricted(pod: dict[str, Any], container: dict[str, Any]) -> None:
    assert list(restricted_violations(pod)) == []
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["automountServiceAccountToken"] is False


@pytest.mark.parametrize(
    ("place", "field", "value"),
    [
        ("pod", "seccompProfile", None),
        ("pod", "runAsUser", 0),
        ("container", "allowPrivilegeEscalation", True),
        ("container", "capabilities", {"drop": ["ALL"], "add": ["SYS_PTRACE"]}),
    ],
)
def test_restricted_is_checked(pod: dict[str, Any], place: str, field: str, value: Any) -> None:
    loose = copy.deepcopy(pod)
    target = loose if place == "pod" else loose["containers"][0]
    if value is None:
        del target["securityContext"][field]
    else:
        target["securityContext"][field] = value
    assert len(list(restricted_violations(loose))) == 1


def test_the_configuration_is_one_that_tercet_takes(configured: Config) -> None:
    assert mesh.mesh(configured).services
    assert not configured.executor.enabled, "programs for the whole cluster must be a decision"


def test_no_variable_of_kubernetes_reads_as_configuration(pod: dict[str, Any]) -> None:
    """A Service named tercet would put TERCET_PORT and more into the environment."""
    assert pod["enableServiceLinks"] is False


@pytest.mark.parametrize(
    ("probe", "service"),
    [("startupProbe", "liveness"), ("livenessProbe", "liveness"), ("readinessProbe", "readiness")],
)
def test_probes_ask_the_control_process(
    container: dict[str, Any], configured: Config, probe: str, service: str
) -> None:
    health = Bind.parse(configured.cluster.health)
    assert not health.is_loopback
    assert container[probe]["grpc"] == {"port": health.port, "service": service}
    assert container[probe]["timeoutSeconds"] >= 3


def test_the_service_leads_to_the_gateway(
    objects: list[dict[str, Any]], container: dict[str, Any], configured: Config
) -> None:
    service = only(objects, "Service")["spec"]
    labels = only(objects, "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert service["selector"].items() <= labels.items()
    (port,) = service["ports"]
    assert (port["name"], port["appProtocol"]) == ("grpc", "kubernetes.io/h2c")
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    gateway = Bind.parse(configured.gateway.bind)
    assert ports[port["targetPort"]] == gateway.port
    assert not gateway.is_loopback


def test_seconds_of_a_drain_add_up(
    pod: dict[str, Any], container: dict[str, Any], configured: Config
) -> None:
    sleep = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    needed = sleep + configured.cluster.grace + MARGIN
    assert pod["terminationGracePeriodSeconds"] >= needed


def test_a_rollout_never_has_fewer_pods(objects: list[dict[str, Any]]) -> None:
    rolling = only(objects, "Deployment")["spec"]["strategy"]["rollingUpdate"]
    assert rolling == {"maxUnavailable": 0, "maxSurge": 1}


def test_writable_places_are_mounted(pod: dict[str, Any], container: dict[str, Any]) -> None:
    """The root is read-only: what the image writes to must lie below an emptyDir.

    Strictly below, for the runtime directory: a mounted volume is root's and not 0700.
    """
    empty = {each["name"] for each in pod["volumes"] if "emptyDir" in each}
    mounts = {each["mountPath"] for each in container["volumeMounts"] if each["name"] in empty}
    assert {str(Path(variable("TERCET_RUNTIME_DIR")).parent), variable("HOME")} <= mounts
    configs = {each["mountPath"] for each in container["volumeMounts"]} - mounts
    assert str(Path(variable("TERCET_CONFIG")).parent) in configs


def test_the_image_is_a_parameter() -> None:
    assert image(KUBERNETES / "base") == f"tercet:{VERSION}"
    assert image(KUBERNETES / "overlays" / "example") == "greeter:1"


def test_versions_agree(objects: list[dict[str, Any]]) -> None:
    for each in objects:
        assert each["metadata"]["labels"]["app.kubernetes.io/version"] == VERSION


def test_the_user_is_the_image_s(pod: dict[str, Any]) -> None:
    context = pod["securityContext"]
    (user,) = re.findall(r"^USER (\d+:\d+)$", DOCKERFILE, re.MULTILINE)
    assert user == f"{context['runAsUser']}:{context['runAsGroup']}"


def test_compose_gives_the_image_what_it_needs() -> None:
    (service,) = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())["services"].values()
    assert service["image"] == f"tercet:{VERSION}"
    assert str(Path(variable("TERCET_RUNTIME_DIR")).parent) in service["tmpfs"]
    assert variable("HOME") in service["tmpfs"]
    own = load(KUBERNETES / "base" / "tercet.toml", environ=service["environment"], settings={})
    assert own.executor.enabled
    assert own.executor.expose
    assert int(service["stop_grace_period"].removesuffix("s")) >= own.cluster.grace + MARGIN


def variable(name: str) -> str:
    """An environment variable of the image."""
    (value,) = re.findall(rf"^(?:ENV)? +{name}=(\S+)", DOCKERFILE, re.MULTILINE)
    return str(value)


def image(path: Path) -> str:
    (found,) = only(render(path), "Deployment")["spec"]["template"]["spec"]["containers"]
    return str(found["image"])
