"""The way to ECS, its logs and its load balancers: clients of one region, and errors that say what to do."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from components.contracts import DeploymentError

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_elbv2 import ElasticLoadBalancingv2Client
    from mypy_boto3_logs import CloudWatchLogsClient

ATTEMPTS = 8
"""Of each call, with growing pauses, before an error of AWS's own or a lost connection counts."""

Wait = Callable[[float], None]
"""Sleeps for so many seconds; tests pass one that does not."""


CONFIG = Config(retries={"mode": "standard", "total_max_attempts": ATTEMPTS}, connect_timeout=10, read_timeout=60)


def clients(region: str) -> tuple[ECSClient, CloudWatchLogsClient]:
    """Clients of one region with the machine's own credentials (AWS_PROFILE included)."""
    session = _session(region)
    ecs = session.client("ecs", config=CONFIG)  # pyright: ignore[reportUnknownMemberType]  # why: stubs of three services
    logs = session.client("logs", config=CONFIG)  # pyright: ignore[reportUnknownMemberType]  # why: as above
    return ecs, logs


def balancing_client(region: str) -> ElasticLoadBalancingv2Client:
    """The same for load balancers."""
    return _session(region).client("elbv2", config=CONFIG)  # pyright: ignore[reportUnknownMemberType]  # why: as above


def _session(region: str) -> boto3.Session:
    # It takes a while to load, and the program that composes the stack never speaks to AWS itself.
    import boto3  # noqa: PLC0415  # why: as above

    return boto3.Session(region_name=region)


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
