"""The stacks of AWS that the judges are shown: the two profiles as they come, and one with everything else."""

from collections.abc import Mapping

from stacks.settings import AwsSettings
from tests.engine.doubles.tables.aws import ACCOUNT, REGION
from tests.parsing import parse_as

PLACE = {
    "region": REGION,
    "account_id": ACCOUNT,
    "domain": "rag.example.com",
    "hosted_zone": "Z0123456789ABC",
}
TRUST = {"repository": "acme/rag", "environment": "production"}

STACKS: Mapping[str, Mapping[str, object]] = {
    "dev": {"profile": "dev", "aws": {"region": REGION, "allow_plain_http": True}},
    "prod": {"profile": "prod", "aws": PLACE},
    "everything": {
        "profile": "prod",
        "aws": PLACE,
        "network": {"nat": "single", "endpoints": True, "flow_logs": True},
        "observability": {"alarm_email": "ops@example.com"},
        "oidc": {**TRUST, "permissions_boundary": f"arn:aws:iam::{ACCOUNT}:policy/limits"},
        "rollout": {"strategy": "canary"},
        "secrets": {"kms_key": "create"},
        "waf": True,
    },
}


def settings_of(name: str) -> AwsSettings:
    """The settings of one of these stacks."""
    return parse_as(AwsSettings, {"cloud": "aws", **STACKS[name]})
