"""Where in AWS a stack lives: its names, its account, its zones, and the provider that all of its resources share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.aws.lasting import (
    KMS_KEY,
    MAJOR_VERSION,
    RESTORED,
    ZONE_NAMES,
    ZONES,
    Lasting,
    LastingArgs,
)
from components.aws.naming import require_names
from components.contracts import DeploymentError, SecretReferences
from components.workload import BOOTSTRAP_API_KEY
from stacks.settings import AwsSettings


@dataclass(frozen=True, kw_only=True)
class Place:
    """`prefix` begins the stack's names; `account` is the one that the credentials belong to; `zones` are to build in.

    `lasting` is what refuses a change of what is fixed: everything comes after it.
    The provider is explicit: what a machine's environment or profile says of regions never decides anything.
    """

    stack: str
    prefix: str
    region: str
    account: pulumi.Output[str]
    zones: Sequence[pulumi.Input[str]]
    provider: aws.Provider
    lasting: Lasting

    def options(self, *first: pulumi.Resource) -> pulumi.ResourceOptions:
        """Options of a component that belongs here; it comes after `first`."""
        return pulumi.ResourceOptions(provider=self.provider, depends_on=[self.lasting, *first])

    @property
    def rollback(self) -> str:
        """The command that goes back to the release before."""
        return f"make rollback STACK={self.stack}"

    @property
    def again(self) -> str:
        """The command that makes ECS deploy the service once more as it is."""
        where = f"--region {self.region} --cluster {self.prefix} --service {self.prefix}-service"
        return f"aws ecs update-service {where} --force-new-deployment"

    @property
    def logs(self) -> str:
        """The address of the logs of web, worker and migration."""
        console = f"https://{self.region}.console.aws.amazon.com/cloudwatch/home?region={self.region}"
        return f"{console}#logsV2:log-groups$3FlogGroupNameFilter$3D$252Fecs$252F{self.prefix}$252F"

    def how_to_read(self, references: SecretReferences) -> pulumi.Output[str]:
        """The command that shows the first API key; the key itself is no output."""
        return pulumi.Output.format(
            "aws secretsmanager get-secret-value --region {} --secret-id {} --query SecretString --output text",
            self.region,
            references[BOOTSTRAP_API_KEY],
        )


def find_place(settings: AwsSettings) -> Place:
    """Says who and where we are. A name that AWS would refuse ends here, and so does a foreign account."""
    stack = pulumi.get_stack()
    prefix = f"{settings.name}-{stack}"
    try:
        require_names(prefix)
    except ValueError as error:
        raise pulumi.RunError(str(error)) from None
    # Before AWS is asked anything: in another region, say, the answers would be another's.
    told = Lasting("lasting-settings", LastingArgs(facts=lasting_settings(settings, prefix)))
    guard = settings.aws.account_id
    provider = aws.Provider(
        "aws",
        region=settings.aws.region,
        allowed_account_ids=None if guard is None else [guard],
        default_tags=aws.ProviderDefaultTagsArgs(
            # Permissions go by this tag, so it must be no other stack's, not even another program's of the same name.
            tags={**settings.aws.tags, "rag:stack": prefix, "rag:profile": settings.profile}
        ),
        opts=pulumi.ResourceOptions(depends_on=[told]),
    )
    asked = pulumi.InvokeOutputOptions(provider=provider)
    account = aws.get_caller_identity_output(opts=asked).account_id
    zones = _zones(settings, asked)
    found = LastingArgs(facts={"aws.account_id": account, ZONES: zones, ZONE_NAMES: settings.network.zone_names or ()})
    return Place(
        stack=stack,
        prefix=prefix,
        region=settings.aws.region,
        account=account,
        zones=zones,
        provider=provider,
        lasting=Lasting("lasting-place", found, pulumi.ResourceOptions(depends_on=[told])),
    )


def lasting_settings(settings: AwsSettings, prefix: str) -> Mapping[str, str]:
    """What the settings alone say of what cannot change while the stack lives; an empty text is a key not set."""
    vpc = settings.network.vpc
    return {
        "name": prefix,
        "aws.region": settings.aws.region,
        "network.vpc": vpc.id if vpc else "",
        "network.cidr": "" if vpc else settings.network.cidr,
        KMS_KEY: settings.secrets.kms_key,
        MAJOR_VERSION: str(settings.database.major_version),
        RESTORED: settings.database.restore_from or "",
    }


def _zones(settings: AwsSettings, asked: pulumi.InvokeOutputOptions) -> Sequence[pulumi.Input[str]]:
    """The zones to build in: those that the settings name, or the region's first ones. None for an existing VPC."""
    if settings.network.vpc is not None:
        return ()
    if settings.network.zone_names is not None:
        return settings.network.zone_names
    found = aws.get_availability_zones_output(
        state="available",
        # Local zones and the like have neither all services nor the same prices.
        filters=[aws.GetAvailabilityZonesFilterArgs(name="zone-type", values=["availability-zone"])],
        opts=asked,
    )
    wanted = settings.network.zones_of(settings.profile)
    return [found.names.apply(zone_at(at, wanted=wanted)) for at in range(wanted)]


def zone_at(at: int, *, wanted: int) -> Callable[[Sequence[str]], str]:
    """Takes the zone at this place of the sorted names; raises DeploymentError when there are fewer than wanted."""

    def of(names: Sequence[str]) -> str:
        if len(names) < wanted:
            raise DeploymentError(
                f"the account sees {len(names)} availability zones there ({', '.join(sorted(names)) or 'none'}) and "
                f"network.zones wants {wanted}; nothing was deployed. Set network.zones lower, or choose another region"
            )
        return sorted(names)[at]

    return of
