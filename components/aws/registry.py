"""Where releases live: a repository of ECR whose tags never move, scanned on push, that keeps the newest releases."""

import json
from dataclasses import dataclass

import pulumi
from pulumi_aws import ecr

from components.release import CACHE_TAG

UNTAGGED_DAYS = 1
"""What the cache no longer names is of no use; parts of a tagged image are never taken by themselves."""
RELEASE_TAGS = "*-*-*"
"""Tags of releases (version, stack, source); the cache's own tag has no hyphen and does not count as a release."""


@dataclass(frozen=True, kw_only=True)
class RegistryArgs:
    """`name` is the repository's; `keep` how many releases it holds, all of which can be rolled back to.

    `force_delete` is whether `destroy` takes the images along; otherwise it stops while there are any.
    """

    name: str
    keep: int
    force_delete: bool


class Registry(pulumi.ComponentResource):
    """A repository; `repository` is its host and path, without a tag, and `arn` what permissions name."""

    repository: pulumi.Output[str]
    arn: pulumi.Output[str]

    def __init__(self, name: str, args: RegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("rag:aws:Registry", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        made = ecr.Repository(
            f"{name}-repository",
            name=args.name,
            image_tag_mutability="IMMUTABLE_WITH_EXCLUSION",
            image_tag_mutability_exclusion_filters=[
                ecr.RepositoryImageTagMutabilityExclusionFilterArgs(filter=CACHE_TAG, filter_type="WILDCARD")
            ],
            image_scanning_configuration=ecr.RepositoryImageScanningConfigurationArgs(scan_on_push=True),
            force_delete=args.force_delete,
            opts=child,
        )
        ecr.LifecyclePolicy(f"{name}-retention", repository=made.name, policy=retention_policy(args.keep), opts=child)
        self.repository, self.arn = made.repository_url, made.arn
        self.register_outputs({"repository": self.repository})


def retention_policy(keep: int) -> str:
    """ECR's lifecycle policy: the newest `keep` releases stay, and what no tag names goes."""
    rules = [
        {
            "rulePriority": 1,
            "description": "Layers that the cache no longer names",
            "selection": {
                "tagStatus": "untagged",
                "countType": "sinceImagePushed",
                "countUnit": "days",
                "countNumber": UNTAGGED_DAYS,
            },
            "action": {"type": "expire"},
        },
        {
            "rulePriority": 2,
            "description": "Releases beyond those that can be rolled back to",
            "selection": {
                "tagStatus": "tagged",
                "tagPatternList": [RELEASE_TAGS],
                "countType": "imageCountMoreThan",
                "countNumber": keep,
            },
            "action": {"type": "expire"},
        },
    ]
    return json.dumps({"rules": rules})
