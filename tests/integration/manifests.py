"""Renders deploy/kubernetes, and knows the Pod Security Standards' restricted profile."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.integration import tools

KUBERNETES = tools.ROOT / "deploy" / "kubernetes"


def renderer() -> list[str]:
    """The command that renders a kustomization, or a skip.

    kubectl carries a kustomize of its own, which in Debian 12 is too old to know `labels` with
    `includeTemplates`.
    """
    if found := tools.find("kustomize"):
        return [found, "build"]
    if found := tools.find("kubectl"):
        said = subprocess.run(
            [found, "version", "--client", "--output=json"], capture_output=True, check=False
        )
        version = json.loads(said.stdout or b"{}").get("kustomizeVersion", "v0")
        if int(version.removeprefix("v").partition(".")[0]) >= 5:
            return [found, "kustomize"]
    return tools.unavailable(
        "no kustomize 5, alone or in kubectl; `make tools` installs one where Go is"
    )


def render(path: Path) -> list[dict[str, Any]]:
    """The objects of a kustomization."""
    done = subprocess.run([*renderer(), str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [found for found in yaml.safe_load_all(done.stdout) if found]


def restricted_violations(pod: dict[str, Any]) -> Iterator[str]:
    """What the restricted profile refuses in a pod's spec.

    The controls of https://kubernetes.io/docs/concepts/security/pod-security-standards/ that this
    pod could break; a field that the standard lets a container inherit is looked up in both places.
    """
    shared = pod.get("securityContext", {})
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(field):
            yield f"{field} is set"
    allowed = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "projected", "secret"}
    for volume in pod.get("volumes", []):
        if not volume.keys() & (allowed | {"persistentVolumeClaim"}):
            yield f"volume {volume['name']} is of a refused type"
    for container in [*pod.get("initContainers", []), *pod["containers"]]:
        own = container.get("securityContext", {})
        context = shared | own
        name = container["name"]
        if context.get("runAsNonRoot") is not True or context.get("runAsUser") == 0:
            yield f"{name} may run as root"
        if context.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"):
            yield f"{name} has no seccomp profile"
        if own.get("allowPrivilegeEscalation") is not False or own.get("privileged"):
            yield f"{name} may gain privileges"
        capabilities = own.get("capabilities", {})
        if capabilities.get("drop") != ["ALL"] or capabilities.get("add", []) not in (
            [],
            ["NET_BIND_SERVICE"],
        ):
            yield f"{name} keeps capabilities"
        if any("hostPort" in port for port in container.get("ports", [])):
            yield f"{name} takes a port of the host"
