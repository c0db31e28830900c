"""What the database server is told.

Each parameter's method is the one that AWS answers when it is asked. With another one the two never agree: AWS ignores
a change of the method alone, so every preview would show the same difference, and every update would change nothing.
"""

from collections.abc import Mapping
from typing import Literal

import pulumi
import pulumi_aws as aws

SLOW_MILLISECONDS = 500
Method = Literal["immediate", "pending-reboot"]


def family_of(major_version: int) -> str:
    """The family of parameters that belongs to a major version."""
    return f"postgres{major_version}"


def told(max_connections: int) -> Mapping[str, tuple[str, Method]]:
    """By parameter, its value and when AWS applies it."""
    return {
        # The family's own value from 15 on, and AWS answers its own method with it. Said all the same: it is a promise.
        "rds.force_ssl": ("1", "pending-reboot"),
        # Static: it counts from the next start of the server on.
        "max_connections": (str(max_connections), "pending-reboot"),
        "log_min_duration_statement": (str(SLOW_MILLISECONDS), "immediate"),
        # The values of a slow statement are users' questions and documents; they do not belong in a log.
        "log_parameter_max_length": ("0", "immediate"),
    }


def parameter_group(
    name: str, *, prefix: str, major_version: int, max_connections: int, opts: pulumi.ResourceOptions
) -> aws.rds.ParameterGroup:
    """The group of these parameters. Its name holds the version: at the next one both exist side by side."""
    family = family_of(major_version)
    return aws.rds.ParameterGroup(
        name,
        name=f"{prefix}-{family}",
        family=family,
        description=f"PostgreSQL {major_version} of {prefix}",
        parameters=[
            aws.rds.ParameterGroupParameterArgs(name=key, value=value, apply_method=method)
            for key, (value, method) in told(max_connections).items()
        ],
        opts=opts,
    )
