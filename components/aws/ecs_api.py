"""The way to ECS, its logs and its load balancers: clients of one region, and errors that say what to do."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, cast

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from components.contracts import DeploymentError

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_logs import CloudWatchLogsClient

ATTEMPTS = 8
"""Of each call, with growing pauses, before an error of AWS's own or a lost connection counts."""

Wait = Callable[[float], None]
"""Sleeps for so many seconds; tests pass one that does not."""


class BalancingClient(Protocol):
    """As much of Elastic Load Balancing as is asked."""

    def describe_rules(self, *, ListenerArn: str) -> Mapping[str, object]:  # noqa: N803  # why: AWS's own name for it
        """The rules of a listener, the default one included."""
        ...


CONFIG = Config(retries={"mode": "standard", "total_max_attempts": ATTEMPTS}, connect_timeout=10, read_timeout=60)


def clients(region: str) -> tuple[ECSClient, CloudWatchLogsClient]:
    """Clients of one region with the machine's own credentials (AWS_PROFILE included)."""
    session = boto3.Session(region_name=region)
    ecs = session.client("ecs", config=CONFIG)  # pyright: ignore[reportUnknownMemberType]  # why: stubs of two services
    logs = session.client("logs", config=CONFIG)  # pyright: ignore[reportUnknownMemberType]  # why: stubs of two services
    return ecs, logs


def balancing_client(region: str) -> BalancingClient:
    """The same for load balancers."""
    # The SDK's stubs are installed for two services, and this is none of them.
    session = cast("Any", boto3.Session(region_name=region))
    return cast("BalancingClient", session.client("elbv2", config=CONFIG))


@contextmanager
def asking(action: str) -> Generator[None]:
    """Tells errors of the API and of the way there as what they are; neither holds a secret."""
    try:
        yield
    except ClientError as error:
        details = error.response.get("Error", {})
        raise DeploymentError(
            f"AWS refused {action} ({details.get('Code', 'no code')}: {details.get('Message', 'no message')}), so the "
            "deployment cannot go on. Give the deploying identity that permission, or correct what the message names"
        ) from None
    except BotoCoreError as error:
        raise DeploymentError(
            f"{action} could not be asked of AWS ({type(error).__name__}: {error}), so the deployment cannot go on. "
            "Log in (aws sso login, AWS_PROFILE) or look at the network, and deploy again"
        ) from None
