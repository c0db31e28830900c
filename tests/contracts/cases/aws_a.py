"""Cases of components/aws: the registry and its login, and the network."""

from components.aws.docker_login import DockerLogin, DockerLoginArgs
from components.aws.lasting import Lasting, LastingArgs
from components.aws.network import Network, NetworkArgs
from components.aws.registry import Registry, RegistryArgs
from tests.contracts.cases.shared import Cases, Given

REGION = "eu-central-1"


def network_args(given: Given) -> NetworkArgs:
    """A network with everything in it that can be had."""
    return NetworkArgs(
        prefix="rag-prod",
        region=REGION,
        cidr="10.20.0.0/16",
        zones=[given(f"{REGION}a"), given(f"{REGION}b"), given(f"{REGION}c")],
        nat="per-zone",
        endpoints=True,
        public_ports=(80, 443),
        app_port=8000,
        flow_log_days=90,
        account_id=given("123456789012"),
    )


CASES: Cases = {
    Registry: lambda _given: RegistryArgs(name="rag-prod", keep=20, force_delete=False),
    DockerLogin: lambda given: DockerLoginArgs(
        repository=given("123456789012.dkr.ecr.eu-central-1.amazonaws.com/rag-prod"), tag="1.2.3-prod-abc"
    ),
    Lasting: lambda given: LastingArgs(
        facts={"name": "rag-prod", "aws.account_id": given("123456789012"), "network.zones": [given(f"{REGION}a")]}
    ),
    Network: network_args,
}
