"""The regions of AWS's commercial partition: which there are, and which an account must enable before it can use them.

Regions that opened after 20 March 2019 are off until somebody with administrator rights enables them; in one that is
off, every call fails with an error about credentials, which says nothing of the reason.
"""

DEFAULT_REGIONS = frozenset(
    {
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-northeast-3",
        "ap-south-1",
        "ap-southeast-1",
        "ap-southeast-2",
        "ca-central-1",
        "eu-central-1",
        "eu-north-1",
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
        "sa-east-1",
        "us-east-1",
        "us-east-2",
        "us-west-1",
        "us-west-2",
    }
)
OPT_IN_REGIONS = frozenset(
    {
        "af-south-1",
        "ap-east-1",
        "ap-east-2",
        "ap-south-2",
        "ap-southeast-3",
        "ap-southeast-4",
        "ap-southeast-5",
        "ap-southeast-6",
        "ap-southeast-7",
        "ca-west-1",
        "eu-central-2",
        "eu-south-1",
        "eu-south-2",
        "il-central-1",
        "me-central-1",
        "me-south-1",
        "mx-central-1",
    }
)
REGIONS = DEFAULT_REGIONS | OPT_IN_REGIONS
WITHOUT_AUTHORITY = frozenset(
    {
        "ap-east-2",
        "ap-southeast-5",
        "ap-southeast-6",
        "ap-southeast-7",
        "ca-west-1",
        "il-central-1",
        "mx-central-1",
    }
)
"""Regions whose databases no process could verify: certificates/aws-rds.pem does not hold their authorities yet."""

USUAL_ZONES = 3
OTHER_ZONES = {"ap-northeast-2": 4, "us-east-1": 6, "us-west-1": 2, "us-west-2": 4}
"""Regions in which an account sees fewer or more availability zones."""


def zones_of(region: str) -> int:
    """How many availability zones every account can count on there."""
    return OTHER_ZONES.get(region, USUAL_ZONES)
