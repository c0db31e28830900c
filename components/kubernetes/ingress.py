"""The way in: an Ingress with TLS, or a route of a Gateway that holds the certificate.

Neither is waited for. An Ingress is only called ready when pods answer behind it, and those come after the migration,
which comes after this. Whether users get through is what the rollout check asks.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.networking import v1 as networking

from components.kubernetes.handles import Place
from components.kubernetes.labels import SERVICE, metadata
from components.kubernetes.requirements import GATEWAY, api_version


@dataclass(frozen=True, kw_only=True)
class IngressArgs:
    """`issuer` (a ClusterIssuer) writes the certificate to `tls_secret`; without one that Secret exists already.

    `upload_megabytes` is the largest request that must get through. `annotations` win over those that are set here.
    """

    place: Place
    host: str
    class_name: str
    tls_secret: str
    service: pulumi.Input[str]
    port: int
    upload_megabytes: int
    issuer: str | None = None
    annotations: Mapping[str, str] | None = None


class Ingress(pulumi.ComponentResource):
    """An Ingress of a class; `url` is what users type."""

    url: str

    def __init__(self, name: str, args: IngressArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("rag:kubernetes:Ingress", name, None, opts)
        networking.Ingress(
            f"{name}-ingress",
            metadata=metadata(args.place, SERVICE, args.place.name, _annotations(args)),
            spec=networking.IngressSpecArgs(
                ingress_class_name=args.class_name,
                tls=[networking.IngressTLSArgs(hosts=[args.host], secret_name=args.tls_secret)],
                rules=[
                    networking.IngressRuleArgs(
                        host=args.host, http=networking.HTTPIngressRuleValueArgs(paths=[_everything(args)])
                    )
                ],
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.url = f"https://{args.host}"
        self.register_outputs({"url": self.url})


def _everything(args: IngressArgs) -> networking.HTTPIngressPathArgs:
    return networking.HTTPIngressPathArgs(
        path="/",
        path_type="Prefix",
        backend=networking.IngressBackendArgs(
            service=networking.IngressServiceBackendArgs(
                name=args.service, port=networking.ServiceBackendPortArgs(number=args.port)
            )
        ),
    )


def _annotations(args: IngressArgs) -> dict[str, pulumi.Input[str]]:
    """The controller of ingress-nginx refuses bodies over 1 MB unless it is told; other controllers do not read it."""
    return {
        "pulumi.com/skipAwait": "true",
        "nginx.ingress.kubernetes.io/proxy-body-size": f"{args.upload_megabytes}m",
        **({"cert-manager.io/cluster-issuer": args.issuer} if args.issuer else {}),
        **(args.annotations or {}),
    }


@dataclass(frozen=True, kw_only=True)
class RouteArgs:
    """`gateway`, in `gateway_namespace`, must allow routes from this namespace; `section` is one of its listeners."""

    place: Place
    host: str
    gateway: str
    gateway_namespace: str
    service: pulumi.Input[str]
    port: int
    section: str | None = None


class Route(pulumi.ComponentResource):
    """A route of a Gateway, whose listener ends TLS; `url` is what users type."""

    url: str

    def __init__(self, name: str, args: RouteArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("rag:kubernetes:Route", name, None, opts)
        CustomResource(
            f"{name}-route",
            api_version=api_version(GATEWAY),
            kind="HTTPRoute",
            metadata=metadata(args.place, SERVICE, args.place.name),
            spec={
                "parentRefs": [
                    {
                        "name": args.gateway,
                        "namespace": args.gateway_namespace,
                        **({"sectionName": args.section} if args.section else {}),
                    }
                ],
                "hostnames": [args.host],
                "rules": [{"backendRefs": [{"name": args.service, "port": args.port}]}],
            },
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.url = f"https://{args.host}"
        self.register_outputs({"url": self.url})
