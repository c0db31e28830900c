"""What the processes read: one ConfigMap for what is plain, and a Secret for each secret. Only names leave from here.

Both are immutable and named by the provider: it replaces them when they change, and the new name rolls the pods.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_random as random
from pulumi_kubernetes.core import v1 as core

from components.contracts import SecretReferences
from components.kubernetes.handles import Place
from components.kubernetes.labels import SERVICE, metadata, name_of
from components.workload import BOOTSTRAP_API_KEY, DATABASE_URL

KEY_IDENTITY = 8
KEY_PROOF = 43
"""How many characters of the first API key identify it, and how many prove it."""


@dataclass(frozen=True, kw_only=True)
class SecretsArgs:
    """`environment` is plain and the same for every release; `database_url` is the name of the Secret that holds it."""

    place: Place
    environment: Mapping[str, str]
    database_url: pulumi.Input[str]


class Secrets(pulumi.ComponentResource):
    """Where every value is kept. A reference is the name of a Secret; its key is the variable's own name."""

    references: SecretReferences
    environment: pulumi.Output[str]
    api_key: pulumi.Output[str]

    def __init__(self, name: str, args: SecretsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("rag:kubernetes:Secrets", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        plain = core.ConfigMap(
            f"{name}-environment",
            metadata=metadata(args.place, SERVICE, None),
            immutable=True,
            data=args.environment,
            opts=own,
        )
        identity = random.RandomPassword(f"{name}-key-identity", length=KEY_IDENTITY, special=False, opts=own)
        proof = random.RandomPassword(f"{name}-key-proof", length=KEY_PROOF, override_special="_-", opts=own)
        key = core.Secret(
            f"{name}-api-key",
            metadata=metadata(args.place, SERVICE, None),
            immutable=True,
            string_data={
                BOOTSTRAP_API_KEY: pulumi.Output.secret(
                    pulumi.Output.format("rag_{}_{}", identity.result, proof.result)
                )
            },
            opts=own,
        )
        self.environment = name_of(plain)
        self.api_key = name_of(key)
        self.references = {DATABASE_URL: args.database_url, BOOTSTRAP_API_KEY: self.api_key}
        self.register_outputs({"environment": self.environment, "api_key": self.api_key})
