"""Where each secret of a stack is kept: its ARN for permissions and people, and its present version for containers.

ECS reads a value when it starts a task and never again. A task definition that named the ARN alone would be the same
one after a value has changed, so nothing would be rolled out, and tasks of one definition would hold different values.
"""

from collections.abc import Iterator, Mapping

import pulumi

from components.contracts import SecretReferences


class SecretAddresses(Mapping[str, pulumi.Output[str]]):
    """ARNs by environment name; `versions` are the ids of the values that they hold now."""

    def __init__(self, arns: Mapping[str, pulumi.Output[str]], *, versions: Mapping[str, pulumi.Output[str]]) -> None:
        self._arns = arns
        self.versions = versions

    def __getitem__(self, name: str) -> pulumi.Output[str]:
        return self._arns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arns)

    def __len__(self) -> int:
        return len(self._arns)


def value_from(references: SecretReferences, name: str) -> pulumi.Input[str]:
    """What a container names a secret by: `<arn>:<JSON key>:<stage>:<version id>`, where the version is known.

    Fargate takes versions from platform 1.4.0 on, which is what `LATEST` means. Reading one takes the same permission.
    """
    if not isinstance(references, SecretAddresses):
        return references[name]
    return pulumi.Output.format("{}:::{}", references[name], references.versions[name])
