"""Labels and names: who is selected by whom.

The migration's pods carry a component of their own, so that no Service sends them requests, no PodDisruptionBudget
counts them, and no autoscaler waits for their figures.
"""

from typing import Protocol, cast

import pulumi
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.meta.v1.outputs import ObjectMeta

from components.kubernetes.handles import Place

SERVICE = "service"
MIGRATION = "migration"
DATABASE = "database"
INSTANCE = "app.kubernetes.io/instance"
COMPONENT = "app.kubernetes.io/component"
RELEASE = "rag/release"
"""The annotation of a pod with the digest that it runs."""
NAMESPACE_NAME = "kubernetes.io/metadata.name"
"""The label with a namespace's own name, which every API server sets."""


def everything(place: Place) -> dict[str, str]:
    """What all objects and pods of the service have in common."""
    return {INSTANCE: place.name}


def selector(place: Place, component: str) -> dict[str, str]:
    """What selects the pods of one component and of no other."""
    return {**everything(place), COMPONENT: component}


def labels(place: Place, component: str) -> dict[str, str]:
    """The labels of an object or a pod; they hold its selector."""
    return {"app.kubernetes.io/name": "rag", "app.kubernetes.io/managed-by": "pulumi", **selector(place, component)}


def metadata(
    place: Place,
    component: str,
    name: pulumi.Input[str] | None,
    annotations: dict[str, pulumi.Input[str]] | None = None,
) -> ObjectMetaArgs:
    """An object's metadata. Without a name the provider finds one, and another whenever it replaces the object."""
    return ObjectMetaArgs(
        name=name, namespace=place.namespace, labels=labels(place, component), annotations=annotations or None
    )


class Named(Protocol):
    """Any object of Kubernetes, as the SDK has it."""

    @property
    def metadata(self) -> pulumi.Output[ObjectMeta]:
        """Its name among other things."""
        ...


def name_of(made: Named) -> pulumi.Output[str]:
    """The name of an object, known once it exists."""
    return cast(pulumi.Output[str], made.metadata.apply(lambda found: found.name))
