"""What the cases of every cloud are made of, and the components that all clouds share."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import pulumi

from components.contracts import ReleaseHandle, ServiceHandle
from components.release import ImageSource, RegistryLogin, Release, ReleaseArgs
from components.rollout import RolloutCheck, RolloutCheckArgs
from components.workload import BOOTSTRAP_API_KEY, DATABASE_URL, WorkloadSpec

Given = Callable[[str], pulumi.Output[str]]
"""Makes an output of a text: known, secret or unknown, as the test wants it."""
Case = Callable[[Given], object]
Cases: TypeAlias = Mapping[type[pulumi.ComponentResource], Case]

DIGEST = "sha256:" + "c" * 64
ROOT = "/srv/checkout/.local"
REPOSITORY = "registry.example.com/team/rag"
WORKLOAD = WorkloadSpec(name="rag", port=8000, environment={"APP_ENV": "dev"}, drain_seconds=2, graceful_seconds=30)


def a_release(given: Given) -> ReleaseHandle:
    return ReleaseHandle(digest=DIGEST, location=given("location"))


def a_service(given: Given) -> ServiceHandle:
    return ServiceHandle(url="http://127.0.0.1:8000", serving=given(DIGEST), evidence=given("evidence"))


def some_secrets(given: Given) -> Mapping[str, pulumi.Input[str]]:
    return {DATABASE_URL: given("database-url-reference"), BOOTSTRAP_API_KEY: given("api-key-reference")}


CASES: Cases = {
    Release: lambda given: ReleaseArgs(
        repository=given(REPOSITORY),
        source=ImageSource(version="1.2.3", tag="1.2.3-dev-abc", platforms=["linux/amd64"]),
        login=RegistryLogin(server="registry.example.com", username="robot", password=given("password")),
    ),
    RolloutCheck: lambda given: RolloutCheckArgs(
        service=a_service(given), release=a_release(given), health="/health", seconds=60, rollback="make rollback"
    ),
}
