"""Settings of AWS stacks for tests: the least that a stack must say, in dev and in prod."""

from collections.abc import Mapping

from stacks.settings import AwsSettings
from tests.parsing import parse_as

REGION = "eu-central-1"
DOMAIN, ZONE, ACCOUNT = "rag.example.com", "Z0123456789ABCDEFGHIJ", "123456789012"
DEV: Mapping[str, object] = {"region": REGION, "allow_plain_http": True}
PRODUCTION: Mapping[str, object] = {"region": REGION, "domain": DOMAIN, "hosted_zone": ZONE}


def parse_aws(**keys: object) -> AwsSettings:
    """A dev stack; `keys` are added, and those that stand in it already take their place."""
    return parse_as(AwsSettings, {"cloud": "aws", "aws": DEV, **keys})


def parse_production(**keys: object) -> AwsSettings:
    """A stack with profile prod."""
    return parse_as(AwsSettings, {"cloud": "aws", "profile": "prod", "aws": PRODUCTION, **keys})
