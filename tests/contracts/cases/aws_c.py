"""Cases of components/aws."""

from components.aws.oidc_trust import OidcTrust, OidcTrustArgs
from tests.contracts.cases.shared import Cases

ACCOUNT = "210987654321"

CASES: Cases = {
    OidcTrust: lambda given: OidcTrustArgs(
        prefix="rag-dev",
        stack="rag-dev",
        partition="aws",
        account_id=given(ACCOUNT),
        region="eu-central-1",
        subject_prefix="repo:acme/rag",
        environment="production",
        provider="create",
        permissions_boundary=None,
        passed_roles={"ecs-tasks.amazonaws.com": [given(f"arn:aws:iam::{ACCOUNT}:role/rag-dev-service-task")]},
        hosted_zone="Z0123456789ABC",
        vpc_id=None,
        keys=[given(f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/0a1b2c3d-0000-4000-8000-0123456789ab")],
    ),
}
