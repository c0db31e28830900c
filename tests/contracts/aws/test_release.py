"""The registry and the release: tags that never move, and one digest from there on."""

import json

import pytest

from tests.aws_settings import ACCOUNT, REGION, parse_aws, parse_production
from tests.contracts.aws.recording import containers, kinds, of_type, recorded
from tests.contracts.recorder import Recording

pytestmark = pytest.mark.unit

IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/rag-test@sha256:" + "d" * 64


def test_tags_of_the_registry_never_move_but_for_the_cache(production: Recording) -> None:
    inputs = production.one("registry-repository").inputs
    assert inputs["imageTagMutability"] == "IMMUTABLE_WITH_EXCLUSION"
    assert inputs["imageTagMutabilityExclusionFilters"] == [{"filter": "buildcache", "filterType": "WILDCARD"}]
    assert inputs["imageScanningConfiguration"] == {"scanOnPush": True}
    assert inputs["name"] == "rag-test"


def test_the_registry_keeps_as_many_releases_as_the_settings_say_and_never_counts_the_cache() -> None:
    policy = json.loads(recorded(parse_aws(registry={"keep": 7})).one("registry-retention").inputs["policy"])
    untagged, releases = (rule["selection"] for rule in policy["rules"])
    assert (untagged["tagStatus"], untagged["countNumber"]) == ("untagged", 1)
    assert (releases["tagPatternList"], releases["countNumber"]) == (["*-*-*"], 7)


def test_the_tag_of_a_release_is_one_that_the_retention_counts(production: Recording) -> None:
    (tag,) = production.one("release-image").inputs["tags"]
    assert tag.rsplit(":", 1)[1].count("-") >= 2


@pytest.mark.parametrize(("architecture", "platform"), [("ARM64", "linux/arm64"), ("X86_64", "linux/amd64")])
def test_an_image_is_built_for_the_processors_that_run_it(architecture: str, platform: str) -> None:
    made = recorded(parse_aws(service={"architecture": architecture}))
    assert made.one("release-image").inputs["platforms"] == [platform]
    assert made.one("service-definition").inputs["runtimePlatform"]["cpuArchitecture"] == architecture


def test_one_digest_names_the_release_in_every_step(production: Recording) -> None:
    digest = "<release-image.digest>"
    assert production.one("migration-run").inputs["digest"] == digest
    assert production.one("rollout-check").inputs["digest"] == digest
    for name in ("service-definition", "migration-definition"):
        for container in containers(production, name):
            assert container["image"].endswith(f"@{digest}")
            assert {"name": "APP_RELEASE", "value": digest} in container["environment"]


def test_a_rollback_deploys_the_image_that_was_named_and_keeps_the_registry_it_lies_in() -> None:
    made = recorded(parse_production(release={"image": IMAGE}))
    assert not of_type(made, "Image")
    assert "DockerLogin" not in kinds(made)
    assert made.one("registry-repository")
    for container in containers(made, "service-definition"):
        assert container["image"] == IMAGE
    assert made.one("migration-run").inputs["digest"] == "sha256:" + "d" * 64
