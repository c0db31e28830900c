"""The small handles that pass between components, and the error they all raise."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from components.workload import Process


class DeploymentError(Exception):
    """A deployment cannot go on. The message says what is wrong, what it means, and what to do."""


@dataclass(frozen=True, kw_only=True)
class ReleaseHandle:
    """One immutable build of the service; everything after the Release component refers to its digest."""

    digest: pulumi.Input[str]
    """`sha256:` and 64 hexadecimal digits: known before anything is created, unless it must be built first."""
    location: pulumi.Output[str]
    """Where the platform finds it (a folder, an image by digest), known once it is in the registry."""


@dataclass(frozen=True, kw_only=True)
class DatabaseHandle:
    """A PostgreSQL database that is ready for use: a *reference* to its URL, and never the URL itself."""

    url: pulumi.Output[str]
    """Where the secret `DATABASE_URL` is kept (a file, a secret's name); waiting on it waits for the database."""
    max_connections: int


@dataclass(frozen=True, kw_only=True)
class ServiceHandle:
    """A service after its rollout, as the platform sees it. RolloutCheck compares that with what users get."""

    url: pulumi.Input[str]
    serving: pulumi.Output[str]
    """The digest that the platform says it serves: the new one, or the old one if it went back."""
    evidence: pulumi.Output[str]
    """Why the platform went back (its events or its log's tail); empty when it did not."""
    rollout: pulumi.Input[str] = ""
    """The platform's name for this rollout, where it has one: with another, also of the same release, users are asked
    again."""


SecretReferences = Mapping[str, pulumi.Input[str]]
"""Environment name to the place where the platform keeps its value."""


def secrets_of(process: Process, references: SecretReferences) -> dict[str, pulumi.Input[str]]:
    """The references of the secrets that this process names, and of no others.

    Raises DeploymentError when one of them is missing: the process could not start, or would start without it.
    """
    missing = sorted(process.secrets - references.keys())
    if missing:
        raise DeploymentError(
            f"the process {process.name!r} needs the secret {' and '.join(missing)}, and nothing says where it is kept "
            f"(known: {', '.join(sorted(references)) or 'none'}); nothing was deployed. Let the Secrets component of "
            "this target hand it over, or take the name off the process in components/workload.py"
        )
    return {name: references[name] for name in sorted(process.secrets)}
