"""Gives an engine of the harness the real Kubernetes provider and a real cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.harness import Engine


def use_kubernetes(engine: Engine, *, plugin: Path, kubeconfig: Path) -> None:
    """Let the engine's next runs use the real provider, on this cluster where the program names no other."""
    engine.doubles.bin.mkdir(parents=True, exist_ok=True)
    name = "pulumi-resource-kubernetes"
    (engine.doubles.bin / name).symlink_to(plugin / name)
    # Whatever the developer's own environment says, a test must not reach the developer's cluster.
    engine.variables["KUBECONFIG"] = str(kubeconfig)
