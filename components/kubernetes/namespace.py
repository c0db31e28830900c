"""The namespace, which enforces Pod Security `restricted`: a pod that asks for more than the service is refused."""

from dataclasses import dataclass, replace

import pulumi
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components.kubernetes.handles import Place
from components.kubernetes.labels import SERVICE, labels, name_of

POD_SECURITY = "restricted"


@dataclass(frozen=True, kw_only=True)
class NamespaceArgs:
    """`place.namespace` is the name of a namespace that does not exist yet."""

    place: Place


class Namespace(pulumi.ComponentResource):
    """Where the service lives. `place` is the one that was given, and waits until the namespace is there."""

    place: Place

    def __init__(self, name: str, args: NamespaceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("rag:kubernetes:Namespace", name, None, opts)
        made = core.Namespace(
            f"{name}-namespace",
            metadata=ObjectMetaArgs(
                name=args.place.namespace,
                labels={
                    **labels(args.place, SERVICE),
                    **{f"pod-security.kubernetes.io/{mode}": POD_SECURITY for mode in ("enforce", "audit", "warn")},
                },
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.place = replace(args.place, namespace=name_of(made))
        self.register_outputs({"namespace": self.place.namespace})
