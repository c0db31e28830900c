"""What is deployed: one file per target, each composing the same nine steps in the same order."""

from collections.abc import Mapping

import pulumi

from stacks.settings import AwsSettings, KubernetesSettings, LocalSettings, Settings


def compose(settings: Settings) -> Mapping[str, pulumi.Input[object]]:
    """Composes the target that the settings name and returns the stack's outputs.

    The stack file is imported here and not above, so that a preview for one cloud never pays for another's SDK.
    """
    match settings:
        case LocalSettings():
            from stacks.local import compose as compose_local  # noqa: PLC0415  # why: only this target's SDK is loaded

            return compose_local(settings)
        case KubernetesSettings():
            from stacks.kubernetes import compose as compose_kubernetes  # noqa: PLC0415  # why: as above

            return compose_kubernetes(settings)
        case AwsSettings():
            from stacks.aws import compose as compose_aws  # noqa: PLC0415  # why: as above

            return compose_aws(settings)
