"""What is deployed: one file per target, each composing the same nine steps in the same order."""

from collections.abc import Mapping

import pulumi

from stacks.settings import LocalSettings


def compose(settings: LocalSettings) -> Mapping[str, pulumi.Input[object]]:
    """Composes the target that the settings name and returns the stack's outputs.

    The stack file is imported here and not above, so that a preview for one cloud never pays for another's SDK.
    """
    match settings:
        case LocalSettings():
            from stacks.local import compose as compose_local  # noqa: PLC0415  # why: only this target's SDK is loaded

            return compose_local(settings)
