"""Cases of components/aws: the trust in GitHub, and the boundary of the roles."""

from components.aws.boundary import Boundary, BoundaryArgs
from components.aws.oidc_trust import OidcTrust, OidcTrustArgs
from components.aws.policies import State
from tests.contracts.cases.shared import Cases

ACCOUNT = "210987654321"
REGION = "eu-central-1"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0a1b2c3d-0000-4000-8000-0123456789ab"

CASES: Cases = {
    Boundary: lambda given: BoundaryArgs(
        prefix="rag-dev",
        stack="rag-dev",
        account_id=given(ACCOUNT),
        region=REGION,
        repositories=[f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/shared"],
        keys=[KEY],
    ),
    OidcTrust: lambda given: OidcTrustArgs(
        prefix="rag-dev",
        stack="rag-dev",
        account_id=given(ACCOUNT),
        region=REGION,
        subject_prefix="repo:acme/rag",
        environment="production",
        provider="create",
        boundary=given(f"arn:aws:iam::{ACCOUNT}:policy/github/rag-dev-boundary"),
        permissions_boundary=None,
        passed_roles={"ecs-tasks.amazonaws.com": [given(f"arn:aws:iam::{ACCOUNT}:role/rag-dev-service-task")]},
        domain="rag.example.com",
        hosted_zone="Z0123456789ABC",
        vpc_id=None,
        endpoints=True,
        waf=True,
        own_key=True,
        keys=[given(KEY)],
        state=State(bucket="state-of-stacks", project="rag", stack="dev"),
        state_key=KEY,
    ),
}
