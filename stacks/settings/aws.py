"""The settings of `cloud: aws`."""

from typing import Literal

from stacks.settings.containers import ContainerSettings


class AwsSettings(ContainerSettings):
    """A stack with `cloud: aws`."""

    cloud: Literal["aws"]
