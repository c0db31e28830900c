"""Names of resources as AWS writes them (ARNs).

All lie in AWS's commercial partition, because settings take no region of another (`REGIONS` in regions.py).
"""

PARTITION = "aws"


def arn(service: str, resource: str, *, region: str = "", account: str = "") -> str:
    """The ARN of a resource; some services' have no region, and some no account."""
    return f"arn:{PARTITION}:{service}:{region}:{account}:{resource}"
