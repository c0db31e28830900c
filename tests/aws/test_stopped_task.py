"""Why a task stopped: each end is told apart, because each has another remedy."""

from __future__ import annotations

import pytest

from components.aws import stopped_task
from tests.aws.moto_account import World, is_at, stopped

pytestmark = pytest.mark.unit


REGISTRY = "api error: dial tcp 10.0.0.1:443: i/o timeout"


@pytest.mark.parametrize(
    ("reason", "meaning"),
    [
        (f"CannotPullContainerError: failed to resolve ref {REGISTRY}", "no way to the registry or to the secrets"),
        (
            "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval "
            "failed: unable to retrieve secret from asm: service call has been retried 5 time(s): RequestCanceled",
            "no way to the registry or to the secrets",
        ),
        (
            "CannotPullContainerError: failed to resolve ref registry.example.com/rag@sha256:c: not found",
            "its image is not in the registry",
        ),
        (
            "CannotPullContainerError: image Manifest does not contain descriptor matching platform 'linux/arm64'",
            "the image was not built for the task's processor",
        ),
        (
            "ResourceInitializationError: unable to pull secrets or registry auth: unable to retrieve secret from asm: "
            "AccessDeniedException: not authorized to perform: secretsmanager:GetSecretValue on resource: arn:aws:x",
            "one of its secrets could not be read",
        ),
        (
            "ResourceInitializationError: unable to retrieve secret from asm: ResourceNotFoundException: Secrets "
            "Manager can't find the specified secret value for staging label: AWSCURRENT",
            "one of its secrets could not be read",
        ),
        (
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): 403 Forbidden",
            "its image could not be fetched",
        ),
        (
            "ResourceInitializationError: failed to validate logger args: create log stream has been retried 1 time(s)",
            "its log could not be opened",
        ),
        ("Capacity is unavailable at this time. Please try again later", "AWS has no room for it at the moment"),
        ("Timeout waiting for network interface provisioning to complete.", "no way to the registry"),
        ("something that nobody has seen before", "AWS says: something that nobody has seen before"),
    ],
)
def test_a_task_that_never_ran_is_told_apart_by_its_reason(world: World, reason: str, meaning: str) -> None:
    said = world.fails(is_at("PENDING"), stopped(None, stop="TaskFailedToStart", reason=reason))
    assert "never ran (TaskFailedToStart): " in said
    assert meaning in said
    assert f"AWS says: {reason}" in said
    others = {means for _, means, _ in stopped_task.REMEDIES if means not in meaning and meaning not in means}
    assert not [one for one in others if one in said]


def test_the_reason_of_the_container_counts_where_the_task_gives_none(world: World) -> None:
    said = world.fails(stopped(None, stop="TaskFailedToStart", container="CannotPullContainerError: manifest unknown"))
    assert "its image is not in the registry; push it again" in said


def test_too_little_memory_is_told_apart_from_a_failed_migration(world: World) -> None:
    said = world.fails(stopped(137, container="OutOfMemoryError: Container killed due to memory usage"))
    assert "needed more memory than it has" in said
    assert "exit code" not in said


def test_a_task_that_somebody_stopped_did_not_fail_by_itself(world: World) -> None:
    said = world.fails(stopped(143, stop="UserInitiated", reason="by hand"))
    assert "was stopped by somebody (by hand)" in said
