"""How the cluster pulls the image: a pull secret of any OCI registry, and the account of the pods that holds it.

The account holds it and not the pods: another password then rolls no pods, and migrates nothing again.
"""

import base64
import json
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core import v1 as core

from components.kubernetes.handles import Place
from components.kubernetes.labels import SERVICE, metadata, name_of
from components.release import RegistryLogin

DOCKER_HUB = ("docker.io", "https://index.docker.io/v1/")
"""Docker Hub's name in images, and in the configuration of clients."""


def docker_config(server: str, username: str, password: str) -> str:
    """What a container runtime reads its registry's login from."""
    address = DOCKER_HUB[1] if server == DOCKER_HUB[0] else server
    login = base64.b64encode(f"{username}:{password}".encode()).decode()
    return json.dumps({"auths": {address: {"username": username, "password": password, "auth": login}}})


@dataclass(frozen=True, kw_only=True)
class RegistryArgs:
    """`login` is left out for a registry that the cluster may pull from anyway."""

    place: Place
    login: RegistryLogin | None = None


class Registry(pulumi.ComponentResource):
    """`account` is the ServiceAccount that the pods run under: it may pull the image, and ask the API for nothing."""

    account: pulumi.Output[str]

    def __init__(self, name: str, args: RegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("rag:kubernetes:Registry", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        pull = _pull_secret(f"{name}-pull", args.place, args.login, own) if args.login else None
        account = core.ServiceAccount(
            f"{name}-account",
            metadata=metadata(args.place, SERVICE, args.place.name),
            automount_service_account_token=False,
            image_pull_secrets=[core.LocalObjectReferenceArgs(name=name_of(pull))] if pull else None,
            opts=own,
        )
        self.account = name_of(account)
        self.register_outputs({"account": self.account})


def _pull_secret(name: str, place: Place, login: RegistryLogin, opts: pulumi.ResourceOptions) -> core.Secret:
    parts = pulumi.Output.all(login.server, login.username, login.password)
    return core.Secret(
        name,
        metadata=metadata(place, SERVICE, None),
        type="kubernetes.io/dockerconfigjson",
        immutable=True,
        string_data={".dockerconfigjson": parts.apply(lambda found: docker_config(*found))},
        opts=opts,
    )
